import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from calib.quantize import quantize
from ecgedge.evaluation import subject
from export.bundle import write_bundle
from firmware_sim.errors import EcgedgeError
from firmware_sim.program_file import load_program
from tests.run_folders import make_run, some_network, trained_with_folds


def refuse(path: Path, match: str) -> None:
    with pytest.raises(EcgedgeError, match=match):
        subject.read_subject(path)


def test_what_cannot_be_evaluated_is_refused_with_a_remedy(tmp_path: Path) -> None:
    refuse(tmp_path / "nothing", "does not exist")
    refuse(tmp_path, "neither a bundle nor a run")
    unfinished = make_run(tmp_path / "u", 1)
    (unfinished / "metrics.json").unlink()
    refuse(unfinished, "--resume")
    make_run(tmp_path / "mixed" / "seed-0", 0)
    make_run(tmp_path / "mixed" / "seed-1", 1, task="symbol-binary")
    refuse(tmp_path / "mixed", "different settings")


def test_a_bundle_knows_the_split_that_trained_it(tmp_path: Path) -> None:
    network = some_network(2)
    for place, split in (("known", "ds1-ds2"), ("foreign", "my-own"), ("unknown", None)):
        write_bundle(tmp_path / place, quantize(network), network, trained_on=split)
    known, foreign, unknown = (
        subject.read_subject(tmp_path / place) for place in ("known", "foreign", "unknown")
    )
    assert (known.protocol, foreign.protocol, unknown.protocol) == ("ds1-ds2", None, None)
    assert known.seen_in_training(("100", "101", "106")) == ("101", "106")
    assert unknown.seen_in_training(("101",)) == ()


def trained(path: Path, seed: int) -> Path:
    """A run whose metrics name its program, as training writes them."""
    made = make_run(path, seed)
    metrics = json.loads((made / "metrics.json").read_text())
    metrics["program"] = load_program(made / "program.json").digest
    (made / "metrics.json").write_text(json.dumps(metrics))
    return made


def test_a_run_is_judged_by_the_program_that_training_wrote(tmp_path: Path) -> None:
    run, other = trained(tmp_path / "run", 1), trained(tmp_path / "other", 2)
    assert subject.read_subject(run).programs[0].name == "student-1"
    shutil.copy(other / "program.json", run)
    refuse(run, "does not hold the program.json that training wrote")
    (run / "program.json").unlink()
    refuse(run, "does not hold the program.json that training wrote")


def test_a_seed_counts_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "twice" / "seed-0", 1)
    shutil.copytree(run, run.with_name("seed-1"))
    refuse(tmp_path / "twice", "two seeds in .* hold the same program")


def test_a_report_knows_whether_training_was_judged_out_of_fold(tmp_path: Path) -> None:
    folds, records = trained_with_folds(tmp_path / "folds"), make_run(tmp_path / "records", 1)
    assert subject.read_subject(folds).facts()["out_of_fold"] is True
    assert subject.read_subject(records).facts()["out_of_fold"] is False


def test_a_damaged_probabilities_file_is_named(run: Path, tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    (path / "probabilities.npz").write_bytes(b"PK not a zip")
    with pytest.raises(EcgedgeError, match=r"probabilities\.npz is damaged"):
        subject.saved_predictions(path)
    (path / "probabilities.npz").unlink()
    assert subject.saved_predictions(path) is None


def test_pickled_probabilities_are_not_opened(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, labels=np.array([{}], dtype=object))
    (tmp_path / "probabilities.npz").write_bytes(content.getvalue())
    with pytest.raises(EcgedgeError, match="damaged"):
        subject.saved_predictions(tmp_path)
