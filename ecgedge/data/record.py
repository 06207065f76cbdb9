"""One lead of one recording, in the counts of its converter, with its reference beats.

wfdb reads the files. What it leaves to the caller is done here: the lead is picked by its name,
the size of the signal file is held against the header before it is read, and whatever is wrong
with a file becomes one sentence.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.labels import is_beat
from firmware_sim.errors import EcgedgeError

PREFERRED_LEAD = "MLII"
FIRST_LEAD = "first"

# Bytes for two samples, per WFDB signal format. Formats that are not here (compressed ones) are
# left to wfdb.
_BYTES_PER_TWO_SAMPLES = {
    "8": 2, "16": 4, "24": 6, "32": 8, "61": 4, "80": 2, "160": 4, "212": 3,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Record:
    """One lead of a recording.

    Attributes
    ----------
    name : str
        Record name, for example ``"208"``.
    database : str
        Name of the folder it came from.
    fs : float
        Sampling rate in Hz.
    lead : str
        Name of the lead that was read.
    lead_is_fallback : bool
        The preferred lead does not exist in this record and its first channel was taken.
    counts : ndarray of int32, shape (n,)
        Converter counts, read-only.
    gain : float
        Counts per millivolt.
    baseline : int
        Counts at 0 mV.
    beat_samples : ndarray of int64, shape (beats,)
        Sample of each reference beat (its R peak), increasing, read-only.
    beat_symbols : ndarray of '<U1', shape (beats,)
        WFDB symbol of each reference beat, read-only. Annotations that are no beats are not here.
    """

    name: str
    database: str
    fs: float
    lead: str
    lead_is_fallback: bool
    counts: NDArray[np.int32]
    gain: float
    baseline: int
    beat_samples: NDArray[np.int64]
    beat_symbols: NDArray[np.str_]

    def __post_init__(self) -> None:
        for array in (self.counts, self.beat_samples, self.beat_symbols):
            array.flags.writeable = False

    @property
    def millivolts(self) -> NDArray[np.float64]:
        """The samples in mV: ``(counts - baseline) / gain``, shape (n,)."""
        return (self.counts.astype(np.float64) - self.baseline) / self.gain

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.counts) / self.fs

    @property
    def warning(self) -> str | None:
        """What has to be said about this record before its beats are used, if anything."""
        return lead_warning(self.name, self.lead) if self.lead_is_fallback else None


def lead_warning(name: str, lead: str) -> str:
    """Sentence for a record whose preferred lead does not exist."""
    return f"record {name} has no lead {PREFERRED_LEAD}: its first channel, {lead}, is used."


def read_record(folder: Path, name: str, lead: str = PREFERRED_LEAD) -> Record:
    """Read one lead of a WFDB record and its reference beats.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name without an extension.
    lead : str
        ``"MLII"`` takes lead MLII, or the first channel where there is none (and says so in
        `Record.lead_is_fallback`); ``"first"`` takes the first channel; any other name has to
        exist.

    Returns
    -------
    Record
        Without beats when the record has no ``.atr`` file.

    Raises
    ------
    EcgedgeError
        When the folder, the record or the lead does not exist, or a file is damaged or cut short.
    """
    folder = Path(folder)
    header = read_header(folder, name)
    channel, is_fallback = _pick_channel(header.sig_name, name, lead)
    check_signal_size(folder, name, header)
    counts = _read_channel(folder, name, channel)
    samples, symbols = read_beats(folder, name, len(counts))
    return Record(
        name=name,
        database=folder.resolve().name,
        fs=float(header.fs),
        lead=header.sig_name[channel],
        lead_is_fallback=is_fallback,
        counts=counts,
        gain=float(header.adc_gain[channel]),
        baseline=int(header.baseline[channel]),
        beat_samples=samples,
        beat_symbols=symbols,
    )


@contextmanager
def quiet_wfdb() -> Iterator[Any]:
    """Yield the module wfdb, imported when it is needed, since that takes a second.

    Deprecation warnings are kept down inside: wfdb uses what pandas is giving up, and it would
    look as if the files were at fault where warnings are errors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import wfdb

        yield wfdb


def read_header(folder: Path, name: str) -> Any:
    """Read and check the header of a record.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name without an extension.

    Returns
    -------
    wfdb.Record
        Header fields only (``fs``, ``sig_len``, ``sig_name``, ``file_name``, ``fmt``, ...).

    Raises
    ------
    EcgedgeError
        When the folder or the header does not exist, or the header does not describe a signal.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EcgedgeError(
            f"the folder {folder} does not exist; name the folder of the database, "
            "or fetch it with `ecgedge data download`."
        )
    path = folder / f"{name}.hea"
    if not path.is_file():
        raise EcgedgeError(
            f"there is no record {name} in {folder} ({path.name} is missing); "
            "`ecgedge data info` shows what is there."
        )
    try:
        with quiet_wfdb() as wfdb:
            header = wfdb.rdheader(str(folder / name))
        _check_header(header)
    except Exception as error:  # wfdb raises whatever the damaged text leads to
        raise EcgedgeError(
            f"{path} is damaged ({_one_line(error)}); fetch the file again."
        ) from error
    return header


def _check_header(header: Any) -> None:
    """Raise ValueError when the header does not describe a readable signal."""
    if not getattr(header, "n_sig", 0):
        raise ValueError("it describes no signal")
    if getattr(header, "file_name", None) is None or getattr(header, "n_seg", None):
        raise ValueError("records of several segments are not supported")
    per_signal = ("file_name", "fmt", "sig_name", "adc_gain", "baseline")
    for field in per_signal:
        values = getattr(header, field)
        if values is None or len(values) != header.n_sig or any(v is None for v in values):
            raise ValueError(f"{field} is not given for each of the {header.n_sig} signals")
    if not header.sig_len or header.sig_len < 0:
        raise ValueError("the number of samples is missing")
    if not (np.isfinite(header.fs) and header.fs > 0):
        raise ValueError(f"the sampling rate is {header.fs}")
    if not all(np.isfinite(gain) and gain > 0 for gain in header.adc_gain):
        raise ValueError("a gain is not a positive number")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _pick_channel(leads: list[str], name: str, lead: str) -> tuple[int, bool]:
    """Index of the channel to read, and whether it stands in for the preferred lead."""
    if lead == FIRST_LEAD:
        return 0, False
    if lead in leads:
        return leads.index(lead), False
    if lead == PREFERRED_LEAD:
        return 0, True
    raise EcgedgeError(f"record {name} has no lead {lead}; it has {', '.join(leads)}.")


def check_signal_size(folder: Path, name: str, header: Any) -> None:
    """Hold the size of every signal file against what the header promises.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name without an extension.
    header : wfdb.Record
        As `read_header` returns it.

    Raises
    ------
    EcgedgeError
        When a signal file is missing or shorter than the header says.
    """
    frames = header.samps_per_frame or [1] * header.n_sig
    for file_name in dict.fromkeys(header.file_name):
        path = folder / Path(name).parent / file_name
        if not path.is_file():
            raise EcgedgeError(f"record {name} has no signal file {path}; fetch the file again.")
        signals = [i for i in range(header.n_sig) if header.file_name[i] == file_name]
        per_pair = _BYTES_PER_TWO_SAMPLES.get(header.fmt[signals[0]])
        if per_pair is None:
            continue
        samples = header.sig_len * sum(frames[i] or 1 for i in signals)
        offset = (header.byte_offset or [0] * header.n_sig)[signals[0]] or 0
        needed = offset + (samples * per_pair + 1) // 2
        size = path.stat().st_size
        if size < needed:
            raise EcgedgeError(
                f"{path} is cut short: its header promises {needed} bytes and it has {size}; "
                "fetch the file again."
            )


def _read_channel(folder: Path, name: str, channel: int) -> NDArray[np.int32]:
    try:
        with quiet_wfdb() as wfdb:
            record = wfdb.rdrecord(
                str(folder / name), channels=[channel], physical=False, return_res=32
            )
    except Exception as error:
        raise EcgedgeError(
            f"the signal of record {name} in {folder} cannot be read ({_one_line(error)}); "
            "fetch the record again."
        ) from error
    return np.ascontiguousarray(record.d_signal[:, 0], dtype=np.int32)


def read_beats(folder: Path, name: str, length: int) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Read the reference beats of a record, without its signal.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name without an extension.
    length : int
        Samples of the record; a beat beyond them means that a file is damaged.

    Returns
    -------
    samples : ndarray of int64, shape (beats,)
        Increasing; empty when the record has no ``.atr`` file.
    symbols : ndarray of '<U1', shape (beats,)

    Raises
    ------
    EcgedgeError
        When the annotations are damaged or cut short.
    """
    path = folder / f"{name}.atr"
    if not path.is_file():
        return np.empty(0, np.int64), np.empty(0, "<U1")
    try:
        if not path.read_bytes().endswith(b"\0\0"):
            raise ValueError("the end mark is missing")
        with quiet_wfdb() as wfdb:
            annotation = wfdb.rdann(str(folder / name), "atr")
        samples = np.asarray(annotation.sample, dtype=np.int64)
        symbols = np.asarray(annotation.symbol, dtype="<U1")
        keep = is_beat(symbols)
        samples, symbols = samples[keep], symbols[keep]
        if len(samples) and (samples[0] < 0 or samples[-1] >= length):
            raise ValueError("a beat lies outside the recording")
        if np.any(np.diff(samples) <= 0):
            raise ValueError("the beats are not in the order of time")
    except Exception as error:
        raise EcgedgeError(
            f"{path} is damaged or cut short ({_one_line(error)}); fetch the file again."
        ) from error
    return samples, symbols


def resample_record(record: Record, fs: float) -> Record:
    """Return the record at another sampling rate.

    The counts go through a polyphase filter (`scipy.signal.resample_poly`, ends held) and are
    rounded to integers; the samples of the beats are scaled and rounded to the nearest sample.

    Parameters
    ----------
    record : Record
        Any record.
    fs : float
        New rate in Hz.

    Returns
    -------
    Record
        The same object when it has this rate already.

    Raises
    ------
    EcgedgeError
        When `fs` is not a positive number, or so low that two beats would share a sample.
    """
    if not (np.isfinite(fs) and fs > 0):
        raise EcgedgeError(f"a sampling rate of {fs} Hz is not possible; give a positive number.")
    if fs == record.fs:
        return record
    from scipy.signal import resample_poly

    ratio = (
        Fraction(fs).limit_denominator(1000) / Fraction(record.fs).limit_denominator(1000)
    ).limit_denominator(10_000)
    if ratio == 0:
        raise EcgedgeError(f"{fs} Hz is too low for a record of {record.fs:g} Hz.")
    up, down = ratio.numerator, ratio.denominator
    signal = resample_poly(record.counts.astype(np.float64), up, down, padtype="edge")
    counts = np.rint(signal).astype(np.int32)
    samples = np.minimum((2 * record.beat_samples * up + down) // (2 * down), len(counts) - 1)
    if np.any(np.diff(samples) <= 0):
        raise EcgedgeError(f"{fs:g} Hz is too low to keep the beats of {record.name} apart.")
    return replace(record, fs=float(fs), counts=counts, beat_samples=samples)
