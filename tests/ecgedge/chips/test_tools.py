from collections.abc import Callable
from pathlib import Path

import pytest

from ecgedge.chips import CORES, Built, Core, ToolMissing, build, find_tool, missing, require, run
from ecgedge.chips.tools import PACKAGES
from tests.tools import cores, needs


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any tool: the only folder of the PATH is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_missing_program_names_its_package(empty_path: Path) -> None:
    with pytest.raises(ToolMissing) as caught:
        find_tool("avr-gcc")
    message = "avr-gcc is not installed; the Debian package gcc-avr brings it."
    assert str(caught.value) == message
    assert caught.value.package == "gcc-avr"


def test_a_missing_header_names_its_package(empty_path: Path) -> None:
    compiler = empty_path / "avr-gcc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    message = "avr-libc is not installed; the Debian package avr-libc brings it."
    assert str(missing("avr-gcc", "avr-libc")) == message


@pytest.mark.usefixtures("empty_path")
@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
def test_a_build_without_its_tools_says_so(core: Core, programs: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="is not installed; the Debian package"):
        build(core, [programs / "echo.c"], [], {}, tmp_path / "out")


@pytest.mark.parametrize("core", cores("cortex-m0", "avr"))
def test_a_run_without_its_emulator_says_so(
    core: Core, program: Callable[..., Built], request: pytest.FixtureRequest
) -> None:
    built = program(core, "echo")
    request.getfixturevalue("empty_path")
    with pytest.raises(ToolMissing, match=r"(qemu-system-arm|gcc) is not installed"):
        run(built, b"")


def test_every_need_has_a_package() -> None:
    assert {need for core in CORES.values() for need in core.needs} <= set(PACKAGES)


@needs("gcc")
def test_what_is_there_is_found() -> None:
    require("gcc")
    assert find_tool("gcc").is_file()


def test_a_missing_tool_skips_at_home_and_fails_in_ci(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert needs("avr-gcc").args == (True,)
    assert "gcc-avr" in needs("avr-gcc").kwargs["reason"]
    monkeypatch.setenv("CI", "true")
    assert needs("avr-gcc").args == (False,)
