"""`ecgedge detect`: the R-peak detector alone."""

import json
from pathlib import Path

import click

from firmware_sim.errors import EcgedgeError


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the annotation files; made as needed.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of mitdb, or above it. Default: $ECGEDGE_DATA, the cache, then the excerpt.",
)
@click.option("--lead", default="MLII", show_default=True, help="Lead of the records, or first.")
@click.option(
    "--annotator", default="qrs", show_default=True, metavar="EXT", help="Ending of the files."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def detect(
    records: tuple[str, ...],
    output: Path,
    data: Path | None,
    lead: str,
    annotator: str,
    as_json: bool,
) -> None:
    """Find R peaks as the firmware does and write them as WFDB annotations.

    RECORD is the name of a record of mitdb, `all` for every one of them, or the path of any WFDB
    record. The files RECORD.qrs can be compared with reference annotations by other programs.
    """
    from ecgedge.data.annotations import check_annotator
    from ecgedge.data.locate import find_record, listed_records
    from ecgedge.detection import annotate_r_peaks
    from ecgedge.verification.inputs import find_recordings

    check_annotator(annotator)
    if records == ("all",):
        folder, _ = find_recordings(data)
        places = [(folder, name) for name in listed_records(folder)]
    else:
        places = [find_record(record, data) for record in records]
    names = [Path(name).name for _, name in places]
    if len(set(names)) != len(names):
        raise EcgedgeError("two of the records have the same name; write them to two folders.")
    output.mkdir(parents=True, exist_ok=True)
    found = {}
    for folder, name in places:
        path, n, used = annotate_r_peaks(folder, name, output, annotator, lead)
        found[Path(name).name] = {"file": str(path), "r_peaks": n, "lead": used}
        if not as_json:
            click.echo(f"{name} ({used}): {n} R peaks, {path}")
    if as_json:
        click.echo(json.dumps({"records": found}))
