"""Every picture of a report, written into one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ecgedge.evaluation import style
from ecgedge.evaluation.confusion import confusion_matrices
from ecgedge.evaluation.forest import Bar, forest
from ecgedge.evaluation.gallery import Example, gallery, pick_examples
from ecgedge.evaluation.heldout import HeldOut
from ecgedge.evaluation.metrics import Predictions, score_classes
from ecgedge.evaluation.names import title_of, value_of
from ecgedge.evaluation.ranking import precision_recall, ranking, roc
from ecgedge.evaluation.record_strips import record_strips
from ecgedge.evaluation.reliability import reliability
from ecgedge.evaluation.report import BASELINE, BASELINE_FLOAT, FLOAT, PROGRAM, Row, beats_of
from ecgedge.evaluation.tables import MAX_PAIRS, main_names, model_title, models, pair_names

EXAMPLES = 5
MAX_CURVES = 6
MAX_FOREST_PAIRS = 30
"""As many as can be read in one picture."""


def note_of(report: Mapping[str, Any]) -> str:
    """Return the line below every picture: which data, and whether these are results."""
    beats = beats_of(report)
    line = (
        f"{beats['database']}, {report['protocol']}, lead {beats['lead']}, {beats['records']} "
        f"{report['part']} records, {beats['beats']:,} beats, AAMI map {beats['aami_map']}."
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
        Row name -> predictions of validation records, or of training records out of fold, drawn
        beside the test records.

    Returns
    -------
    dict
        Title -> file.
    """
    name, note = " and ".join(str(one["name"]) for one in report["subjects"]), note_of(report)
    curves = note
    if report["n_seeds"] > 1:
        curves += f" Curves and beats: first of {report['n_seeds']} seeds."
    chosen = _with_curves(rows)
    if len(chosen) < len(rows):
        curves += " Not drawn: " + ", ".join(row.what for row in rows if row not in chosen) + "."
    shown = {row.what: row.seeds[0] for row in chosen}
    beside = {
        row.what: validation[row.name] for row in chosen if validation and row.name in validation
    }
    figures = {
        "Every model, with its interval over records": (
            "models.png", _models(report, name, note)
        ),
        "Differences, paired over records": ("differences.png", _differences(report, name, note)),
        "ROC": ("roc.png", _roc(report, shown, beside, name, curves)),
        "Precision and recall": ("precision_recall.png", _precision(shown, name, curves)),
        "Confusion matrices": ("confusion.png", _confusion(report, name, note)),
        "Reliability of stated probabilities": (
            "reliability.png",
            reliability(shown, title=f"{name}: stated probability and truth", note=curves),
        ),
        "Every record": ("records.png", _records(report, name, note)),
        "Beats labelled right and wrong": ("beats.png", _gallery(test, rows[0], name, curves)),
    }  # fmt: skip
    return {
        title: style.save(figure, folder / file)
        for title, (file, figure) in figures.items()
        if figure is not None
    }


def _with_curves(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that get curves: no float student beside its program, and not too many."""
    names = {row.name for row in rows}
    return [row for row in rows if not _is_twin(row.name, names)][:MAX_CURVES]


def _is_twin(name: str, names: set[str]) -> bool:
    """Say whether a row is the float student of a program among `names`."""
    twins = {FLOAT: PROGRAM, BASELINE_FLOAT: BASELINE}
    subject, slash, own = name.rpartition("/")
    return own in twins and f"{subject}{slash}{twins[own]}" in names


def _bar(value: float | None, limits: Any, seeds: Any = ()) -> Bar:
    low, high = limits or (None, None)
    middle, low, high = (np.nan if v is None else float(v) for v in (value, low, high))
    return Bar(middle, low, high, tuple(v for v in seeds or () if v is not None))


def _models(report: Mapping[str, Any], name: str, note: str) -> Figure:
    panels = {
        title_of(number): {
            model_title(report, key): _bar(
                value_of(numbers, number),
                value_of(numbers["intervals"], number),
                value_of(numbers.get("by_seed", {}), number),
            )
            for key, numbers in models(report).items()
        }
        for number in main_names(report["classes"])[:5]
    }
    dots = " Dots: seeds." if report["n_seeds"] > 1 else ""
    legend = f"Diamond: mean; bar: 95 % interval over records.{dots} {note}"
    return forest(panels, title=f"{name}: every model", note=legend)


def _differences(report: Mapping[str, Any], name: str, note: str) -> Figure | None:
    """Draw the differences of every pair, or of the first model's pairs where they are many.

    A float student stands beside its own program alone.
    """
    first = next(iter(models(report)))
    drawn = {name for name in models(report) if not _is_twin(name, set(models(report)))}
    pairs = {
        pair: numbers
        for pair, numbers in report["comparisons"].items()
        if pair == "program - float" or drawn.issuperset(pair.split(" - "))
    }
    wanted = list(pairs) if len(pairs) <= MAX_FOREST_PAIRS else [
        pair for pair in pairs if pair.startswith(f"{first} - ")
    ][:MAX_PAIRS]  # fmt: skip
    if not wanted:
        return None
    panels = {
        title_of(number): {
            " minus ".join(model_title(report, key) for key in pair.split(" - ")): _bar(
                pairs[pair][number]["difference"],
                (pairs[pair][number]["low"], pairs[pair][number]["high"]),
            )
            for pair in wanted
        }
        for number in pair_names(report["classes"])
        if all(number in pairs[pair] for pair in wanted)
    }
    legend = f"Coloured: the 95 % interval over records excludes zero. {note}"
    return forest(panels, zero=True, title=f"{name}: differences", note=legend)


def _roc(
    report: Mapping[str, Any],
    shown: Mapping[str, Predictions],
    beside: Mapping[str, Predictions],
    name: str,
    note: str,
) -> Figure:
    """Draw N against the rest, as training saw it too where that is known; V; S."""
    labels = next(iter(shown.values())).labels
    part, panels = f"{report['part']} records", {}
    if beside:
        has_folds = report["subject"].get("out_of_fold")
        seen = "out-of-fold scores" if has_folds else "validation records"
        panels[f"abnormal, {seen}"] = {k: ranking(b) for k, b in beside.items()}
    for label in score_classes(labels).values():
        what = "abnormal" if label == labels[0] else label
        panels[f"{what}, {part}"] = {k: ranking(b, label) for k, b in shown.items()}
    return roc(panels, title=f"{name}: ROC", note=note)


def _precision(shown: Mapping[str, Predictions], name: str, note: str) -> Figure:
    labels = next(iter(shown.values())).labels
    panels = {
        ("abnormal" if label == labels[0] else label): {
            key: ranking(beats, label) for key, beats in shown.items()
        }
        for label in score_classes(labels).values()
    }
    return precision_recall(panels, title=f"{name}: precision and recall", note=note)


def _confusion(report: Mapping[str, Any], name: str, note: str) -> Figure:
    content = {
        model_title(report, key): (numbers["confusion"], report["classes"])
        for key, numbers in models(report).items()
    }
    return confusion_matrices(content, title=f"{name}: beats by class", note=note)


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
    title = f"{name}: every record ({model_title(report, key)})"
    return record_strips(by_record, values(numbers), limits, title=title, note=note)


def _gallery(test: HeldOut, row: Row, name: str, note: str) -> Figure:
    beats, cut = row.seeds[0], test.beats
    windows = cut.windows

    def example(i: int) -> Example:
        minutes, seconds = divmod(cut.sample[i] / cut.fs, 60)
        return Example(
            windows[i],
            test.labels[beats.y[i]],
            test.labels[beats.predicted[i]],
            f"{cut.records[cut.record[i]]} {int(minutes)}:{seconds:04.1f}",
        )

    content = [
        (label, [example(i) for i in right], [example(i) for i in wrong])
        for label, (right, wrong) in zip(test.labels, pick_examples(beats, EXAMPLES), strict=True)
        if right or wrong
    ]
    title = f"{name}: beats ({row.what})"
    return gallery(content, cut.fs, title=title, note=note)
