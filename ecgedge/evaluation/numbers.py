"""All numbers of one model on one test set: values, spread, intervals, records, sensitivity.

A model is a list of predictions, one a seed. Values are means over seeds; `sd` is their standard
deviation (n - 1); intervals are over records, of the mean over seeds. Seeds may speak of different
records (validation differs from seed to seed); records that a seed does not know are left out of
its part of the mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ecgedge.data.splits import DOMINANT_RECORD, DS1, SAME_PERSON
from ecgedge.evaluation.bootstrap import (
    Comparison,
    Interval,
    interval,
    paired,
    record_weights,
    resampled_auprc,
    resampled_auroc,
    resampled_calibration,
    resampled_counts,
)
from ecgedge.evaluation.metrics import (
    CALIBRATION,
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
        Beats of one seed; the mean where they differ.
    by_seed : dict of str to ndarray, shape (seeds,)
        Flat names as in `metrics.rates`, `metrics.score_metrics` and `metrics.CALIBRATION`.
    samples : dict of str to ndarray, shape (resamples,)
        The same names in every resample of records, mean over seeds.
    counts : ndarray of int64, shape (records, classes, classes)
        Summed over seeds.
    per_record : dict of str to dict
        Record name -> `beats` and rates. Records without beats of the task are left out.
    """

    labels: tuple[str, ...]
    records: tuple[str, ...]
    seeds: int
    beats: int
    by_seed: dict[str, Floats]
    samples: dict[str, Floats]
    counts: Ints
    per_record: dict[str, dict[str, float]]

    @cached_property
    def values(self) -> dict[str, float]:
        """Mean over seeds, by flat name."""
        return {name: float(_mean(column)) for name, column in self.by_seed.items()}

    @cached_property
    def sd(self) -> dict[str, float]:
        """Standard deviation over seeds, by flat name; empty for one seed."""
        if self.seeds < 2:
            return {}
        return {name: float(column.std(ddof=1)) for name, column in self.by_seed.items()}

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
    for name, scaled in CALIBRATION.items():
        errors = [resampled_calibration(seed, weights, scaled=scaled) for seed in seeds]
        samples[name] = _mean(np.stack(errors))
    return samples


def _per_record(matrices: Ints, seeds: Sequence[Predictions]) -> dict[str, dict[str, float]]:
    table = rates(matrices, seeds[0].labels)
    beats = matrices.sum(axis=(2, 3)).max(axis=0)
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
        One a seed, with the same list of records.
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
        beats=round(sum(len(seed.y) for seed in seeds) / len(seeds)),
        by_seed=columns,
        samples=_samples(seeds, matrices, weights),
        counts=matrices.sum(axis=0),
        per_record=_per_record(matrices, seeds),
    )


def compare(
    first: Measured, second: Measured, names: Sequence[str] | None = None
) -> dict[str, Comparison]:
    """Compare two models that were measured with the same weights: `second - first` by name.

    Parameters
    ----------
    first, second : Measured
    names : sequence of str, optional
        Numbers to compare, those that both have; all unless given.
    """
    wanted = first.samples if names is None else names
    known = [name for name in wanted if name in first.samples and name in second.samples]
    one, other = first.values, second.values
    return {
        name: paired(one[name], other[name], first.samples[name], second.samples[name])
        for name in known
    }


# What the figures hang on

Rows = dict[str, dict[str, tuple[float, Interval]]]
"""Row -> flat name -> value and interval."""


def sensitivity(
    seeds: Sequence[Predictions],
    resamples: int,
    *,
    other_map: tuple[str, Ints] | None = None,
    seed: int = 0,
) -> Rows:
    """Repeat the figures without the records that are known to decide them.

    All classes without the record of the person who is also in training; each class without the
    record that holds most of its beats; all classes without the records of DS1, on whose labels the
    inputs of students and baselines were chosen; and all beats with the labels of the other AAMI
    map. Rows whose records or class are not there are left out.

    Parameters
    ----------
    seeds : sequence of Predictions
        One a seed.
    resamples : int
        Bootstrap resamples of the records that are left.
    other_map : tuple of str and ndarray of int64, shape (n,), optional
        Name of the other map, and the label of each beat under it.
    seed : int
        Of the resamples.

    Returns
    -------
    dict
        `without_202`, `S_without_232`, `F_without_213`, `without_ds1`, `aami_map_bxb` -> numbers.
    """
    labels, records = seeds[0].labels, seeds[0].records
    rows: Rows = {}
    for record in SAME_PERSON:
        if record in records:
            rows[f"without_{record}"] = _rates_of(_without(seeds, [record]), resamples, seed)
    for label, record in DOMINANT_RECORD.items():
        if label in labels and record in records:
            numbers = _rates_of(_without(seeds, [record]), resamples, seed)
            keep = (f"se.{label}", f"ppv.{label}", f"f1.{label}", "macro_f1_nsv", "macro_f1_nsvf")
            rows[f"{label}_without_{record}"] = {name: numbers[name] for name in keep}
    of_ds1 = [name for name in records if name in DS1]
    if 0 < len(of_ds1) < len(records):
        rows["without_ds1"] = _rates_of(_without(seeds, of_ds1), resamples, seed)
    if other_map is not None:
        name, y = other_map
        mapped = [replace(one, y=y) for one in seeds]
        rows[f"aami_map_{name}"] = _rates_of(mapped, resamples, seed)
    return rows


def _without(seeds: Sequence[Predictions], unwanted: Sequence[str]) -> list[Predictions]:
    """Predictions that know nothing of some records, so that no resample draws them."""
    records = seeds[0].records
    left = tuple(name for name in records if name not in unwanted)
    index = np.array([left.index(name) if name in left else -1 for name in records])
    parts = [seed.without(*unwanted) for seed in seeds]
    return [replace(part, record=index[part.record], records=left) for part in parts]


def _rates_of(
    seeds: Sequence[Predictions], resamples: int, seed: int
) -> dict[str, tuple[float, Interval]]:
    """Every rate of counts, mean over seeds, with its interval over records."""
    weights = record_weights(len(seeds[0].records), resamples, seed)
    matrices = np.stack([confusion_by_record(one) for one in seeds])
    gross_rates = rates(matrices.sum(axis=1), seeds[0].labels)
    samples = rates(resampled_counts(matrices, weights), seeds[0].labels)
    return {
        name: (float(_mean(value)), interval(_mean(samples[name])))
        for name, value in gross_rates.items()
    }


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
    each = {name: [number(v) for v in column] for name, column in measured.by_seed.items()}
    return {
        "seeds": measured.seeds,
        "beats": measured.beats,
        **nest(measured.values),
        "confusion": measured.counts.sum(axis=0).tolist(),
        "sd": nest(measured.sd),
        "intervals": nest(pairs),
        "by_seed": nest(each) if measured.seeds > 1 else {},
        "per_record": {
            record: {
                **nest(numbers),
                "beats": int(numbers["beats"]),
                "confusion": measured.counts[measured.records.index(record)].tolist(),
            }
            for record, numbers in measured.per_record.items()
        },
    }


def sensitivity_json(rows: Rows) -> dict[str, object]:
    """Return the rows of `sensitivity` for a JSON report: numbers, and their `intervals`."""
    return {
        row: {
            **nest({name: value for name, (value, _) in numbers.items()}),
            "intervals": nest(
                {
                    name: [number(limits.low), number(limits.high)]
                    for name, (_, limits) in numbers.items()
                }
            ),
        }
        for row, numbers in rows.items()
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
