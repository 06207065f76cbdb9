import os
import shutil
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from ecgedge.data.beats import BeatSet, prepare_beats
from ecgedge.data.cache import MAX_AGE_S
from ecgedge.data.labels import count_classes, label_map
from ecgedge.data.record import read_record
from ecgedge.data.splits import SPLITS
from firmware_sim import beat, context
from firmware_sim.errors import EcgedgeError
from firmware_sim.rhythm import RHYTHM_SIZE, RR_SIZE

from .conftest import LENGTH, WriteRecord, ramp

ARRAYS = ("counts", "q", "context", "symbol", "record", "sample", "inside")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test."""
    monkeypatch.setenv("ECGEDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "beats"


def assert_same(left: BeatSet, right: BeatSet) -> None:
    for name in ARRAYS:
        assert np.array_equal(getattr(left, name), getattr(right, name)), name
        assert getattr(left, name).dtype == getattr(right, name).dtype, name
    assert (left.records, left.leads) == (right.records, right.leads)


def test_a_beat_is_the_window_around_its_annotation(database: Path) -> None:
    beats = prepare_beats(database, ["900"], margin=40, cache=False)
    assert (beats.fs, beats.window, beats.margin) == (360, 360, 40)
    assert list(beats.sample) == [500, 1000, 1500]
    signal = ramp(LENGTH, 800)
    for row, sample in zip(beats.windows, beats.sample, strict=True):
        assert np.array_equal(row, signal[sample - 180 : sample + 180])
    assert beats.counts.shape == (3, 440)
    assert np.array_equal(beats.counts[0], signal[500 - 220 : 500 + 220])


def test_beats_at_the_ends_are_padded_when_they_are_asked_for(database: Path) -> None:
    beats = prepare_beats(database, ["900"], margin=40, inside_only=False, cache=False)
    assert list(beats.sample) == [100, 500, 1000, 1500, 3590]
    assert list(beats.inside) == [False, True, True, True, False]
    signal = ramp(LENGTH, 800)
    assert np.all(beats.counts[0, :121] == signal[0])
    assert np.array_equal(beats.counts[0, 120:], signal[:320])
    assert np.all(beats.counts[-1, 230:] == signal[-1])


def test_the_integers_are_those_of_the_firmware(database: Path) -> None:
    beats = prepare_beats(database, ["900"], inside_only=False, cache=False)
    assert np.array_equal(beats.q, beat.normalize(beats.windows))
    found = context.beat_contexts(beats.windows, beats.inside, beats.sample, 360)
    assert np.array_equal(beats.context, found)
    assert found[1:-1, RR_SIZE:].any(axis=0).sum() > 4


def test_beats_that_leave_the_record_still_count_for_the_rhythm(database: Path) -> None:
    inside = prepare_beats(database, ["900"], cache=False)
    every = prepare_beats(database, ["900"], inside_only=False, cache=False)
    assert_same(inside, every.take(every.inside))


def test_records_are_joined_in_the_order_they_were_named(
    database: Path, write_record: WriteRecord
) -> None:
    write_record(database, "901", leads=("V5",), beats=[(400, "N"), (800, "F")])
    beats = prepare_beats(database, ["901", "900"], cache=False)
    assert list(beats.record_names) == ["901", "901", "900", "900", "900"]
    assert beats.leads == ("V5", "MLII")
    assert beats.warnings == ("record 901 has no lead MLII: its first channel, V5, is used.",)
    assert list(beats.of_records(["900"]).record_names) == ["900"] * 3
    assert prepare_beats(database, ["901"], lead="first", cache=False).warnings == ()


def test_take_selects_by_mask_and_by_index(database: Path) -> None:
    beats = prepare_beats(database, ["900"], cache=False)
    assert_same(beats.take(beats.symbol == "A"), beats.take(np.array([2])))
    assert len(beats.take(np.array([], dtype=int))) == 0


def test_at_another_rate_the_window_is_one_second_of_it(database: Path) -> None:
    beats = prepare_beats(database, ["900"], fs=250, cache=False)
    assert (beats.window, beats.q.shape[1]) == (250, 250)
    assert list(beats.sample) == [347, 694, 1042]


def test_an_odd_window_keeps_the_peak_in_its_place(database: Path) -> None:
    beats = prepare_beats(database, ["900"], window=301, margin=0, cache=False)
    signal = ramp(LENGTH, 800)
    assert np.array_equal(beats.counts[0], signal[500 - 150 : 500 + 151])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fs": 0}, "0 Hz"),
        ({"window": 0}, "window"),
        ({"window": 10**6}, "window"),
        ({"margin": -1}, "margin"),
    ],
)
def test_impossible_parameters_are_refused(
    database: Path, options: dict[str, int], message: str
) -> None:
    with pytest.raises(EcgedgeError, match=message):
        prepare_beats(database, ["900"], **options)  # type: ignore[arg-type]


def test_records_are_named_once_and_at_least_one(database: Path) -> None:
    with pytest.raises(EcgedgeError, match="at least one"):
        prepare_beats(database, [])
    with pytest.raises(EcgedgeError, match="twice"):
        prepare_beats(database, ["900", "900"])


def test_the_cache_returns_what_was_prepared(database: Path, own_cache: Path) -> None:
    first = prepare_beats(database, ["900"])
    assert len(list(own_cache.iterdir())) == 1
    assert_same(prepare_beats(database, ["900"]), first)
    assert_same(prepare_beats(database, ["900"], cache=False), first)
    assert len(list(own_cache.iterdir())) == 1


def test_the_cache_is_used_without_reading_the_signal(
    database: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_beats(database, ["900"])
    monkeypatch.setattr("ecgedge.data.beats.read_record", lambda *_: pytest.fail("was read"))
    assert_same(prepare_beats(database, ["900"]), first)


def test_a_cache_is_found_by_content_and_not_by_place(database: Path, own_cache: Path) -> None:
    prepare_beats(database, ["900"])
    shutil.copytree(database, database.parent / "copy")
    prepare_beats(database.parent / "copy", ["900"])
    assert len(list(own_cache.iterdir())) == 1


def test_a_signal_file_of_another_name_counts_as_content(database: Path, own_cache: Path) -> None:
    (database / "900.dat").rename(database / "signal.dat")
    header = database / "900.hea"
    header.write_text(header.read_text().replace("900.dat", "signal.dat"))
    prepare_beats(database, ["900"])
    signal = database / "signal.dat"
    signal.write_bytes(signal.read_bytes()[::-1])
    prepare_beats(database, ["900"])
    assert len(list(own_cache.iterdir())) == 2


def test_other_bytes_or_parameters_are_prepared_anew(
    database: Path, own_cache: Path, write_record: WriteRecord
) -> None:
    before = prepare_beats(database, ["900"])
    for options in ({"fs": 250}, {"window": 200}, {"margin": 7}, {"lead": "V5"}):
        prepare_beats(database, ["900"], **options)
    assert len(list(own_cache.iterdir())) == 5
    write_record(database, beats=[(700, "N")])
    after = prepare_beats(database, ["900"])
    assert (len(before), len(after)) == (3, 1)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "other arrays"])
def test_a_damaged_cache_is_made_again(database: Path, own_cache: Path, damage: str) -> None:
    first = prepare_beats(database, ["900"])
    (path,) = own_cache.iterdir()
    whole = path.read_bytes()
    if damage == "other arrays":
        np.savez(path, counts=np.zeros(3))
    else:
        broken = {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:600] + bytes([whole[600] ^ 0xFF]) + whole[601:],
            "text": b"no archive",
        }
        path.write_bytes(broken[damage])
    assert_same(prepare_beats(database, ["900"]), first)
    assert path.read_bytes() == whole


def test_what_no_run_used_for_a_month_is_removed(database: Path, own_cache: Path) -> None:
    own_cache.mkdir(parents=True)
    old, recent = own_cache / "old.npz", own_cache / "recent.npz"
    for path, age_s in ((old, MAX_AGE_S + 60), (recent, MAX_AGE_S - 60)):
        path.touch()
        os.utime(path, (0, time.time() - age_s))
    prepare_beats(database, ["900"])
    assert (old.exists(), recent.exists()) == (False, True)


def test_a_cache_that_cannot_be_written_is_done_without(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ECGEDGE_CACHE", str(tmp_path / "file"))
    assert len(prepare_beats(database, ["900"])) == 3


def test_a_missing_record_is_an_error_with_and_without_the_cache(database: Path) -> None:
    for cache in (True, False):
        with pytest.raises(EcgedgeError, match="no record 999"):
            prepare_beats(database, ["999"], cache=cache)


def test_the_excerpt_gives_the_same_beats_at_250_hz(excerpt: Path) -> None:
    at_360 = prepare_beats(excerpt, ["208"], inside_only=False)
    at_250 = prepare_beats(excerpt, ["208"], fs=250, inside_only=False)
    assert np.array_equal(at_360.symbol, at_250.symbol)
    assert np.max(np.abs(25 * at_360.sample - 36 * at_250.sample)) <= 36 // 2
    difference = np.abs(at_360.context.astype(int) - at_250.context)
    assert difference[:, :RR_SIZE].max() <= 3
    assert difference[:, :RHYTHM_SIZE].max() <= 6  # fourfold differences of rounded intervals
    assert np.median(difference[:, RHYTHM_SIZE:], axis=0).max() <= 6  # bins of 4 and of 6 samples


@pytest.mark.database
def test_replica_has_the_published_number_of_beats(mitdb: Path) -> None:
    split = SPLITS["replica"]
    task = label_map(split.task)
    train = prepare_beats(mitdb, split.train, lead=split.lead)
    test = prepare_beats(mitdb, split.test, lead=split.lead)
    assert int(np.sum(task.apply(train.symbol) >= 0)) == 52_790
    assert int(np.sum(task.apply(test.symbol) >= 0)) == 29_781


@pytest.mark.database
def test_ds1_and_ds2_have_the_classes_of_the_literature(mitdb: Path) -> None:
    split = SPLITS["ds1-ds2"]
    train = prepare_beats(mitdb, split.train, inside_only=False)
    test = prepare_beats(mitdb, split.test, inside_only=False)
    assert count_classes(train.symbol) == {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8}
    assert count_classes(test.symbol) == {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7}
    assert train.warnings == test.warnings == ()


@pytest.mark.database
def test_every_beat_of_the_database_lies_where_its_record_says(mitdb: Path) -> None:
    beats = prepare_beats(mitdb, ["114", "207"])
    for name in beats.records:
        record = read_record(mitdb, name)
        mine = beats.of_records([name])
        peaks = record.counts[mine.sample]
        assert np.array_equal(mine.counts[:, mine.margin + mine.window // 2], peaks)


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, EOFError, zlib.error])
def test_a_cache_file_that_cannot_be_unpacked_is_made_again(
    database: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    first = prepare_beats(database, ["900"])
    assert len(list(own_cache.iterdir())) == 1

    def refuse(*_: object, **__: object) -> None:
        raise error("damaged")

    monkeypatch.setattr(np, "load", refuse)
    assert_same(prepare_beats(database, ["900"]), first)
