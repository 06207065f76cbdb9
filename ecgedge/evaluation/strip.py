"""A strip of ECG with the label of every beat, the way it is read on paper."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLOURS = {"N": "#4d4d4d", "S": "#0072b2", "V": "#d55e00", "F": "#aa4499", "Q": "#999933"}
OTHER_COLOUR = "#d55e00"
ROW_S = 10.0
"""Seconds in one row."""


def draw_strip(
    path: Path,
    millivolts: NDArray[np.floating],
    fs: float,
    beats: Sequence[tuple[int, str]],
    *,
    title: str,
    reference: Sequence[tuple[int, str]] = (),
    start_s: float = 0.0,
) -> None:
    """Draw rows of ten seconds with each beat's label above and the reference below.

    Parameters
    ----------
    path : Path
        PNG or SVG to write.
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max(1, round(len(millivolts) / fs / ROW_S))
    figure = Figure(figsize=(11, 1.9 * rows + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    low, high = np.percentile(millivolts, [0.05, 99.95])
    span = max(high - low, 0.5)
    length = round(ROW_S * fs)
    for row in range(rows):
        axes = figure.add_subplot(rows, 1, row + 1)
        part = millivolts[row * length : (row + 1) * length]
        time = start_s + (row * length + np.arange(len(part))) / fs
        axes.plot(time, part, color="#222222", linewidth=0.8)
        axes.set_xlim(start_s + row * ROW_S, start_s + (row + 1) * ROW_S)
        axes.set_ylim(low - 0.28 * span, high + 0.32 * span)
        axes.set_yticks([])
        axes.grid(axis="x", color="#e8b4b4", linewidth=0.6)
        axes.set_xticks(np.arange(start_s + row * ROW_S, start_s + (row + 1) * ROW_S + 0.5))
        axes.tick_params(labelsize=8, length=0)
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
        inside = range(row * length, row * length + len(part))
        for sample, label in beats:
            if sample in inside:
                colour = COLOURS.get(label, OTHER_COLOUR)
                x = start_s + sample / fs
                axes.plot(x, millivolts[sample], "o", color=colour, markersize=4, zorder=3)
                axes.text(
                    x, high + 0.16 * span, label, color=colour, ha="center", fontsize=11,
                    fontweight="normal" if label == "N" else "bold",
                )  # fmt: skip
        for sample, symbol in reference:
            if sample in inside:
                x = start_s + sample / fs
                axes.text(x, low - 0.22 * span, symbol, color="#888888", ha="center", fontsize=8)
    figure.supxlabel(
        "seconds; above: the program's label, below: the reference annotation", fontsize=9
    )
    figure.savefig(path, dpi=110)
