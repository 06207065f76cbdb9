"""The page of a report: whole, safe, and in need of nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgedge.evaluation import heldout, metrics, report, style
from ecgedge.evaluation.page import CSS_DPI, DPI, html
from ecgedge.evaluation.reliability import reliability

EVIL = "<script>alert('\"&')</script>"
VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """Checks that every tag is closed, and collects what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [v for k, v in attrs if k in ("src", "href", "srcset", "data") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def content(excerpt: Path) -> dict[str, Any]:
    held = heldout.held_out("ds1-ds2", excerpt, task="nsvf")
    random = np.random.default_rng(0)
    said = tuple(held.predictions(random.normal(size=(len(held.y), 4))) for _ in range(2))
    rows = [
        report.Row("program", f"student {EVIL}", said, 140, (), ("a" * 64, "b" * 64)),
        report.Row("logistic", "logistic", said[:1], 44, (), ("c" * 64,)),
    ]
    return report.build(
        held,
        rows,
        subjects=[{"name": EVIL, "kind": "runs", "trained_on": "all"}],
        resamples=20,
        notes=["Add `--test`."],
        ledger=[{"time": "2026-01-02T03:04:05Z", "subject": EVIL, "records": 7, "beats": 12}],
        command=f"ecgedge evaluate '{EVIL}' --test",
    )


def test_the_page_is_well_formed_and_fetches_nothing(
    content: dict[str, Any], tmp_path: Path
) -> None:
    some = metrics.Predictions(
        ("N", "V"), np.zeros(9, int), np.zeros(9, int), np.ones((9, 2)), np.zeros(9, int), ("1",)
    )
    file = style.save(reliability({"a": some}), tmp_path / "a.png")
    page = html(content, tmp_path, {"A picture": Path(file.name)})
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert len(reader.fetched) == 1
    assert reader.fetched[0].startswith("data:image/png;base64,")
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_names_are_text_not_markup(content: dict[str, Any]) -> None:
    reader = Reader()
    page = html(content)
    reader.feed(page)
    assert "script" not in reader.seen
    assert "&lt;script&gt;" in page


def test_hashes_ledger_command_and_traps_are_on_the_page(content: dict[str, Any]) -> None:
    page = html(content)
    assert "b" * 64 in page
    assert "2026-01-02T03:04:05Z" in page
    assert "ecgedge evaluate" in page
    assert "<code>--test</code>" in page
    assert report.EXCERPT_NOTE in page


def test_pictures_have_the_size_that_they_were_drawn_for() -> None:
    assert style.DPI == DPI
    assert DPI > CSS_DPI
