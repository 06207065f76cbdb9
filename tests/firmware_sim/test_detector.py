import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_sim.detector import SAMPLE_MAX, SAMPLE_MIN, Detection, Detector, detect
from firmware_sim.detector_timing import FS_MAX_HZ, FS_MIN_HZ, timing
from firmware_sim.errors import EcgedgeError

INT32 = 2**31 - 1
Counts = NDArray[np.int64]


def heart(
    fs: int, seconds: float, *, rate_hz: float = 1.2, height: float = 200, seed: int = 0
) -> tuple[Counts, list[int]]:
    """A QRS with a T wave `rate_hz` times a second, a little noise, and where the R peaks are."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * fs)) / fs
    peaks = np.arange(0.5, seconds - 0.5, 1 / rate_hz)
    x = np.zeros(len(t))
    for peak in peaks:
        x += height * np.exp(-(((t - peak) / 0.012) ** 2))
        x -= 0.25 * height * np.exp(-(((t - peak - 0.035) / 0.012) ** 2))
        x += 0.25 * height * np.exp(-(((t - peak - 0.28) / 0.05) ** 2))
    x += rng.normal(0, 0.01 * height, len(t))
    return np.rint(x + 512).astype(np.int64), [round(p * fs) for p in peaks]


def square(n: int, half: int, low: int, high: int) -> Counts:
    return np.where(np.arange(n) // half % 2, high, low).astype(np.int64)


def hostile(kind: str, n: int, seed: int) -> Counts:
    """Streams that no electrode gives, and some that one does."""
    rng = np.random.default_rng(seed)
    if kind == "random":
        return rng.integers(SAMPLE_MIN, SAMPLE_MAX + 1, n)
    if kind == "rails":
        return rng.choice([SAMPLE_MIN, SAMPLE_MAX], n)
    if kind == "square":
        return square(n, int(rng.integers(1, 200)), SAMPLE_MIN, SAMPLE_MAX)
    if kind == "zeros":
        return np.zeros(n, dtype=np.int64)
    if kind == "steps":
        return np.repeat(rng.integers(SAMPLE_MIN, SAMPLE_MAX + 1, n // 97 + 1), 97)[:n]
    if kind == "tiny":
        return rng.integers(-1, 2, n)
    ecg = heart(250, n / 250 + 1, rate_hz=rng.uniform(0.6, 3), seed=seed)[0][:n]
    ecg[n // 2 : n // 2 + n // 10] = 512  # lead off for a while
    return ecg


KINDS = ["random", "rails", "square", "zeros", "steps", "tiny", "ecg"]


def pushed(fs: int, counts: Counts) -> list[Detection]:
    detector = Detector(fs)
    return [d for x in counts.tolist() if (d := detector.push(x)) is not None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fs", [125, 250, 360, 500])
def test_a_whole_stream_gives_the_integers_of_single_samples(kind: str, fs: int) -> None:
    counts = hostile(kind, 20 * fs, seed=fs)
    assert detect(counts, fs) == pushed(fs, counts)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_boundaries_between_chunks_do_not_matter(data: st.DataObject) -> None:
    fs = data.draw(st.sampled_from([125, 128, 250, 257, 360, 500]))
    counts = np.concatenate(
        [
            hostile(data.draw(st.sampled_from(KINDS)), 5 * fs, data.draw(st.integers(0, 99)))
            for _ in range(3)
        ]
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(counts)), max_size=12)))
    detector, found = Detector(fs), []
    for part in np.split(counts, cuts):
        if len(part) < 40:
            found += [d for x in part.tolist() if (d := detector.push(x)) is not None]
        else:
            found += detector.process(part)
    assert found == detect(counts, fs)
    assert detector.position == len(counts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fs", [125, 360, 500])
def test_every_state_fits_int32_and_stays_in_its_bound(kind: str, fs: int) -> None:
    t = timing(fs)
    slope_max = 65535 * t.difference
    energy_max = t.integrate * slope_max
    assert 12 * energy_max <= INT32
    detector = Detector(fs)
    for x in hostile(kind, 12 * fs, seed=1).tolist():
        detector.push(x)
        state = vars(detector)
        assert abs(state["_slope"]) <= slope_max
        assert abs(state["_slope_old"]) <= slope_max
        for name in ("_energy", "_peak", "_beat_level", "_noise_level", "_best", "_block_max"):
            assert 0 <= state[name] <= energy_max, name
        assert 0 <= state["_steepness"] <= max(slope_max, t.least_steepness)
        assert 0 <= state["_rr"] <= 16 * t.interval_max


@pytest.mark.parametrize("fs", [125, 200, 250, 360, 500])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_clean_heart_is_found_beat_for_beat(fs: int, sign: int) -> None:
    counts, peaks = heart(fs, 30)
    found = detect(sign * counts, fs)
    expected = [p for p in peaks if 3.2 * fs < p < len(counts) - timing(fs).reach]
    assert len(found) >= len(expected)
    by_sample = np.array([d.sample for d in found])
    for peak in expected:
        nearest = found[int(np.argmin(np.abs(by_sample - peak)))]
        assert abs(nearest.sample - peak) <= 0.01 * fs
        assert 0 < nearest.found_at - nearest.sample <= 0.3 * fs
        assert not nearest.search_back


@pytest.mark.parametrize("factor", [0.5, 2, 20, 150])
def test_gain_and_offset_do_not_matter(factor: float) -> None:
    counts, _ = heart(360, 30)
    scaled = np.rint((counts - 512) * factor).astype(np.int64)
    plain = [d.sample for d in detect(counts, 360)]
    other = [d.sample for d in detect(scaled, 360)]
    assert len(other) == len(plain)
    assert np.abs(np.array(other) - plain).max() <= 2


def test_an_offset_changes_nothing() -> None:
    counts, _ = heart(360, 20)
    assert detect(counts - 1000, 360) == detect(counts, 360)


def test_a_weak_beat_is_found_by_search_back_and_marked() -> None:
    counts, peaks = heart(360, 40)
    weak = peaks[25]
    near = slice(weak - 30, weak + 30)
    counts[near] = 512 + (counts[near] - 512) * 33 // 100
    found = {d.sample: d for d in detect(counts, 360)}
    late = [d for d in found.values() if abs(d.sample - weak) <= 7]
    assert [d.search_back for d in late] == [True]
    assert late[0].found_at - weak > timing(360).reach
    assert sum(d.search_back for d in found.values()) == 1


def test_peaks_come_in_order_and_only_search_back_is_late() -> None:
    for seed, kind in enumerate(KINDS * 3):
        found = detect(hostile(kind, 40 * 250, seed), 250)
        samples = [d.sample for d in found]
        assert samples == sorted(set(samples))
        for d in found:
            assert d.sample < d.found_at
            assert d.search_back or d.found_at - d.sample <= timing(250).reach


def test_a_flat_line_has_no_beats_and_the_signal_after_it_is_learned() -> None:
    counts, peaks = heart(360, 20)
    flat = np.full(30 * 360, 512)
    found = detect(np.concatenate([flat, counts]), 360)
    assert found
    assert found[0].sample > len(flat)
    assert found[0].sample < len(flat) + 5 * 360
    expected = [p for p in peaks if p > 5 * 360][:-1]
    assert len([d for d in found if d.sample > len(flat) + 5 * 360 - 20]) >= len(expected)


def test_after_a_loud_artefact_the_beats_come_back() -> None:
    counts, peaks = heart(360, 60)
    rng = np.random.default_rng(3)
    counts[20 * 360 : 24 * 360] += rng.integers(-4000, 4000, 4 * 360)
    found = np.array([d.sample for d in detect(counts, 360)])
    late = [p for p in peaks if p > 36 * 360][:-1]
    assert all(np.abs(found - p).min() <= 4 for p in late)


def test_a_detector_that_starts_late_counts_from_there() -> None:
    counts, _ = heart(360, 15)
    shifted = Detector(360, start=1_000_000).process(counts)
    assert [d.sample - 1_000_000 for d in shifted] == [d.sample for d in detect(counts, 360)]


def test_what_it_needs_of_the_past_is_at_hand_at_every_rate() -> None:
    for fs in range(FS_MIN_HZ, FS_MAX_HZ + 1):
        t = timing(fs)
        assert t.locate_after + t.locate_half + 1 <= t.hold + t.delay, fs
        assert t.difference >= 1
        assert t.least_steepness >= 16, "smaller levels could not grow by sixteenths"
        assert t.history <= fs, "a ring of one window is enough"
        assert t.reach <= 0.35 * fs


@pytest.mark.parametrize("fs", [124, 501, 0, 250.5])
def test_other_rates_are_refused(fs: int) -> None:
    with pytest.raises(EcgedgeError, match="125 to 500"):
        Detector(fs)


@pytest.mark.parametrize("samples", [[1.5, 2.0], [40000], [-32769], [[1, 2]], ["a"]])
def test_what_is_no_count_is_refused(samples: list[object]) -> None:
    with pytest.raises(EcgedgeError):
        Detector(360).process(samples)  # type: ignore[arg-type]
    with pytest.raises(EcgedgeError):
        Detector(360).push(40000)
