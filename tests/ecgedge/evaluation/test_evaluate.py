"""Runs, runs of several seeds and bundles through `ecgedge evaluate`, on the bundled excerpt."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ecgedge.cli.evaluate import evaluate as command
from ecgedge.evaluation import ledger
from ecgedge.evaluation.bootstrap import RESAMPLES
from ecgedge.evaluation.evaluate import evaluate, write_report
from ecgedge.evaluation.rows import Scorer
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.evaluation.conftest import QUICK, ask
from tests.run_folders import make_run


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


# The report of record


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--resamples", "1"), "AAMI map aami, 1 resamples"),
        (("--aami-map", "bxb"), "AAMI map bxb, 20 resamples"),
        (("--protocol", "replica"), "of replica, AAMI map aami"),
    ],
)
def test_a_report_of_another_setting_stays_and_no_test_record_is_opened(
    tmp_path: Path, options: tuple[str, str], told: str
) -> None:
    path = make_run(tmp_path / "r", 1)
    ask(path)
    report, lines = path / "evaluation" / "report.json", path / ledger.LEDGER
    before = report.read_bytes(), lines.read_bytes()
    asked = [str(path), *QUICK, "--test", *options]
    refused = CliRunner().invoke(command, asked)
    assert isinstance(refused.exception, EcgedgeError)
    assert f"{path / 'evaluation'} holds a report with" in str(refused.exception)
    assert told in str(refused.exception)
    assert "-o" in str(refused.exception)
    assert (report.read_bytes(), lines.read_bytes()) == before
    elsewhere = CliRunner().invoke(command, [*asked, "-o", str(tmp_path / "elsewhere")])
    assert elsewhere.exit_code == 0, elsewhere.output
    assert report.read_bytes() == before[0]


def test_a_part_of_the_database_does_not_take_the_place_of_the_whole(tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    ask(path)
    file = path / "evaluation" / "report.json"
    told = json.loads(file.read_text())
    told["test"]["records"] = 22
    file.write_text(json.dumps(told))
    refused = CliRunner().invoke(command, [str(path), *QUICK, "--test"])
    assert "22 records of ds1-ds2" in str(refused.exception)
    assert json.loads(file.read_text()) == told
    assert len(ledger.read(path / ledger.LEDGER)) == 1


def test_the_full_report_takes_the_place_of_any_and_no_lesser_one_its_place(
    tmp_path: Path, excerpt: Path
) -> None:
    path = make_run(tmp_path / "r", 1)

    def look(resamples: int) -> None:
        found = evaluate([path], excerpt, test=False, resamples=resamples)
        assert found.default_folder is not None
        write_report(found, found.default_folder, pictures=False)

    look(20)
    look(RESAMPLES)
    look(RESAMPLES)
    with pytest.raises(EcgedgeError, match="2,000 resamples, and this one"):
        look(20)
    (path / "validation" / "report.json").write_text("{")  # nothing that could be kept
    look(20)


# What is no result


@pytest.mark.parametrize("many", [False, True])
def test_a_training_that_was_stopped_gives_no_results(tmp_path: Path, many: bool) -> None:
    path = make_run(tmp_path / "r" / "seed-1", 1)
    make_run(tmp_path / "r" / "seed-0", 0)
    metrics = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps(metrics | {"interrupted": True}))
    found = ask(path.parent if many else path)
    name = "r" if many else "seed-1"
    assert found["is_result"] is False
    assert found["note"] == f"Not results: the training of {name} was stopped by the user."


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


def test_the_report_names_the_command_that_makes_it_again(bundle: Path, tmp_path: Path) -> None:
    found = ask(bundle, "-o", tmp_path / "a b")
    assert found["command"] == (
        f"ecgedge evaluate {bundle} --test --resamples 20 --no-plots --json --excerpt "
        f"--output '{tmp_path / 'a b'}'"
    )


def test_the_excerpt_goes_by_its_name_as_in_training(run: Path, tmp_path: Path) -> None:
    arguments = [
        str(run),
        "--data",
        "excerpt",
        "--no-plots",
        "--resamples",
        "5",
        "--json",
        "--test",
        "-o",
        str(tmp_path / "report"),
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
