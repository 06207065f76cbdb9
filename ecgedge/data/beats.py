"""Beats cut out of records: the windows that training, calibration and evaluation work on.

Reading and cutting the whole database takes seconds, so the beats of each record are kept in
the user's cache folder, under a name made of the record's bytes, the parameters, and the code
that makes them (`ecgedge.data.cache`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecgedge.data import cache as beat_cache
from ecgedge.data.record import (
    PREFERRED_LEAD,
    Record,
    lead_warning,
    read_record,
    resample_record,
)
from firmware_sim import beat
from firmware_sim.context import beat_contexts
from firmware_sim.errors import EcgedgeError

DEFAULT_FS_HZ = 360
MAX_WINDOW_S = 10


@dataclass(frozen=True, eq=False)
class BeatSet:
    """Beats of one or more records, one row each, in the order of records and time.

    Attributes
    ----------
    counts : ndarray of int16, shape (n, window + 2 * margin)
        Converter counts around the R peak, which is in column ``margin + window // 2``. Where the
        row reaches beyond the record, the first or last sample is repeated.
    q : ndarray of int8, shape (n, window)
        The input of the integer program, in [-127, 127] (`firmware_sim.beat.normalize`).
    context : ndarray of int8, shape (n, 12)
        Rhythm and shape (`firmware_sim.context`) among all beats of the record; programs with RR
        context alone take the first five.
    symbol : ndarray of '<U1', shape (n,)
        WFDB symbol of the reference annotation.
    record : ndarray of int16, shape (n,)
        Index into `records`.
    sample : ndarray of int64, shape (n,)
        Sample of the R peak at `fs`.
    inside : ndarray of bool, shape (n,)
        Whether the window (without margins) lies inside the record.
    records : tuple of str
        Record names.
    leads : tuple of str
        Lead that was read, for each of `records`.
    fs : int
        Sampling rate in Hz.
    window, margin : int
        Samples of a beat, and samples kept on either side of it for shifting.
    lead : str
        Lead that was asked for.
    """

    counts: NDArray[np.int16]
    q: NDArray[np.int8]
    context: NDArray[np.int8]
    symbol: NDArray[np.str_]
    record: NDArray[np.int16]
    sample: NDArray[np.int64]
    inside: NDArray[np.bool_]
    records: tuple[str, ...]
    leads: tuple[str, ...]
    fs: int
    window: int
    margin: int
    lead: str

    def __len__(self) -> int:
        """Number of beats."""
        return len(self.sample)

    @property
    def record_names(self) -> NDArray[np.str_]:
        """Record name of each beat, shape (n,)."""
        return np.asarray(self.records, dtype=str)[self.record]

    @property
    def windows(self) -> NDArray[np.int16]:
        """Counts without the margins, shape (n, window); a view."""
        return self.counts[:, self.margin : self.margin + self.window]

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each record whose preferred lead does not exist."""
        if self.lead != PREFERRED_LEAD:
            return ()
        pairs = zip(self.records, self.leads, strict=True)
        return tuple(lead_warning(name, lead) for name, lead in pairs if lead != PREFERRED_LEAD)

    def take(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> "BeatSet":
        """Return the beats that a mask or an index selects; `records` stays as it is.

        Parameters
        ----------
        which : ndarray of bool, shape (n,), or of int, shape (m,)

        Returns
        -------
        BeatSet
        """
        return replace(
            self,
            counts=self.counts[which],
            q=self.q[which],
            context=self.context[which],
            symbol=self.symbol[which],
            record=self.record[which],
            sample=self.sample[which],
            inside=self.inside[which],
        )

    def of_records(self, names: Sequence[str]) -> "BeatSet":
        """Return the beats of the named records."""
        wanted = [index for index, name in enumerate(self.records) if name in set(names)]
        return self.take(np.isin(self.record, wanted))


def prepare_beats(
    folder: Path,
    records: Sequence[str],
    *,
    fs: int = DEFAULT_FS_HZ,
    window: int | None = None,
    lead: str = PREFERRED_LEAD,
    margin: int | None = None,
    inside_only: bool = True,
    cache: bool = True,
) -> BeatSet:
    """Cut the beats out of records, or fetch them from the cache.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    records : sequence of str
        Record names; their order is the order of the beats.
    fs : int
        Rate in Hz that records of another rate are resampled to.
    window : int, optional
        Samples of a beat; one second unless given.
    lead : str
        As in `ecgedge.data.record.read_record`.
    margin : int, optional
        Samples kept on either side of the window; an eighth of the window unless given.
    inside_only : bool
        Leave out the beats whose window reaches beyond the record. Their neighbours' RR context
        counts them all the same.
    cache : bool
        Read and write the cache. A cache that cannot be written is done without.

    Returns
    -------
    BeatSet

    Raises
    ------
    EcgedgeError
        As `read_record`, and when a parameter is not possible.
    """
    window = int(fs) if window is None else int(window)
    margin = window // 8 if margin is None else int(margin)
    _check_parameters(fs, window, margin, records)
    parts = []
    for name in records:
        part = None
        path = None
        if cache:
            key = beat_cache.record_key(folder, name, fs, window, margin, lead)
            path = beat_cache.beat_path(key)
            part = beat_cache.load(path, window, margin)
        if part is None:
            part = cut_record(read_record(folder, name, lead), fs, window, margin)
            if path is not None:
                beat_cache.store(path, part)
        parts.append(part)
    beats = _join(parts, tuple(records), int(fs), window, margin, lead)
    return beats.take(beats.inside) if inside_only and not beats.inside.all() else beats


def _check_parameters(fs: int, window: int, margin: int, records: Sequence[str]) -> None:
    if fs <= 0 or fs != int(fs):
        raise EcgedgeError(f"a rate of {fs} Hz is not possible; give a whole number above 0.")
    if not 1 <= window <= MAX_WINDOW_S * fs:
        raise EcgedgeError(f"a window of {window} samples is not possible at {fs} Hz.")
    if not 0 <= margin <= MAX_WINDOW_S * fs:
        raise EcgedgeError(f"a margin of {margin} samples is not possible at {fs} Hz.")
    if not records:
        raise EcgedgeError("no records were named; name at least one.")
    if len(set(records)) != len(records):
        raise EcgedgeError("a record was named twice; name each once.")


def cut_record(record: Record, fs: int, window: int, margin: int) -> beat_cache.RecordBeats:
    """Cut every reference beat out of one record, those at its ends included.

    Parameters
    ----------
    record : Record
        Any record with beats; resampled to `fs` when it has another rate.
    fs : int
        Rate in Hz.
    window, margin : int
        Samples of a beat, and on either side of it.

    Returns
    -------
    RecordBeats
    """
    record = resample_record(record, fs)
    limits = np.iinfo(np.int16)
    counts = np.clip(record.counts, limits.min, limits.max).astype(np.int16)
    samples = record.beat_samples
    reach = window + margin
    padded = np.pad(counts, reach, mode="edge")
    rows = sliding_window_view(padded, window + 2 * margin)
    cut = rows[samples - window // 2 - margin + reach]
    windows = cut[:, margin : margin + window]
    inside = beat.window_is_inside(samples, window, len(counts))
    return beat_cache.RecordBeats(
        counts=cut,
        q=beat.normalize(windows),
        context=beat_contexts(windows, inside, samples, fs),
        symbol=record.beat_symbols,
        sample=samples,
        inside=inside,
        lead=record.lead,
    )


def _join(
    parts: Sequence[beat_cache.RecordBeats],
    records: tuple[str, ...],
    fs: int,
    window: int,
    margin: int,
    lead: str,
) -> BeatSet:
    lengths = [len(part.sample) for part in parts]
    return BeatSet(
        counts=np.concatenate([part.counts for part in parts]),
        q=np.concatenate([part.q for part in parts]),
        context=np.concatenate([part.context for part in parts]),
        symbol=np.concatenate([part.symbol for part in parts]),
        record=np.repeat(np.arange(len(parts), dtype=np.int16), lengths),
        sample=np.concatenate([part.sample for part in parts]),
        inside=np.concatenate([part.inside for part in parts]),
        records=records,
        leads=tuple(part.lead for part in parts),
        fs=fs,
        window=window,
        margin=margin,
        lead=lead,
    )
