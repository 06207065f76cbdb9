"""The ledger: one line for each time that test records were opened for a figure.

The line is written when the beats are read and before any model has said anything about them, so
there is no figure without its line, even when the evaluation is broken off. A ledger is only ever
added to. Who chooses the best of many looks at test records has no test any more; the ledger shows
how many there were.

A run keeps its ledger in its own folder. Bundles are read-only, and may be shipped: their lines go
into the folder of the report, or into the user's data folder where there is no report.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecgedge import __version__
from firmware_sim.errors import EcgedgeError

LEDGER = "ledger.jsonl"
VARIABLE = "ECGEDGE_LEDGER"
"""Environment variable: folder of the ledger of bundles, in place of the user's data folder."""
MAX_FILE_BYTES = 1 << 26


@dataclass(frozen=True)
class Entry:
    """One look at test records.

    Attributes
    ----------
    time : str
        UTC, ISO 8601, to the second.
    subject : str
        Name of the run or bundle.
    models : mapping of str to sequence of str
        Row of the report -> SHA-256 of each of its models, one a seed.
    protocol, task, aami_map : str
    records, beats : int
        How many were read.
    whole : bool
        Whether they were all test records of the protocol.
    ecgedge : str
        Version.
    """

    time: str
    subject: str
    models: Mapping[str, Sequence[str]]
    protocol: str
    task: str
    aami_map: str
    records: int
    beats: int
    whole: bool
    ecgedge: str = __version__


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user_ledger() -> Path:
    """Return the ledger of bundles that were evaluated without writing a report."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser() / LEDGER
    from platformdirs import user_data_path

    return user_data_path("ecgedge") / LEDGER


def append(path: Path, entry: Entry) -> None:
    """Add one line to a ledger: in a single write to the end of the file, and onto the disk.

    Parameters
    ----------
    path : Path
        The ledger; it and its folder are made when they are not there.
    entry : Entry

    Raises
    ------
    EcgedgeError
        When it cannot be written; then test records must not be looked at.
    """
    line = json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        handle = os.open(path, flags, 0o644)
        try:
            if _is_cut_short(handle):
                line = b"\n" + line
            written = os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise EcgedgeError(_refusal(path, error.strerror or str(error))) from None
    if written != len(line):
        raise EcgedgeError(_refusal(path, "the disk is full"))


def _refusal(path: Path, why: str) -> str:
    return (
        f"the ledger {path} cannot be written ({why}), and without it no test record is looked "
        f"at; make its folder writable, for bundles name another one with -o or ${VARIABLE}."
    )


def _is_cut_short(handle: int) -> bool:
    """Say whether the last line has no end: a write that a full disk cut short."""
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a ledger, oldest first; a line that is damaged is left out.

    Raises
    ------
    EcgedgeError
        When the file is too large to be a ledger.
    """
    path = Path(path)
    if not path.is_file():
        return []
    if path.stat().st_size > MAX_FILE_BYTES:
        raise EcgedgeError(f"{path} is too large for a ledger; is it the right folder?")
    found = []
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def looks_at(entries: Sequence[Mapping[str, Any]], digests: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines in which one of these models was evaluated."""
    wanted = set(digests)
    return [dict(entry) for entry in entries if wanted & set(_digests(entry))]


def _digests(entry: Mapping[str, Any]) -> list[str]:
    models = entry.get("models")
    if not isinstance(models, Mapping):
        return []
    lists = [value for value in models.values() if isinstance(value, list)]
    return [digest for value in lists for digest in value if isinstance(digest, str)]
