import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib.thresholds import choose_threshold
from firmware_sim.errors import EcgedgeError

rows = st.tuples(st.integers(-50, 50), st.booleans(), st.integers(0, 3))
labelled = st.lists(rows, min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label, _ in rows}) == 2
)
ONE_RECORD = np.zeros(4, int)


@given(labelled)
def test_no_other_threshold_is_better(rows):
    scores, positive, record = (np.array(column) for column in zip(*rows, strict=True))

    def rate(wrong, which):
        return np.mean([np.mean(wrong[which & (record == r)]) for r in np.unique(record[which])])

    def rates(threshold):
        return rate(scores < threshold, positive), rate(scores >= threshold, ~positive)

    def cost(threshold):
        miss, fpr = rates(threshold)
        return max(miss - 0.1, fpr - 0.1, 0), miss + fpr

    found = choose_threshold(scores, positive, record)
    assert (found.miss_rate, found.false_positive_rate) == pytest.approx(rates(found.value))
    best = min((round(violation, 9), total) for violation, total in map(cost, range(-52, 53)))
    assert cost(found.value) == pytest.approx(best)
    assert found.within_limits == (cost(found.value)[0] < 1e-9)


def test_every_record_has_the_same_say():
    # Record 0 would have the threshold above 5, where its many beats of class 1 begin; record 1
    # has one beat at 3, and half of the miss rate.
    scores = np.array([0, 0, 4, *[6] * 99, 0, 0, 3])
    positive = np.array([False, False, False, *[True] * 99, False, False, True])
    record = np.array([0] * 102 + [1] * 3)
    assert choose_threshold(scores, positive, record).value <= 3
    assert choose_threshold(scores, positive, np.zeros(105, int)).value > 4


def test_the_least_violation_is_taken_and_said():
    found = choose_threshold(
        np.array([0, 1, 2, 3]), np.array([True, False, True, False]), ONE_RECORD
    )
    assert not found.within_limits
    assert (found.miss_rate, found.false_positive_rate) == (0.5, 0.5)


def test_the_threshold_stands_between_the_classes():
    found = choose_threshold(
        np.array([-100, -90, 50, 60]), np.array([False, False, True, True]), ONE_RECORD
    )
    assert -90 < found.value <= 50
    assert found.within_limits


def test_one_class_alone_is_refused():
    with pytest.raises(EcgedgeError, match="both classes"):
        choose_threshold(np.array([1, 2]), np.array([True, True]), np.zeros(2, int))
