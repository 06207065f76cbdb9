"""Files that are either whole or not there."""

import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_sim.errors import EcgedgeError

UNREADABLE: tuple[type[Exception], ...] = (
    ValueError, OSError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, OverflowError,
    RuntimeError, struct.error, lzma.LZMAError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged ``.npz`` may raise; an encrypted entry is a `RuntimeError`."""


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one.

    Parameters
    ----------
    path : Path
        Target; its folder must exist.
    data : bytes or str
        Content; text is written as UTF-8.

    Raises
    ------
    OSError
        When the disk refuses; nothing is left behind.
    """
    path = Path(path)
    content = data.encode() if isinstance(data, str) else data
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(
    path: Path, *, overwrite: bool = False, replaces: str | None = None
) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        Folder to make. Parents are made as needed.
    overwrite : bool
        Replace a folder that is already there; otherwise it must not exist or must be empty. The
        old one is removed only when the new one is in its place.
    replaces : str, optional
        Name of a file that a folder must hold to be replaced.

    Raises
    ------
    EcgedgeError
        When `path` exists and is not an empty folder, and `overwrite` is false or `replaces` is
        not in it.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        if not overwrite:
            raise EcgedgeError(f"{path} already exists; choose another folder or pass --overwrite.")
        if replaces is not None and not (path / replaces).is_file():
            raise EcgedgeError(
                f"{path} holds no {replaces} and is not overwritten; choose another folder."
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        _put_in_place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(new: Path, path: Path) -> None:
    """Rename a folder; what is there already steps aside first and is removed last."""
    if not (path.exists() or path.is_symlink()):
        new.rename(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    old = aside / "old"
    try:
        path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        if not any(aside.iterdir()):
            aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
