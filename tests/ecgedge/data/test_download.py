"""Downloads from a server on this machine that cuts connections and corrupts files."""

import hashlib
import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ecgedge.data.databases import DATABASES
from ecgedge.data.download import Downloaded, Progress, download
from firmware_sim.errors import EcgedgeError


@dataclass
class Site:
    """What the server publishes, and how it misbehaves."""

    files: dict[str, bytes]
    url: str = ""
    listed: str | None = None
    ranges: bool = True
    wrong_range: bool = False
    cut_after: int | None = None
    cuts_left: int = 0
    corrupt: set[str] = field(default_factory=set)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def sums(self) -> bytes:
        if self.listed is not None:
            return self.listed.encode()
        lines = [f"{hashlib.sha256(body).hexdigest()} {name}" for name, body in self.files.items()]
        return "\n".join(lines).encode()

    def body(self, name: str) -> bytes | None:
        if name == "SHA256SUMS.txt":
            return self.sums()
        body = self.files.get(name)
        return body[:-1] + b"?" if body and name in self.corrupt else body

    def times(self, name: str) -> int:
        return Counter(asked for asked, _ in self.asked)[name]


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            site.asked.append((name, wanted))
            statuses = site.statuses.get(name)
            if statuses:
                self.send_error(statuses.pop(0))
                return
            body = site.body(name)
            if body is None:
                self.send_error(404)
                return
            self.answer(name, body, wanted)

        def answer(self, name: str, body: bytes, wanted: str | None) -> None:
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if not site.ranges:
                start = 0
            if start >= len(body) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                said = 0 if site.wrong_range else start
                self.send_header("Content-Range", f"bytes {said}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            if site.cut_after is not None and site.cuts_left and len(rest) > site.cut_after:
                site.cuts_left -= 1
                rest = rest[: site.cut_after]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


RECORDS = {f"{name}.{suffix}" for name in ("100", "101") for suffix in ("hea", "dat", "atr")}


@pytest.fixture
def site() -> Iterator[Site]:
    """A small mitdb with files that ecgedge does not use, too."""
    files = {name: (name * 300).encode() for name in sorted(RECORDS)}
    files |= {"RECORDS": b"100\n101\n", "mitdbdir/intro.htm": b"<html>", "102-0.atr": b"x"}
    site = Site(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


Fetch = Callable[..., Downloaded]


@pytest.fixture
def fetch(site: Site, tmp_path: Path) -> Fetch:
    """Download mitdb from the site into a fresh folder."""

    def run(**options: object) -> Downloaded:
        chosen = {"base_url": site.url, "jobs": 1, "retry_delay_s": 0.0, **options}
        return download("mitdb", tmp_path / "mitdb", **chosen)  # type: ignore[arg-type]

    return run


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_the_records_are_fetched_with_the_list_of_their_checksums(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    done = fetch(jobs=4)
    assert (done.fetched, done.kept) == (7, 0)
    assert files_in(tmp_path / "mitdb") == RECORDS | {"RECORDS", "SHA256SUMS"}
    for name in RECORDS:
        assert (tmp_path / "mitdb" / name).read_bytes() == site.files[name]


def test_everything_is_fetched_when_it_is_asked_for(fetch: Fetch, tmp_path: Path) -> None:
    assert fetch(everything=True).fetched == 9
    assert (tmp_path / "mitdb/mitdbdir/intro.htm").read_bytes() == b"<html>"


def test_files_that_are_right_are_kept_and_others_replaced(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    fetch()
    (tmp_path / "mitdb/100.dat").write_bytes(b"other")
    site.asked.clear()
    done = fetch()
    assert (done.fetched, done.kept) == (1, 6)
    assert [name for name, _ in site.asked] == ["SHA256SUMS.txt", "100.dat"]
    assert (tmp_path / "mitdb/100.dat").read_bytes() == site.files["100.dat"]


def test_a_cut_connection_is_taken_up_where_it_broke(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    site.cut_after, site.cuts_left = 1000, 4
    done = fetch()
    assert done.fetched == 7
    assert ("100.atr", "bytes=1000-") in site.asked
    assert done.bytes == sum(len(site.files[name]) for name in [*RECORDS, "RECORDS"])
    assert (tmp_path / "mitdb/100.atr").read_bytes() == site.files["100.atr"]


def test_a_server_without_ranges_is_asked_from_the_start(site: Site, fetch: Fetch) -> None:
    site.ranges, site.cut_after, site.cuts_left = False, 1000, 2
    assert fetch().fetched == 7


def test_a_range_that_was_not_asked_for_is_not_glued_on(site: Site, fetch: Fetch) -> None:
    site.wrong_range, site.cut_after, site.cuts_left = True, 1000, 1
    assert fetch().fetched == 7


def test_a_later_run_goes_on_where_an_earlier_one_stopped(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    folder = tmp_path / "mitdb"
    folder.mkdir()
    (folder / "100.dat.part").write_bytes(site.files["100.dat"][:700])
    assert fetch().fetched == 7
    assert ("100.dat", "bytes=700-") in site.asked
    assert files_in(folder) == RECORDS | {"RECORDS", "SHA256SUMS"}


@pytest.mark.parametrize("left", [b"x" * 700, b"x" * 5000])
def test_a_part_of_another_file_is_given_up(
    site: Site, fetch: Fetch, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "mitdb").mkdir()
    (tmp_path / "mitdb/100.dat.part").write_bytes(left)
    assert fetch().fetched == 7
    assert (tmp_path / "mitdb/100.dat").read_bytes() == site.files["100.dat"]


def test_a_corrupt_file_is_removed_and_named_and_the_others_are_kept(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    site.files["101.dat"] = b"right"
    site.listed = site.sums().decode()
    site.corrupt = {"101.dat"}
    with pytest.raises(EcgedgeError, match=r"^101\.dat of mitdb could not be fetched"):
        fetch()
    expected = RECORDS - {"101.dat"} | {"RECORDS", "SHA256SUMS"}
    assert files_in(tmp_path / "mitdb") == expected
    site.corrupt = set()
    assert (fetch().fetched, fetch().kept) == (1, 7)


def test_a_file_that_is_listed_but_not_there_is_named(site: Site, fetch: Fetch) -> None:
    site.listed = site.sums().decode()
    del site.files["100.atr"], site.files["101.atr"]
    with pytest.raises(EcgedgeError, match=r"^100\.atr, 101\.atr of mitdb could not"):
        fetch()


def test_an_overloaded_server_is_asked_again(site: Site, fetch: Fetch) -> None:
    site.statuses = {"100.dat": [503, 429], "SHA256SUMS.txt": [500]}
    assert fetch().fetched == 7
    assert site.times("100.dat") == 3


def test_a_lost_connection_ends_the_download_and_keeps_what_arrived(
    site: Site, fetch: Fetch, tmp_path: Path
) -> None:
    site.statuses = {"100.dat": [503] * 50}
    with pytest.raises(EcgedgeError, match=r"100\.dat cannot be reached .*503.*run the command"):
        fetch()
    assert (tmp_path / "mitdb/100.atr").is_file()


def test_a_server_that_is_not_there_is_one_clear_error_and_leaves_nothing(
    fetch: Fetch, tmp_path: Path
) -> None:
    with pytest.raises(EcgedgeError, match=r"cannot be reached .*refused.*check the network"):
        fetch(base_url="http://127.0.0.1:1")
    assert not (tmp_path / "mitdb").exists()


@pytest.mark.parametrize("name", ["../../evil.dat", "/etc/evil.dat", "a/../../evil.dat"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    site: Site, fetch: Fetch, tmp_path: Path, name: str
) -> None:
    site.listed = f"{'0' * 64} {name}\n"
    with pytest.raises(EcgedgeError, match="refused"):
        fetch(everything=True)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("<html>moved</html>", "line 1"),
        ("", "lists no file"),
        ("0" * 64 + " a.txt", "lists no file"),
    ],
)
def test_a_list_that_is_none_is_refused(
    site: Site, fetch: Fetch, tmp_path: Path, listed: str, message: str
) -> None:
    site.listed = listed
    with pytest.raises(EcgedgeError, match=message):
        fetch()
    assert not (tmp_path / "mitdb").exists()


def test_a_server_without_a_list_is_refused(site: Site, fetch: Fetch) -> None:
    with pytest.raises(EcgedgeError, match=r"has no SHA256SUMS\.txt \(the server answered 404"):
        fetch(base_url=f"{site.url}/elsewhere")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_clear_error(fetch: Fetch, tmp_path: Path) -> None:
    folder = tmp_path / "mitdb"
    folder.mkdir()
    (folder / "100.dat.part").symlink_to("/dev/full")
    with pytest.raises(EcgedgeError, match=r"the disk of .*mitdb is full; free some space"):
        fetch()
    assert not (folder / "100.dat").exists()


WRONG_ADDRESSES = (
    "ftp://127.0.0.1/", "file:///etc", "mitdb", "https://", "http://[::1", "http://a:b/",
    "http://a:99999/", "http://a b/", "http://a..b/", "http://a/\u00e9", "https://:80/",
)  # fmt: skip


@pytest.mark.parametrize("url", WRONG_ADDRESSES)
def test_only_the_web_is_fetched_from(fetch: Fetch, url: str) -> None:
    with pytest.raises(EcgedgeError, match="no address to fetch from"):
        fetch(base_url=url)


def test_progress_counts_files_and_bytes_up_to_the_end(site: Site, fetch: Fetch) -> None:
    seen: list[Progress] = []
    fetch(on_progress=seen.append)
    size = sum(len(site.files[name]) for name in [*RECORDS, "RECORDS"])
    assert seen[-1] == Progress(files=7, files_total=7, bytes=size)
    assert all(a.files <= b.files and a.bytes <= b.bytes for a, b in itertools.pairwise(seen))


@pytest.mark.parametrize(
    ("database", "published", "local"),
    [
        ("mitdb", "100.dat", "100.dat"),
        ("mitdb", "x_mitdb/x_108.dat", None),
        ("nstdb", "118e_6.dat", "118e_6.dat"),
        ("nstdb", "old/118e00.dat", None),
        ("cinc2017", "training/A00/A00001.mat", "A00/A00001.mat"),
        ("cinc2017", "training/RECORDS", "RECORDS"),
        ("cinc2017", "REFERENCE-v3.csv", "REFERENCE-v3.csv"),
        ("cinc2017", "validation/A00001.mat", None),
        ("cinc2017", "training2017.zip", None),
        ("ptb-xl", "records500/00000/00001_hr.dat", "records500/00000/00001_hr.dat"),
        ("ptb-xl", "records100/00000/00001_lr.dat", None),
        ("ptb-xl", "ptbxl_database.csv", "ptbxl_database.csv"),
    ],
)
def test_the_files_of_each_database(database: str, published: str, local: str | None) -> None:
    assert DATABASES[database].local_name(published) == local


def test_every_database_has_its_place_on_physionet() -> None:
    for database in DATABASES.values():
        assert re.fullmatch(r"https://physionet\.org/files/[a-z0-9-]+/\d\.\d\.\d/", database.url)
