"""`ecgedge export`, `verify` and `models`; `prove` where all of them behave alike."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ecgedge import zoo
from ecgedge.cli.main import cli
from ecgedge.cli.verify import THREAD_VARIABLES
from export.bundle import write_sums
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.test_exporting import write_run
from tests.networks import small_bundle
from tests.programs import random_program


@pytest.fixture(autouse=True)
def _no_threads_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "whole"
    small_bundle(folder)
    return folder


def call(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [command, *map(str, arguments)])


def json_of(result: Result) -> Any:
    return json.loads(result.stdout)


def test_verify_prints_one_json_object(whole: Path, excerpt: Path) -> None:
    result = call("verify", whole, "--data", excerpt, "--random", 10, "--json")
    assert result.exit_code == 0
    content = json_of(result)
    assert content["ok"] is True
    assert content["beats"] == content["data"]["beats"] > 3000
    assert content["inputs"]["random"] == 10
    assert all(report["mismatches"] == 0 for report in content["engines"].values())


def test_verify_shows_a_table(whole: Path, excerpt: Path) -> None:
    result = call("verify", whole, "--data", excerpt, "--engines", "numpy,ort-int")
    assert result.exit_code == 0
    assert "ort-int" in result.stdout
    assert "ort-fixed" not in result.stdout
    assert "Every engine returns the same integers." in result.stdout


def test_verify_fails_on_a_changed_proof(whole: Path, excerpt: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    text = (copy / "proof.json").read_text()
    (copy / "proof.json").write_text(text.replace('"spare_bits": 0', '"spare_bits": 1', 1))
    write_sums(copy)
    options = ("--data", excerpt, "--engines", "ort-int", "--random", 0)
    result = call("verify", copy, *options)
    assert result.exit_code == 1
    assert "FAILED: proof.json is not the proof of this program: " in result.stdout
    result = call("verify", copy, *options, "--json")
    assert result.exit_code == 1
    assert json_of(result)["ok"] is False


@pytest.mark.parametrize("command", ["verify", "prove"])
def test_what_is_no_bundle_is_an_error(command: str, tmp_path: Path) -> None:
    result = call(command, tmp_path)
    assert result.exit_code != 0
    assert isinstance(result.exception, EcgedgeError)
    assert "is not a bundle" in str(result.exception)


def test_verify_refuses_an_unknown_engine(whole: Path, excerpt: Path) -> None:
    result = call("verify", whole, "--data", excerpt, "--engines", "abacus")
    assert isinstance(result.exception, EcgedgeError)
    assert "no engine 'abacus'" in str(result.exception)


def test_verify_names_a_data_folder_that_is_not_there(whole: Path, tmp_path: Path) -> None:
    result = call("verify", whole, "--data", tmp_path / "nowhere")
    assert isinstance(result.exception, EcgedgeError)
    assert "data download" in str(result.exception)


def test_export_writes_a_bundle_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", random_program(0, window=125))
    result = call("export", run, "-o", tmp_path / "bundle", "--json")
    assert result.exit_code == 0
    assert json_of(result)["program"] == random_program(0, window=125).digest
    again = call("export", run, "-o", tmp_path / "bundle")
    assert isinstance(again.exception, EcgedgeError)
    assert "--overwrite" in str(again.exception)
    assert call("export", run, "-o", tmp_path / "bundle", "--overwrite").exit_code == 0


def test_export_names_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = call("export", tmp_path, "-o", tmp_path / "bundle")
    assert isinstance(result.exception, EcgedgeError)
    assert "is not a run folder" in str(result.exception)


def test_models_lists_the_default_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, name in enumerate("ab"):
        small_bundle(tmp_path / name, seed=seed)
    (tmp_path / zoo.INDEX).write_text('["b", "a"]')
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    content = json_of(call("models", "--json"))
    assert [item["name"] for item in content] == ["b", "a"]
    assert content[0]["path"] == str(tmp_path / "b")
    assert content[0]["parameters"] == 140
    assert {"task", "fs"} <= content[0].keys()
    assert call("models").stdout.startswith("b: 140 parameters")


def test_the_default_model_is_used_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bundle(tmp_path / "a")
    (tmp_path / zoo.INDEX).write_text('["a"]')
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    assert json_of(call("prove", "--json"))["ok"] is True


def test_export_replaces_nothing_but_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    run = write_run(tmp_path / "runs" / "run", random_program(0, window=125))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").touch()
    refused = call("export", run, "-o", precious, "--overwrite")
    assert "no bundle.json" in str(refused.exception)
    assert (precious / "thesis.txt").is_file()
    (run.parent / "bundle.json").touch()
    for place in (run.parent, run):
        refused = call("export", run, "-o", place, "--overwrite")
        assert "contains the run" in str(refused.exception)
    assert (run / "program.json").is_file()
