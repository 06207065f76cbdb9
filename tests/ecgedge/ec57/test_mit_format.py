import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.data.record import quiet_wfdb
from ecgedge.ec57.mit_format import LARGEST_BYTES, SYMBOLS, parse_annotations, read_annotations
from firmware_sim.errors import EcgedgeError
from tests.annotation_files import END, mit, rate, skip, text, word

N, COMMENT = 1, 22


def read(content: bytes) -> list[tuple[int, str, int]]:
    found = parse_annotations(content, "test")
    return list(zip(found.samples, found.symbols, found.subtypes, strict=True))


def test_intervals_add_up() -> None:
    content = word(N, 70) + word(5, 200) + END
    assert read(content) == [(70, "N", 0), (270, "V", 0)]


def test_a_long_interval_is_32_bits_high_half_first() -> None:
    content = word(N, 1000) + skip(70_000) + word(N, 5) + END
    assert read(content) == [(1000, "N", 0), (71_005, "N", 0)]


def test_a_subtype_belongs_to_its_annotation_alone() -> None:
    content = word(14, 1) + word(61, 48) + word(14, 1) + END
    assert read(content) == [(1, "~", 48), (2, "~", 0)]


def test_a_subtype_is_a_signed_byte() -> None:
    assert read(word(14, 1) + word(61, 255) + END) == [(1, "~", -1)]


def test_texts_of_odd_length_fields_and_zeros_inside_are_stepped_over() -> None:
    content = word(28, 1) + text(b"(AFIB\0") + word(60, 3) + word(62, 1) + word(N, 9) + END
    assert read(content) == [(1, "+", 0), (10, "N", 0)]
    assert read(word(28, 1) + text(b"(VT") + word(N, 9) + END) == [(1, "+", 0), (10, "N", 0)]


def test_a_code_without_a_symbol_is_kept_without_one() -> None:
    assert read(word(45, 3) + word(0, 4) + word(N, 1) + END) == [
        (3, "", 0),
        (7, "", 0),
        (8, "N", 0),
    ]


def test_what_comes_after_the_end_mark_is_not_looked_at() -> None:
    assert read(word(N, 7) + END + b"\xff\xff\xff") == [(7, "N", 0)]


@pytest.mark.parametrize("content", [b"", END])
def test_an_empty_file_holds_no_annotations(content: bytes) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("comments", "fs"),
    [
        (rate("360"), 360.0),
        (rate("128.5"), 128.5),
        (word(COMMENT, 0) + text(b"by hand") + rate("250"), 250.0),
        (word(COMMENT, 0) + text(b"by hand"), None),
        (word(N, 0) + rate("250"), None),
        (word(COMMENT, 1) + text(b"## time resolution: 9"), None),
    ],
)
def test_comments_at_the_beginning_give_the_rate(comments: bytes, fs: float | None) -> None:
    assert parse_annotations(comments + word(N, 90) + END, "test").fs == fs


@pytest.mark.parametrize("value", ["0", "-5", "1e999", "12e", "1e12"])
def test_a_rate_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(EcgedgeError, match=f"gives '{re.escape(value)}' as its rate"):
        parse_annotations(rate(value) + END, "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (word(N, 70), "cut short"),
        (b"\x01", "cut short"),
        (word(N, 70) + word(59, 0) + b"\0\0", "cut short"),
        (word(N, 70) + word(63, 200) + b"abc", "cut short"),
        (b"no annotation file, but text", "cut short"),
        (word(61, 48) + word(N, 70) + END, "does not begin with an annotation"),
        (b"\0N" + bytes(14), "format of the AHA"),
        (word(N, 70) + skip(-20) + word(N, 5) + END, "sortann"),
    ],
)
def test_bytes_that_are_no_annotations_are_refused_in_a_sentence(
    content: bytes, message: str
) -> None:
    with pytest.raises(EcgedgeError, match=message) as caught:
        parse_annotations(content, "x.qrs")
    assert str(caught.value).startswith("x.qrs ")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_annotations_or_a_sentence(content: bytes) -> None:
    try:
        found = parse_annotations(content, "x.qrs")
    except EcgedgeError:
        return
    assert list(found.samples) == sorted(found.samples)


def test_a_missing_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="no annotation file"):
        read_annotations(tmp_path / "100.qrs")
    with (tmp_path / "100.qrs").open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(EcgedgeError, match="larger than 16 MiB"):
        read_annotations(tmp_path / "100.qrs")


rows = st.lists(
    st.tuples(
        st.integers(0, 300_000), st.sampled_from(sorted(SYMBOLS.values())), st.integers(0, 99)
    ),
    max_size=30,
).map(lambda values: sorted(values, key=lambda value: value[0]))


@given(rows)
def test_what_is_written_is_read(values: list[tuple[int, str, int]]) -> None:
    assert read(mit(values)) == values


def test_wfdb_reads_the_same_in_every_record_of_the_excerpt(excerpt: Path) -> None:
    names = (excerpt / "RECORDS").read_text().split()
    for name in names:
        with quiet_wfdb() as wfdb:
            theirs = wfdb.rdann(str(excerpt / name), "atr")
        ours = read_annotations(excerpt / f"{name}.atr")
        assert list(ours.samples) == theirs.sample.tolist()
        assert list(ours.symbols) == theirs.symbol
        assert list(ours.subtypes) == theirs.subtype.tolist()
    assert len(names) == 14


def test_a_file_of_wfdb_with_a_rate_is_read(tmp_path: Path) -> None:
    with quiet_wfdb() as wfdb:
        wfdb.wrann(
            "x", "qrs", np.array([5, 5, 9000]), symbol=["N", "+", "V"], fs=250,
            aux_note=["", "(B", "a text"], write_dir=str(tmp_path),
        )  # fmt: skip
    found = read_annotations(tmp_path / "x.qrs")
    beats = [(s, symbol) for s, symbol in zip(found.samples, found.symbols, strict=True) if s]
    assert found.fs == 250
    assert beats == [(5, "N"), (5, "+"), (9000, "V")]
