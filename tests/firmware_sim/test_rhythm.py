import itertools
import math
from fractions import Fraction
from statistics import median_high

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.rhythm import LAST, RHYTHM_SIZE, Rhythm, contexts, deviation

intervals = st.lists(st.integers(1, 5000), min_size=1, max_size=60)


@given(intervals)
def test_contexts_stay_in_q7(rr):
    c = contexts(np.cumsum([0, *rr]), 360)
    assert c.shape == (len(rr) + 1, RHYTHM_SIZE)
    assert c.min() >= -127


@given(intervals, st.integers(0, 10_000))
def test_an_interval_past_the_timeout_changes_nothing(rr, extra):
    rhythm = Rhythm()
    for interval in rr:
        rhythm = rhythm.after(interval, 360)
    timeout = rhythm.timeout()
    assert timeout is not None
    assert rhythm.context(timeout + extra, 360) == rhythm.context(timeout, 360)
    assert rhythm.context(timeout, 360)[2] == 127


def test_a_regular_rhythm_at_one_second_is_zero():
    c = contexts(np.arange(50) * 360, 360)
    assert not c.any()


def test_a_premature_beat_is_short_before_and_long_after():
    peaks = np.arange(40) * 300
    peaks[30] -= 100
    c = contexts(peaks, 360)
    before, _, after, last_ten = (int(v) for v in c[30, :4])
    assert before < -35
    assert last_ten < -35
    assert after > 35


def plain_context(rr: list[int], after: int | None, fs: int) -> list[int]:
    """The nine values after intervals of whole samples, as docs/arithmetic.md has them."""

    def dev(x: Fraction | int, reference: Fraction | int) -> int:
        value = math.floor(128 * Fraction(x - reference) / reference + Fraction(1, 2))
        return min(max(value, -127), 127)

    rr = [min(interval, 4 * fs) for interval in rr]
    sixteenths = 16 * rr[0]
    for interval in rr[1:]:
        sixteenths += math.floor(Fraction(16 * interval - sixteenths, 32) + Fraction(1, 2))
    slow, last = Fraction(sixteenths, 16), rr[-10:]
    before, earlier = rr[-1], rr[-2] if len(rr) > 1 else None
    following = None if after is None else min(after, math.ceil(2 * slow))
    differences = [abs(b - a) for a, b in itertools.pairwise(last)]
    irregular = median_high(differences) if differences else 0
    return [
        dev(before, slow),
        0 if earlier is None else dev(earlier, slow),
        0 if following is None else dev(following, slow),
        dev(before, Fraction(sum(last), len(last))),
        dev(slow, fs),
        0 if following is None else dev(following, before),
        0 if earlier is None else dev(before, earlier),
        dev(before, max(last)),
        min(math.floor(512 * irregular / slow + Fraction(1, 2)), 127),
    ]


@given(intervals, st.one_of(st.none(), st.integers(1, 9000)), st.sampled_from([125, 360, 500]))
def test_the_values_are_the_definition(rr, after, fs):
    rhythm = Rhythm()
    for interval in rr:
        rhythm = rhythm.after(interval, fs)
    assert list(rhythm.context(after, fs)) == plain_context(rr, after, fs)


def test_an_early_beat_is_short_against_its_neighbours_and_the_longest():
    peaks = np.arange(40) * 300
    peaks[30] -= 100
    c = contexts(peaks, 360).astype(int)
    assert c[30, 5:8].tolist() == [127, -43, -43]  # after 400/200, before 200/300, longest 300
    assert c[31, 6:8].tolist() == [127, 0]  # the compensatory pause is the longest itself
    assert not c[29, 6:].any()


def test_one_early_beat_is_not_irregular_and_a_wandering_rhythm_is():
    regular = np.arange(40) * 300
    regular[30] -= 100
    assert not contexts(regular, 360)[:, 8].any()
    wandering = np.cumsum(np.tile([300, 240, 350, 280], 10))
    assert contexts(wandering, 360)[20:, 8].min() > 60


def test_the_first_beat_knows_nothing_and_the_last_has_no_interval_after():
    c = contexts([0, 300, 500], 360)
    assert not c[0].any()
    assert c[2, 2] == 0


def test_the_rate_scales_with_the_sampling_rate():
    peaks = np.cumsum([0, 300, 280, 200, 420, 300, 310])
    twice = contexts(2 * peaks, 720)
    assert np.abs(twice.astype(int) - contexts(peaks, 360)).max() <= 1


def test_ten_intervals_are_remembered():
    rhythm = Rhythm()
    for interval in range(100, 130):
        rhythm = rhythm.after(interval, 360)
    assert rhythm.last == tuple(range(120, 130))
    assert len(rhythm.last) == LAST


def test_deviation_rounds_half_up_and_saturates():
    assert deviation(257, 256) == 1  # 0.5 rounds up
    assert deviation(255, 256) == 0  # -0.5 rounds up
    assert deviation(0, 100) == -127
    assert deviation(10_000, 100) == 127
