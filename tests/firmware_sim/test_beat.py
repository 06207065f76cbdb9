import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firmware_sim.beat import cut_windows, normalize, window_edges, window_is_inside

windows = arrays(np.int16, st.tuples(st.integers(1, 4), st.integers(32, 400)))


def plain_normalize(x: list[int]) -> list[int]:
    """The definition, in Python's own integers."""

    def rdiv(a: int, b: int) -> int:
        return (2 * a + b) // (2 * b)

    d = [v - rdiv(sum(x), len(x)) for v in x]
    m = max(abs(v) for v in d)
    return [rdiv(127 * v, m) if m else 0 for v in d]


@given(windows)
def test_normalize_is_the_definition_and_stays_in_q7(x):
    q = normalize(x)
    assert q.dtype == np.int8
    assert q.tolist() == [plain_normalize([int(v) for v in row]) for row in x]
    assert q.min() >= -127


@given(windows, st.integers(-3000, 3000))
def test_an_offset_changes_nothing(x, offset):
    x = x.astype(np.int32)
    assert np.array_equal(normalize(x + offset), normalize(x))


def test_a_flat_window_is_zero():
    assert not normalize(np.full((1, 360), 1024)).any()


def test_windows_are_centred_on_the_r_peak():
    signal = np.arange(1000)
    assert window_edges(500, 360) == (320, 680)
    assert cut_windows(signal, np.array([500]), 360)[0].tolist() == list(range(320, 680))


def test_a_window_that_leaves_the_record_is_noticed():
    peaks = np.array([179, 180, 820, 821])
    assert window_is_inside(peaks, 360, 1000).tolist() == [False, True, True, False]
    with pytest.raises(ValueError, match="leaves"):
        cut_windows(np.arange(1000), peaks, 360)
