"""The matrix of a comparison: how many beats of each class were taken for which.

A cell is named by the class in the reference, in capitals, and the class in the test, in small
letters; `o` and `x` are missed beats, `O` and `X` extra ones, see `ecgedge.ec57.pairing`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ecgedge.ec57.classes import ALONE, BEAT_CLASSES, IN_SHUTDOWN
from ecgedge.ec57.pairing import Pair

ROWS = (*BEAT_CLASSES, ALONE, IN_SHUTDOWN)
COLUMNS = tuple(name.lower() for name in ROWS)
CELLS = tuple(
    row + column
    for row in ROWS
    for column in COLUMNS
    if row in BEAT_CLASSES or column.upper() in BEAT_CLASSES
)
"""The 45 cells, row by row."""

Matrix = Mapping[str, int]


def count(pairs: Sequence[Pair]) -> dict[str, int]:
    """Count pairs into a matrix; every one of the `CELLS` is there."""
    counted = Counter(pair.cell for pair in pairs)
    return {cell: counted[cell] for cell in CELLS}


def add(matrices: Iterable[Matrix]) -> dict[str, int]:
    """Add matrices, cell by cell."""
    total = dict.fromkeys(CELLS, 0)
    for matrix in matrices:
        for cell in CELLS:
            total[cell] += matrix[cell]
    return total


def without_sveb(matrix: Matrix) -> dict[str, int]:
    """Count supraventricular ectopic beats as N, as the reports without SVEB do."""
    merged = dict.fromkeys(CELLS, 0)
    for cell in CELLS:
        merged[cell.replace("S", "N").replace("s", "n")] += matrix[cell]
    return merged


def row_sum(matrix: Matrix, row: str) -> int:
    """Count the beats of a class in the reference, or those that are extra (`O`, `X`)."""
    return sum(matrix[cell] for cell in CELLS if cell[0] == row)


def total(matrix: Matrix, cells: str) -> int:
    """Add the cells whose names are in a text, separated by blanks."""
    return sum(matrix[cell] for cell in cells.split())
