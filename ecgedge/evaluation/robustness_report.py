"""A report of robustness as tables, Markdown, pictures and a folder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgedge.data.noise import MIX, NOISES
from ecgedge.evaluation.conditions import CLEAN, DETECTOR
from ecgedge.evaluation.names import MISSING, show, show_difference, show_limits, title_of
from ecgedge.evaluation.report import to_text
from ecgedge.evaluation.report_folder import REPORT_JSON, REPORT_MARKDOWN, report_folder
from ecgedge.evaluation.robustness import curve
from ecgedge.evaluation.tables import MARKS, Table
from ecgedge.evaluation.text import markdown_table
from firmware_sim.files import write_atomic

if TYPE_CHECKING:
    from ecgedge.evaluation.forest import Bar
    from ecgedge.evaluation.severity import Level

CURVES, DIFFERENCES = "noise.png", "differences.png"


def title(report: Mapping[str, Any]) -> str:
    """Return the heading."""
    name, part = report["subject"]["name"], report["part"]
    return f"{name}: robustness on {part} records of {report['protocol']}"


def table(report: Mapping[str, Any]) -> Table:
    """Every condition: each number, and below it the difference to the clean records."""
    names = report["numbers"]
    rows = tuple(
        (item["title"], *(_cell(item, name) for name in names))
        for item in report["conditions"].values()
    )
    seeds = "Means over seeds. " if report["n_seeds"] > 1 else ""
    return Table(
        title(report),
        ("condition", *map(title_of, names)),
        rows,
        f"{seeds}In brackets: difference to clean, 95 % interval over records, paired; "
        "▲ higher, ▼ lower: it excludes zero.",
    )


def _cell(item: Mapping[str, Any], name: str) -> str:
    value = show(item["numbers"][name]["mean"], name)
    against = item["minus_clean"].get(name)
    if against is None:
        limits = item["numbers"][name]
        shown = show_limits((limits["low"], limits["high"]), name)
        return value if shown == MISSING else f"{value}\n({shown})"
    low, high = show_difference(against["low"], name), show_difference(against["high"], name)
    low = low.removesuffix(" points")
    mark = MARKS.get(against["verdict"], "")
    return f"{value}{mark}\n({low} to {high.removesuffix(' points')})"


def facts(report: Mapping[str, Any]) -> list[str]:
    """Return what has to be known, as sentences."""
    beats, bootstrap = report["beats"], report["bootstrap"]
    own = report["conditions"][DETECTOR]
    looks = len(report["ledger"])
    return [
        *report["skipped"],
        *report["definitions"],
        f"The detector missed {own['missed']:,} of {own['beats']:,} beats and found "
        f"{own['extra']:,} that the reference does not have.",
        f"Clean: {beats['records']} records, {report['conditions'][CLEAN]['beats']:,} beats"
        f"{' a seed, on average' if report['n_seeds'] > 1 else ''}, lead {beats['lead']}, "
        f"{beats['fs']} Hz, task {beats['task']}, AAMI map {beats['aami_map']}.",
        f"Intervals: {bootstrap['level']:.0%} percentile bootstrap over records, "
        f"{bootstrap['resamples']:,} resamples, {report['n_seeds']} "
        f"seed{'s' if report['n_seeds'] > 1 else ''}.",
        *([f"Test records were opened {looks} times for these models."] if looks > 1 else []),
        *([f"Command: {report['command']}"] if report["command"] else []),
        f"Made by {report['made_by']}.",
    ]


def markdown(report: Mapping[str, Any], pictures: Mapping[str, Path]) -> str:
    """Write the report as Markdown; `pictures` are title -> path relative to the file."""
    parts = [f"# {title(report)}"]
    if report["note"]:
        parts.append(f"**{report['note']}**")
    parts.append(markdown_table(table(report)))
    parts += [f"![{name}]({path.as_posix()})" for name, path in pictures.items()]
    parts.append("\n".join(f"- {line}" for line in facts(report)))
    return "\n\n".join(parts) + "\n"


def write_robustness(report: Mapping[str, Any], folder: Path, *, pictures: bool = True) -> Path:
    """Write `report.json`, `report.md` and the pictures, whole or not at all.

    A folder that holds an earlier report is replaced; its ledger stays.

    Parameters
    ----------
    report : mapping
        From `robustness.robustness`.
    folder : Path
    pictures : bool
        Needs matplotlib.

    Raises
    ------
    EcgedgeError
        When the folder exists and holds something else than a report.
    """
    with report_folder(folder) as place:
        drawn = _draw(report, place) if pictures else {}
        write_atomic(place / REPORT_JSON, to_text(report))
        write_atomic(place / REPORT_MARKDOWN, markdown(report, drawn))
    return Path(folder)


def _draw(report: Mapping[str, Any], place: Path) -> dict[str, Path]:
    from ecgedge.evaluation.forest import forest
    from ecgedge.evaluation.severity import Curve, Level, severities
    from ecgedge.evaluation.style import save

    names, conditions = report["numbers"], report["conditions"]
    note = f"{report['note']} " if report["note"] else ""
    drawn = {}
    if any(item["noise"] for item in conditions.values()):
        curves = [
            Curve(
                NOISES.get(kind, MIX),
                "dB",
                {title_of(name): [Level(*p) for p in curve(report, kind, name)] for name in names},
            )
            for kind in (*NOISES, MIX)
        ]
        clean = {title_of(name): _level(conditions[CLEAN]["numbers"][name]) for name in names}
        figure = severities(
            curves,
            clean=clean,
            title=f"{report['subject']['name']}: real noise",
            note=f"{note}Against the signal-to-noise ratio. Bands: 95 % intervals over records; "
            "dashed and grey: clean records.",
        )
        drawn["Real noise"] = Path(save(figure, place / CURVES).name)
    bars = {
        title_of(name): {
            item["title"]: _bar(item["minus_clean"][name])
            for key, item in conditions.items()
            if key != CLEAN and not item["noise"]
        }
        for name in names
    }
    figure = forest(
        bars,
        zero=True,
        title=f"{report['subject']['name']}: difference to clean records",
        note=f"{note}Coloured: the 95 % interval over records excludes zero.",
    )
    drawn["Difference to clean records"] = Path(save(figure, place / DIFFERENCES).name)
    return drawn


def _level(item: Mapping[str, Any]) -> "Level":
    from ecgedge.evaluation.severity import Level

    return Level(0, item["mean"], item["low"], item["high"])


def _bar(item: Mapping[str, Any]) -> "Bar":
    from ecgedge.evaluation.forest import Bar

    values = (item["difference"], item["low"], item["high"])
    difference, low, high = (math.nan if value is None else value for value in values)
    return Bar(difference, low, high)
