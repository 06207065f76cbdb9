from dataclasses import replace
from pathlib import Path

import pytest

from ecgedge import run_pictures, runs
from ecgedge.evaluation.subject import read_subject
from ecgedge.training import distill as module
from ecgedge.training.config import TrainConfig
from ecgedge.training.distill import Gate, distill
from ecgedge.training.losses import Distillation
from firmware_sim.errors import EcgedgeError

SHORT = {"epochs": 1, "draws": 64, "batch": 32}


def with_gate(monkeypatch: pytest.MonkeyPatch, *, is_open: bool) -> None:
    found = Gate(0.9 if is_open else 0.1, 0.5, "macro_f1_nsv", is_open)
    monkeypatch.setattr(module, "gate", lambda *arguments: found)


@pytest.fixture(scope="module")
def taught(excerpt: Path, quick: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    out = tmp_path_factory.mktemp("distilled") / "run"
    with pytest.MonkeyPatch.context() as patch:
        with_gate(patch, is_open=True)
        return distill(excerpt, quick, Distillation(confidence=0), out, teacher_changes=SHORT)


def test_baseline_teacher_and_student_are_in_one_folder(taught: runs.Run) -> None:
    assert taught.baseline is not None
    assert taught.teacher is not None
    assert taught.metrics["distillation"]["used"]
    assert 0 <= taught.metrics["distillation"]["trusted_share"] <= 1
    assert taught.config["distillation"]["temperature"] == 3.0
    assert taught.program is not None
    assert taught.program != taught.baseline.program
    assert taught.teacher.program is None


def test_all_three_validate_on_the_same_records(taught: runs.Run) -> None:
    named = [
        one.metrics["validation_records"]
        for one in (taught, taught.baseline, taught.teacher)
        if one is not None
    ]
    assert named[0] == named[1] == named[2]


def test_a_worse_teacher_is_not_used(
    excerpt: Path,
    quick: TrainConfig,
    taught: runs.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_gate(monkeypatch, is_open=False)
    path = taught.path / runs.TEACHER
    made = distill(excerpt, quick, Distillation(), tmp_path / "run", teacher=path)
    assert made.baseline is not None
    assert made.teacher is None
    assert not made.metrics["distillation"]["used"]
    assert made.program == made.baseline.program
    assert list(run_pictures._side_by_side(made)) == ["student (teacher not used)"]
    assert read_subject(made.path).student == "student (teacher not used)"
    assert read_subject(taught.path).student == "distilled student"


def test_a_teacher_of_another_task_is_refused(
    excerpt: Path, quick_binary: TrainConfig, taught: runs.Run, tmp_path: Path
) -> None:
    path = taught.path / runs.TEACHER
    with pytest.raises(EcgedgeError, match="task"):
        distill(excerpt, quick_binary, Distillation(), tmp_path / "run", teacher=path)
    assert not (tmp_path / "run").exists()


def test_resuming_takes_every_setting_from_the_folder(
    excerpt: Path,
    quick: TrainConfig,
    taught: runs.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"

    def power_cut(*arguments: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(module, "gate", power_cut)
    with pytest.raises(OSError, match="power cut"):
        distill(excerpt, quick, Distillation(confidence=0), out, teacher_changes=SHORT)
    with_gate(monkeypatch, is_open=True)
    other = replace(quick, epochs=9)
    made = distill(excerpt, other, Distillation(alpha=0), out, resume=True)
    assert made.program == taught.program
    assert made.config == taught.config


def test_a_run_without_a_teacher_is_not_resumed_as_one_with(
    excerpt: Path, quick: TrainConfig, taught: runs.Run
) -> None:
    assert taught.baseline is not None
    with pytest.raises(EcgedgeError, match="no distillation"):
        distill(excerpt, quick, Distillation(), taught.baseline.path, resume=True)


def test_a_float_student_is_not_distilled(
    excerpt: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(EcgedgeError, match="bounded"):
        distill(excerpt, replace(quick, bound="none"), Distillation(), tmp_path / "run")
