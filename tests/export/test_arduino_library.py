"""The Arduino library: what Arduino wants of one, and that it appears whole or not at all."""

from pathlib import Path

import pytest

from export.arduino_library import arduino_files, library_name, write_arduino
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from tests.programs import random_program


@pytest.fixture(scope="module")
def program() -> Program:
    return random_program(3)


def properties(files: dict[str, str]) -> dict[str, str]:
    lines = files["library.properties"].splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def test_the_properties_are_what_arduino_wants(program: Program) -> None:
    found = properties(arduino_files(program, "ecgedge 1.2.3"))
    assert found["name"] == "ecgedge_random-3"
    assert found["version"] == "1.2.3"
    assert found["architectures"] == "*"
    wanted = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"}
    assert wanted <= set(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b/c", "ecgedge_a_b_c"),
        ("../../etc", "ecgedge_.._.._etc"),
        ("Herz=schlag 1", "ecgedge_Herz_schlag_1"),
        ("x" * 100, "ecgedge_" + "x" * 55),
    ],
)
def test_names_are_valid_for_arduino(program: Program, name: str, expected: str) -> None:
    named = program.replace(name=name)
    assert library_name(named) == expected
    assert properties(arduino_files(named))["name"] == expected


def test_sources_and_sketch_are_where_arduino_looks(program: Program) -> None:
    files = arduino_files(program)
    assert {"src/ecgedge.h", "src/ecgedge_program.h", "src/ecgedge_golden.h"} <= set(files)
    assert {"src/ecgedge_wire.c", "examples/AD8232/AD8232.ino", "LICENSE"} <= set(files)
    assert program.digest in files["README.md"]


def test_what_is_there_is_replaced_only_when_it_is_a_library(
    program: Program, tmp_path: Path
) -> None:
    write_arduino(tmp_path / "library", program)
    with pytest.raises(EcgedgeError, match="already exists"):
        write_arduino(tmp_path / "library", program)
    write_arduino(tmp_path / "library", program, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(EcgedgeError, match=r"no library\.properties"):
        write_arduino(tmp_path / "mine", program, overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
