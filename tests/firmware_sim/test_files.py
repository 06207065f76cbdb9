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
