"""Real noise of the MIT-BIH Noise Stress Test Database, added to records at a chosen ratio.

Amplitudes are measured as WFDB's `nst` and `sigamp` do [1]_ [2]_: for the signal, the peak-to-peak
amplitude of the QRS complex; for the noise, its RMS value second by second. `nst` adds noise in
alternating stretches of two minutes from 5:00 on; here a record is noisy from end to end.

References
----------
.. [1] https://physionet.org/physiotools/wag/nst-1.htm
.. [2] G. B. Moody, W. K. Muldrow, R. G. Mark, "A noise stress test for arrhythmia detectors",
       Computers in Cardiology 11, 381-384 (1984).
"""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.labels import aami_index
from ecgedge.data.locate import find_database
from ecgedge.data.record import FIRST_LEAD, Record, read_record, resample_record
from firmware_sim.errors import EcgedgeError

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle"}
"""Record of nstdb -> what is in it."""
MIX = "mix"
"""All three at once, each with the same RMS value."""
QRS_REACH_S = 0.05
"""A QRS complex is measured so far on either side of its annotation."""
CHUNK_S = 1.0
"""Noise is measured in pieces of this length, each without its own mean."""
MEASURED = 300
"""So many QRS complexes, and seconds of noise, are measured, from the beginning on."""
TRIMMED = 0.05
"""Share of the measurements that is dropped at either end."""
INT16 = (-32768, 32767)
"""Rails of noisy counts: 16 bits, as `nst` writes them."""

Noise = dict[str, Record]
"""Name -> noise, at the rate of its database."""


def read_noise(folder: Path, lead: str = FIRST_LEAD) -> Noise:
    """Read the noise records, one channel of each.

    Parameters
    ----------
    folder : Path
        Folder of nstdb.
    lead : str
        The channel: the first unless given.

    Returns
    -------
    dict of str to Record
        `bw`, `em`, `ma`.

    Raises
    ------
    EcgedgeError
        When one is missing, damaged or too short to be measured.
    """
    found = {name: read_record(folder, name, lead) for name in NOISES}
    for name, noise in found.items():
        if noise_rms(noise.counts, noise.fs) <= 0:
            raise EcgedgeError(
                f"the noise record {name} in {folder} is flat or too short; fetch it again with "
                "`ecgedge data download nstdb`."
            )
    return found


def find_noise(folder: Path | None, lead: str = FIRST_LEAD) -> Noise:
    """Read noise from a folder, from beside it, or from where databases are.

    Parameters
    ----------
    folder : Path or None
        Folder of another database, or the one that contains databases.
    lead : str
        As for `read_noise`.

    Raises
    ------
    EcgedgeError
        When it is in none of these places.
    """
    for place in (folder, folder.parent if folder else None):
        with contextlib.suppress(EcgedgeError):
            return read_noise(find_database("nstdb", place), lead)
    return read_noise(find_database("nstdb"), lead)


def trimmed_mean(values: NDArray[np.float64]) -> float:
    """Mean of (n,) values without the smallest and the largest 5 %; 0 where there are none."""
    ordered = np.sort(values)
    drop = int(TRIMMED * len(ordered))
    kept = ordered[drop : len(ordered) - drop]
    return float(kept.mean()) if len(kept) else 0.0


def noise_rms(values: NDArray[np.generic], fs: float) -> float:
    """RMS value of noise, in its own unit: the trimmed mean over its first 300 seconds.

    Parameters
    ----------
    values : ndarray, shape (n,)
    fs : float
        Hz.
    """
    size = round(CHUNK_S * fs)
    chunks = min(len(values) // size, MEASURED)
    pieces = np.asarray(values[: chunks * size], np.float64).reshape(chunks, size)
    return trimmed_mean(pieces.std(axis=1)) if chunks else 0.0


def qrs_amplitude(record: Record) -> float:
    """Peak-to-peak amplitude of the QRS complex in counts: the trimmed mean over 300 beats.

    Beats of AAMI class N are measured; all beats where there is none.

    Parameters
    ----------
    record : Record
        With reference beats.

    Raises
    ------
    EcgedgeError
        When the record has no beats.
    """
    normal = aami_index(record.beat_symbols) == 0
    samples = record.beat_samples[normal] if normal.any() else record.beat_samples
    reach = round(QRS_REACH_S * record.fs)
    samples = samples[(samples >= reach) & (samples + reach < len(record.counts))][:MEASURED]
    if not len(samples):
        raise EcgedgeError(f"record {record.name} has no beat to measure its amplitude by.")
    windows = record.counts[samples[:, None] + np.arange(-reach, reach + 1)]
    return trimmed_mean(np.ptp(windows, axis=1).astype(np.float64))


def noise_gain(record: Record, rms: float, snr_db: float) -> float:
    """Return what noise of an RMS value is multiplied by to reach a signal-to-noise ratio.

    The power of the signal is A^2 / 8, that of a sine whose peak-to-peak amplitude A is that of the
    QRS complex; the power of the noise is its RMS value squared.

    Parameters
    ----------
    record : Record
    rms : float
        Of the noise, from `noise_rms`.
    snr_db : float
    """
    signal_power = qrs_amplitude(record) ** 2 / 8
    return float(np.sqrt(signal_power / (rms**2 * 10 ** (snr_db / 10))))


def noise_for(
    record: Record, noise: Noise, kind: str, random: np.random.Generator
) -> NDArray[np.float64]:
    """Cut noise for a record: as long, at its rate, from a random place on, rewound at the end.

    Parameters
    ----------
    record : Record
    noise : dict of str to Record
        From `read_noise`.
    kind : str
        `bw`, `em`, `ma` or `mix`.
    random : Generator

    Returns
    -------
    ndarray of float64, shape (len(record.counts),)
        With an RMS value of 1 (`noise_rms` of the noise record) and no mean.
    """
    total = np.zeros(len(record.counts))
    for name in NOISES:
        source = noise[name]
        start = int(random.integers(len(source.counts)))  # drawn for all, so that kinds agree
        if kind not in (name, MIX):
            continue
        values = np.roll(resample_record(source, record.fs).counts, -start)
        cut = np.resize(values, len(total)).astype(np.float64)
        total += (cut - cut.mean()) / noise_rms(source.counts, source.fs)
    return total / noise_rms(total, record.fs) if kind == MIX else total


def rounded(record: Record, counts: NDArray[np.floating], rails: tuple[int, int]) -> Record:
    """Return a record with other counts: rounded, and cut off at `rails`."""
    return replace(record, counts=np.clip(np.rint(counts), *rails).astype(np.int32))


def noisy(
    record: Record, noise: Noise, kind: str, snr_db: float, random: np.random.Generator
) -> Record:
    """Add noise to a whole record.

    Parameters
    ----------
    record : Record
        With reference beats, which stay where they are.
    noise : dict of str to Record
        From `read_noise`.
    kind : str
        `bw`, `em`, `ma` or `mix`.
    snr_db : float
        See `noise_gain`.
    random : Generator
        Where in the noise the record begins.

    Returns
    -------
    Record
        Rounded to counts of 16 bits; the converter that a record was made with would have cut off
        more of it.
    """
    added = noise_for(record, noise, kind, random)
    return rounded(record, record.counts + noise_gain(record, 1.0, snr_db) * added, INT16)
