from pathlib import Path

import numpy as np
import pytest

from ecgedge.data.checksums import read_sums, sha256
from ecgedge.data.info import database_info, split_info
from ecgedge.data.labels import count_classes
from ecgedge.data.make_excerpt import LENGTH_S, START_S, main, make_excerpt
from ecgedge.data.record import read_record
from ecgedge.data.splits import SPLITS, split_records

MAX_BYTES = 3_000_000


def test_it_is_small_and_complete(excerpt: Path) -> None:
    assert sum(path.stat().st_size for path in excerpt.iterdir()) <= MAX_BYTES
    info = database_info("excerpt", check=True)
    assert info.complete
    assert info.records == len(START_S)
    assert info.checked == len(read_sums(excerpt)) == 3 * len(START_S) + 3


def test_licence_and_attribution_lie_beside_it(excerpt: Path) -> None:
    licence = (excerpt / "LICENSE").read_text()
    assert "Contains information from the MIT-BIH Arrhythmia Database" in licence
    assert "https://opendatacommons.org/licenses/by/1-0/" in licence
    assert "Moody" in (excerpt / "README.md").read_text()


@pytest.mark.parametrize("name", START_S)
def test_every_record_is_five_minutes_of_mlii_and_says_from_where(excerpt: Path, name: str) -> None:
    record = read_record(excerpt, name)
    assert (record.lead, record.fs, record.duration_s) == ("MLII", 360, LENGTH_S)
    assert (record.gain, record.baseline) == (200.0, 1024)
    assert f"Excerpt of record {name} of the MIT-BIH" in (excerpt / f"{name}.hea").read_text()
    assert len(record.beat_samples) > 200


@pytest.mark.parametrize("side", ["train", "test"])
def test_n_s_v_and_f_beats_occur_on_both_sides(excerpt: Path, side: str) -> None:
    classes = split_info("ds1-ds2", excerpt)[side]["classes"]
    assert all(classes[name] >= 50 for name in "NSVF")
    replica = split_info("replica", excerpt)[side]["classes"]
    assert all(replica[name] >= 50 for name in "NVF")


def test_validation_by_record_is_possible(excerpt: Path) -> None:
    train = split_records(SPLITS["ds1-ds2"], excerpt).train
    classes = [count_classes(read_record(excerpt, name).beat_symbols) for name in train]
    carriers = {c: sum(row[c] >= 5 for row in classes) for c in "NSVF"}
    assert carriers["N"] == len(train)
    assert min(carriers["S"], carriers["V"]) >= 3
    assert carriers["F"] >= 2


@pytest.mark.database
def test_it_is_cut_out_of_the_database_unchanged(excerpt: Path, mitdb: Path) -> None:
    for name, start_s in START_S.items():
        part, whole = read_record(excerpt, name), read_record(mitdb, name)
        start = start_s * 360
        stop = start + LENGTH_S * 360
        beats = (whole.beat_samples >= start) & (whole.beat_samples < stop)
        assert np.array_equal(part.counts, whole.counts[start:stop])
        assert np.array_equal(part.beat_samples, whole.beat_samples[beats] - start)
        assert np.array_equal(part.beat_symbols, whole.beat_symbols[beats])


@pytest.mark.database
def test_the_script_makes_the_same_files_again(excerpt: Path, mitdb: Path, tmp_path: Path) -> None:
    make_excerpt(mitdb, tmp_path / "again")
    names = sorted(path.name for path in excerpt.iterdir())
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == names
    assert all(sha256(tmp_path / "again" / name) == sha256(excerpt / name) for name in names)


def test_the_script_leaves_nothing_when_the_database_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "out")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([]) == 2
