"""When samples were taken: counted, or by the wire's clock with its jumps, wraps and damage."""

import pytest

from ecgedge.stream.timeline import Placed, Timeline
from ecgedge.stream.wire import Sample

US = 1e-6


def place_all(timeline: Timeline, ticks: list[float], arrival_s: float = 0.0) -> list[Placed]:
    return [p for t in ticks for p in timeline.place(Sample(0, t), arrival_s)]


def test_without_a_clock_samples_are_counted() -> None:
    timeline = Timeline(250)
    placed = [p for _ in range(3) for p in timeline.place(Sample(5), 0.0)]
    assert [p.time_s for p in placed] == [0.0, 0.004, 0.008]
    assert [p.joins for p in placed] == [False, True, True]


def test_time_that_passes_without_samples_is_a_gap_after_a_cut() -> None:
    timeline = Timeline(250)
    timeline.place(Sample(5), 0.0)
    timeline.pass_by(1.0)
    timeline.cut()
    (placed,) = timeline.place(Sample(5), 0.0)
    assert placed == Placed(pytest.approx(1.004), 5, False, pytest.approx(1.0))


def test_without_a_clock_arrival_tells_how_long_a_silence_was() -> None:
    timeline = Timeline(250)
    timeline.place(Sample(5), 10.0)
    timeline.cut(by_arrival=True)
    (placed,) = timeline.place(Sample(5), 15.0)
    assert placed.time_s == pytest.approx(5.0)
    assert not placed.joins


def test_with_a_clock_time_starts_at_the_first_stamp() -> None:
    placed = place_all(Timeline(250, US), [1_000_000, 1_004_000, 1_008_001])
    assert [p.time_s for p in placed] == pytest.approx([0.0, 0.004, 0.008001])
    assert [p.joins for p in placed] == [False, True, True]


def test_a_jump_of_the_clock_is_a_gap_of_that_length() -> None:
    timeline = Timeline(250, US)
    placed = place_all(timeline, [0, 4000, 3_004_000, 3_008_000])
    assert [p.joins for p in placed] == [False, True, False, True]
    assert placed[2].gap_s == pytest.approx(2.996)
    assert placed[3].time_s == pytest.approx(3.008)


def test_one_stamp_out_of_line_is_a_damaged_line() -> None:
    timeline = Timeline(250, US)
    placed = place_all(timeline, [0, 4000, 98_000, 12_000, 16_000])
    assert [p.time_s for p in placed] == pytest.approx([0, 0.004, 0.012, 0.016])
    assert all(p.joins for p in placed[1:])
    assert timeline.damaged == 1
    assert timeline.lost == 1


def test_two_different_stamps_out_of_line_are_two_damaged_lines() -> None:
    timeline = Timeline(250, US)
    place_all(timeline, [0, 4000, 98_000_000, 50_000_000, 8_000, 12_000])
    assert timeline.damaged == 2


def test_a_few_lost_samples_are_counted_and_no_gap() -> None:
    timeline = Timeline(250, US)
    placed = place_all(timeline, [0, 4000, 16_000])
    assert placed[-1].joins
    assert timeline.lost == 2


def test_a_32_bit_clock_that_wraps_goes_on() -> None:
    timeline = Timeline(250, US)
    placed = place_all(timeline, [2**32 - 4000, 2**32 - 1, 3_999, 7_999])
    assert all(p.joins for p in placed[1:])
    assert placed[-1].time_s == pytest.approx(0.012, abs=2e-6)


def test_a_clock_that_starts_again_is_a_gap_as_long_as_the_host_waited() -> None:
    timeline = Timeline(250, US)
    place_all(timeline, [50_000_000, 50_004_000], arrival_s=1.0)
    placed = place_all(timeline, [100, 4100], arrival_s=4.0)
    assert [p.joins for p in placed] == [False, True]
    assert placed[0].time_s == pytest.approx(3.004)


def test_coarse_stamps_are_no_jumps() -> None:
    timeline = Timeline(500, 1e-3, grain_s=0.02)
    placed = place_all(timeline, [20 * (i // 10) for i in range(50)])
    assert all(p.joins for p in placed[1:])


def test_a_cut_drops_a_stamp_that_waited_to_be_confirmed() -> None:
    timeline = Timeline(250, US)
    place_all(timeline, [0, 4000, 98_000_000])
    timeline.cut()
    assert timeline.damaged == 1
    (placed,) = place_all(timeline, [8_000])
    assert not placed.joins
