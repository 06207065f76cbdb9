"""The forward pass that trains a student equals the simulator, integer for integer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.training.engine import layers_of
from firmware_sim.network import run
from firmware_sim.program import Branch, Head, Layer, Program, segments
from tests.programs import random_program as wild_program


def random_program(
    rng: np.random.Generator, window: int, depth: int, context: int, largest: int
) -> Program:
    """Weights up to `largest`; shifts around those that calibration finds."""

    def integers(*shape: int) -> NDArray[np.int8]:
        return rng.integers(-largest, largest + 1, shape).astype(np.int8)

    branches = tuple(
        Branch(integers(4, 4), integers(4), 7 + s.pool_bits - int(rng.integers(-3, 5)))
        for s in segments(window)
    )
    layers = tuple(
        Layer(integers(4, 4), integers(4), int(rng.integers(4, 10))) for _ in range(depth)
    )
    return Program(
        name="random",
        task="nsvf",
        fs=window,
        window=window,
        labels=("N", "S", "V", "F"),
        branches=branches,
        layers=layers,
        mean_shift=int(rng.integers(0, 5)),
        head=Head(integers(4, 4 + context), integers(4)),
        context=context,
    )


def assert_equal_layers(program: Program, q: NDArray[np.int8], context: NDArray[np.int8]) -> None:
    expected = run(program, q, context, layers=True).layers
    expected = {name: value for name, value in expected.items() if not name.endswith(".sum")}
    found = layers_of(program, q, context)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    window=st.sampled_from([360, 250, 125]),
    depth=st.integers(1, 3),
    context=st.sampled_from([0, 5]),
    largest=st.sampled_from([1, 25, 127]),
)
def test_random_programs(seed: int, window: int, depth: int, context: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, window, depth, context, largest)
    q = rng.integers(-127, 128, (9, window)).astype(np.int8)
    assert_equal_layers(program, q, rng.integers(-127, 128, (9, 5)).astype(np.int8))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("window", [360, 2000])
def test_extreme_beats_and_weights(sign: int, window: int) -> None:
    rng = np.random.default_rng(0)
    program = random_program(rng, window, 2, 5, 127)
    full = [Branch(np.full((4, 4), 127 * sign), b.bias, b.shift) for b in program.branches]
    program = program.replace(branches=tuple(full))
    rows = (np.full(window, 127), np.full(window, -127), np.zeros(window), [127, -127])
    q = np.stack([np.resize(row, window) for row in rows]).astype(np.int8)
    assert_equal_layers(program, q, np.full((4, 5), -127, np.int8))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    context=st.sampled_from([5, 12]),
    hidden=st.sampled_from([1, 8, 32]),
    branches=st.booleans(),
)
def test_programs_with_a_hidden_layer(seed: int, context: int, hidden: int, branches: bool) -> None:
    program = wild_program(seed, context=context, hidden=hidden, branches=branches)
    rng = np.random.default_rng(seed)
    q = rng.integers(-127, 128, (6, program.window)).astype(np.int8)
    values = rng.integers(-127, 128, (6, context)).astype(np.int8)
    assert_equal_layers(program, q, values)
