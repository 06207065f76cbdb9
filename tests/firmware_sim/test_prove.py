import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.network import run
from firmware_sim.program import Branch
from firmware_sim.prove import certificate, prove, width_of, worst_beats
from tests.programs import hostile_beats, hostile_contexts, programs, random_program


@given(programs(), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_no_input_leaves_the_proven_interval(program, seed):
    q = np.concatenate([hostile_beats(program.window, 20, seed), worst_beats(program)])
    context = hostile_contexts(len(q), seed)
    layers = run(program, q, context, layers=True).layers
    proof = prove(program)
    assert proof.ok
    for reach in proof.layers:
        seen = layers[reach.name][:, reach.channel]
        low, high = reach.min, reach.max
        if reach.activation_min is not None:
            low, high = reach.activation_min, reach.activation_max
        assert low <= seen.min(), reach
        assert seen.max() <= high, reach


@given(programs())
@settings(max_examples=20, deadline=None)
def test_the_reach_of_the_convolutions_is_attained(program):
    layers = run(
        program, worst_beats(program), hostile_contexts(len(worst_beats(program)), 0), layers=True
    ).layers
    for reach in prove(program).layers:
        if reach.name.endswith(".conv"):
            seen = layers[reach.name][:, reach.channel]
            assert (seen.min(), seen.max()) == (reach.min, reach.max), reach
            assert reach.exact


def test_the_l1_bound_keeps_convolutions_inside_one():
    for seed in range(20):
        for reach in prove(random_program(seed)).layers:
            if reach.name.endswith(".conv"):
                assert max(-reach.min, reach.max) <= 1 << 14
                assert reach.width_bits == 16
            if reach.name.endswith(".pool"):
                assert reach.partial_max < 1 << 24


def test_widths_follow_the_weights():
    program = random_program(3, bound="l1")
    loud = Branch(np.full((4, 4), 127), np.full(4, 127), program.branches[0].shift)
    changed = program.replace(branches=(loud, *program.branches[1:]))
    assert prove(program).width("P.conv") == 16
    assert prove(changed).width("P.conv") == 32


def test_width_of_is_the_narrowest():
    assert width_of(-32768, 32767) == 16
    assert width_of(-32769, 0) == 32
    assert width_of(0, 32768) == 32
    assert width_of(0, 1 << 31) == 0


def test_the_certificate_names_its_program_and_every_accumulator():
    program = random_program(4)
    content = certificate(prove(program))
    assert content["program"] == program.digest
    names = {(r["name"], r["channel"]) for r in content["layers"]}
    assert len(names) == 16 + 16 + 4 + 4 + 4
    assert all(r["spare_bits"] >= 0 for r in content["layers"])
