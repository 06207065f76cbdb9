"""`ecgedge prove`: the tables, the JSON object, and certificates that are wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.main import cli
from ecgedge.zoo import shipped_bundles
from export.bundle import read_bundle, write_sums
from firmware_sim.errors import EcgedgeError
from firmware_sim.prior import Prior
from firmware_sim.proof.certificate import checksum
from firmware_sim.proof.replay import replay
from firmware_sim.prove import prove
from tests.networks import small_bundle
from tests.programs import random_program

SEED = 1
ACCUMULATORS = 2 * 16 + 4 + 4 + 4
"""Convolutions, pools, tokens, mean, scores of four classes."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "whole"
    small_bundle(folder, seed=SEED)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["prove", *map(str, arguments)])


def change(bundle: Path, edit: Callable[[dict[str, Any]], object], *, sign: bool) -> None:
    """Edit a bundle's certificate, with checksums that fit the file and, or not, its content."""
    content = json.loads((bundle / "proof.json").read_text())
    edit(content)
    if sign:
        content["checksum"] = checksum(content)
    (bundle / "proof.json").write_text(json.dumps(content))
    write_sums(bundle)


def test_a_prior_is_part_of_what_is_said_and_of_the_certificate(tmp_path: Path) -> None:
    small_bundle(tmp_path / "bundle", prior=Prior("S", 4, 6))
    said = call(tmp_path / "bundle")
    assert said.exit_code == 0
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["prior.share", "0", "4096", "int16"] in [line[:4] for line in lines]
    assert ["prior.bonus", "0", "16384", "int16"] in [line[:4] for line in lines]

    def widen(content: dict[str, Any]) -> None:
        (bonus,) = (q for q in content["stream"] if q["name"] == "prior.bonus")
        bonus["high"] = 20480

    change(tmp_path / "bundle", widen, sign=True)
    wrong = call(tmp_path / "bundle")
    assert wrong.exit_code == 1
    assert "stream, prior.bonus, high is 20480, the proof says 16384" in wrong.stdout


def test_one_json_object_holds_the_proof_and_what_it_was_held_to(whole: Path) -> None:
    result = call(whole, "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    program = random_program(SEED, window=125)
    assert content["ok"] is True
    assert content["certificate_matches"] is True
    assert content["difference"] is None
    assert content["failures"] == []
    assert content["program"] == program.digest
    assert content["replayed"] == replay(program, prove(program)).count >= 2 * 36
    assert len(content["layers"]) == ACCUMULATORS
    assert all(layer["width_bits"] in (16, 32) for layer in content["layers"])
    names = {q["name"] for q in (*content["normalization"], *content["stream"])}
    assert {"sum", "d", "device.sum", "detector.energy", "age.last_at", "rhythm.slow"} <= names


def test_tables_show_the_three_parts(whole: Path) -> None:
    result = call(whole)
    assert result.exit_code == 0
    for text in ("P.conv", "device.sum", "detector.energy", "no input can overflow it"):
        assert text in result.stdout
    assert "witnesses replayed through the simulator" in result.stdout


@pytest.mark.parametrize("branches", [True, False])
def test_a_hidden_layer_and_the_shape_are_proved_too(tmp_path: Path, branches: bool) -> None:
    shape = {"context": 12, "hidden": 8, "branches": branches}
    program = small_bundle(tmp_path / "bundle", seed=SEED, **shape)
    result = call(tmp_path / "bundle", "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    units = [layer for layer in content["layers"] if layer["name"] == "hidden"]
    assert [unit["channel"] for unit in units] == list(range(8))
    assert {unit["exact"] for unit in units} == {not branches}
    assert {unit["kind"] for unit in units} == {"layer" if branches else "context"}
    names = {q["name"] for q in content["stream"]}
    assert {"shape.template", "shape.area.mean", "rhythm.irregular.quotient"} <= names
    assert content["replayed"] == replay(program, prove(program)).count
    if not branches:
        assert len(content["layers"]) == 8 + 4
        assert "context" in call(tmp_path / "bundle").stdout


def test_a_changed_bound_of_the_hidden_layer_is_named(tmp_path: Path) -> None:
    small_bundle(tmp_path / "bundle", context=12, hidden=8, branches=False)
    change(tmp_path / "bundle", lambda c: c["layers"][3].update(max=1), sign=True)
    result = call(tmp_path / "bundle")
    assert result.exit_code == 1
    assert "layers, hidden channel 3, max is 1" in result.stdout


def shrink(content: dict[str, Any]) -> None:
    content["layers"][16]["max"] -= 1


CHANGES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("layers, ", shrink),
    ("stream, detector.energy, high is 1", lambda c: energy(c).update(high=1)),
    ("stream, detector.energy is missing", lambda c: c["stream"].remove(energy(c))),
    ("normalization, m, width_bits is 32", lambda c: c["normalization"][5].update(width_bits=32)),
    ("ok is 1, the proof says true", lambda c: c.update(ok=1)),
    ("stream is missing", lambda c: c.pop("stream")),
    ("extra is not part of the proof", lambda c: c.update(extra=0)),
    ("layers is in another order", lambda c: c["layers"].reverse()),
    ("witness_max is", lambda c: c["layers"][0].update(witness_max="++++0")),
    ("it is of version 1, not 2", lambda c: c.update(version=1)),
]


def energy(content: dict[str, Any]) -> dict[str, Any]:
    return next(q for q in content["stream"] if q["name"] == "detector.energy")


@pytest.mark.parametrize(("named", "edit"), CHANGES, ids=[named for named, _ in CHANGES])
@pytest.mark.parametrize("sign", [True, False])
def test_a_changed_certificate_is_named_signed_again_or_not(
    copy: Path, named: str, edit: Callable[[dict[str, Any]], object], sign: bool
) -> None:
    change(copy, edit, sign=sign)
    result = call(copy, "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert content["ok"] is False
    assert content["certificate_matches"] is False
    assert named in content["difference"]
    plain = call(copy)
    assert plain.exit_code == 1
    assert f"FAILED: proof.json is not the proof of this program: {content['difference']}." in (
        plain.stdout
    )


def test_a_certificate_whose_checksum_alone_is_wrong_is_named(copy: Path) -> None:
    change(copy, lambda content: content.update(checksum="0" * 64), sign=False)
    result = call(copy)
    assert result.exit_code == 1
    assert "it was changed after it was written (its checksum does not match)" in result.stdout


def test_the_certificate_of_another_program_is_refused(copy: Path, tmp_path: Path) -> None:
    small_bundle(tmp_path / "other", seed=SEED + 1)
    shutil.copy(tmp_path / "other" / "proof.json", copy / "proof.json")
    write_sums(copy)
    result = call(copy)
    assert result.exit_code != 0
    assert isinstance(result.exception, EcgedgeError)
    assert "belongs to another program" in str(result.exception)


def test_write_makes_a_wrong_certificate_right(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    change(copy, shrink, sign=False)
    assert call(copy).exit_code == 1
    assert call(copy, "--write").exit_code == 0
    assert call(copy).exit_code == 0
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_rate_without_detector_has_no_stream(tmp_path: Path) -> None:
    small_bundle(tmp_path / "slow", window=100)
    result = call(tmp_path / "slow")
    assert result.exit_code == 0
    assert "does not work at 100 Hz" in result.stdout


@pytest.mark.parametrize("name", shipped_bundles())
def test_shipped_bundles_hold_their_proof(name: str) -> None:
    assert call(name, "--json").exit_code == 0
    assert read_bundle(shipped_bundles()[name]).proof["version"] == 2
