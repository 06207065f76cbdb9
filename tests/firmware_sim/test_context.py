"""All twelve values of a beat: rhythm first, then shape."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.context import CONTEXT_NAMES, CONTEXT_SIZE, beat_contexts
from firmware_sim.program import CONTEXT_SIZES
from firmware_sim.rhythm import RHYTHM_SIZE, RR_SIZE, contexts
from firmware_sim.shape import SHAPE_SIZE, shapes
from tests.firmware_sim.test_shape import hostile_windows


def test_the_sizes_are_those_that_programs_may_take():
    assert (RHYTHM_SIZE, SHAPE_SIZE, CONTEXT_SIZE) == (8, 4, 12)
    assert CONTEXT_SIZES == (0, RR_SIZE, CONTEXT_SIZE) == (0, 5, 12)
    assert len(set(CONTEXT_NAMES)) == CONTEXT_SIZE


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_rhythm_comes_first_then_shape(seed):
    rng = np.random.default_rng(seed)
    windows, known = hostile_windows(250, 9, seed), rng.random(9) < 0.7
    peaks = np.cumsum(rng.integers(1, 600, 9))
    found = beat_contexts(windows, known, peaks, 250)
    assert found.dtype == np.int8
    assert np.array_equal(found[:, :RHYTHM_SIZE], contexts(peaks, 250))
    rhythm = contexts(peaks, 250)
    assert np.array_equal(found[:, RHYTHM_SIZE:], shapes(windows, rhythm[:, 0], known))
    assert found.min() >= -127


def test_a_window_that_is_not_known_still_counts_for_the_rhythm():
    windows = hostile_windows(250, 4, 0)
    known = np.array([True, False, True, True])
    found = beat_contexts(windows, known, [100, 300, 520, 900], 250)
    assert found[1, :RHYTHM_SIZE].any()
    assert not found[1, RHYTHM_SIZE:].any()


def test_no_beats_have_no_context():
    found = beat_contexts(np.zeros((0, 360), np.int16), np.zeros(0, bool), [], 360)
    assert found.shape == (0, CONTEXT_SIZE)
