"""Every convolution kernel on every core returns NumPy's sums, for each count and any alignment."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgedge.chips import CORES, Built, build, run, symbols
from ecgedge.verification.firmware import Firmware, named_layers, write_library
from firmware_sim import network
from firmware_sim.formats import rshift, sat
from firmware_sim.program import Branch, Layer, Program
from firmware_sim.prove import prove
from tests.programs import hostile_beats, hostile_contexts, random_program
from tests.tools import CORTEX, needs

HARNESS = Path(__file__).parent / "programs" / "convolve.c"
KERNELS = {"own": (), "portable": ("-DECGEDGE_PORTABLE",), "plain": ("-DECGEDGE_PLAIN",)}
WHOLE = 357
FAR = 2**31 - 2**25
"""Sums may begin anywhere, as long as they end inside int32."""

every_core = pytest.mark.parametrize(
    "core", [pytest.param(name, marks=needs(*core.needs)) for name, core in CORES.items()]
)
every_kernel = pytest.mark.parametrize("kernel", KERNELS)

Job = tuple[int, int, NDArray[np.int32], NDArray[np.int8]]
"""(branch, bytes of memory after the values, sums to begin with, count + 3 values)."""


def with_rows(program: Program, weight: list[list[int]], bias: list[int]) -> Program:
    """The program with these four channels in every branch."""
    branches = tuple(
        replace(branch, weight=np.array(weight), bias=np.array(bias), shift=16)
        for branch in program.branches
    )
    return replace(program, branches=branches)


def hard_programs() -> dict[str, Program]:
    """Programs at the borders of what a kernel may assume."""
    any_program = random_program(1)
    one_tap = [[127, 0, 0, 0], [0, -127, 0, 0], [0, 0, 127, 0], [0, 0, 0, -127]]
    whole_range = [[127, 123, 0, 0], [-127, 0, -123, 0], [64, -62, 60, -64], [-63, -63, -62, -62]]
    corner = [[127, 1, 0, 0], [0, -128 + 1, 0, -1], [32, 32, 32, 32], [-32, -32, -32, -32]]
    wild = [[127] * 4, [-127] * 4, [127, -127, 127, -127], [-127, 127, 127, -127]]
    return {
        "only biases": with_rows(any_program, [[0] * 4] * 4, [127, -127, 127, 1]),
        "one tap": with_rows(any_program, one_tap, [1, 1, -1, -1]),
        "L1 corner": with_rows(any_program, corner, [0, 0, 0, 0]),
        "whole int16": with_rows(any_program, whole_range, [0, -7, 7, -8]),
        "beyond int16": with_rows(any_program, wild, [127, -127, 127, -127]),
    }


PROGRAMS = {
    **{f"L1 {seed}": random_program(seed, bound="l1") for seed in (3, 4, 5)},
    **{f"tanh {seed}": random_program(seed, bound="tanh") for seed in (6, 7)},
    **hard_programs(),
}
QUICK = ("L1 3", "tanh 6", "L1 corner", "whole int16")


def expected_sums(branch: Branch, sums: NDArray[np.int32], x: NDArray[np.int8]) -> list[int]:
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int64), 4)
    outputs = windows @ branch.weight.astype(np.int64).T + 128 * branch.bias.astype(np.int64)
    return [int(v) for v in sums + np.maximum(outputs, 0).sum(axis=0)]


def hardest(branch: Branch, channel: int, length: int) -> NDArray[np.int8]:
    """Values that drive a channel to its bound wherever the window's phase fits."""
    signs = np.where(branch.weight[channel] < 0, -127, 127)
    return np.resize(signs, length).astype(np.int8)


def jobs(program: Program, counts: list[int], seed: int) -> list[Job]:
    """Random values, rails, and each channel's bounds, for every count."""
    rng = np.random.default_rng(seed)
    found: list[Job] = []
    for count in counts:
        index = int(rng.integers(4))
        branch = program.branches[index]
        hard = hardest(branch, int(rng.integers(4)), count + 3)
        values = [
            rng.integers(-127, 128, count + 3).astype(np.int8),
            rng.choice([-127, 127], count + 3).astype(np.int8),
            hard,
            -hard,
            np.full(count + 3, rng.choice([-127, 0, 127]), np.int8),
        ]
        for x in values:
            start = rng.integers(-FAR, FAR, 4).astype(np.int32)
            found.append((index, int(rng.integers(4)), start, x))
    return found


def as_input(found: list[Job]) -> bytes:
    parts = []
    for branch, after, sums, x in found:
        head = bytes([branch, after]) + (len(x) - 3).to_bytes(2, "little")
        parts.append(head + sums.astype("<i4").tobytes() + x.tobytes())
    return b"".join(parts)


@cache
def folder_of(name: str, root: Path) -> Path:
    folder = root / name.replace(" ", "-")
    write_library(PROGRAMS[name], folder)
    return folder


def compiled(name: str, core: str, kernel: str, root: Path, *flags: str) -> Built:
    folder = folder_of(name, root)
    return build(
        CORES[core],
        [HARNESS, folder / "ecgedge_conv.c"],
        [folder],
        {},
        folder / f"{core}-{kernel}",
        flags=(*KERNELS[kernel], *flags),
    )


def assert_equal(built: Built, program: Program, found: list[Job]) -> None:
    output = run(built, as_input(found)).output
    actual = np.frombuffer(output, "<i4").reshape(-1, 4)
    assert len(actual) == len(found)
    for got, (branch, after, sums, x) in zip(actual.tolist(), found, strict=True):
        wanted = expected_sums(program.branches[branch], sums, x)
        assert got == wanted, f"branch {branch}, {len(x) - 3} outputs, after {after}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@every_core
@every_kernel
@pytest.mark.parametrize("name", QUICK)
def test_sums_are_those_of_numpy(core: str, kernel: str, name: str, root: Path) -> None:
    counts = [1, 2, 3, 4, 5, 7, 8, 11, 12, 39, 58, 64, WHOLE]
    built = compiled(name, core, kernel, root)
    assert_equal(built, PROGRAMS[name], jobs(PROGRAMS[name], counts, 1))


@pytest.mark.slow
@every_core
@every_kernel
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_count(core: str, kernel: str, name: str, root: Path) -> None:
    counts = [*range(1, 131), WHOLE]
    built = compiled(name, core, kernel, root)
    for seed in (2, 3):
        assert_equal(built, PROGRAMS[name], jobs(PROGRAMS[name], counts, seed))


@needs("gcc")
@every_kernel
@pytest.mark.parametrize("name", ["L1 3", "tanh 6", "whole int16"])
def test_nothing_undefined_and_nothing_beyond_the_values(
    kernel: str, name: str, root: Path
) -> None:
    """With the sanitizers, on values that end where their memory does."""
    sanitizers = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")
    built = compiled(name, "host", kernel, root, *sanitizers)
    found = jobs(PROGRAMS[name], [1, 2, 3, 4, 5, 6, 7, 8, 9, 39, 58, WHOLE], 4)
    at_the_end = [(branch, 0, sums, x) for branch, _, sums, x in found]
    assert_equal(built, PROGRAMS[name], at_the_end)


@pytest.mark.parametrize(
    "core",
    [pytest.param(name, marks=needs(*CORES[name].needs)) for name in CORTEX],
)
@pytest.mark.parametrize(("name", "assembly"), [("L1 3", True), ("whole int16", False)])
def test_assembly_is_for_accumulators_of_15_bits(
    core: str, name: str, assembly: bool, root: Path
) -> None:
    built = compiled(name, core, "own", root)
    conv = next(o for source, o in built.objects.items() if source.stem == "ecgedge_conv")
    assert ("ecgedge_convolve_pair" in symbols(CORES[core], conv).defined) == assembly


@pytest.mark.slow
@every_core
@pytest.mark.parametrize("shift", range(15))
def test_hidden_layers_of_every_shift(core: str, shift: int) -> None:
    """From sums that all saturate to sums of which all but the sign is rounded away."""
    program = random_program(shift, context=12, hidden=9, branches=False)
    assert program.hidden is not None
    program = replace(program, hidden=replace(program.hidden, shift=shift))
    context = hostile_contexts(200, shift, 12)
    context[:9] = np.where(program.hidden.weight < 0, -127, 127)
    context[9:18] = -context[:9]
    beats = np.zeros((len(context), program.window), np.int8)
    expected = network.run(program, beats, context)
    found = Firmware(program, CORES[core]).network(beats, context)
    features = context.astype(np.int64)
    assert np.array_equal(found["hidden_sums"], network.hidden_sums(features, program.hidden))
    hidden = sat(rshift(found["hidden_sums"].astype(np.int64), shift))
    assert np.array_equal(found["hidden"][:, :9], hidden)
    assert not found["hidden"][:, 9:].any()
    assert np.array_equal(found["scores"], expected.scores)
    assert np.array_equal(found["label"], expected.label_index)


def narrow_layers(shifts: tuple[int, int, int]) -> Program:
    """A program whose token layers fit 16 bits, with these shifts."""
    rng = np.random.default_rng(sum(shifts))

    def layer(shift: int) -> Layer:
        reach = 45 if shift < 12 else 30
        weight = rng.integers(-reach, reach + 1, (4, 4))
        weight[0] = reach
        return Layer(weight, rng.integers(0, 40, 4), shift)

    program = replace(random_program(8), layers=tuple(layer(shift) for shift in shifts))
    assert all(prove(program).width(f"tokens.{i}") == 16 for i in (1, 2, 3))
    return program


@pytest.mark.slow
@every_core
@pytest.mark.parametrize("shifts", [(0, 1, 2), (5, 3, 4), (6, 7, 5), (7, 8, 6), (9, 10, 0),
                                    (4, 11, 1), (3, 12, 2), (2, 13, 7), (1, 14, 0)])  # fmt: skip
def test_token_layers_of_every_shift(core: str, shifts: tuple[int, int, int]) -> None:
    program = narrow_layers(shifts)
    beats, context = hostile_beats(program.window, 40, 6), hostile_contexts(40, 6)
    expected = network.run(program, beats, context, layers=True)
    found = named_layers(program, Firmware(program, CORES[core]).network(beats, context))
    found.pop("label")
    for name, value in found.items():
        assert np.array_equal(value, expected.layers[name]), name
