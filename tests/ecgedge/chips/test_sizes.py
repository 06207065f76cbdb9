from pathlib import Path

import pytest

from ecgedge.chips import Core, Symbol, compile_objects, sizes, symbol_sizes, symbols
from tests.tools import EMULATED, cores


def library(core: Core, programs: Path, folder: Path, **defines: int) -> Path:
    [target] = compile_objects(core, [programs / "library.c"], [], defines, folder).values()
    return target


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_flash_and_ram_of_each_symbol(core: Core, programs: Path, tmp_path: Path) -> None:
    file = library(core, programs, tmp_path)
    found = {symbol.name: symbol for symbol in symbol_sizes(core, file, ["measured_"])}
    assert found["measured_table"] == Symbol("measured_table", flash=100, ram=0)
    assert found["measured_state"] == Symbol("measured_state", flash=0, ram=20)
    assert found["measured_start"] == Symbol("measured_start", flash=6, ram=6)
    assert found["measured_half"].flash > 0
    assert symbol_sizes(core, file, ["nothing"]) == []


@pytest.mark.parametrize("core", cores(*EMULATED))
def test_the_total_holds_every_symbol(core: Core, programs: Path, tmp_path: Path) -> None:
    file = library(core, programs, tmp_path)
    total = sizes(core, file)
    parts = symbol_sizes(core, file)
    assert sum(part.flash for part in parts) <= total.flash
    assert sum(part.ram for part in parts) == total.ram == 26
    assert sizes(core, file, file).flash == 2 * total.flash


@pytest.mark.parametrize("core", cores("cortex-m0", "cortex-m4", "avr"))
def test_a_division_and_a_float_show_as_symbols(core: Core, programs: Path, tmp_path: Path) -> None:
    plain = symbols(core, library(core, programs, tmp_path))
    floating = symbols(core, library(core, programs, tmp_path / "float", WITH_FLOAT=1))
    multiply = "__mulsf3" if core.name == "avr" else "__aeabi_fmul"
    divide = {"avr": "__divmodsi4", "cortex-m0": "__aeabi_idiv"}.get(core.name)
    assert multiply not in plain.undefined
    assert multiply in floating.undefined
    assert divide is None or divide in plain.undefined
    assert {"measured_half", "measured_third"} <= plain.defined


@pytest.mark.parametrize("core", cores("cortex-m4"))
def test_what_one_object_defines_another_may_want(
    core: Core, programs: Path, tmp_path: Path
) -> None:
    caller = tmp_path / "caller.c"
    caller.write_text("int measured_half(int);\nint twice(int);\n"
                      "int twice(int x) { return measured_half(x) + 1; }\n")  # fmt: skip
    [wants] = compile_objects(core, [caller], [], {}, tmp_path / "caller").values()
    assert "measured_half" in symbols(core, wants).undefined
    assert "measured_half" not in symbols(core, wants, library(core, programs, tmp_path)).undefined
