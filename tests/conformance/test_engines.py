"""Every engine gives the simulator's integers at every layer, whatever the program and beats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.verification.engines import COMPILED, ENGINES, make_engine
from export.bundle import Bundle, expected_models
from export.golden import extreme_beats, make_golden
from export.onnx_graph import layer_names
from firmware_sim.network import run
from firmware_sim.program import Program
from firmware_sim.trace import compare
from tests.networks import network_of
from tests.programs import hostile_beats, hostile_contexts, programs, random_program


def bundle_of(program: Program) -> Bundle:
    """A bundle that never was a folder."""
    network = network_of(program)
    return Bundle(
        path=Path(),
        name=program.name,
        program=program,
        network=network,
        models=expected_models(program, network),
        golden=make_golden(program),
        proof={},
        card="",
    )


def assert_engines_agree(program: Program, q: NDArray[np.int8], seed: int) -> None:
    context = hostile_contexts(len(q), seed, program.context) if program.context else None
    output = run(program, q, context, layers=True)
    label = output.label_index[:, None]
    expected = {
        **output.layers,
        "label": label,
        "file.scores": output.scores,
        "file.label": label,
    }
    bundle = bundle_of(program)
    for name in ENGINES.keys() - set(COMPILED):
        shown = make_engine(name, bundle)(q, context)
        assert set(layer_names(bundle.models["int"])) <= set(shown)
        assert compare(program, q, context, expected, shown).first is None, name


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(), seed=st.integers(0, 2**32 - 1))
def test_random_programs(program: Program, seed: int) -> None:
    assert_engines_agree(program, hostile_beats(program.window, 16, seed), seed)


@pytest.mark.parametrize("window", [32, 33, 36, 47, 2000])
@pytest.mark.parametrize("bound", ["l1", "tanh"])
def test_unusual_windows(window: int, bound: str) -> None:
    program = random_program(window, window=max(window, 50), bound=bound, depth=2)
    program = program.replace(window=window)
    assert_engines_agree(program, hostile_beats(window, 16, window), 0)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("bound", ["l1", "tanh"])
def test_extreme_beats(classes: int, bound: str) -> None:
    program = random_program(classes, classes=classes, bound=bound)
    assert_engines_agree(program, extreme_beats(program), 0)


@pytest.mark.parametrize("shift", [0, 1])
def test_shifts_that_round_nothing_or_one_bit(shift: int) -> None:
    program = random_program(11, depth=2)
    program = program.replace(
        branches=tuple(replace(b, shift=shift) for b in program.branches),
        layers=tuple(replace(layer, shift=shift) for layer in program.layers),
        mean_shift=shift,
    )
    assert_engines_agree(program, hostile_beats(360, 16, 0), 0)
