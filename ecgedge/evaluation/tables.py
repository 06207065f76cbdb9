"""Tables of a report, for the terminal and for Markdown. Everything comes from the JSON object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgedge.evaluation.published import published

if TYPE_CHECKING:
    from rich.console import Console

MISSING = "–"
WIDE = 140
"""Characters that a terminal needs for the spread over seeds in the first table."""
MAX_DIGESTS = 2
PERCENT = ("miss_rate", "false_positive_rate")
TITLES = {
    "macro_f1": "macro-F1",
    "macro_f1_nsv": "macro-F1 N,S,V",
    "macro_f1_nsvf": "macro-F1 N,S,V,F",
    "f1_abnormal": "F1 abnormal",
    "accuracy": "accuracy",
    "miss_rate": "miss",
    "false_positive_rate": "FPR",
    "auroc_n_rest": "AUROC N/rest",
    "auroc_v": "AUROC V",
    "auroc_s": "AUROC S",
    "auprc_n_rest": "AUPRC N/rest",
    "auprc_v": "AUPRC V",
    "auprc_s": "AUPRC S",
    "calibration_error": "calibration error",
}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
        The first is left-aligned, the others right.
    rows : tuple of tuple of str
    note : str
        A line below; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def title_of(name: str) -> str:
    """Return what people call a number: `f1.V` is "F1 V"."""
    rate, _, label = name.partition(".")
    if label:
        return f"{ {'se': 'Se', 'ppv': '+P', 'f1': 'F1'}[rate] } {label}".strip()
    return TITLES.get(name, name)


def value_of(numbers: Mapping[str, Any], name: str) -> Any:
    """Look a flat name up in nested numbers; None when it is not there."""
    value: Any = numbers
    for part in name.split(".", 1):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def model_title(report: Mapping[str, Any], key: str) -> str:
    """Return what people call a model of the report."""
    return str(models(report)[key]["what"])


def show(value: float | None, name: str = "") -> str:
    """Write one number: three places, rates of errors in percent."""
    if value is None:
        return MISSING
    return f"{100 * value:.2f} %" if name in PERCENT else f"{value:.3f}"


def _with_spread(numbers: Mapping[str, Any], name: str) -> str:
    value, sd = value_of(numbers, name), value_of(numbers.get("sd", {}), name)
    text = show(value, name)
    if value is None or sd is None:
        return text
    return f"{text.removesuffix(' %')} ± {show(sd, name)}"


def _limits(numbers: Mapping[str, Any], name: str) -> str:
    low, high = value_of(numbers.get("intervals", {}), name) or (None, None)
    if low is None or high is None:
        return MISSING
    return f"{show(low, name).removesuffix(' %')} to {show(high, name)}"


def models(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return every model of a report by name, the program first."""
    found = {name: report[name] for name in ("program", "float") if name in report}
    return found | dict(report.get("rows", {}))


def main_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of the first table."""
    if len(labels) == 2:
        return ("f1_abnormal", "miss_rate", "false_positive_rate", "auroc_n_rest", "auprc_n_rest")
    each = tuple(f"f1.{label}" for label in ("S", "V") if label in labels)
    whole = ("macro_f1_nsv",) if {"N", "S", "V"} <= set(labels) else ("macro_f1",)
    return (*whole, *each, "accuracy", "auroc_n_rest", "miss_rate", "false_positive_rate")


def main_table(report: Mapping[str, Any], *, spread: bool = True) -> Table:
    """Every model and the published figures side by side, with the spread over seeds.

    Figures that are no results of the protocol are not put beside published ones.
    """
    names = main_names(report["classes"])
    rows = []
    for key, numbers in models(report).items():
        size = numbers.get("parameters")
        write = _with_spread if spread else lambda n, name: show(value_of(n, name), name)
        cells = [write(numbers, name) for name in names]
        rows.append((model_title(report, key), f"{size:,}" if size else MISSING, *cells))
    notes = []
    others = published(report["protocol"]) if report["is_result"] else ()
    for row in others:
        values = {name: row.values.get(name) for name in names}
        if not any(v is not None for v in values.values()):
            continue
        size = f"{int(row.size):,}" if row.size.isdigit() else row.size or MISSING
        rows.append((f"* {row.name}", size, *(show(v, n) for n, v in values.items())))
        if row.note:
            notes.append(f"{row.name}: {row.note}")
    seeds = report["n_seeds"]
    what = "Mean ± standard deviation" if spread else "Mean"
    over = f"{what} over {seeds} seeds. " if seeds > 1 else ""
    stars = "* others' figures" if others else "Not to be compared with published figures"
    return Table(
        f"{report['protocol']}: {report['test']['records']} test records, "
        f"{report['test']['beats']:,} beats",
        ("model", "parameters", *map(title_of, names)),
        tuple(rows),
        f"{over}{stars}{' (' + '; '.join(notes) + ')' if notes else ''}.",
    )


def detail_table(report: Mapping[str, Any], key: str) -> Table:
    """Every number of one model with its interval."""
    numbers = models(report)[key]
    labels = report["classes"]
    names = [f"{rate}.{label}" for label in labels for rate in ("se", "ppv", "f1")]
    names += [
        name
        for name in TITLES
        if value_of(numbers, name) is not None and name != "f1_abnormal"  # there as F1 of its class
    ]
    if value_of(numbers, "macro_f1") == value_of(numbers, "macro_f1_nsvf"):
        names = [name for name in names if name != "macro_f1"]
    rows = [(title_of(name), _with_spread(numbers, name), _limits(numbers, name)) for name in names]
    return Table(
        f"{model_title(report, key)} in full",
        ("number", "value", "95 % interval over records"),
        tuple(rows),
    )


def sensitivity_table(report: Mapping[str, Any], key: str) -> Table | None:
    """What the figures hang on; None when the protocol has no such records."""
    numbers = models(report)[key]
    rows = numbers.get("sensitivity", {})
    if not rows:
        return None
    names = [f"f1.{label}" for label in report["classes"]] + ["macro_f1_nsv", "macro_f1_nsvf"]
    lines = [("all records", *(show(value_of(numbers, name), name) for name in names))]
    for row, values in rows.items():
        cells = (show(value_of(values, name), name) for name in names)
        lines.append((row.replace("_", " "), *cells))
    return Table(
        f"{model_title(report, key)} without the records that decide",
        ("rows", *map(title_of, names)),
        tuple(lines),
    )


def confusion_table(report: Mapping[str, Any], key: str) -> Table:
    """Counts, reference in rows."""
    labels = report["classes"]
    matrix = models(report)[key]["confusion"]
    rows = tuple(
        (label, *(f"{count:,}" for count in line))
        for label, line in zip(labels, matrix, strict=True)
    )
    seeds = report["n_seeds"]
    return Table(
        f"{model_title(report, key)}: beats by reference (rows) and label (columns)",
        ("reference", *labels),
        rows,
        f"Summed over {seeds} seeds." if seeds > 1 else "",
    )


def record_table(report: Mapping[str, Any], key: str) -> Table:
    """Every test record."""
    labels = report["classes"]
    names = [f"{rate}.{label}" for label in labels for rate in ("se", "ppv")]
    names += ["accuracy", "miss_rate", "false_positive_rate"]
    rows = tuple(
        (record, f"{values['beats']:,}", *(show(value_of(values, n), n) for n in names))
        for record, values in models(report)[key]["per_record"].items()
    )
    title = f"{model_title(report, key)}, record by record"
    return Table(title, ("record", "beats", *map(title_of, names)), rows)


def comparison_tables(report: Mapping[str, Any]) -> list[Table]:
    """Paired differences between models."""
    return [
        Table(
            f"{_pair_title(report, pair)}: paired over records",
            ("number", "difference", "95 % interval", "verdict"),
            tuple(
                (
                    title_of(name),
                    _difference(item["difference"], name),
                    f"{_difference(item['low'], name).removesuffix(' points')} to "
                    f"{_difference(item['high'], name)}",
                    item["verdict"],
                )
                for name, item in numbers.items()
            ),
        )
        for pair, numbers in report.get("comparisons", {}).items()
    ]


def _pair_title(report: Mapping[str, Any], pair: str) -> str:
    first, second = (model_title(report, key) for key in pair.split(" - "))
    return f"{first} minus {second}"


def _difference(value: float | None, name: str) -> str:
    if value is None:
        return MISSING
    return f"{100 * value:+.2f} points" if name in PERCENT else f"{value:+.3f}"


def tables(report: Mapping[str, Any], *, records: bool = True, spread: bool = True) -> list[Table]:
    """Return every table of a report, the most important first."""
    key = next(iter(models(report)))
    found: list[Table | None] = [
        main_table(report, spread=spread),
        *comparison_tables(report),
        detail_table(report, key),
        sensitivity_table(report, key),
        confusion_table(report, key),
    ]
    if records:
        found.append(record_table(report, key))
    return [table for table in found if table is not None]


# Markdown


def _markdown_table(table: Table) -> str:
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|" + " --- |" + " ---: |" * (len(table.columns) - 1),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows),
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
    subject, test = report["subject"], report["test"]
    parts = [f"# {subject['name']} on {report['protocol']}"]
    if report["note"]:
        parts.append(f"**{report['note']}**")
    if report.get("verdict"):
        parts.append(report["verdict"])
    parts += [_markdown_table(table) for table in tables(report)]
    if pictures:
        parts.append("## Pictures")
        parts += [f"![{title}]({path.as_posix()})" for title, path in pictures.items()]
    parts.append("## What this was made of\n\n" + "\n".join(f"- {line}" for line in facts(report)))
    parts.append(f"Records: {' '.join(test['record_names'])}.")
    return "\n\n".join(parts) + "\n"


def facts(report: Mapping[str, Any]) -> list[str]:
    """Return what has to be known to make the report again, and its traps, as sentences."""
    test, bootstrap = report["test"], report["bootstrap"]
    digests = report.get("program_sha256")
    digests = [digests] if isinstance(digests, str) else digests or []
    programs = [f"Program {digest}." for digest in digests]
    if len(digests) > MAX_DIGESTS:
        programs = [f"{len(digests)} programs; their SHA-256 are in report.json."]
    lines = [
        f"Data: {test['database']}, lead {test['lead']}, {test['fs']} Hz, windows of "
        f"{test['window']} samples, task {test['task']}, AAMI map {test['aami_map']}; "
        f"{test['dropped']:,} beats of other symbols left out.",
        f"Intervals: {bootstrap['level']:.0%} percentile bootstrap over records, "
        f"{bootstrap['resamples']:,} resamples; AUROC exactly, AUPRC on "
        f"{bootstrap['auprc_bins']:,} score bins.",
        *programs,
        *report["traps"],
        f"Made by {report['made_by']}.",
    ]
    training = report["subject"].get("trained_on")
    if training:
        lines.insert(1, f"Trained on: {training}.")
    return lines


# Terminal


def print_report(report: Mapping[str, Any], console: "Console", *, records: bool = False) -> None:
    """Print the tables of a report with rich."""
    from rich import box
    from rich.table import Table as RichTable

    if report["note"]:
        console.print(report["note"], style="bold yellow")
    for table in tables(report, records=records, spread=console.width >= WIDE):
        shown = RichTable(
            title=table.title, title_justify="left", title_style="bold", caption=table.note or None,
            caption_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
        )  # fmt: skip
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if index else "left", no_wrap=not index)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        console.print()
    if report.get("verdict"):
        console.print(report["verdict"], style="bold", highlight=False)
    for line in facts(report):
        console.print(f"- {line}", highlight=False, markup=False)
