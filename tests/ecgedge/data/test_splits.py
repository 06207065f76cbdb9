from pathlib import Path

import pytest

from ecgedge.data.splits import (
    DOMINANT_RECORD,
    DS1,
    DS2,
    PACED,
    SAME_PERSON,
    SPLITS,
    get_split,
    split_records,
)
from firmware_sim.errors import EcgedgeError

ALL_RECORDS = 48


def test_no_record_trains_and_tests() -> None:
    for split in SPLITS.values():
        assert not set(split.train) & set(split.test)
        assert len(set(split.records)) == len(split.records)


def test_ds1_and_ds2_are_everything_but_the_paced_records() -> None:
    assert (len(DS1), len(DS2)) == (22, 22)
    assert not set(PACED) & set(DS1 + DS2)
    assert len({*DS1, *DS2, *PACED}) == ALL_RECORDS


def test_replica_leaves_out_217_alone() -> None:
    replica = SPLITS["replica"]
    assert (len(replica.train), len(replica.test)) == (32, 15)
    assert {*DS1, *DS2, *PACED} - set(replica.records) == {"217"}


def test_the_traps_are_where_the_docstring_says() -> None:
    assert (SAME_PERSON[0] in DS1, SAME_PERSON[1] in DS2) == (True, True)
    assert set(DOMINANT_RECORD.values()) <= set(DS2)


def test_a_split_is_restricted_to_what_a_folder_lists(tmp_path: Path) -> None:
    (tmp_path / "RECORDS").write_text("101\n100\n108\n")
    split = split_records("ds1-ds2", tmp_path)
    assert (split.train, split.test) == (("101", "108"), ("100",))
    assert len(split.missing) == 41
    assert not split.is_whole


def test_a_folder_without_test_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "RECORDS").write_text("101\n")
    with pytest.raises(EcgedgeError, match="no test records of the split ds1-ds2"):
        split_records("ds1-ds2", tmp_path)


def test_an_unknown_split_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(EcgedgeError, match="ds1-ds2, replica"):
        get_split("random")


@pytest.mark.database
def test_the_full_database_misses_nothing(mitdb: Path) -> None:
    assert all(split_records(split, mitdb) == split for split in SPLITS.values())
