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
from firmware_sim.program import Program, load_program
from tests.programs import hostile_beats, hostile_contexts, random_program
from tests.tools import needs

SHAPES = {
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
def library(program: Program, core: str, *flags: str) -> Firmware | HostLibrary:
    """Compile once for all tests."""
    if core == "host" and not flags:
        return HostLibrary(program, CORES[core])
    return Firmware(program, CORES[core], flags=flags)


def assert_same_layers(program: Program, core: str, q: NDArray[np.int8]) -> None:
    context = hostile_contexts(len(q), 3) if program.context else None
    expected = network.run(program, q, context, layers=True)
    found = named_layers(program, library(program, core).network(q, context))
    assert np.array_equal(found.pop("label")[:, 0], expected.label_index)
    for name, value in found.items():
        assert np.array_equal(value, expected.layers[name]), name


def assert_same_beats(program: Program, found: Table, counts: NDArray[np.integer]) -> None:
    expected = table_of(program, pipeline.run(program, counts))
    assert first_difference("stream", expected, found) is None


@every_core
@pytest.mark.parametrize("name", ["rhythm-140", "beat-150"])
def test_the_hardest_beats(core: str, name: str) -> None:
    program = shipped(name)
    assert_same_layers(program, core, extreme_beats(program))


@every_core
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_programs_of_other_shapes(core: str, shape: dict[str, object]) -> None:
    program = random_program(17, **shape)  # type: ignore[arg-type]
    assert_same_layers(program, core, hostile_beats(program.window, 64, 5))


@every_core
@pytest.mark.parametrize("name", ["208", "222"])
def test_a_recording_from_counts_to_labels(core: str, name: str, excerpt: Path) -> None:
    program = shipped("rhythm-140")
    counts = read_record(excerpt, name).counts[: 200 * 360]
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
@given(counts=streams(), name=st.sampled_from(["rhythm-140", "beat-150"]))
def test_hostile_streams_give_the_same_beats_and_break_nothing(
    counts: NDArray[np.int64], name: str
) -> None:
    program = shipped(name)
    assert_same_beats(program, library(program, "host", *SANITIZE).pipeline(counts), counts)


@every_core
@pytest.mark.parametrize("kind", KINDS)
def test_every_core_survives_hostile_streams(core: str, kind: object) -> None:
    program = shipped("rhythm-140")
    assert callable(kind)
    counts = kind(np.random.default_rng(1), 40 * 360)
    assert_same_beats(program, library(program, core).pipeline(counts), counts)


@needs(*CORES["host"].needs)
def test_a_silence_of_days_does_not_confuse_a_clock_of_16_bits(excerpt: Path) -> None:
    """Times are kept modulo 2**16: beats must be the same whatever passed before."""
    program = shipped("rhythm-140")
    beats = read_record(excerpt, "208").counts[: 20 * 360]
    for pause in (65536 - 7200, 65536, 70_001, 2 * 65536 + 100):
        counts = np.concatenate([beats, np.full(pause, beats[-1]), beats])
        assert_same_beats(program, library(program, "host").pipeline(counts), counts)


# Whole database


@pytest.mark.slow
@pytest.mark.database
@needs(*CORES["host"].needs)
@pytest.mark.parametrize("name", ["rhythm-140", "beat-150"])
def test_all_records_from_counts_to_labels_on_this_machine(mitdb: Path, name: str) -> None:
    program, samples, beats = shipped(name), 0, 0
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
@pytest.mark.parametrize("name", ["203", "232"])
def test_full_records_on_a_cortex_m(mitdb: Path, core: str, name: str) -> None:
    program, counts = shipped("rhythm-140"), read_record(mitdb, name).counts
    assert_same_beats(program, library(program, core).pipeline(counts), counts)


def test_tables_hold_what_the_library_writes() -> None:
    program = shipped("rhythm-140")
    assert beat_type(program).itemsize == 4 + 4 + 4 * 4 + 2 + 5 + 3
