"""R peaks as annotation files that other programs read."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.main import cli
from ecgedge.data.record import quiet_wfdb, read_record
from ecgedge.detection import annotate_r_peaks, r_peaks
from firmware_sim.detector import detect
from firmware_sim.errors import EcgedgeError


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["detect", *map(str, arguments)])


def test_wfdb_reads_what_the_detector_found(excerpt: Path, tmp_path: Path) -> None:
    path, n, lead = annotate_r_peaks(excerpt, "208", tmp_path)
    with quiet_wfdb() as wfdb:
        read = wfdb.rdann(str(path.with_suffix("")), "qrs")
    found = [d.sample for d in detect(read_record(excerpt, "208").counts, 360)]
    assert read.sample.tolist() == found
    assert (len(found), lead) == (n, "MLII")
    assert set(read.symbol) == {"N"}


def test_all_records_of_the_excerpt(excerpt: Path, tmp_path: Path) -> None:
    result = call("all", "-o", tmp_path / "new" / "folder", "--data", excerpt)
    assert result.exit_code == 0
    names = {path.stem for path in (tmp_path / "new" / "folder").iterdir()}
    assert names == {path.stem for path in excerpt.glob("*.hea")}


def test_a_record_at_a_rate_that_the_detector_does_not_know(tmp_path: Path, excerpt: Path) -> None:
    """At 1000 Hz: searched at another rate, written in the record's own samples."""
    record = read_record(excerpt, "208")
    slow = record.counts[: 60 * 360]
    time = np.arange(60 * 1000) / 1000
    fast = np.interp(time, np.arange(len(slow)) / 360, slow)
    with quiet_wfdb() as wfdb:
        wfdb.wrsamp(
            "fast", fs=1000, units=["mV"], sig_name=["MLII"], write_dir=str(tmp_path),
            p_signal=(fast[:, None] - 1024) / 200, fmt=["16"], adc_gain=[200.0], baseline=[0],
        )  # fmt: skip
    samples, fs, _ = r_peaks(tmp_path, "fast")
    expected = [d.sample / 360 for d in detect(slow, 360)]
    assert fs == 1000
    assert len(samples) == len(expected)
    apart_s = np.abs(np.array(samples) / 1000 - expected)
    assert np.quantile(apart_s, 0.95) < 0.005, "but for a complex with two extremes of one size"
    assert apart_s.max() < 0.1


@pytest.mark.parametrize("annotator", ["atr", "q.rs", "", "../x"])
def test_the_reference_is_never_overwritten(excerpt: Path, tmp_path: Path, annotator: str) -> None:
    result = call("208", "-o", tmp_path, "--data", excerpt, "--annotator", annotator)
    assert isinstance(result.exception, EcgedgeError)
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_not_there_is_named(excerpt: Path, tmp_path: Path) -> None:
    result = call("999", "-o", tmp_path, "--data", excerpt)
    assert isinstance(result.exception, EcgedgeError)
    assert "999" in str(result.exception)
