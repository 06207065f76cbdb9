from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.formats import rdiv, relu, rshift, sat

integers = st.integers(-(2**40), 2**40)


@given(a=integers, s=st.integers(0, 24))
def test_rshift_rounds_to_nearest_with_ties_up(a, s):
    exact = floor(Fraction(a, 2**s) + Fraction(1, 2)) if s else a
    assert rshift(np.array(a), s) == exact


@given(a=integers, b=st.integers(1, 2**20))
def test_rdiv_rounds_to_nearest_with_ties_up(a, b):
    assert rdiv(np.array(a), b) == floor(Fraction(a, b) + Fraction(1, 2))


def test_ties_of_negative_numbers_go_up():
    assert rshift(np.array([-3, -2, -1, 1, 2, 3]), 1).tolist() == [-1, -1, 0, 1, 1, 2]
    assert rdiv(np.array([-3, -1, 1, 3]), 2).tolist() == [-1, 0, 1, 2]


def test_clips_stay_inside_q7():
    v = np.array([-1000, -128, -127, -1, 0, 1, 127, 128, 1000])
    assert relu(v).tolist() == [0, 0, 0, 0, 0, 1, 127, 127, 127]
    assert sat(v).tolist() == [-127, -127, -127, -1, 0, 1, 127, 127, 127]


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="s >= 0"):
        rshift(np.array(1), -1)
