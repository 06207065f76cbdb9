"""Every core gives the simulator's integers: layers of beats, and beats of streams."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.chips.cores import CORES
from ecgedge.data.record import read_record, resample_record
from ecgedge.verification.firmware import (
    Firmware,
    HostLibrary,
    Table,
    beat_type,
    named_layers,
    table_of,
)
from ecgedge.verification.pipeline import first_difference
from ecgedge.zoo import shipped_bundles
from export.golden import extreme_beats
from firmware_sim import network, pipeline
from firmware_sim.beat import normalize
from firmware_sim.measures import KINDS as KINDS_OF_MEASURES
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from firmware_sim.prove import prove, worst_beats
from firmware_sim.shape import BINS, shapes
from tests.programs import LABELS, hostile_beats, hostile_contexts, priors, random_program
from tests.tools import needs

NAMES = tuple(shipped_bundles())
RHYTHM_AND_SHAPE = {"context": 12, "hidden": 8, "branches": False}
PRIOR = {"prior": Prior("S", 9, 5)}
SHAPES = {
    "rhythm and shape": RHYTHM_AND_SHAPE,
    "rhythm and shape with a prior": RHYTHM_AND_SHAPE | PRIOR,
    "rhythm with a large prior": {"window": 250, "context": 5, "prior": Prior("F", 64, 1)},
    "beat with a prior": {"window": 125, "context": 0, "prior": Prior("V", 40, 8)},
    "measures": {"window": 360, "context": 0, "hidden": 8, "measures": 16, "branches": False},
    "measures, rhythm and shape with a prior": RHYTHM_AND_SHAPE | PRIOR | {"measures": 7},
    "measures, rhythm and shape at 125 Hz": {"window": 125, **RHYTHM_AND_SHAPE, "measures": 16},
    "measures at 250 Hz": {"window": 250, **RHYTHM_AND_SHAPE, "context": 0, "measures": 7},
    "measures and rhythm at 500 Hz": {
        "window": 500,
        **RHYTHM_AND_SHAPE,
        "context": 5,
        "measures": 9,
        "classes": 2,
    },
    "rhythm and shape at 125 Hz": {**RHYTHM_AND_SHAPE, "window": 125, "classes": 2},
    "rhythm and shape at 500 Hz": {**RHYTHM_AND_SHAPE, "window": 500, "hidden": 32},
    "rhythm alone": {"window": 250, "context": 5, "hidden": 1, "branches": False},
    "all there is": {"window": 250, "context": 12, "hidden": 7, "classes": 5, "depth": 2},
    "hidden layer on a beat": {"window": 125, "context": 0, "hidden": 3},
    "two labels at 250 Hz": {"window": 250, "classes": 2, "context": 0, "depth": 3},
    "wide accumulators": {"window": 125, "classes": 5, "bound": "tanh", "depth": 2},
    "500 Hz": {"window": 500},
}
every_core = pytest.mark.parametrize(
    "core", [pytest.param(name, marks=needs(*core.needs)) for name, core in CORES.items()]
)


@cache
def shipped(name: str) -> Program:
    return load_program(shipped_bundles()[name] / "program.json")


@cache
def program_of(name: str) -> Program:
    """A shipped program, or a random one of a shape."""
    return random_program(19, **SHAPES[name]) if name in SHAPES else shipped(name)  # type: ignore[arg-type]


@cache
def library(program: Program, core: str, *flags: str) -> Firmware | HostLibrary:
    """Compile once for all tests."""
    if core == "host" and not flags:
        return HostLibrary(program, CORES[core])
    return Firmware(program, CORES[core], flags=flags)


def assert_same_layers(program: Program, core: str, q: NDArray[np.int8]) -> None:
    context = hostile_contexts(len(q), 3, program.context) if program.context else None
    expected = network.run(program, q, context, layers=True)
    found = named_layers(program, library(program, core).network(q, context))
    assert np.array_equal(found.pop("label")[:, 0], expected.label_index)
    assert found.keys() >= expected.layers.keys() & {"mean", "measures", "hidden", "scores"}
    for name, value in found.items():
        assert np.array_equal(value, expected.layers[name]), name


def assert_same_beats(program: Program, found: Table, counts: NDArray[np.integer]) -> None:
    expected = table_of(program, pipeline.run(program, counts))
    assert first_difference("stream", expected, found) is None


@every_core
@pytest.mark.parametrize("name", NAMES)
def test_the_hardest_beats(core: str, name: str) -> None:
    program = shipped(name)
    assert_same_layers(program, core, extreme_beats(program))


@every_core
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_programs_of_other_shapes(core: str, shape: dict[str, object]) -> None:
    program = random_program(17, **shape)  # type: ignore[arg-type]
    q = hostile_beats(program.window, 64, 5)
    if program.measures:
        q = np.concatenate([q, worst_beats(program)])
    assert_same_layers(program, core, q)


@every_core
@pytest.mark.parametrize("kind", KINDS_OF_MEASURES)
@pytest.mark.parametrize("bits", [16, 32])
def test_every_kind_of_measure_in_both_widths(core: str, kind: str, bits: int) -> None:
    """On the beats that drive it to its bounds; each for itself, ties of the shift among them."""
    window = 360 if bits == 32 else 125
    steps = int(KINDS_OF_MEASURES[kind].steps)
    ends = [(steps, BINS), (steps, 1 + steps), (BINS - 1, BINS), (29, 31), (7, 40)]
    measures = tuple(Measure(kind, *pair, gain=i % 2) for i, pair in enumerate(ends))
    if bits == 32:  # which its neighbour needs
        measures += (Measure("level", 0, BINS),)
    program = random_program(5, window=window, branches=False, hidden=3, measures=len(measures))
    program = program.replace(measures=measures)
    q = np.concatenate([worst_beats(program), hostile_beats(window, 40, 6)])
    if not KINDS_OF_MEASURES[kind].is_sum or bits == 32:
        assert prove(program).width("measures") == bits
    assert_same_layers(program, core, q)


@every_core
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("record", ["208", "222"])
def test_a_recording_from_counts_to_labels(
    core: str, name: str, record: str, excerpt: Path
) -> None:
    program = shipped(name)
    counts = read_record(excerpt, record).counts[: 200 * 360]
    found = library(program, core).pipeline(counts)
    assert len(found) > 200
    assert_same_beats(program, found, counts)


@every_core
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_recordings_at_other_rates(core: str, shape: dict[str, object], excerpt: Path) -> None:
    program = random_program(18, **shape)  # type: ignore[arg-type]
    record = resample_record(read_record(excerpt, "201"), program.fs)
    counts = record.counts[: 60 * program.fs]
    assert_same_beats(program, library(program, core).pipeline(counts), counts)


@every_core
@pytest.mark.parametrize("window", [125, 361])
def test_the_shape_of_one_window_after_the_other(core: str, window: int) -> None:
    """Against a template that takes each of them in: small ones, rails, constants."""
    program = random_program(20, window=window, **RHYTHM_AND_SHAPE)  # type: ignore[arg-type]
    rng = np.random.default_rng(4)
    windows = np.concatenate(
        [rng.integers(-h, h + 1, (9, window)).cumsum(axis=1) % 65536 - 32768 for h in (1, 9, 4000)]
        + [rng.integers(-h, h + 1, (9, window)) for h in (1, 7, 2048, 32767)]
        + [np.full((2, window), level) for level in (-32768, 0, 32767)]
        + [np.where(np.arange(window) // length % 2, 32767, -32768)[None] for length in (1, 6, 90)]
    )
    windows = rng.permutation(windows)
    context = hostile_contexts(len(windows), 2, 12)
    expected = network.run(program, normalize(windows), context)
    firmware = library(program, core, "-DECGEDGE_PORTABLE")
    assert isinstance(firmware, Firmware)
    found = firmware.windows(windows, context)
    assert np.array_equal(found["shape"], shapes(windows, context[:, 0]))
    assert np.array_equal(found["scores"], expected.scores)
    assert np.array_equal(found["label"], expected.label_index)


# Hostile streams


def rails(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return rng.choice([-32768, 32767], n)


def noise(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return rng.integers(-32768, 32768, n)


def square(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    high, low = rng.integers(-32768, 32768, 2)
    return np.where(np.arange(n) // int(rng.integers(1, 400)) % 2, high, low)


def pulses(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    every, width = int(rng.integers(40, 400)), int(rng.integers(1, 30))
    height = int(rng.integers(1, 32768))
    return np.where(np.arange(n) % every < width, height, 0) + rng.integers(0, 3, n)


def steps(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return np.repeat(rng.choice([-32768, 0, 32767], n // 50 + 1), 50)[:n]


def silence(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return np.full(n, int(rng.choice([-32768, 0, 32767])))


KINDS = (rails, noise, square, pulses, steps, silence)


@st.composite
def streams(draw: st.DrawFn) -> NDArray[np.int64]:
    """A minute or so of everything that a front end should never send."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    return np.concatenate([kind(rng, draw(st.integers(1, 6000))) for kind in kinds])


SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")


@needs(*CORES["host"].needs)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    counts=streams(),
    name=st.sampled_from([*NAMES, *(n for n in SHAPES if "rhythm" in n or "measures" in n)]),
)
def test_hostile_streams_give_the_same_beats_and_break_nothing(
    counts: NDArray[np.int64], name: str
) -> None:
    program = program_of(name)
    assert_same_beats(program, library(program, "host", *SANITIZE).pipeline(counts), counts)


@needs(*CORES["host"].needs)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(prior=priors(LABELS[:4]), seed=st.integers(0, 99), branches=st.booleans())
def test_any_prior_gives_the_same_beats(prior: Prior | None, seed: int, branches: bool) -> None:
    """Decisions that hang on those before them, on heartbeats of all heights."""
    program = random_program(seed, window=125, context=12, hidden=4, branches=branches, prior=prior)
    counts = heartbeats(np.random.default_rng(seed), 60 * 125, 125)
    assert_same_beats(program, HostLibrary(program, CORES["host"]).pipeline(counts), counts)


@every_core
@pytest.mark.parametrize(
    "name",
    [
        "rhythm-140",
        "rhythm and shape",
        "rhythm and shape with a prior",
        "measures, rhythm and shape with a prior",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_core_survives_hostile_streams(core: str, kind: object, name: str) -> None:
    program = program_of(name)
    assert callable(kind)
    counts = kind(np.random.default_rng(1), 40 * 360)
    assert_same_beats(program, library(program, core).pipeline(counts), counts)


@needs(*CORES["host"].needs)
@pytest.mark.parametrize("name", ["rhythm-140", "rhythm and shape with a prior"])
def test_a_silence_of_days_does_not_confuse_a_clock_of_16_bits(name: str, excerpt: Path) -> None:
    """Times are kept modulo 2**16: beats must be the same whatever passed before."""
    program = program_of(name)
    beats = read_record(excerpt, "208").counts[: 20 * 360]
    for pause in (65536 - 7200, 65536, 70_001, 2 * 65536 + 100):
        counts = np.concatenate([beats, np.full(pause, beats[-1]), beats])
        assert_same_beats(program, library(program, "host").pipeline(counts), counts)


def heartbeats(rng: np.random.Generator, n: int, fs: int) -> NDArray[np.int64]:
    """Spikes of all heights at random distances: many are found late, by search-back."""
    counts = rng.integers(-2, 3, n)
    at = 0
    while (at := at + int(rng.integers(fs // 3, fs * 3 // 2))) < n - fs // 20:
        counts[at : at + fs // 25] += int(rng.choice([1000, 900, 350, 250, -1000, 1500]))
    return counts


@needs(*CORES["host"].needs)
@pytest.mark.parametrize(
    ("fs", "window"), [(125, 60), (360, 60), (360, 200), (360, 1000), (500, 800)]
)
def test_what_search_back_finds_is_compared_in_its_turn(fs: int, window: int) -> None:
    """Also where a window ends before its R peak is found, or long after the next one."""
    program = random_program(23, window=fs, **RHYTHM_AND_SHAPE, **PRIOR)  # type: ignore[arg-type]
    program, late = program.replace(window=window), 0
    for seed in range(8):
        counts = heartbeats(np.random.default_rng(seed), 60 * fs, fs)
        found = library(program, "host").pipeline(counts)
        assert_same_beats(program, found, counts)
        late += int(found["search_back"].sum())
    assert late > 10


# Whole database


@pytest.mark.slow
@pytest.mark.database
@needs(*CORES["host"].needs)
@pytest.mark.parametrize(
    "name",
    [*NAMES, "rhythm and shape with a prior", "measures, rhythm and shape with a prior"],
)
def test_all_records_from_counts_to_labels_on_this_machine(mitdb: Path, name: str) -> None:
    program, samples, beats = program_of(name), 0, 0
    for path in sorted(mitdb.glob("*.hea")):
        counts = read_record(mitdb, path.stem).counts
        found = library(program, "host").pipeline(counts)
        assert_same_beats(program, found, counts)
        samples, beats = samples + len(counts), beats + len(found)
    assert samples == 48 * 650_000
    assert beats > 109_000


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize(
    "core", [pytest.param(n, marks=needs(*CORES[n].needs)) for n in ("cortex-m0", "cortex-m4")]
)
@pytest.mark.parametrize("name", ["rhythm-140", "rhythm and shape with a prior"])
@pytest.mark.parametrize("record", ["203", "232"])
def test_full_records_on_a_cortex_m(mitdb: Path, core: str, name: str, record: str) -> None:
    program, counts = program_of(name), read_record(mitdb, record).counts
    assert_same_beats(program, library(program, core).pipeline(counts), counts)


@pytest.mark.slow
@pytest.mark.database
@needs(*CORES["avr"].needs)
def test_a_full_record_on_an_atmega328p(mitdb: Path) -> None:
    program = program_of("rhythm and shape with a prior")
    counts = read_record(mitdb, "232").counts
    assert_same_beats(program, library(program, "avr").pipeline(counts), counts)


@pytest.mark.parametrize(("name", "values"), [("rhythm-140", 5), ("rhythm and shape", 12)])
def test_tables_hold_what_the_library_writes(name: str, values: int) -> None:
    assert beat_type(program_of(name)).itemsize == 4 + 4 + 4 * 4 + 2 + values + 3
