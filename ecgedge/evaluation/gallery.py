"""Beats to look at: some of every class that were labelled right, and some wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgedge.evaluation import metrics
from ecgedge.evaluation.style import BLUE, GREY, LIGHT, VERMILION, page, styled


@dataclass(frozen=True)
class Example:
    """One beat for the gallery.

    Attributes
    ----------
    wave : ndarray, shape (window,)
        The window, in any unit.
    reference, decided : str
        Class names.
    place : str
        Where it is, for instance ``"232 12:03.4"``.
    """

    wave: NDArray[np.generic]
    reference: str
    decided: str
    place: str


def pick_examples(
    beats: metrics.Predictions, each: int, *, seed: int = 0
) -> list[tuple[list[int], list[int]]]:
    """Pick beats for the gallery: for each class up to `each` right and `each` wrong ones.

    They are drawn at random, one record after the other as far as possible, so that one long
    recording does not fill the picture.

    Returns
    -------
    list of (right, wrong)
        Indices of beats, one pair a class that occurs in the reference or not.
    """
    random = np.random.default_rng(seed)
    right = beats.predicted == beats.y

    def draw(mask: NDArray[np.bool_]) -> list[int]:
        index = random.permutation(np.flatnonzero(mask))
        turn = np.zeros(len(index), dtype=np.int64)
        seen: dict[int, int] = {}
        for position, record in enumerate(beats.record[index]):
            turn[position] = seen[int(record)] = seen.get(int(record), -1) + 1
        return [int(i) for i in index[np.argsort(turn, kind="stable")][:each]]

    classes = range(len(beats.labels))
    return [(draw((beats.y == c) & right), draw((beats.y == c) & ~right)) for c in classes]


@styled
def gallery(
    rows: Sequence[tuple[str, Sequence[Example], Sequence[Example]]],
    fs: int,
    *,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw beats that were labelled right (left, in blue) and wrong (right, in vermilion).

    Parameters
    ----------
    rows : sequence of (class name, right, wrong)
    fs : int
        Samples per second.
    """
    each = max([1, *(len(part) for _, *parts in rows for part in parts)])
    size = (1.4 * 2 * each + 0.6, 1.35 * max(1, len(rows)) + 0.9)
    figure = page(size, title=title, note=note)
    left, right = np.asarray(figure.subfigures(1, 2, wspace=0.04))
    looks = (("labelled right", BLUE), ("labelled wrong: reference → model", VERMILION))
    for side, (part, (heading, color)) in enumerate(zip((left, right), looks, strict=True)):
        part.suptitle(heading, fontsize=9, color=color, x=0.02, ha="left")
        axes = part.subplots(max(1, len(rows)), each, squeeze=False)
        for (name, *parts), line in zip(rows, axes, strict=True):
            for axis in line:
                _blank(axis)
            for axis, example in zip(line, parts[side], strict=False):
                _draw_beat(axis, example, fs, color, wrong=side == 1)
            if not parts[side]:
                line[0].text(0.0, 0.5, "none", transform=line[0].transAxes, color=GREY)
            if side == 0:
                line[0].set_ylabel(
                    name, fontsize=10, fontweight="bold", rotation=0, ha="right", va="center"
                )
    return figure


def _blank(axis: Axes) -> None:
    axis.grid(False)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _draw_beat(axis: Axes, example: Example, fs: int, color: str, *, wrong: bool) -> None:
    _blank(axis)
    window = len(example.wave)
    time_s = (np.arange(window) - window // 2) / fs
    axis.axvline(0, color=LIGHT, linewidth=0.8)
    axis.plot(time_s, example.wave, color=color, linewidth=1)
    heading = f"{example.reference} → {example.decided}  " if wrong else ""
    axis.set_title(heading + example.place, fontsize=7, fontweight="normal", loc="center", pad=2)
