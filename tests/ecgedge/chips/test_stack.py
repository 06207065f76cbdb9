from collections.abc import Callable

import pytest

from ecgedge.chips import Built, Core, run
from ecgedge.chips.stack import worst_stack
from firmware_sim.errors import EcgedgeError
from tests.tools import EMULATED, cores

Program = Callable[..., Built]
SLACK_BYTES = 16
"""Reserved but never written: padding to the stack's alignment, the last array's unused end."""


@pytest.mark.parametrize("core", cores(*EMULATED))
@pytest.mark.parametrize("optimize", ["-O0", "-Os", "-O2", "-O3"])
def test_the_bound_holds_and_is_tight(core: Core, optimize: str, program: Program) -> None:
    built = program(core, "stack", DEEP=300, optimize=optimize)
    measured = run(built, bytes(range(200))).stack_bytes
    assert measured is not None
    assert measured <= worst_stack(built, "main").bytes <= measured + SLACK_BYTES


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_a_larger_array_shows_in_both(core: Core, program: Program) -> None:
    small = program(core, "stack", DEEP=120)
    first = run(small, bytes(range(200))).stack_bytes, worst_stack(small, "main").bytes
    large = program(core, "stack", DEEP=120 + 64)
    second = run(large, bytes(range(200))).stack_bytes, worst_stack(large, "main").bytes
    assert first[0] is not None
    assert second == (first[0] + 64, first[1] + 64)


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_the_path_names_the_functions(core: Core, program: Program) -> None:
    worst = worst_stack(program(core, "stack", DEEP=300), "main")
    names = [name for name, _ in worst.path]
    assert names[:3] == ["main", "last_call", "deep"]
    assert sum(size for _, size in worst.path) == worst.bytes


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_an_interrupt_comes_on_top(core: Core, program: Program) -> None:
    built = program(core, "stack", DEEP=300)
    alone = worst_stack(built, "main").bytes
    handler = worst_stack(built, "handler").bytes
    with_interrupt = worst_stack(built, "main", interrupts=["handler"]).bytes
    assert handler > 50
    assert with_interrupt == alone + handler + core.interrupt_bytes - core.call_bytes


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_recursion_has_no_bound(core: Core, program: Program) -> None:
    built = program(core, "recursion", optimize="-O1")
    with pytest.raises(EcgedgeError, match="down -> down; write it without recursion"):
        worst_stack(built, "main")


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_a_call_through_a_pointer_is_refused(core: Core, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="main calls through a pointer"):
        worst_stack(program(core, "pointer"), "main")


@pytest.mark.parametrize("core", cores("cortex-m0"))
def test_an_unknown_function_is_refused(core: Core, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="no function absent"):
        worst_stack(program(core, "echo"), "absent")


@pytest.mark.parametrize("core", cores("host"))
def test_the_host_is_refused(core: Core, program: Program) -> None:
    with pytest.raises(EcgedgeError, match="choose another core"):
        worst_stack(program(core, "echo"), "main")
