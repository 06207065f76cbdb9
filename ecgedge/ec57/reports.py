"""Reports of several records: the texts of `bxb` and `sumstats`, and a table for people."""

from collections.abc import Mapping, Sequence

from ecgedge.ec57.figures import Share, extra, figures, missed
from ecgedge.ec57.lines import Format
from ecgedge.ec57.matrix import add, row_sum
from ecgedge.ec57.score import Score
from ecgedge.ec57.standard import matrix_lines, standard_report
from ecgedge.ec57.summary import average, beat_table, gross, shutdown_table

_TITLES = {
    "QRS_se": "Se",
    "QRS_ppv": "+P",
    "VEB_se": "VEB Se",
    "VEB_ppv": "VEB +P",
    "SVEB_se": "SVEB Se",
    "SVEB_ppv": "SVEB +P",
}
"""Figures in the table for people."""
_WIDTH = 9


def text_reports(scores: Sequence[Score], style: Format) -> dict[str, str]:
    """Return the reports as files: name -> content.

    ``standard.txt`` holds the standard report of every record, ``line_1.txt`` and ``line_2.txt``
    the two line reports with sums, gross and average lines.

    Parameters
    ----------
    scores : sequence of Score
    style : Format
        One of `ecgedge.ec57.lines.FORMATS`.
    """
    rows = [score.row for score in scores]
    standard = (
        standard_report(
            style, s.row, s.task.reference.suffix[1:] or "-", s.task.test.suffix[1:] or "-"
        )
        for s in scores
    )
    return {
        "standard.txt": "".join(standard),
        "line_1.txt": beat_table(style, rows),
        "line_2.txt": shutdown_table(style, rows),
    }


def people_table(scores: Sequence[Score]) -> str:
    """Return figures in percent, a line for each record, gross and average, and the sum matrix."""
    matrices = [score.row.matrix for score in scores]
    whole = add(matrices)
    width = max(8, *(len(score.row.record) + 1 for score in scores))
    titles = ("beats", *_TITLES.values(), "missed", "extra")
    lines = [f"{'record':<{width}}" + "".join(f"{title:>{_WIDTH}}" for title in titles)]
    for score, matrix in zip(scores, matrices, strict=True):
        shares = _values(figures(matrix))
        lines.append(_line(score.row.record, width, shares, matrix))
    lines.append(_line("gross", width, _values(gross(whole)), whole))
    if len(scores) > 1:
        lines.append(f"{'average':<{width}}" + " " * _WIDTH + _percents(average(matrices)))
    return "\n".join([*lines, "", *matrix_lines(whole)]) + "\n"


def _line(
    name: str, width: int, values: Mapping[str, float | None], matrix: Mapping[str, int]
) -> str:
    beats = sum(row_sum(matrix, row) for row in "NSVFQ")
    counts = f"{missed(matrix):>{_WIDTH}}{extra(matrix):>{_WIDTH}}"
    return f"{name:<{width}}{beats:>{_WIDTH}}{_percents(values)}{counts}"


def _values(shares: Mapping[str, Share]) -> dict[str, float | None]:
    return {name: share.value for name, share in shares.items()}


def _percents(values: Mapping[str, float | None]) -> str:
    texts = (values[name] for name in _TITLES)
    return "".join(f"{'-' if v is None else f'{100 * v:.2f}':>{_WIDTH}}" for v in texts)
