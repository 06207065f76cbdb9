"""`ecgedge stream` and `ecgedge device`."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecgedge.stream.session import Session
    from ecgedge.stream.source import SerialSource
    from ecgedge.stream.view import Sink

WIRE_FORMATS = ("sparkfun", "csv", "teleplot", "chords", "healthypi", "ecgedge")


def _pair(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """Read two positive numbers with a comma between."""
    if value is None:
        return None
    try:
        first, second = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not two numbers with a comma between, such as 20,2."
        ) from None
    if not (0 < first < 1e6 and 0 < second < 1e6):
        raise click.BadParameter(f"both numbers of {value!r} must be positive.")
    return first, second


def _pace(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a positive factor; ``max`` is infinity."""
    if value is None or value == "max":
        return None if value is None else float("inf")
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not factor > 0:
        raise click.BadParameter(f"{value!r} is neither a positive number nor max.")
    return factor


class Finite(click.FloatRange):
    """A number in a range; not-a-number and infinity are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number."""
        number = float(super().convert(value, param, ctx))
        if not abs(number) < float("inf"):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


RATE = Finite(1, 100_000)
POSITIVE = Finite(0, min_open=True)
NOT_NEGATIVE = Finite(0)


@click.command()
@click.option("--port", help="Serial port to read, for example /dev/ttyUSB0.")
@click.option("--replay", type=click.Path(path_type=Path), help="Read a file instead of a port.")
@click.option("--model", metavar="BUNDLE", help="Bundle to run. [default: the shipped one]")
@click.option("--format", "wire", type=click.Choice(WIRE_FORMATS), help="[default: recognized]")
@click.option("--rate", type=RATE, metavar="HZ", help="Sampling rate. [default: measured]")
@click.option(
    "--baud", type=click.IntRange(50, 12_000_000), help="Speed of the line. [default: tried]"
)
@click.option("--lead", default="MLII", show_default=True, help="Lead of a replayed WFDB record.")
@click.option("--out", type=click.Path(path_type=Path), help="Record into this folder.")
@click.option("--duration", type=POSITIVE, metavar="S", help="Stop after S seconds of signal.")
@click.option("--beats", type=click.IntRange(1), metavar="N", help="Stop after N beats.")
@click.option(
    "--speed",
    callback=_pace,
    metavar="X|max",
    help="Pace of a replay; 1 is real time. [default: max]",
)
@click.option(
    "--silence",
    type=POSITIVE,
    default=3.0,
    show_default=True,
    metavar="S",
    help="A pause of S seconds is a gap, where the wire has no clock.",
)
@click.option("--wait", is_flag=True, help="Wait for a port that is missing or busy.")
@click.option("--no-reconnect", is_flag=True, help="End when the port goes away.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def stream(
    port: str | None,
    replay: Path | None,
    model: str | None,
    wire: str | None,
    rate: float | None,
    baud: int | None,
    lead: str,
    out: Path | None,
    duration: float | None,
    beats: int | None,
    speed: float | None,
    silence: float,
    wait: bool,
    no_reconnect: bool,
    as_json: bool,
) -> None:
    """Classify live beats from a serial port or a file.

    The wire format and the sampling rate are recognized and shown. Ctrl-C ends with a summary. Ends
    with code 1 when a board that classifies by itself said something else than the simulator.
    """
    from ecgedge.stream.options import Options
    from ecgedge.stream.replay import open_replay
    from ecgedge.stream.run import run_live, run_replay, stop_on_signals
    from ecgedge.stream.session import Session
    from ecgedge.stream.source import describe_ports
    from ecgedge.zoo import find_program
    from firmware_sim.pipeline import Pipeline

    if (port is None) == (replay is None):
        raise click.UsageError(f"give either --port or --replay; {describe_ports()}.")
    if speed is not None and replay is None:
        raise click.UsageError("--speed is for --replay; a port has its own pace.")
    options = Options(
        source=port or str(replay),
        format=wire,
        rate_hz=rate,
        live=port is not None,
        strict=replay is not None,
        silence_s=silence,
        stop_s=duration,
        stop_beats=beats,
    )
    session = Session(find_program(model), Pipeline, options)
    context = click.get_current_context()
    with stop_on_signals() as stop, _until_pipe_closes():
        if replay is not None:
            file = open_replay(replay, lead)
            with _sinks(session, out, as_json=as_json) as sinks:
                run_replay(session, file, sinks, stop, speed=_finite(speed))
        elif port is not None:
            with _source(port, wire, baud) as source:
                if source.open(wait=wait, stop=stop):
                    with _sinks(session, out, as_json=as_json) as sinks:
                        run_live(session, source, sinks, stop, reconnect=not no_reconnect)
    board = session.summary().board
    context.exit(1 if board is not None and board["mismatches"] else 0)


def _finite(speed: float | None) -> float | None:
    """Return a pace, or None for as fast as possible."""
    return None if speed is None or speed == float("inf") else speed


def _source(port: str, wire: str | None, baud: int | None) -> "SerialSource":
    """Make the source of a port, with the speed and the greeting of its wire format."""
    from ecgedge.stream.formats import FORMATS
    from ecgedge.stream.source import BAUDS, SerialSource

    if wire is None:
        return SerialSource(port, (baud,) if baud else BAUDS)
    known = FORMATS[wire]
    return SerialSource(port, (baud or known.baud,), known.hello, known.goodbye)


def _line(text: str) -> None:
    """Print one line at once, so that a pipe gets it when it happens."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _until_pipe_closes() -> "Iterator[None]":
    """End quietly when the reader of standard output has had enough, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _sinks(session: "Session", out: Path | None, *, as_json: bool) -> "Iterator[list[Sink]]":
    """Make those who want the events, the recorder first, and close them whatever happens."""
    from ecgedge.stream.recorder import Recorder
    from ecgedge.stream.view import JsonLines, LiveView, PlainLines

    sinks: list[Sink] = []
    with contextlib.ExitStack() as stack:
        if out is not None:
            sinks.append(Recorder(out, session.program.labels))
            stack.callback(sinks[-1].close)
        if as_json:
            sinks.append(JsonLines(_line))
        elif sys.stdout.isatty():
            from rich.console import Console

            sinks.append(LiveView(Console(), session, str(out) if out else None))
        else:
            sinks.append(PlainLines(_line, session.program))
        stack.callback(sinks[-1].close)
        yield sinks


@click.command()
@click.argument("record", required=False)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of mitdb, or above it.")
@click.option("--lead", default="MLII", show_default=True, help="Lead of the record.")
@click.option("--csv", type=click.Path(path_type=Path), help="Replay a CSV file instead.")
@click.option("--format", "wire", type=click.Choice(WIRE_FORMATS), default="csv", show_default=True)
@click.option(
    "--speed",
    callback=_pace,
    default="1",
    show_default=True,
    metavar="X|max",
    help="1 is real time.",
)
@click.option(
    "--firmware",
    is_flag=False,
    flag_value="auto",
    metavar="BUNDLE|ELF|auto",
    help="Run the firmware of a program in a simulated Uno that samples the record.",
)
@click.option("--rate", type=RATE, metavar="HZ", help="Resample the record; rate of a CSV file.")
@click.option("--start", type=NOT_NEGATIVE, default=0.0, metavar="S", help="Begin at S.")
@click.option("--seconds", type=POSITIVE, metavar="N", help="Send N seconds only.")
@click.option("--link", type=click.Path(path_type=Path), help="Symbolic link to the port.")
@click.option(
    "--lead-off", callback=_pair, metavar="EVERY,LENGTH", help="Electrode off, in seconds."
)
@click.option("--unplug", callback=_pair, metavar="AT,FOR", help="Unplugged once, in seconds.")
@click.option(
    "--garbage", type=NOT_NEGATIVE, default=0.0, metavar="N", help="Noise bursts a second."
)
@click.option("--loop", is_flag=True, help="Start again at the end.")
@click.option(
    "--wait-reader/--no-wait-reader",
    default=True,
    show_default=True,
    help="Send nothing while nobody listens.",
)
def device(
    record: str | None,
    data: Path | None,
    lead: str,
    csv: Path | None,
    wire: str,
    speed: float,
    firmware: str | None,
    rate: float | None,
    start: float,
    seconds: float | None,
    link: Path | None,
    lead_off: tuple[float, float] | None,
    unplug: tuple[float, float] | None,
    garbage: float,
    loop: bool,
    wait_reader: bool,
) -> None:
    """Be a virtual AD8232 board that replays RECORD on a pseudo-terminal.

    RECORD is a name, such as 208, or the path of a WFDB record. A name is looked up in the database
    if that is there, otherwise in the bundled excerpt. The path to open is printed first, and again
    when the board was unplugged and comes back.

    With --firmware the board is a simulated Uno: its converter samples the record, and what it says
    comes from the chip. A CSV file then holds codes of its converter, 0 ... 1023.
    """
    from ecgedge.cli.firmware import program_of, rate_of, refuse_options, run_firmware
    from ecgedge.stream.device import Behaviour, VirtualBoard
    from ecgedge.stream.device_input import recording_of_csv, recording_of_record
    from ecgedge.stream.run import stop_on_signals

    if (record is None) == (csv is None):
        raise click.UsageError("give either a record, such as 208, or --csv FILE.")
    program = None
    if firmware is not None:
        refuse_options()
        program = program_of(firmware)
        rate = rate_of(program, rate)
    if csv is not None:
        recording = recording_of_csv(csv, rate)
    else:
        assert record is not None
        folder, name = _place(record, data)
        recording = recording_of_record(folder, name, lead, rate)
    recording = recording.part(start, seconds)
    if firmware is not None:
        run_firmware(
            firmware,
            program,
            recording,
            speed=_finite(speed),
            lead_off=lead_off,
            link=link,
            announce=lambda path: _line(path if link is None else str(link)),
        )
        return
    behaviour = Behaviour(
        speed=_finite(speed),
        lead_off=lead_off,
        unplug=unplug,
        garbage_per_s=garbage,
        loop=loop,
        wait_reader=wait_reader,
    )
    if behaviour.speed is None and loop and not wait_reader:
        raise click.UsageError("--speed max --loop needs --wait-reader, or it would never rest.")
    board = VirtualBoard(
        recording.values,
        recording.rate_hz,
        wire,
        behaviour,
        link,
        announce=lambda path: _line(path if link is None else str(link)),
    )
    length_s = len(recording.values) / recording.rate_hz
    with stop_on_signals() as stop:
        board.open()
        click.echo(
            f"{recording.name}, {length_s:.1f} s at {recording.rate_hz:g} Hz as {wire}", err=True
        )
        board.run(stop)


def _place(record: str, data: Path | None) -> tuple[Path, str]:
    """Return folder and name of a record: a path, or a name in the usual places or the excerpt."""
    from ecgedge.data.locate import excerpt, find_database

    path = Path(record)
    if path.parent != Path():
        return path.parent, path.name.removesuffix(".hea")
    try:
        folder = find_database("mitdb", data)
    except EcgedgeError:
        if data is not None:
            raise
        folder = excerpt()
    return folder, record
