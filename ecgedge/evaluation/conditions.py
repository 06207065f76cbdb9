"""What can go wrong with a recording before a program sees it: one small function each.

A condition changes a record; its beats and their context are then made again by the code that
makes those of a clean one. `detected` gives the firmware's own R peaks in place of the annotations.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.noise import MIX, NOISES, Noise, noisy, rounded
from ecgedge.data.record import Record, resample_record
from ecgedge.ec57.annotations import annotations_of
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.pairing import pair_beats, span_of
from firmware_sim.detector import detect

CLEAN, DETECTOR = "clean", "detector"
SNRS_DB = (24, 18, 12, 6, 0, -6)
JITTER_MS = 20
JITTER_DRAWS = 5
OTHER_FS_HZ = 250
CONVERTER = (0, 2047)
"""What the 11-bit converter of the MIT-BIH records can say: -5.12 to 5.115 mV."""
EXTRA = ""
"""Symbol of a detected beat that the reference does not have."""

DEFINITIONS = (
    "Noise: whole records, first channel of bw, em and ma of nstdb from a random place on, the "
    "same at every ratio; mix is all three with equal RMS values. SNR = 10 log10((A^2 / 8) / "
    "N^2), as WFDB's nst has it: A is the peak-to-peak amplitude of the QRS complex within 50 ms "
    "of the R peak, a mean over the first 300 normal beats without the smallest and largest 5 %; N "
    "is the RMS value of the noise in pieces of one second without their mean, a mean over 300 of "
    "them trimmed alike. The slow part of baseline wander is not noise by this measure. Sums are "
    "rounded to 16-bit counts.",
    f"R peaks: the annotations moved by -{JITTER_MS} to {JITTER_MS} ms, evenly; "
    f"{JITTER_DRAWS} draws.",
    "Detector: the firmware's own R peaks in place of the annotations, paired as EC57 does (150 "
    "ms), from the beginning on. A beat it misses lowers the Se of its class, an extra one the +P "
    "of the class it was given; for miss rate and FPR a missed beat counts as called normal; "
    "AUROC is over the beats that were found.",
    "Gain and inversion act on counts about 0 mV, rounded, and cut off at the rails of the 11-bit "
    "converter (0 and 2047 counts, ±5.12 mV).",
    f"Sampled at {OTHER_FS_HZ} Hz: resampled to {OTHER_FS_HZ} Hz, rounded to counts, and back to "
    "the rate of the program, annotations too.",
    "Other lead: the record's other signal by name; where MLII is read, V1 in most records.",
)
"""What the conditions are, for reports."""

Change = Callable[[Record, np.random.Generator], Record]


@dataclass(frozen=True)
class Condition:
    """One row of the table.

    Attributes
    ----------
    key : str
        In the JSON object.
    title : str
        For people.
    change : callable
        From a record and a source of random numbers to the record that the program gets.
    draws : int
        How often it is drawn anew.
    other_lead : bool
        It is given the record's other lead.
    noise : tuple of str and int, optional
        Kind of the noise and its ratio in dB.
    """

    key: str
    title: str
    change: Change
    draws: int = 1
    other_lead: bool = False
    noise: tuple[str, int] | None = None


def unchanged(record: Record, random: np.random.Generator) -> Record:
    """Return the record."""
    return record


def jittered(record: Record, random: np.random.Generator) -> Record:
    """Move each R peak by up to 20 ms, evenly; two beats never meet or change places."""
    reach = round(JITTER_MS * record.fs / 1000)
    if not len(record.beat_samples):
        return record
    moved = record.beat_samples + random.integers(
        -reach, reach, len(record.beat_samples), endpoint=True
    )
    moved = np.clip(moved, 0, len(record.counts) - 1)
    order = np.arange(len(moved))
    apart = np.maximum.accumulate(moved - order) + order  # at least one sample after the last
    return replace(record, beat_samples=np.minimum(apart, len(record.counts) - len(moved) + order))


def scaled(record: Record, random: np.random.Generator, *, factor: float) -> Record:
    """Amplify about 0 mV by another factor: rounded to counts, cut off at the converter's rails."""
    return rounded(record, (record.counts - record.baseline) * factor + record.baseline, CONVERTER)


def inverted(record: Record, random: np.random.Generator) -> Record:
    """Swap the electrodes of the lead."""
    return rounded(record, (2 * record.baseline - record.counts).astype(np.float64), CONVERTER)


def resampled(record: Record, random: np.random.Generator, *, fs: int) -> Record:
    """Sample at another rate; beats lie on the samples of that rate."""
    return resample_record(record, fs)


def with_noise(
    record: Record, random: np.random.Generator, *, noise: Noise, kind: str, snr_db: int
) -> Record:
    """Add noise to the whole record; see `ecgedge.data.noise.noisy`."""
    return noisy(record, noise, kind, snr_db, random)


def noise_conditions(noise: Noise) -> list[Condition]:
    """Return a condition for every kind of noise and every ratio."""
    return [
        Condition(
            f"{kind}_{snr_db}db",
            f"{NOISES.get(kind, MIX)} {snr_db} dB",
            partial(with_noise, noise=noise, kind=kind, snr_db=snr_db),
            noise=(kind, snr_db),
        )
        for kind in (*NOISES, MIX)
        for snr_db in SNRS_DB
    ]


def conditions(fs: int, noise: Noise | None) -> list[Condition]:
    """Return every condition, the clean one first.

    Parameters
    ----------
    fs : int
        Rate of the program, Hz.
    noise : dict or None
        From `ecgedge.data.noise.read_noise`; None where it is not there.
    """
    found = [Condition(CLEAN, "clean", unchanged)]
    if noise is not None:
        found += noise_conditions(noise)
    found += [
        Condition("jitter", f"R peaks ±{JITTER_MS} ms", jittered, draws=JITTER_DRAWS),
        Condition(DETECTOR, "detector's R peaks", unchanged),
        Condition("gain_half", "gain ×½", partial(scaled, factor=0.5)),
        Condition("gain_double", "gain ×2", partial(scaled, factor=2.0)),
        Condition("inverted", "lead inverted", inverted),
        Condition("other_lead", "other lead", unchanged, other_lead=True),
    ]
    if fs != OTHER_FS_HZ:
        slow = partial(resampled, fs=OTHER_FS_HZ)
        found.append(Condition("fs_250", f"sampled at {OTHER_FS_HZ} Hz", slow))
    return found


def detected(record: Record) -> tuple[Record, NDArray[np.int64]]:
    """Put the firmware's own R peaks in the place of the annotated ones.

    Paired as EC57 does (`ecgedge.ec57.pairing`), but from the beginning on: beats that the detector
    misses while it learns are missed. Ventricular flutter is not excluded.

    Parameters
    ----------
    record : Record
        At the rate of the program.

    Returns
    -------
    record : Record
        A detected beat bears the symbol of its partner, or `EXTRA`.
    missed : ndarray of int64, shape (m,)
        Which of the annotated beats have no partner.
    """
    peaks = [peak.sample for peak in detect(record.counts, int(record.fs))]
    pairing = pair_beats(
        annotations_of(record.beat_samples.tolist(), record.beat_symbols.tolist()),
        annotations_of(peaks),
        span_of(record.fs, len(record.counts), start_s=0),
        class_map("aami"),
    )
    symbols = np.full(len(peaks), EXTRA, dtype="<U1")
    for reference, test in pairing.matched():
        symbols[test] = record.beat_symbols[reference]
    found = replace(record, beat_samples=np.array(peaks, np.int64), beat_symbols=symbols)
    missed = np.ones(len(record.beat_samples), np.bool_)
    missed[[reference for reference, _ in pairing.matched()]] = False
    return found, np.flatnonzero(missed)
