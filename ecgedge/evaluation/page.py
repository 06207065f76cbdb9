"""A report as one page: tables, pictures inside, nothing to fetch. For reading and for printing."""

import base64
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ecgedge.evaluation.names import show, show_limits, title_of, value_of
from ecgedge.evaluation.report import beats_of
from ecgedge.evaluation.tables import (
    Table,
    all_tables,
    lead_of,
    main_names,
    models,
    title_of_report,
)
from ecgedge.evaluation.text import facts

STYLE = "page.css"
DPI, CSS_DPI = 144, 96
"""Pixels in an inch of the pictures (`style.DPI`, which needs matplotlib), and of a browser."""
CODE, CODE_TAG = r"`([^`]*)`", r"<code>\1</code>"


def html(
    report: Mapping[str, Any],
    folder: Path | None = None,
    pictures: Mapping[str, Path] | None = None,
) -> str:
    """Write a report as one HTML page.

    Parameters
    ----------
    report : mapping
        From `report.build`.
    folder : Path, optional
        Where the pictures are.
    pictures : mapping, optional
        Title -> path relative to the folder; they are put into the page.

    Returns
    -------
    str
        The page asks for no other file, and a browser is told to fetch none.
    """
    tables = all_tables(report)
    drawn = [_figure(title, folder / path) for title, path in (pictures or {}).items() if folder]
    first, rest = tables[:2], tables[2:]
    body = [
        f"<h1>{escape(title_of_report(report))}</h1>",
        f'<p class="note">{escape(report["note"])}</p>' if report["note"] else "",
        _cards(report),
        *(f'<p class="verdict">{escape(verdict)}</p>' for verdict in report["verdicts"]),
        *map(_table, first),
        _list("What has to be known", report["traps"]),
        *drawn,
        *map(_table, rest),
        _list("What this was made of", facts(report)),
        f"<p>Records: {escape(' '.join(beats_of(report)['record_names']))}.</p>",
        "<footer>ecgedge is a research tool, not a medical device.</footer>",
    ]
    return _page(title_of_report(report), body)


def _page(title: str, body: Iterable[str]) -> str:
    style = (files("ecgedge.evaluation") / STYLE).read_text(encoding="utf-8")
    nothing = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{nothing}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            *(part for part in body if part),
            "</body>",
            "</html>",
            "",
        )
    )


def _cards(report: Mapping[str, Any]) -> str:
    """The numbers that a model is judged by, large, with their intervals."""
    numbers = models(report)[lead_of(report)]
    cards = []
    for name in main_names(report["classes"]):
        limits = show_limits(value_of(numbers["intervals"], name), name)
        cards.append(
            f'<div class="card"><b>{escape(show(value_of(numbers, name), name))}</b>'
            f"<span>{escape(title_of(name))}</span><small>{escape(limits)}</small></div>"
        )
    what = f"{numbers['what']}, {report['n_seeds']} seed{'s' if report['n_seeds'] > 1 else ''}"
    return f'<p>{escape(what)}:</p>\n<div class="cards">\n' + "\n".join(cards) + "\n</div>"


def _table(table: Table) -> str:
    def cells(tag: str, row: Iterable[str]) -> str:
        return "".join(f"<{tag}>{_lines(cell)}</{tag}>" for cell in row)

    rows = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    note = f"<p><small>{escape(table.note)}</small></p>" if table.note else ""
    return (
        f"<section>\n<h2>{escape(table.title)}</h2>\n"
        f'<div class="wide"><table>\n<thead><tr>{cells("th", table.columns)}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n{note}</section>"
    )


def _lines(cell: str) -> str:
    """The first line of a cell stands out, the others are small."""
    first, *others = cell.split("\n")
    return escape(first) + "".join(f"<br><small>{escape(other)}</small>" for other in others)


def _list(title: str, lines: Iterable[str]) -> str:
    items = "\n".join(f"<li>{re.sub(CODE, CODE_TAG, escape(line))}</li>" for line in lines)
    return f"<section>\n<h2>{escape(title)}</h2>\n<ul>\n{items}\n</ul>\n</section>"


def _figure(title: str, file: Path) -> str:
    """One picture, at the size that it was drawn for."""
    content = file.read_bytes()
    width = int.from_bytes(content[16:20], "big") * CSS_DPI // DPI  # of a PNG's header
    data = base64.b64encode(content).decode("ascii")
    return (
        f"<figure>\n<h2>{escape(title)}</h2>\n"
        f'<img alt="{escape(title)}" width="{width}" '
        f'src="data:image/png;base64,{data}">\n</figure>'
    )
