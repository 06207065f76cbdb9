import io
from pathlib import Path

import numpy as np
import pytest

from ecgedge.evaluation import subject
from firmware_sim.errors import EcgedgeError
from tests.run_folders import make_run, trained_with_folds


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
