"""The options of `ecgedge train` and `ecgedge distill`, and those that would change nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.main import cli
from ecgedge.cli.training_options import _imbalance, config_from
from ecgedge.training.config import TrainConfig, for_protocol
from firmware_sim.errors import EcgedgeError

MEASURES = ("--student", "measures")
ONE_CYCLE = {"protocol": "ds1-ds2", "student": "segments"}


def call(command: str, tmp_path: Path, *options: str) -> Result:
    """Run a command up to its reading of records: the folder of the data is empty."""
    empty = tmp_path / "empty"
    empty.mkdir()
    words = [command, *options, "--data", str(empty), "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, words)
    assert not (tmp_path / "run").exists()
    return result


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--student", "context", "--dropout", "0.2"),
            "--dropout has an effect with --student segments, beat or measures only",
        ),
        (
            ("--student", "context", "--bound", "tanh"),
            "--bound tanh has an effect with --student segments or beat only",
        ),
        (
            ("--student", "measures", "--bound", "tanh"),
            "--bound tanh has an effect with --student segments or beat only",
        ),
        (
            ("--model", "resnet18", "--bound", "none"),
            "--bound none has an effect with --model student only",
        ),
        (
            ("--task", "symbol-binary", "--aami-map", "bxb"),
            "--aami-map bxb has an effect with --task nsvf, nsvo, aami-5 or aami-binary only",
        ),
        (("--patience", "3"), "--patience has an effect with --folds 0 only"),
        (
            ("--student", "segments", "--patience", "25"),
            "--patience has an effect with a smaller number, or --schedule plateau or constant,",
        ),
        (
            ("--student", "segments", "--epochs", "25", "--patience", "3"),
            "--patience has an effect with more than 25 --epochs only",
        ),
    ],
)
def test_an_option_without_effect_is_refused(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = call("train", tmp_path, *options)
    assert result.exit_code == 2
    assert sentence in result.output


@pytest.mark.parametrize(
    ("options", "idle", "wanted"),
    [
        (("--student", "context", "--measure", "size 24-36"), "measure", "--student measures"),
        ((*MEASURES, "--depth", "2"), "depth", "--student segments or beat"),
        (("--token-dropout", "0.2"), "token-dropout", "--student segments or beat"),
        (("--shift-ms", "5"), "shift-ms", "--student segments, beat or measures"),
        ((*MEASURES, "--context-noise", "2"), "context-noise", "--student context or segments"),
        (("--sampler", "none", "--weight-power", "1"), "weight-power", "--class-weights or --samp"),
        (("--sampler", "balanced", "--weight-power", "1"), "weight-power", "--class-weights or"),
        (("--weight-ratio", "9"), "weight-ratio", "--class-weights"),
        (("--validation-share", "0.4"), "validation-share", "--folds 0"),
        (("--model", "resnet18", "--hidden", "4"), "hidden", "--model student"),
        (("--model", "resnet18", "--folds", "4"), "folds", "--model student"),
        (("--bound", "none", "--calibration", "mse"), "calibration", "--bound l1 or tanh"),
    ],
)
def test_an_option_names_what_would_give_it_an_effect(
    tmp_path: Path, options: tuple[str, ...], idle: str, wanted: str
) -> None:
    result = call("train", tmp_path, *options)
    assert result.exit_code == 2
    assert f"--{idle} has an effect with {wanted}" in result.output


@pytest.mark.parametrize(
    "options",
    [
        ("--student", "measures", "--dropout", "0.2"),
        ("--student", "context", "--bound", "l1"),
        ("--student", "context", "--folds", "0", "--bound", "none", "--activation", "tanh"),
        ("--student", "segments", "--bound", "tanh"),
        ("--task", "symbol-binary", "--aami-map", "aami"),
        ("--task", "aami-binary", "--aami-map", "bxb"),
        ("--student", "segments", "--patience", "3"),
        ("--student", "segments", "--schedule", "constant", "--patience", "25"),
    ],
)
def test_an_option_with_an_effect_is_taken(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = call("train", tmp_path, *options)
    assert isinstance(result.exception, EcgedgeError), result.output
    assert "--data" in str(result.exception) or "mitdb" in str(result.exception)


def test_the_least_epochs_are_those_of_the_sentence() -> None:
    assert TrainConfig.min_epochs == 25


@pytest.mark.parametrize("epochs", [26, 40, 60])
def test_patience_is_taken_as_long_as_an_epoch_of_training_can_be_saved(epochs: int) -> None:
    """Rates have settled after nine tenths; the last epoch cannot be saved by stopping."""
    settled = -(-9 * epochs // 10) - 1
    most = epochs - 1 - settled
    values = {**ONE_CYCLE, "epochs": epochs}
    assert config_from({**values, "patience": most}).patience == most
    with pytest.raises(Exception, match="a smaller number"):
        config_from({**values, "patience": most + 1})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--teacher-training", "short"), "--teacher-training is for a teacher that is yet"),
        (("--teacher-epochs", "3"), "--teacher-epochs is for a teacher that is yet"),
        (("--teacher-model", "resnet18"), "--teacher-model is for a teacher that is yet"),
    ],
)
def test_a_trained_teacher_is_not_trained(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = call("distill", tmp_path, "--teacher", str(tmp_path / "teacher"), *options)
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_temperature_needs_the_logits_of_the_teacher(tmp_path: Path) -> None:
    result = call("distill", tmp_path, "--beta", "0", "--temperature", "3")
    assert result.exit_code == 2
    assert "--temperature has no effect with --beta 0" in result.output


def test_a_teacher_without_a_say_is_refused(tmp_path: Path) -> None:
    result = call("distill", tmp_path, "--beta", "0", "--gamma", "0")
    assert result.exit_code != 0
    assert "use `ecgedge train`" in str(result.exception)


def test_a_teacher_may_need_patience_where_its_student_does_not(tmp_path: Path) -> None:
    options = ("--student", "measures", "--patience", "3", "--teacher-training", "long")
    result = call("distill", tmp_path, *options)
    assert isinstance(result.exception, EcgedgeError), result.output


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"sampler": "records"}, {}),
        ({"power": 0.5}, {"power": 0.5}),
        ({"sampler": "none"}, {"sampler": "none", "power": 0.7}),
        ({"sampler": "balanced"}, {"sampler": "balanced", "power": 0.7}),
        ({"weights": {"S": 2.0}}, {"weights": {"S": 2.0}, "class_weights": True}),
    ],
)
def test_what_is_not_given_stays_as_the_student_has_it(
    given: dict[str, Any], changed: dict[str, Any]
) -> None:
    own = for_protocol("ds1-ds2").imbalance
    assert _imbalance(own, given) == replace(own, **changed)


def test_a_class_sampler_ends_the_weights_that_a_student_has() -> None:
    own = for_protocol("ds1-ds2", "segments").imbalance
    assert own.weights
    found = _imbalance(own, {"sampler": "weighted"})
    assert (found.class_weights, found.weights) == (False, {})
