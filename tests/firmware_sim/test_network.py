import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.errors import EcgedgeError
from firmware_sim.network import decide, run
from firmware_sim.program import BRANCHES, Program
from tests.programs import hostile_beats, hostile_contexts, programs, random_program


def plain_scores(program: Program, q: list[int], context: list[int]) -> list[int]:
    """One beat in Python's own integers, written from docs/arithmetic.md."""

    def rshift(a: int, s: int) -> int:
        return (a + (1 << (s - 1))) >> s if s else a

    def relu(v: int) -> int:
        return min(max(v, 0), 127)

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
        tokens = [
            [relu(rshift(sum(map(int.__mul__, w, t)) + (b << 7), layer.shift)) for w, b in rows]
            for t in tokens
        ]
    features = [relu(rshift(sum(t[c] for t in tokens), program.mean_shift)) for c in range(4)]
    if program.context:
        features += context
    rows = list(zip(program.head.weight.tolist(), program.head.bias.tolist(), strict=True))
    return [sum(map(int.__mul__, w, features)) + (b << 7) for w, b in rows]


@given(programs(), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_network_is_the_definition(program, seed):
    q = hostile_beats(program.window, 14, seed)
    context = hostile_contexts(len(q), seed)
    expected = [
        plain_scores(program, a, b) for a, b in zip(q.tolist(), context.tolist(), strict=True)
    ]
    assert run(program, q, context).scores.tolist() == expected


@given(programs(), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_layers_agree_with_each_other_and_with_the_fast_path(program, seed):
    q = hostile_beats(program.window, 14, seed)
    context = hostile_contexts(len(q), seed)
    fast, kept = run(program, q, context), run(program, q, context, layers=True)
    assert np.array_equal(fast.scores, kept.scores)
    for name, branch, segment in zip(BRANCHES, program.branches, program.segments, strict=True):
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
