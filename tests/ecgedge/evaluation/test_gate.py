"""The gate before test records: without `--test` validation records are asked, or nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ecgedge.cli.evaluate import evaluate as command
from ecgedge.data.splits import get_split
from ecgedge.evaluation import ledger
from ecgedge.evaluation.evaluate import evaluate
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.evaluation.conftest import QUICK, ask
from tests.run_folders import VALIDATION, make_run


def without_test_records(excerpt: Path, place: Path) -> Path:
    """A copy of the excerpt that lists its test records but does not have them."""
    shutil.copytree(excerpt, place)
    for name in get_split("ds1-ds2").test:
        for file in place.glob(f"{name}.*"):
            file.unlink()
    return place


def test_without_test_a_run_speaks_of_its_validation_records(
    run: Path, excerpt: Path, tmp_path: Path
) -> None:
    folder = without_test_records(excerpt, tmp_path / "mitdb")
    before = (run / ledger.LEDGER).read_bytes() if (run / ledger.LEDGER).exists() else b""
    found = evaluate([run], folder, test=False, resamples=20)
    assert found.report["part"] == "validation"
    assert found.report["validation"]["record_names"] == VALIDATION[1]
    assert found.report["is_result"] is False
    assert "validation records" in found.report["note"]
    assert found.report["ledger"] == []
    assert found.ledgers == ()
    assert ((run / ledger.LEDGER).read_bytes() if before else b"") == before
    with pytest.raises(EcgedgeError):
        evaluate([run], folder, test=True, resamples=20)


def test_a_validation_report_does_not_lie_where_that_of_test_records_does(run: Path) -> None:
    found = ask(run, test=False)
    assert json.loads((run / "validation" / "report.json").read_text()) == found


def test_each_seed_is_asked_about_its_own_validation_records(tmp_path: Path, excerpt: Path) -> None:
    for seed in range(2):
        make_run(tmp_path / "many" / f"seed-{seed}", seed)
    found = evaluate([tmp_path / "many"], excerpt, test=False, resamples=20)
    assert found.report["validation"]["record_names"] == ["106", "119", "208", "223"]
    said = [set(np.asarray(p.records)[p.record]) for p in found.rows[0].seeds]
    assert said == [set(VALIDATION[0]), set(VALIDATION[1])]


def test_a_bundle_without_test_says_what_to_add(bundle: Path) -> None:
    result = CliRunner().invoke(command, [str(bundle), *QUICK])
    assert isinstance(result.exception, EcgedgeError)
    assert "has no validation records; add --test" in str(result.exception)


def test_a_test_record_that_is_named_as_validation_is_not_opened(
    tmp_path: Path, excerpt: Path
) -> None:
    path = make_run(tmp_path / "r", 1)
    metrics = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps(metrics | {"validation_records": ["233"]}))
    with pytest.raises(EcgedgeError, match="233 validated this run, but is no training record"):
        evaluate([path], excerpt, test=False, resamples=20)
