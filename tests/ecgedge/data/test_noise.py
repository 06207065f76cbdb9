"""Noise at a chosen ratio: measured back from what was added."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgedge.data.noise import (
    INT16,
    MIX,
    NOISES,
    Noise,
    noise_for,
    noise_gain,
    noise_rms,
    noisy,
    qrs_amplitude,
    read_noise,
    trimmed_mean,
)
from ecgedge.data.record import Record, read_record
from firmware_sim.errors import EcgedgeError

FS = 360


def made(counts: np.ndarray, beats: list[int], symbols: str = "N") -> Record:
    """A record of one's own, 200 counts a millivolt."""
    marks = np.resize(np.array(list(symbols), "<U1"), len(beats))
    return Record(
        "made", "", FS, "MLII", False, counts.astype(np.int32), 200.0, 1024,
        np.array(beats, np.int64), marks,
    )  # fmt: skip


def made_noise(seconds: int = 60) -> Noise:
    """White noise, slow and fast, of three different sizes."""
    random = np.random.default_rng(1)
    return {
        name: made(random.normal(size=seconds * FS) * 40 * (i + 1), [])
        for i, name in enumerate(NOISES)
    }


def ecg(seconds: int = 60, height: int = 160) -> Record:
    """A spike of `height` counts each second on a flat line."""
    counts = np.full(seconds * FS, 1024)
    beats = list(range(FS // 2, len(counts), FS))
    counts[beats] += height
    return made(counts, beats)


def test_the_amplitude_is_that_of_the_qrs_complexes_of_normal_beats() -> None:
    record = ecg(height=160)
    assert qrs_amplitude(record) == 160
    counts = record.counts.copy()
    counts[record.beat_samples[::2]] = 1900
    mixed = replace(
        made(counts, record.beat_samples.tolist()), beat_symbols=np.resize(["V", "N"], 60)
    )
    assert qrs_amplitude(mixed) == 160, "the tall ones are ventricular"
    assert qrs_amplitude(replace(mixed, beat_symbols=np.full(60, "V"))) > 160, "no normal beat"


def test_a_record_without_beats_has_no_amplitude() -> None:
    with pytest.raises(EcgedgeError, match="no beat"):
        qrs_amplitude(made(np.zeros(5000), []))


def test_a_sine_has_the_rms_of_a_sine_whatever_it_stands_on() -> None:
    wave = 100 * np.sin(2 * np.pi * 10 * np.arange(60 * FS) / FS)
    steps = np.repeat(np.arange(60), FS) * 50  # a level of its own each second
    assert noise_rms(wave + steps, FS) == pytest.approx(100 / np.sqrt(2), rel=1e-3)
    assert noise_rms(np.zeros(FS - 1), FS) == 0, "shorter than one second"


def test_outliers_are_trimmed() -> None:
    assert trimmed_mean(np.array([*[5.0] * 18, 1000.0, -1000.0])) == 5


@pytest.mark.parametrize("snr_db", [24, 6, -6])
def test_the_ratio_is_the_one_that_was_asked_for(snr_db: int) -> None:
    record, noise = ecg(), made_noise()
    for kind in (*NOISES, MIX):
        added = noise_for(record, noise, kind, np.random.default_rng(0))
        added = noise_gain(record, 1.0, snr_db) * added
        ratio_db = 10 * np.log10(160**2 / 8 / noise_rms(added, FS) ** 2)
        assert ratio_db == pytest.approx(snr_db, abs=0.2)
        result = noisy(record, noise, kind, snr_db, np.random.default_rng(0))
        assert np.abs(result.counts - record.counts - added).max() <= 0.5, "rounded, nothing else"
        assert result.beat_samples is record.beat_samples


def test_all_ratios_and_kinds_take_the_same_stretch() -> None:
    record, noise = ecg(), made_noise()
    alone = [noise_for(record, noise, k, np.random.default_rng(3)) for k in NOISES]
    mix = noise_for(record, noise, MIX, np.random.default_rng(3))
    assert np.corrcoef(mix, sum(alone))[0, 1] > 0.9999
    other = noise_for(record, noise, "ma", np.random.default_rng(4))
    assert np.corrcoef(alone[2], other)[0, 1] < 0.1


def test_noise_is_rewound_and_resampled_for_a_record_that_differs() -> None:
    record = ecg(seconds=150)
    assert len(noise_for(record, made_noise(20), "em", np.random.default_rng(0))) == 150 * FS
    slow = replace(record, fs=250.0)
    added = noise_for(slow, made_noise(60), "em", np.random.default_rng(0))
    repeated = added[: len(added) - 60 * 250] - added[60 * 250 :]
    assert np.abs(repeated).max() < 1e-9, "the same again after its 60 s at 250 Hz"


def test_noisy_counts_have_sixteen_bits() -> None:
    result = noisy(ecg(), made_noise(), "bw", -80, np.random.default_rng(0))
    assert (result.counts.min(), result.counts.max()) == INT16


def test_missing_or_flat_noise_is_one_sentence(excerpt: Path, tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="no record bw"):
        read_noise(excerpt)
    for name in NOISES:
        (tmp_path / f"{name}.hea").write_text(
            f"{name} 1 360 720\nflat.dat 16 200 16 0 0 0 0 noise\n"
        )
    (tmp_path / "flat.dat").write_bytes(bytes(1440))
    with pytest.raises(EcgedgeError, match="flat or too short"):
        read_noise(tmp_path)


@pytest.mark.database
def test_the_database_is_read(data_folder: Path) -> None:
    noise = read_noise(data_folder / "nstdb")
    assert {name: record.fs for name, record in noise.items()} == dict.fromkeys(NOISES, 360)
    record = read_record(data_folder / "mitdb", "118")
    assert 1 < qrs_amplitude(record) / record.gain < 4, "millivolts"
