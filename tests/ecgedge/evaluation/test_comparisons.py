"""Several runs and bundles in one report."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ecgedge.cli.evaluate import evaluate as command
from ecgedge.evaluation import ledger
from ecgedge.evaluation.evaluate import evaluate
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.evaluation.conftest import QUICK, ask
from tests.run_folders import make_run


def test_several_are_rows_of_one_table_and_compared_in_pairs(
    run: Path, bundle: Path, tmp_path: Path
) -> None:
    found = ask(run, bundle, "-o", tmp_path / "both")
    name = found["subjects"][1]["name"]
    assert set(found["rows"]) == {f"{name}/program", f"{name}/float"}
    assert found["rows"][f"{name}/program"]["what"] == f"{name}: student, integer"
    alone = ask(bundle)
    assert found["rows"][f"{name}/program"]["accuracy"] == alone["program"]["accuracy"]
    pair = found["comparisons"][f"program - {name}/program"]["accuracy"]
    assert pair["difference"] == pytest.approx(
        found["program"]["accuracy"] - alone["program"]["accuracy"]
    )
    assert (tmp_path / "both" / "report.html").is_file()
    assert ledger.read(run / ledger.LEDGER)[-1]["subject"] == run.name
    assert ledger.read(tmp_path / "both" / ledger.LEDGER)[-1]["subject"] == name


def test_runs_of_one_name_are_told_apart_by_their_path(tmp_path: Path, excerpt: Path) -> None:
    paths = [make_run(tmp_path / letter / "run", seed) for seed, letter in enumerate("ab")]
    found = evaluate(paths, excerpt, test=True, resamples=5)
    assert [one.name for one in found.subjects] == ["a/run", "b/run"]
    with pytest.raises(EcgedgeError, match="named twice"):
        evaluate([paths[0], paths[0]], excerpt, test=True, resamples=5)


def test_models_of_different_tasks_are_not_compared(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", 1, task="symbol-binary")
    result = CliRunner().invoke(command, [str(run), str(other), *QUICK, "--test"])
    assert "only models of one task are compared" in str(result.exception)
