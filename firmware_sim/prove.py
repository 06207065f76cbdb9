"""Interval proof: what every accumulator, partial sum and activation can reach, for all inputs.

A linear form over inputs that range freely in an interval reaches its bounds exactly, so the reach
of the convolutions is exact and an input that attains it is part of the result. Later layers are
bounded by intervals: their inputs are taken as independent, which can only widen the result. The
widths that follow are the narrowest of int16 and int32 that hold everything on the way.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX, relu, rshift
from firmware_sim.program import BRANCHES, CHANNELS, TOKEN_COUNT, Program

WIDTHS = (16, 32)
CERTIFICATE_VERSION = 1


@dataclass(frozen=True)
class Reach:
    """What one accumulator of one channel can take over all inputs.

    Attributes
    ----------
    name : str
        Layer, as `firmware_sim.network.Output` names it; `P.sum` ... are the pools' accumulators.
    channel : int
        Output channel.
    min, max : int
        Least and greatest final value of the accumulator.
    partial_min, partial_max : int
        Least and greatest value on the way, the bias first and the inputs in order, the rounding
        constant of the shift that follows last.
    width_bits : int
        16 or 32: the narrowest that holds all of it; 0 when 32 bits do not.
    spare_bits : int
        How many bits of that width are never needed.
    activation_min, activation_max : int or None
        What it becomes after shift and clip; None for accumulators that are not shifted.
    exact : bool
        Whether `min` and `max` are attained (a linear form of free inputs), or bounds.
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


@dataclass(frozen=True)
class Proof:
    """The reach of every accumulator of a program.

    Attributes
    ----------
    program : str
        Digest of the program that it speaks of.
    layers : tuple of Reach
    """

    program: str
    layers: tuple[Reach, ...]

    @property
    def ok(self) -> bool:
        """Whether every accumulator fits 32 bits and every activation lies inside [-1, 1]."""
        return all(
            reach.width_bits
            and (reach.activation_max is None or reach.activation_max <= Q7_MAX)
            and (reach.activation_min is None or reach.activation_min >= -Q7_MAX)
            for reach in self.layers
        )

    @property
    def activation_max(self) -> float:
        """Largest absolute activation that any input can cause, as a number."""
        limits = [max(abs(r.activation_min or 0), abs(r.activation_max or 0)) for r in self.layers]
        return max([*limits, Q7_MAX]) / ONE  # the beat itself reaches 127

    def width(self, name: str) -> int:
        """Accumulator width of a layer: the widest that one of its channels needs."""
        widths = [r.width_bits for r in self.layers if r.name == name]
        return 0 if 0 in widths else max(widths)


def width_of(low: int, high: int) -> int:
    """Return the narrowest of 16 and 32 bits that holds low ... high, or 0."""
    for bits in WIDTHS:
        if low >= -(1 << (bits - 1)) and high < 1 << (bits - 1):
            return bits
    return 0


def _needed_bits(low: int, high: int) -> int:
    """Bits of the two's complement that holds low ... high."""
    return 1 + max(high.bit_length() if high > 0 else 0, (~low).bit_length() if low < 0 else 0)


def _reach(
    name: str,
    channel: int,
    limits: tuple[int, int],
    partial: tuple[int, int],
    activation: tuple[int, int] | None,
    exact: bool,
) -> Reach:
    width = width_of(*partial)
    spare = width - _needed_bits(*partial) if width else 0
    low, high = activation if activation else (None, None)
    return Reach(name, channel, *limits, *partial, width, spare, low, high, exact)


def _linear(
    weight: NDArray[np.integer], bias: int, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Reach of bias << 7 plus the products, and of every partial sum in input order.

    Returns ((min, max), (partial min, partial max)).
    """
    w = weight.astype(np.int64)
    least = np.minimum(w * low, w * high)
    greatest = np.maximum(w * low, w * high)
    start = int(bias) << FRACTION_BITS
    lows = start + np.concatenate([[0], np.cumsum(least)])
    highs = start + np.concatenate([[0], np.cumsum(greatest)])
    return (int(lows[-1]), int(highs[-1])), (int(lows.min()), int(highs.max()))


def _rounded(limits: tuple[int, int], shift: int) -> tuple[int, int]:
    """Activation interval after the rounding shift and the clip into 0 ... 127."""
    low, high = (int(relu(rshift(np.array(v, dtype=np.int64), shift))) for v in limits)
    return low, high


def _with_rounding(partial: tuple[int, int], high: int, shift: int) -> tuple[int, int]:
    """Widen a partial-sum interval by the half that the rounding shift adds."""
    half = (1 << shift) >> 1
    return partial[0], max(partial[1], high + half)


def _convolutions(program: Program) -> tuple[list[Reach], NDArray[np.int64], NDArray[np.int64]]:
    """Convolutions and pools; also the intervals of the eight tokens (4, 8)."""
    found: list[Reach] = []
    low = np.zeros((CHANNELS, TOKEN_COUNT), dtype=np.int64)
    high = np.zeros((CHANNELS, TOKEN_COUNT), dtype=np.int64)
    rail = np.full(program.branches[0].weight.shape[1], Q7_MAX, dtype=np.int64)
    token = 0
    for name, branch, segment in zip(BRANCHES, program.branches, program.segments, strict=True):
        pools = []
        for channel in range(CHANNELS):
            limits, partial = _linear(
                branch.weight[channel], int(branch.bias[channel]), -rail, rail
            )
            found.append(_reach(f"{name}.conv", channel, limits, partial, None, True))
            top = max(limits[1], 0) * segment.pool
            bottom = max(limits[0], 0) * segment.pool
            pooled = _with_rounding((0, top), top, branch.shift)
            activation = _rounded((bottom, top), branch.shift)
            pools.append(_reach(f"{name}.pool", channel, (bottom, top), pooled, activation, False))
            span = slice(token, token + segment.tokens)
            low[channel, span], high[channel, span] = activation
        found += pools
        token += segment.tokens
    return found, low, high


def prove(program: Program) -> Proof:
    """Prove what a program can reach.

    Parameters
    ----------
    program : Program

    Returns
    -------
    Proof
        One `Reach` for every accumulator: convolutions and pools of the four branches, token
        layers, mean, scores.
    """
    found, low, high = _convolutions(program)
    for i, layer in enumerate(program.layers, start=1):
        # The same weights serve all tokens: the widest token decides.
        least, greatest = low.min(axis=1), high.max(axis=1)
        new_low, new_high = np.zeros_like(low), np.zeros_like(high)
        for channel in range(CHANNELS):
            limits, partial = _linear(
                layer.weight[channel], int(layer.bias[channel]), least, greatest
            )
            partial = _with_rounding(partial, limits[1], layer.shift)
            activation = _rounded(limits, layer.shift)
            found.append(_reach(f"tokens.{i}", channel, limits, partial, activation, False))
            new_low[channel], new_high[channel] = activation
        low, high = new_low, new_high
    features_low, features_high = [], []
    for channel in range(CHANNELS):
        limits = (int(low[channel].sum()), int(high[channel].sum()))
        partial = _with_rounding((0, limits[1]), limits[1], program.mean_shift)
        activation = _rounded(limits, program.mean_shift)
        found.append(_reach("mean", channel, limits, partial, activation, False))
        features_low.append(activation[0])
        features_high.append(activation[1])
    context = np.full(program.context, Q7_MAX, dtype=np.int64)
    feature_low = np.concatenate([features_low, -context]).astype(np.int64)
    feature_high = np.concatenate([features_high, context]).astype(np.int64)
    for index in range(len(program.labels)):
        limits, partial = _linear(
            program.head.weight[index], int(program.head.bias[index]), feature_low, feature_high
        )
        found.append(_reach("scores", index, limits, partial, None, False))
    return Proof(program.digest, tuple(found))


def worst_beats(program: Program) -> NDArray[np.int8]:
    """Return beats that drive the convolutions to their bounds.

    For each branch and channel the input window that attains the accumulator's maximum, repeated
    over the whole beat, and the one that attains its minimum; for every phase of the four taps.

    Returns
    -------
    (n, window) int8
    """
    beats = []
    for branch in program.branches:
        for row in branch.weight:
            pattern = np.where(row < 0, -Q7_MAX, Q7_MAX)
            for phase in range(len(row)):
                beat = np.resize(np.roll(pattern, phase), program.window)
                beats += [beat, -beat]
    return np.unique(np.array(beats, dtype=np.int8), axis=0)


def certificate(proof: Proof) -> dict[str, Any]:
    """Return a proof as JSON values."""
    return {
        "format": "ecgedge-proof",
        "version": CERTIFICATE_VERSION,
        "program": proof.program,
        "ok": proof.ok,
        "activation_max": proof.activation_max,
        "layers": [dict(vars(reach)) for reach in proof.layers],
    }
