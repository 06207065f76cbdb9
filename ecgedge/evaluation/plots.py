"""Pictures of training and of results. Every function returns a matplotlib `Figure`.

None of them reads a file or computes a metric of its own: they are given numbers, or reference and
scores, and `style.save` writes what they return.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgedge.evaluation import metrics
from ecgedge.evaluation.style import (
    BLACK,
    BLUE,
    CLASS_COLORS,
    CYCLE,
    GREEN,
    GREY,
    LIGHT,
    LINES,
    VERMILION,
    canvas,
    page,
    styled,
    unused,
)

MAX_CURVE_POINTS = 2000
MIN_BIN_BEATS = 10
TITLE_CHARACTERS_PER_INCH = 9.5
"""Longer names of models are broken over several lines above their panel."""
MAX_COLUMNS = 3
"""Panels side by side where each is about one model."""


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


# Training

_PREFIXES = {"train": "training", "validation": "validation", "val": "validation"}
_NO_CURVES = ("epoch", "epochs", "phase", "seconds", "time", "time_s", "seconds_s")
_STARTS = {"losses": "loss", "scores": "score"}
"""Lists with one value a start: the panel that they belong to."""
_TOGETHER = {"best": ("best so far", "score")}


def _side(key: str) -> tuple[str, str]:
    """Split `train_loss` into ("training", "loss"), `validation_F1 V` into ("V", "F1")."""
    first, _, rest = key.partition("_")
    side, quantity = (_PREFIXES[first], rest) if first in _PREFIXES and rest else ("", key)
    rate, _, label = quantity.rpartition(" ")
    return (label, rate) if rate and label in CLASS_COLORS else (side, quantity)


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    """Bring nested numbers, like those under `details`, to the top."""
    flat: dict[str, object] = {}
    for key, value in row.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {key: value}
    return flat


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(values: Sequence[object]) -> NDArray[np.float64]:
    return np.array([float(str(v)) if _is_number(v) else np.nan for v in values])


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


# Curves of scores


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
            upper.legend(loc="upper left")
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


# Decisions


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


# Records


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
