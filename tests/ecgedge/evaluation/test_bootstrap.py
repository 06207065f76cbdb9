import numpy as np
import pytest

from ecgedge.evaluation import bootstrap, metrics

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


def test_the_interval_surrounds_the_value_of_the_whole_set() -> None:
    beats, weights = some_beats(), bootstrap.record_weights(9)
    matrices = metrics.confusion_by_record(beats)
    found = bootstrap.count_interval(matrices, metrics.accuracy, weights)
    assert found.low < float(metrics.accuracy(matrices.sum(axis=0))) < found.high
    assert found.undefined == 0


def test_one_bad_record_among_good_ones_widens_the_interval() -> None:
    good = np.tile([[90, 10], [1, 9]], (10, 1, 1))
    bad = good.copy()
    bad[0] = [[20, 80], [9, 1]]
    weights = bootstrap.record_weights(10)
    assert bootstrap.count_interval(good, metrics.accuracy, weights) == bootstrap.Interval(0.9, 0.9)
    wide = bootstrap.count_interval(bad, metrics.accuracy, weights)
    assert wide.high - wide.low > 0.1


def test_resamples_without_the_class_are_counted_and_left_out() -> None:
    matrices = np.zeros((3, 2, 2))
    matrices[:, 0, 0] = 10
    matrices[0, 1] = [1, 3]
    found = bootstrap.count_interval(matrices, metrics.miss_rate, bootstrap.record_weights(3, 1000))
    assert found.low == found.high == pytest.approx(0.25)
    assert found.undefined == pytest.approx(1000 * (2 / 3) ** 3, rel=0.2)
    none = bootstrap.count_interval(matrices[1:], metrics.miss_rate, bootstrap.record_weights(2, 9))
    assert np.isnan([none.low, none.high]).all()
    assert not none.excludes_zero()


def test_a_model_compared_with_itself_shows_no_difference() -> None:
    matrices = metrics.confusion_by_record(some_beats())
    same = bootstrap.paired_counts(
        matrices, matrices, metrics.accuracy, bootstrap.record_weights(9)
    )
    assert same.difference == 0
    assert same.verdict == "no difference seen"


def test_a_clearly_better_model_is_called_higher_and_the_other_way_lower() -> None:
    weak, strong = some_beats(1, skill=0.5), some_beats(2, skill=3)
    weights = bootstrap.record_weights(9)
    pair = metrics.confusion_by_record(weak), metrics.confusion_by_record(strong)
    assert bootstrap.paired_counts(*pair, metrics.accuracy, weights).verdict == "higher"
    assert bootstrap.paired_counts(*pair[::-1], metrics.accuracy, weights).verdict == "lower"
    assert bootstrap.paired_auroc(weak, strong, "V", weights).verdict == "higher"


def test_equal_errors_on_other_beats_of_the_same_records_cancel_in_the_pair() -> None:
    random = np.random.default_rng(0)
    hard = random.integers(0, 60, size=12)
    first = np.array([[[100 - h, h], [0, 10]] for h in hard])
    second = np.array([[[98 - h, h + 2], [0, 10]] for h in hard])
    weights = bootstrap.record_weights(12)
    alone = bootstrap.count_interval(first, metrics.accuracy, weights)
    pair = bootstrap.paired_counts(first, second, metrics.accuracy, weights)
    assert alone.high - alone.low > 0.1
    assert pair.interval.high - pair.interval.low < 1e-9
    assert pair.verdict == "lower"


def test_seeds_are_averaged_inside_each_resample() -> None:
    weights = bootstrap.record_weights(9, 400)
    seeds = np.stack([metrics.confusion_by_record(some_beats(s)) for s in range(3)])
    values = [metrics.accuracy(bootstrap.resampled_counts(m, weights)) for m in seeds]
    assert bootstrap.count_interval(seeds, metrics.accuracy, weights) == bootstrap.interval(
        np.mean(values, axis=0)
    )
