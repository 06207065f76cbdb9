"""Which classes are taken for which."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ecgedge.evaluation.style import (
    BLACK,
    MAX_COLUMNS,
    TITLE_CHARACTERS_PER_INCH,
    canvas,
    styled,
    unused,
)


@styled
def confusion_matrices(
    models: Mapping[str, tuple[ArrayLike, Sequence[str]]],
    *,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw confusion matrices side by side: model -> (counts (classes, classes), labels).

    Colour is the share of the reference class, so that rare classes can be read; the cells hold
    the counts and that share.
    """
    columns = max(1, min(MAX_COLUMNS, len(models)))
    lines = max(1, -(-len(models) // columns))
    classes = max((len(labels) for _, labels in models.values()), default=2)
    cell_inches = 0.75 if classes > 2 else 1.1
    width = cell_inches * classes + 0.9
    size = (width * columns, (width + 0.6) * lines + 0.3)
    figure, axes = canvas(lines, columns, size, title=title, note=note)
    unused(axes[len(models) :])
    for axis, (name, (counts, labels)) in zip(axes, models.items(), strict=False):
        matrix = np.asarray(counts, np.float64)
        total = matrix.sum(axis=1, keepdims=True)
        share = np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)
        axis.grid(False)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(matrix):
            color = "white" if share[row, column] > 0.55 else BLACK
            axis.text(
                column, row, f"{count:,.0f}\n{share[row, column]:.1%}",
                ha="center", va="center", fontsize=8, color=color,
            )  # fmt: skip
        ticks = range(len(labels))
        axis.set_xticks(ticks, labels)
        axis.set_yticks(ticks, labels, rotation=90 if max(map(len, labels)) > 2 else 0, va="center")
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set(xlabel="model", ylabel="reference")
        axis.set_title(textwrap.fill(name, int(width * TITLE_CHARACTERS_PER_INCH)))
    return figure
