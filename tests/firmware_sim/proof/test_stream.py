"""The stream: what is proved for all streams holds on hostile ones, and is attained where said."""

import itertools
from statistics import median_high

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.detector import Detector
from firmware_sim.detector_timing import FS_MAX_HZ, FS_MIN_HZ, timing
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import Pipeline
from firmware_sim.proof import detector as proof_of_detector
from firmware_sim.proof import rhythm as proof_of_rhythm
from firmware_sim.proof import times as proof_of_times
from firmware_sim.proof.interval import Interval, step
from firmware_sim.proof.shape import prove_shape
from firmware_sim.proof.stream import prove_stream
from firmware_sim.rhythm import RR_MAX_S, Rhythm, contexts
from tests.firmware_sim.test_detector import KINDS, heart, hostile
from tests.firmware_sim.test_shape import hostile_windows, plain_shapes, some_rr_before
from tests.programs import random_program

RATES = range(FS_MIN_HZ, FS_MAX_HZ + 1)
NO_VALUE = {
    "timing",
    "start",
    "position",
    "_recent",
    "_origin",
    "_rising",
    "_learning",
    "_has_last",
}
"""Not a value of the arithmetic: the clock itself, samples, and what is true or false."""
TIMES = {
    "_peak_at", "_last_at", "_last_sample", "_best_at", "_best_sample", "_tick_at",
    "_silent_since", "_alarm",
}  # fmt: skip


def proven(fs: int, window: int | None = None) -> dict[str, Interval]:
    found = prove_stream(fs, fs if window is None else window)
    assert len({q.name for q in found}) == len(found)
    return {q.name: Interval(q.low, q.high) for q in found}


# What is proved


@pytest.mark.parametrize("fs", RATES)
def test_everything_fits_at_every_rate(fs):
    t = timing(fs)
    found = {q.name: q for q in prove_stream(fs, fs)}
    assert all(q.width_bits for q in found.values())
    assert {q.type for q in found.values()} <= {"int16", "uint16", "int32"}
    for name, q in found.items():
        if name.startswith("age."):
            assert max(-q.low, q.high) < 1 << 15, name
    assert found["detector.rr"].width_bits == found["rhythm.slow"].width_bits == 16
    # what the proof of the last R peak's age leans on: a moved one still saturates every interval
    assert t.stale - t.reach >= t.interval_max >= 2 * RR_MAX_S * fs // 2


@pytest.mark.parametrize("fs", RATES)
def test_a_stream_attains_the_bounds_of_slope_and_energy(fs):
    t, bounds = timing(fs), proven(fs)
    slope = Detector(fs)
    slope.process(proof_of_detector.slope_stream(t))
    assert slope._slope == bounds["detector.slope"].high
    energy = Detector(fs)
    for sample in proof_of_detector.energy_stream(t).tolist():
        energy.push(sample)
    assert energy._energy == energy._block_max == bounds["detector.energy"].high


@given(st.sampled_from([125, 250, 360]), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_search_for_the_largest_energy_misses_nothing(fs, seed):
    """Flipping samples of the best stream, a few or all, never makes the energy larger."""
    t = timing(fs)
    rng = np.random.default_rng(seed)
    stream = proof_of_detector.energy_stream(t)
    flipped = np.where(rng.random(len(stream)) < rng.choice([0.02, 0.1, 0.5]), ~stream, stream)
    detector = Detector(fs)
    detector.process(flipped)
    assert detector._energy <= proof_of_detector.energy_max(t)


def test_a_rate_without_detector_is_refused():
    with pytest.raises(EcgedgeError, match="125 to 500"):
        prove_stream(100, 100)


@pytest.mark.parametrize("name", ["peak", "beat_level", "noise_level", "steepness", "rr", "best"])
def test_an_invariant_that_is_too_narrow_proves_nothing(name, monkeypatch):
    whole = proof_of_detector.invariant

    def narrow(t):
        found = whole(t)
        return {**found, name: Interval(0, found[name].high // 2)}

    monkeypatch.setattr(proof_of_detector, "invariant", narrow)
    with pytest.raises(ValueError, match="leaves"):
        proof_of_detector.prove_detector(timing(360))


def test_a_time_that_a_16_bit_clock_cannot_tell_proves_nothing():
    with pytest.raises(ValueError, match="half of a 16-bit clock"):
        proof_of_times.prove_times(proof_of_times.Times(timing(125), 1 << 17))


# What streams do


def check_values(detector: Detector, bounds: dict[str, Interval]) -> None:
    seen = set(vars(detector)) - NO_VALUE - TIMES
    for name in seen:
        value = getattr(detector, name)
        for number in value if isinstance(value, list) else [value]:
            assert number in bounds[f"detector{name.replace('_', '.', 1)}"], name


def check_times(detector: Detector, bounds: dict[str, Interval]) -> None:
    now = detector.position - 1
    ages = {
        "age.last_at": now - detector._last_at,
        "age.last_sample": now - detector._last_sample,
        "age.alarm": detector._alarm - now,
    }
    if detector._rising:
        ages["age.peak_at"] = now - detector._peak_at
    if not detector._learning:
        ages["age.silence"] = now - detector._silent_since
        ages["age.tick_at"] = detector._tick_at - now
        ages["age.due"] = detector._due() - now
        ages["age.due.after_last"] = detector._due() - detector._last_at
        if detector._best:
            ages["age.best_at"] = now - detector._best_at
            ages["age.best_sample"] = now - detector._best_sample
    for name, age in ages.items():
        assert age in bounds[name], name


def run_checked(fs: int, counts: np.ndarray) -> None:
    detector, bounds = Detector(fs), proven(fs)
    for sample in counts.tolist():
        found = detector.push(sample)
        check_values(detector, bounds)
        check_times(detector, bounds)
        if found is not None:
            kind = "age.late" if found.search_back else "age.candidate"
            assert found.found_at - found.sample in bounds[kind]


def test_every_value_that_the_detector_keeps_is_proved():
    detector = Detector(125)
    detector.push(0)
    kept = {name.removeprefix("_") for name in set(vars(detector)) - NO_VALUE - TIMES}
    assert kept == set(proof_of_detector.invariant(timing(125)))
    names = {name for name in proven(125) if name.startswith("age.")}
    for name in TIMES - {"_silent_since"}:
        assert f"age.{name.removeprefix('_')}" in names
    assert {"age.silence", "age.learning"} <= names


@st.composite
def streams(draw: st.DrawFn, fs: int) -> np.ndarray:
    """Half a minute of hostile pieces, flat ones among them, at any amplitude."""
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from([*KINDS, "flat"]))
        n = draw(st.integers(1, 14)) * fs
        if kind == "flat":
            parts.append(np.full(n, draw(st.sampled_from([-32768, 0, 32767]))))
        else:
            parts.append(hostile(kind, n, draw(st.integers(0, 999))) >> draw(st.integers(0, 12)))
    return np.concatenate(parts)[: 40 * fs]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), fs=st.sampled_from([125, 128, 180]))
def test_no_stream_leaves_the_proven_intervals(data, fs):
    run_checked(fs, data.draw(streams(fs)))


@pytest.mark.parametrize("fs", [250, 500])
def test_beats_then_silence_then_beats_stay_in_the_proven_times(fs):
    beats, _ = heart(fs, 12, rate_hz=1.1, height=3000)
    flat = np.full(27 * fs, 512)
    run_checked(fs, np.concatenate([beats, flat, beats, flat[: 9 * fs], beats]))


def test_a_long_silence_comes_close_to_the_bounds_of_the_times():
    """The bounds are not far from what happens: half of them at least."""
    fs = 125
    beats, _ = heart(fs, 12, height=3000)
    detector, bounds = Detector(fs), proven(fs)
    oldest = 0
    for sample in np.concatenate([beats, np.full(60 * fs, 512)]).tolist():
        detector.push(sample)
        oldest = max(oldest, detector.position - 1 - detector._last_at)
    assert oldest > bounds["age.last_at"].high // 2


@settings(max_examples=15, deadline=None)
@given(
    data=st.data(), window=st.sampled_from([64, 125, 400, 1000]), context=st.sampled_from([0, 5])
)
def test_no_more_beats_wait_and_none_longer_than_proved(data, window, context):
    program = random_program(2, window=window, context=context).replace(fs=125)
    beats, _ = heart(
        125, 20, rate_hz=data.draw(st.floats(0.8, 4)), seed=data.draw(st.integers(0, 9))
    )
    counts = np.concatenate([beats, data.draw(streams(125))[: 10 * 125]])
    bounds = proven(125, window)
    pipeline = Pipeline(program)
    for sample in counts.tolist():
        for beat in pipeline.push([sample]):
            assert beat.decided_at - beat.sample in bounds["age.pending"]
            if beat.rr is not None:
                assert beat.rr in bounds["rhythm.rr"]
        assert len(pipeline._pending) in bounds["pipeline.pending"]


def test_as_many_beats_wait_as_proved():
    """Fast beats and a long window: the bound on the queue is needed."""
    program = random_program(2, window=1000, context=0).replace(fs=125)
    counts, _ = heart(125, 40, rate_hz=3.9)
    pipeline, most = Pipeline(program), 0
    for sample in counts.tolist():
        pipeline.push([sample])
        most = max(most, len(pipeline._pending))
    bound = proven(125, 1000)["pipeline.pending"].high
    assert bound - 3 <= most <= bound


# RR arithmetic


@settings(max_examples=200)
@given(st.sampled_from([125, 250, 360, 500]), st.data())
def test_rhythms_stay_in_the_proven_intervals(fs, data):
    bounds = {q.name: Interval(q.low, q.high) for q in prove_stream(fs, fs, 12)}
    intervals = data.draw(
        st.lists(st.integers(1, 8 * fs) | st.sampled_from([1, 4 * fs, 8 * fs]), max_size=60)
    )
    rhythm = Rhythm()
    for rr in intervals:
        check_step(rhythm, min(rr, 4 * fs), bounds)
        rhythm = rhythm.after(rr, fs)
        assert rhythm.slow in bounds["rhythm.slow"]
        assert rhythm.slow >= 16
        assert all(value in bounds["rhythm.counted"] for value in rhythm.last)
        assert len(rhythm.last) in bounds["rhythm.known"]
        assert rhythm.timeout() in bounds["rhythm.timeout"]
        check_deviations(rhythm, data.draw(st.integers(1, bounds["rhythm.after"].high)), fs, bounds)
    peaks = np.cumsum([0, *intervals])
    assert Interval(-127, 127) == bounds["rhythm.context"]
    assert np.abs(contexts(peaks, fs).astype(int)).max(initial=0) <= 127


def check_step(rhythm: Rhythm, rr: int, bounds: dict[str, Interval]) -> None:
    """What `Rhythm.after` computes on the way."""
    change = 16 * rr - rhythm.slow
    halves = [0, 1, 2, 4, 8, 16, 64] if rhythm.last else [0]
    assert all(change + half in bounds["rhythm.change"] for half in halves)


def check_deviations(rhythm: Rhythm, after: int, fs: int, bounds: dict[str, Interval]) -> None:
    """What `Rhythm.context` computes on the way, by the names of the proof."""
    slow, last = rhythm.slow, rhythm.last
    counted = min(after, rhythm.timeout())
    assert counted in bounds["rhythm.after_counted"]
    pairs = {
        "before_slow": (last[-1] * 16, slow),
        "after_slow": (after * 16, slow),
        "after_before": (counted, last[-1]),
        "before_shortest": (last[-1], min(last)),
    }
    if len(last) > 1:
        pairs["before_earlier"] = (last[-1], last[-2])
    for name, (x, reference) in pairs.items():
        scaled = 128 * (x - reference)
        numerator, denominator = 2 * scaled + reference, 2 * reference
        assert scaled in bounds[f"rhythm.{name}.scaled"], name
        assert numerator in bounds[f"rhythm.{name}.numerator"], name
        assert 256 * x + reference in bounds[f"rhythm.{name}.device"], name
        assert denominator in bounds[f"rhythm.{name}.denominator"], name
        assert numerator // denominator in bounds[f"rhythm.{name}.quotient"], name
    for value, count in zip(rhythm.context(after)[6:], (16, 32), strict=True):
        assert value == check_irregularity(last[-count:], slow, bounds)


def check_irregularity(last: tuple[int, ...], slow: int, bounds: dict[str, Interval]) -> int:
    """What the median of differences becomes on the way."""
    changes = [abs(b - a) for a, b in itertools.pairwise(last)]
    assert all(change in bounds["rhythm.irregular"] for change in changes)
    median = median_high(changes) if changes else 0
    steps = {
        ".scaled": 8192 * median,
        ".numerator": 2 * 8192 * median + slow,
        ".denominator": 2 * slow,
        ".device": 256 * (slow + 64 * median) + slow,
        ".quotient": (2 * 8192 * median + slow) // (2 * slow),
    }
    for name, value in steps.items():
        assert value in bounds[f"rhythm.irregular{name}"], name
    return min(steps[".quotient"], 127)


def test_the_mean_stays_in_its_interval_however_many_intervals_are_known():
    assert proof_of_rhythm.SHIFTS == (0, 1, 2, 3, 4, 5, 7)
    lowest, highest = 16, 16 * 4 * 125
    rhythms = [Rhythm(slow, (1,) * n) for slow in (lowest, highest) for n in range(1, 33)]
    found = [rhythm.after(rr, 125).slow for rhythm in rhythms for rr in (1, 500)]
    assert (min(found), max(found)) == (lowest, highest)
    assert Interval(0, highest) == proven(125)["rhythm.slow"]


# Intermediate values


class Traced(int):
    """An integer that keeps the ends of everything that is computed with it."""

    ends = (0, 0)

    @staticmethod
    def of(value: int) -> "Traced":
        Traced.ends = min(Traced.ends[0], value), max(Traced.ends[1], value)
        return Traced(value)


def _trace(name: str) -> None:
    plain = getattr(int, name)

    def traced(self: int, *other: int) -> Traced:
        return Traced.of(plain(self, *other))

    setattr(Traced, name, traced)


for operation in ("add", "sub", "mul", "rshift", "lshift"):
    _trace(f"__{operation}__")
    _trace(f"__r{operation}__")
for operation in ("abs", "neg"):
    _trace(f"__{operation}__")


class Tape(list):
    """Samples that are traced when they are kept."""

    def append(self, sample: int) -> None:
        super().append(Traced(sample))


def traced_detector(fs: int) -> Detector:
    detector = Detector(fs)
    detector._recent = Tape([Traced(0)] * detector.timing.history)
    for name in proof_of_detector.invariant(detector.timing):
        value = getattr(detector, f"_{name}")
        setattr(
            detector, f"_{name}", list(map(Traced, value)) if name == "blocks" else Traced(value)
        )
    return detector


@pytest.mark.parametrize("kind", ["rails", "square", "random", "steps", "ecg"])
def test_nothing_on_the_way_is_larger_than_what_is_proved(kind):
    """Every result of every operation on samples and levels, whatever its name."""
    fs = 125
    Traced.ends = (0, 0)
    detector = traced_detector(fs)
    counts = np.concatenate(
        [hostile(kind, 12 * fs, 3), proof_of_detector.energy_stream(timing(fs))]
    )
    for sample in np.concatenate([np.zeros(1, dtype=np.int64), counts]).tolist():
        detector.push(sample)
    assert isinstance(detector._energy, Traced)
    values = [v for name, v in proven(fs).items() if name.startswith("detector.")]
    assert Interval(*Traced.ends) in Interval(
        min(v.low for v in values), max(v.high for v in values)
    )
    assert Traced.ends[1] > 1 << 16


# Rhythm and shape of programs with twelve context values


def shape_bounds(window: int) -> dict[str, Interval]:
    return {q.name: Interval(q.low, q.high) for q in prove_shape(window)}


@pytest.mark.parametrize("window", [*range(60, 620, 7), 4096])
def test_the_shape_arithmetic_fits_at_every_window(window):
    found = {q.name: q for q in prove_shape(window)}
    wide = {"shape.device.numerator"} if window == 4096 else set()
    assert {q.type for n, q in found.items() if n not in wide} <= {"int16", "uint16", "int32"}
    assert all(found[name].type == "uint32" for name in wide)
    assert found["shape.template"].high == -found["shape.template"].low == 8128
    assert found["shape.template"].width_bits == 16
    assert found["shape.area"].high < 1 << 18


def test_shape_is_proved_for_programs_that_use_it_alone():
    few, every = ({q.name for q in prove_stream(360, 360, size)} for size in (5, 12))
    assert few < every
    assert not any(name.startswith("shape.") for name in few)
    others = {"shape.template", "rhythm.irregular.quotient", "rhythm.before_shortest.scaled"}
    assert others <= every - few
    assert few == {q.name for q in prove_stream(360, 360, 0)}


@given(st.sampled_from([60, 119, 125, 250, 360, 500, 4096]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_value_of_a_shape_leaves_its_interval(window, seed):
    bounds = shape_bounds(window)

    def seen(name: str, value: int) -> None:
        assert value in bounds[name], (name, value)

    windows = hostile_windows(window, 10, seed)
    plain_shapes(windows.tolist(), some_rr_before(10, seed), seen=seen)


@pytest.mark.parametrize("window", [60, 125, 250, 360, 500, 4096])
def test_the_bounds_of_sums_and_bins_are_attained(window):
    low, high = -(1 << 15), (1 << 15) - 1
    size = window // 60
    first = window // 2 - 30 * size
    rows = []
    for own, other in ((low, high), (high, low)):
        row = np.full(window, other)
        row[first : first + size] = own
        rows += [row, np.full(window, own)]
    seen: dict[str, list[int]] = {}
    for row in rows:
        plain_shapes([row.tolist()], [0], seen=lambda name, v: seen.setdefault(name, []).append(v))
    for name in ("shape.bin", "shape.sum", "shape.mean", "shape.centered", "shape.scaled"):
        assert Interval(min(seen[name]), max(seen[name])) == shape_bounds(window)[name], name
    assert max(seen["shape.largest"]) == shape_bounds(window)["shape.largest"].high


@given(st.integers(1, 68), st.lists(st.integers(0, 1 << 16), min_size=60, max_size=60), st.data())
@settings(max_examples=200, deadline=None)
def test_no_bins_lie_farther_from_their_mean(size, heights, data):
    """Bins near their rails too, where rounding the mean could bring a few counts."""
    bound = shape_bounds(60 * size)["shape.centered"]
    top = size * 65535
    near = data.draw(st.lists(st.booleans(), min_size=60, max_size=60))
    sums = [top - h % 99 if up else h % 99 for up, h in zip(near, heights, strict=True)]
    for values in (sums, [size * min(h, 65535) for h in heights]):
        values = [v - size * (1 << 15) for v in values]
        mean = (2 * sum(values) + 60 * size) // (120 * size)
        for value in values:
            assert value - size * mean in bound


def test_a_template_that_leaves_its_interval_proves_nothing():
    with pytest.raises(ValueError, match="the template leaves"):
        step("template", Interval(-10, 10), Interval(-8128, 8128), 3)
