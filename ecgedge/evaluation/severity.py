"""Numbers against how bad it is: noise in a recording, faults in hardware."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecgedge.evaluation.style import CYCLE, GREY, LIGHT, canvas, styled


@dataclass(frozen=True)
class Level:
    """One point of a curve.

    Attributes
    ----------
    severity : float
    value : float or None
        None where there is none.
    low, high : float or None
        Edges of the band.
    """

    severity: float
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curve:
    """What happens to every number when one thing gets worse.

    Attributes
    ----------
    title : str
        What gets worse.
    axis : str
        Unit of its severity.
    points : mapping
        Number -> `Level`s in the order of severity.
    """

    title: str
    axis: str
    points: Mapping[str, Sequence[Level]]


@styled
def severities(
    curves: Sequence[Curve],
    *,
    clean: Mapping[str, Level] | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw every number of every curve with its band; severities stand at equal distances.

    Parameters
    ----------
    curves : sequence of Curve
        One of them fills a row, a panel a number; of several each has a column.
    clean : mapping, optional
        Number -> what it is without any fault: a dashed line and a grey band.
    title, note : str, optional
    """
    numbers = list(curves[0].points)
    shape = (1, len(numbers)) if len(curves) == 1 else (len(numbers), len(curves))
    size = (2.6 * shape[1] + 0.4, 2.1 * shape[0] + 1.0)
    sharey = "row" if len(curves) > 1 else False
    figure, axes = canvas(*shape, size, title=title, note=note, sharey=sharey)
    for k, axis in enumerate(axes):
        number = numbers[k // len(curves)]
        curve = curves[k % len(curves)]
        if clean and number in clean:
            _draw_clean(axis, clean[number])
        _draw_curve(axis, curve.points[number], CYCLE[k % len(curves) % len(CYCLE)])
        if len(curves) == 1:
            axis.set_title(number)
        elif k % len(curves) == 0:
            axis.set_ylabel(number)
        if k < len(curves) > 1:
            axis.set_title(curve.title)
        if k >= len(axes) - shape[1]:
            axis.set_xlabel(curve.axis)
    return figure


def _draw_curve(axis: Axes, points: Sequence[Level], color: str) -> None:
    x = np.arange(len(points))
    low, high = _column(points, "low"), _column(points, "high")
    axis.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    axis.plot(x, _column(points, "value"), color=color, marker="o", markersize=3)
    axis.set_xticks(x, [f"{point.severity:g}" for point in points])


def _draw_clean(axis: Axes, clean: Level) -> None:
    if clean.low is not None and clean.high is not None:
        axis.axhspan(clean.low, clean.high, color=LIGHT, alpha=0.5, linewidth=0)
    if clean.value is not None:
        axis.axhline(clean.value, color=GREY, linestyle="--", linewidth=1)


def _column(points: Sequence[Level], name: str) -> list[float]:
    values = (getattr(point, name) for point in points)
    return [float("nan") if value is None else value for value in values]
