"""The rate at which the annotations of a recording are compared, and the recording's length.

An annotation file may say its rate; most leave it to the header of the record beside them. Times
are compared in samples of the record, as `bxb` does it.
"""

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from ecgedge.ec57.annotations import Annotations, at_rate
from firmware_sim.errors import EcgedgeError

DEFAULT_HZ = 250.0
"""Rate of a record whose header gives none, by the definition of the format."""
_LARGEST_HEADER_BYTES = 2**20
_RECORD_LINE = re.compile(
    r"\s*(?P<name>\S+)\s+\d+(?:\s+(?P<fs>[0-9.eE+-]+)(?:/\S*)?(?:\s+(?P<length>\d+)\b.*)?)?\s*"
)


@dataclass(frozen=True)
class Header:
    """What the header of a record says of time.

    Attributes
    ----------
    fs : float
        Samples (of all signals together: frames) per second.
    length : int or None
        Samples of the record, if known.
    """

    fs: float
    length: int | None


@dataclass(frozen=True)
class Timed:
    """Two annotations at one rate.

    Attributes
    ----------
    reference, test : Annotations
    fs : float
        Their rate, Hz.
    length : int or None
        Samples of the recording at this rate, if known.
    notes : tuple of str
        What had to be assumed.
    """

    reference: Annotations
    test: Annotations
    fs: float
    length: int | None
    notes: tuple[str, ...]


def read_timebase(annotation: Path) -> Header | None:
    """Read the header beside an annotation file; only its first line, the record's, is read.

    Parameters
    ----------
    annotation : Path
        ``RECORD.annotator``; the header is ``RECORD.hea`` in the same folder.

    Returns
    -------
    Header or None
        None when there is no header.

    Raises
    ------
    EcgedgeError
        When the line is no record line.
    """
    path = annotation.with_suffix(".hea")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(_LARGEST_HEADER_BYTES).decode("latin-1")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    match = _RECORD_LINE.fullmatch(next(lines, ""))
    fs = _frequency(match["fs"]) if match else None
    if match is None or fs is None:
        raise EcgedgeError(f"{path} is damaged: its first line names no record; fetch it again.")
    return Header(fs, int(match["length"] or 0) or None)


def _frequency(text: str | None) -> float | None:
    if text is None:
        return DEFAULT_HZ
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value > 0 else None


def at_one_rate(
    reference: Annotations, test: Annotations, paths: tuple[Path, Path], fs: float | None = None
) -> Timed:
    """Bring two annotations to the rate of their recording.

    That rate is the one of the header beside the reference, else of the one beside the test, else
    `fs`, else what the reference says, else what the test says. The samples of a file are at the
    rate that it says itself, else of the header beside it, else at that one.

    Parameters
    ----------
    reference, test : Annotations
    paths : (Path, Path)
        Their files.
    fs : float, optional
        Rate of what has none.

    Raises
    ------
    EcgedgeError
        When nothing gives a rate, or a header and `fs` differ.
    """
    headers = tuple(read_timebase(path) for path in paths)
    header = headers[0] or headers[1]
    if header is not None and fs is not None and fs != header.fs:
        raise EcgedgeError(
            f"the header of {paths[0].stem} says {header.fs:g} Hz and not {fs:g} Hz; "
            "leave --fs out."
        )
    said = (reference.fs, test.fs)
    rate = header.fs if header else fs or said[0] or said[1]
    if rate is None:
        raise EcgedgeError(
            f"neither a header nor an annotation file gives the sampling rate of {paths[0].stem}; "
            "give it with --fs."
        )
    beside = (found.fs if found else None for found in headers)
    own = [value or other for value, other in zip(said, beside, strict=True)]
    notes = () if header or fs else _borrowed(paths, own, rate)
    return Timed(
        at_rate(reference, own[0] or rate, rate),
        at_rate(test, own[1] or rate, rate),
        rate,
        header.length if header else None,
        notes,
    )


def _borrowed(paths: tuple[Path, Path], own: list[float | None], rate: float) -> tuple[str, ...]:
    """Say which file has no rate of its own and got that of the other."""
    return tuple(
        f"{path} gives no sampling rate; that of the other file, {rate:g} Hz, is taken."
        for path, value in zip(paths, own, strict=True)
        if value is None
    )
