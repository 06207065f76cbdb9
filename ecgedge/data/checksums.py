"""The checksum file of a database: read it, trust no name in it, check a file against it."""

import hashlib
import re
from pathlib import Path, PurePosixPath

from firmware_sim.errors import EcgedgeError

# PhysioNet publishes SHA256SUMS.txt; copies and the bundled excerpt carry SHA256SUMS.
SUMS_NAMES = ("SHA256SUMS", "SHA256SUMS.txt")

_LINE = re.compile(r"^([0-9a-fA-F]{64})[ \t]+\*?(.+)$")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:]")


def check_name(name: str) -> str:
    """Return a relative file name that cannot lead out of its folder.

    Parameters
    ----------
    name : str
        A name with ``/`` between folders, from a list that somebody else wrote.

    Returns
    -------
    str
        The name without empty or ``.`` parts.

    Raises
    ------
    EcgedgeError
        When the name is empty or absolute, climbs with ``..``, or has a colon, a backslash or a
        control character.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or _UNSAFE.search(name):
        raise EcgedgeError(
            f"refused: a list of files names {name!r}, which leads out of its folder."
        )
    return str(PurePosixPath(*parts))


def parse_sums(text: str) -> dict[str, str]:
    """Parse the lines ``<sha256>  <name>`` of a checksum file.

    Parameters
    ----------
    text : str
        Content of the file.

    Returns
    -------
    dict of str to str
        File name relative to the database's folder, and its SHA-256 in lower case.

    Raises
    ------
    EcgedgeError
        When a line is not of this form or a name would lead out of the folder.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise EcgedgeError(f"line {number} of the checksum file is damaged; fetch it again.")
        sums[check_name(match[2])] = match[1].lower()
    return sums


def read_sums(folder: Path) -> dict[str, str]:
    """Read the checksum file of a folder; empty when it has none.

    Raises
    ------
    EcgedgeError
        As `parse_sums`.
    """
    for name in SUMS_NAMES:
        path = folder / name
        if path.is_file():
            return parse_sums(path.read_text(errors="replace"))
    return {}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
