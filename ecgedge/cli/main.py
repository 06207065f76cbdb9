"""The `ecgedge` command: a group that imports a command's module when it is called."""

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import NoReturn

import click

from ecgedge import __version__
from firmware_sim.errors import EcgedgeError

COMMANDS = {
    "demo": ("demo", "The whole chain on the bundled excerpt, offline."),
    "data": ("data", "Fetch databases from PhysioNet; show what is there."),
    "train": ("train", "Train a student or a teacher."),
    "distill": ("train", "Train a student with the help of a large teacher."),
    "evaluate": ("evaluate", "Report how good runs and bundles are; compare them."),
    "robustness": ("robustness", "What noise, shifts and leads cost a run or a bundle."),
    "runs": ("runs", "List, compare and plot runs."),
    "export": ("bundle", "Write a run as a bundle, a C library or an Arduino library."),
    "verify": ("verify", "Every engine, every beat, zero differences."),
    "prove": ("prove", "Prove that no input can overflow a program."),
    "cost": ("cost", "Flash, RAM, stack and time of a program on each chip."),
    "models": ("bundle", "List the bundles that ship with ecgedge."),
    "detect": ("detect", "Find R peaks as the firmware does; write WFDB annotations."),
    "simulate": ("simulate", "Run the firmware on recordings."),
    "score": ("score", "Compare annotations beat by beat, as EC57 asks."),
    "stream": ("live", "Classify live beats from a serial port or a file."),
    "device": ("live", "A virtual AD8232 board that replays a recording."),
    "selftest": ("selftest", "Let a board test itself against known answers."),
}
"""Command name -> (module in ecgedge.cli, one line of help). The module names its command alike."""

OF_TRAINING = {"torch": "PyTorch", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}
"""Packages of the `train` extra: name of the module -> name for people."""

REMEDIES = {
    errno.ENOENT: "name a place that exists",
    errno.ENOTDIR: "a part of that path is a file; name another place",
    errno.EISDIR: "name a file, not a folder",
    errno.EACCES: "name another place, that you may read and write",
    errno.EPERM: "name another place, that you may read and write",
    errno.EROFS: "name another place, that can be written",
    errno.ENOSPC: "free some space and run the command again",
}
"""What to do about an error of the operating system."""


class LazyGroup(click.Group):
    """Commands are imported when they run, so that `ecgedge --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return it."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"ecgedge.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ecgedge")
def cli() -> None:
    """Put a heartbeat classifier on a chip that costs a dollar.

    From PhysioNet record to serial port, in exact integers. A research tool, not a medical device.
    """


def _message(error: OSError) -> str:
    """One sentence for what the operating system refused."""
    place = f" ({error.filename})" if error.filename else ""
    what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
    remedy = REMEDIES.get(error.errno or 0)
    return f"{what}{place}; {remedy}." if remedy else f"{what}{place}."


def _missing(error: ModuleNotFoundError) -> str | None:
    """One sentence for a package of the `train` extra that is not installed, None for others."""
    package = OF_TRAINING.get((error.name or "").partition(".")[0])
    if package is None:
        return None
    command = next((word for word in sys.argv[1:] if word in COMMANDS), None)
    what = f"`ecgedge {command}`" if command else "this command"
    return f"{what} needs {package}; pip install 'ecgedge[train]'."


def main() -> None:
    """Run the command line."""
    # Our matrix products are small: a second BLAS thread costs more than it brings.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    answer(partial(cli.main, standalone_mode=False))


def answer(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit; errors are one line and a non-zero exit code."""
    try:
        status = command()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped.", err=True)
        sys.exit(130)
    except EcgedgeError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if (sentence := _missing(error)) is None:
            raise
        click.echo(f"error: {sentence}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        click.echo(f"error: {_message(error)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
