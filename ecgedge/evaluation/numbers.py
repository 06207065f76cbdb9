"""All numbers of one model on one test set: values, spread, intervals, records, sensitivity.

A model is a list of predictions, one a seed. Values are means over seeds; `sd` is their standard
deviation (n - 1); intervals are over records, of the mean over seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecgedge.data.splits import DOMINANT_RECORD, SAME_PERSON
from ecgedge.evaluation.bootstrap import (
    Comparison,
    Interval,
    interval,
    paired,
    resampled_auprc,
    resampled_auroc,
    resampled_counts,
)
from ecgedge.evaluation.metrics import (
    Floats,
    Ints,
    Predictions,
    confusion_by_record,
    gross,
    rates,
    score_classes,
)


@dataclass(frozen=True, eq=False)
class Measured:
    """What `measure` found.

    Attributes
    ----------
    labels, records : tuple of str
    seeds : int
    beats : int
        Beats of one seed.
    values : dict of str to float
        Flat names as in `metrics.rates`, `metrics.score_metrics`, and `calibration_error`.
    sd : dict of str to float
        Over seeds; empty for one seed.
    samples : dict of str to ndarray, shape (resamples,)
        The same names in every resample of records; no `calibration_error`.
    counts : ndarray of int64, shape (records, classes, classes)
        Summed over seeds.
    per_record : dict of str to dict
        Record name -> `beats` and rates. Records without beats of the task are left out.
    """

    labels: tuple[str, ...]
    records: tuple[str, ...]
    seeds: int
    beats: int
    values: dict[str, float]
    sd: dict[str, float]
    samples: dict[str, Floats]
    counts: Ints
    per_record: dict[str, dict[str, float]]

    def interval(self, name: str) -> Interval:
        """Return the interval over records of one number; NaN for a number without one."""
        return interval(self.samples.get(name, np.array([np.nan])))


def _mean(values: Floats, axis: int = 0) -> Floats:
    """Mean of the numbers that exist; NaN where none does."""
    seen = ~np.isnan(values)
    total, count = np.where(seen, values, 0).sum(axis=axis), seen.sum(axis=axis)
    nothing = np.full(np.shape(total), np.nan)
    return np.asarray(np.divide(total, count, out=nothing, where=count > 0), np.float64)


def _samples(seeds: Sequence[Predictions], matrices: Ints, weights: Ints) -> dict[str, Floats]:
    """Every rate and area in every resample of records, mean over seeds."""
    counts = resampled_counts(matrices, weights)
    samples = {name: _mean(value) for name, value in rates(counts, seeds[0].labels).items()}
    for suffix, label in score_classes(seeds[0].labels).items():
        for name, area in (("auroc", resampled_auroc), ("auprc", resampled_auprc)):
            each = np.stack([area(seed, label, weights) for seed in seeds])
            samples[f"{name}_{suffix}"] = _mean(each)
    return samples


def _per_record(matrices: Ints, seeds: Sequence[Predictions]) -> dict[str, dict[str, float]]:
    table = rates(matrices, seeds[0].labels)
    beats = matrices[0].sum(axis=(1, 2))
    means = {name: _mean(value) for name, value in table.items() if not name.startswith("macro")}
    return {
        record: {"beats": float(beats[i]), **{name: float(v[i]) for name, v in means.items()}}
        for i, record in enumerate(seeds[0].records)
        if beats[i]
    }


def measure(seeds: Sequence[Predictions], weights: Ints) -> Measured:
    """Measure a model.

    Parameters
    ----------
    seeds : sequence of Predictions
        One a seed, all on the same beats.
    weights : ndarray of int64, shape (resamples, records)
        From `bootstrap.record_weights`; the same for all models that shall be compared.
    """
    tables = [gross(seed) for seed in seeds]
    matrices = np.stack([confusion_by_record(seed) for seed in seeds])
    columns = {name: np.array([table[name] for table in tables]) for name in tables[0]}
    return Measured(
        labels=seeds[0].labels,
        records=seeds[0].records,
        seeds=len(seeds),
        beats=len(seeds[0].y),
        values={name: float(_mean(column)) for name, column in columns.items()},
        sd={name: float(column.std(ddof=1)) for name, column in columns.items()}
        if len(seeds) > 1
        else {},
        samples=_samples(seeds, matrices, weights),
        counts=matrices.sum(axis=0),
        per_record=_per_record(matrices, seeds),
    )


def compare(first: Measured, second: Measured) -> dict[str, Comparison]:
    """Compare two models that were measured with the same weights: `second - first` by name."""
    return {
        name: paired(first.values[name], second.values[name], sample, second.samples[name])
        for name, sample in first.samples.items()
        if name in second.samples
    }


# What the figures hang on


def sensitivity(seeds: Sequence[Predictions]) -> dict[str, dict[str, float]]:
    """Repeat the figures without the records that are known to decide them.

    All classes without the record of the person who is also in training; and each class without
    the record that holds most of its beats. Rows whose record or class is not in the test set are
    left out.

    Returns
    -------
    dict
        `without_202`, `S_without_232`, `F_without_213` -> flat numbers.
    """
    labels, records = seeds[0].labels, seeds[0].records
    rows: dict[str, dict[str, float]] = {}
    for record in SAME_PERSON:
        if record in records:
            rows[f"without_{record}"] = _values_without(seeds, record)
    for label, record in DOMINANT_RECORD.items():
        if label in labels and record in records:
            numbers = _values_without(seeds, record)
            keep = (f"se.{label}", f"ppv.{label}", f"f1.{label}", "macro_f1_nsv", "macro_f1_nsvf")
            rows[f"{label}_without_{record}"] = {name: numbers[name] for name in keep}
    return rows


def _values_without(seeds: Sequence[Predictions], record: str) -> dict[str, float]:
    tables = [gross(seed.without(record)) for seed in seeds]
    return {name: float(_mean(np.array([table[name] for table in tables]))) for name in tables[0]}


# For machines


def number(value: float) -> float | None:
    """Return a number that JSON can hold: NaN becomes None."""
    return float(value) if np.isfinite(value) else None


def nest(flat: Mapping[str, object]) -> dict[str, object]:
    """Turn `{"f1.V": x}` into `{"f1": {"V": x}}`; NaN becomes None."""
    nested: dict[str, object] = {}
    for name, value in flat.items():
        kept = number(value) if isinstance(value, float) else value
        group, _, key = name.partition(".")
        if not key:
            nested[name] = kept
            continue
        inner = nested.setdefault(group, {})
        assert isinstance(inner, dict)
        inner[key] = kept
    return nested


def as_json(measured: Measured) -> dict[str, object]:
    """Return a model's numbers for a JSON report: one key a number."""
    limits = {name: measured.interval(name) for name in measured.samples}
    pairs = {name: [number(item.low), number(item.high)] for name, item in limits.items()}
    return {
        "seeds": measured.seeds,
        "beats": measured.beats,
        **nest(measured.values),
        "confusion": measured.counts.sum(axis=0).tolist(),
        "sd": nest(measured.sd),
        "intervals": nest(pairs),
        "per_record": {
            record: {
                **nest(numbers),
                "beats": int(numbers["beats"]),
                "confusion": measured.counts[measured.records.index(record)].tolist(),
            }
            for record, numbers in measured.per_record.items()
        },
    }


def comparison_json(comparisons: Mapping[str, Comparison]) -> dict[str, object]:
    """Return paired differences for a JSON report, by flat name."""
    return {
        name: {
            "difference": number(item.difference),
            "low": number(item.interval.low),
            "high": number(item.interval.high),
            "verdict": item.verdict,
        }
        for name, item in comparisons.items()
    }
