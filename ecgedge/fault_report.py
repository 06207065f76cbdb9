"""A sweep of faults as tables and as a picture."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecgedge.evaluation.names import show, title_of
from ecgedge.evaluation.tables import Table
from ecgedge.faults import kind_of
from firmware_sim.errors import EcgedgeError


def tables(report: Mapping[str, Any]) -> list[Table]:
    """One table a kind of fault: mean and spread of every number at every severity."""
    names = report["numbers"]
    found = []
    for kind, fault in report["faults"].items():
        rows = [
            (f"{level['severity']:g}", *(_cell(level["numbers"][name], name) for name in names))
            for level in fault["severities"]
        ]
        if fault["severities"][0]["severity"] != kind_of(kind).levels[0]:
            rows.insert(0, ("none", *(_cell(report["clean"][name], name) for name in names)))
        found.append(
            Table(
                f"{report['program']}: {fault['title']} ({kind})",
                (fault["unit"], *map(title_of, names)),
                tuple(rows),
                _note(report, fault),
            )
        )
    return found


def _cell(spread: Mapping[str, Any], name: str) -> str:
    value = show(spread["mean"], name)
    if spread["mean"] is None or spread["sd"] is None:
        return value
    low, high = show(spread["min"], name), show(spread["max"], name)
    sd = show(spread["sd"], name)
    return f"{value.removesuffix(' %')} ± {sd}\n({low.removesuffix(' %')} to {high})"


def _note(report: Mapping[str, Any], fault: Mapping[str, Any]) -> str:
    return f"{facts(report)} {_spread(report, fault['trials'])}".strip()


def _spread(report: Mapping[str, Any], trials: int) -> str:
    seeds = f"Means over {report['n_seeds']} seeds." if report["n_seeds"] > 1 else ""
    over = f"± standard deviation, and range, over {trials} trials." if trials > 1 else ""
    return f"{seeds} {over}".strip()


def facts(report: Mapping[str, Any]) -> str:
    """Return what the figures are about, as a sentence."""
    tested = len(report["test_records"])
    kind = f"{tested} of them test records" if tested else "none of them a test record"
    return (
        f"{len(report['records'])} records, {kind} of {report['protocol']}; "
        f"{report['beats']:,} beats at the annotations, lead {report['lead']}."
    )


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw accuracy against severity, a column a fault, with the range over trials.

    Parameters
    ----------
    report : mapping
        From `fault_sweep.sweep`.
    path : Path
        PNG to write.

    Raises
    ------
    EcgedgeError
        When matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise EcgedgeError("a picture needs matplotlib; pip install 'ecgedge[train]'.")
    from ecgedge.evaluation.severity import Curve, Level, severities
    from ecgedge.evaluation.style import save

    names = report["numbers"]
    curves = [
        Curve(
            fault["title"],
            fault["unit"],
            {
                title_of(name): [
                    Level(
                        level["severity"],
                        *(level["numbers"][name][key] for key in ("mean", "min", "max")),
                    )
                    for level in fault["severities"]
                ]
                for name in names
            },
        )
        for fault in report["faults"].values()
    ]
    what = f" with {curves[0].title}" if len(curves) == 1 else " with faults"
    seeds = f" Means over {report['n_seeds']} seeds." if report["n_seeds"] > 1 else ""
    trials = max(fault["trials"] for fault in report["faults"].values())
    figure = severities(
        curves,
        clean={title_of(n): Level(0, report["clean"][n]["mean"]) for n in names},
        title=f"{report['program']}{what}",
        note=f"{facts(report)}{seeds} Band: range over {trials} trials; dashed: without a fault.",
    )
    save(figure, path)
