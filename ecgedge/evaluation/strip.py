"""A strip of ECG with the label of every beat, the way it is read on paper."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgedge.evaluation.style import BLACK, CLASS_COLORS, GREY, VERMILION, canvas, styled

ROW_S = 10
"""Seconds in one row."""
GRID = "#e8b4b4"


def _draw_row(
    axes: Axes,
    millivolts: NDArray[np.floating],
    fs: float,
    start_s: float,
    limits: tuple[float, float],
) -> None:
    """Draw ten seconds of signal over a grid of one second."""
    low, high = limits
    span = max(high - low, 0.5)
    axes.plot(start_s + np.arange(len(millivolts)) / fs, millivolts, color=BLACK, linewidth=0.8)
    axes.set_xlim(start_s, start_s + ROW_S)
    axes.set_ylim(low - 0.28 * span, high + 0.32 * span)
    axes.set_yticks([])
    axes.set_xticks(start_s + np.arange(ROW_S + 1))
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


@styled
def draw_strip(
    millivolts: NDArray[np.floating],
    fs: float,
    beats: Sequence[tuple[int, str]],
    *,
    title: str,
    reference: Sequence[tuple[int, str]] = (),
    start_s: float = 0.0,
) -> Figure:
    """Draw rows of ten seconds with each beat's label above and the reference below.

    Parameters
    ----------
    millivolts : (samples,)
        One lead.
    fs : float
        Samples per second.
    beats : sequence of (sample, label)
        What the program said, by sample number within `millivolts`.
    title : str
        One line above.
    reference : sequence of (sample, symbol)
        Annotations of the record, drawn small below.
    start_s : float
        Time of the first sample, for the axis.
    """
    rows = max(1, round(len(millivolts) / fs / ROW_S))
    length = round(ROW_S * fs)
    low, high = (float(v) for v in np.percentile(millivolts, [0.05, 99.95]))
    span = max(high - low, 0.5)
    note = "Seconds. Above: what the program said. Below: the reference annotation."
    figure, panels = canvas(rows, 1, (11, 1.9 * rows + 0.8), title=title, note=note)
    for row, axes in enumerate(panels):
        first = row * length
        part = millivolts[first : first + length]
        _draw_row(axes, part, fs, start_s + row * ROW_S, (low, high))
        for sample, label in beats:
            if first <= sample < first + len(part):
                x, colour = start_s + sample / fs, CLASS_COLORS.get(label, VERMILION)
                weight = "normal" if label == "N" else "bold"
                axes.plot(x, millivolts[sample], "o", color=colour, markersize=4, zorder=3)
                axes.text(
                    x, high + 0.16 * span, label, color=colour, ha="center", weight=weight, size=11
                )
        for sample, symbol in reference:
            if first <= sample < first + len(part):
                x = start_s + sample / fs
                axes.text(x, low - 0.22 * span, symbol, color=GREY, ha="center", size=8)
    return figure
