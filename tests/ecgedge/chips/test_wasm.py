"""The C library as a WebAssembly module: how large it is, and what it says without tools."""

from pathlib import Path

import pytest

from ecgedge.chips import ToolMissing
from ecgedge.chips.wasm import TOOLS, compile_wasm, model_wasm
from ecgedge.zoo import shipped_bundles
from export.wasm_page import packed
from firmware_sim.errors import EcgedgeError
from firmware_sim.program_file import load_program
from tests.programs import random_program
from tests.tools import needs

MAGIC = b"\0asm\1\0\0\0"
SENT_AT_MOST, WHOLE_AT_MOST = 4096, 6144


@needs(*TOOLS)
@pytest.mark.parametrize("name", shipped_bundles())
def test_a_module_is_sent_in_less_than_4_kb(name: str) -> None:
    module = model_wasm(load_program(shipped_bundles()[name] / "program.json"))
    print(f"{name}: {len(module)} bytes, {len(packed(module))} with gzip")
    assert module.startswith(MAGIC)
    assert len(packed(module)) < SENT_AT_MOST
    assert len(module) < WHOLE_AT_MOST


@needs(*TOOLS)
def test_the_program_of_measures_has_less_than_4_kb_unpacked() -> None:
    module = model_wasm(load_program(shipped_bundles()["beat-150"] / "program.json"))
    assert len(module) < 4000


@needs(*TOOLS)
def test_a_module_is_the_same_every_time() -> None:
    program = random_program(3, window=125)
    module = model_wasm(program)
    assert model_wasm(program) == module
    assert packed(module) == packed(module)


@needs(*TOOLS)
def test_what_does_not_compile_is_one_sentence() -> None:
    with pytest.raises(EcgedgeError, match=r"clang refuses wrong.c \(.*error.*\); correct it"):
        compile_wasm({"wrong.c": "int wrong(void) { return missing; }\n"})
    with pytest.raises(EcgedgeError, match=r"wasm-ld refuses the module \(.*missing"):
        compile_wasm({"a.c": "int missing(void);\nint a(void) { return missing(); }\n"}, ["a"])


@pytest.mark.parametrize(
    ("tool", "package"), [("clang", "clang"), ("wasm-ld", "lld"), ("wasm-opt", "binaryen")]
)
def test_a_missing_tool_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, package: str
) -> None:
    for other in TOOLS:
        if other != tool:
            (tmp_path / other).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    message = f"{tool} is not installed; the Debian package {package} brings it."
    with pytest.raises(ToolMissing, match=message):
        compile_wasm({})
