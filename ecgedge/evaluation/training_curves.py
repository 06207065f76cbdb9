"""How a training went: a panel for every quantity of its log."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgedge.evaluation.style import BLUE, CLASS_COLORS, GREEN, GREY, LIGHT, canvas, styled, unused

_PREFIXES = {"train": "training", "validation": "validation", "val": "validation"}
_NO_CURVES = ("epoch", "epochs", "phase", "seconds", "time", "time_s", "seconds_s")
_STARTS = {"losses": "loss", "scores": "score"}
"""Lists with one value a start: the panel that they belong to."""
_TOGETHER = {"best": ("best so far", "score")}


@styled
def training_curves(
    history: Sequence[Mapping[str, object]],
    *,
    best_epoch: int | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Draw what a training log says, one panel a quantity.

    Parameters
    ----------
    history : sequence of mapping
        One mapping an epoch, numbers by name; nested mappings count as if they were not nested.
        `train_x` and `validation_x` (or `val_x`) share the panel of x; `losses` and `scores`, one
        value a start, are thin lines; a change of `phase` is marked. What is not a number is left
        out.
    best_epoch : int, optional
        Line of the log (from 1) to mark as kept.
    """
    rows = [_flat(row) for row in history]
    epochs = np.arange(1, len(rows) + 1)
    changes = [i for i in range(1, len(rows)) if rows[i].get("phase") != rows[i - 1].get("phase")]
    panels = _panels(rows)
    columns = 3 if len(panels) in (5, 6) else min(4, max(1, len(panels)))
    lines = max(1, -(-len(panels) // columns))
    figure, axes = canvas(
        lines, columns, (3.1 * columns, 2.3 * lines + 0.6), title=title, note=note, sharex=True
    )
    looks = {"training": GREY, "validation": BLUE, "best so far": GREEN} | CLASS_COLORS
    for axis, (quantity, sides) in zip(axes, panels.items(), strict=False):
        for side, curve in sorted(sides.items(), key=lambda item: item[0] != "starts"):
            if side == "starts":
                axis.plot(epochs, curve, color=LIGHT, linewidth=0.7)
            else:
                axis.plot(epochs, curve, color=looks.get(side, BLUE), label=side or None)
        for change in changes:
            axis.axvline(change + 0.5, color=GREY, linewidth=0.8, linestyle="--")
        if best_epoch is not None:
            axis.axvline(best_epoch, color=GREEN, linewidth=1, linestyle=":", label="kept")
        axis.set_title(quantity.replace("_", " "))
        if quantity in ("lr", "learning_rate") and np.nanmin(next(iter(sides.values()))) > 0:
            axis.set_yscale("log")
        if any(side and side != "starts" for side in sides):
            axis.legend(ncols=2 if len(sides) > 3 else 1, handlelength=1.2, columnspacing=1)
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:
        axis.set_xlabel("epoch")
        axis.tick_params(labelbottom=True)
    unused(axes[len(panels) :])
    return figure


def _panels(rows: Sequence[Mapping[str, object]]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Sort a log into panels: quantity -> curve -> values (epochs,) or (epochs, starts)."""
    panels: dict[str, dict[str, NDArray[np.float64]]] = {}
    for key in dict.fromkeys(key for row in rows for key in row if key not in _NO_CURVES):
        values = [row.get(key) for row in rows]
        if key in _STARTS:
            lists = [v if isinstance(v, list | tuple) else [] for v in values]
            width = max(len(v) for v in lists)
            table = [_numbers([*v, *[None] * (width - len(v))]) for v in lists]
            if width > 1:
                panels.setdefault(_STARTS[key], {})["starts"] = np.array(table)
            continue
        curve = _numbers(values)
        if np.isnan(curve).all() or (key == "collapsed" and not np.nansum(curve)):
            continue
        side, quantity = _TOGETHER.get(key, _side(key))
        panels.setdefault(quantity, {})[side] = curve
    return panels


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    """Bring nested numbers, like those under `details`, to the top."""
    flat: dict[str, object] = {}
    for key, value in row.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {key: value}
    return flat


def _side(key: str) -> tuple[str, str]:
    """Split `train_loss` into ("training", "loss"), `validation_F1 V` into ("V", "F1")."""
    first, _, rest = key.partition("_")
    side, quantity = (_PREFIXES[first], rest) if first in _PREFIXES and rest else ("", key)
    rate, _, label = quantity.rpartition(" ")
    return (label, rate) if rate and label in CLASS_COLORS else (side, quantity)


def _numbers(values: Sequence[object]) -> NDArray[np.float64]:
    return np.array([float(str(v)) if _is_number(v) else np.nan for v in values])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
