"""`ecgedge simulate`: the firmware on recordings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecgedge.cli.faults import TRIALS
from ecgedge.cli.given import is_given
from ecgedge.cli.live import NOT_NEGATIVE, RATE
from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from ecgedge.faults import Fault
    from ecgedge.simulation import Simulation
    from firmware_sim.program import Program

PREFERRED = "MLII"
ANNOTATOR = "ecgedge"
"""Ending of annotation files unless the user chooses another."""


@click.command()
@click.argument("bundle")
@click.argument("records", nargs=-1, required=True, metavar="RECORD...")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of mitdb, or above it. Default: $ECGEDGE_DATA, the cache, then the excerpt.",
)
@click.option("--lead", help="Lead of a WFDB record, or first. [MLII; a sweep: the protocol's]")
@click.option("--rate", type=RATE, metavar="HZ", help="Rate of a CSV file without a time column.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the beats here; .csv or .jsonl.",
)
@click.option(
    "--annotate",
    metavar="EXT",
    help="Write WFDB annotations RECORD.EXT, here or in the folder of --annotations.",
)
@click.option(
    "--annotations",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the annotations, made as needed; EXT is ecgedge unless --annotate says.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw twenty seconds with every beat's label as PNG; of a sweep its curves.",
)
@click.option("--at", type=NOT_NEGATIVE, default=0.0, metavar="S", help="Where the picture begins.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[=SEVERITY]",
    help="weight-noise, stuck, flip, dead, drift, weight-bits, adc-bits or input-bits; without a "
    "severity a sweep over severities. May be repeated.",
)
@click.option("--severities", metavar="S,S...", help="Of a sweep. Default: the usual ones.")
@click.option(
    "--trials",
    type=click.IntRange(1, 10_000),
    default=TRIALS,
    show_default=True,
    help="Faulty programs a severity, in a sweep.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of the faults.",
)
@click.option("--test", is_flag=True, help="Open test records in a sweep; needs a ledger.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def simulate(
    bundle: str,
    records: tuple[str, ...],
    data: Path | None,
    lead: str | None,
    rate: float | None,
    out: Path | None,
    annotate: str | None,
    annotations: Path | None,
    plot: Path | None,
    at: float,
    faults: tuple[str, ...],
    severities: str | None,
    trials: int,
    seed: int,
    test: bool,
    as_json: bool,
) -> None:
    """Run the firmware on recordings: from samples to labelled beats, in integers.

    BUNDLE is a bundle's folder, the name of a shipped one, `default`, or a program.json. RECORD is
    the name of a record of mitdb, `all` for every one of them, the path of any WFDB record, or a
    CSV file. Reference beats, when there are any, are scored as EC57 does, from 5:00 on (recordings
    shorter than ten minutes from 0:03 on). `ecgedge score` compares the annotations of many records
    with their references.

    With --fault KIND=SEVERITY the hardware is faulty. With --fault KIND alone, accuracy is measured
    against severity: on the annotated beats of records of mitdb, of `all`, `train` or `test` (of
    the protocol; needs --test), or, for a run, of its `validation` records.
    """
    from ecgedge.cli.faults import read_faults, run_sweep
    from ecgedge.data.annotations import check_annotator
    from ecgedge.simulation import draw, summary, write_annotations, write_beats
    from ecgedge.zoo import find_program

    if out is not None and out.suffix not in (".csv", ".jsonl"):
        raise EcgedgeError(f"{out} is neither .csv nor .jsonl; choose one of these endings.")
    damage, kinds = read_faults(faults)
    if kinds:
        _check_sweep(out, annotate, annotations, rate)
        run_sweep(
            bundle, records, kinds, severities, data=data, lead=lead, trials=trials, seed=seed,
            test=test, plot=plot, as_json=as_json,
        )  # fmt: skip
        return
    _check_no_sweep(damage, severities, test)
    extension = annotate or (ANNOTATOR if annotations is not None else None)
    if extension is not None:
        check_annotator(extension)
    program = find_program(None if bundle == "default" else bundle)
    chosen = _chosen(records, data)
    several = records == ("all",) or len(chosen) > 1
    if several and (out is not None or plot is not None):
        raise EcgedgeError("--out and --plot take one recording; name one, or leave them out.")
    found = {}
    for record in chosen:
        simulation = _run(program, record, data, lead or PREFERRED, rate, damage, seed)
        if simulation.record.warning:
            click.echo(f"note: {simulation.record.warning}", err=True)
        if out is not None:
            write_beats(out, simulation.beats)
            click.echo(f"beats: {out}", err=True)
        if extension is not None:
            _make(annotations)
            place = write_annotations(simulation, extension, annotations or Path.cwd())
            click.echo(f"annotations: {place if annotations else place.name}", err=True)
        if plot is not None:
            draw(simulation, plot, at)
            click.echo(f"picture: {plot}", err=True)
        one = summary(program, simulation)
        if damage:
            one |= {"faults": {fault.kind: fault.severity for fault in damage}, "seed": seed}
        found[one["record"]] = one
        if several and not as_json:
            click.echo(_line(one))
    if as_json:
        click.echo(json.dumps({"records": found} if several else one))
    elif not several:
        _print(one)


def _chosen(records: tuple[str, ...], data: Path | None) -> tuple[str, ...]:
    """Return the recordings that are meant; no two would have annotations of one name."""
    from ecgedge.data.locate import listed_records
    from ecgedge.verification.inputs import find_recordings

    if records == ("all",):
        folder, _ = find_recordings(data)
        return tuple(str(folder / name) for name in listed_records(folder))
    names = [Path(record).stem for record in records]
    if len(set(names)) != len(names):
        raise EcgedgeError("two of the recordings have the same name; run them one by one.")
    return records


def _make(folder: Path | None) -> None:
    """Make the folder of the annotations, once there is something to write."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)


def _check_sweep(
    out: Path | None, annotate: str | None, annotations: Path | None, rate: float | None
) -> None:
    """Refuse what a sweep does not write or read."""
    given = {"--out": out, "--annotate": annotate, "--annotations": annotations, "--rate": rate}
    for option, value in given.items():
        if value is not None:
            raise EcgedgeError(
                f"{option} is for recordings, not for a sweep over severities; leave it out, or "
                "name a severity with --fault KIND=SEVERITY."
            )


def _check_no_sweep(damage: "list[Fault]", severities: str | None, test: bool) -> None:
    """Refuse what recordings take from nobody: options of a sweep, a seed without a fault."""
    given = {"--severities": severities is not None, "--test": test, "--trials": is_given("trials")}
    option = next((name for name, there in given.items() if there), None)
    if option and damage:
        one = damage[0]
        raise EcgedgeError(
            f"--fault {one.kind}={one.severity:g} has a severity of its own and {option} is for a "
            f"sweep over severities; leave {option} out, or write --fault {one.kind}."
        )
    if option:
        raise EcgedgeError(f"{option} is for a sweep; add --fault KIND, or leave it out.")
    if not damage and is_given("seed"):
        raise EcgedgeError("--seed is that of faults; add --fault KIND=SEVERITY, or leave it out.")


def _run(
    program: "Program",
    record: str,
    data: Path | None,
    lead: str,
    rate: float | None,
    faults: "list[Fault]",
    seed: int,
) -> "Simulation":
    """Find the recording and run the program on it."""
    from ecgedge.data.locate import RECORD_SUFFIXES, find_record
    from ecgedge.simulation import simulate_csv, simulate_record

    path = Path(record)
    if not path.name:
        raise EcgedgeError(f"{record!r} is a folder; name a record or a CSV file.")
    if path.is_file() and path.suffix not in RECORD_SUFFIXES:
        return simulate_csv(program, path, rate, faults=faults, seed=seed)
    return simulate_record(program, *find_record(record, data), lead, faults=faults, seed=seed)


def _line(found: dict[str, Any]) -> str:
    """Return the summary of one recording of several."""
    counts = ", ".join(f"{label} {n}" for label, n in found["classes"].items())
    text = f"{found['record']} ({found['lead']}): {found['beats']} beats: {counts}"
    reference = found["reference"]
    if reference is None:
        return text
    return (
        f"{text}; from {reference['from_s']:g} s on Se {_percent(reference['sensitivity'])}, "
        f"+P {_percent(reference['positive_predictivity'])}"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _print(found: dict[str, Any]) -> None:
    """Print a summary for people."""
    click.echo(
        f"{found['record']} ({found['lead']}), {found['duration_s']:.1f} s at {found['fs']} Hz, "
        f"program {found['program']}"
    )
    if "faults" in found:
        faults = ", ".join(f"{kind}={severity:g}" for kind, severity in found["faults"].items())
        click.echo(f"faults: {faults}, seed {found['seed']}")
    counts = ", ".join(f"{label} {n}" for label, n in found["classes"].items())
    rate = found["heart_rate_bpm"]
    heart = f", median heart rate {rate:g} bpm" if rate is not None else ""
    click.echo(f"{found['beats']} beats: {counts}{heart}")
    quality = ", ".join(f"{name} {n}" for name, n in found["quality"].items())
    if quality:
        click.echo(f"windows: {quality}; by search-back: {found['search_back']}")
    reference = found["reference"]
    if reference is not None:
        _print_reference(reference)


def _print_reference(reference: dict[str, Any]) -> None:
    """Print the comparison with the reference beats."""
    click.echo(
        f"against the reference from {reference['from_s']:g} s on: "
        f"Se {_percent(reference['sensitivity'])}, "
        f"+P {_percent(reference['positive_predictivity'])} ({reference['matched']} matched, "
        f"{reference['missed']} missed, {reference['extra']} extra)"
    )
    rows = {**reference["classes"], "extra": reference["extra_classes"]}
    columns = [*reference["extra_classes"], "missed"]
    width = max(8, *(len(column) + 2 for column in columns))
    click.echo("reference" + "".join(f"{column:>{width}}" for column in columns))
    for name, row in rows.items():
        cells = "".join(f"{row.get(column, ''):>{width}}" for column in columns)
        click.echo(f"{name:<9}{cells}")
