"""A signal drawn with braille characters: two columns and four rows of dots in each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLANK = 0x2800
# bits of the dots of one character, by row (from the top) and column
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(counts: NDArray[np.integer], width: int, height: int, span: int) -> list[str]:
    """Draw a signal, the newest sample at the right edge.

    Each column of dots shows the range between the smallest and the largest sample that falls into
    it, joined to its neighbour, so that no QRS complex is too short to be seen.

    Parameters
    ----------
    counts : (n,) integers
        The newest samples; only the last `span` are drawn.
    width, height : int
        Size in characters, at least 1.
    span : int
        Samples that the whole width stands for.

    Returns
    -------
    list of str
        `height` lines of `width` characters, from the top.
    """
    columns, rows = 2 * width, 4 * height
    dots = np.zeros((rows, columns), dtype=bool)
    shown = np.asarray(counts[-span:], dtype=np.float64)
    if len(shown):
        places = columns - 1 - (len(shown) - 1 - np.arange(len(shown))) * columns // span
        low, high = shown.min(), shown.max()
        scaled = (high - shown) / (high - low) if high > low else np.full(len(shown), 0.5)
        levels = np.rint(scaled * (rows - 1)).astype(int)
        previous: int | None = None
        for column in range(max(int(places[0]), 0), columns):
            inside = levels[places == column]
            if len(inside):
                top, bottom = int(inside.min()), int(inside.max())
                if previous is not None:
                    top, bottom = min(top, previous), max(bottom, previous)
                dots[top : bottom + 1, column] = True
                previous = int(inside[-1])
    cells = dots.reshape(height, 4, width, 2)
    codes = _BLANK + np.einsum("hrwc,rc->hw", cells, _DOTS)
    return ["".join(map(chr, line)) for line in codes]


def marks(
    positions: Sequence[tuple[int, str]], newest: int, width: int, span: int
) -> list[tuple[int, str]]:
    """Return (column, text) of marks over a drawing, those that are inside it.

    Parameters
    ----------
    positions : sequence of (sample number, text)
        In the order of time; of two in one column the later one stays.
    newest : int
        Number of the sample at the right edge.
    width, span : int
        As in `braille`.
    """
    found: dict[int, str] = {}
    for number, text in positions:
        behind = newest - number
        if 0 <= behind < span:
            found[width - 1 - behind * width // span] = text
    return sorted(found.items())
