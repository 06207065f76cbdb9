"""The rate is measured: by a clock where there is one, by arrival where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.stream.rate import (
    RateMeter,
    RateWatch,
    conversion,
    rate_of_clock,
    rate_to_use,
    slope,
)
from firmware_sim.errors import EcgedgeError


def stamps(rate_hz: float, unit_s: float, count: int = 400) -> NDArray[np.float64]:
    return np.rint(1000 / unit_s + np.arange(count) / rate_hz / unit_s)


@pytest.mark.parametrize(
    ("rate_hz", "unit_s"),
    [(360, 1e-6), (360, 1e-3), (125, 1e-3), (250, 1e-6), (1000, 1e-3), (160.3, 1e-6), (500, 1e-3)],
)
def test_rate_and_unit_are_told_from_time_stamps(rate_hz: float, unit_s: float) -> None:
    rate = rate_of_clock(stamps(rate_hz, unit_s), None)
    assert rate is not None
    assert rate.tick_s == unit_s
    assert rate.measured_hz == pytest.approx(rate_hz, rel=2e-3)


def test_jumps_of_the_clock_do_not_count() -> None:
    ticks = stamps(360, 1e-6)
    ticks[100:] += 5e6
    ticks[200:] -= 9e7
    rate = rate_of_clock(ticks, 1e-6)
    assert rate is not None
    assert rate.measured_hz == pytest.approx(360, rel=1e-4)


def test_a_clock_that_stands_still_gives_no_rate() -> None:
    assert rate_of_clock(np.zeros(100), None) is None
    assert rate_of_clock(np.arange(100) * 1e9, None) is None


@pytest.mark.parametrize(
    ("measured_hz", "used_hz"),
    [(360.0, 360), (353.0, 360), (367.0, 360), (352.0, 352), (250.4, 250), (160.31, 160),
     (62.64, 62.6)],
)  # fmt: skip
def test_a_rate_near_the_programs_is_the_programs(measured_hz: float, used_hz: float) -> None:
    assert rate_to_use(measured_hz, 360) == used_hz


def test_the_conversion_is_exact() -> None:
    assert conversion(360, 360) == (1, 1)
    assert conversion(250, 360) == (36, 25)
    assert conversion(160.7, 250) == (2500, 1607)


def arrivals(rate_hz: float, seconds: float, seed: int) -> list[float]:
    """When samples of an even rate arrive at a host that is busy now and then."""
    rng = np.random.default_rng(seed)
    taken = np.arange(int(rate_hz * seconds)) / rate_hz
    packet = np.ceil(taken / 0.016).astype(int)
    delays = rng.exponential(0.003, packet[-1] + 1)
    stalls = rng.random(len(delays)) < 0.02
    delays[stalls] += rng.uniform(0, 0.3, stalls.sum())
    return list(np.maximum.accumulate(packet * 0.016 + delays[packet]))


@given(
    rate_hz=st.sampled_from([125.0, 160.0, 192.0, 250.0, 360.0, 500.0]), seed=st.integers(0, 1000)
)
def test_arrival_tells_the_rate_within_one_percent_in_spite_of_bursts(
    rate_hz: float, seed: int
) -> None:
    meter = RateMeter(live=True)
    rate = None
    for arrival_s in arrivals(rate_hz, 6.0, seed):
        meter.sample(None, 100 + arrival_s)
        rate = meter.measure(None)
        if rate is not None:
            break
    assert rate is not None
    assert rate.source == "arrival"
    assert rate.measured_hz == pytest.approx(rate_hz, rel=0.01)


def test_a_backlog_at_the_beginning_does_not_count() -> None:
    meter = RateMeter(live=True)
    for _ in range(800):
        meter.sample(None, 0.0)
    for i in range(250 * 5):
        meter.sample(None, 0.01 + i / 250)
    rate = meter.measure(None)
    assert rate is not None
    assert rate.measured_hz == pytest.approx(250, rel=0.01)


def test_a_pause_does_not_count() -> None:
    meter = RateMeter(live=True)
    for i in range(250 * 3):
        meter.sample(None, i / 250)
    assert meter.measure(None) is None
    meter.gap()
    for i in range(250 * 3):
        meter.sample(None, 10 + i / 250)
    rate = meter.measure(None)
    assert rate is not None
    assert rate.measured_hz == pytest.approx(250, rel=0.01)


def test_a_file_without_a_clock_has_no_rate() -> None:
    meter = RateMeter(live=False)
    for _ in range(1000):
        meter.sample(None, 0.0)
    assert meter.measure(None, hurry=True) is None


def test_a_time_column_without_sense_asks_for_the_rate() -> None:
    meter = RateMeter(live=False)
    for i in range(1000):
        meter.sample(i * 1e12, 0.0)
    with pytest.raises(EcgedgeError, match="--rate HZ"):
        meter.measure(None)


def test_the_slope_is_none_where_time_stands_still() -> None:
    assert slope(np.zeros(5), np.arange(5.0)) is None


def test_a_rate_that_changes_is_noticed_after_two_looks() -> None:
    watch = RateWatch(250, window_s=10)
    told = [watch.samples(25, 0.1 * i) for i in range(300)]
    assert set(told) == {None}
    assert watch.current_hz == pytest.approx(250)
    told = [watch.samples(20, 30 + 0.1 * i) for i in range(300)]
    changed = [hz for hz in told if hz is not None]
    assert changed[0] == pytest.approx(200, rel=0.01)
