"""The packed arithmetic that the Cortex-M4's kernels may use does in QEMU what the manual says."""

import random
import struct
from collections.abc import Callable

import pytest

from ecgedge.chips import Built, Core, run
from tests.tools import cores


def halves(word: int) -> tuple[int, int]:
    low, high = struct.unpack("<hh", struct.pack("<i", word))
    return low, high


def wrap(value: int, bits: int) -> int:
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def expected(x: int, y: int, a: int, b: int) -> tuple[int, int, int]:
    products = sum(p * q for p, q in zip(halves(x), halves(y), strict=True))
    wide = wrap((b << 32) + (a % 2**32) + x * y, 64)
    return wrap(products + a, 32), min(max(x >> 4, 0), 127), wide


@pytest.mark.parametrize("core", cores("cortex-m4"))
def test_smlad_usat_and_smlal(core: Core, program: Callable[..., Built]) -> None:
    draw = random.Random(4)
    special = [0, 1, -1, 2**31 - 1, -(2**31), 127 << 4, (127 << 4) + 16, -16, 0x7FFF7FFF]
    words = [special + [draw.randrange(-(2**31), 2**31) for _ in range(500)] for _ in range(4)]
    for row in words:
        draw.shuffle(row)
    vectors = list(zip(*words, strict=True))
    data = b"".join(struct.pack("<4i", *vector) for vector in vectors)
    output = run(program(core, "dsp"), data).output
    found = [(d, s, w) for d, s, w in struct.iter_unpack("<iiq", output)]
    assert found == [expected(*vector) for vector in vectors]
