import hashlib
import json
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from ecgedge.cli.data import data
from firmware_sim.errors import EcgedgeError

SIDES = {"records", "beats", "classes", "windows"}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(data, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_split_of_the_excerpt_as_json() -> None:
    counts = json.loads(run("info", "excerpt", "--split", "ds1-ds2", "--json"))
    for side in ("train", "test"):
        assert set(counts[side]) == SIDES
        assert list(counts[side]["classes"]) == list("NSVFQ")
        assert counts[side]["beats"] == sum(counts[side]["classes"].values())


def test_the_split_of_the_excerpt_for_people() -> None:
    shown = run("info", "excerpt", "--split", "replica")
    assert "replica" in shown
    assert "are not figures of the protocol" in shown


def test_a_database_as_json_is_one_object_and_all_of_them_one_array(tmp_path: Path) -> None:
    entry = json.loads(run("info", "excerpt", "--json"))
    assert (entry["name"], entry["complete"], entry["records"]) == ("excerpt", True, 14)
    assert json.loads(run("info", "--json", "--data", str(tmp_path))) == [entry]


def test_a_database_for_people() -> None:
    shown = run("info", "excerpt", "--check")
    assert "complete" in shown
    assert "files compared with their checksums" in shown


def test_what_is_missing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "RECORDS").write_text("".join(f"{name}\n" for name in range(100, 104)))
    shown = run("info", "mitdb", "--data", str(tmp_path))
    assert "incomplete" in shown
    assert "missing: 100.atr" in shown
    assert "missing: 7 more" in shown


def test_a_check_fails_when_a_file_is_damaged_or_missing(excerpt: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(excerpt, tmp_path / "mitdb"))

    def check() -> Result:
        return CliRunner().invoke(data, ["info", "mitdb", "--data", str(folder), "--check"])

    assert check().exit_code == 0
    damaged = (folder / "100.dat").read_bytes()
    (folder / "100.dat").write_bytes(damaged[:-1] + bytes([damaged[-1] ^ 1]))
    assert check().exit_code == 1
    (folder / "100.dat").unlink()
    assert check().exit_code == 1


def test_a_check_without_checksums_says_so(excerpt: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(excerpt, tmp_path / "mitdb"))
    (folder / "SHA256SUMS").unlink()
    result = CliRunner().invoke(data, ["info", "mitdb", "--data", str(folder), "--check"])
    assert "no SHA256SUMS, so no file of mitdb was compared" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nope"), "unknown database 'nope'"),
        (("info", "mitdb", "--data", "/nowhere"), "ecgedge data download mitdb"),
        (("info", "excerpt", "--split", "nope"), "unknown split 'nope'"),
        (("download", "nope"), "unknown database 'nope'"),
        (("download", "mitdb", "--base-url", "nowhere"), "no address to fetch from"),
    ],
)
def test_bad_input_is_one_error(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(EcgedgeError, match=message):
        run(*arguments)


def test_a_download_says_what_it_did(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "100.dat").write_bytes(b"beats")
    digest = hashlib.sha256(b"beats").hexdigest()
    (served / "SHA256SUMS.txt").write_text(f"{digest}  100.dat\n")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        where = ("--data", str(tmp_path), "--base-url", f"http://127.0.0.1:{server.server_port}")
        first = json.loads(run("download", "mitdb", *where, "--json"))
        again = run("download", "mitdb", *where)
    finally:
        server.shutdown()
        server.server_close()
    assert (first["fetched"], first["path"]) == (1, str(tmp_path / "mitdb"))
    assert "1 files" in again
    assert "0 fetched, 1 there already" in again


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from ecgedge.cli.data import data; data(['info', '--help'], "
        "standalone_mode=False); "
        "heavy = {'numpy', 'scipy', 'wfdb', 'rich', 'torch'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
