"""How well scores put one class before the rest: ROC and precision-recall curves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgedge.evaluation import metrics
from ecgedge.evaluation.style import CYCLE, LIGHT, LINES, canvas, styled

MAX_CURVE_POINTS = 2000


@dataclass(frozen=True)
class Ranking:
    """Scores of one model for one question, ready to be drawn as a curve.

    Attributes
    ----------
    positive : ndarray of bool, shape (n,)
    score : ndarray, shape (n,)
    point : tuple of float, optional
        (false-positive rate, sensitivity) at which the model decides.
    """

    positive: NDArray[np.bool_]
    score: NDArray[np.generic]
    point: tuple[float, float] | None = None


def ranking(beats: metrics.Predictions, name: str | None = None) -> Ranking:
    """Return the ranking of one class against the rest; of abnormality unless a name is given."""
    name = beats.labels[0] if name is None else name
    index = beats.labels.index(name)
    positive = metrics.is_positive(beats.y, beats.labels, name)
    called = metrics.is_positive(beats.predicted, beats.labels, beats.labels[index])
    point = None
    if positive.any() and not positive.all():
        point = float(called[~positive].mean()), float(called[positive].mean())
    return Ranking(positive, metrics.one_against_rest(beats.scores, beats.labels, name), point)


@styled
def roc(
    panels: Mapping[str, Mapping[str, Ranking]],
    *,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw ROC curves side by side: panel -> model -> scores.

    A model keeps its colour and line in every panel. The dot is where it decides.
    """
    order = _order(panels)
    columns = max(1, len(panels))
    figure, axes = canvas(1, columns, _curve_size(columns, len(order)), title=title, note=note)
    for axis, (panel, models) in zip(axes, panels.items(), strict=False):
        axis.plot([0, 1], [0, 1], color=LIGHT, linewidth=1)
        for name, item in models.items():
            color, line = CYCLE[order.index(name) % 6], LINES[order.index(name) % 6]
            alarms, hits = _thin(*metrics.roc_curve(item.positive, item.score)[:2])
            area = metrics.auroc(item.positive, item.score)
            axis.plot(alarms, hits, linestyle=line, color=color, label=f"{name}  {area:.3f}")
            if item.point is not None:
                axis.plot(*item.point, "o", color=color, markersize=5, markeredgecolor="white")
        _unit_square(axis, "false-positive rate", "sensitivity")
        axis.set_title(panel)
        _legend_below(axis, "AUROC")
    return figure


@styled
def precision_recall(
    panels: Mapping[str, Mapping[str, Ranking]],
    *,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw +P over Se side by side: panel -> model -> scores. The grey line is chance."""
    order = _order(panels)
    columns = max(1, len(panels))
    figure, axes = canvas(1, columns, _curve_size(columns, len(order)), title=title, note=note)
    for axis, (panel, models) in zip(axes, panels.items(), strict=False):
        for name, item in models.items():
            color, line = CYCLE[order.index(name) % 6], LINES[order.index(name) % 6]
            axis.axhline(float(np.mean(item.positive)), color=LIGHT, linewidth=1)
            precision, recall = _thin(
                *metrics.precision_recall_curve(item.positive, item.score)[:2]
            )
            area = metrics.auprc(item.positive, item.score)
            axis.step(
                recall, precision, where="pre", linestyle=line, color=color,
                label=f"{name}  {area:.3f}",
            )  # fmt: skip
        _unit_square(axis, "sensitivity", "positive predictivity")
        axis.set_title(panel)
        _legend_below(axis, "AUPRC")
    return figure


def _thin(*curves: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Keep at most MAX_CURVE_POINTS points of curves of equal length, both ends included."""
    keep = np.unique(np.linspace(0, len(curves[0]) - 1, MAX_CURVE_POINTS).astype(int))
    return [curve[keep] for curve in curves]


def _order(panels: Mapping[str, Mapping[str, Ranking]]) -> list[str]:
    """Names of all models, in the order of the fullest panel: their colours and lines."""
    fullest = sorted(panels.values(), key=len, reverse=True)
    return list(dict.fromkeys(name for models in fullest for name in models))


def _curve_size(columns: int, models: int) -> tuple[float, float]:
    """Inches of a picture of curves, with a line below each panel for every model."""
    return 3.7 * columns, 4.6 + 0.24 * models


def _legend_below(axis: Axes, title: str) -> None:
    """Name the models below a panel: names are long, and curves go everywhere."""
    axis.legend(
        loc="upper left", bbox_to_anchor=(-0.02, -0.15), borderaxespad=0, title=title,
        alignment="left", title_fontsize=8,
    )  # fmt: skip


def _unit_square(axis: Axes, x: str, y: str) -> None:
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y)
    axis.set_box_aspect(1)
    axis.set_anchor("N")
