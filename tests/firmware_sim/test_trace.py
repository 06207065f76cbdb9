import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.network import run
from firmware_sim.trace import accumulator, compare
from tests.programs import hostile_beats, hostile_contexts, programs, random_program


def seen(program, n=14):
    q = hostile_beats(program.window, n, 1)
    context = hostile_contexts(len(q), 1, CONTEXT_SIZE)
    return q, context, run(program, q, context, layers=True).layers


def test_equal_layers_have_no_difference():
    program = random_program(1)
    q, context, layers = seen(program)
    result = compare(program, q, context, layers, layers)
    assert (result.compared, result.mismatches, result.first) == (len(q), 0, None)


@given(programs(), st.data())
@settings(max_examples=20, deadline=None)
def test_the_first_difference_is_named_where_it_was_planted(program, data):
    q, context, layers = seen(program)
    name = data.draw(st.sampled_from([n for n in layers if n not in ("beat", "context")]))
    actual = {k: v.copy() for k, v in layers.items()}
    place = tuple(data.draw(st.integers(0, size - 1)) for size in layers[name].shape)
    actual[name][place] += 1
    result = compare(program, q, context, layers, actual)
    assert result.mismatches == 1
    first = result.first
    assert first is not None
    assert (first.beat, first.layer, first.channel) == (place[0], name, place[1])
    assert first.actual == first.expected + 1
    assert first.position == (place[2] if len(place) > 2 else None)
    assert name in str(first)
    assert str(first.accumulator) in str(first)


@given(programs())
@settings(max_examples=10, deadline=None)
def test_the_accumulator_explains_every_activation(program):
    q, context, layers = seen(program)
    shifts = {f"{name}.pool": branch.shift for name, branch, _ in program.named_branches}
    shifts |= {f"tokens.{i}": layer.shift for i, layer in enumerate(program.layers, start=1)}
    if program.branches:
        shifts["mean"] = program.mean_shift
    if program.hidden:
        shifts["hidden"] = program.hidden.shift
    if program.measures:
        shifts["measures"] = program.measures[0].shift(program.window)
    for name, shift in shifts.items():
        place = (0,) if layers[name].ndim == 2 else (1, 0)
        total = accumulator(program, q[:1], context[:1], name, place)
        rounded = (total + (1 << shift >> 1)) >> shift
        least = -127 if name in ("hidden", "measures") else 0
        assert min(max(rounded, least), 127) == layers[name][0][place], name
    assert shifts


def test_layers_of_another_shape_or_none_are_an_error():
    program = random_program(2)
    q, context, layers = seen(program)
    with pytest.raises(ValueError, match="no layer"):
        compare(program, q, context, layers, {"other": q})
    with pytest.raises(ValueError, match="shape"):
        compare(program, q, context, layers, {"scores": np.zeros((1, 2))})
