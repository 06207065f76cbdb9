"""Tables of a report, as text; `text` and `page` write them.

Everything comes from the JSON object. A cell may have several lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecgedge.data.splits import get_split
from ecgedge.evaluation.names import (
    MISSING,
    show,
    show_difference,
    show_limits,
    title_of,
    value_of,
)
from ecgedge.evaluation.names import TITLES as NUMBERS
from ecgedge.evaluation.published import published
from ecgedge.evaluation.report import beats_of

MAX_PAIRS = 60
"""Pairs in one table; a comparison of many runs has hundreds, which are in the JSON object."""
MARKS = {"higher": " ▲", "lower": " ▼"}
SUBSETS = {
    "without_201": "without 201",
    "without_202": "without 202",
    "S_without_232": "S without 232",
    "F_without_213": "F without 213",
    "without_ds1": "without records of DS1",
    "aami_map_bxb": "AAMI map bxb (e, j, n are S)",
    "aami_map_aami": "AAMI map aami (e, j, n are N)",
}
"""Row of `numbers.sensitivity` -> what people call it."""


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


def models(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return every model of a report by name, the program first."""
    found = {name: report[name] for name in ("program", "float") if name in report}
    return found | dict(report.get("rows", {}))


def lead_of(report: Mapping[str, Any]) -> str:
    """Return the name of the model that the report is about."""
    return next(iter(models(report)))


def model_title(report: Mapping[str, Any], key: str) -> str:
    """Return what people call a model of the report."""
    return str(models(report)[key]["what"])


def title_of_report(report: Mapping[str, Any]) -> str:
    """Return the heading: what, on which records."""
    names = [str(subject["name"]) for subject in report["subjects"]]
    return f"{' and '.join(names)} on {report['part']} records of {report['protocol']}"


def main_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of the first table."""
    if len(labels) == 2:
        return ("f1_abnormal", "miss_rate", "false_positive_rate", "auroc_n_rest", "auprc_n_rest")
    each = tuple(f"f1.{label}" for label in ("S", "V") if label in labels)
    whole = ("macro_f1_nsv",) if {"N", "S", "V"} <= set(labels) else ("macro_f1",)
    return (*whole, *each, "accuracy", "auroc_n_rest", "miss_rate", "false_positive_rate")


def _all_names(report: Mapping[str, Any], key: str) -> list[str]:
    """Every number of a model, classes first, none of them twice."""
    numbers = models(report)[key]
    names = [f"{rate}.{label}" for label in report["classes"] for rate in ("se", "ppv", "f1")]
    names += [
        name
        for name in NUMBERS
        if value_of(numbers, name) is not None and name != "f1_abnormal"  # there as F1 of its class
    ]
    if value_of(numbers, "macro_f1") == value_of(numbers, "macro_f1_nsvf"):
        names = [name for name in names if name != "macro_f1"]
    return names


def _with_spread(numbers: Mapping[str, Any], name: str) -> str:
    value, sd = value_of(numbers, name), value_of(numbers.get("sd", {}), name)
    text = show(value, name)
    if value is None or sd is None:
        return text
    return f"{text.removesuffix(' %')} ± {show(sd, name)}"


def _limits(numbers: Mapping[str, Any], name: str) -> str:
    return show_limits(value_of(numbers.get("intervals", {}), name), name)


def _two_lines(value: str, limits: str) -> str:
    return value if limits == MISSING else f"{value}\n({limits})"


# The table, and every number in it


def main_table(report: Mapping[str, Any], *, spread: bool = True) -> Table:
    """Every model and the published figures side by side, with the spread over seeds.

    Figures that are no results of the protocol, or of another task than it has, are not put beside
    published ones.
    """
    names = main_names(report["classes"])
    rows = []
    for key, numbers in models(report).items():
        size = numbers.get("parameters")
        write = _with_spread if spread else lambda n, name: show(value_of(n, name), name)
        cells = [write(numbers, name) for name in names]
        rows.append((model_title(report, key), f"{size:,}" if size else MISSING, *cells))
    notes = []
    others = published(report["protocol"]) if _is_comparable(report) else ()
    for row in others:
        values = {name: row.values.get(name) for name in names}
        if not any(v is not None for v in values.values()):
            continue
        size = f"{int(row.size):,}" if row.size.isdigit() else row.size or MISSING
        rows.append((f"* {row.name}", size, *(show(v, n) for n, v in values.items())))
        if row.note:
            notes.append(f"{row.name}: {row.note}")
    seeds, beats = report["n_seeds"], beats_of(report)
    what = "Mean ± standard deviation" if spread else "Mean"
    over = f"{what} over {seeds} seeds. " if seeds > 1 else ""
    stars = "* others' figures" if others else "Not to be compared with published figures"
    return Table(
        f"{report['protocol']}: {beats['records']} {report['part']} records, "
        f"{beats['beats']:,} beats",
        ("model", "parameters", *map(title_of, names)),
        tuple(rows),
        f"{over}{stars}{' (' + '; '.join(notes) + ')' if notes else ''}.",
    )


def _is_comparable(report: Mapping[str, Any]) -> bool:
    own = get_split(report["protocol"]).task
    return bool(report["is_result"]) and beats_of(report)["task"] == own


def detail_table(report: Mapping[str, Any], key: str) -> Table:
    """Every number of one model with its interval."""
    numbers = models(report)[key]
    rows = [
        (title_of(name), _with_spread(numbers, name), _limits(numbers, name))
        for name in _all_names(report, key)
    ]
    return Table(
        f"{model_title(report, key)} in full",
        ("number", "value", "95 % interval over records"),
        tuple(rows),
    )


def full_table(report: Mapping[str, Any]) -> Table:
    """Every number of every model, with the spread over seeds and the interval over records."""
    found = models(report)
    rows = [
        (
            title_of(name),
            *(
                _two_lines(_with_spread(numbers, name), _limits(numbers, name))
                for numbers in found.values()
            ),
        )
        for name in _all_names(report, lead_of(report))
    ]
    over = "mean ± standard deviation over seeds, and " if report["n_seeds"] > 1 else ""
    return Table(
        "Every number of every model",
        ("number", *(model_title(report, key) for key in found)),
        tuple(rows),
        f"In each cell {over}the 95 % interval over records.",
    )


def seed_table(report: Mapping[str, Any], key: str) -> Table | None:
    """Every seed of one model; None when it has one."""
    numbers = models(report)[key]
    if not numbers.get("by_seed"):
        return None
    names = main_names(report["classes"])
    columns = [value_of(numbers["by_seed"], name) for name in names]
    rows = tuple(
        (str(seed), *(show(column[seed], n) for n, column in zip(names, columns, strict=True)))
        for seed in range(numbers["seeds"])
    )
    title = f"{model_title(report, key)}, seed by seed"
    return Table(title, ("seed", *map(title_of, names)), rows)


# Differences


def pair_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers in which every two models are held against each other at a glance."""
    left_out = {"accuracy", "auprc_n_rest"}
    if len(labels) > 2:
        left_out |= {"miss_rate", "false_positive_rate"}
    return tuple(name for name in main_names(labels) if name not in left_out)


def _is_of_lead(report: Mapping[str, Any], pair: str) -> bool:
    """Say whether the first of a pair is the program (or what leads) of one of the subjects."""
    lead = lead_of(report)
    return pair.split(" - ")[0].rpartition("/")[2] == lead


def pair_table(report: Mapping[str, Any], *, everything: bool = True) -> Table | None:
    """Paired differences between models, in the numbers that matter most; None without pairs.

    Parameters
    ----------
    report : mapping
    everything : bool
        Every pair, up to `MAX_PAIRS` of them; otherwise those of the program alone.
    """
    pairs = report.get("comparisons", {})
    own = [pair for pair in pairs if _is_of_lead(report, pair)]
    shown = list(pairs) if everything and len(pairs) <= MAX_PAIRS else own
    if not shown:
        return None
    names = pair_names(report["classes"])
    firsts = {pair.split(" - ")[0] for pair in shown}
    what, title = "first\nminus second", "Differences, paired over records"
    if len(firsts) == 1:
        what, title = "minus", f"{model_title(report, firsts.pop())}: {title.lower()}"

    def name_of(pair: str) -> str:
        if what == "minus":
            return model_title(report, pair.split(" - ")[1])
        return _pair_title(report, pair, "\nminus ")

    rows = tuple(
        (name_of(pair), *(_pair_cell(pairs[pair].get(name), name) for name in names))
        for pair in shown
    )
    left = len(pairs) - len(shown)
    return Table(
        title,
        (what, *map(title_of, names)),
        rows,
        "▲ higher, ▼ lower: the 95 % interval excludes zero. Elsewhere no difference was seen."
        + (f" The other {left} pairs are in report.json." if left and everything else ""),
    )


def _pair_cell(item: Mapping[str, Any] | None, name: str) -> str:
    if item is None:
        return MISSING
    mark = MARKS.get(item["verdict"], "")
    low, high = show_difference(item["low"], name), show_difference(item["high"], name)
    limits = f"({low.removesuffix(' points')} to {high.removesuffix(' points')})"
    return f"{show_difference(item['difference'], name)}{mark}\n{limits}"


def comparison_table(report: Mapping[str, Any], pair: str) -> Table:
    """Every paired difference between two models."""
    rows = tuple(
        (
            title_of(name),
            show_difference(item["difference"], name),
            f"{show_difference(item['low'], name).removesuffix(' points')} to "
            f"{show_difference(item['high'], name)}",
            item["verdict"],
        )
        for name, item in report["comparisons"][pair].items()
    )
    return Table(
        f"{_pair_title(report, pair)}: paired over records",
        ("number", "difference", "95 % interval", "verdict"),
        rows,
    )


def _pair_title(report: Mapping[str, Any], pair: str, between: str = " minus ") -> str:
    return between.join(model_title(report, key) for key in pair.split(" - "))


# What the figures hang on


def sensitivity_table(report: Mapping[str, Any], key: str, *, limits: bool = False) -> Table | None:
    """What the figures hang on; None when the protocol has no such records."""
    numbers = models(report)[key]
    rows = numbers.get("sensitivity", {})
    if not rows:
        return None
    names = [f"f1.{label}" for label in report["classes"]]
    names += [n for n in ("macro_f1_nsv", "macro_f1_nsvf") if value_of(numbers, n) is not None]
    if len(report["classes"]) == 2:
        names += ["miss_rate", "false_positive_rate"]

    def cell(source: Mapping[str, Any], name: str) -> str:
        value = show(value_of(source, name), name)
        return _two_lines(value, _limits(source, name)) if limits else value

    lines = [("all records", *(cell(numbers, name) for name in names))]
    for row, values in rows.items():
        lines.append((SUBSETS.get(row, row), *(cell(values, name) for name in names)))
    return Table(
        f"{model_title(report, key)} without the records that decide",
        ("rows", *map(title_of, names)),
        tuple(lines),
    )


def confusion_table(report: Mapping[str, Any], key: str) -> Table:
    """Counts, reference in rows."""
    labels, numbers = report["classes"], models(report)[key]
    rows = tuple(
        (label, *(f"{count:,}" for count in line))
        for label, line in zip(labels, numbers["confusion"], strict=True)
    )
    seeds = numbers["seeds"]
    return Table(
        f"{model_title(report, key)}: beats by reference (rows) and label (columns)",
        ("reference", *labels),
        rows,
        f"Summed over {seeds} seeds." if seeds > 1 else "",
    )


def record_table(report: Mapping[str, Any], key: str) -> Table:
    """Every record."""
    labels = report["classes"]
    names = [f"{rate}.{label}" for label in labels for rate in ("se", "ppv")]
    names += ["accuracy", "miss_rate", "false_positive_rate"]
    rows = tuple(
        (record, f"{values['beats']:,}", *(show(value_of(values, n), n) for n in names))
        for record, values in models(report)[key]["per_record"].items()
    )
    title = f"{model_title(report, key)}, record by record"
    return Table(title, ("record", "beats", *map(title_of, names)), rows)


# Where it comes from


def ledger_table(report: Mapping[str, Any]) -> Table | None:
    """Every look at test records by these models; None when there was none."""
    rows = tuple(
        (
            *(str(line.get(key, MISSING)) for key in ("time", "subject", "protocol", "aami_map")),
            *(f"{line[key]:,}" if isinstance(line.get(key), int) else MISSING
              for key in ("records", "beats")),
            str(line.get("ecgedge", MISSING)),
        )
        for line in report["ledger"]
    )  # fmt: skip
    if not rows:
        return None
    return Table(
        "Ledger: when these models were shown test records",
        ("time (UTC)", "what", "protocol", "AAMI map", "records", "beats", "ecgedge"),
        rows,
        "A figure chosen among several looks is no test any more.",
    )


def hash_table(report: Mapping[str, Any]) -> Table:
    """SHA-256 of every model."""
    rows = tuple(
        (model_title(report, key), "\n".join(numbers["sha256"]) or MISSING)
        for key, numbers in models(report).items()
    )
    note = "Of a program's integers, of the file with the weights of the others; one a seed."
    return Table("What was evaluated", ("model", "SHA-256"), rows, note)


def tables(report: Mapping[str, Any], *, records: bool = True, spread: bool = True) -> list[Table]:
    """Return the tables that a terminal shows, the most important first."""
    key = lead_of(report)
    found: list[Table | None] = [
        main_table(report, spread=spread),
        pair_table(report, everything=False),
        detail_table(report, key),
        sensitivity_table(report, key),
        confusion_table(report, key),
    ]
    if records:
        found.append(record_table(report, key))
    return [table for table in found if table is not None]


def all_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return every table of a report, for files."""
    key, keys = lead_of(report), list(models(report))
    against = [pair for pair in report["comparisons"] if pair.startswith(f"{key} - ")]
    found: list[Table | None] = [
        main_table(report),
        pair_table(report),
        full_table(report),
        *(comparison_table(report, pair) for pair in against),
        seed_table(report, key),
        *(sensitivity_table(report, key, limits=True) for key in keys),
        *(confusion_table(report, key) for key in keys),
        record_table(report, key),
        ledger_table(report),
        hash_table(report),
    ]
    return [table for table in found if table is not None]
