"""Every picture of a report, written into one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ecgedge.evaluation import plots, style
from ecgedge.evaluation.heldout import HeldOut
from ecgedge.evaluation.metrics import Predictions, score_classes
from ecgedge.evaluation.report import Row
from ecgedge.evaluation.tables import model_title, models, title_of, value_of

EXAMPLES = 5
TEST_PANEL, VALIDATION_PANEL = "test records", "validation records"


def note_of(report: Mapping[str, Any]) -> str:
    """Return the line below every picture: which data, and whether these are results."""
    test = report["test"]
    line = (
        f"{test['database']}, {report['protocol']}, lead {test['lead']}, {test['records']} test "
        f"records, {test['beats']:,} beats, AAMI map {test['aami_map']}."
    )
    return f"{report['note']} {line}" if report["note"] else line


def write_pictures(
    folder: Path,
    report: Mapping[str, Any],
    test: HeldOut,
    rows: Sequence[Row],
    validation: Mapping[str, Predictions] | None = None,
) -> dict[str, Path]:
    """Draw and write all pictures of a report.

    Parameters
    ----------
    folder : Path
        Exists.
    report : mapping
        From `report.build` with the same rows.
    test : HeldOut
    rows : sequence of Row
        Curves and beats are those of the first seed of each.
    validation : mapping, optional
        Row name -> predictions of validation records, drawn beside the test records.

    Returns
    -------
    dict
        Title -> file.
    """
    name, note = report["subject"]["name"], note_of(report)
    if report["n_seeds"] > 1:
        note += f" Curves and beats: first of {report['n_seeds']} seeds."
    shown = {row.what: row.seeds[0] for row in rows}
    beside = {
        row.what: validation[row.name] for row in rows if validation and row.name in validation
    }
    figures = {
        "ROC, N against the rest": ("roc.png", _roc(shown, beside, name, note)),
        "Precision and recall": ("precision_recall.png", _precision(shown, name, note)),
        "Confusion matrices": ("confusion.png", _confusion(report, name, note)),
        "Reliability of stated probabilities": (
            "reliability.png",
            plots.reliability(shown, title=f"{name}: stated probability and truth", note=note),
        ),
        "Every test record": ("records.png", _records(report, name, note)),
        "Beats labelled right and wrong": ("beats.png", _gallery(test, rows[0], name, note)),
    }
    return {title: style.save(figure, folder / file) for title, (file, figure) in figures.items()}


def _roc(
    shown: Mapping[str, Predictions], beside: Mapping[str, Predictions], name: str, note: str
) -> Figure:
    panels = {VALIDATION_PANEL: beside} if beside else {}
    panels[TEST_PANEL] = shown
    curves = {
        panel: {key: plots.ranking(beats) for key, beats in content.items()}
        for panel, content in panels.items()
    }
    return plots.roc(curves, title=f"{name}: N against the rest", note=note)


def _precision(shown: Mapping[str, Predictions], name: str, note: str) -> Figure:
    labels = next(iter(shown.values())).labels
    panels = {
        ("abnormal" if label == labels[0] else label): {
            key: plots.ranking(beats, label) for key, beats in shown.items()
        }
        for label in score_classes(labels).values()
    }
    return plots.precision_recall(panels, title=f"{name}: precision and recall", note=note)


def _confusion(report: Mapping[str, Any], name: str, note: str) -> Figure:
    content = {
        model_title(report, key): (numbers["confusion"], report["classes"])
        for key, numbers in models(report).items()
    }
    return plots.confusion_matrices(content, title=f"{name}: beats by class", note=note)


def _records(report: Mapping[str, Any], name: str, note: str) -> Figure:
    key, numbers = next(iter(models(report).items()))
    labels = report["classes"]
    rates = [f"{rate}.{label}" for rate in ("se", "ppv") for label in labels]
    rates += ["accuracy", "miss_rate", "false_positive_rate"]

    def values(source: Mapping[str, Any]) -> dict[str, float]:
        found = {rate: value_of(source, rate) for rate in rates}
        return {title_of(k): np.nan if v is None else float(v) for k, v in found.items()}

    limits = {}
    for rate in rates:
        low, high = value_of(numbers["intervals"], rate) or (None, None)
        if low is not None and high is not None:
            limits[title_of(rate)] = (low, high)
    by_record = {record: values(item) for record, item in numbers["per_record"].items()}
    title = f"{name}: every test record ({model_title(report, key)})"
    return plots.record_strips(by_record, values(numbers), limits, title=title, note=note)


def _gallery(test: HeldOut, row: Row, name: str, note: str) -> Figure:
    beats, cut = row.seeds[0], test.beats
    windows = cut.windows

    def example(i: int) -> plots.Example:
        minutes, seconds = divmod(cut.sample[i] / cut.fs, 60)
        return plots.Example(
            windows[i],
            test.labels[beats.y[i]],
            test.labels[beats.predicted[i]],
            f"{cut.records[cut.record[i]]} {int(minutes)}:{seconds:04.1f}",
        )

    content = [
        (label, [example(i) for i in right], [example(i) for i in wrong])
        for label, (right, wrong) in zip(
            test.labels, plots.pick_examples(beats, EXAMPLES), strict=True
        )
        if right or wrong
    ]
    title = f"{name}: beats of test records ({row.what})"
    return plots.gallery(content, cut.fs, title=title, note=note)
