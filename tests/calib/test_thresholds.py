import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib.thresholds import choose_threshold
from firmware_sim.errors import EcgedgeError

labelled = st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@given(labelled)
def test_no_other_threshold_is_better(rows):
    scores = np.array([s for s, _ in rows])
    positive = np.array([p for _, p in rows])

    def cost(threshold):
        miss = np.mean(scores[positive] < threshold)
        fpr = np.mean(scores[~positive] >= threshold)
        return max(miss - 0.1, 0) + max(fpr - 0.1, 0), miss + fpr

    found = choose_threshold(scores, positive)
    assert (found.miss_rate, found.false_positive_rate) == pytest.approx(
        (np.mean(scores[positive] < found.value), np.mean(scores[~positive] >= found.value))
    )
    best = min(cost(t) for t in range(-52, 53))
    assert cost(found.value) == pytest.approx(best)
    assert found.within_limits == (cost(found.value)[0] == 0)


def test_the_least_violation_is_taken_and_said():
    found = choose_threshold(np.array([0, 1, 2, 3]), np.array([True, False, True, False]))
    assert not found.within_limits


def test_the_threshold_stands_between_the_classes():
    found = choose_threshold(np.array([-100, -90, 50, 60]), np.array([False, False, True, True]))
    assert -90 < found.value <= 50
    assert found.within_limits


def test_one_class_alone_is_refused():
    with pytest.raises(EcgedgeError, match="both classes"):
        choose_threshold(np.array([1, 2]), np.array([True, True]))
