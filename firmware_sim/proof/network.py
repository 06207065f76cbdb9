"""The reach of every accumulator of a network: exact where it is, with inputs that attain it.

Convolutions are linear in the samples of a beat and pools are convex in them, so their reach over
all beats is exact and comes with samples that attain it (`kind` "beat"). From the token layers on,
each accumulator is linear in its own inputs; its reach is what it takes while they range over the
intervals that are proved for them, and comes with such inputs (`kind` "layer"). That a beat can
cause these inputs together is not claimed: the reach holds all beats, and may be wider. Without
branches and measures the hidden layer is linear in the context itself: its reach is exact, and
comes with a context that attains it (`kind` "context"). Measures are sums and extremes of free
samples: their reach is exact, and comes with a beat that attains it (`kind` "beat").

A beat or a context here is any array of integers in -127 ... 127, whether a signal can be
normalized to it or not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import FRACTION_BITS, Q7_MAX, relu, rshift, sat
from firmware_sim.measures import Measure, least_and_greatest
from firmware_sim.program import (
    CHANNELS,
    TAPS,
    TOKEN_COUNT,
    Branch,
    Hidden,
    Layer,
    Program,
    Segment,
)
from firmware_sim.proof.interval import signed_bits, width_of
from firmware_sim.proof.pool import pool_reach

DIFFERENCE = "score difference"
"""Name of what a program of two classes compares with its threshold: score 1 - score 0."""

HIDDEN = "hidden"
MEASURES = "measures"
SIGNED = (HIDDEN, MEASURES)
"""The layers whose values saturate at both ends."""

Kind = Literal["beat", "context", "layer"]
Witness = tuple[int, ...]
Integers = NDArray[np.int64]
Ends = tuple[Integers, Integers]
"""Least and greatest values, side by side."""


@dataclass(frozen=True)
class Reach:
    """What one accumulator of one channel can take.

    Attributes
    ----------
    name : str
        Layer, as `firmware_sim.network.Output` names it: `P.conv`, `P.pool`, ..., `tokens.1`, ...,
        `mean`, or `measures`; `hidden`, `scores`; with two classes also `score difference`.
    channel : int
        Output channel, measure, hidden unit or class.
    min, max : int
        Least and greatest final value of the accumulator.
    partial_min, partial_max : int
        Least and greatest value on the way, the bias first and the inputs in order (the taps from
        the oldest sample on), the rounding constant of the shift that follows last.
    width_bits : int
        16 or 32: the narrowest that holds all of it; 0 when 32 bits do not.
    spare_bits : int
        How many bits of that width are never needed.
    activation_min, activation_max : int or None
        What it becomes after shift and clip; None for accumulators that are not shifted.
    exact : bool
        Whether beats (or contexts) attain `min` and `max`; else they are bounds for all of them.
    kind : str
        What the witnesses are. `beat`: neighbouring samples, from the first one of the branch's
        segment on, or of the window for a measure. `context`: a context. `layer`: the layer's own
        inputs, each in the interval that is proved for it (a token's four channels, a channel's
        eight tokens, the mean values or measures with the context after them, the hidden units).
    witness_min, witness_max : tuple of int or None
        Inputs that give `min` and `max`; None where `min` is a bound that none is known for.
    """

    name: str
    channel: int
    min: int
    max: int
    partial_min: int
    partial_max: int
    width_bits: int
    spare_bits: int
    activation_min: int | None
    activation_max: int | None
    exact: bool
    kind: Kind
    witness_min: Witness | None
    witness_max: Witness | None


@dataclass(frozen=True)
class _Form:
    """Ends of a weighted sum: final values, values on the way, inputs that give the final ones."""

    ends: tuple[int, int]
    partial: tuple[int, int]
    witnesses: tuple[Witness, Witness]


def _witness(values: NDArray[np.integer]) -> Witness:
    return tuple(int(value) for value in values)


def _linear(weight: NDArray[np.integer], bias: int, inputs: Ends) -> _Form:
    """Ends of bias << 7 plus the products, partial sums in input order."""
    low, high = inputs
    w = weight.astype(np.int64)
    below, above = np.where(w < 0, high, low), np.where(w < 0, low, high)
    start = int(bias) << FRACTION_BITS
    lows = start + np.concatenate([[0], np.cumsum(w * below)])
    highs = start + np.concatenate([[0], np.cumsum(w * above)])
    return _Form(
        (int(lows[-1]), int(highs[-1])),
        (int(lows.min()), int(highs.max())),
        (_witness(below), _witness(above)),
    )


def _widest(forms: list[_Form]) -> _Form:
    """The ends of several forms that share one accumulator."""
    low = min(forms, key=lambda form: form.ends[0])
    high = max(forms, key=lambda form: form.ends[1])
    partial = min(form.partial[0] for form in forms), max(form.partial[1] for form in forms)
    return _Form((low.ends[0], high.ends[1]), partial, (low.witnesses[0], high.witnesses[1]))


def activation(name: str, accumulator: int, shift: int) -> int:
    """Return what an accumulator becomes after its rounding shift and its layer's clip."""
    value = rshift(np.array(accumulator, dtype=np.int64), shift)
    return int(sat(value) if name in SIGNED else relu(value))


def reach_of(
    name: str,
    channel: int,
    ends: tuple[int, int],
    partial: tuple[int, int],
    witnesses: tuple[Witness | None, Witness | None],
    *,
    kind: Kind,
    shift: int | None = None,
) -> Reach:
    """Return the reach of one accumulator, its width and what follows from its shift.

    Parameters
    ----------
    name, channel
        As in `Reach`.
    ends, partial : (int, int)
        Final values, and those on the way without the rounding constant.
    witnesses : pair of tuples or None
        Inputs that give the two final values.
    kind : str
        What they are.
    shift : int, optional
        The rounding shift that follows, if one does.
    """
    low, high = partial
    activations: tuple[int | None, int | None] = (None, None)
    if shift is not None:
        high = max(high, ends[1] + ((1 << shift) >> 1))
        activations = (activation(name, ends[0], shift), activation(name, ends[1], shift))
    width = width_of(low, high)
    return Reach(
        name=name,
        channel=channel,
        min=ends[0],
        max=ends[1],
        partial_min=low,
        partial_max=high,
        width_bits=width,
        spare_bits=width - signed_bits(low, high) if width else 0,
        activation_min=activations[0],
        activation_max=activations[1],
        exact=kind != "layer" and None not in witnesses,
        kind=kind,
        witness_min=witnesses[0],
        witness_max=witnesses[1],
    )


def _convolution(name: str, branch: Branch) -> list[Reach]:
    rail = np.full(TAPS, Q7_MAX, dtype=np.int64)
    found = []
    for channel, (weight, bias) in enumerate(zip(branch.weight, branch.bias, strict=True)):
        form = _linear(weight, int(bias), (-rail, rail))
        found.append(
            reach_of(f"{name}.conv", channel, form.ends, form.partial, form.witnesses, kind="beat")
        )
    return found


def _pools(name: str, branch: Branch, segment: Segment) -> list[Reach]:
    """Pools of one branch: each of them sees free samples, so that all reach the same."""
    found = []
    for channel, (weight, bias) in enumerate(zip(branch.weight, branch.bias, strict=True)):
        pool = pool_reach(weight, int(bias), segment.pool)
        low = None if pool.witness_min is None else _witness(pool.witness_min)
        witnesses = (low, _witness(pool.witness_max))
        ends, partial = (pool.min, pool.max), (0, pool.max)
        found.append(
            reach_of(
                f"{name}.pool", channel, ends, partial, witnesses, kind="beat", shift=branch.shift
            )
        )
    return found


def _activations(reaches: list[Reach]) -> Ends:
    """Ends of the activations of one layer, (channels,) each."""
    low = np.array([reach.activation_min for reach in reaches], dtype=np.int64)
    high = np.array([reach.activation_max for reach in reaches], dtype=np.int64)
    return low, high


def _branches(program: Program) -> tuple[list[Reach], Ends]:
    """Convolutions and pools, and the ends of the eight tokens, (4, 8) each."""
    found: list[Reach] = []
    lows, highs = [], []
    for name, branch, segment in program.named_branches:
        pools = _pools(name, branch, segment)
        found += [*_convolution(name, branch), *pools]
        low, high = _activations(pools)
        lows += [low] * segment.tokens
        highs += [high] * segment.tokens
    return found, (np.stack(lows, axis=1), np.stack(highs, axis=1))


def _token_layer(name: str, layer: Layer, tokens: Ends) -> tuple[list[Reach], Ends]:
    """One token layer, token by token, and the ends of what it gives, (4, 8) each."""
    found: list[Reach] = []
    low, high = np.zeros_like(tokens[0]), np.zeros_like(tokens[1])
    for channel in range(CHANNELS):
        forms = [
            _linear(
                layer.weight[channel],
                int(layer.bias[channel]),
                (tokens[0][:, token], tokens[1][:, token]),
            )
            for token in range(TOKEN_COUNT)
        ]
        for token, form in enumerate(forms):
            low[channel, token], high[channel, token] = (
                activation(name, end, layer.shift) for end in form.ends
            )
        widest = _widest(forms)
        found.append(
            reach_of(
                name,
                channel,
                widest.ends,
                widest.partial,
                widest.witnesses,
                kind="layer",
                shift=layer.shift,
            )
        )
    return found, (low, high)


def _mean(tokens: Ends, shift: int) -> list[Reach]:
    ones = np.ones(TOKEN_COUNT, dtype=np.int64)
    found = []
    for channel, inputs in enumerate(zip(*tokens, strict=True)):
        form = _linear(ones, 0, inputs)
        found.append(
            reach_of(
                "mean", channel, form.ends, form.partial, form.witnesses, kind="layer", shift=shift
            )
        )
    return found


def _rails(n: int) -> Ends:
    """Ends of n values that can be anything."""
    return np.full(n, -Q7_MAX, dtype=np.int64), np.full(n, Q7_MAX, dtype=np.int64)


def _joined(*parts: Ends) -> Ends:
    """Ends of several values side by side."""
    low, high = (np.concatenate([part[end] for part in parts]) for end in (0, 1))
    return low, high


def _hidden(hidden: Hidden, inputs: Ends, kind: Kind) -> list[Reach]:
    found = []
    for unit, (weight, bias) in enumerate(zip(hidden.weight, hidden.bias, strict=True)):
        form = _linear(weight, int(bias), inputs)
        found.append(
            reach_of(
                HIDDEN,
                unit,
                form.ends,
                form.partial,
                form.witnesses,
                kind=kind,
                shift=hidden.shift,
            )
        )
    return found


def _scores(program: Program, inputs: Ends) -> list[Reach]:
    """The scores, and their difference where the decision is made with it."""
    weight, bias = program.head.weight.astype(np.int64), program.head.bias.astype(np.int64)
    rows = [("scores", i, weight[i], int(bias[i])) for i in range(len(weight))]
    if program.threshold is not None:
        rows.append((DIFFERENCE, 0, weight[1] - weight[0], int(bias[1] - bias[0])))
    found = []
    for name, channel, row, offset in rows:
        form = _linear(row, offset, inputs)
        found.append(reach_of(name, channel, form.ends, form.partial, form.witnesses, kind="layer"))
    return found


def _until_mean(program: Program) -> list[Reach]:
    """Branches, token layers and mean."""
    found, tokens = _branches(program)
    for i, layer in enumerate(program.layers, start=1):
        reaches, tokens = _token_layer(f"tokens.{i}", layer, tokens)
        found += reaches
    return found + _mean(tokens, program.mean_shift)


def _measures(measures: tuple[Measure, ...], window: int) -> list[Reach]:
    """Measures: each is a sum or an extreme of samples that can be anything."""
    found = []
    for channel, measure in enumerate(measures):
        witnesses, ends = least_and_greatest(measure, window)
        low, high = (_witness(beat) for beat in witnesses)
        partial = (min(ends[0], 0), max(ends[1], 0))
        found.append(
            reach_of(
                MEASURES,
                channel,
                ends,
                partial,
                (low, high),
                kind="beat",
                shift=measure.shift(window),
            )
        )
    return found


def prove_network(program: Program) -> tuple[Reach, ...]:
    """Prove what the accumulators of a program's network can reach.

    Parameters
    ----------
    program : Program

    Returns
    -------
    tuple of Reach
        One for every accumulator, in the order of computation: convolutions and pools of the four
        branches, token layers and mean where there are branches, measures where there are some, the
        hidden layer where there is one, scores, and with two classes the score difference.
    """
    found: list[Reach] = []
    inputs = _rails(program.context)
    kind: Kind = "context"
    if program.branches:
        found = _until_mean(program)
    if program.measures:
        found = _measures(program.measures, program.window)
    if program.seen:
        inputs = _joined(_activations(found[-program.seen :]), inputs)
        kind = "layer"
    if program.hidden is not None:
        units = _hidden(program.hidden, inputs, kind)
        found += units
        inputs = _activations(units)
    return (*found, *_scores(program, inputs))
