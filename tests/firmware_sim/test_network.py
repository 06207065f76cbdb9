import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.network import decide, run
from firmware_sim.program import Hidden, Program
from tests.programs import hostile_beats, hostile_contexts, programs, random_program


def plain_measure(measure: Measure, q: list[int]) -> int:
    """One measure in Python's own integers, written from docs/arithmetic.md."""
    size = len(q) // 60
    start = len(q) // 2 - 30 * size
    bins = [sum(q[start + i * size : start + (i + 1) * size]) for i in range(60)]
    own = range(measure.start, measure.stop)
    mean_of, total = len(own), 0
    if measure.kind == "level":
        total = sum(bins[i] for i in own)
    elif measure.kind == "size":
        total = sum(abs(bins[i]) for i in own)
    elif measure.kind == "change":
        total = sum(abs(bins[i] - bins[i - 1]) for i in own)
    else:
        mean_of = 1
        if measure.kind == "high":
            total = max(bins[i] for i in own)
        elif measure.kind == "low":
            total = min(bins[i] for i in own)
        else:
            assert measure.kind == "steepest"
            total = max(abs(bins[i] - bins[i - 1]) for i in own)
    divisor = Fraction(2 ** nearest_power(size * mean_of), 2**measure.gain)
    assert divisor >= 1
    return min(max(math.floor(total / divisor + Fraction(1, 2)), -127), 127)


def nearest_power(samples: int) -> int:
    """The exponent of the power of two that is nearest as a ratio."""
    return min(range(16), key=lambda s: max(Fraction(samples, 2**s), Fraction(2**s, samples)))


def plain_scores(program: Program, q: list[int], context: list[int]) -> list[int]:
    """One beat in Python's own integers, written from docs/arithmetic.md."""

    def rshift(a: int, s: int) -> int:
        return (a + (1 << (s - 1))) >> s if s else a

    def relu(v: int) -> int:
        return min(max(v, 0), 127)

    def dense(rows: list[tuple[list[int], int]], inputs: list[int]) -> list[int]:
        return [sum(map(int.__mul__, w, inputs)) + (b << 7) for w, b in rows]

    tokens: list[list[int]] = []
    for branch, segment in zip(program.branches, program.segments, strict=True):
        row = q[segment.start : segment.stop]
        for token in range(segment.tokens):
            values = []
            for weight, bias in zip(branch.weight.tolist(), branch.bias.tolist(), strict=True):
                total = 0
                for i in range(token * segment.pool, (token + 1) * segment.pool):
                    a = sum(w * x for w, x in zip(weight, row[i : i + 4], strict=True))
                    total += max(a + (bias << 7), 0)
                values.append(min(rshift(total, branch.shift), 127))
            tokens.append(values)
    for layer in program.layers:
        rows = list(zip(layer.weight.tolist(), layer.bias.tolist(), strict=True))
        tokens = [[relu(rshift(a, layer.shift)) for a in dense(rows, t)] for t in tokens]
    features = []
    if tokens:
        features = [relu(rshift(sum(t[c] for t in tokens), program.mean_shift)) for c in range(4)]
    features += [plain_measure(measure, q) for measure in program.measures]
    features += context[: program.context]
    if program.hidden:
        hidden = program.hidden
        rows = list(zip(hidden.weight.tolist(), hidden.bias.tolist(), strict=True))
        features = [min(max(rshift(a, hidden.shift), -127), 127) for a in dense(rows, features)]
    rows = list(zip(program.head.weight.tolist(), program.head.bias.tolist(), strict=True))
    return dense(rows, features)


@given(programs(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_network_is_the_definition(program, seed):
    q = hostile_beats(program.window, 14, seed)
    context = hostile_contexts(len(q), seed, CONTEXT_SIZE)
    expected = [
        plain_scores(program, a, b) for a, b in zip(q.tolist(), context.tolist(), strict=True)
    ]
    assert run(program, q, context).scores.tolist() == expected


@given(programs(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_layers_agree_with_each_other_and_with_the_fast_path(program, seed):
    q = hostile_beats(program.window, 14, seed)
    context = hostile_contexts(len(q), seed, CONTEXT_SIZE)
    fast, kept = run(program, q, context), run(program, q, context, layers=True)
    assert np.array_equal(fast.scores, kept.scores)
    for name, branch, segment in program.named_branches:
        rows = np.maximum(kept.layers[f"{name}.conv"], 0).astype(np.int64)
        rows = rows[:, :, : segment.tokens * segment.pool]
        sums = rows.reshape(len(q), 4, segment.tokens, segment.pool).sum(axis=3)
        pooled = np.minimum((sums + (1 << branch.shift >> 1)) >> branch.shift, 127)
        assert np.array_equal(kept.layers[f"{name}.sum"], sums)
        assert np.array_equal(kept.layers[f"{name}.pool"], pooled)
    for name, value in kept.layers.items():
        if not name.endswith(("conv", "sum")) and name != "scores":
            assert np.abs(value).max() <= 127, name


def test_a_beat_does_not_depend_on_its_neighbours():
    program = random_program(7)
    q, context = hostile_beats(360, 700, 7), hostile_contexts(700, 7)
    whole = run(program, q, context)
    for i in (0, 255, 256, 257, 699):
        assert np.array_equal(
            run(program, q[i : i + 1], context[i : i + 1]).scores[0], whole.scores[i]
        )


def test_no_beats_give_no_scores():
    program = random_program(8)
    out = run(program, np.zeros((0, 360), np.int8), np.zeros((0, 5), np.int8), layers=True)
    assert out.scores.shape == (0, 4)
    assert out.label_index.shape == (0,)


def test_a_program_without_branches_begins_with_its_context():
    program = random_program(8, context=CONTEXT_SIZE, hidden=8, branches=False)
    q, context = hostile_beats(360, 20, 0), hostile_contexts(20, 0, CONTEXT_SIZE)
    out = run(program, q, context, layers=True)
    assert list(out.layers) == ["context", "hidden", "scores"]
    assert out.layers["hidden"].shape == (20, 8)
    assert out.layers["hidden"].min() < 0 < out.layers["hidden"].max()
    assert np.array_equal(run(program, -q, context).scores, out.scores)


def test_measures_stand_where_the_mean_stood():
    program = random_program(8, context=CONTEXT_SIZE, hidden=8, branches=False, measures=7)
    q, context = hostile_beats(360, 20, 0), hostile_contexts(20, 0, CONTEXT_SIZE)
    layers = run(program, q, context, layers=True).layers
    assert list(layers) == ["beat", "measures", "context", "hidden", "scores"]
    assert layers["measures"].shape == (20, 7)
    assert np.array_equal(layers["beat"], q)
    alone = program.replace(
        measures=(), hidden=Hidden(program.hidden.weight[:, 7:], program.hidden.bias, 7)
    )
    assert "beat" not in run(alone, q, context, layers=True).layers


def test_the_hidden_layer_stands_between_mean_and_scores():
    program = random_program(8, context=CONTEXT_SIZE, hidden=3)
    q, context = hostile_beats(360, 20, 0), hostile_contexts(20, 0, CONTEXT_SIZE)
    layers = run(program, q, context, layers=True).layers
    assert list(layers)[-4:] == ["mean", "context", "hidden", "scores"]
    assert np.array_equal(layers["context"], context)


def test_a_program_takes_the_first_values_of_a_longer_context():
    q, context = hostile_beats(360, 20, 0), hostile_contexts(20, 0, CONTEXT_SIZE)
    short = random_program(8, context=5)
    assert np.array_equal(run(short, q, context).scores, run(short, q, context[:, :5]).scores)
    with pytest.raises(EcgedgeError, match="shape"):
        run(random_program(8, context=CONTEXT_SIZE), q, context[:, :11])


def test_ties_go_to_the_lowest_label_and_the_threshold_is_inclusive():
    assert decide(random_program(9), np.array([[3, 5, 5, 1]])).tolist() == [1]
    binary = random_program(9, classes=2).replace(threshold=10)
    assert decide(binary, np.array([[0, 9], [0, 10]])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("q", "context", "reason"),
    [
        (np.zeros((1, 300), np.int8), np.zeros((1, 5), np.int8), "wants"),
        (np.zeros((1, 360), np.int16), np.zeros((1, 5), np.int8), "int8"),
        (np.full((1, 360), -128, np.int8), np.zeros((1, 5), np.int8), "-128"),
        (np.zeros((1, 360), np.int8), None, "needs the context"),
        (np.zeros((1, 360), np.int8), np.zeros((2, 5), np.int8), "shape"),
    ],
)
def test_wrong_input_is_refused(q, context, reason):
    with pytest.raises(EcgedgeError, match=reason):
        run(random_program(10), q, context)
