"""Golden vectors: what is in them, and what is refused."""

import io
import zipfile

import numpy as np
import pytest

from export import golden
from export.golden import (
    contexts_for,
    extreme_beats,
    golden_bytes,
    make_golden,
    random_beats,
    read_golden,
)
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import run
from firmware_sim.program import BRANCHES
from firmware_sim.prove import worst_contexts
from tests.programs import hostile_beats, hostile_contexts, random_program


def test_they_read_back_equal() -> None:
    made = make_golden(random_program(0, window=125))
    found = read_golden(golden_bytes(made))
    assert found.program == made.program
    assert np.array_equal(found.q, made.q)
    assert found.context is not None
    assert np.array_equal(found.context, made.context)
    assert np.array_equal(found.label_index, made.label_index)
    assert list(found.layers) == list(made.layers)
    assert all(np.array_equal(found.layers[name], made.layers[name]) for name in made.layers)


def test_the_same_vectors_give_the_same_bytes() -> None:
    program = random_program(0, window=125)
    assert golden_bytes(make_golden(program)) == golden_bytes(make_golden(program))


def test_real_beats_come_first_with_their_context() -> None:
    program = random_program(0, window=125)
    q, context = hostile_beats(125, 20, 1), hostile_contexts(20, 1)
    made = make_golden(program, q, context)
    assert np.array_equal(made.q[:20], q)
    assert made.context is not None
    assert np.array_equal(made.context[:20], context)


def test_a_program_without_context_has_none() -> None:
    program = random_program(0, window=125, context=0)
    assert contexts_for(program, 3) is None
    assert read_golden(golden_bytes(make_golden(program))).context is None


def test_real_beats_bring_more_values_than_a_program_may_take() -> None:
    program = random_program(0, window=125)
    q, context = hostile_beats(125, 20, 1), hostile_contexts(20, 1, CONTEXT_SIZE)
    made = make_golden(program, q, context)
    assert made.context is not None
    assert np.array_equal(made.context[:20], context[:, :5])


@pytest.mark.parametrize("branches", [True, False])
def test_the_worst_contexts_of_a_hidden_layer_are_among_them(branches: bool) -> None:
    program = random_program(0, window=125, context=12, hidden=8, branches=branches)
    made = make_golden(program)
    assert made.context is not None
    rows = {row.tobytes() for row in made.context}
    assert {row.tobytes() for row in worst_contexts(program)} <= rows
    assert np.zeros(12, np.int8).tobytes() in rows
    assert np.array_equal(contexts_for(program, 3), made.context[:3])


def test_contexts_of_a_program_without_hidden_layer_are_what_they_were() -> None:
    contexts = contexts_for(random_program(0, context=5), 4)
    assert contexts is not None
    assert contexts.tolist() == [
        [-121, 22, -58, -127, 60],
        [90, -66, -40, 62, -127],
        [127, 0, -127, 10, -90],
        [87, 103, -35, 43, 127],
    ]


def test_a_program_without_branches_has_golden_beats_and_three_layers() -> None:
    program = random_program(0, window=125, context=12, hidden=8, branches=False)
    found = read_golden(golden_bytes(make_golden(program)))
    assert found.q.shape[1] == 125
    assert list(found.layers) == ["context", "hidden", "scores"]


def test_extremes_reach_every_bound_of_the_convolutions() -> None:
    program = random_program(0, window=125, bound="tanh", context=0)
    layers = run(program, extreme_beats(program), layers=True).layers
    for name, branch in zip(BRANCHES, program.branches, strict=True):
        total = 127 * np.abs(branch.weight.astype(int)).sum(axis=1)
        bias = branch.bias.astype(int) * 128
        assert np.array_equal(layers[f"{name}.conv"].max(axis=(0, 2)), bias + total)
        assert np.array_equal(layers[f"{name}.conv"].min(axis=(0, 2)), bias - total)


def test_extremes_hold_rails_zeros_spikes_and_steps() -> None:
    rows = {row.tobytes() for row in extreme_beats(random_program(0, window=125))}
    for value in (127, -127, 0):
        assert np.full(125, value, np.int8).tobytes() in rows
    for position in (0, 60, 124):
        spike = np.zeros(125, np.int8)
        spike[position] = -127
        assert spike.tobytes() in rows


def test_noise_is_the_same_for_the_same_seed_and_never_minus_128() -> None:
    beats = random_beats(125, 1000, 3)
    assert beats.shape == (1000, 125)
    assert beats.min() == -127
    assert beats.max() == 127
    assert np.array_equal(beats, random_beats(125, 1000, 3))


def pack(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name.replace("__", "."): np.asarray(v) for name, v in arrays.items()})
    return buffer.getvalue()


def marked(*, encrypted: bool = False, method: int = 0) -> bytes:
    """An archive whose central directory says something else of its first entry."""
    content = bytearray(pack(q=np.zeros((1, 125), np.int8)))
    entry = content.index(b"PK\x01\x02")
    local = content.index(b"PK\x03\x04")
    content[entry + 8] |= encrypted
    content[local + 6] |= encrypted
    content[entry + 10] = content[local + 8] = method
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip file",
        pack(q=np.zeros((1, 125), np.int8)),
        pack(program="x", q=np.zeros((1, 125)), label=np.zeros(1, int), layer__scores=[[1, 2]]),
        pack(program="x", q=np.zeros((2, 9), np.int8), label=np.zeros(1, int), layer__scores=[[1]]),
        pack(program="x", q=np.zeros((1, 9), np.int8), label=np.zeros(1, int)),
        pack(program="x", q=np.zeros((1, 9), np.int8), label=np.zeros(1, int), layer__x=1e300),
        pack(
            program="x", q=np.zeros((1, 9), np.int8), label=np.zeros(1, int), layer__scores=[2**31]
        ),
        marked(encrypted=True),
        marked(method=99),
        marked(method=8),
        marked(method=14),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(EcgedgeError, match="export the bundle again"):
        read_golden(content)


def test_pickles_are_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, q=np.array([{"code": "runs"}], dtype=object))
    with pytest.raises(EcgedgeError, match="no golden vectors"):
        read_golden(buffer.getvalue())


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "MAX_UNPACKED_BYTES", 1000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("q.npy", b"\0" * 10_000)
    with pytest.raises(EcgedgeError, match="unpacks to too much"):
        read_golden(buffer.getvalue())
