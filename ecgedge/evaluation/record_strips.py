"""Every record's figures as dots in strips, beside those of all records together."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecgedge.evaluation.style import BLACK, BLUE, GREY, canvas, styled


@styled
def record_strips(
    by_record: Mapping[str, Mapping[str, float]],
    gross: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]] | None = None,
    *,
    named: int = 3,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw one dot a record in one row a rate, with the gross value and its interval.

    Parameters
    ----------
    by_record : mapping
        Record name -> rate name -> value; NaN (no such beats in the record) is not drawn.
    gross : mapping
        Rate name -> value on all records; gives the rows and their order.
    intervals : mapping, optional
        Rate name -> (low, high).
    named : int
        How many of the worst records are named in each row. For rates with "miss", "false" or
        "FPR" in their name high is bad, otherwise low.
    """
    figure, axes = canvas(
        1, 1, (8.0, 0.48 * len(gross) + 1.4), title=title, note=note
    )  # fmt: skip
    axis, random = axes[0], np.random.default_rng(0)
    for row, (rate, value) in enumerate(gross.items()):
        values = {name: rates.get(rate, np.nan) for name, rates in by_record.items()}
        values = {name: x for name, x in values.items() if np.isfinite(x)}
        heights = row + random.uniform(-0.16, 0.16, len(values))
        axis.plot(list(values.values()), heights, "o", color=BLUE, alpha=0.45, markersize=4.5,
                  markeredgewidth=0)  # fmt: skip
        low, high = (intervals or {}).get(rate, (np.nan, np.nan))
        axis.plot([low, high], [row, row], color=BLACK, linewidth=2, solid_capstyle="butt")
        axis.plot([value], [row], "D", color=BLACK, markersize=6, markeredgecolor="white")
        _name_worst(axis, values, dict(zip(values, heights, strict=True)), rate, named)
    axis.set_yticks(range(len(gross)), list(gross))
    axis.set(xlim=(-0.02, 1.02), ylim=(len(gross) - 0.4, -0.6))
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("dot: one record; diamond: all beats; bar: 95 % interval over records")
    return figure


def _name_worst(
    axis: Axes, values: Mapping[str, float], heights: Mapping[str, float], rate: str, count: int
) -> None:
    """Name the worst records, those that stand close together in one label."""
    high_is_bad = any(word in rate for word in ("miss", "false", "FPR"))
    worst = sorted(values, key=lambda name: values[name], reverse=high_is_bad)
    groups: list[list[str]] = []
    for name in worst:
        if groups and abs(values[groups[-1][0]] - values[name]) < 0.03:
            groups[-1].append(name)
        elif sum(map(len, groups)) < count:
            groups.append([name])
        else:
            break
    for group in groups[:count]:
        if len(group) > 2:  # a crowd is no outlier
            continue
        text = ", ".join(group)
        top = min(heights[name] for name in group)
        axis.annotate(
            text, (values[group[0]], top), (0, 4), textcoords="offset points",
            ha="center", fontsize=6.5, color=GREY,
        )  # fmt: skip
