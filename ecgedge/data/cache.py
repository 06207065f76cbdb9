"""Prepared beats on disk, named by what they were made of.

The name of a cache file is a hash of the record's files, of the parameters, and of the source code
that turns the one into the other, so a stale file is never found. A file that is damaged is made
again; one that was not used for a month is removed. Files are uncompressed ``.npz`` without
pickled objects, written whole or not at all.
"""

import contextlib
import hashlib
import io
import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.locate import cache_folder
from firmware_sim import beat, context, formats, rhythm, shape
from firmware_sim.files import UNREADABLE, write_atomic

CACHE_VERSION = 1
MAX_AGE_S = 30 * 24 * 3600


@dataclass(frozen=True, eq=False)
class RecordBeats:
    """All beats of one record; the arrays are those of `ecgedge.data.beats.BeatSet`."""

    counts: NDArray[np.int16]
    q: NDArray[np.int8]
    context: NDArray[np.int8]
    symbol: NDArray[np.str_]
    sample: NDArray[np.int64]
    inside: NDArray[np.bool_]
    lead: str


@cache
def _code_digest() -> str:
    """Digest of the modules whose arithmetic ends up in a cache file."""
    digest = hashlib.sha256(str(CACHE_VERSION).encode())
    here = Path(__file__).parent
    made_by = (beat, context, formats, rhythm, shape)
    modules = [Path(module.__file__) for module in made_by if module.__file__]
    for path in [*modules, here / "record.py", here / "beats.py", here / "labels.py"]:
        with contextlib.suppress(OSError):  # installed without sources: the version stands alone
            digest.update(path.read_bytes())
    return digest.hexdigest()


def record_key(folder: Path, name: str, fs: int, window: int, margin: int, lead: str) -> str:
    """Return the content key of one record's beats: 64 hexadecimal digits.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name; every file of that name enters the key.
    fs, window, margin : int
        Rate in Hz, and samples.
    lead : str
        Lead as asked for.
    """
    parameters = json.dumps([name, int(fs), window, margin, lead])
    digest = hashlib.sha256(f"{_code_digest()}{parameters}".encode())
    for path in _files_of(Path(folder) / name):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.name}{content}".encode())
    return digest.hexdigest()


def _files_of(base: Path) -> list[Path]:
    """Header, annotations, and the signal files that the header names."""
    header = base.with_name(f"{base.name}.hea")
    text = header.read_text(errors="replace") if header.is_file() else ""
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    signals = {line[0] for line in lines[1:] if line}
    return [
        header,
        base.with_name(f"{base.name}.atr"),
        *(base.parent / signal for signal in sorted(signals)),
    ]


def beat_path(key: str) -> Path:
    """Return the path of the cache file with this key."""
    return cache_folder() / "beats" / f"{key}.npz"


def load(path: Path, window: int, margin: int) -> RecordBeats | None:
    """Read a cache file; None when there is none or it is damaged."""
    try:
        # numpy leaves the file open when it is no archive, so it is opened here.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            beats = RecordBeats(
                counts=file["counts"],
                q=file["q"],
                context=file["context"],
                symbol=file["symbol"],
                sample=file["sample"],
                inside=file["inside"],
                lead=str(file["lead"]),
            )
    except UNREADABLE:
        return None
    if not _fits(beats, window, margin):
        return None
    with contextlib.suppress(OSError):
        path.touch()
    return beats


def _fits(beats: RecordBeats, window: int, margin: int) -> bool:
    n = len(beats.sample)
    expected = {
        "counts": ((n, window + 2 * margin), np.dtype(np.int16)),
        "q": ((n, window), np.dtype(np.int8)),
        "context": ((n, context.CONTEXT_SIZE), np.dtype(np.int8)),
        "symbol": ((n,), np.dtype("<U1")),
        "sample": ((n,), np.dtype(np.int64)),
        "inside": ((n,), np.dtype(np.bool_)),
    }
    return all(
        getattr(beats, name).shape == shape and getattr(beats, name).dtype == dtype
        for name, (shape, dtype) in expected.items()
    )


def store(path: Path, beats: RecordBeats) -> None:
    """Write a cache file, whole or not at all; a disk that refuses is no error."""
    content = io.BytesIO()
    np.savez(
        content,
        counts=beats.counts,
        q=beats.q,
        context=beats.context,
        symbol=beats.symbol,
        sample=beats.sample,
        inside=beats.inside,
        lead=np.asarray(beats.lead),
    )
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content.getvalue())
        _forget_unused(path.parent)


@cache
def _forget_unused(folder: Path) -> None:
    """Remove, once in a process, what no run has used for a month."""
    now = time.time()
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > MAX_AGE_S:
                path.unlink()
