"""Runs, runs of several seeds and bundles through `ecgedge evaluate`, on the bundled excerpt."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from calib.float_network import FloatNetwork, save_float_network
from calib.quantize import quantize
from calib.ranges import calibrate
from ecgedge.cli.evaluate import evaluate as command
from ecgedge.data.labels import label_map
from ecgedge.data.splits import get_split
from ecgedge.evaluation import ledger, logistic, subject
from ecgedge.evaluation.evaluate import evaluate, write_report
from ecgedge.evaluation.rows import Scorer
from export.bundle import write_bundle
from firmware_sim.errors import EcgedgeError
from firmware_sim.program_file import save_program

QUICK = ("--excerpt", "--no-plots", "--resamples", "20")
VALIDATION = (["106", "208"], ["119", "223"])
"""Training records of `ds1-ds2` in the excerpt, by turns."""


def some_network(seed: int, task: str = "nsvf") -> FloatNetwork:
    """A float student with random weights, calibrated on noise."""
    random = np.random.default_rng(seed)
    labels = label_map(task).labels
    context = 0 if len(labels) == 2 else 5
    values = random.dirichlet(np.ones(5), (4, 4)) * random.choice([-1, 1], (4, 4, 5))
    network = FloatNetwork(
        name=f"student-{seed}", task=task, fs=360, window=360, labels=labels, context=context,
        conv_bound="l1", activation="relu",
        conv_weight=values[..., :4], conv_bias=values[..., 4],
        token_weight=random.uniform(-0.9, 0.9, (1, 4, 4)),
        token_bias=random.uniform(0, 0.5, (1, 4)),
        head_weight=random.uniform(-0.9, 0.9, (len(labels), 4 + context)),
        head_bias=np.zeros(len(labels)),
        pool_gain=(0,) * 4, token_gain=(0,), mean_gain=0,
        threshold=0.01 if len(labels) == 2 else None,
    )  # fmt: skip
    x = random.uniform(-1, 1, (50, 360))
    return calibrate(network, x, random.uniform(-1, 1, (50, 5)) if context else None)


def make_run(path: Path, seed: int, *, task: str = "nsvf", model: str = "student") -> Path:
    """A run folder as training leaves it, without its checkpoint."""
    path.mkdir(parents=True)
    config = {
        "protocol": "replica" if task == "symbol-binary" else "ds1-ds2", "task": task,
        "aami_map": "aami", "fs": 360, "window": 360, "model": model, "seed": seed,
        "lead": "first" if task == "symbol-binary" else "MLII",
    }  # fmt: skip
    (path / "config.json").write_text(json.dumps(config))
    metrics: dict[str, Any] = {
        "parameters": 964_002,
        "threshold": {"value": 164} if task == "symbol-binary" else None,
        "validation_records": VALIDATION[seed % 2],
    }
    (path / "metrics.json").write_text(json.dumps(metrics))
    (path / "checkpoint.pt").write_bytes(bytes([seed]))
    labels = label_map(task).labels
    random = np.random.default_rng(seed)
    y, scores = random.integers(0, len(labels), 60), random.normal(size=(60, len(labels)))
    np.savez(
        path / "probabilities.npz", y=y, scores=scores, predicted=scores.argmax(axis=1),
        record=random.integers(0, 2, 60), records=np.array(["101", "106"]),
        labels=np.array(labels),
    )  # fmt: skip
    if model == "student":
        network = some_network(seed, task)
        save_float_network(network, path / "float_network.json")
        save_program(quantize(network), path / "program.json")
    return path


def trained_with_folds(path: Path) -> Path:
    """A run folder as training with folds leaves it: no record validated it."""
    file = make_run(path, 1) / "metrics.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"folds": 4, "validation_records": []}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "student", 1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "b"
    network = some_network(2)
    write_bundle(path, quantize(network), network)
    return path


def ask(*arguments: object, test: bool = True) -> dict[str, Any]:
    """Run the command with --json and return its object."""
    options = [*QUICK, "--json", *(["--test"] if test else [])]
    result = CliRunner().invoke(command, [*map(str, arguments), *options])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert isinstance(content, dict)
    return content


def test_a_run_is_evaluated_as_program_and_as_float(run: Path) -> None:
    found = ask(run)
    assert found["protocol"] == "ds1-ds2"
    assert found["program"]["what"] == "student, integer"
    assert found["float"]["what"] == "student, float"
    assert found["parameters"] == 140
    assert len(found["program_sha256"]) == 64
    assert abs(found["float_minus_program"]["accuracy"]) < 0.2
    assert found["subject"]["trained_on"] == "training records of ds1-ds2"


def test_the_report_of_a_run_lies_in_its_folder_and_equals_the_json(run: Path) -> None:
    found = ask(run)
    assert json.loads((run / "evaluation" / "report.json").read_text()) == found
    assert "Not results" in (run / "evaluation" / "report.md").read_text()
    assert sorted(p.name for p in (run / "evaluation").iterdir()) == [
        "report.html", "report.json", "report.md",
    ]  # fmt: skip


def test_without_json_tables_are_printed(run: Path) -> None:
    result = CliRunner().invoke(command, [str(run), *QUICK, "--test", "--records"])
    assert result.exit_code == 0
    assert "macro-F1" in result.stdout
    assert "record by record" in result.stdout


def test_a_bundle_is_only_printed_unless_a_folder_is_named(bundle: Path, tmp_path: Path) -> None:
    before = sorted(bundle.iterdir())
    found = ask(bundle)
    assert found["subject"]["kind"] == "bundle"
    assert any("not known" in trap for trap in found["traps"])
    assert sorted(bundle.iterdir()) == before
    ask(bundle, "-o", tmp_path / "report")
    assert (tmp_path / "report" / "report.json").is_file()


@pytest.mark.slow
def test_seeds_are_reported_as_mean_and_spread(tmp_path: Path) -> None:
    for seed in range(3):
        make_run(tmp_path / "many" / f"seed-{seed}", seed)
    found = ask(tmp_path / "many")
    alone = [ask(tmp_path / "many" / f"seed-{seed}")["program"] for seed in range(3)]
    assert found["n_seeds"] == 3
    assert found["program"]["accuracy"] == pytest.approx(np.mean([r["accuracy"] for r in alone]))
    assert found["program"]["sd"]["accuracy"] == pytest.approx(
        np.std([r["accuracy"] for r in alone], ddof=1)
    )
    assert found["float"]["seeds"] == 3
    assert len(found["program_sha256"]) == 3


def test_baseline_and_teacher_stand_beside_a_distilled_student(
    tmp_path: Path, excerpt: Path
) -> None:
    path = make_run(tmp_path / "d", 1, task="symbol-binary")
    make_run(path / "baseline", 2, task="symbol-binary")
    make_run(path / "teacher", 3, task="symbol-binary", model="resnet18")

    def load(_: Path) -> Scorer:
        def scorer(q: Any, context: Any) -> Any:
            logits = np.zeros((len(q), 2))
            logits[:, 1] = 0.0101  # just above the threshold that training chose
            return logits

        return scorer

    found = evaluate([path], excerpt, test=True, resamples=20, load_scorer=load)
    report = found.report
    assert [row.name for row in found.rows] == [
        "program", "float", "baseline", "baseline_float", "teacher",
    ]  # fmt: skip
    assert report["rows"]["baseline"]["what"] == "plain student, integer"
    assert report["rows"]["teacher"]["what"] == "teacher, resnet18"
    assert report["rows"]["teacher"]["parameters"] == 964_002
    assert report["rows"]["teacher"]["threshold"] == pytest.approx(164 / 2**14)
    assert report["rows"]["teacher"]["false_positive_rate"] == 1
    assert report["program"]["what"] == "distilled student, integer"
    assert len(report["comparisons"]) == 5 * 4 / 2
    assert report["verdict"].startswith("Distilled student: ")
    assert report["comparisons"]["program - baseline"]["f1_abnormal"]["verdict"] in (
        "higher", "lower", "no difference seen",
    )  # fmt: skip
    assert set(found.validation) == {"program", "baseline", "teacher"}
    without = evaluate([path], excerpt, test=True, resamples=20)
    assert "teacher" not in without.report["rows"]
    assert any("PyTorch" in trap for trap in without.report["traps"])


def test_a_teacher_that_was_not_used_is_told(tmp_path: Path, excerpt: Path) -> None:
    path = make_run(tmp_path / "d", 1)
    (path / "metrics.json").write_text(json.dumps({"distillation": {"used": False}}))
    report = evaluate([path], excerpt, test=True, resamples=20).report
    assert any("teacher was not used" in trap for trap in report["traps"])


def test_test_records_that_were_training_records_are_no_results(run: Path) -> None:
    found = ask(run, "--protocol", "replica", "-o", run.parent / "other")
    assert found["is_result"] is False
    assert "were training records" in found["note"]


def test_the_same_evaluation_twice_gives_the_same_bytes_but_for_the_ledger(
    run: Path, excerpt: Path
) -> None:
    texts = []
    for _ in range(2):
        found = evaluate([run], excerpt, test=True, resamples=20)
        found.report["ledger"].clear()
        place = write_report(found, run / "again", pictures=False)
        texts.append([path.read_bytes() for path in sorted(place.iterdir())])
    assert texts[0] == texts[1]


def test_a_folder_with_other_content_is_not_overwritten(
    run: Path, excerpt: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(EcgedgeError, match="already exists"):
        write_report(evaluate([run], excerpt, test=True, resamples=20), tmp_path, pictures=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


# The gate before test records


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


def test_every_look_is_a_line_of_the_ledger_with_time_and_hashes(tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    reports = [ask(path), ask(path, "--aami-map", "bxb", "-o", tmp_path / "elsewhere")]
    lines = ledger.read(path / ledger.LEDGER)
    assert [line["aami_map"] for line in lines] == ["aami", "bxb"]
    assert lines[0]["models"]["program"] == [reports[0]["program_sha256"]]
    assert lines[0]["records"] == reports[0]["test"]["records"]
    assert lines[0]["beats"] == reports[0]["test"]["beats"]
    assert lines[0]["whole"] is False
    assert [len(report["ledger"]) for report in reports] == [1, 2]


def test_a_look_at_one_seed_is_a_look_at_the_run_of_all(tmp_path: Path) -> None:
    for seed in range(2):
        make_run(tmp_path / "many" / f"seed-{seed}", seed)
    ask(tmp_path / "many" / "seed-1")
    found = ask(tmp_path / "many")["ledger"]
    assert {line["subject"] for line in found} == {"seed-1", "many"}
    assert len(ask(tmp_path / "many" / "seed-0")["ledger"]) == 2


def test_the_look_is_entered_before_a_model_is_asked(tmp_path: Path, excerpt: Path) -> None:
    path = make_run(tmp_path / "t", 1, task="symbol-binary", model="resnet18")

    def load(_: Path) -> Scorer:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        evaluate([path], excerpt, test=True, resamples=20, load_scorer=load)
    assert len(ledger.read(path / ledger.LEDGER)) == 1


def test_without_a_ledger_no_model_is_asked(run: Path, excerpt: Path, tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    (path / ledger.LEDGER).mkdir()
    with pytest.raises(EcgedgeError, match="ledger"):
        evaluate([path], excerpt, test=True, resamples=20)


def test_the_ledger_of_a_bundle_survives_its_report(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    for looks in (1, 2):
        found = ask(bundle, "-o", out)
        assert len(found["ledger"]) == looks
        assert len(ledger.read(out / ledger.LEDGER)) == looks
    ask(bundle)
    assert len(ledger.read(out / ledger.LEDGER)) == 2
    assert ledger.read(ledger.user_ledger())[-1]["subject"] == found["subject"]["name"]


# Comparisons


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


def test_the_report_names_the_command_that_makes_it_again(bundle: Path, tmp_path: Path) -> None:
    found = ask(bundle, "-o", tmp_path / "a b")
    assert found["command"] == (
        f"ecgedge evaluate {bundle} --test --resamples 20 --no-plots --json --excerpt "
        f"--output '{tmp_path / 'a b'}'"
    )


# Logistic baselines


def noisy_baselines(labels: tuple[str, ...]) -> tuple[logistic.Logistic, ...]:
    """Baselines fitted on noise, each record of the excerpt in a fold of its own."""
    random = np.random.default_rng(0)
    records = tuple(name for pair in VALIDATION for name in pair)
    n = 400
    return logistic.fit_all(
        logistic.TrainingBeats(
            q=random.integers(-127, 128, (n, 360)).astype(np.int8),
            context=random.integers(-127, 128, (n, 5)).astype(np.int8),
            y=random.integers(0, len(labels), n),
            record=random.integers(0, len(records), n),
            records=records,
            labels=labels,
            fs=360,
        )
    )


def test_the_logistic_baseline_is_one_row_however_many_seeds(tmp_path: Path, excerpt: Path) -> None:
    for seed in range(2):
        path = make_run(tmp_path / "many" / f"seed-{seed}", seed)
        logistic.save(noisy_baselines(label_map("nsvf").labels), path / "logistic.json")
    report = evaluate([tmp_path / "many"], excerpt, test=True, resamples=20).report
    row = report["rows"]["logistic"]
    assert (row["parameters"], row["seeds"], len(row["sha256"])) == (44, 1, 1)
    assert "program - logistic" in report["comparisons"]
    assert any("against logistic regression" in verdict for verdict in report["verdicts"])
    validation = evaluate([tmp_path / "many"], excerpt, test=False, resamples=20).report
    assert validation["rows"]["logistic"]["seeds"] == 2


def test_two_classes_have_a_baseline_that_sees_the_beat_alone(
    tmp_path: Path, excerpt: Path
) -> None:
    path = make_run(tmp_path / "r", 1, task="symbol-binary")
    logistic.save(noisy_baselines(("N", "abnormal")), path / "logistic.json")
    rows = evaluate([path], excerpt, test=True, resamples=20).report["rows"]
    assert rows["logistic"]["parameters"] == 22
    assert rows["logistic_shape"]["parameters"] == 12
    assert rows["logistic_shape"]["threshold"] is not None


# What is refused


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


def test_the_excerpt_goes_by_its_name_as_in_training(run: Path) -> None:
    arguments = [
        str(run),
        "--data",
        "excerpt",
        "--no-plots",
        "--resamples",
        "5",
        "--json",
        "--test",
    ]
    result = CliRunner().invoke(command, arguments)
    assert json.loads(result.stdout)["is_result"] is False


def test_excerpt_and_data_exclude_each_other(run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(run), "--excerpt", "--data", str(tmp_path)])
    assert isinstance(result.exception, EcgedgeError)


def test_the_command_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, ecgedge.cli.evaluate\n"
        "heavy = {'numpy', 'scipy', 'torch', 'matplotlib', 'onnx', 'onnxruntime', 'wfdb'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_evaluation_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import ecgedge.evaluation.evaluate, ecgedge.evaluation.pictures\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
