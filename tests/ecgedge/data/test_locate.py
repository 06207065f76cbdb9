from pathlib import Path

import pytest

from ecgedge.data.locate import (
    cache_folder,
    data_folder,
    excerpt,
    find_database,
    listed_records,
)
from firmware_sim.errors import EcgedgeError


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Three folders that may hold databases: named, $ECGEDGE_DATA, cache."""
    folders = {name: tmp_path / name for name in ("named", "variable", "cache")}
    monkeypatch.setenv("ECGEDGE_DATA", str(folders["variable"]))
    monkeypatch.setenv("ECGEDGE_CACHE", str(folders["cache"]))
    return {**folders, "cache": folders["cache"] / "data"}


def put(place: Path, name: str = "mitdb") -> Path:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "100.hea").touch()
    return folder


def test_the_named_folder_goes_before_the_variable_and_that_before_the_cache(
    places: dict[str, Path],
) -> None:
    in_cache = put(places["cache"])
    assert find_database("mitdb") == in_cache
    in_variable = put(places["variable"])
    assert find_database("mitdb") == in_variable
    named = put(places["named"])
    assert find_database("mitdb", places["named"]) == named


def test_the_folder_of_the_database_itself_may_be_named(places: dict[str, Path]) -> None:
    folder = put(places["named"], "my-copy")
    assert find_database("mitdb", folder) == folder


def test_the_folder_of_another_database_is_not_taken(places: dict[str, Path]) -> None:
    folder = places["named"] / "nstdb"
    folder.mkdir(parents=True)
    (folder / "RECORDS").write_text("118e00\nbw\n")
    with pytest.raises(EcgedgeError, match="holds no record of mitdb"):
        find_database("mitdb", folder)
    assert find_database("nstdb", folder) == folder


def test_nothing_else_is_looked_at_when_a_folder_is_named(places: dict[str, Path]) -> None:
    put(places["variable"])
    with pytest.raises(EcgedgeError, match=r"named.*ecgedge data download mitdb"):
        find_database("mitdb", places["named"])


def test_the_error_names_every_place(places: dict[str, Path]) -> None:
    with pytest.raises(EcgedgeError) as error:
        find_database("mitdb")
    assert str(places["variable"]) in str(error.value)
    assert str(places["cache"]) in str(error.value)


def test_the_excerpt_is_always_there(places: dict[str, Path]) -> None:
    assert find_database("excerpt") == find_database("excerpt", places["named"]) == excerpt()


def test_downloads_go_where_databases_are_looked_for(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_folder(places["named"]) == places["named"]
    assert data_folder() == places["variable"]
    monkeypatch.delenv("ECGEDGE_DATA")
    assert data_folder() == places["cache"]


def test_without_a_variable_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECGEDGE_CACHE")
    assert "ecgedge" in cache_folder().parts


def test_records_are_listed_by_records_then_by_checksums_then_by_headers(tmp_path: Path) -> None:
    (tmp_path / "102.hea").touch()
    assert listed_records(tmp_path) == ("102",)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  101.hea\n{'0' * 64}  101.dat\n")
    assert listed_records(tmp_path) == ("101",)
    (tmp_path / "RECORDS").write_text("A00/A2\nA00/A1\n\n")
    assert listed_records(tmp_path) == ("A00/A1", "A00/A2")


def test_ptb_xl_lists_the_500_hz_records_of_its_table(tmp_path: Path) -> None:
    table = "ecg_id,filename_lr,filename_hr\n1,records100/1_lr,records500/1_hr\n"
    (tmp_path / "ptbxl_database.csv").write_text(table)
    assert listed_records(tmp_path) == ("records500/1_hr",)


@pytest.mark.parametrize("name", ["../100", "/etc/passwd", "a/../../b", "c:\\x"])
def test_a_record_name_cannot_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "RECORDS").write_text(f"{name}\n")
    with pytest.raises(EcgedgeError, match="refused"):
        listed_records(tmp_path)


def test_an_empty_or_missing_folder_has_no_records(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="holds no records"):
        listed_records(tmp_path)
    with pytest.raises(EcgedgeError, match="does not exist"):
        listed_records(tmp_path / "nowhere")


def test_the_word_excerpt_stands_for_the_bundled_excerpt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_database("mitdb", Path("excerpt")) == excerpt()
