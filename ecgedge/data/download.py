"""Fetch a database from PhysioNet: resumable, and no file kept that differs from its checksum.

A file arrives as ``NAME.part`` and gets its name only after its SHA-256 was found right. When a
connection is cut the rest is asked for (HTTP Range), and a later run goes on where this one
stopped. Names in the published list are checked before any of them is used as a path.
"""

import contextlib
import errno
import http.client
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ecgedge import __version__
from ecgedge.data.checksums import SUMS_NAMES, parse_sums, sha256
from ecgedge.data.databases import Database, get_database
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic

TIMEOUT_S = 30
ATTEMPTS = 4
RETRY_DELAY_S = 1.0
CHUNK_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 32
JOBS = 4

_NAMED = 5
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses after which the same request may succeed."""


@dataclass(frozen=True)
class Progress:
    """How far a download is: files that are there and right, all files, bytes that arrived."""

    files: int
    files_total: int
    bytes: int


@dataclass(frozen=True)
class Downloaded:
    """What a download did.

    Attributes
    ----------
    name : str
        Name of the database.
    path : str
        Its folder.
    fetched, kept : int
        Files that were fetched, and files that were there and right already.
    bytes : int
        Bytes that arrived.
    """

    name: str
    path: str
    fetched: int
    kept: int
    bytes: int


class _CutError(Exception):
    """The connection failed; what has arrived is kept and the rest can be asked for again."""


class _RefusedError(Exception):
    """The server answered that it does not give this file."""


class _Session:
    """What the threads of one download share."""

    def __init__(
        self, files_total: int, on_progress: Callable[[Progress], None], retry_delay_s: float
    ) -> None:
        self.stop = threading.Event()
        self.retry_delay_s = retry_delay_s
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._files_total = files_total
        self.files = 0
        self.bytes = 0

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Count files or bytes, and report."""
        with self._lock:
            self.files += files
            self.bytes += size
            self._on_progress(Progress(self.files, self._files_total, self.bytes))


def download(
    name: str,
    folder: Path,
    *,
    base_url: str | None = None,
    everything: bool = False,
    jobs: int = JOBS,
    on_progress: Callable[[Progress], None] = lambda _: None,
    retry_delay_s: float = RETRY_DELAY_S,
) -> Downloaded:
    """Fetch the files of a database that are missing or differ from their checksums.

    Parameters
    ----------
    name : str
        A name of `ecgedge.data.databases.DATABASES`.
    folder : Path
        Folder of the database; made when it does not exist.
    base_url : str, optional
        Where the files are, instead of PhysioNet; ``http`` or ``https``.
    everything : bool
        Fetch every published file, not only those that ecgedge reads.
    jobs : int
        Files fetched at a time.
    on_progress : callable
        Called with a `Progress` as files and bytes arrive, from several threads, one at a time.
    retry_delay_s : float
        Pause before a connection is tried again; doubled each time it fails.

    Returns
    -------
    Downloaded

    Raises
    ------
    EcgedgeError
        When the server cannot be reached or is lost, when a file differs from its checksum (it is
        removed and named, the others are kept), when a name in the list leads out of the folder,
        or when the disk is full.
    """
    database = get_database(name)
    base = _base(base_url or database.url)
    with _disk_errors(folder):
        sums = _wanted(database, _published_sums(base, retry_delay_s), everything, base)
        folder.mkdir(parents=True, exist_ok=True)
        _write_list(folder, {local: digest for local, (_, digest) in sums.items()})
        session = _Session(len(sums), on_progress, retry_delay_s)
        todo = {
            local: wanted
            for local, wanted in sums.items()
            if not _keep(folder, local, wanted, session)
        }
        failed = _fetch_all(base, folder, todo, jobs, session)
    if failed:
        raise EcgedgeError(
            f"{_list(failed)} of {name} could not be fetched as published (removed); "
            f"the other files are in {folder}. Run the command again."
        )
    kept = len(sums) - len(todo)
    return Downloaded(name, str(folder), len(todo), kept, session.bytes)


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EcgedgeError(
                f"the disk of {folder} is full; free some space and run the command again: "
                "it goes on where it stopped."
            ) from error
        raise


def _base(url: str) -> str:
    if not _is_address(url):
        raise EcgedgeError(
            f"{url} is no address to fetch from; give one that starts with https://."
        )
    return url.rstrip("/") + "/"


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        _ = parts.port  # read, because a malformed one is told only then
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme in ("http", "https") and host != b""


def _published_sums(base: str, retry_delay_s: float) -> dict[str, str]:
    """Fetch the published checksum file."""
    session = _Session(0, lambda _: None, retry_delay_s)
    reason = ""
    for name in reversed(SUMS_NAMES):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            try:
                _fetch(base + name, path, session)
            except _RefusedError as error:
                reason = str(error)
                continue
            return parse_sums(path.read_text(errors="replace"))
    raise EcgedgeError(
        f"{base} has no {SUMS_NAMES[1]} ({reason}), so nothing from there could be checked; "
        "give the address of the database's files with --base-url."
    )


def _wanted(
    database: Database, published: dict[str, str], everything: bool, base: str
) -> dict[str, tuple[str, str]]:
    """Local name -> (published name, SHA-256) of the files to have."""
    wanted: dict[str, tuple[str, str]] = {}
    for name, digest in published.items():
        local = database.local_name(name, everything=everything)
        if local and local not in SUMS_NAMES:
            wanted[local] = (name, digest)
    if not wanted:
        raise EcgedgeError(f"{base} lists no file of {database.name}; check --base-url.")
    return wanted


def _write_list(folder: Path, sums: dict[str, str]) -> None:
    """Leave the checksums beside the files, so that what is missing can be told later."""
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    path = folder / SUMS_NAMES[0]
    if not path.is_file() or path.read_text(errors="replace") != text:
        write_atomic(path, text)


def _keep(folder: Path, local: str, wanted: tuple[str, str], session: _Session) -> bool:
    """Say whether a file is there and right; one that is wrong is removed."""
    path = folder / local
    if not path.is_file():
        return False
    if sha256(path) != wanted[1]:
        path.unlink()
        return False
    session.advance(files=1)
    return True


def _fetch_all(
    base: str, folder: Path, todo: dict[str, tuple[str, str]], jobs: int, session: _Session
) -> list[str]:
    """Fetch files in a few threads; return the names of those that failed."""
    failed = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = {
            pool.submit(
                _fetch_checked,
                base + urllib.parse.quote(published),
                folder / local,
                digest,
                session,
            ): local
            for local, (published, digest) in todo.items()
        }
        try:
            for future in as_completed(futures):
                if not future.result():
                    failed.append(futures[future])
        except BaseException:
            session.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(failed)


def _fetch_checked(url: str, target: Path, digest: str, session: _Session) -> bool:
    """Fetch one file, twice if need be, and name it only when its checksum is right."""
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):  # the first part may stem from another version of the file
        try:
            _fetch(url, part, session)
        except _RefusedError:
            part.unlink(missing_ok=True)
            return False
        if sha256(part) == digest:
            part.replace(target)
            session.advance(files=1)
            return True
        part.unlink()
    return False


def _fetch(url: str, part: Path, session: _Session) -> None:
    """Bring `part` to the end of the file at `url`, over as many connections as it takes."""
    failures = 0
    while not session.stop.is_set():
        before = _size(part)
        try:
            _fetch_rest(url, part, session)
            return
        except _CutError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures == ATTEMPTS:
                raise EcgedgeError(
                    f"{url} cannot be reached ({error}); check the network and run the command "
                    "again: it goes on where it stopped."
                ) from error
        session.stop.wait(session.retry_delay_s * 2 ** (failures - 1))
    raise _CutError("stopped")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _fetch_rest(url: str, part: Path, session: _Session) -> None:
    """Ask once for what `part` lacks."""
    offset = _size(part)
    with _opened(url, offset) as response:
        if response is None:  # nothing lies beyond what is there; the checksum decides
            return
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            offset = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            part.unlink()
            raise _CutError("the server sent another range than was asked for")
        length = response.headers.get("Content-Length")
        arrived = 0
        with part.open("ab" if offset else "wb") as file:
            while chunk := _read(response):
                if session.stop.is_set():
                    raise _CutError("stopped")
                file.write(chunk)
                arrived += len(chunk)
                session.advance(size=len(chunk))
                if offset + arrived > MAX_FILE_BYTES:
                    raise _RefusedError("the file is larger than any of these databases")
    if length is not None and length.isdigit() and arrived < int(length):
        raise _CutError(f"the connection was cut after {arrived} of {length} bytes")


@contextlib.contextmanager
def _opened(url: str, offset: int) -> Iterator[http.client.HTTPResponse | None]:
    headers = {"User-Agent": f"ecgedge/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            yield None
            return
        if error.code in _AGAIN:
            raise _CutError(f"the server answered {error.code} {error.reason}") from error
        raise _RefusedError(f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _CutError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(str(error) or type(error).__name__) from error
    with response:
        yield response


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(str(error) or type(error).__name__) from error


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
