import json

import pytest
from click.testing import CliRunner

from ecgedge.cli.main import cli
from ecgedge.runs import load_run
from ecgedge.training import folder as run_folder

QUICK = (
    "train", "--data", "excerpt", "--restarts", "1", "--epochs", "1", "--fine-epochs", "1",
    "--draws", "256", "--json",
)  # fmt: skip


def train(tmp_path, *options):
    out = tmp_path / "run"
    result = CliRunner().invoke(cli, [*QUICK, *options, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["path"] == str(out)
    return load_run(out).config


@pytest.mark.slow
def test_every_option_reaches_the_configuration(tmp_path):
    config = train(
        tmp_path, "--student", "segments", "--calibration", "mse", "--shift-ms", "5", "--noise",
        "0", "--clip", "0.5", "--weight-decay", "0", "--validation-share", "0.4",
        "--sampler", "records", "--class-weight", "S=8", "--weight-ratio", "9",
        "--weight-power", "0.1", "--prior", "V,2,5",
    )  # fmt: skip
    assert config["calibration"] == "mse"
    assert (config["augmentation"]["shift_ms"], config["augmentation"]["noise"]) == (5, 0)
    assert config["augmentation"]["wander"] == 0.2
    assert (config["clip"], config["weight_decay"], config["validation_share"]) == (0.5, 0, 0.4)
    imbalance = config["imbalance"]
    assert (imbalance["weights"]["S"], imbalance["class_weights"]) == (8.0, True)
    assert (imbalance["sampler"], imbalance["power"], imbalance["ratio"]) == ("records", 0.1, 9)
    assert config["prior"] == {"label": "V", "gain": 2, "shift": 5}


@pytest.mark.slow
def test_a_sampler_takes_the_place_of_class_weights(tmp_path):
    imbalance = train(tmp_path, "--sampler", "balanced")["imbalance"]
    assert (imbalance["sampler"], imbalance["class_weights"]) == ("balanced", False)
    assert (imbalance["weights"], imbalance["power"]) == ({}, 0.7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folds", "following"),
    [
        ("0", "next: ecgedge evaluate {out}, and once at the end with --test"),
        ("2", "next, once at the end: ecgedge evaluate {out} --test"),
    ],
)
def test_a_run_with_folds_has_no_validation_records_to_evaluate_next(tmp_path, folds, following):
    out = tmp_path / "run"
    options = [option for option in QUICK if option != "--json"]
    result = CliRunner().invoke(cli, [*options, "--folds", folds, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert following.format(out=out) in result.stdout.splitlines()


def test_a_class_sampler_takes_no_weights_of_labels(tmp_path):
    options = ["--sampler", "weighted", "--class-weight", "S=2", "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*QUICK, *options])
    assert "with --sampler none or records" in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_two_remedies_for_imbalance_at_once_are_refused(tmp_path):
    options = ["--sampler", "balanced", "--class-weights", "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*QUICK, *options])
    assert "twice" in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_measures_reach_configuration_and_program(tmp_path):
    config = train(
        tmp_path, "--protocol", "replica", "--folds", "0", "--hidden", "3",
        "--measure", "size 24-36 x2", "--measure", "steepest 20-40",
    )  # fmt: skip
    assert config["measures"] == [
        {"kind": "size", "start": 24, "stop": 36, "gain": 1},
        {"kind": "steepest", "start": 20, "stop": 40, "gain": 0},
    ]
    program = json.loads((tmp_path / "run" / "program.json").read_text())
    assert (program["version"], program["measures"]) == (5, config["measures"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--student", "measures", "--measure", "size 36-24"), "the end comes after the begin"),
        (("--student", "measures", "--measure", "size 24-36 x3"), "gains are x1, x2, x4 and x8"),
        (("--student", "measures", *("--measure", "size 1-9") * 17), "17 measures, more than 16"),
        (("--student", "measures", "--fs", "50"), "take a higher rate"),
    ],
)
def test_measures_that_cannot_be_are_refused_at_once(tmp_path, options, sentence):
    out = tmp_path / "run"
    result = CliRunner().invoke(cli, [*QUICK, *options, "-o", str(out)])
    assert result.exit_code != 0
    assert sentence in f"{result.output} {result.exception}"
    assert not out.exists()


def test_a_label_has_one_weight(tmp_path):
    options = ["--class-weight", "S=2", "--class-weight", "S=3", "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*QUICK, *options])
    assert result.exit_code == 2
    assert "a label has two weights" in result.output


def test_distill_has_validation_records_and_no_folds(tmp_path):
    options = ["distill", "--data", "excerpt", "--folds", "2", "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, options)
    assert result.exit_code == 2
    assert "No such option" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
def test_a_training_that_was_stopped_is_kept_and_exits_as_such(tmp_path, monkeypatch, as_json):
    append = run_folder.append_log

    def interrupt(path, epoch):
        append(path, epoch)
        raise KeyboardInterrupt

    out = tmp_path / "run"
    options = [option for option in QUICK if as_json or option != "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "append_log", interrupt)
        result = CliRunner().invoke(cli, [*options, "--folds", "0", "-o", str(out)])
    assert result.exit_code == 130, result.output
    if as_json:
        assert json.loads(result.stdout)["runs"][0]["interrupted"] is True
    else:
        assert "stopped by the user" in result.stdout
        assert "next" not in result.stdout
    assert load_run(out).interrupted
    assert load_run(out).program is not None
