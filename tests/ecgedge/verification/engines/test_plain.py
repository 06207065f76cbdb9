import numpy as np

from ecgedge.verification.engines.plain import plain
from firmware_sim.network import run
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
