"""The list of shipped bundles."""

import json
from pathlib import Path

import pytest

from ecgedge import zoo
from export.bundle import read_bundle
from firmware_sim.errors import EcgedgeError
from tests.networks import small_bundle


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with two bundles; b is the default."""
    for seed, name in enumerate("ab"):
        small_bundle(tmp_path / name, seed=seed)
    (tmp_path / zoo.INDEX).write_text(json.dumps(["b", "a"]))
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    return tmp_path


def test_the_default_comes_first(shelf: Path) -> None:
    assert list(zoo.shipped_bundles()) == ["b", "a"]
    assert zoo.default_bundle() == shelf / "b"


def test_what_ships_is_whole() -> None:
    for name, path in zoo.shipped_bundles().items():
        assert read_bundle(path).path.name == name


def test_a_bundle_is_found_by_folder_name_or_default(shelf: Path, tmp_path: Path) -> None:
    assert zoo.find_bundle(None) == shelf / "b"
    assert zoo.find_bundle("a") == shelf / "a"
    assert zoo.find_bundle(str(tmp_path)) == tmp_path


def test_an_unknown_name_lists_what_there_is(shelf: Path) -> None:
    assert shelf.is_dir()
    with pytest.raises(EcgedgeError, match=r"neither a folder nor the name .*\(b, a\)"):
        zoo.find_bundle("nowhere")


def test_an_empty_shelf_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / zoo.INDEX).write_text("[]")
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    with pytest.raises(EcgedgeError, match="no model ships"):
        zoo.default_bundle()


@pytest.mark.parametrize("text", ["not json", '["missing"]'])
def test_a_damaged_list_asks_to_install_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / zoo.INDEX).write_text(text)
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    with pytest.raises(EcgedgeError, match="install ecgedge again"):
        zoo.shipped_bundles()
