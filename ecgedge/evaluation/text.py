"""A report as Markdown, and in the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgedge.evaluation.report import beats_of
from ecgedge.evaluation.tables import Table, all_tables, tables, title_of_report

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 140
"""Characters that a terminal needs for the spread over seeds in the first table."""
MAX_DIGESTS = 2

# Markdown


def markdown_table(table: Table) -> str:
    """Write one table as Markdown, with its title above and its note below."""

    def line(cells: Sequence[str]) -> str:
        safe = (cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells)
        return "| " + " | ".join(safe) + " |"

    lines = [
        line(table.columns),
        "|" + " --- |" + " ---: |" * (len(table.columns) - 1),
        *(line(row) for row in table.rows),
    ]
    note = f"\n{table.note}\n" if table.note else ""
    return f"## {table.title}\n\n" + "\n".join(lines) + f"\n{note}"


def markdown(report: Mapping[str, Any], pictures: Mapping[str, Path] | None = None) -> str:
    """Write a report as Markdown.

    Parameters
    ----------
    report : mapping
        From `report.build`.
    pictures : mapping, optional
        Title -> path relative to the file.
    """
    parts = [f"# {title_of_report(report)}"]
    if report["note"]:
        parts.append(f"**{report['note']}**")
    parts += report["verdicts"]
    parts += [markdown_table(table) for table in all_tables(report)]
    if pictures:
        parts.append("## Pictures")
        parts += [f"![{title}]({path.as_posix()})" for title, path in pictures.items()]
    parts.append("## What this was made of\n\n" + "\n".join(f"- {line}" for line in facts(report)))
    parts.append(f"Records: {' '.join(beats_of(report)['record_names'])}.")
    return "\n\n".join(parts) + "\n"


def facts(report: Mapping[str, Any]) -> list[str]:
    """Return what has to be known to make the report again, and its traps, as sentences."""
    beats, bootstrap = beats_of(report), report["bootstrap"]
    digests = report.get("program_sha256")
    digests = [digests] if isinstance(digests, str) else digests or []
    programs = [f"Program {digest}." for digest in digests]
    if len(digests) > MAX_DIGESTS:
        programs = [f"{len(digests)} programs; their SHA-256 are in report.json."]
    trained = [
        f"{subject['name']} was trained on: {subject['trained_on']}."
        for subject in report["subjects"]
        if subject.get("trained_on")
    ]
    looks = [f"Test records were opened {len(report['ledger'])} times for these models."]
    return [
        f"Data: {beats['database']}, lead {beats['lead']}, {beats['fs']} Hz, windows of "
        f"{beats['window']} samples, task {beats['task']}, AAMI map {beats['aami_map']}; "
        f"{beats['dropped']:,} beats of other symbols left out.",
        *trained,
        f"Intervals: {bootstrap['level']:.0%} percentile bootstrap over records, "
        f"{bootstrap['resamples']:,} resamples; AUROC exactly, AUPRC on "
        f"{bootstrap['auprc_bins']:,} score bins.",
        *programs,
        *report["traps"],
        *(looks if len(report["ledger"]) > 1 else []),
        *([f"Command: {report['command']}"] if report["command"] else []),
        f"Made by {report['made_by']}.",
    ]


# Terminal


def _heading(table: Table, column: int) -> str:
    """Break a heading into lines that are no wider than what stands below it, or than a word."""
    from textwrap import fill

    heading = table.columns[column]
    below = [line for row in table.rows for line in row[column].split("\n")]
    width = max(map(len, (*below, *heading.split())))
    return fill(heading, width, break_long_words=False, break_on_hyphens=False)


def print_table(table: Table, console: "Console") -> None:
    """Print one table with rich, and an empty line."""
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(
        title=table.title, title_justify="left", title_style="bold", caption=table.note or None,
        caption_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
    )  # fmt: skip
    shown.add_column(table.columns[0])
    for column in range(1, len(table.columns)):  # numbers stay whole, names are broken
        shown.add_column(_heading(table, column), justify="right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
    console.print()


def print_report(report: Mapping[str, Any], console: "Console", *, records: bool = False) -> None:
    """Print the tables of a report with rich."""
    if report["note"]:
        console.print(report["note"], style="bold yellow")
    for table in tables(report, records=records, spread=console.width >= WIDE):
        print_table(table, console)
    for verdict in report["verdicts"]:
        console.print(verdict, style="bold", highlight=False, markup=False)
    for line in facts(report):
        console.print(f"- {line}", highlight=False, markup=False)
