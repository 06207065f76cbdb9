import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.rhythm import LAST, Rhythm, contexts, deviation

intervals = st.lists(st.integers(1, 5000), min_size=1, max_size=60)


@given(intervals)
def test_contexts_stay_in_q7(rr):
    c = contexts(np.cumsum([0, *rr]), 360)
    assert c.shape == (len(rr) + 1, 5)
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
    before, _, after, last_ten, _ = (int(v) for v in c[30])
    assert before < -35
    assert last_ten < -35
    assert after > 35


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
