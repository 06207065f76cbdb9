"""The report of one evaluation as one JSON object. Tables and pictures are made from it.

`program` is the integer program, `float` the float student that it was rounded from. Other rows
(plain student, teacher, logistic baseline, other runs) stand under `rows` with the same keys.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecgedge import __version__, runs
from ecgedge.evaluation.bootstrap import BINS, LEVEL, RESAMPLES, record_weights
from ecgedge.evaluation.heldout import TEST, HeldOut, traps
from ecgedge.evaluation.logistic import FEATURES
from ecgedge.evaluation.metrics import CALIBRATION, NSVF, Ints, Predictions
from ecgedge.evaluation.names import show_difference, title_of
from ecgedge.evaluation.numbers import (
    Measured,
    as_json,
    compare,
    comparison_json,
    measure,
    nest,
    number,
    sensitivity,
    sensitivity_json,
)
from firmware_sim.errors import EcgedgeError

SEED = 0
PROGRAM, FLOAT = "program", "float"
BASELINE, BASELINE_FLOAT, TEACHER = runs.BASELINE, "baseline_float", runs.TEACHER
COMPARED = (
    "macro_f1_nsvf", "f1.S", "f1.V", "f1.F", "accuracy", "auroc_n_rest", "auroc_v", "auroc_s",
    "auprc_n_rest", "auprc_v", "auprc_s", "miss_rate", "false_positive_rate", "calibration_error",
)  # fmt: skip
"""Numbers that are compared between every two rows, after the main one."""
LADDER = ("f1.V", "f1.S", "auroc_n_rest", "miss_rate", "false_positive_rate")
"""Numbers, after the main one, that a student is held against the logistic baseline by."""
LOW_IS_GOOD = ("miss_rate", "false_positive_rate", *CALIBRATION)
ENOUGH_SEEDS = 5
AREAS = {"N_rest": "auroc_n_rest", "V": "auroc_v", "S": "auroc_s"}
EXCERPT_NOTE = "Not results: made on a part of the database, to show that everything runs."
VALIDATION_NOTE = (
    "Not results: validation records, by which training chose; each seed is asked about its own."
)


@dataclass(frozen=True, eq=False)
class Row:
    """One model, with one prediction of the same beats for each seed.

    Attributes
    ----------
    name : str
        `program`, `float`, `baseline`, `teacher`, `logistic`, ...
    what : str
        What it is, for people.
    seeds : tuple of Predictions
    parameters : int or None
    thresholds : tuple of float or int
        One a seed, for two classes; in the unit of the scores.
    digests : tuple of str
        SHA-256 of each model.
    other_map : tuple of str and ndarray of int64, optional
        See `heldout.HeldOut.other_map`.
    """

    name: str
    what: str
    seeds: tuple[Predictions, ...]
    parameters: int | None = None
    thresholds: tuple[float, ...] = ()
    digests: tuple[str, ...] = ()
    other_map: tuple[str, Ints] | None = None


def _row_json(row: Row, measured: Measured, resamples: int, part: str) -> dict[str, Any]:
    thresholds = list(row.thresholds)
    hangs_on = (
        sensitivity(row.seeds, resamples, other_map=row.other_map, seed=SEED)
        if part == TEST
        else {}
    )
    return {
        "what": row.what,
        "sha256": list(row.digests),
        "parameters": row.parameters,
        "threshold": thresholds[0] if len(thresholds) == 1 else None,
        "thresholds": thresholds,
        **as_json(measured),
        "sensitivity": sensitivity_json(hangs_on),
    }


def _beats_json(test: HeldOut) -> dict[str, Any]:
    beats = test.beats
    return {
        "records": len(beats.records),
        "beats": len(test.y),
        "classes": {label: int((test.y == i).sum()) for i, label in enumerate(test.labels)},
        "dropped": test.dropped,
        "record_names": list(beats.records),
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
    """Return the few numbers that stand at the top of the object; null for what is not there."""

    def spread(name: str) -> dict[str, float | None] | None:
        if name not in measured.values:
            return None
        limits = measured.interval(name)
        return {
            "mean": number(measured.values[name]),
            "low": number(limits.low),
            "high": number(limits.high),
        }

    def of_class(label: str) -> dict[str, float | None] | None:
        if label not in measured.labels:
            return None
        return {rate: number(measured.values[f"{rate}.{label}"]) for rate in ("se", "ppv", "f1")}

    main = main_number(measured.labels)
    return {
        "classes": list(measured.labels),
        "n_seeds": measured.seeds,
        "parameters": row.parameters,
        "macro_f1_nsv": spread("macro_f1_nsv"),
        "main": {"name": main, **(spread(main) or {})},
        "per_class": {label: of_class(label) for label in dict.fromkeys((*measured.labels, *NSVF))},
        "auroc": {key: spread(name) for key, name in AREAS.items()},
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
    subjects: Sequence[Mapping[str, Any]],
    resamples: int = RESAMPLES,
    seen: Sequence[str] = (),
    notes: Sequence[str] = (),
    ledger: Sequence[Mapping[str, Any]] = (),
    command: str = "",
) -> dict[str, Any]:
    """Measure every row, compare every two of them, and put the report together.

    Parameters
    ----------
    test : HeldOut
        The beats that the first subject was asked about.
    rows : sequence of Row
        The one named `program` (or the first) gives the headline.
    subjects : sequence of mapping
        What was evaluated: `name`, `kind`, and what is known of its training; figures of one that
        is `interrupted` or `of_excerpt` are no results.
    resamples : int
        Bootstrap resamples.
    seen : sequence of str
        Test records that were training records of one of these models.
    notes : sequence of str
        What was left out, and why.
    ledger : sequence of mapping
        Lines of the ledger about these models, this look included.
    command : str
        What made the report.

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
    note = why_no_results(test, seen, subjects)
    report: dict[str, Any] = {
        "protocol": test.split.name,
        "part": test.part,
        "is_result": note is None,
        "note": note,
        "subject": dict(subjects[0]),
        "subjects": [dict(subject) for subject in subjects],
        **_headline(lead, found[lead.name], other),
        test.part: _beats_json(test),
        "traps": [*traps(test), *_unknown(subjects), *_few_seeds(found[lead.name]), *notes],
        "bootstrap": {
            "unit": "record",
            "resamples": resamples,
            "level": LEVEL,
            "seed": SEED,
            "auprc_bins": BINS,
        },
    }
    for row in rows:
        content = _row_json(row, found[row.name], resamples, test.part)
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
        f"{first} - {second}": _comparison(found[second], found[first])
        for first, second in itertools.combinations([row.name for row in rows], 2)
    }
    report["verdict"] = _against_baseline(report, lead)
    report["verdicts"] = _verdicts(report, lead, rows)
    report["ledger"] = [dict(entry) for entry in ledger]
    report["command"] = command
    report["made_by"] = f"ecgedge {__version__}"
    return report


def beats_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a report says of the beats that it is about."""
    found = report[report["part"]]
    assert isinstance(found, Mapping)
    return found


def why_no_results(
    test: HeldOut, seen: Sequence[str], subjects: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return why figures are no results; None when they are.

    Parameters
    ----------
    test : HeldOut
    seen : sequence of str
        Test records that were training records of one of these models.
    subjects : sequence of mapping
        As `build` takes them.
    """
    if test.part != TEST:
        return VALIDATION_NOTE
    if seen:
        return (
            f"Not results: {len(seen)} of the test records were training records of this model "
            f"({', '.join(seen)})."
        )
    stopped, excerpted = (_names_of(subjects, key) for key in ("interrupted", "of_excerpt"))
    if stopped:
        return f"Not results: the training of {stopped} was stopped by the user."
    if not test.is_result:
        return EXCERPT_NOTE
    return f"Not results: {excerpted} learned from the bundled excerpt." if excerpted else None


def _names_of(subjects: Sequence[Mapping[str, Any]], key: str) -> str:
    """Return the names of the subjects of which something holds; empty where there is none."""
    return " and ".join(str(subject["name"]) for subject in subjects if subject.get(key))


def _unknown(subjects: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [str(subject["name"]) for subject in subjects if not subject.get("trained_on")]
    if not names:
        return []
    who = "the model" if len(subjects) == 1 else " and ".join(names)
    return [f"Which records {who} was trained on is not known here: see the card of the bundle."]


def _few_seeds(measured: Measured) -> list[str]:
    """Say so when the spread over seeds is not, or hardly, known."""
    if measured.seeds >= ENOUGH_SEEDS:
        return []
    many = "One seed" if measured.seeds == 1 else f"{measured.seeds} seeds"
    return [
        f"{many}: a result needs at least {ENOUGH_SEEDS} (`ecgedge train --seeds 10`), for another "
        "start can differ by more than the interval over records."
    ]


def _comparison(first: Measured, second: Measured) -> dict[str, object]:
    main = main_number(first.labels)
    names = tuple(dict.fromkeys((main, *COMPARED)))
    return {
        name: value
        for name, value in comparison_json(compare(first, second, names)).items()
        if isinstance(value, dict) and value["difference"] is not None
    }


# What the intervals say, in words


def _against_baseline(report: Mapping[str, Any], lead: Row) -> str | None:
    """Say whether the student is better than its baseline; None when there is no baseline."""
    name = report["main"]["name"]
    found = report["comparisons"].get(f"{lead.name} - {BASELINE}", {}).get(name)
    if found is None or found["low"] is None:
        return None
    said = {"higher": "better than", "lower": "worse than"}.get(found["verdict"])
    said = f"{said} its baseline" if said else "no difference from its baseline was seen"
    who = lead.what.partition(",")[0].capitalize()
    return (
        f"{who}: {said} ({title_of(name)} {found['difference']:+.3f}, 95 % interval over "
        f"records {found['low']:+.3f} to {found['high']:+.3f})."
    )


def _against(report: Mapping[str, Any], lead: Row, other: Row) -> str:
    """Say in which numbers of the ladder a model is better and worse than another."""
    differences = report["comparisons"][f"{lead.name} - {other.name}"]
    sides: dict[str, list[str]] = {"better": [], "worse": [], "no difference seen": []}
    for name in (report["main"]["name"], *LADDER):
        found = differences.get(name)
        if found is None:
            continue
        good = "lower" if name in LOW_IS_GOOD else "higher"
        side = "better" if found["verdict"] == good else "worse"
        side = found["verdict"] if found["verdict"] in sides else side
        sides[side].append(f"{title_of(name)} {show_difference(found['difference'], name)}")
    told = [f"{side}: {', '.join(names)}" for side, names in sides.items() if names]
    return f"{lead.what} against {other.what}: {'; '.join(told)}."


def _verdicts(report: Mapping[str, Any], lead: Row, rows: Sequence[Row]) -> list[str]:
    """Return every verdict: against the baseline; of all subjects against the logistic ones."""
    own = [report["verdict"]] if report["verdict"] else []
    return own + [
        _against(report, student, row)
        for student in rows
        if _own_name(student) == lead.name
        for row in rows
        if _own_name(row) in FEATURES and f"{student.name} - {row.name}" in report["comparisons"]
    ]


def _own_name(row: Row) -> str:
    """Return the row's name within its subject."""
    return row.name.rpartition("/")[2]


def to_text(report: Mapping[str, Any]) -> str:
    """Return the report as JSON text; a NaN that got in is an error here, not in the reader."""
    return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
