"""What a measure is, which there are, and that no beat leaves what is proved of them."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import (
    KINDS,
    MAX_GAIN,
    MAX_MEASURES,
    Measure,
    check_measures,
    least_and_greatest,
    measured,
    read_measure,
    reduced,
)
from firmware_sim.shape import BINS, bin_sums
from tests.firmware_sim.test_network import nearest_power, plain_measure
from tests.programs import hostile_beats

WINDOWS = [60, 61, 119, 125, 128, 250, 257, 360, 361, 500, 4096]


@st.composite
def all_measures(draw: st.DrawFn, *, most_gain: int = 0) -> Measure:
    start = draw(st.integers(1, BINS - 1))
    stop = draw(st.integers(start + 1, BINS))
    gain = draw(st.integers(0, most_gain))
    return Measure(draw(st.sampled_from(list(KINDS))), start, stop, gain)


def values_of(q: np.ndarray, *measures: Measure) -> list[list[int]]:
    return measured(q.astype(np.int8), measures).tolist()


def beat_of(bins: dict[int, int], window: int = 360) -> np.ndarray:
    """A beat whose samples have one value in each of these bins, and are 0 elsewhere."""
    q, size = np.zeros((1, window), np.int8), window // 60
    for i, value in bins.items():
        start = window // 2 + (i - 30) * size
        q[0, start : start + size] = value
    return q


# The definition


@given(all_measures(most_gain=MAX_GAIN), st.integers(125, 500), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_a_measure_is_its_definition(measure, window, seed):
    assume(2**measure.gain <= window // 60 * (1 + KINDS[measure.kind].is_sum))
    assume(measure.stop > measure.start + 1)
    ramp = np.clip(np.arange(window) - window // 2, -127, 127)[None]
    q = np.concatenate([hostile_beats(window, 10, seed), ramp]).astype(np.int8)
    expected = [[plain_measure(measure, row)] for row in q.tolist()]
    assert measured(q, (measure,)).tolist() == expected


@pytest.mark.parametrize("window", WINDOWS)
def test_the_shift_is_the_power_of_two_nearest_to_the_samples(window):
    size = window // 60
    for bins in range(1, 61):
        assert Measure("size", 0, bins).shift(window) == nearest_power(size * bins)
    assert Measure("steepest", 1, 60).shift(window) == nearest_power(size)


def test_every_kind_says_what_its_name_says():
    q = beat_of({40: 10, 41: -30, 42: 50})
    found = {kind: values_of(q, Measure(kind, 40, 44))[0][0] for kind in KINDS}
    # Six samples, one bin, count as eight; 24 as 32.
    assert found == {
        "level": (6 * 30 + 16) >> 5,
        "size": (6 * 90 + 16) >> 5,
        "change": (6 * (10 + 40 + 80 + 50) + 16) >> 5,
        "high": (6 * 50 + 4) >> 3,
        "low": (-6 * 30 + 4) >> 3,
        "steepest": (6 * 80 + 4) >> 3,
    }


def test_the_r_peak_is_the_first_sample_of_bin_30():
    for window in WINDOWS:
        q = np.zeros((1, window), np.int8)
        q[0, window // 2] = 127
        (bins,) = bin_sums(q)
        assert np.flatnonzero(bins).tolist() == [30]
        assert bin_sums(np.roll(q, -1))[0, 29] == 127


def test_samples_outside_of_the_bins_do_not_count():
    q = np.full((1, 361), 127, np.int8)
    q[0, :180] = 0
    q[0, 360:] = -127
    assert values_of(q, Measure("low", 30, 60)) == values_of(q, Measure("high", 30, 60))


def test_a_step_is_named_after_its_second_bin():
    q = beat_of({20: 100})
    steps = [values_of(q, Measure("steepest", i, i + 1))[0][0] for i in (19, 20, 21, 22)]
    assert steps == [0, 75, 75, 0]


def test_a_gain_doubles_until_it_saturates():
    q = beat_of({20: 40})
    measures = [Measure("level", 20, 21, gain) for gain in range(4)]
    assert values_of(q, *measures) == [[30, 60, 120, 127]]
    assert values_of(-q, *measures) == [[-30, -60, -120, -127]]


def test_ties_round_up_below_zero_too():
    q = np.zeros((4, 125), np.int8)
    q[:, 62] = [1, -1, 3, -3]  # half a unit each way, as two samples are one bin
    assert measured(q, (Measure("level", 30, 31),))[:, 0].tolist() == [1, 0, 2, -1]


def test_no_beats_have_no_measures():
    assert measured(np.zeros((0, 360), np.int8), (Measure("size", 0, 60),) * 3).shape == (0, 3)


# What is refused


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        (("mean", 0, 1), "'mean' is unknown; choose one of level, size, change, high, low, steep"),
        (("level", 5, 5), "cannot span 5-5: bins begin with 0, end with 60"),
        (("level", 6, 5), "cannot span"),
        (("level", -1, 5), "cannot span"),
        (("level", 0, 61), "cannot span"),
        (("change", 0, 5), "a measure change cannot span 0-5: bins begin with 1"),
        (("steepest", 0, 5), "cannot span"),
        (("level", 0, 5, 4), "the gain of a measure is 4, not in 0 ... 3"),
        (("level", 0, 5, -1), "the gain of a measure is -1"),
        (("level", 0.0, 5), "start of a measure is 0.0, not an integer"),
        (("level", False, 5), "start of a measure is False"),
        (("level", 0, "5"), "stop of a measure is '5'"),
        (("level", 0, 5, None), "gain of a measure is None"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, reason):
    with pytest.raises(EcgedgeError, match=reason):
        Measure(*measure)


def test_the_first_and_the_last_bin_can_be_measured():
    for kind, how in KINDS.items():
        assert Measure(kind, int(how.steps), BINS, MAX_GAIN)


def test_a_gain_needs_samples_to_take_it_from():
    assert Measure("high", 30, 31, 1).shift(125) == 0
    with pytest.raises(EcgedgeError, match="125 samples is too short for the measure high 30-31 x"):
        Measure("high", 30, 31, 2).shift(125)
    assert Measure("level", 30, 32, 2).shift(125) == 0
    with pytest.raises(EcgedgeError, match="lower its gain"):
        check_measures((Measure("size", 0, 60), Measure("level", 30, 31, 2)), 125)


def test_there_are_sixteen_measures_at_most():
    measure = Measure("size", 0, 60)
    check_measures((measure,) * MAX_MEASURES, 60)
    with pytest.raises(EcgedgeError, match="there are 17 measures, more than 16"):
        check_measures((measure,) * 17, 360)


def test_a_window_has_a_sample_for_each_bin():
    with pytest.raises(EcgedgeError, match="need a window of 60 samples or more"):
        check_measures((Measure("size", 0, 60),), 59)
    check_measures((), 59)


# As text


@given(all_measures(most_gain=MAX_GAIN))
def test_a_measure_reads_back_from_its_text(measure):
    assert read_measure(str(measure)) == measure


def test_the_text_of_a_measure_leaves_out_a_gain_of_one():
    assert str(Measure("size", 32, 48, 1)) == "size 32-48 x2"
    assert str(Measure("size", 32, 48)) == "size 32-48"
    assert read_measure("size  32-48  x1") == Measure("size", 32, 48)


@pytest.mark.parametrize(
    "text",
    ["", "size", "size 32", "size 32-48 2", "size 32-48 x3", "size 32-48 x16", "size 32-48 x0",
     "size 32-48 x2 x2", "size 32-48-50", "size -32", "size a-b", "size 32.0-48", "x2 32-48"],
)  # fmt: skip
def test_a_text_that_is_no_measure_is_refused(text):
    with pytest.raises(EcgedgeError, match=r"is not a measure like|is unknown"):
        read_measure(text)


# Least and greatest


@given(all_measures(), st.sampled_from(WINDOWS), st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_no_beat_leaves_least_and_greatest(measure, window, seed):
    beats, (least, greatest) = least_and_greatest(measure, window)
    assert reduced(bin_sums(np.array(beats)), measure).tolist() == [least, greatest]
    near = hostile_beats(window, 20, seed).astype(int) // 20 + np.array(beats, dtype=int)[:, None]
    near = np.clip(near.reshape(-1, window), -127, 127).astype(np.int8)
    for q in (hostile_beats(window, 20, seed), near):
        found = reduced(bin_sums(q), measure)
        assert least <= found.min()
        assert found.max() <= greatest


@pytest.mark.parametrize("kind", KINDS)
def test_least_and_greatest_are_those_of_all_corners(kind):
    measure = Measure(kind, 30, 37)
    corners = np.array(list(itertools.product([-127, 0, 127], repeat=8)))
    q = np.zeros((len(corners), 60), np.int8)
    q[:, 29:37] = corners  # one sample a bin
    found = reduced(bin_sums(q), measure)
    assert least_and_greatest(measure, 60)[1] == (found.min(), found.max())
