"""R peaks as annotation files that other programs read."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.main import cli
from ecgedge.data.record import quiet_wfdb, read_record
from ecgedge.detection import annotate_r_peaks, r_peaks
from ecgedge.ec57.annotations import annotations_of
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.mit_format import read_annotations
from ecgedge.ec57.pairing import pair_beats, span_of
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


@pytest.mark.database
@pytest.mark.slow
def test_detector_reaches_its_figures_on_all_records(mitdb: Path) -> None:
    matched = missed = extra = 0
    offsets, delays = [], []
    for name in (mitdb / "RECORDS").read_text().split():
        record = read_record(mitdb, name)
        reference = read_annotations(mitdb / f"{name}.atr")
        found = detect(record.counts, 360)
        span = span_of(360, len(record.counts))
        pairing = pair_beats(
            reference, annotations_of([d.sample for d in found]), span, class_map()
        )
        pairs = pairing.matched()
        matched, missed = matched + len(pairs), missed + len(pairing.missed())
        extra += len(pairing.extra())
        offsets += [abs(found[j].sample - reference.samples[i]) for i, j in pairs]
        delays += [found[j].found_at - reference.samples[i] for i, j in pairs]
    assert matched + missed == 91_285, "the beats that EC57 counts"
    assert missed <= 163
    assert extra <= 160
    assert np.mean(np.array(offsets) <= 0.020 * 360) >= 0.975
    assert np.mean(np.array(delays) <= 0.300 * 360) >= 0.996
