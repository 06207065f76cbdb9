"""Students of context: trained on all training records, with folds for what is chosen."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ecgedge import run_pictures, runs
from ecgedge.data.splits import get_split
from ecgedge.evaluation.evaluate import evaluate
from ecgedge.evaluation.subject import saved_predictions
from ecgedge.training import train as training
from ecgedge.training.build import load_model
from ecgedge.training.config import TrainConfig, for_protocol
from ecgedge.training.refit import assign_folds, consensus, out_of_fold
from ecgedge.training.train import Data, read_data, train_run
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import run as simulate
from firmware_sim.prior import Prior, is_irregular, with_prior
from firmware_sim.program_file import load_program

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def quick() -> TrainConfig:
    config = for_protocol("ds1-ds2")
    return replace(config, restarts=3, epochs=3, fine_epochs=1, draws=600, batch=100, folds=2)


@pytest.fixture(scope="module")
def data(excerpt: Path, quick: TrainConfig) -> Data:
    return read_data(excerpt, quick)


@pytest.fixture(scope="module")
def done(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> runs.Run:
    return train_run(excerpt, quick, tmp_path_factory.mktemp("runs") / "one", data=data)


def test_the_student_of_ds1_ds2_is_that_of_context(done: runs.Run) -> None:
    program = load_program(done.path / runs.PROGRAM)
    assert program.parameters == done.metrics["parameters"] == 12 * 8 + 8 + 8 * 4 + 4
    assert not program.branches


def test_every_training_record_is_in_one_fold(data: Data) -> None:
    fold_of = assign_folds(data.train, 3, seed=5)
    assert sorted(set(fold_of.tolist())) == [0, 1, 2]
    assert np.bincount(fold_of).max() - np.bincount(fold_of).min() <= 1
    assert np.array_equal(fold_of, assign_folds(data.train, 3, seed=5))


def test_more_folds_than_records_are_refused(data: Data) -> None:
    with pytest.raises(EcgedgeError, match="fewer with --folds"):
        assign_folds(data.train, len(data.train.records) + 1, seed=0)


def test_all_training_records_train(data: Data) -> None:
    assert data.train is data.validation
    assert set(data.train.records) <= set(get_split("ds1-ds2").train)


def test_the_figures_are_out_of_fold(done: runs.Run, data: Data) -> None:
    """The kept student is another than those that were asked, and nobody asked it."""
    found = saved_predictions(done.path)
    assert found is not None
    assert np.array_equal(found.y, data.train.y.numpy())
    model, config, start = load_model(done.path)
    assert config.refits
    program = load_program(done.path / runs.PROGRAM)
    own = simulate(program, data.train.q.numpy(), data.train.context.numpy()).scores
    assert found.scores.shape == own.shape
    assert not np.array_equal(found.scores, own)
    assert done.metrics["validation_records"] == []
    assert done.score == pytest.approx(done.metrics["validation"][done.metric])
    assert start == consensus(model, data.train, CPU)  # type: ignore[arg-type]


def test_the_prior_adds_to_what_the_folds_said(
    done: runs.Run,
    excerpt: Path,
    quick: TrainConfig,
    data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    said = rng.integers(-9000, 9000, (len(data.train), 4))
    monkeypatch.setattr(training, "out_of_fold", lambda *given: (said, said / 2**14))
    brief = replace(quick, restarts=1, epochs=1, fine_epochs=0)
    found = saved_predictions(train_run(excerpt, brief, tmp_path / "run", data=data).path)
    assert found is not None
    silent = is_irregular(data.train.context.numpy())
    assert 0 < silent.mean() < 1
    expected = with_prior(said, found.record, found.labels, Prior("S", 4, 6), silent=silent)
    assert np.array_equal(found.scores, expected)
    assert np.array_equal(found.predicted, expected.argmax(axis=1))
    assert (expected != said).any()


def test_program_and_float_student_have_the_prior(done: runs.Run) -> None:
    assert load_program(done.path / runs.PROGRAM).prior == Prior("S", 4, 6)
    assert done.float_network is not None
    assert done.float_network.prior == Prior("S", 4, 6)


def test_pictures_do_not_call_training_beats_validation(done: runs.Run) -> None:
    assert all("train_macro-F1" in row for row in run_pictures.history_of(done))
    assert not any(key.startswith("validation") for key in run_pictures.history_of(done)[0])
    assert run_pictures._panel([done]) == "out of fold"
    assert "out of fold (2 folds)" in run_pictures._note(done)


def test_the_same_seed_gives_the_same_program(
    done: runs.Run, excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path
) -> None:
    again = train_run(excerpt, quick, tmp_path / "again", data=data)
    assert again.metrics["program"] == done.metrics["program"]
    assert again.metrics["validation"] == done.metrics["validation"]


def test_the_seconds_of_a_run_hold_those_of_its_folds(
    excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that goes on in the folds alone."""
    now_s = 0.0

    def ask_folds(*given: Any) -> Any:
        nonlocal now_s
        now_s += 50
        return out_of_fold(*given)

    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(training, "out_of_fold", ask_folds)
    brief = replace(quick, restarts=1, epochs=1, fine_epochs=0)
    assert train_run(excerpt, brief, tmp_path / "run", data=data).metrics["seconds"] == 50


def test_evaluation_without_test_records_tells_the_figure_of_the_folds(
    done: runs.Run, excerpt: Path
) -> None:
    with pytest.raises(EcgedgeError, match=f"{done.score:.3f}. Add --test"):
        evaluate([done.path], excerpt, test=False)


def test_noise_on_the_weights_changes_what_is_learned(
    done: runs.Run, excerpt: Path, quick: TrainConfig, data: Data, tmp_path: Path
) -> None:
    noisy = replace(quick, weight_noise=0.1)
    other = train_run(excerpt, noisy, tmp_path / "noisy", data=data)
    assert other.metrics["program"] != done.metrics["program"]
    assert json.loads((other.path / runs.CONFIG).read_text())["weight_noise"] == 0.1


def test_students_that_stay_floats_have_no_folds() -> None:
    assert not replace(for_protocol("ds1-ds2"), bound="none").refits
    assert for_protocol("ds1-ds2").refits
    assert for_protocol("replica").refits
    assert not for_protocol("replica", "beat").refits
