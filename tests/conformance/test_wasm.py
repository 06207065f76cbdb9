"""WebAssembly gives the simulator's integers: layers of beats, and beats of streams."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ecgedge.data.record import read_record, resample_record
from ecgedge.verification.engines.wasm import NEEDS, WasmLibrary
from ecgedge.verification.firmware import named_layers, table_of
from ecgedge.verification.pipeline import first_difference
from ecgedge.zoo import shipped_bundles
from export.golden import extreme_beats
from firmware_sim import network, pipeline
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.programs import hostile_beats, hostile_contexts, random_program
from tests.tools import needs

pytestmark = needs(*NEEDS)
NAMES = tuple(shipped_bundles())


@cache
def library(name: str) -> WasmLibrary:
    """Compile once for all tests."""
    return WasmLibrary(load_program(shipped_bundles()[name] / "program.json"))


def assert_same_beats(library: WasmLibrary, counts: np.ndarray) -> int:
    expected = table_of(library.program, pipeline.run(library.program, counts))
    assert first_difference("stream", expected, library.pipeline(counts)) is None
    return len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_record_of_the_excerpt(name: str, excerpt: Path) -> None:
    beats = 0
    for path in sorted(excerpt.glob("*.hea")):
        beats += assert_same_beats(library(name), read_record(excerpt, path.stem).counts)
    assert beats > 5700


@pytest.mark.parametrize("name", NAMES)
def test_the_hardest_beats(name: str) -> None:
    program = library(name).program
    q = extreme_beats(program)
    context = hostile_contexts(len(q), 3, program.context) if program.context else None
    expected = network.run(program, q, context, layers=True)
    found = named_layers(program, library(name).network(q, context))
    assert np.array_equal(found.pop("label")[:, 0], expected.label_index)
    for layer, value in found.items():
        assert np.array_equal(value, expected.layers[layer]), layer


@pytest.mark.parametrize("prior", [None, Prior("S", 9, 5)], ids=str)
@pytest.mark.parametrize("fs", [125, 250, 500])
def test_recordings_at_other_rates(fs: int, prior: Prior | None, excerpt: Path) -> None:
    context = 5 if prior is None else 12
    program: Program = random_program(18, window=fs, context=context, prior=prior)
    record = resample_record(read_record(excerpt, "201"), program.fs)
    assert assert_same_beats(WasmLibrary(program), record.counts[: 60 * program.fs]) > 40


def rails_and_noise() -> np.ndarray:
    rng = np.random.default_rng(1)
    rails = rng.choice([-32768, 32767], 20_000)
    noise = rng.integers(-32768, 32768, 20_000)
    return np.concatenate([rails, noise, rails])


def test_rails_and_noise() -> None:
    assert_same_beats(library("rhythm-140"), rails_and_noise())


@pytest.mark.parametrize(
    "program",
    [
        random_program(21, context=12, hidden=8, branches=False),
        random_program(22, window=125, context=12, hidden=5, classes=2),
        random_program(23, window=250, context=12, hidden=8, branches=False, measures=7),
        random_program(24, context=0, hidden=3, branches=False, measures=16),
    ],
    ids=["rhythm and shape", "all there is", "measures, rhythm and shape", "measures"],
)
def test_programs_with_a_hidden_layer(program: Program, excerpt: Path) -> None:
    own = WasmLibrary(program)
    assert_same_beats(own, rails_and_noise())
    record = resample_record(read_record(excerpt, "208"), program.fs)
    assert assert_same_beats(own, record.counts[: 60 * program.fs]) > 60
    q = hostile_beats(program.window, 80, 3)
    context = hostile_contexts(80, 4, program.context) if program.context else None
    expected = network.run(program, q, context, layers=True)
    found = named_layers(program, own.network(q, context))
    assert np.array_equal(found.pop("label")[:, 0], expected.label_index)
    assert np.array_equal(found["scores"], expected.scores)
    for layer in expected.layers.keys() & found.keys():
        assert np.array_equal(found[layer], expected.layers[layer]), layer
    assert "hidden" in found
    assert ("measures" in found) == bool(program.measures)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize("name", NAMES)
def test_all_records_of_the_database(mitdb: Path, name: str) -> None:
    beats = 0
    for path in sorted(mitdb.glob("*.hea")):
        beats += assert_same_beats(library(name), read_record(mitdb, path.stem).counts)
    assert beats > 109_000
