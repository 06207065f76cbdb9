"""Numbers on the wire become counts of 16 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.stream.units import ClipWatch, Scale, choose_scale


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=64))
def test_counts_stay_as_they_are(values: list[int]) -> None:
    scale = choose_scale(values)
    assert scale.is_identity
    assert scale.counts(values).tolist() == values


@given(st.lists(st.floats(-1e300, 1e300, allow_nan=False), min_size=1, max_size=64))
def test_whatever_comes_fits_16_bits(values: list[float]) -> None:
    counts = choose_scale(values).counts(values)
    assert counts.dtype == np.int32
    assert counts.min() >= -32768
    assert counts.max() <= 32767


@pytest.mark.parametrize(
    ("values", "factor"),
    [
        ([0.12, -0.3, 1.4], 1000),
        ([1.65, 1.7], 1000),
        ([512.37, 530.1], 10),
        ([5.5e4, 5.6e4], 1 / 64),
        ([20000.5], 1),
    ],
)
def test_fractions_keep_their_resolution(values: list[float], factor: float) -> None:
    assert choose_scale(values).factor == factor


def test_wide_converters_are_taken_relative_to_their_offset() -> None:
    values = [2_000_000 + 640 * i for i in range(65)]
    scale = choose_scale(values)
    assert scale == Scale(1 / 64, 2_000_000 + 640 * 32)
    assert scale.counts(values).tolist() == [10 * (i - 32) for i in range(65)]


def test_a_converter_at_its_rail_is_noticed_once() -> None:
    watch = ClipWatch()
    assert watch.samples([1000] + [1023] * 9) == 0
    assert watch.samples([1023] * 50) == 1
    assert watch.samples([1000] + [0] * 20) == 1
    assert watch.samples([600] * 50) == 0
