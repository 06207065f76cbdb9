"""Counts of loops whose instructions and cycles are known from the manuals."""

import struct
from collections.abc import Callable

import pytest

from ecgedge.chips import Built, Core, Run, Section, run
from firmware_sim.errors import EcgedgeError
from tests.tools import CORTEX, EMULATED, cores

Program = Callable[..., Built]
TURN = {"instructions": 2, "cycles": 4}
"""Thumb: subs and bne. AVR: sbiw takes 2 cycles, brne 2 when it is taken."""


def counted(built: Built, *turns: int) -> Run:
    return run(built, struct.pack(f"<{len(turns)}I", *turns), count=True)


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_an_empty_section_counts_nothing_and_a_nop_one(core: Core, program: Program) -> None:
    sections = counted(program(core, "count"), 1, 2, 3).sections
    assert sections[0] == Section(calls=3, total=0, longest=0)
    assert sections[2] == Section(calls=3, total=3, longest=1)
    assert sections[7] == Section(calls=3, total=9, longest=3)
    assert set(sections) == {0, 1, 2, 7}


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_a_loop_counts_to_the_instruction(core: Core, program: Program) -> None:
    built = program(core, "count")
    base = counted(built, 1).sections[1].total
    for turns in (*range(2, 60), 1000, 1001, 65535):
        found = counted(built, turns).sections[1]
        assert found.total - base == TURN[core.unit] * (turns - 1)


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_calls_add_up_and_the_longest_is_kept(core: Core, program: Program) -> None:
    built = program(core, "count")
    alone = [counted(built, turns).sections[1].total for turns in (10, 500, 77)]
    together = counted(built, 10, 500, 77).sections[1]
    assert together == Section(calls=3, total=sum(alone), longest=max(alone))


@pytest.mark.parametrize("core", cores(*CORTEX))
def test_millions_of_instructions_are_as_exact(core: Core, program: Program) -> None:
    built = program(core, "count")
    one = counted(built, 1).sections[1].total
    assert counted(built, 10_000_019).sections[1].total == one + 2 * 10_000_018


@pytest.mark.slow
@pytest.mark.parametrize("core", cores(*CORTEX))
def test_a_section_too_long_to_count_is_refused(core: Core, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="too long to count"):
        counted(program(core, "count"), 600_000_000)


@pytest.mark.parametrize("core", cores())
def test_nothing_is_counted_unless_asked(core: Core, program: Program) -> None:
    assert run(program(core, "count"), struct.pack("<I", 5)).sections == {}


@pytest.mark.parametrize("core", cores("host"))
def test_the_host_counts_nanoseconds(core: Core, program: Program) -> None:
    sections = counted(program(core, "count"), 1_000_000).sections
    assert core.unit == "nanoseconds"
    assert sections[1].calls == 1
    assert sections[1].total > sections[0].total
