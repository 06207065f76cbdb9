"""`ecgedge verify`: every engine against the simulator, on beats or on whole recordings."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgedge.cli.bundle import BUNDLE_HELP
from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from ecgedge.verification.pipeline import PipelineReport
    from ecgedge.verification.report import Verification
    from export.bundle import Bundle

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def _one_thread_each() -> None:
    """Let numeric libraries use one thread: verification brings its own, one a core.

    Only works before NumPy is imported, and leaves alone what the user has set.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


@contextmanager
def _progress(show: bool, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on standard error."""
    if not show:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"verifying {what}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _engine_names(text: str) -> list[str] | None:
    """Return the names of a comma-separated list; None for all."""
    return None if text == "all" else [name.strip() for name in text.split(",") if name.strip()]


@click.command(epilog=BUNDLE_HELP)
@click.argument("bundle", required=False)
@click.argument("records", nargs=-1)
@click.option(
    "--pipeline",
    is_flag=True,
    help="Verify the whole way from samples to labels on RECORDS of mitdb (`all`: every one).",
)
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
    help="Comma-separated: numpy, torch, ort-fixed, ort-fixed-noopt, ort-int, ort-int-noopt, "
    "host-c, cortex-m0, cortex-m3, cortex-m4, avr, wasm. `all` skips what is not installed; a name "
    "that cannot run is an error.",
)
@click.option(
    "--random",
    "random",
    type=click.IntRange(min=0, max=200_000),
    default=4096,
    show_default=True,
    help="Random beats beside the extreme ones.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    metavar="S",
    help="With --pipeline: only the first S seconds of each record.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def verify(
    context: click.Context,
    bundle: str | None,
    records: tuple[str, ...],
    pipeline: bool,
    folder: Path | None,
    engines: str,
    random: int,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Run every engine on every beat and compare every layer, integer for integer.

    With --pipeline: push the samples of RECORDS through every engine that runs streams, and compare
    every beat: position, context, label, scores, and the sample that decided it.

    Ends with code 0 only if nothing differs anywhere.
    """
    _one_thread_each()
    from ecgedge.zoo import find_bundle
    from export.bundle import read_bundle

    if not pipeline and (records or seconds is not None):
        raise click.UsageError("RECORDS and --seconds are for --pipeline.")
    if pipeline and not records:
        raise click.UsageError("--pipeline needs BUNDLE and at least one record, or `all`.")
    read = read_bundle(find_bundle(bundle))
    names = _engine_names(engines)
    if pipeline:
        context.exit(0 if _pipeline(read, records, folder, names, seconds, as_json) else 1)
    context.exit(0 if _beats(read, folder, names, random, as_json) else 1)


def _beats(
    bundle: "Bundle", folder: Path | None, engines: list[str] | None, random: int, as_json: bool
) -> bool:
    """Verify on beats; return whether everything holds."""
    from ecgedge.verification.inputs import database_source, made_sources
    from ecgedge.verification.verify import verify as run_verification

    sources = (database_source(bundle.program, folder), *made_sources(bundle, random))
    with _progress(not as_json, "beats") as progress:
        result = run_verification(bundle, sources, engines=engines, progress=progress)
    click.echo(json.dumps(result.json())) if as_json else _print_beats(result)
    return result.ok


def _pipeline(
    bundle: "Bundle",
    records: tuple[str, ...],
    data: Path | None,
    engines: list[str] | None,
    seconds: float | None,
    as_json: bool,
) -> bool:
    """Verify on recordings; return whether everything holds."""
    from ecgedge.data.locate import listed_records
    from ecgedge.verification.inputs import find_recordings
    from ecgedge.verification.pipeline import verify_pipeline

    folder, is_excerpt = find_recordings(data)
    listed = listed_records(folder)
    chosen = listed if records == ("all",) else records
    unknown = [name for name in chosen if name not in listed]
    if unknown:
        if is_excerpt:
            raise EcgedgeError(
                f"record {unknown[0]} is not in the bundled excerpt ({', '.join(listed)}); name "
                "the folder of the database with --data or $ECGEDGE_DATA, or fetch it with "
                "`ecgedge data download mitdb`."
            )
        raise EcgedgeError(f"record {unknown[0]} is not in {folder}; it has {', '.join(listed)}.")
    with _progress(not as_json, "recordings") as progress:
        reports = verify_pipeline(
            bundle, folder, chosen, engines=engines, seconds=seconds, progress=progress
        )
    ran = [report for report in reports.values() if report.skipped is None]
    ok = bool(ran) and all(report.ok for report in ran)
    if as_json:
        engines_found = {name: report.json() for name, report in reports.items()}
        content = {"ok": ok, "bundle": bundle.name, "program": bundle.program.digest}
        data_found = {"records": list(chosen), "excerpt": is_excerpt, "engines": engines_found}
        click.echo(json.dumps(content | data_found))
    else:
        _print_pipeline(bundle.name, reports, ok)
    return ok


def _print_pipeline(name: str, reports: Mapping[str, "PipelineReport"], ok: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("engine", "records", "samples", "beats", "mismatches")
    for engine, report in reports.items():
        if report.skipped is not None:
            table.add_row(engine, "skipped", "", "", report.skipped)
        else:
            numbers = (len(report.records), report.samples, report.beats, report.mismatches)
            table.add_row(engine, *map(str, numbers))
    Console().print(table)
    for engine, report in reports.items():
        problem = report.error or report.first_difference
        if problem:
            click.echo(f"FAILED: {engine}: {problem}.")
    click.echo(f"{name}: the same beats everywhere." if ok else f"{name}: NOT verified.")


def _print_beats(result: "Verification") -> None:
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
