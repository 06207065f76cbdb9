"""Beats as WFDB annotation files, which other people's programs read and score."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecgedge.data.record import quiet_wfdb
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic

REFERENCE = "atr"
END_MARK = b"\0\0"


def check_annotator(name: str) -> None:
    """Refuse what is no annotator name, or is the reference's.

    Raises
    ------
    EcgedgeError
    """
    if not (name.isascii() and name.isalpha()) or name == REFERENCE:
        raise EcgedgeError(f"{name!r} is no annotator name; use letters, and not {REFERENCE}.")


def write_beat_annotations(
    folder: Path,
    record: str,
    annotator: str,
    samples: Sequence[int],
    fs: float,
    symbols: Sequence[str] | None = None,
    notes: Sequence[str] | None = None,
) -> Path:
    """Write beats to ``RECORD.annotator``; a file of that name is replaced.

    Parameters
    ----------
    folder : Path
        An existing folder.
    record : str
        Record name.
    annotator : str
        Letters only, and not ``atr``.
    samples : sequence of int
        Sample numbers at `fs`, increasing; without any the file holds its end mark alone.
    fs : float
        Rate of the record, Hz.
    symbols : sequence of str, optional
        Beat symbols; N by default.
    notes : sequence of str, optional
        A text beside each beat; none by default.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EcgedgeError
        When the annotator's name is none.
    """
    check_annotator(annotator)
    path = folder / f"{record}.{annotator}"
    if not len(samples):
        write_atomic(path, END_MARK)
        return path
    with tempfile.TemporaryDirectory() as scratch, quiet_wfdb() as wfdb:
        wfdb.wrann(
            record,
            annotator,
            np.array(samples),
            symbol=list(symbols or ["N"] * len(samples)),
            aux_note=list(notes or [""] * len(samples)),
            fs=fs,
            write_dir=scratch,
        )
        content = (Path(scratch) / path.name).read_bytes()
    write_atomic(path, content)
    return path
