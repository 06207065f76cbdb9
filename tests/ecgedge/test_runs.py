import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecgedge import runs
from ecgedge.cli.runs import runs as command
from firmware_sim.errors import EcgedgeError


def make(path: Path, score: float | None, **config: object) -> Path:
    path.mkdir(parents=True)
    base = {"protocol": "ds1-ds2", "task": "nsvf", "model": "student", "learning_rate": 0.01}
    (path / runs.CONFIG).write_text(json.dumps(base | config))
    if score is not None:
        chosen = {"metric": "macro_f1_nsv", "score": score}
        numbers = {"selection": chosen, "parameters": 140, "validation": {"accuracy": score}}
        (path / runs.METRICS).write_text(json.dumps(numbers))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "a", 0.7, seed=0)
    make(tmp_path / "b", 0.8, seed=1, model="resnet18", imbalance={"power": 0.5})
    make(tmp_path / "c" / "seed-10", None, seed=10)
    make(tmp_path / "c" / "seed-9", 0.6, seed=9)
    return tmp_path


def call(*arguments: object) -> object:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_runs_are_found_wherever_they_lie(folder: Path) -> None:
    found = runs.find_runs(folder)
    assert [run.path.relative_to(folder).as_posix() for run in found] == [
        "a", "b", "c/seed-10", "c/seed-9",
    ]  # fmt: skip
    assert [run.finished for run in found] == [True, True, False, True]


def test_seeds_are_in_order(folder: Path) -> None:
    assert [path.name for path in runs.seeds_of(folder / "c")] == ["seed-9", "seed-10"]


def test_the_best_run_is_finished(folder: Path) -> None:
    assert runs.best_run(runs.find_runs(folder)).name == "b"


def test_runs_of_different_tasks_cannot_be_ranked(folder: Path) -> None:
    make(folder / "d", 0.99, task="nsvo")
    with pytest.raises(EcgedgeError, match="--task"):
        runs.best_run(runs.find_runs(folder))


def test_without_a_finished_run_there_is_no_best(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="no finished run"):
        runs.best_run([])


def test_a_folder_of_seeds_names_a_seed(folder: Path) -> None:
    with pytest.raises(EcgedgeError, match="seed-9"):
        runs.load_run(folder / "c")


@pytest.mark.parametrize("content", ["{", "[]", '{"selection": '])
def test_a_damaged_file_is_named(folder: Path, content: str) -> None:
    (folder / "a" / runs.METRICS).write_text(content)
    with pytest.raises(EcgedgeError, match=r"metrics\.json"):
        runs.load_run(folder / "a")


def test_a_log_line_cut_short_is_left_out(folder: Path) -> None:
    (folder / "a" / runs.LOG).write_text('{"epoch": 1}\n{"epo')
    assert runs.read_log(folder / "a") == [{"epoch": 1}]


def test_list_is_sorted_and_filtered(folder: Path) -> None:
    rows = call("list", folder, "--json")
    assert isinstance(rows, list)
    assert [row["score"] for row in rows] == [0.8, 0.7, 0.6, None]
    rows = call("list", folder, "--model", "resnet18", "--json")
    assert isinstance(rows, list)
    assert [row["path"] for row in rows] == [str(folder / "b")]


def test_best_and_compare(folder: Path) -> None:
    best = call("best", folder, "--model", "student", "--json")
    assert isinstance(best, dict)
    assert best["score"] == 0.7
    compared = call("compare", folder / "a", folder / "b", "--json")
    assert isinstance(compared, dict)
    assert compared["settings"] == {
        "seed": [0, 1],
        "model": ["student", "resnet18"],
        "imbalance.power": [None, 0.5],
    }
    assert compared["validation"] == {"accuracy": [0.7, 0.8]}


def test_tables_are_for_people(folder: Path) -> None:
    for arguments in (["list", folder], ["compare", folder / "a", folder / "b"], ["best", folder]):
        if arguments[0] == "best":
            arguments += ["--model", "student"]
        result = CliRunner().invoke(command, [str(a) for a in arguments])
        assert result.exit_code == 0
        assert "validation records" in result.stdout
