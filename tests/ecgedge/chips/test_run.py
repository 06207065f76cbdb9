from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecgedge.chips import Built, Core, find_core, run
from firmware_sim.errors import EcgedgeError
from tests.tools import EMULATED, cores

Program = Callable[..., Built]


def checksum(data: bytes) -> bytes:
    total = 0
    for byte in data:
        total = (total * 31 + byte) % 2**32
    return total.to_bytes(4, "little")


def pattern(size: int) -> bytes:
    return bytes((i * i + i // 7) % 256 for i in range(size))


@pytest.mark.parametrize("core", cores())
def test_every_byte_goes_in_and_comes_out(core: Core, program: Program) -> None:
    built = program(core, "echo")
    for size in (0, 1, 99, 100, 101, 1023, 1024, 1025, 70_001):
        data = pattern(size)
        result = run(built, data)
        assert result.output == data + checksum(data)
        assert result.status == 7


@pytest.mark.parametrize("core", cores("cortex-m0", "avr"))
def test_runs_at_the_same_time_do_not_mix(core: Core, program: Program) -> None:
    built = program(core, "echo")
    inputs = [pattern(size) for size in range(500, 508)]
    with ThreadPoolExecutor(4) as pool:
        outputs = [result.output for result in pool.map(lambda data: run(built, data), inputs)]
    assert outputs == [data + checksum(data) for data in inputs]


@pytest.mark.parametrize("core", cores())
def test_a_program_that_does_not_end_is_stopped(core: Core, program: Program) -> None:
    with pytest.raises(EcgedgeError, match=r"did not end within 0\.5 s"):
        run(program(core, "endless"), b"", timeout_s=0.5)


@pytest.mark.parametrize("core", cores())
@pytest.mark.parametrize("name", ["illegal", "nowhere"])
def test_a_crash_is_one_sentence(core: Core, name: str, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="the program failed on ") as caught:
        run(program(core, name), b"", timeout_s=30.0)
    assert core.title in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_a_stack_that_meets_the_variables_is_a_crash(core: Core, program: Program) -> None:
    built = program(core, "recursion")
    assert run(built, b"\0").stack_bytes is not None
    with pytest.raises(EcgedgeError, match="the program failed on"):
        run(built, b"\xff", timeout_s=30.0)


@pytest.mark.parametrize("core", cores("host"))
def test_the_host_measures_no_stack(core: Core, program: Program) -> None:
    assert run(program(core, "echo"), b"").stack_bytes is None


def test_an_unknown_core_is_refused_with_the_choice() -> None:
    with pytest.raises(EcgedgeError, match="choose from host, cortex-m0"):
        find_core("z80")
