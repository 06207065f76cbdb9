"""Whether a model means the probabilities that it states."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgedge.evaluation import metrics
from ecgedge.evaluation.style import (
    CYCLE,
    GREY,
    LIGHT,
    MAX_COLUMNS,
    TITLE_CHARACTERS_PER_INCH,
    canvas,
    styled,
    unused,
)

MIN_BIN_BEATS = 10


@styled
def reliability(
    models: Mapping[str, metrics.Predictions], *, title: str | None = None, note: str | None = None
) -> Figure:
    """Draw what came true over what was stated (see `metrics.confidence`).

    On the diagonal a model means what it says. Bins of fewer than `MIN_BIN_BEATS` beats are left
    out of the curve; the bars below count the beats. The grey line is the bare logits, without
    the logit scale, where a model has one.
    """
    columns = max(1, min(MAX_COLUMNS, len(models)))
    lines = max(1, -(-len(models) // columns))
    figure, axes = canvas(
        2 * lines, columns, (3.3 * columns, 4.2 * lines + 0.3), title=title, note=note,
        sharex=True, gridspec_kw={"height_ratios": (3, 1) * lines},
    )  # fmt: skip
    for i, (name, beats) in enumerate(models.items()):
        line, column = divmod(i, columns)
        upper, lower = (axes[(2 * line + half) * columns + column] for half in (0, 1))
        correct, confidence = metrics.confidence(beats)
        upper.plot([0, 1], [0, 1], color=LIGHT, linewidth=1)
        if beats.logit_scale != 1:
            bare = metrics.confidence(beats, scaled=False)
            error = metrics.calibration_error(*bare)
            label = f"without logit scale: ECE {error:.3f}"
            _reliability_curve(upper, bare, color=GREY, linestyle="--", label=label)
            lower.legend(  # below both panels: curves go everywhere
                *upper.get_legend_handles_labels(), loc="upper left",
                bbox_to_anchor=(-0.02, -0.62), borderaxespad=0,
            )  # fmt: skip
        count = _reliability_curve(
            upper, (correct, confidence), color=CYCLE[i % 6], linestyle="-", label=None
        )
        what = "share abnormal" if len(beats.labels) == 2 else "share labelled right"
        upper.set(ylim=(-0.02, 1.02), ylabel=what if column == 0 else None)
        heading = textwrap.fill(name, int(3.3 * TITLE_CHARACTERS_PER_INCH))
        upper.set_title(f"{heading}\nECE {metrics.calibration_error(correct, confidence):.3f}")
        edges = np.linspace(0, 1, len(count) + 1)
        lower.bar(edges[:-1], count, width=np.diff(edges), align="edge", color=LIGHT)
        lower.set_yscale("symlog", linthresh=1)
        lower.set(xlim=(-0.02, 1.02), xlabel="stated probability", ylim=(0, None))
        lower.set_ylabel("beats" if column == 0 else "")
        lower.tick_params(labelbottom=True)  # the line below may have no panel in this column
    unused(axes[2 * row * columns + column + half * columns]
           for row, column in _empty(len(models), columns) for half in (0, 1))  # fmt: skip
    return figure


def _reliability_curve(
    axis: Axes,
    stated: tuple[NDArray[np.bool_], NDArray[np.float64]],
    *,
    color: str,
    linestyle: str,
    label: str | None,
) -> NDArray[np.int64]:
    """Draw one reliability curve; return the beats in each bin."""
    mean, share, count = metrics.reliability(*stated)
    seen = count >= MIN_BIN_BEATS
    axis.plot(
        mean[seen], share[seen], marker="o", markersize=4, color=color, linestyle=linestyle,
        label=label,
    )  # fmt: skip
    return count


def _empty(count: int, columns: int) -> list[tuple[int, int]]:
    """Row and column of the places of a grid that `count` panels leave empty."""
    places = -(-max(count, 1) // columns) * columns
    return [divmod(place, columns) for place in range(count, places)]
