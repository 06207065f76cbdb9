"""From ADC counts to a beat: the bounds are attained, and the device's way gives the same beat."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firmware_sim.beat import normalize
from firmware_sim.formats import rdiv
from firmware_sim.proof.beat import (
    EXACT_PEAK,
    RECIPROCAL_BITS,
    device_quotient,
    prove_beat,
    reciprocal,
)
from firmware_sim.proof.interval import Interval

LOW, HIGH = -32768, 32767
PEAK_MAX = 65535
WINDOWS = [32, 33, 125, 360, 500, 4096]


def bounds(window: int) -> dict[str, Interval]:
    return {q.name: Interval(q.low, q.high) for q in prove_beat(window)}


def values(x: np.ndarray) -> dict[str, np.ndarray]:
    """Everything that is computed for one window, by the names of the proof."""
    counts = x.astype(np.int64)
    window, total = len(counts), counts.sum()
    mean = rdiv(total, window)
    d = counts - mean
    m = np.abs(d).max()
    u, r = d + m, reciprocal(int(max(m, 1)))
    v = (u * r + (1 << 23)) >> RECIPROCAL_BITS
    found = {
        "sample": counts, "sum": np.cumsum(counts), "mean.numerator": 2 * total + window,
        "mean": mean, "d": d, "m": m, "q.numerator": np.stack([254 * d, 254 * d + m]),
        "q.denominator": 2 * m, "q": normalize(x[None])[0], "device.u": u,
        "device.reciprocal": r, "device.reciprocal.numerator": (127 << 24) + m - 1,
        "device.sum": np.cumsum(counts + 32768),
        "device.mean.numerator": 2 * (total + 32768 * window) + window, "device.floor": mean - m,
        "device.product": u * r + (1 << 23), "device.v": v, "device.remainder.left": 254 * u + m,
        "device.remainder.right": 2 * m * v, "device.remainder": 254 * u + m - 2 * m * v,
    }  # fmt: skip
    return {name: np.atleast_1d(value) for name, value in found.items()}


def check(x: np.ndarray) -> None:
    proven, found = bounds(len(x)), values(x)
    assert proven.keys() == found.keys()
    for name, seen in found.items():
        assert Interval(int(seen.min()), int(seen.max())) in proven[name], name


@given(arrays(np.int16, st.integers(32, 400)))
def test_every_value_of_a_window_lies_in_its_interval(x):
    check(x)


@given(st.integers(32, 4096), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_every_value_of_a_window_at_the_rails_lies_in_its_interval(window, seed):
    rng = np.random.default_rng(seed)
    rails = np.where(rng.random(window) < rng.random(), LOW, HIGH).astype(np.int16)
    check(rails)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_bounds_of_sum_mean_difference_and_peak_are_attained(window):
    proven = bounds(window)
    for rail in (LOW, HIGH):
        seen = values(np.full(window, rail, dtype=np.int16))
        assert seen["sum"][-1] in (proven["sum"].low, proven["sum"].high)
        assert seen["mean"][0] in (proven["mean"].low, proven["mean"].high)
    up = np.full(window, LOW, dtype=np.int16)
    up[window // 2] = HIGH
    seen = values(up)
    assert seen["d"].max() == proven["d"].high
    assert values(~up)["d"].min() == proven["d"].low
    assert max(seen["m"][0], values(~up)["m"][0]) == proven["m"].high


def test_no_product_with_a_reciprocal_leaves_uint32():
    m = np.arange(1, PEAK_MAX + 1, dtype=np.int64)
    r = -(-(127 << RECIPROCAL_BITS) // m)
    assert r.max() < 1 << 32
    largest = int((2 * m * r + (1 << 23)).max())
    assert largest < 255 << 24
    for window in WINDOWS:
        own = m[: bounds(window)["m"].high]
        sums = 2 * own * r[: len(own)] + (1 << 23)
        assert sums.max() <= bounds(window)["device.product"].high < 1 << 32


def test_small_peaks_need_no_correction():
    """All of them: every m up to 2048, every difference."""
    for m in range(1, EXACT_PEAK + 1):
        d = np.arange(-m, m + 1)
        u = d + m
        v = (u * reciprocal(m) + (1 << 23)) >> RECIPROCAL_BITS
        assert np.array_equal(v - 127, rdiv(127 * d, m)), m


@given(st.integers(EXACT_PEAK + 1, PEAK_MAX))
@example(EXACT_PEAK + 1)
@example(PEAK_MAX)
@example(65353)
@example(65521)
@example(32768)
@settings(max_examples=100, deadline=None)
def test_large_peaks_are_exact_with_the_correction(m):
    d = np.arange(-m, m + 1)
    expected = rdiv(127 * d, m)
    assert np.array_equal(device_quotient(d, m), expected)
    v = ((d + m) * reciprocal(m) + (1 << 23)) >> RECIPROCAL_BITS
    assert set(np.unique(v - 127 - expected).tolist()) <= {0, 1}


def test_the_correction_is_needed():
    wrong = 0
    for m in range(EXACT_PEAK + 1, PEAK_MAX, 997):
        d = np.arange(-m, m + 1)
        v = ((d + m) * reciprocal(m) + (1 << 23)) >> RECIPROCAL_BITS
        wrong += int((v - 127 != rdiv(127 * d, m)).sum())
    assert wrong > 0
