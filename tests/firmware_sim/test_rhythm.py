import itertools
import math
from collections.abc import Iterable
from fractions import Fraction
from statistics import median_high

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.rhythm import LAST, RHYTHM_SIZE, Rhythm, contexts, deviation

intervals = st.lists(st.integers(1, 5000), min_size=1, max_size=80)


@given(intervals)
def test_contexts_stay_in_q7(rr):
    c = contexts(np.cumsum([0, *rr]), 360)
    assert c.shape == (len(rr) + 1, RHYTHM_SIZE)
    assert c.min() >= -127


@given(intervals, st.integers(0, 10_000))
def test_an_interval_past_the_timeout_changes_nothing(rr, extra):
    rhythm = rhythm_of(rr)
    timeout = rhythm.timeout()
    assert timeout is not None
    assert rhythm.context(timeout + extra) == rhythm.context(timeout)
    assert rhythm.context(timeout)[2] == 127


@pytest.mark.parametrize("interval", [80, 300, 360, 719])
def test_a_regular_rhythm_is_zero_at_any_rate(interval):
    assert not contexts(np.arange(150) * interval, 360).any()


def test_a_premature_beat_is_short_before_and_long_after():
    peaks = np.arange(80) * 300
    peaks[60] -= 100
    c = contexts(peaks, 360)
    assert not c[:59].any()
    assert c[59].tolist() == [0, 0, -43, -43, 0, 0, 0, 0]
    assert c[60].tolist() == [-42, 0, 43, 127, -43, 0, 0, 0]  # the mean is 299 3/16 now
    assert c[61].tolist() == [43, -43, 0, -32, 127, 127, 0, 0]  # the mean is 300 again
    assert not c[63:, :5].any()
    assert c[62:, 5].tolist() == [64] * 18  # 300 against 200, the shortest


def plain_context(rr: list[int], after: int | None, fs: int) -> list[int]:
    """The eight values after intervals of whole samples, as docs/arithmetic.md has them."""

    def dev(x: Fraction | int, reference: Fraction | int) -> int:
        value = math.floor(128 * Fraction(x - reference) / reference + Fraction(1, 2))
        return min(max(value, -127), 127)

    rr = [min(interval, 4 * fs) for interval in rr]
    sixteenths = 16 * rr[0]
    for n, interval in enumerate(rr[1:], start=2):
        part = 128 if n > 32 else min(2**k for k in range(6) if 2**k >= n)
        sixteenths += math.floor(Fraction(16 * interval - sixteenths, part) + Fraction(1, 2))
    slow = Fraction(sixteenths, 16)
    before, earlier = rr[-1], rr[-2] if len(rr) > 1 else None
    following = None if after is None else min(after, math.ceil(2 * slow))

    def irregularity(count: int) -> int:
        changes = [abs(b - a) for a, b in itertools.pairwise(rr[-count:])]
        median = median_high(changes) if changes else 0
        return min(math.floor(512 * median / slow + Fraction(1, 2)), 127)

    return [
        dev(before, slow),
        0 if earlier is None else dev(earlier, slow),
        0 if following is None else dev(following, slow),
        0 if following is None else dev(following, before),
        0 if earlier is None else dev(before, earlier),
        dev(before, min(rr[-32:])),
        irregularity(16),
        irregularity(32),
    ]


def rhythm_of(rr: Iterable[int], fs: int = 360) -> Rhythm:
    rhythm = Rhythm()
    for interval in rr:
        rhythm = rhythm.after(interval, fs)
    return rhythm


@given(intervals, st.one_of(st.none(), st.integers(1, 9000)), st.sampled_from([125, 360, 500]))
def test_the_values_are_the_definition(rr, after, fs):
    assert list(rhythm_of(rr, fs).context(after)) == plain_context(rr, after, fs)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 32, 33, 34, 47, 48, 49, 200])
def test_the_values_are_the_definition_however_many_intervals_are_known(count):
    rng = np.random.default_rng(count)
    for spread in (2, 60, 2000):
        rr = (300 + rng.integers(0, spread, count)).tolist()
        assert list(rhythm_of(rr).context(290)) == plain_context(rr, 290, 360)


def test_one_interval_has_no_neighbour_and_two_have_one_difference():
    assert rhythm_of([300]).context(300) == (0,) * RHYTHM_SIZE
    assert rhythm_of([300]).irregularity(32) == 0
    # the mean is 310: 512 * 20 / 310
    assert rhythm_of([300, 320]).context(None)[4:] == (9, 9, 33, 33)


def test_of_an_even_number_of_differences_the_upper_middle_one_counts():
    assert rhythm_of([300, 300, 330]).irregularity(16) == 50  # 512 * 30 / 307.5
    assert rhythm_of([300, 300, 300, 330]).irregularity(16) == 0


def test_one_early_beat_is_not_irregular_and_a_wandering_rhythm_is():
    regular = np.arange(40) * 300
    regular[30] -= 100
    assert not contexts(regular, 360)[:, 6:].any()
    wandering = np.cumsum(np.tile([300, 240, 350, 280], 10))
    assert contexts(wandering, 360)[20:, 6:].min() > 60


def test_the_irregularity_of_32_remembers_what_that_of_16_forgot():
    wandering, regular = [300, 240, 350, 280] * 8, [300] * 40
    found = [rhythm_of(wandering + regular[:n]).context(None)[6:] for n in range(len(regular))]
    few, many = np.array(found).T > 0
    assert few.argmin() == 9  # eight of fifteen differences are 0
    assert many.argmin() == 17  # sixteen of 31
    assert not few[9:].any()
    assert not many[17:].any()


def test_the_mean_remembers_the_sinus_rhythm_through_a_run_of_premature_beats():
    sinus = rhythm_of([300] * 40)
    assert sinus.slow == 16 * 300
    assert 16 * 285 < rhythm_of([300] * 40 + [200] * 20).slow < 16 * 287


def test_the_mean_begins_as_an_average_and_moves_by_a_128th_from_32_intervals_on():
    steps = [rhythm_of([300] * n + [300 + 128]).slow - 16 * 300 for n in range(1, 40)]
    expected = [64, 32, 32, 16, 16, 16, 16, *[8] * 8, *[4] * 16, *[1] * 8]
    assert steps == [16 * step for step in expected]
    rng = np.random.default_rng(0)
    rr = rng.normal(300, 30, 32).astype(int).tolist()
    assert abs(rhythm_of(rr).slow / 16 - np.mean(rr)) < 10


def test_the_first_beat_knows_nothing_and_the_last_has_no_interval_after():
    c = contexts([0, 300, 500], 360)
    assert not c[0].any()
    assert c[2, 2] == 0


def test_the_values_scale_with_the_sampling_rate():
    peaks = np.cumsum([0, 300, 280, 200, 420, 300, 310])
    twice = contexts(2 * peaks, 720)
    assert np.abs(twice.astype(int) - contexts(peaks, 360)).max() <= 1


def test_32_intervals_are_remembered():
    rhythm = rhythm_of(range(100, 150))
    assert rhythm.last == tuple(range(118, 150))
    assert len(rhythm.last) == LAST
    early = [200, *[300] * 31]
    assert rhythm_of(early).context(None)[5] == 64
    assert rhythm_of([*early, 300]).context(None)[5] == 0


def test_deviation_rounds_half_up_and_saturates():
    assert deviation(257, 256) == 1  # 0.5 rounds up
    assert deviation(255, 256) == 0  # -0.5 rounds up
    assert deviation(0, 100) == -127
    assert deviation(10_000, 100) == 127
