"""`ecgedge data`: fetch databases from PhysioNet, and show what is there."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ecgedge.data.download import Progress
    from ecgedge.data.info import DatabaseInfo

_DATA_HELP = (
    "Folder that contains the databases, or the folder of the database itself. "
    "Default: $ECGEDGE_DATA, then the user's cache."
)
_SHOWN = 5


@click.group()
def data() -> None:
    """Fetch databases from PhysioNet; show what is there."""


@data.command()
@click.argument("name", required=False)
@click.option("--data", "folder", type=click.Path(path_type=Path), help=_DATA_HELP)
@click.option("--split", help="Count the beats of a split: ds1-ds2 or replica.")
@click.option(
    "--check",
    is_flag=True,
    help="Compare every file with its checksum; fail if one differs or is missing.",
)
@click.option(
    "--aami-map",
    type=click.Choice(["aami", "bxb"]),
    default="aami",
    show_default=True,
    help="Escape beats (e, j, n) are N, or S as WFDB's bxb has them.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_context
def info(
    context: click.Context,
    name: str | None,
    folder: Path | None,
    split: str | None,
    check: bool,
    aami_map: str,
    as_json: bool,
) -> None:
    """Show which databases are there, whether they are complete, and their beats.

    NAME is mitdb, nstdb, cinc2017, ptb-xl or excerpt (the bundled one); all of them when it is
    left out.
    """
    from ecgedge.data import info as look
    from ecgedge.data.locate import find_database

    if split is not None:
        counts = look.split_info(
            split, find_database(_known(name or "mitdb"), folder), aami_map=aami_map
        )
        click.echo(json.dumps(counts)) if as_json else _print_split(counts)
        return
    options: dict[str, Any] = {"check": check, "aami_map": aami_map}
    if name is None:
        found = look.all_databases(folder, **options)
        shown: Any = [entry.as_json() for entry in found]
    else:
        found = [look.database_info(_known(name), folder, **options)]
        shown = found[0].as_json()
    click.echo(json.dumps(shown)) if as_json else _print_databases(found)
    if check:
        context.exit(_checked(found))


@data.command()
@click.argument("name")
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder to put the database's folder into. Default: $ECGEDGE_DATA, then the user's cache.",
)
@click.option("--base-url", help="Fetch from this address instead of PhysioNet.")
@click.option(
    "--all", "everything", is_flag=True, help="Also the files that ecgedge does not read."
)
@click.option(
    "--jobs", type=click.IntRange(1, 16), default=4, show_default=True, help="Files at a time."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def download(
    name: str, folder: Path | None, base_url: str | None, everything: bool, jobs: int, as_json: bool
) -> None:
    """Fetch a database from PhysioNet and check every file.

    NAME is mitdb (100 MB), nstdb (20 MB), cinc2017 (100 MB) or ptb-xl (2.6 GB). A download that
    was stopped goes on where it stopped; files that are there and right are kept.
    """
    from dataclasses import asdict

    from ecgedge.data.databases import get_database
    from ecgedge.data.download import download as fetch
    from ecgedge.data.locate import data_folder

    place = data_folder(folder)
    target = place if place.name == get_database(name).name else place / name
    with _progress(name) as on_progress:
        done = fetch(
            name,
            target,
            base_url=base_url,
            everything=everything,
            jobs=jobs,
            on_progress=on_progress,
        )
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    click.echo(
        f"{name}: {done.fetched + done.kept:,} files in {done.path}, every one as published "
        f"({done.fetched:,} fetched, {done.kept:,} there already)."
    )


@contextmanager
def _progress(name: str) -> "Iterator[Callable[[Progress], None]]":
    """Show a progress bar on standard error, when that is a terminal."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn(name),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("files, {task.fields[megabytes]:.1f} MB"),
        progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(name, total=None, megabytes=0.0)

        def show(now: "Progress") -> None:
            bar.update(task, completed=now.files, total=now.files_total, megabytes=now.bytes / 1e6)

        yield show


def _checked(found: "list[DatabaseInfo]") -> int:
    """Say where nothing could be compared; return 1 when a file is damaged or missing, else 0."""
    from ecgedge.data.checksums import read_sums

    for entry in found:
        if not read_sums(Path(entry.path)):
            click.echo(
                f"note: {entry.path} has no SHA256SUMS, so no file of {entry.name} was compared.",
                err=True,
            )
    return int(any(entry.damaged or entry.missing for entry in found))


def _known(name: str) -> str:
    """Check the name of a database."""
    from ecgedge.data.databases import DATABASES, get_database
    from ecgedge.data.locate import EXCERPT

    return name if name == EXCERPT and name not in DATABASES else get_database(name).name


def _print_split(counts: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    classes = list(counts["train"]["classes"])
    what = "task" if counts["task"] == "symbol-binary" else f"AAMI map {counts['aami_map']}, task"
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{counts['split']} ({what} {counts['task']}, lead {counts['lead']})",
    )
    table.add_column("side")
    for column in ("records", "beats", *classes, "whole windows"):
        table.add_column(column, justify="right")
    for side in ("train", "test"):
        row = counts[side]
        numbers = (row["records"], row["beats"], *row["classes"].values(), row["windows"])
        table.add_row(side, *(f"{number:,}" for number in numbers))
    console.print(table)
    console.print(counts["path"], soft_wrap=True)
    if counts["missing"]:
        console.print(
            f"{len(counts['missing'])} records of the protocol are not here: "
            "figures on this folder are not figures of the protocol.",
            soft_wrap=True,
        )


def _print_databases(found: "list[DatabaseInfo]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    table.add_column("database", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for column in ("records", "beats", *"NSVFQ"):
        table.add_column(column, justify="right", no_wrap=True)
    for entry in found:
        beats = [entry.beats, *entry.classes.values()] if entry.classes else []
        records = f"{entry.records:,}"
        if entry.records < entry.published:
            records += f" of {entry.published:,}"
        table.add_row(entry.name, _state(entry), records, *(f"{number:,}" for number in beats))
    console.print(table)
    for entry in found:
        console.print(f"{entry.name}: {entry.path}", soft_wrap=True, highlight=False)
        _print_list(console, "missing", entry.missing)
        _print_list(console, "damaged", entry.damaged)
        if entry.fallback_leads:
            pairs = ", ".join(f"{name} ({lead})" for name, lead in entry.fallback_leads.items())
            console.print(f"  no lead MLII, first channel used: {pairs}", highlight=False)
        if entry.checked:
            console.print(f"  {entry.checked:,} files compared with their checksums")


def _state(entry: "DatabaseInfo") -> str:
    if entry.complete:
        return "complete"
    if entry.damaged:
        return "damaged"
    return "incomplete" if entry.missing else "a part"


def _print_list(console: Any, title: str, names: tuple[str, ...]) -> None:
    for name in names[:_SHOWN]:
        console.print(f"  {title}: {name}", soft_wrap=True, highlight=False, markup=False)
    if len(names) > _SHOWN:
        console.print(f"  {title}: {len(names) - _SHOWN:,} more")
