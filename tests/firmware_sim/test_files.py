from pathlib import Path

import pytest

from firmware_sim.errors import EcgedgeError
from firmware_sim.files import new_folder, write_atomic


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_atomic(path, "old")
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def broken():
        with new_folder(tmp_path / "b") as folder:
            (folder / "x").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "deep" / "b") as folder:
        (folder / "x").write_text("1")
    assert (tmp_path / "deep" / "b" / "x").read_text() == "1"


def test_a_folder_is_replaced_only_when_asked(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("1")

    def make(overwrite):
        with new_folder(tmp_path / "b", overwrite=overwrite) as folder:
            (folder / "new").write_text("2")

    with pytest.raises(EcgedgeError, match="--overwrite"):
        make(False)
    make(True)
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["new"]


def test_only_a_folder_of_its_own_kind_is_replaced(tmp_path):
    place = tmp_path / "b"
    place.mkdir()
    (place / "thesis").write_text("1")

    def make():
        with new_folder(place, overwrite=True, replaces="mark") as folder:
            (folder / "mark").write_text("2")

    with pytest.raises(EcgedgeError, match="holds no mark"):
        make()
    assert [p.name for p in place.iterdir()] == ["thesis"]
    (place / "mark").write_text("1")
    make()
    assert [p.name for p in place.iterdir()] == ["mark"]
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    place = tmp_path / "b"
    place.mkdir()
    (place / "old").write_text("1")
    rename = Path.rename

    def refuse(self, target):
        if (self / "new").is_file():
            raise OSError(5, "no")
        return rename(self, target)

    def make():
        with new_folder(place, overwrite=True) as folder:
            (folder / "new").write_text("2")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        make()
    assert [p.name for p in place.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
