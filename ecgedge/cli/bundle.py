"""`ecgedge export`, `verify`, `models`: bundles."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ecgedge.verification.report import Verification

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BUNDLE_HELP = "BUNDLE is a folder that `ecgedge export` wrote, or the name of a shipped model."


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the bundle to make.",
)
@click.option("--name", help="Name of the program. Default: the run's.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def export(run: Path, output: Path, name: str | None, overwrite: bool, as_json: bool) -> None:
    """Write a run as a bundle: program, ONNX files, golden vectors, proof, card, checksums."""
    from ecgedge.exporting import export_run

    program = export_run(run, output, name=name, overwrite=overwrite)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": True,
                    "bundle": str(output),
                    "name": program.name,
                    "program": program.digest,
                    "parameters": program.parameters,
                }
            )
        )
    else:
        click.echo(f"{program.name}: {program.parameters} parameters, in {output}.")
        click.echo(f"Check it with `ecgedge verify {output}`.")


def _one_thread_each() -> None:
    """Let numeric libraries use one thread: verification brings its own, one a core.

    Only works before NumPy is imported, and leaves alone what the user has set.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


@contextmanager
def _progress(show: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on standard error."""
    if not show:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verifying beats", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _engine_names(text: str | None) -> list[str] | None:
    if text is None or text == "all":
        return None
    return [name.strip() for name in text.split(",") if name.strip()]


@click.command(epilog=BUNDLE_HELP)
@click.argument("bundle", required=False)
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder that contains mitdb, or that folder; `excerpt` is the bundled one. "
    "Default: $ECGEDGE_DATA, then the user's cache, then the excerpt.",
)
@click.option(
    "--engines",
    default="all",
    show_default=True,
    help="Comma-separated: numpy, torch, ort-fixed, ort-fixed-noopt, ort-int, ort-int-noopt. "
    "`all` skips what is not installed; a name that cannot run is an error.",
)
@click.option(
    "--random",
    "random",
    type=click.IntRange(min=0, max=200_000),
    default=4096,
    show_default=True,
    help="Random beats beside the extreme ones.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def verify(
    context: click.Context,
    bundle: str | None,
    folder: Path | None,
    engines: str,
    random: int,
    as_json: bool,
) -> None:
    """Run every engine on every beat and compare every layer, integer for integer.

    Ends with code 0 only if nothing differs anywhere.
    """
    _one_thread_each()
    from ecgedge.verification.inputs import database_source, made_sources
    from ecgedge.verification.verify import verify as run_verification
    from ecgedge.zoo import find_bundle
    from export.bundle import read_bundle

    read = read_bundle(find_bundle(bundle))
    sources = (database_source(read.program, folder), *made_sources(read, random))
    with _progress(not as_json) as progress:
        result = run_verification(read, sources, engines=_engine_names(engines), progress=progress)
    click.echo(json.dumps(result.json())) if as_json else _print_verification(result)
    context.exit(0 if result.ok else 1)


def _print_verification(result: "Verification") -> None:
    from rich.console import Console
    from rich.table import Table

    content, bounds = result.json(), result.bounds
    data = content["data"]
    click.echo(f"{result.bundle.name}: {result.bundle.program.parameters} parameters")
    made = [f"{n} {name}" for name, n in content["inputs"].items() if name != "database"]
    click.echo(
        f"{data['beats']} beats of {data['records']} records of {data['database']}; "
        + ", ".join(made)
    )
    if data["excerpt"]:
        click.echo("That is not the full database: `ecgedge data download mitdb` fetches it.")
    table = Table("engine", "beats", "mismatches", "layers")
    for name, report in result.engines.items():
        if report.skipped is not None:
            table.add_row(name, "skipped", "", report.skipped)
        else:
            shown = str(len(report.layers))
            table.add_row(name, str(report.compared), str(report.mismatches), shown)
    Console().print(table)
    click.echo(
        f"largest weight {bounds['weight_max']:.4f}, largest activation "
        f"{bounds['activation_max']:.4f} (possible {bounds['activation_possible_max']:.4f}), "
        f"clipped {100 * bounds['clipped_share']:.2f} %"
    )
    click.echo(f"simulator {result.beats_per_s:,.0f} beats/s; verified in {result.seconds:.1f} s")
    for failure in result.failures:
        click.echo(f"FAILED: {failure}")
    click.echo("Every engine returns the same integers." if result.ok else "NOT verified.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def models(as_json: bool) -> None:
    """List the models that ship with ecgedge, the default one first."""
    from ecgedge.zoo import shipped_bundles
    from firmware_sim.program import load_program

    found = []
    for name, path in shipped_bundles().items():
        program = load_program(path / "program.json")
        found.append(
            {
                "name": name,
                "path": str(path),
                "parameters": program.parameters,
                "task": program.task,
                "fs": program.fs,
                "window": program.window,
                "labels": list(program.labels),
                "program": program.digest,
            }
        )
    if as_json:
        click.echo(json.dumps(found))
        return
    for item in found:
        click.echo(
            f"{item['name']}: {item['parameters']} parameters, task {item['task']}, "
            f"{item['fs']} Hz, in {item['path']}"
        )
    if not found:
        click.echo("No model ships with this installation.")
