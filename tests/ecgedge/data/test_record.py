from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgedge.data.record import Record, read_record, resample_record
from firmware_sim.errors import EcgedgeError

from .conftest import BEATS, FS_HZ, LENGTH, WriteRecord, ramp


def record_of(counts: np.ndarray, fs: float, beats: list[int]) -> Record:
    symbols = np.full(len(beats), "N", dtype="<U1")
    samples = np.array(beats, dtype=np.int64)
    return Record(
        "x", "db", fs, "MLII", False, counts.astype(np.int32), 200.0, 1024, samples, symbols
    )


def test_a_record_is_read_as_it_was_written(database: Path) -> None:
    record = read_record(database, "900")
    assert (record.fs, record.lead, record.lead_is_fallback) == (FS_HZ, "MLII", False)
    assert np.array_equal(record.counts, ramp(LENGTH, 800))
    assert record.counts.dtype == np.int32
    assert (record.gain, record.baseline, record.database) == (200.0, 1024, "db")
    assert record.duration_s == 10.0


def test_annotations_that_are_no_beats_are_dropped(database: Path) -> None:
    record = read_record(database, "900")
    kept = [(sample, symbol) for sample, symbol in BEATS if symbol != "+"]
    assert list(zip(record.beat_samples, record.beat_symbols, strict=True)) == kept


def test_millivolts_are_counts_from_the_baseline_over_the_gain(database: Path) -> None:
    record = read_record(database, "900")
    assert record.millivolts[0] == pytest.approx((record.counts[0] - 1024) / 200.0)


def test_a_record_cannot_be_changed(database: Path) -> None:
    record = read_record(database, "900")
    with pytest.raises(ValueError, match="read-only"):
        record.counts[0] = 0


def test_mlii_is_found_wherever_it_is(tmp_path: Path, write_record: WriteRecord) -> None:
    folder = write_record(tmp_path, leads=("V5", "MLII"))
    record = read_record(folder, "900")
    assert record.lead == "MLII"
    assert np.array_equal(record.counts, ramp(LENGTH, 900))
    assert read_record(folder, "900", lead="first").lead == "V5"


def test_a_record_without_mlii_falls_back_and_says_so(
    tmp_path: Path, write_record: WriteRecord
) -> None:
    folder = write_record(tmp_path, leads=("V5", "V2"))
    record = read_record(folder, "900")
    assert record.lead_is_fallback
    assert record.warning == "record 900 has no lead MLII: its first channel, V5, is used."
    assert read_record(folder, "900", lead="first").warning is None


def test_a_lead_that_was_asked_for_has_to_exist(database: Path) -> None:
    assert read_record(database, "900", lead="V5").lead == "V5"
    with pytest.raises(EcgedgeError, match="no lead V6; it has MLII, V5"):
        read_record(database, "900", lead="V6")


def test_a_record_without_annotations_has_no_beats(
    tmp_path: Path, write_record: WriteRecord
) -> None:
    record = read_record(write_record(tmp_path, beats=None), "900")
    assert len(record.beat_samples) == 0


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match=r"nowhere does not exist.*download"):
        read_record(tmp_path / "nowhere", "900")


def test_a_missing_record_is_named(database: Path) -> None:
    with pytest.raises(EcgedgeError, match="no record 901"):
        read_record(database, "901")


def test_a_missing_signal_file_is_named(database: Path) -> None:
    (database / "900.dat").unlink()
    with pytest.raises(EcgedgeError, match=r"no signal file .*900\.dat"):
        read_record(database, "900")


def test_a_signal_that_is_cut_short_is_refused(database: Path) -> None:
    dat = database / "900.dat"
    dat.write_bytes(dat.read_bytes()[:-1])
    with pytest.raises(EcgedgeError, match=r"900\.dat is cut short"):
        read_record(database, "900")


def test_annotations_that_are_cut_short_are_refused(database: Path) -> None:
    atr = database / "900.atr"
    atr.write_bytes(atr.read_bytes()[:-2])
    with pytest.raises(EcgedgeError, match=r"900\.atr is damaged or cut short"):
        read_record(database, "900")


def test_a_beat_beyond_the_end_is_refused(tmp_path: Path, write_record: WriteRecord) -> None:
    folder = write_record(tmp_path, beats=[(100, "N"), (LENGTH, "N")])
    with pytest.raises(EcgedgeError, match="outside the recording"):
        read_record(folder, "900")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "900\n",
        "900 2 360 3600\n900.dat 212 200 11 1024 0 0 0 MLII\n",
        "900 1 0 3600\n900.dat 212 200 11 1024 0 0 0 MLII\n",
        "900 1 360\n900.dat 212 200 11 1024 0 0 0 MLII\n",
        "900 1 360 3600\n900.dat 999 200 11 1024 0 0 0 MLII\n",
        "900/2 1 360 3600\n901 1800\n902 1800\n",
        "\x00\x01\x02\n\x03",
    ],
)
def test_a_damaged_header_is_one_clear_error(database: Path, text: str) -> None:
    (database / "900.hea").write_text(text)
    with pytest.raises(EcgedgeError, match="900"):
        read_record(database, "900")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 200), junk=st.binary(min_size=1, max_size=8))
def test_a_damaged_header_gives_an_error_of_one_line_or_a_record(
    database: Path, position: int, junk: bytes
) -> None:
    header = database / "900.hea"
    whole = header.read_bytes()
    message = ""
    header.write_bytes(whole[:position] + junk + whole[position + len(junk) :])
    try:
        read_record(database, "900")
    except EcgedgeError as error:
        message = str(error)
    finally:
        header.write_bytes(whole)
    assert "\n" not in message


def test_resampling_to_the_same_rate_changes_nothing(database: Path) -> None:
    record = read_record(database, "900")
    assert resample_record(record, 360) is record


@pytest.mark.parametrize("fs", [250, 128, 300, 500, 1000, 257])
def test_resampling_keeps_a_slow_sine_and_the_places_of_beats(fs: int) -> None:
    t = np.arange(3600) / 360
    counts = np.rint(1024 + 200 * np.sin(2 * np.pi * 1.0 * t))
    record = resample_record(record_of(counts, 360, [90, 1170, 3330]), fs)
    expected = 1024 + 200 * np.sin(2 * np.pi * np.arange(len(record.counts)) / fs)
    middle = slice(fs // 2, -fs // 2)
    assert record.fs == fs
    assert abs(len(record.counts) - 10 * fs) <= 1
    assert np.max(np.abs(record.counts - expected)[middle]) <= 3
    late = 360 * record.beat_samples - fs * np.array([90, 1170, 3330])
    assert np.all(np.abs(late) <= 360 // 2)


def test_resampling_a_constant_gives_that_constant_up_to_the_ends() -> None:
    record = resample_record(record_of(np.full(720, 1234), 360, []), 250)
    assert np.all(np.abs(record.counts - 1234) <= 1)


@given(fs=st.integers(50, 2000), beats=st.sets(st.integers(0, 71), max_size=6))
def test_beats_stay_inside_and_in_order_at_any_rate(fs: int, beats: set[int]) -> None:
    samples = [50 * beat for beat in sorted(beats)]
    record = resample_record(record_of(np.zeros(3600), 360, samples), fs)
    assert np.all(np.diff(record.beat_samples) > 0)
    assert np.all(record.beat_samples < len(record.counts))


@pytest.mark.parametrize("fs", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(fs: float) -> None:
    with pytest.raises(EcgedgeError, match="Hz"):
        resample_record(record_of(np.zeros(3600), 360, []), fs)


def test_a_rate_that_merges_beats_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="apart"):
        resample_record(record_of(np.zeros(3600), 360, [100, 101]), 10)


@pytest.mark.database
def test_114_has_mlii_second_and_102_has_none(mitdb: Path) -> None:
    assert read_record(mitdb, "114").lead == "MLII"
    assert read_record(mitdb, "114", lead="first").lead == "V5"
    assert read_record(mitdb, "102").lead_is_fallback
    with pytest.raises(EcgedgeError, match="it has V5, V2"):
        read_record(mitdb, "102", lead="V1")


@pytest.mark.database
def test_other_databases_are_read_by_the_same_code(data_folder: Path) -> None:
    if not (data_folder / "cinc2017").is_dir() or not (data_folder / "ptb-xl").is_dir():
        pytest.skip("only mitdb is here")
    single = read_record(data_folder / "cinc2017", "A00001")
    assert (single.fs, single.lead, len(single.counts)) == (300, "ECG", 9000)
    twelve = read_record(data_folder / "ptb-xl", "records500/00000/00001_hr", lead="V6")
    assert (twelve.fs, twelve.lead, len(twelve.counts)) == (500, "V6", 5000)
