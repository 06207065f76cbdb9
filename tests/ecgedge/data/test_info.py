import shutil
from pathlib import Path

import pytest

from ecgedge.data.beats import prepare_beats
from ecgedge.data.info import all_databases, database_info, split_info
from ecgedge.data.labels import label_map
from ecgedge.data.record import read_record
from ecgedge.data.splits import SPLITS, split_records
from firmware_sim.errors import EcgedgeError

from .conftest import WriteRecord


@pytest.fixture
def copy(excerpt: Path, tmp_path: Path) -> Path:
    """A copy of the excerpt under the name of the database."""
    return shutil.copytree(excerpt, tmp_path / "mitdb")


def test_a_part_of_a_database_is_not_complete(copy: Path) -> None:
    info = database_info("mitdb", copy)
    assert (info.complete, info.records, info.published) == (False, 14, 48)
    assert info.missing == info.damaged == ()


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "100.atr").unlink()
    info = database_info("mitdb", copy)
    assert info.missing == ("100.atr",)
    assert info.records == 13


def test_a_changed_file_is_found_when_checksums_are_compared(copy: Path) -> None:
    dat = copy / "100.dat"
    dat.write_bytes(dat.read_bytes()[:-1] + b"\x55")
    assert database_info("mitdb", copy).damaged == ()
    assert database_info("mitdb", copy, check=True).damaged == (
        "100.dat differs from its checksum",
    )


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_counted(
    copy: Path, excerpt: Path
) -> None:
    whole = database_info("mitdb", copy)
    (copy / "100.dat").write_bytes(b"short")
    info = database_info("mitdb", copy)
    assert len(info.damaged) == 1
    assert "100.dat is cut short" in info.damaged[0]
    assert info.beats == whole.beats - len(read_record(excerpt, "100").beat_samples)


def test_records_without_mlii_are_named(tmp_path: Path, write_record: WriteRecord) -> None:
    write_record(tmp_path / "mitdb", "102", leads=("V5", "V2"))
    info = database_info("mitdb", tmp_path)
    assert info.fallback_leads == {"102": "V5"}
    assert info.classes == {"N": 3, "S": 1, "V": 1, "F": 0, "Q": 0}


def test_both_aami_maps_are_shown(tmp_path: Path, write_record: WriteRecord) -> None:
    folder = write_record(tmp_path, "100")
    assert database_info("mitdb", folder, aami_map="bxb").classes["S"] == 2
    with pytest.raises(EcgedgeError, match="aami, bxb"):
        database_info("mitdb", folder, aami_map="no")


def test_databases_without_beat_annotations_count_records(
    tmp_path: Path, write_record: WriteRecord
) -> None:
    write_record(tmp_path / "nstdb", "bw", leads=("noise1", "noise2"), beats=None)
    info = database_info("nstdb", tmp_path)
    assert (info.records, info.beats, info.classes) == (1, 0, {})


def test_all_databases_are_those_there_are_and_the_excerpt(copy: Path) -> None:
    assert [info.name for info in all_databases(copy.parent)] == ["mitdb", "excerpt"]
    assert [info.name for info in all_databases(copy.parent / "nowhere")] == ["excerpt"]


@pytest.mark.parametrize("name", SPLITS)
def test_the_counts_of_a_split_are_those_of_its_prepared_beats(excerpt: Path, name: str) -> None:
    split = split_records(name, excerpt)
    counts = split_info(name, excerpt)
    for side, records in (("train", split.train), ("test", split.test)):
        beats = prepare_beats(excerpt, records, lead=split.lead)
        task = label_map(split.task)
        if task.source == "symbol":
            beats = beats.take(task.apply(beats.symbol) >= 0)
        assert counts[side]["windows"] == len(beats)
        assert counts[side]["beats"] == sum(counts[side]["classes"].values())
        assert counts[side]["records"] == len(records)
    assert len(counts["missing"]) == len(split.missing)


def test_an_unknown_split_is_refused(excerpt: Path) -> None:
    with pytest.raises(EcgedgeError, match="unknown split"):
        split_info("random", excerpt)


@pytest.mark.database
def test_the_full_database_is_complete(data_folder: Path) -> None:
    info = database_info("mitdb", data_folder, check=True)
    assert (info.complete, info.records, info.beats) == (True, 48, 109_494)
    assert info.fallback_leads == {"102": "V5", "104": "V5"}


@pytest.mark.database
def test_the_splits_of_the_full_database_have_the_known_counts(mitdb: Path) -> None:
    replica = split_info("replica", mitdb)
    assert (replica["train"]["beats"], replica["test"]["beats"]) == (52_790, 29_781)
    main = split_info("ds1-ds2", mitdb)
    assert main["train"]["classes"] == {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8}
    assert main["test"]["classes"] == {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7}
