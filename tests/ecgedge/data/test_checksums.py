import hashlib
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.data.checksums import check_name, parse_sums, read_sums, sha256
from firmware_sim.errors import EcgedgeError

DIGEST = "0123456789abcdef" * 4


def test_lines_of_both_kinds_are_read() -> None:
    text = f"{DIGEST}  100.dat\n{DIGEST.upper()} *records500/00000/1.hea\n\n{DIGEST}  ./bw.hea-\n"
    assert parse_sums(text) == {
        "100.dat": DIGEST,
        "records500/00000/1.hea": DIGEST,
        "bw.hea-": DIGEST,
    }


@pytest.mark.parametrize("text", ["<html>", f"{DIGEST}", f"{DIGEST[:-1]}  a", "a  b"])
def test_a_damaged_list_is_refused(text: str) -> None:
    with pytest.raises(EcgedgeError, match="line 1 of the checksum file is damaged"):
        parse_sums(text)


@pytest.mark.parametrize(
    "name", ["..", "/a", "a/../b", "a/..", "a\\..\\b", "c:a", "a\x00b", ".", ""]
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(EcgedgeError, match="refused"):
        check_name(name)


@given(st.text(max_size=40))
def test_a_name_that_passes_stays_inside(name: str) -> None:
    try:
        checked = check_name(name)
    except EcgedgeError:
        return
    path = PurePosixPath("/data/mitdb") / checked
    assert path.is_relative_to("/data/mitdb")
    assert ".." not in path.parts


def test_a_file_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"beat" * 100_000)
    assert sha256(path) == hashlib.sha256(b"beat" * 100_000).hexdigest()


def test_a_folder_without_a_list_has_none(tmp_path: Path) -> None:
    assert read_sums(tmp_path) == {}
    (tmp_path / "SHA256SUMS.txt").write_text(f"{DIGEST}  100.dat\n")
    assert read_sums(tmp_path) == {"100.dat": DIGEST}
