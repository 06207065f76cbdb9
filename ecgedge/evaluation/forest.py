"""Numbers of many models, or differences between them, with their intervals: a forest plot."""

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from ecgedge.evaluation.style import BLACK, BLUE, GREY, VERMILION, canvas, styled


@dataclass(frozen=True)
class Bar:
    """One line of a forest plot.

    Attributes
    ----------
    value : float
        NaN where there is none.
    low, high : float
        Interval; NaN where there is none.
    seeds : tuple of float
        The same number of every seed; empty for one seed.
    """

    value: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()


@styled
def forest(
    panels: Mapping[str, Mapping[str, Bar]],
    *,
    zero: bool = False,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw numbers with their intervals, one panel a number, one line a model or a pair of them.

    Parameters
    ----------
    panels : mapping
        Number -> model -> `Bar`; every panel has the same models.
    zero : bool
        The numbers are differences: mark zero, and draw grey what does not exclude it.
    """
    columns = max(1, len(panels))
    names = list(next(iter(panels.values()), {}))
    height = 0.36 * len(names) + 1.3
    figure, axes = canvas(
        1, columns, (2.4 * columns + 3.0, height), title=title, note=note, sharey=True
    )
    for axis, (number, models) in zip(axes, panels.items(), strict=False):
        if zero:
            axis.axvline(0, color=BLACK, linewidth=0.8)
        for line, bar in enumerate(models.values()):
            sure = not zero or bar.low > 0 or bar.high < 0
            color = (VERMILION if zero else BLUE) if sure else GREY
            axis.plot([bar.low, bar.high], [line, line], color=color, linewidth=2)
            axis.plot(bar.seeds, [line + 0.25] * len(bar.seeds), "o", color=color, alpha=0.5,
                      markersize=3.5, markeredgewidth=0)  # fmt: skip
            axis.plot([bar.value], [line], "D", color=color, markersize=5, markeredgecolor="white")
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.grid(axis="y", visible=False)
        axis.set_title(number)
    return figure
