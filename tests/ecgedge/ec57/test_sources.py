from pathlib import Path

import pytest

from ecgedge.ec57.sources import Task, find_tasks
from firmware_sim.errors import EcgedgeError


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Path:
    names = ("100.atr", "100.hea", "100.dat", "101.atr", "102.atr", "RECORDS", "README.md")
    return touch(tmp_path / "db", *names)


@pytest.fixture
def found(tmp_path: Path) -> Path:
    return touch(tmp_path / "found", "101.qrs", "100.qrs", "999.qrs", "bxb.json", ".x.qrs")


def test_two_files_are_one_record_named_by_the_reference(database: Path, found: Path) -> None:
    tasks = find_tasks(database / "100.atr", found / "101.qrs")
    assert tasks.tasks == (Task("100", database / "100.atr", found / "101.qrs"),)


def test_two_folders_share_records(database: Path, found: Path) -> None:
    tasks = find_tasks(database, found)
    assert [task.record for task in tasks.tasks] == ["100", "101"]
    assert tasks.tasks[0].test == found / "100.qrs"
    assert tasks.left_out == {"reference": ("102",), "test": ("999",)}


def test_records_are_those_that_the_user_names(database: Path, found: Path) -> None:
    tasks = find_tasks(database, found, records=["101", "101"])
    assert [task.record for task in tasks.tasks] == ["101"]
    assert tasks.left_out == {"reference": (), "test": ()}


def test_one_annotator_of_several_is_named(database: Path, found: Path) -> None:
    touch(found, "100.sim")
    with pytest.raises(EcgedgeError, match=r"\(qrs, sim\); choose one with --test-annotator"):
        find_tasks(database, found)
    tasks = find_tasks(database, found, annotators=(None, "sim"))
    assert [task.test.name for task in tasks.tasks] == ["100.sim"]


def test_the_reference_is_atr_when_it_is_one_of_several(database: Path, found: Path) -> None:
    touch(database, "100.ari")
    assert find_tasks(database, found).tasks[0].reference.name == "100.atr"
    with pytest.raises(EcgedgeError, match="choose one with --ref-annotator"):
        find_tasks(touch(found, "1.x"), database)


def test_both_sides_may_lie_in_one_folder(database: Path) -> None:
    touch(database, "100.qrs")
    tasks = find_tasks(database, database, annotators=("atr", "qrs"))
    assert [task.record for task in tasks.tasks] == ["100"]
    with pytest.raises(EcgedgeError, match="with itself"):
        find_tasks(database, database, annotators=("qrs", "qrs"))


def test_what_is_not_there_is_named(database: Path, found: Path, tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match=r"no 102\.qrs in .*it has 100, 101, 999"):
        find_tasks(database, found, records=["102"])
    with pytest.raises(EcgedgeError, match="does not exist"):
        find_tasks(database, tmp_path / "nowhere")
    with pytest.raises(EcgedgeError, match="no record in common"):
        find_tasks(database, found, annotators=(None, "sim"))
    with pytest.raises(EcgedgeError, match="holds no annotation files"):
        find_tasks(database, touch(tmp_path / "empty", "notes.txt"))
    with pytest.raises(EcgedgeError, match="name two of a kind"):
        find_tasks(database, found / "100.qrs")
    with pytest.raises(EcgedgeError, match="name folders"):
        find_tasks(database / "100.atr", found / "100.qrs", records=["100"])
