"""Sensitivity and positive predictivity of one comparison, as `bxb` defines them.

For the whole beat: what is found, whatever its class. For ventricular (VEB) and supraventricular
(SVEB) ectopic beats: what is found and classified. EC57 leaves fusion beats (F) and beats that
nobody can classify (Q) out of a verdict on VEB: to take one of them for V is no false positive. For
SVEB `bxb` leaves out Q alone.
"""

from dataclasses import dataclass

from ecgedge.ec57.classes import BEAT_CLASSES
from ecgedge.ec57.matrix import CELLS, Matrix, row_sum, total

_FOUND = tuple(c for c in CELLS if c[0] in BEAT_CLASSES and c[1].upper() in BEAT_CLASSES)
_MISSED = tuple(c for c in CELLS if c[1] in "ox")
_EXTRA = tuple(c for c in CELLS if c[0] in "OX")


@dataclass(frozen=True)
class Share:
    """A part of a whole.

    Attributes
    ----------
    part, whole : int
    """

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The quotient, 0 to 1; None of nothing."""
        return self.part / self.whole if self.whole else None


def found(matrix: Matrix) -> int:
    """Count the reference beats that have a partner."""
    return sum(matrix[cell] for cell in _FOUND)


def missed(matrix: Matrix) -> int:
    """Count the reference beats that have none."""
    return sum(matrix[cell] for cell in _MISSED)


def extra(matrix: Matrix) -> int:
    """Count the test beats that have none."""
    return sum(matrix[cell] for cell in _EXTRA)


def figures(matrix: Matrix) -> dict[str, Share]:
    """Return the figures of a matrix.

    Parameters
    ----------
    matrix : mapping of str to int
        As `ecgedge.ec57.matrix.count` returns it.

    Returns
    -------
    dict of str to Share
        ``QRS_se``, ``QRS_ppv``, ``VEB_se``, ``VEB_ppv``, ``VEB_fpr`` (the share of all that is no
        VEB which was called one), ``SVEB_se``, ``SVEB_ppv``.
    """
    hits = found(matrix)
    called_v = total(matrix, "Nv Sv Ov Xv")
    not_called_v = sum(matrix[row + column] for row in "NSFQOX" for column in "nsfq")
    return {
        "QRS_se": Share(hits, hits + missed(matrix)),
        "QRS_ppv": Share(hits, hits + extra(matrix)),
        "VEB_se": Share(matrix["Vv"], row_sum(matrix, "V")),
        "VEB_ppv": Share(matrix["Vv"], matrix["Vv"] + called_v),
        "VEB_fpr": Share(called_v, called_v + not_called_v),
        "SVEB_se": Share(matrix["Ss"], row_sum(matrix, "S")),
        "SVEB_ppv": Share(matrix["Ss"], total(matrix, "Ns Ss Vs Fs Os Xs")),
    }


def missed_in_shutdown(matrix: Matrix) -> dict[str, Share]:
    """Return the share of beats that a shutdown of the test hid: ``all`` of them, and each class.

    `bxb` leaves S out of the part for all of them, and so does this: with N, S, V, F, Q kept apart
    it is smaller than the sum of its classes.
    """
    beats = found(matrix) + missed(matrix)
    shares = {"all": Share(total(matrix, "Nx Vx Fx Qx"), beats)}
    for name in BEAT_CLASSES:
        shares[name] = Share(matrix[f"{name}x"], row_sum(matrix, name))
    return shares
