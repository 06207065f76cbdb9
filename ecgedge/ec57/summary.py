"""Gross and average figures over records, as WFDB's `sumstats` makes them from line reports.

Gross figures count the beats of all records together, average figures give every record the same
weight (records for which a figure is undefined are left out of its average). `sumstats` sees the
groups of the line format only, and takes SVEB +P without the fusion beats that were called S, while
`bxb` counts these as false: so a record's own line may differ from the gross line over it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ecgedge.ec57.figures import Share
from ecgedge.ec57.lines import (
    Format,
    beat_line,
    groups,
    percent,
    shutdown_line,
)
from ecgedge.ec57.matrix import Matrix, add, row_sum, total, without_sveb

_HITS = "Nn Ns Nv Nf Nq Sn Ss Sv Sf Sq Vn Vs Vv Vf Vq Fn Fs Fv Ff Fq Qn Qs Qv Qf Qq"


@dataclass(frozen=True)
class Row:
    """What the line reports say of one record.

    Attributes
    ----------
    record : str
    matrix : mapping of str to int
        With SVEB.
    rr_error_ms : float or None
    shutdown_s : int
    """

    record: str
    matrix: Matrix
    rr_error_ms: float | None
    shutdown_s: int


def gross(matrix: Matrix) -> dict[str, Share]:
    """Return the figures of a sum of matrices.

    The same names as `ecgedge.ec57.figures.figures`.
    """
    g = groups(matrix)
    hits = total(matrix, _HITS)
    v, s = g["Vv"], g["Ss"]
    called_v = g["Nv"] + g["Sv"] + g["Ov'"]
    not_called_v = sum(g[n] for n in ("Nn'", "Ns", "Sn'", "Ss", "Fn'", "Fs'", "On'", "Os'"))
    return {
        "QRS_se": Share(hits, hits + g["No'"] + g["So'"] + g["Vo'"] + g["Fo'"]),
        "QRS_ppv": Share(hits, hits + g["On'"] + g["Os'"] + g["Ov'"]),
        "VEB_se": Share(v, g["Vn'"] + g["Vs"] + v + g["Vo'"]),
        "VEB_ppv": Share(v, v + called_v),
        "VEB_fpr": Share(called_v, not_called_v + called_v),
        "SVEB_se": Share(s, g["Sn'"] + s + g["Sv"] + g["So'"]),
        "SVEB_ppv": Share(s, g["Ns"] + s + g["Vs"] + g["Os'"]),
    }


def average(matrices: Sequence[Matrix]) -> dict[str, float | None]:
    """Return the mean of each figure over the records for which it is defined, 0 to 1."""
    shares = [gross(matrix) for matrix in matrices]
    names = gross(add(matrices))
    return {name: mean([share[name].value for share in shares]) for name in names}


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are there; None without any."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def mean_rr_error_ms(rows: Sequence[Row]) -> float | None:
    """Return the mean RR-interval error of the records, each rounded to two places as printed."""
    errors = (row.rr_error_ms for row in rows)
    return mean([None if error is None else float(f"{error:.2f}") for error in errors])


def beat_table(style: Format, rows: Sequence[Row]) -> str:
    """Return the first table: heading, a line for each record, sum, gross, average, totals."""
    matrices = [r.matrix if style.sveb else without_sveb(r.matrix) for r in rows]
    whole = add(matrices)
    sums = groups(whole)
    lines = [beat_line(style, r.record, r.matrix, r.rr_error_ms) for r in rows]
    lines.append("_" * (132 if style.sveb else 86))
    head = "Sum" if style.sveb else "Sum "
    widths = {**style.widths, "Nn'": 6}
    lines.append(head + "".join(f" {sums[name]:{width}}" for name, width in widths.items()))
    before = 83 if style.sveb else 54
    lines.append(f"{'Gross':{before}}" + _gross_text(style, whole))
    lines.append(f"{'Average':{before}}" + _average_text(style, matrices, rows))
    lines.append(_totals(style, whole))
    return style.heading + "\n".join(lines) + "\n" + _count(rows)


def _gross_text(style: Format, whole: Matrix) -> str:
    shares = gross(whole)
    return "".join(percent(n, shares[n].part, shares[n].whole) for n in style.figures)


def _average_text(style: Format, matrices: Sequence[Matrix], rows: Sequence[Row]) -> str:
    means = average(matrices)
    text = "".join(_mean_text(name, means[name]) for name in style.figures)
    if not style.sveb:
        return text
    error = mean_rr_error_ms(rows)
    return text + ("      -" if error is None else f" {error:6.2f}")


def _mean_text(name: str, value: float | None) -> str:
    return percent(name, value or 0.0, 0 if value is None else 1)


def _totals(style: Format, whole: Matrix) -> str:
    shares = gross(whole)
    text = f"Total QRS complexes: {shares['QRS_se'].whole}  Total VEBs: {shares['VEB_se'].whole}"
    return text + f"  Total SVEBs: {shares['SVEB_se'].whole}" if style.sveb else text


def _count(rows: Sequence[Row]) -> str:
    return f"\nSummary of results from {len(rows)} record{'' if len(rows) == 1 else 's'}\n"


def shutdown_table(style: Format, rows: Sequence[Row]) -> str:
    """Return the second table: heading, a line for each record, sum.

    ``-l`` also has gross and average shares of beats missed in a shutdown. The gross ones are
    those of the beats; `sumstats` 10.7 divides by twice their number.
    """
    matrices = [r.matrix if style.sveb else without_sveb(r.matrix) for r in rows]
    whole = add(matrices)
    lines = [shutdown_line(style, r.record, r.matrix, r.shutdown_s) for r in rows]
    lines.append("_" * (72 if style.sveb else 68))
    counts = "".join(f" {whole[f'{name}x']:4}" for name in style.classes)
    seconds = f"{sum(r.shutdown_s for r in rows):4} seconds"
    lines.append(("Sum " if style.sveb else "Sum  ") + counts + " " * (38 if style.sveb else 31))
    lines[-1] += seconds
    if not style.sveb:
        lines += _hidden_lines(matrices)
    return style.shutdown_heading + "\n".join(lines) + "\n" + _count(rows)


def _hidden_lines(matrices: Sequence[Matrix]) -> list[str]:
    whole = _hidden(add(matrices))
    each = [_hidden(matrix) for matrix in matrices]
    means = [mean([shares[i].value for shares in each]) for i in range(len(whole))]
    return [
        f"{'Gross':25}" + "".join(percent("", share.part, share.whole) for share in whole),
        f"{'Average':25}" + "".join(_mean_text("", value) for value in means),
    ]


def _hidden(matrix: Matrix) -> list[Share]:
    """Shares of beats missed in a shutdown: all of them, N, V, F."""
    beats = Share(total(matrix, "Nx Vx Fx Qx"), sum(row_sum(matrix, name) for name in "NVFQ"))
    return [beats, *(Share(matrix[f"{name}x"], row_sum(matrix, name)) for name in "NVF")]
