import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.evaluation import metrics
from firmware_sim.errors import EcgedgeError

LABELS = ("N", "S", "V", "F")


def some_beats(seed: int = 0, n: int = 400, records: int = 7) -> metrics.Predictions:
    random = np.random.default_rng(seed)
    y = random.choice(4, size=n, p=[0.7, 0.1, 0.15, 0.05])
    scores = random.normal(size=(n, 4)).round(1)
    scores[np.arange(n), y] += 1
    names = tuple(str(100 + i) for i in range(records))
    return metrics.predictions(LABELS, y, scores, random.integers(0, records, n), names)


def test_rates_of_a_matrix_worked_by_hand() -> None:
    matrix = np.array([[90, 10], [5, 15]])
    assert metrics.sensitivity(matrix) == pytest.approx([0.9, 0.75])
    assert metrics.positive_predictivity(matrix) == pytest.approx([90 / 95, 0.6])
    assert metrics.f1(matrix)[1] == pytest.approx(2 * 15 / (2 * 15 + 10 + 5))
    assert metrics.accuracy(matrix) == pytest.approx(105 / 120)
    assert metrics.miss_rate(matrix) == pytest.approx(0.25)
    assert metrics.false_positive_rate(matrix) == pytest.approx(0.1)


def test_an_abnormal_beat_given_another_abnormal_class_is_not_missed() -> None:
    matrix = np.array([[8, 1, 1, 0], [1, 2, 3, 0], [0, 4, 5, 0], [3, 0, 0, 2]])
    assert metrics.miss_rate(matrix) == pytest.approx(4 / 20)
    assert metrics.false_positive_rate(matrix) == pytest.approx(2 / 10)


def test_rates_agree_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    beats = some_beats()
    matrix = metrics.confusion(beats.y, beats.predicted, 4)
    assert np.array_equal(matrix, reference.confusion_matrix(beats.y, beats.predicted))
    assert metrics.f1(matrix) == pytest.approx(
        reference.f1_score(beats.y, beats.predicted, average=None)
    )
    assert float(metrics.macro_f1(matrix, LABELS)) == pytest.approx(
        reference.f1_score(beats.y, beats.predicted, average="macro")
    )


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=60).filter(
        lambda beats: len({flag for flag, _ in beats}) == 2
    )
)
def test_areas_agree_with_scikit_learn_also_with_ties(beats: list[tuple[bool, int]]) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    positive, score = (np.array(column) for column in zip(*beats, strict=True))
    assert metrics.auroc(positive, score) == pytest.approx(reference.roc_auc_score(positive, score))
    assert metrics.auprc(positive, score) == pytest.approx(
        reference.average_precision_score(positive, score)
    )


def test_the_roc_curve_encloses_the_rank_auroc_and_ends_in_the_corners() -> None:
    beats = some_beats()
    positive = metrics.is_positive(beats.y, LABELS, "N")
    score = metrics.one_against_rest(beats.scores, LABELS, "N")
    alarms, hits, threshold = metrics.roc_curve(positive, score)
    assert (alarms[0], hits[0], alarms[-1], hits[-1]) == (0, 0, 1, 1)
    assert np.isinf(threshold[0])
    assert np.all(np.diff(threshold) < 0)
    assert np.trapezoid(hits, alarms) == pytest.approx(metrics.auroc(positive, score))


def test_a_rate_without_a_denominator_is_nan_not_an_error() -> None:
    matrix = np.array([[3, 0], [0, 0]])
    assert np.isnan(metrics.sensitivity(matrix)[1])
    assert np.isnan(metrics.f1(matrix)[1])
    assert np.isnan(metrics.miss_rate(matrix))
    assert math.isnan(metrics.auroc([False, False], [1, 2]))
    assert math.isnan(metrics.auprc([False, False], [1, 2]))
    assert math.isnan(metrics.auprc([], []))


def test_f1_of_a_class_never_found_is_zero_and_of_a_class_absent_is_left_out() -> None:
    matrix = np.array([[5, 0, 0], [2, 0, 0], [0, 0, 0]])
    assert metrics.f1(matrix)[1] == 0
    assert metrics.macro_f1(matrix, ("N", "S", "V")) == pytest.approx(metrics.f1(matrix)[:2].mean())


def test_macro_f1_over_classes_that_a_model_lacks_does_not_exist() -> None:
    assert np.isnan(metrics.macro_f1(np.eye(2), ("N", "abnormal"), ("N", "S", "V")))


def test_rates_take_any_leading_axes() -> None:
    stack = np.random.default_rng(0).integers(0, 9, size=(2, 5, 4, 4))
    for rate in (metrics.f1, metrics.accuracy, metrics.miss_rate, metrics.sensitivity):
        whole = np.asarray(rate(stack))
        assert whole[1, 3] == pytest.approx(np.asarray(rate(stack[1, 3])), nan_ok=True)


def test_records_sum_to_the_gross_matrix() -> None:
    beats = some_beats()
    by_record = metrics.confusion_by_record(beats)
    assert by_record.shape == (7, 4, 4)
    assert np.array_equal(by_record.sum(axis=0), metrics.confusion(beats.y, beats.predicted, 4))


def test_ties_go_to_the_lowest_class_and_the_threshold_is_inclusive() -> None:
    tied = metrics.predictions(LABELS, [0], [[1, 1, 1, 1]], [0], ("100",))
    assert tied.predicted[0] == 0
    pair = ("N", "abnormal")
    two = metrics.predictions(pair, [0, 0], [[0, 3], [0, 2]], [0, 0], ("100",), threshold=3)
    assert two.predicted.tolist() == [1, 0]


def test_leaving_records_out_keeps_the_numbering() -> None:
    beats = some_beats()
    rest = beats.without("100", "103")
    assert set(np.unique(rest.record)) == {1, 2, 4, 5, 6}
    assert rest.records == beats.records
    assert len(rest.y) == int(np.isin(beats.record, [1, 2, 4, 5, 6]).sum())


def test_scores_of_the_wrong_shape_are_refused_with_a_sentence() -> None:
    with pytest.raises(EcgedgeError, match="do not fit"):
        metrics.predictions(("N", "V"), [0, 1], [[1.0, 2.0, 3.0]] * 2, [0, 0], ("100",))


def test_the_normal_class_is_scored_by_abnormality_and_the_others_by_themselves() -> None:
    scores = [[5.0, 1.0, 7.0, 0.0]]
    assert metrics.one_against_rest(scores, LABELS, "N") == pytest.approx([2.0])
    assert metrics.one_against_rest(scores, LABELS, "S") == pytest.approx([-6.0])
    assert metrics.one_against_rest(scores, LABELS, "V") == pytest.approx([2.0])


def test_areas_are_reported_for_the_classes_a_model_has() -> None:
    assert set(metrics.score_classes(LABELS)) == {"n_rest", "v", "s"}
    assert set(metrics.score_classes(("N", "abnormal"))) == {"n_rest"}


def test_calibration_error_is_zero_when_confidence_is_the_share_that_is_right() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    correct = np.r_[np.arange(400) % 4 == 0, np.arange(400) % 4 != 0]
    assert metrics.calibration_error(correct, confidence) == pytest.approx(0)
    assert metrics.calibration_error(~correct, confidence) == pytest.approx(0.5)


def test_softmax_survives_large_logits() -> None:
    assert metrics.softmax([[1e6, 0.0]]) == pytest.approx(np.array([[1.0, 0.0]]))


def test_two_classes_state_the_chance_of_abnormal_whatever_the_threshold_decides() -> None:
    two = metrics.predictions(
        ("N", "abnormal"), [1, 0], [[0.0, 0.0], [0.0, 1.0]], [0, 0], ("100",), threshold=99, scale=2
    )
    correct, stated = metrics.confidence(two)
    assert correct.tolist() == [True, False]
    assert stated == pytest.approx([0.5, 1 / (1 + math.exp(-2))])


def test_more_classes_state_the_chance_of_the_decided_one() -> None:
    beats = some_beats()
    correct, stated = metrics.confidence(beats)
    assert np.array_equal(correct, beats.y == beats.predicted)
    assert stated == pytest.approx(metrics.softmax(beats.scores).max(axis=1))
