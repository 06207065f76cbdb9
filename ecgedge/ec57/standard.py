"""The standard report of `bxb` (`-S`, and `-s` without SVEB): matrix and figures of one record."""

from ecgedge.ec57.figures import Share, figures, missed_in_shutdown
from ecgedge.ec57.lines import Format
from ecgedge.ec57.matrix import CELLS, COLUMNS, ROWS, Matrix, without_sveb
from ecgedge.ec57.summary import Row

TITLES = {
    "QRS_se": "           QRS sensitivity",
    "QRS_ppv": " QRS positive predictivity",
    "VEB_se": "           VEB sensitivity",
    "VEB_ppv": " VEB positive predictivity",
    "VEB_fpr": "   VEB false positive rate",
    "SVEB_se": "          SVEB sensitivity",
    "SVEB_ppv": "SVEB positive predictivity",
}


def standard_report(style: Format, row: Row, reference: str, test: str) -> str:
    """Return the report of one record.

    Parameters
    ----------
    style : Format
        Says whether SVEB are a class of their own.
    row : Row
    reference, test : str
        Names of the annotators.
    """
    matrix = row.matrix if style.sveb else without_sveb(row.matrix)
    shares = figures(matrix)
    lines = [
        f"Beat-by-beat comparison results for record {row.record}",
        f"Reference annotator: {reference}",
        f"     Test annotator: {test}",
        "",
        *matrix_lines(matrix, style.sveb),
        "",
        *(_share_line(TITLES[name], shares[name], name) for name in style.figures),
    ]
    lines.append(f"     RMS RR interval error: {_rr(row.rr_error_ms)}" if style.sveb else "")
    hidden = missed_in_shutdown(matrix)
    lines += ["", _share_line("  Beats missed in shutdown", hidden["all"])]
    lines += [
        _share_line(f"      {name} missed in shutdown", hidden[name])
        for name in style.classes.replace("Q", "")
    ]
    lines.append(f"       Total shutdown time: {row.shutdown_s:5} seconds")
    return "\n".join(lines) + "\n"


def matrix_lines(matrix: Matrix, sveb: bool = True) -> list[str]:
    """Return the matrix as text, reference from top to bottom, test from left to right."""
    columns = [c for c in COLUMNS if sveb or c != "s"]
    lines = [
        "               Algorithm",
        "        " + "    ".join(columns),
        "   " + "_" * (1 + 5 * len(columns)),
    ]
    for name in ROWS:
        if not sveb and name == "S":
            continue
        cells = [f"{matrix[name + c]:4}" for c in columns if name + c in CELLS]
        lines.append(f" {name} | " + " ".join(cells))
    return lines


def _share_line(title: str, share: Share, name: str = "") -> str:
    digits = 3 if name == "VEB_fpr" else 2
    value = f"{100.0 * share.part / share.whole:6.{digits}f}%" if share.whole else "     - "
    return f"{title}: {value} ({share.part}/{share.whole})"


def _rr(rr_error_ms: float | None) -> str:
    return "     -" if rr_error_ms is None else f"{rr_error_ms:6.2f} ms"
