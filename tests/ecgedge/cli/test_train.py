import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ecgedge.cli.main import cli
from ecgedge.cli.train import _imbalance
from ecgedge.runs import load_run
from ecgedge.training.config import for_protocol

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
        tmp_path, "--calibration", "mse", "--shift-ms", "5", "--noise", "0", "--clip", "0.5",
        "--weight-decay", "0", "--validation-share", "0.4", "--class-weight", "S=8",
        "--weight-ratio", "9", "--prior", "V,2,5",
    )  # fmt: skip
    assert config["calibration"] == "mse"
    assert (config["augmentation"]["shift_ms"], config["augmentation"]["noise"]) == (5, 0)
    assert config["augmentation"]["wander"] == 0.2
    assert (config["clip"], config["weight_decay"], config["validation_share"]) == (0.5, 0, 0.4)
    imbalance = config["imbalance"]
    assert (imbalance["weights"], imbalance["class_weights"]) == ({"S": 8.0}, True)
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
def test_what_is_not_given_stays_as_the_student_has_it(given, changed):
    own = for_protocol("ds1-ds2").imbalance
    assert _imbalance(own, given) == replace(own, **changed)


def test_a_class_sampler_ends_the_weights_that_a_student_has():
    own = for_protocol("ds1-ds2", "segments").imbalance
    assert own.weights
    found = _imbalance(own, {"sampler": "weighted"})
    assert (found.class_weights, found.weights) == (False, {})


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
        (("--student", "context", "--measure", "size 24-36"), "--measure belongs to --student"),
        (("--student", "measures", "--depth", "2"), "--depth belongs to --student segments or"),
        (("--token-dropout", "0.2"), "--token-dropout belongs to --student segments or beat"),
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
