"""How pictures look: one palette, one grid, one way of saving. Matplotlib's object interface only.

The palette is that of Okabe and Ito (2008), which stays apart for colour-blind readers; models
also differ in their line, so that a grey print still tells them apart.

Whoever draws is a function that is given numbers, or reference and scores, and returns a `Figure`;
it reads no file and computes no metric of its own.
"""

import io
import textwrap
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from firmware_sim.files import write_atomic

BLACK, GREY, LIGHT = "#1b1b1b", "#767676", "#d9d9d9"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, SKY, PINK = "#e69f00", "#56b4e9", "#cc79a7"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
CLASS_COLORS = {"N": BLUE, "S": ORANGE, "V": VERMILION, "F": PINK, "Q": GREY, "abnormal": VERMILION}
DPI = 144
NOTE_SIZE = 8
CHARACTERS_PER_INCH = 15
TITLE_CHARACTERS_PER_INCH = 9.5
"""Longer names of models are broken over several lines above their panel."""
MAX_COLUMNS = 3
"""Panels side by side where each is about one model."""

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
}


P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function in the house style, leaving matplotlib's settings alone."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def canvas(
    rows: int,
    columns: int,
    size_inches: tuple[float, float],
    *,
    title: str | None = None,
    note: str | None = None,
    **options: Any,
) -> tuple[Figure, list[Axes]]:
    """Make a figure and its axes, row by row, in the house style.

    Parameters
    ----------
    rows, columns : int
    size_inches : tuple of float
        Width and height.
    title : str, optional
        Over everything.
    note : str, optional
        A small line below everything: which data, or that the figures are not results.
    **options
        For ``Figure.subplots``.
    """
    figure = page(size_inches, title=title, note=note)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [axis for row in axes for axis in row]


def page(
    size_inches: tuple[float, float], *, title: str | None = None, note: str | None = None
) -> Figure:
    """Make an empty figure with its title and note; parameters as in `canvas`."""
    figure = Figure(figsize=size_inches, layout="constrained", dpi=DPI)
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    if note:
        lines = textwrap.fill(note, max(20, int(size_inches[0] * CHARACTERS_PER_INCH)))
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=NOTE_SIZE, color=GREY)
    return figure


def unused(axes: Iterable[Axes]) -> None:
    """Hide axes that have nothing to show."""
    for axis in axes:
        axis.set_visible(False)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all, and return its path."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    write_atomic(path, buffer.getvalue())
    return path
