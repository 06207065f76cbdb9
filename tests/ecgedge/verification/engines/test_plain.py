import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgedge.verification.engines.plain import plain
from firmware_sim.measures import MAX_MEASURES, Measure
from firmware_sim.network import run
from firmware_sim.prove import worst_beats
from tests.programs import hostile_beats, hostile_contexts, random_program


def test_clipping_is_counted_before_the_clip() -> None:
    program = random_program(0, window=125)
    q, context = hostile_beats(125, 40, 0), hostile_contexts(40, 0)
    found = plain(program, q, context)
    layers = run(program, q, context, layers=True).layers
    above, count = found.clipped["tokens.1"]
    assert count == layers["tokens.1"].size
    assert 0 < above <= int((layers["tokens.1"] == 127).sum())


def test_the_hidden_layer_is_counted_at_both_ends() -> None:
    program = random_program(0, window=125, context=12, hidden=8, branches=False)
    q, context = hostile_beats(125, 400, 0), hostile_contexts(400, 0, 12)
    found = plain(program, q, context)
    hidden = run(program, q, context, layers=True).layers["hidden"]
    assert (hidden == 127).any()
    assert (hidden == -127).any()
    beyond, count = found.clipped["hidden"]
    assert list(found.clipped) == ["hidden"]
    assert count == hidden.size
    assert int((hidden == 127).sum()) < beyond <= int((np.abs(hidden) == 127).sum())


def test_measures_are_counted_at_both_ends() -> None:
    program = random_program(0, window=125, context=0, hidden=8, branches=False, measures=2)
    program = program.replace(measures=(Measure("high", 29, 32, 1), Measure("level", 20, 40, 3)))
    q = hostile_beats(125, 400, 0)
    found = plain(program, q, None)
    measures = run(program, q, layers=True).layers["measures"]
    beyond, count = found.clipped["measures"]
    assert list(found.clipped) == ["measures", "hidden"]
    assert count == measures.size == 2 * len(q)
    assert {-127, 127} <= set(measures.ravel().tolist())
    assert 0 < beyond <= int((np.abs(measures) == 127).sum())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([60, 61, 119, 125, 250, 360, 361, 500, 2000]))
def test_every_measure_is_the_simulators(seed: int, window: int) -> None:
    program = random_program(
        seed, window=window, context=0, hidden=1, branches=False, measures=MAX_MEASURES
    )
    q = np.concatenate([hostile_beats(window, 40, seed), worst_beats(program)])
    found, expected = plain(program, q, None).layers, run(program, q, layers=True).layers
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name
