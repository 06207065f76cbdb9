from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgedge.evaluation import bootstrap, metrics

Rate = Callable[[NDArray[Any]], metrics.Floats]

LABELS = ("N", "S", "V", "F")


def some_beats(
    seed: int = 0, n: int = 500, records: int = 9, skill: float = 1
) -> metrics.Predictions:
    truth, noise = np.random.default_rng(7), np.random.default_rng(seed)
    y = truth.choice(4, size=n, p=[0.7, 0.1, 0.15, 0.05])
    record = truth.integers(0, records, n)
    scores = noise.normal(size=(n, 4)).round(1)
    scores[np.arange(n), y] += skill
    return metrics.predictions(LABELS, y, scores, record, tuple(str(i) for i in range(records)))


def repeated(beats: metrics.Predictions, weights: np.ndarray) -> metrics.Predictions:
    """Beats of a resample written out, to check the shortcuts against."""
    return beats.where(np.repeat(np.arange(len(beats.y)), weights[beats.record]))


def test_every_resample_draws_as_many_records_as_there_are() -> None:
    weights = bootstrap.record_weights(22, 300)
    assert weights.shape == (300, 22)
    assert np.all(weights.sum(axis=1) == 22)
    assert np.array_equal(weights, bootstrap.record_weights(22, 300))


def test_resampled_counts_are_the_counts_of_the_resampled_beats() -> None:
    beats, weights = some_beats(), bootstrap.record_weights(9, 5)
    fast = bootstrap.resampled_counts(metrics.confusion_by_record(beats), weights)
    for counts, weight in zip(fast, weights, strict=True):
        drawn = repeated(beats, weight)
        assert np.array_equal(counts, metrics.confusion(drawn.y, drawn.predicted, 4))


@pytest.mark.parametrize("name", ["N", "S", "V"])
def test_resampled_areas_are_the_areas_of_the_resampled_beats(name: str) -> None:
    beats, weights = some_beats(), bootstrap.record_weights(9, 5)
    areas = bootstrap.resampled_auroc(beats, name, weights)
    precision_areas = bootstrap.resampled_auprc(beats, name, weights)
    for index, weight in enumerate(weights):
        drawn = repeated(beats, weight)
        positive = metrics.is_positive(drawn.y, LABELS, name)
        score = metrics.one_against_rest(drawn.scores, LABELS, name)
        assert areas[index] == pytest.approx(metrics.auroc(positive, score))
        assert precision_areas[index] == pytest.approx(metrics.auprc(positive, score))


def test_binned_auprc_stays_close_to_the_exact_one() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(size=(20_000, 2))
    y = (scores[:, 1] - scores[:, 0] + random.normal(size=20_000) > 2).astype(int)
    beats = metrics.predictions(
        ("N", "A"), y, scores, random.integers(0, 5, 20_000), tuple("abcde")
    )
    binned = bootstrap.resampled_auprc(beats, "N", np.ones((1, 5), np.int64))
    exact = metrics.auprc(y == 1, scores[:, 1] - scores[:, 0])
    assert binned[0] == pytest.approx(exact, abs=2e-3)


def sample_of(matrices: NDArray[Any], weights: metrics.Ints, rate: Rate) -> metrics.Floats:
    """A rate in every resample."""
    return rate(bootstrap.resampled_counts(matrices, weights))


def compare(first: NDArray[Any], second: NDArray[Any], rate: Rate) -> bootstrap.Comparison:
    weights = bootstrap.record_weights(len(first))
    whole = [float(rate(matrices.sum(axis=0))) for matrices in (first, second)]
    samples = [sample_of(matrices, weights, rate) for matrices in (first, second)]
    return bootstrap.paired(whole[0], whole[1], samples[0], samples[1])


def test_the_interval_surrounds_the_value_of_the_whole_set() -> None:
    matrices = metrics.confusion_by_record(some_beats())
    sample = sample_of(matrices, bootstrap.record_weights(9), metrics.accuracy)
    found = bootstrap.interval(sample)
    assert found.low < float(metrics.accuracy(matrices.sum(axis=0))) < found.high
    assert found.undefined == 0


def test_one_bad_record_among_good_ones_widens_the_interval() -> None:
    good = np.tile([[90, 10], [1, 9]], (10, 1, 1))
    bad = good.copy()
    bad[0] = [[20, 80], [9, 1]]
    weights = bootstrap.record_weights(10)
    narrow = bootstrap.interval(sample_of(good, weights, metrics.accuracy))
    wide = bootstrap.interval(sample_of(bad, weights, metrics.accuracy))
    assert (narrow.low, narrow.high) == (0.9, 0.9)
    assert wide.high - wide.low > 0.1


def test_resamples_without_the_class_are_counted_and_left_out() -> None:
    matrices = np.zeros((3, 2, 2))
    matrices[:, 0, 0] = 10
    matrices[0, 1] = [1, 3]
    weights = bootstrap.record_weights(3, 1000)
    found = bootstrap.interval(sample_of(matrices, weights, metrics.miss_rate))
    assert found.low == found.high == pytest.approx(0.25)
    assert found.undefined == pytest.approx(1000 * (2 / 3) ** 3, rel=0.2)
    none = bootstrap.interval(np.full(9, np.nan))
    assert np.isnan([none.low, none.high]).all()
    assert not none.excludes_zero()


def test_a_model_compared_with_itself_shows_no_difference() -> None:
    matrices = metrics.confusion_by_record(some_beats())
    same = compare(matrices, matrices, metrics.accuracy)
    assert same.difference == 0
    assert same.verdict == "no difference seen"


def test_a_clearly_better_model_is_called_higher_and_the_other_way_lower() -> None:
    weak = metrics.confusion_by_record(some_beats(1, skill=0.5))
    strong = metrics.confusion_by_record(some_beats(2, skill=3))
    assert compare(weak, strong, metrics.accuracy).verdict == "higher"
    assert compare(strong, weak, metrics.accuracy).verdict == "lower"


def test_equal_errors_on_other_beats_of_the_same_records_cancel_in_the_pair() -> None:
    random = np.random.default_rng(0)
    hard = random.integers(0, 60, size=12)
    first = np.array([[[100 - h, h], [0, 10]] for h in hard])
    second = np.array([[[98 - h, h + 2], [0, 10]] for h in hard])
    weights = bootstrap.record_weights(12)
    alone = bootstrap.interval(sample_of(first, weights, metrics.accuracy))
    pair = compare(first, second, metrics.accuracy)
    assert alone.high - alone.low > 0.1
    assert pair.interval.high - pair.interval.low < 1e-9
    assert pair.verdict == "lower"


def test_leading_axes_such_as_seeds_are_kept() -> None:
    weights = bootstrap.record_weights(9, 40)
    seeds = np.stack([metrics.confusion_by_record(some_beats(s)) for s in range(3)])
    whole = bootstrap.resampled_counts(seeds, weights)
    assert whole.shape == (3, 40, 4, 4)
    assert np.array_equal(whole[1], bootstrap.resampled_counts(seeds[1], weights))
