"""The streaming resampler gives what scipy gives for the whole recording."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from ecgedge.stream.resample import StreamResampler


def streamed(counts: np.ndarray, up: int, down: int, sizes: list[int]) -> np.ndarray:
    resampler = StreamResampler(up, down)
    parts, start = [], 0
    for size in [*sizes, len(counts)]:
        parts.append(resampler.push(counts[start : start + size]))
        start += size
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize(
    ("up", "down"), [(36, 25), (25, 36), (18, 25), (9, 25), (3, 1), (1, 3), (9, 4), (3600, 1603)]
)
@given(
    seed=st.integers(0, 99),
    length=st.integers(1, 800),
    sizes=st.lists(st.integers(1, 90), max_size=12),
)
def test_it_equals_scipy_however_the_input_is_cut(
    up: int, down: int, seed: int, length: int, sizes: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    counts = 512 + np.cumsum(rng.integers(-20, 21, length))
    expected = np.rint(resample_poly(counts.astype(float), up, down, padtype="edge"))
    result = streamed(counts, up, down, sizes)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)


def test_a_constant_stays_a_constant() -> None:
    result = streamed(np.full(500, 777), 36, 25, [3, 50])
    assert np.abs(result - 777).max() <= 1  # the filter's ripple


def test_nothing_gives_nothing() -> None:
    resampler = StreamResampler(36, 25)
    assert len(resampler.push(np.empty(0, np.int32))) == 0
    assert len(resampler.flush()) == 0


def test_the_lag_is_ten_samples_of_the_slower_rate() -> None:
    given_out = StreamResampler(36, 25).push(np.zeros(250))
    assert 360 - len(given_out) <= 10 * 36 / 25 + 1
