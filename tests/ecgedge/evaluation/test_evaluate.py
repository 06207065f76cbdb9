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
