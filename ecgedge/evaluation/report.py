"""The report of one evaluation as one JSON object. Tables and pictures are made from it.

`program` is the integer program, `float` the float student that it was rounded from. Other rows
(baseline, teacher, ...) stand under `rows` with the same keys.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecgedge import __version__
from ecgedge.evaluation.bootstrap import BINS, LEVEL, RESAMPLES, record_weights
from ecgedge.evaluation.heldout import HeldOut, traps
from ecgedge.evaluation.metrics import Predictions
from ecgedge.evaluation.numbers import (
    Measured,
    as_json,
    compare,
    comparison_json,
    measure,
    nest,
    number,
    sensitivity,
)
from firmware_sim.errors import EcgedgeError

SEED = 0
PROGRAM, FLOAT, BASELINE = "program", "float", "baseline"
COMPARED = ("f1.S", "f1.V", "accuracy", "auroc_n_rest", "miss_rate", "false_positive_rate")
EXCERPT_NOTE = "Not results: made on a part of the database, to show that everything runs."


@dataclass(frozen=True, eq=False)
class Row:
    """One model, with one prediction of the test beats for each seed.

    Attributes
    ----------
    name : str
        `program`, `float`, `baseline`, `teacher`, ...
    what : str
        What it is, for people.
    seeds : tuple of Predictions
    parameters : int or None
    thresholds : tuple of float or int
        One a seed, for two classes; in the unit of the scores.
    digests : tuple of str
        SHA-256 of each program; empty for models that are none.
    """

    name: str
    what: str
    seeds: tuple[Predictions, ...]
    parameters: int | None = None
    thresholds: tuple[float, ...] = ()
    digests: tuple[str, ...] = ()


def _row_json(row: Row, measured: Measured) -> dict[str, Any]:
    thresholds = list(row.thresholds)
    return {
        "what": row.what,
        "parameters": row.parameters,
        "threshold": thresholds[0] if len(thresholds) == 1 else None,
        "thresholds": thresholds,
        **as_json(measured),
        "sensitivity": {name: nest(numbers) for name, numbers in sensitivity(row.seeds).items()},
    }


def _test_json(test: HeldOut) -> dict[str, Any]:
    beats = test.beats
    return {
        "records": len(test.split.test),
        "beats": len(test.y),
        "classes": {label: int((test.y == i).sum()) for i, label in enumerate(test.labels)},
        "dropped": test.dropped,
        "record_names": list(test.split.test),
        "missing_records": list(test.split.missing),
        "database": "mitdb",
        "task": test.task,
        "aami_map": test.aami_map,
        "lead": beats.lead,
        "leads": dict(zip(beats.records, beats.leads, strict=True)),
        "fs": beats.fs,
        "window": beats.window,
    }


def _headline(row: Row, measured: Measured, float_measured: Measured | None) -> dict[str, Any]:
    """Return the few numbers that stand at the top of the object."""

    def spread(name: str) -> dict[str, float | None]:
        limits = measured.interval(name)
        return {
            "mean": number(measured.values[name]),
            "low": number(limits.low),
            "high": number(limits.high),
        }

    per_class = {
        label: {rate: number(measured.values[f"{rate}.{label}"]) for rate in ("se", "ppv", "f1")}
        for label in measured.labels
    }
    main = main_number(measured.labels)
    return {
        "classes": list(measured.labels),
        "n_seeds": measured.seeds,
        "parameters": row.parameters,
        "macro_f1_nsv": spread("macro_f1_nsv"),
        "main": {"name": main, **spread(main)},
        "per_class": per_class,
        "auroc": {
            name.removeprefix("auroc_"): spread(name)
            for name in measured.values
            if name.startswith("auroc_")
        },
        "integer_minus_float": None
        if float_measured is None
        else number(measured.values[main] - float_measured.values[main]),
    }


def main_number(labels: Sequence[str]) -> str:
    """Return the name of the number that a task is judged by."""
    if len(labels) == 2:
        return "f1_abnormal"
    return "macro_f1_nsv" if {"N", "S", "V"} <= set(labels) else "macro_f1"


def _agreement(first: Row, second: Row) -> float:
    """Share of beats that both forms of a model label alike, over all seeds."""
    same = [
        float((a.predicted == b.predicted).mean())
        for a, b in zip(first.seeds, second.seeds, strict=True)
    ]
    return sum(same) / len(same)


def build(
    test: HeldOut,
    rows: Sequence[Row],
    *,
    subject: Mapping[str, Any],
    pairs: Sequence[tuple[str, str]] = (),
    resamples: int = RESAMPLES,
    seen: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure every row and put the report together.

    Parameters
    ----------
    test : HeldOut
    rows : sequence of Row
        The one named `program` (or the first) gives the headline.
    subject : mapping
        What was evaluated: `name`, `kind`, and what is known of its training.
    pairs : sequence of (first, second)
        Rows to compare: second - first, paired over records.
    resamples : int
        Bootstrap resamples.
    seen : sequence of str
        Test records that were training records of this model.
    notes : sequence of str
        What was left out, and why.

    Returns
    -------
    dict
        Ready for `json.dumps`; no NaN in it.
    """
    if not rows:
        raise EcgedgeError("there is no model to evaluate; train one first.")
    weights = record_weights(len(test.beats.records), resamples, SEED)
    found = {row.name: measure(row.seeds, weights) for row in rows}
    by_name = {row.name: row for row in rows}
    lead = by_name.get(PROGRAM, rows[0])
    other = found.get(FLOAT) if lead.name == PROGRAM else None
    report: dict[str, Any] = {
        "protocol": test.split.name,
        "is_result": test.is_result and not seen,
        "note": _note(test, seen),
        "subject": dict(subject),
        **_headline(lead, found[lead.name], other),
        "test": _test_json(test),
        "traps": [*traps(test), *_unknown(subject), *notes],
        "bootstrap": {
            "unit": "record",
            "resamples": resamples,
            "level": LEVEL,
            "seed": SEED,
            "auprc_bins": BINS,
        },
    }
    for row in rows:
        content = _row_json(row, found[row.name])
        if row.name in (PROGRAM, FLOAT):
            report[row.name] = content
        else:
            report.setdefault("rows", {})[row.name] = content
    if PROGRAM in by_name:
        digests = list(by_name[PROGRAM].digests)
        report["program_sha256"] = digests[0] if len(digests) == 1 else digests
    if other is not None:
        differences = compare(found[PROGRAM], other)
        report["float_minus_program"] = nest(
            {name: item.difference for name, item in differences.items()}
        )
        report["label_agreement"] = _agreement(by_name[PROGRAM], by_name[FLOAT])
    report["comparisons"] = {
        f"{second} - {first}": _comparison(found[first], found[second])
        for first, second in pairs
        if first in found and second in found
    }
    report["verdict"] = _verdict(report)
    report["made_by"] = f"ecgedge {__version__}"
    return report


def _note(test: HeldOut, seen: Sequence[str]) -> str | None:
    """Return the warning that goes with every figure, if there is one."""
    if seen:
        return (
            f"Not results: {len(seen)} of the test records were training records of this model "
            f"({', '.join(seen)})."
        )
    return None if test.is_result else EXCERPT_NOTE


def _unknown(subject: Mapping[str, Any]) -> list[str]:
    if subject.get("trained_on"):
        return []
    return ["Which records the model was trained on is not known here: see the card of the bundle."]


def _comparison(first: Measured, second: Measured) -> dict[str, object]:
    main = main_number(first.labels)
    names = (main, "macro_f1_nsvf", *COMPARED) if main == "macro_f1_nsv" else (main, *COMPARED)
    differences = compare(first, second)
    wanted = {name: differences[name] for name in names if name in differences}
    return {
        name: value
        for name, value in comparison_json(wanted).items()
        if isinstance(value, dict) and value["difference"] is not None
    }


def _verdict(report: Mapping[str, Any]) -> str | None:
    """Say whether the student is better than its baseline; None when there is no baseline."""
    name = report["main"]["name"]
    found = report["comparisons"].get(f"{PROGRAM} - {BASELINE}", {}).get(name)
    if found is None or found["low"] is None:
        return None
    said = {"higher": "better than", "lower": "worse than"}.get(found["verdict"])
    said = f"{said} its baseline" if said else "no difference from its baseline was seen"
    who = report[PROGRAM]["what"].partition(",")[0].capitalize()
    return (
        f"{who}: {said} ({name} {found['difference']:+.3f}, 95 % interval over "
        f"records {found['low']:+.3f} to {found['high']:+.3f})."
    )


def to_text(report: Mapping[str, Any]) -> str:
    """Return the report as JSON text; a NaN that got in is an error here, not in the reader."""
    return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
