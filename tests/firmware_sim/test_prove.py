"""The proof of a network: bounds that hold, witnesses that attain them, widths that follow."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import network
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.measures import KINDS, Measure, measured, reduced
from firmware_sim.network import run
from firmware_sim.program import Branch, Head, Hidden, Layer, Program
from firmware_sim.proof.certificate import certificate, checksum, what_is_wrong
from firmware_sim.proof.interval import quantity, width_of
from firmware_sim.proof.network import DIFFERENCE, Reach, reach_of
from firmware_sim.proof.pool import pool_reach
from firmware_sim.proof.replay import replay
from firmware_sim.proof.worst_sequence import greatest_sum
from firmware_sim.prove import prove, worst_beats, worst_contexts
from firmware_sim.shape import bin_sums
from tests.programs import hostile_beats, hostile_contexts, programs, random_program

weights = st.lists(st.integers(-127, 127), min_size=4, max_size=4)


def seen_of(layers: network.Layers, reach: Reach) -> np.ndarray:
    if reach.name == DIFFERENCE:
        return layers["scores"][:, 1] - layers["scores"][:, 0]
    return layers[reach.name][:, reach.channel]


@given(programs(), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_no_input_leaves_the_proven_interval(program, seed):
    q = np.concatenate([hostile_beats(program.window, 20, seed), worst_beats(program)])
    context = hostile_contexts(len(q), seed, CONTEXT_SIZE)
    layers = run(program, q, context, layers=True).layers
    proof = prove(program)
    assert proof.ok
    for reach in proof.layers:
        seen = seen_of(layers, reach)
        low, high = reach.min, reach.max
        if reach.activation_min is not None:
            low, high = reach.activation_min, reach.activation_max
        assert low <= seen.min(), reach
        assert seen.max() <= high, reach


@given(programs(with_branches=True), st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_no_pool_sum_leaves_the_proven_interval(program, seed):
    q = np.concatenate([hostile_beats(program.window, 40, seed), worst_beats(program)])
    x = np.ascontiguousarray(q.T, dtype=np.int16)
    pools = [r for r in prove(program).layers if r.name.endswith(".pool")]
    parts = zip(program.branches, program.segments, strict=True)
    for own, (branch, segment) in zip(
        [pools[i : i + 4] for i in range(0, 16, 4)], parts, strict=True
    ):
        sums = network.pool_sums(x, branch, segment)
        for reach in own:
            assert reach.min <= sums[reach.channel].min(), reach
            assert sums[reach.channel].max() == reach.max, reach
            if reach.exact:
                assert sums[reach.channel].min() == reach.min, reach


@given(programs())
@settings(max_examples=20, deadline=None)
def test_the_reach_of_convolutions_and_pools_is_attained(program):
    beats = worst_beats(program)
    layers = run(program, beats, hostile_contexts(len(beats), 0, CONTEXT_SIZE), layers=True).layers
    for reach in prove(program).layers:
        seen = seen_of(layers, reach)
        if reach.name.endswith(".conv"):
            assert (seen.min(), seen.max()) == (reach.min, reach.max), reach
            assert reach.exact
        if reach.name.endswith(".pool"):
            assert seen.max() == reach.activation_max, reach


@given(programs())
@settings(max_examples=20, deadline=None)
def test_the_reach_of_measures_is_attained(program):
    found = [r for r in prove(program).layers if r.name == "measures"]
    assert len(found) == len(program.measures)
    beats = worst_beats(program)
    bins = bin_sums(beats) if program.measures else None
    for reach, measure in zip(found, program.measures, strict=True):
        sums = reduced(bins, measure)
        assert (sums.min(), sums.max()) == (reach.min, reach.max), reach
        values = measured(beats, (measure,))
        assert (values.min(), values.max()) == (reach.activation_min, reach.activation_max)
        assert reach.exact
        assert reach.kind == "beat"
        assert len(reach.witness_max) == program.window


def test_a_gain_saturates_a_measure_and_the_proof_says_so():
    program = random_program(0, context=0, hidden=8, branches=False, measures=1)
    ends = {}
    for gain in range(3):
        (reach, *_) = prove(program.replace(measures=(Measure("level", 30, 31, gain),))).layers
        assert (reach.min, reach.max) == (-6 * 127, 6 * 127)
        assert reach.partial_max == reach.max + (4 >> gain)
        ends[gain] = (reach.activation_min, reach.activation_max)
    assert ends == {0: (-95, 95), 1: (-127, 127), 2: (-127, 127)}


@given(programs())
@settings(max_examples=30, deadline=None)
def test_every_witness_gives_what_the_proof_states(program):
    proof = prove(program)
    replayed = replay(program, proof)
    assert replayed.failures == ()
    known = [w for r in proof.layers for w in (r.witness_min, r.witness_max) if w is not None]
    assert replayed.count == len(known)
    for reach in proof.layers:
        assert reach.witness_max is not None
        if reach.witness_min is None:
            assert reach.name.endswith(".pool")
            assert not reach.exact


@given(programs())
@settings(max_examples=20, deadline=None)
def test_witnesses_of_layers_lie_in_the_proven_intervals_of_their_inputs(program):
    proof = prove(program)
    depth = len(program.layers)
    by_name = {name: [r for r in proof.layers if r.name == name] for name in {
        r.name for r in proof.layers
    }}  # fmt: skip
    for i in range(2, depth + 1):
        before = by_name[f"tokens.{i - 1}"]
        for reach in by_name[f"tokens.{i}"]:
            for witness in (reach.witness_min, reach.witness_max):
                for value, source in zip(witness, before, strict=True):
                    assert source.activation_min <= value <= source.activation_max
    for reach in by_name.get("mean", ()):
        source = by_name[f"tokens.{depth}"][reach.channel]
        for value in (*reach.witness_min, *reach.witness_max):
            assert source.activation_min <= value <= source.activation_max
    seen = by_name.get("mean", by_name.get("measures", []))
    for name in ("hidden", "scores"):
        sources = by_name["hidden"] if name == "scores" and program.hidden else seen
        for reach in by_name.get(name, ()):
            for witness in (reach.witness_min, reach.witness_max):
                for value, source in zip(witness, sources, strict=False):
                    assert source.activation_min <= value <= source.activation_max
                assert {abs(value) for value in witness[len(sources) :]} <= {127}


@given(programs())
@settings(max_examples=20, deadline=None)
def test_hidden_sums_of_contexts_are_exact_and_attained(program):
    found = [r for r in prove(program).layers if r.name == "hidden"]
    assert len(found) == (0 if program.hidden is None else len(program.hidden.bias))
    contexts = worst_contexts(program)
    if program.seen or program.hidden is None:
        assert not any(reach.exact for reach in found)
        return
    sums = network.hidden_sums(contexts.astype(np.int64), program.hidden)
    beats = np.zeros((len(contexts), program.window), np.int8)
    layers = run(program, beats, contexts, layers=True).layers
    for reach in found:
        assert reach.exact
        assert reach.kind == "context"
        assert (sums[:, reach.channel].min(), sums[:, reach.channel].max()) == (
            reach.min,
            reach.max,
        )
        seen = layers["hidden"][:, reach.channel]
        assert (seen.min(), seen.max()) == (reach.activation_min, reach.activation_max)
        weight = np.abs(program.hidden.weight[reach.channel].astype(int)).sum()
        assert reach.max - reach.min == 2 * 127 * weight


def test_partial_sums_of_the_hidden_layer_are_in_the_order_of_its_inputs():
    program = random_program(5, context=5, hidden=1, branches=False)
    weight, bias = np.array([[100, -100, 100, -100, 127]]), np.array([-127])
    layer = Hidden(weight, bias, 7)
    (reach,) = (r for r in prove(program.replace(hidden=layer)).layers if r.name == "hidden")
    assert reach.min == reach.partial_min == -127 * 128 - 127 * 527
    assert reach.max == -127 * 128 + 127 * 527
    assert reach.partial_max == reach.max + 64, "the constant that rounds the shift counts"
    assert (reach.activation_min, reach.activation_max) == (-127, 127)


def test_the_beats_that_a_program_without_branches_ignores_are_one():
    program = random_program(5, context=12, hidden=8, branches=False)
    assert worst_beats(program).shape == (1, 360)
    assert worst_contexts(random_program(5)).shape == (0, 5)


@pytest.mark.parametrize("end", ["min", "max"])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"hidden": 3},
        {"hidden": 8, "branches": False},
        {"hidden": 8, "branches": False, "measures": 7},
    ],
)
def test_replay_names_a_bound_that_is_not_attained(end, shape):
    program = random_program(1, classes=2, **shape)
    proof = prove(program)
    for index, reach in enumerate(proof.layers):
        wrong = replace(reach, **{end: getattr(reach, end) + 1})
        layers = (*proof.layers[:index], wrong, *proof.layers[index + 1 :])
        if getattr(reach, f"witness_{end}") is None:
            continue
        failures = replay(program, replace(proof, layers=layers)).failures
        assert len(failures) == 1
        assert failures[0].startswith(f"{reach.name} channel {reach.channel}: the witness of its")


def test_replay_names_a_wrong_activation():
    program = random_program(1, hidden=3)
    proof = prove(program)
    for name in ("mean", "hidden"):
        names_a_wrong_activation(program, proof, name)


def test_replay_names_a_wrong_activation_of_a_measure():
    program = random_program(1, hidden=3, branches=False, measures=7)
    names_a_wrong_activation(program, prove(program), "measures")


def test_replay_finds_a_beat_that_is_no_witness_of_its_measure():
    program = random_program(1, hidden=3, branches=False, measures=7)
    proof = prove(program)
    for index, measure in enumerate(program.measures):
        if KINDS[measure.kind].reduce is np.max and measure.stop - measure.start > 1:
            continue  # another bin is as high
        reach = proof.layers[index]
        beat = list(reach.witness_max)
        beat[180 + (measure.start - 30) * 6] //= 2
        wrong = replace(reach, witness_max=tuple(beat))
        layers = (*proof.layers[:index], wrong, *proof.layers[index + 1 :])
        (failure,) = replay(program, replace(proof, layers=layers)).failures
        assert failure.startswith(f"measures channel {index}: the witness of its maximum gives")


def names_a_wrong_activation(program, proof, name):
    reach = next(r for r in proof.layers if r.name == name)
    wrong = replace(reach, activation_max=reach.activation_max - 1)
    layers = tuple(wrong if r is reach else r for r in proof.layers)
    assert "gives the activation" in replay(program, replace(proof, layers=layers)).failures[0]


# Pools


@given(weights, st.integers(-127, 127), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_the_greatest_sum_of_a_pool_is_that_of_all_sign_patterns(weight, bias, pool):
    samples = 127 * np.array(list(itertools.product([-1, 1], repeat=pool + 3)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, 4, axis=1)
    sums = np.maximum(windows @ np.array(weight) + 128 * bias, 0).sum(axis=1)
    found = pool_reach(np.array(weight), bias, pool)
    assert found.max == sums.max()
    assert found.min <= sums.min()


@given(weights, st.integers(-127, 127), st.integers(1, 400), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_no_samples_leave_the_reach_of_a_pool(weight, bias, pool, seed):
    rng = np.random.default_rng(seed)
    found = pool_reach(np.array(weight), bias, pool)

    def total(samples):
        return np.maximum(np.correlate(samples, weight) + 128 * bias, 0).sum()

    assert total(found.witness_max) == found.max
    tried = [rng.integers(-127, 128, pool + 3), np.full(pool + 3, 127), np.full(pool + 3, -127)]
    if found.witness_min is not None:
        assert total(found.witness_min) == found.min
        moved = np.clip(found.witness_min + rng.integers(-9, 10, pool + 3), -127, 127)
        tried.append(moved)
    for samples in tried:
        assert found.min <= total(samples) <= found.max


def test_the_least_sum_of_a_pool_that_is_always_positive_is_exact():
    found = pool_reach(np.array([10, -20, 5, 3]), 127, 50)
    assert found.witness_min is not None
    assert found.min > 0


def test_a_sequence_can_be_longer_than_its_patterns_tell():
    gains = np.array([0, 5, 3, 0])  # a one after a zero brings 5, a zero after a one 3
    total, bits = greatest_sum(gains, 5)
    assert total == 5 + 3 + 5 + 3 + 5
    assert bits.tolist() == [0, 1, 0, 1, 0, 1]


# Widths


def test_the_l1_bound_keeps_convolutions_inside_one():
    for seed in range(20):
        for reach in prove(random_program(seed)).layers:
            if reach.name.endswith(".conv"):
                assert max(-reach.min, reach.max) <= 1 << 14
                assert reach.width_bits == 16
            if reach.name.endswith(".pool"):
                assert reach.partial_max < 1 << 24


@given(
    programs(with_branches=True),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(-127, 127),
)
@settings(max_examples=40, deadline=None)
def test_after_one_changed_weight_the_width_still_holds_every_partial_sum(
    program, branch, channel, tap, value
):
    weight = program.branches[branch].weight.copy()
    weight[channel, tap] = value
    parts = list(program.branches)
    parts[branch] = Branch(weight, parts[branch].bias, parts[branch].shift)
    changed = program.replace(branches=tuple(parts))
    name = ("P", "QRS", "T", "global")[branch]
    corners = 127 * np.array(list(itertools.product([-1, 1], repeat=4)))
    bias = 128 * parts[branch].bias.astype(int)[:, None, None]
    sums = bias + np.cumsum(corners[None] * weight[:, None, :].astype(int), axis=2)
    seen = min(sums.min(), bias.min()), max(sums.max(), bias.max())
    proof = prove(changed)
    assert proof.width(f"{name}.conv") == (16 if seen[0] >= -32768 and seen[1] <= 32767 else 32)


def test_one_changed_weight_can_widen_an_accumulator():
    program = random_program(3, bound="l1")
    quiet = Branch(np.full((4, 4), 60), np.zeros(4, dtype=int), 7)
    weight = quiet.weight.copy()
    weight[2, 1] = 127
    loud = Branch(weight, quiet.bias, quiet.shift)
    proofs = [
        prove(program.replace(branches=(branch, *program.branches[1:]))) for branch in (quiet, loud)
    ]
    assert [proof.width("P.conv") for proof in proofs] == [16, 32]
    assert all(proof.ok for proof in proofs)
    assert what_is_wrong(certificate(proofs[0]), certificate(proofs[1])) == (
        "it speaks of another program"
    )


def test_the_loudest_program_of_the_format_fits_32_bits():
    top = 127
    wide = Program(
        name="loud",
        task="test",
        fs=500,
        window=4096,
        labels=("N", "V"),
        branches=(Branch(np.full((4, 4), top), np.full(4, top), 24),) * 4,
        layers=(Layer(np.full((4, 4), top), np.full(4, top), 14),) * 8,
        mean_shift=7,
        head=Head(np.array([[-top] * 9, [top] * 9]), np.array([-top, top])),
        context=5,
        threshold=0,
    )
    proof = prove(wide)
    assert proof.ok
    assert replay(wide, proof).failures == ()
    reach = next(r for r in proof.layers if r.name == "global.pool")
    assert reach.max == 4093 * (4 * 127 * 127 + 127 * 128)
    assert proof.width("global.pool") == 32


def test_what_does_not_fit_32_bits_fails():
    proof = prove(random_program(0))
    low, high = -(1 << 31) - 1, 1 << 31
    for ends in ((low, 0), (0, high)):
        reach = reach_of("P.conv", 0, ends, ends, (None, None), kind="beat")
        assert reach.width_bits == 0
        failed = replace(proof, layers=(reach, *proof.layers[1:]))
        assert not failed.ok
        assert failed.width("P.conv") == 0
        assert failed.failures == ("the accumulator of P.conv channel 0 does not fit 32 bits.",)
    assert (
        reach_of("x", 0, (0, high - 1), (0, high - 1), (None, None), kind="beat").width_bits == 32
    )
    rounded = reach_of("x", 0, (0, high - 1), (0, 0), (None, None), kind="beat", shift=1)
    assert rounded.width_bits == 0, "the constant that rounds the shift counts"
    failed = replace(proof, stream=(quantity("x", 1 << 32, "too much"),))
    assert failed.failures == ("x does not fit 32 bits.",)


def test_width_of_is_the_narrowest():
    assert width_of(-32768, 32767) == 16
    assert width_of(-32769, 0) == 32
    assert width_of(0, 32768) == 32
    assert width_of(0, 1 << 31) == 0


# The certificate


def test_the_certificate_names_its_program_and_every_accumulator():
    program = random_program(4)
    content = certificate(prove(program))
    assert content["program"] == program.digest
    assert content["checksum"] == checksum(content)
    names = {(r["name"], r["channel"]) for r in content["layers"]}
    assert len(names) == 16 + 16 + 4 + 4 + 4
    assert all(r["spare_bits"] >= 0 for r in content["layers"])


def test_two_classes_have_the_difference_that_is_decided_with():
    program = random_program(4, classes=2)
    found = [r for r in prove(program).layers if r.name == DIFFERENCE]
    assert len(found) == 1
    scores = [r for r in prove(program).layers if r.name == "scores"]
    assert found[0].max <= scores[1].max - scores[0].min


def test_witnesses_are_written_as_signs():
    program = random_program(4)
    content = certificate(prove(program))
    first = content["layers"][0]
    assert first["kind"] == "beat"
    assert len(first["witness_max"]) == 4
    assert set(first["witness_max"]) <= set("+-0")
    last = content["layers"][-1]
    assert last["kind"] == "layer"
    assert all(isinstance(value, int) for value in last["witness_max"])
