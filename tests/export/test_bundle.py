"""A bundle is read only when all of it is there, unchanged and of one piece."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.bundle import (
    MODELS,
    REQUIRED,
    SUMS,
    read_bundle,
    renew,
    stands_for,
    write_bundle,
    write_sums,
)
from export.golden import make_golden
from firmware_sim.errors import EcgedgeError
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program, save_program
from tests.networks import network_of, small_bundle
from tests.programs import random_program


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "whole"
    small_bundle(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_it_holds_every_file_and_no_other(whole: Path) -> None:
    assert {path.name for path in whole.iterdir()} == {*REQUIRED, SUMS}


def test_it_reads_back(whole: Path) -> None:
    bundle = read_bundle(whole)
    assert bundle.program == random_program(1, window=125)
    assert bundle.name == "random-1"
    assert set(bundle.models) == {"float", "fixed", "int"}
    assert bundle.golden.program == bundle.program.digest
    assert bundle.proof["ok"] is True
    assert "not a medical device" in bundle.card


@pytest.mark.parametrize(
    "shape",
    [
        {"context": 12, "hidden": 8, "branches": False},
        {"context": 12, "hidden": 3},
        {"context": 12, "hidden": 3, "prior": Prior("S", 4, 6)},
        {"context": 0, "hidden": 3, "classes": 2},
    ],
)
def test_every_shape_of_program_reads_back(tmp_path: Path, shape: dict[str, Any]) -> None:
    program = small_bundle(tmp_path / "bundle", **shape)
    found = read_bundle(tmp_path / "bundle")
    assert found.program == program
    assert stands_for(found.network, program)
    assert found.network.parameters == program.parameters
    assert list(found.golden.layers)[-2:] == ["hidden", "scores"]
    stored = json.loads((tmp_path / "bundle" / "program.json").read_text())
    assert stored["version"] == (4 if shape["context"] else 2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    renew(found)
    assert {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()} == before


def test_the_same_program_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    small_bundle(tmp_path / "again")
    for name in REQUIRED:
        assert (tmp_path / "again" / name).read_bytes() == (whole / name).read_bytes(), name


def test_checksums_are_what_sha256sum_reads(whole: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    subprocess.run(
        ["sha256sum", "-c", "--strict", SUMS], cwd=whole, check=True, capture_output=True
    )


def test_a_folder_that_is_there_is_kept(whole: Path, copy: Path) -> None:
    before = (copy / SUMS).read_bytes()
    with pytest.raises(EcgedgeError, match="already exists"):
        small_bundle(copy, seed=2)
    assert (copy / SUMS).read_bytes() == before


def test_a_folder_can_be_replaced(copy: Path) -> None:
    program = random_program(2, window=125)
    write_bundle(copy, program, network_of(program), overwrite=True)
    assert read_bundle(copy).program == program


def test_nothing_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("export.bundle.write_sums", full)
    with pytest.raises(OSError, match="No space left"):
        small_bundle(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_another_network_is_not_written(tmp_path: Path) -> None:
    network = network_of(random_program(3, window=125))
    with pytest.raises(EcgedgeError, match="not what its float network rounds to"):
        write_bundle(tmp_path / "bundle", random_program(4, window=125), network)


def test_golden_vectors_of_another_program_are_not_written(tmp_path: Path) -> None:
    program = random_program(3, window=125)
    other = make_golden(random_program(4, window=125))
    with pytest.raises(EcgedgeError, match="golden vectors are of another program"):
        write_bundle(tmp_path / "bundle", program, network_of(program), golden=other)


def test_a_renamed_program_is_still_its_network(tmp_path: Path) -> None:
    program = random_program(3, window=125)
    write_bundle(tmp_path / "bundle", program.replace(name="other"), network_of(program))
    assert read_bundle(tmp_path / "bundle").name == "other"


# Damage


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(EcgedgeError, match=name.replace(".", r"\.")):
        read_bundle(copy)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_one_changed_byte_is_found(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(EcgedgeError, match=r"checksum|is not JSON|is not of format"):
        read_bundle(copy)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_changed_checksum_is_found(copy: Path, name: str) -> None:
    digest = hashlib.sha256((copy / name).read_bytes()).hexdigest()
    text = (copy / SUMS).read_text()
    (copy / SUMS).write_text(
        text.replace(digest, digest[:-1] + ("0" if digest[-1] != "0" else "1"))
    )
    with pytest.raises(EcgedgeError, match=f"{name} does not match its checksum"):
        read_bundle(copy)


def test_missing_checksums_are_named(copy: Path) -> None:
    (copy / SUMS).unlink()
    with pytest.raises(EcgedgeError, match=SUMS):
        read_bundle(copy)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../b", "c:\\x", "a\\..\\b", "./card.md", "a//b"]
)
def test_names_that_leave_the_folder_are_refused(copy: Path, name: str) -> None:
    with (copy / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(EcgedgeError, match="names a file that it must not"):
        read_bundle(copy)


@pytest.mark.parametrize("line", ["hello", f"{'0' * 63}  a", f"{'x' * 64}  a", f"{'0' * 64} a"])
def test_lines_that_are_no_checksum_are_refused(copy: Path, line: str) -> None:
    with (copy / SUMS).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(EcgedgeError, match="no checksum"):
        read_bundle(copy)


def test_a_file_that_is_listed_twice_is_refused(copy: Path) -> None:
    text = (copy / SUMS).read_text()
    (copy / SUMS).write_text(text + text.splitlines()[0] + "\n")
    with pytest.raises(EcgedgeError, match="names a file that it must not"):
        read_bundle(copy)


def test_a_list_that_leaves_out_a_file_is_refused(copy: Path) -> None:
    lines = (copy / SUMS).read_text().splitlines(keepends=True)
    (copy / SUMS).write_text("".join(line for line in lines if "golden" not in line))
    with pytest.raises(EcgedgeError, match=r"does not list golden\.npz"):
        read_bundle(copy)


def test_more_files_are_checked_too(copy: Path) -> None:
    (copy / "c").mkdir()
    (copy / "c" / "program.h").write_text("int x;")
    write_sums(copy)
    assert read_bundle(copy).program
    (copy / "c" / "program.h").write_text("int y;")
    with pytest.raises(EcgedgeError, match="does not match its checksum"):
        read_bundle(copy)


def test_a_huge_file_is_not_read(copy: Path) -> None:
    (copy / "card.md").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(EcgedgeError, match="is larger than"):
        read_bundle(copy)


def test_a_folder_in_the_place_of_a_file_is_refused(copy: Path) -> None:
    (copy / "card.md").unlink()
    (copy / "card.md").mkdir()
    with pytest.raises(EcgedgeError, match=r"has no card\.md"):
        read_bundle(copy)


@pytest.mark.parametrize("what", ["file", "missing", "empty"])
def test_what_is_no_bundle_is_said_so(tmp_path: Path, what: str) -> None:
    path = tmp_path / "thing"
    if what == "file":
        path.write_text("hello")
    if what == "empty":
        path.mkdir()
    with pytest.raises(EcgedgeError, match=r"is not a folder|is not a bundle"):
        read_bundle(path)


# A hand that knows about checksums


def rewritten(folder: Path, name: str, change: Callable[[dict], None]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    write_sums(folder)


def test_a_newer_bundle_asks_for_an_upgrade(copy: Path) -> None:
    rewritten(copy, "bundle.json", lambda content: content.update(version=2))
    with pytest.raises(EcgedgeError, match=r"version 2, this ecgedge reads up to 1; upgrade"):
        read_bundle(copy)


def test_a_newer_bundle_is_recognized_before_its_files(copy: Path) -> None:
    content = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(content | {"version": 9}))
    (copy / "program.json").unlink()
    with pytest.raises(EcgedgeError, match="upgrade"):
        read_bundle(copy)


@pytest.mark.parametrize("version", [None, "1", 0, True, 1.0])
def test_a_version_that_is_none_is_refused(copy: Path, version: object) -> None:
    rewritten(copy, "bundle.json", lambda content: content.update(version=version))
    with pytest.raises(EcgedgeError, match="no version number"):
        read_bundle(copy)


def test_a_description_of_another_program_is_refused(copy: Path) -> None:
    rewritten(copy, "bundle.json", lambda content: content.update(parameters=7))
    with pytest.raises(EcgedgeError, match="does not describe"):
        read_bundle(copy)


def test_a_weight_changed_in_program_json_is_found(copy: Path) -> None:
    def change(content: dict) -> None:
        content["branches"][1]["weight"][2][0] += 1

    rewritten(copy, "program.json", change)
    with pytest.raises(EcgedgeError, match=r"program\.json does not match its checksum"):
        read_bundle(copy)


def other_program(program: Program) -> Program:
    """One shift more."""
    return program.replace(mean_shift=program.mean_shift + 1)


def test_a_valid_program_that_is_not_the_models_is_refused(copy: Path) -> None:
    program = other_program(load_program(copy / "program.json"))
    save_program(program, copy / "program.json")
    rewritten(copy, "bundle.json", lambda content: content.update(program=program.digest))
    with pytest.raises(EcgedgeError, match="belongs to another program"):
        read_bundle(copy)


@pytest.mark.parametrize("name", [*MODELS.values(), "golden.npz", "proof.json", "bundle.json"])
def test_a_file_of_another_bundle_is_refused(copy: Path, tmp_path: Path, name: str) -> None:
    small_bundle(tmp_path / "other", seed=9)
    shutil.copy(tmp_path / "other" / name, copy / name)
    write_sums(copy)
    with pytest.raises(EcgedgeError, match=f"{name} belongs to another program"):
        read_bundle(copy)


def test_models_that_changed_places_are_refused(copy: Path) -> None:
    shutil.copy(copy / MODELS["int"], copy / MODELS["fixed"])
    write_sums(copy)
    with pytest.raises(EcgedgeError, match="is not the fixed model"):
        read_bundle(copy)


def test_a_model_that_is_no_onnx_is_refused(copy: Path) -> None:
    (copy / MODELS["fixed"]).write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    write_sums(copy)
    with pytest.raises(EcgedgeError, match="not a valid ONNX model"):
        read_bundle(copy)


def test_an_unknown_operator_is_refused(copy: Path) -> None:
    model = onnx.load(copy / MODELS["int"])
    model.graph.node[0].op_type = "RunAnything"
    onnx.save(model, copy / MODELS["int"])
    write_sums(copy)
    with pytest.raises(EcgedgeError, match="not a valid ONNX model"):
        read_bundle(copy)
