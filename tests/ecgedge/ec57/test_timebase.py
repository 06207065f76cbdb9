from pathlib import Path

import pytest

from ecgedge.ec57.annotations import annotations_of
from ecgedge.ec57.timebase import Header, Timed, at_one_rate, read_timebase
from firmware_sim.errors import EcgedgeError


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """Files of two folders; nothing is in them yet."""
    for name in ("reference", "test"):
        (tmp_path / name).mkdir()
    return tmp_path / "reference" / "100.atr", tmp_path / "test" / "100.qrs"


def header(annotation: Path, line: str) -> None:
    annotation.with_suffix(".hea").write_text(f"# a comment\n\n{line}\n100.dat 212 200\n")


def timed(
    paths: tuple[Path, Path],
    reference_fs: float | None = None,
    test_fs: float | None = None,
    fs: float | None = None,
) -> Timed:
    reference = annotations_of([250, 500], fs=reference_fs)
    return at_one_rate(reference, annotations_of([250, 500], fs=test_fs), paths, fs)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("100 2 360 650000", Header(360, 650_000)),
        ("100 2 360 650000 12:00:00 1/1/1999", Header(360, 650_000)),
        ("100/3 2 128.5/1000(5) 7", Header(128.5, 7)),
        ("100 0 250", Header(250, None)),
        ("100 2 360 0", Header(360, None)),
        ("100 2", Header(250, None)),
    ],
)
def test_the_first_line_gives_rate_and_length(
    paths: tuple[Path, Path], line: str, expected: Header
) -> None:
    header(paths[0], line)
    assert read_timebase(paths[0]) == expected


@pytest.mark.parametrize("line", ["100", "100 two", "100 2 0 5", "100 2 nan", "100 2 1e999"])
def test_another_first_line_is_refused(paths: tuple[Path, Path], line: str) -> None:
    header(paths[0], line)
    with pytest.raises(EcgedgeError, match="names no record"):
        read_timebase(paths[0])


def test_an_empty_header_is_refused(paths: tuple[Path, Path]) -> None:
    paths[0].with_suffix(".hea").write_bytes(b"# nothing\n")
    with pytest.raises(EcgedgeError, match="names no record"):
        read_timebase(paths[0])


def test_without_a_header_there_is_none(paths: tuple[Path, Path]) -> None:
    assert read_timebase(paths[0]) is None


def test_times_are_compared_at_the_rate_of_the_record(paths: tuple[Path, Path]) -> None:
    header(paths[0], "100 2 500 9000")
    found = timed(paths, test_fs=250)
    assert (found.fs, found.length) == (500, 9000)
    assert found.reference.samples == (250, 500)
    assert found.test.samples == (500, 1000)


def test_a_header_beside_the_test_gives_its_rate(paths: tuple[Path, Path]) -> None:
    header(paths[0], "100 2 500 9000")
    header(paths[1], "100 1 250 4500")
    assert timed(paths).test.samples == (500, 1000)


def test_a_header_beside_the_test_alone_is_that_of_the_record(paths: tuple[Path, Path]) -> None:
    header(paths[1], "100 1 250 4500")
    found = timed(paths)
    assert (found.fs, found.length, found.notes) == (250, 4500, ())


def test_without_a_header_the_files_themselves_are_asked(paths: tuple[Path, Path]) -> None:
    found = timed(paths, reference_fs=500, test_fs=250)
    assert (found.fs, found.length, found.notes) == (500, None, ())
    assert found.test.samples == (500, 1000)


def test_a_rate_that_is_borrowed_is_said(paths: tuple[Path, Path]) -> None:
    found = timed(paths, test_fs=250)
    assert found.fs == 250
    assert [str(paths[0]) in note for note in found.notes] == [True]


def test_the_user_gives_the_rate_of_what_has_none(paths: tuple[Path, Path]) -> None:
    found = timed(paths, test_fs=250, fs=500)
    assert (found.fs, found.notes) == (500, ())
    assert found.reference.samples == (250, 500)
    assert found.test.samples == (500, 1000)


def test_without_any_rate_the_user_is_asked(paths: tuple[Path, Path]) -> None:
    with pytest.raises(EcgedgeError, match="give it with --fs"):
        timed(paths)


def test_the_user_cannot_contradict_the_header(paths: tuple[Path, Path]) -> None:
    header(paths[0], "100 2 360")
    assert timed(paths, fs=360).fs == 360
    with pytest.raises(EcgedgeError, match="leave --fs out"):
        timed(paths, fs=250)
