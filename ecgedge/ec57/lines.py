"""The line formats of `bxb`: one line for each record in each of two tables, `-L` and `-l`.

The first table holds the matrix in groups (an apostrophe marks a group: Nn' is Nn + Nf + Nq) and
the figures, the second what shutdowns hid. `-l` counts supraventricular ectopic beats as N.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ecgedge.ec57.classes import BEAT_CLASSES
from ecgedge.ec57.figures import Share, figures, missed_in_shutdown
from ecgedge.ec57.matrix import Matrix, row_sum, total, without_sveb

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "Nn'": "Nn Nf Nq",
        "Sn'": "Sn Sf Sq",
        "Vn'": "Vn Vf Vq",
        "Fn'": "Fn Ff Fq Qn Qf Qq",
        "On'": "On Of Oq Xn Xf Xq",
        "Ns": "Ns",
        "Ss": "Ss",
        "Vs": "Vs",
        "Fs'": "Fs Qs",
        "Os'": "Os Xs",
        "Nv": "Nv",
        "Sv": "Sv",
        "Vv": "Vv",
        "Fv'": "Fv Qv",
        "Ov'": "Ov Xv",
        "No'": "No Nx",
        "So'": "So Sx",
        "Vo'": "Vo Vx",
        "Fo'": "Fo Fx Qo Qx",
    }
)
"""Column of the first table -> the cells that it adds up."""


@dataclass(frozen=True)
class Format:
    """One of the two formats.

    Attributes
    ----------
    sveb : bool
        Whether supraventricular ectopic beats are a class of their own.
    widths : mapping of str to int
        Columns of counts in the first table, and the characters of each.
    figures : tuple of str
        Figures after them, see `ecgedge.ec57.figures`.
    heading, shutdown_heading : str
        What the two tables begin with.
    """

    sveb: bool
    widths: Mapping[str, int]
    figures: tuple[str, ...]
    heading: str
    shutdown_heading: str

    @property
    def classes(self) -> str:
        """Classes that have a column in the second table."""
        return BEAT_CLASSES if self.sveb else BEAT_CLASSES.replace("S", "")


def _widths(sveb: bool) -> Mapping[str, int]:
    wide = {"Nn'": 5, "Vv": 4}
    names = [name for name in GROUPS if sveb or not set(name) & {"S", "s"}]
    return MappingProxyType({name: wide.get(name, 3) for name in names})


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "L": Format(
            True,
            _widths(True),
            ("QRS_se", "QRS_ppv", "VEB_se", "VEB_ppv", "SVEB_se", "SVEB_ppv"),
            "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
            "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err\n",
            "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
            "                                missed missed missed missed missed      Time\n",
        ),
        "l": Format(
            False,
            _widths(False),
            ("QRS_se", "QRS_ppv", "VEB_se", "VEB_ppv", "VEB_fpr"),
            "Record Nn' Vn' Fn' On'  Nv   Vv  Fv' Ov' No' Vo' Fo'"
            "  Q Se   Q +P   V Se   V +P  V FPR\n",
            "Record Nx   Vx   Fx   Qx  % beats  % N    % V    % F   Total Shutdown\n"
            "                           missed missed missed missed      Time\n",
        ),
    }
)
"""Option of `bxb` -> format."""


def groups(matrix: Matrix) -> dict[str, int]:
    """Add up the cells of every column of the first table."""
    return {name: total(matrix, cells) for name, cells in GROUPS.items()}


def percent(name: str, part: float, whole: float) -> str:
    """Write a figure as `bxb` and `sumstats` do: in percent, or a hyphen of nothing."""
    if whole <= 0:
        return "      -"
    return f" {100.0 * part / whole:6.{3 if name == 'VEB_fpr' else 2}f}"


def _percent(name: str, share: Share) -> str:
    return percent(name, share.part, share.whole)


def beat_line(style: Format, record: str, matrix: Matrix, rr_error_ms: float | None) -> str:
    """Return the line of a record in the first table, without its end.

    Parameters
    ----------
    style : Format
    record : str
        Its name.
    matrix : mapping of str to int
        With SVEB, whatever the format.
    rr_error_ms : float or None
        RR-interval error; only ``-L`` shows it.
    """
    matrix = matrix if style.sveb else without_sveb(matrix)
    columns = groups(matrix)
    shares = figures(matrix)
    text = f"{record:>4}" + "".join(f" {columns[n]:{width}}" for n, width in style.widths.items())
    text += "".join(_percent(name, shares[name]) for name in style.figures)
    return text + rr_text(rr_error_ms) if style.sveb else text


def rr_text(rr_error_ms: float | None) -> str:
    """Write the RR-interval error of a line."""
    return "     -" if rr_error_ms is None else f" {rr_error_ms:6.2f}"


def shutdown_line(style: Format, record: str, matrix: Matrix, shutdown_s: int) -> str:
    """Return the line of a record in the second table, without its end.

    Parameters
    ----------
    style : Format
    record : str
        Its name.
    matrix : mapping of str to int
        With SVEB, whatever the format.
    shutdown_s : int
        Seconds of shutdown.
    """
    matrix = matrix if style.sveb else without_sveb(matrix)
    shares = missed_in_shutdown(matrix)
    counts = "".join(f" {matrix[f'{name}x']:4}" for name in style.classes)
    names = ("all", *style.classes.replace("Q", ""))
    hidden = "".join(_percent(name, shares[name]) for name in names)
    beats = " ".join(str(row_sum(matrix, name)) for name in BEAT_CLASSES)
    return f"{record:>4}{counts}  {hidden}{shutdown_s:5} seconds {beats}"
