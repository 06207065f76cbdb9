"""The network as plain 64-bit integer sums, written from the definition and sharing no shortcut.

`firmware_sim.network` is fast because it works on many beats in narrow integers. This is the
same network without any of that: one tap after the other, in int64. It also knows the values
before each clip, so it measures how often clipping happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.verification.firmware import table_of
from export.bundle import Bundle
from firmware_sim.detector import as_counts
from firmware_sim.formats import FRACTION_BITS, Q7_MAX, relu, rshift, sat
from firmware_sim.measures import Measure
from firmware_sim.network import decide
from firmware_sim.pipeline import Pipeline
from firmware_sim.program import TAPS, Branch, Head, Hidden, Program, Segment

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Plain:
    """What plain integers say of n beats.

    Attributes
    ----------
    layers : dict of str to int64 arrays
        As `firmware_sim.network.Output.layers`.
    clipped : dict of str to (int, int)
        For each place that clips: how many values lay beyond 127 (of measures and in the hidden
        layer also below -127), of how many.
    """

    layers: dict[str, Int64]
    clipped: dict[str, tuple[int, int]]


def _convolution(q: Int64, branch: Branch, segment: Segment) -> Int64:
    """a[i] = sum over k of w[k] q[i + k], plus the bias: (n, 4, positions)."""
    rows = []
    for weights, bias in zip(branch.weight.tolist(), branch.bias.tolist(), strict=True):
        total = np.full((len(q), segment.length), bias << FRACTION_BITS, dtype=np.int64)
        for k in range(TAPS):
            first = segment.start + k
            total += weights[k] * q[:, first : first + segment.length]
        rows.append(total)
    return np.stack(rows, axis=1)


def _pool_sums(accumulators: Int64, segment: Segment) -> Int64:
    """Rectify and add up each pool: (n, 4, tokens)."""
    sums = []
    for token in range(segment.tokens):
        part = accumulators[:, :, token * segment.pool : (token + 1) * segment.pool]
        sums.append(np.maximum(part, 0).sum(axis=2))
    return np.stack(sums, axis=2)


def plain(program: Program, q: Int8, context: Int8 | None) -> Plain:
    """Run a program on beats, layer after layer, in int64.

    Parameters
    ----------
    program : Program
    q : (n, window) int8
    context : (n, program.context or more) int8 or None
    """
    layers: dict[str, Int64] = {}
    clipped: dict[str, tuple[int, int]] = {}
    if program.branches:
        _mean(program, q.astype(np.int64), layers, clipped)
    if program.measures:
        layers["beat"] = q.astype(np.int64)
        rounded = np.stack([_measured(layers["beat"], m) for m in program.measures], axis=1)
        layers["measures"] = _saturated("measures", rounded, clipped)
    if program.context and context is not None:
        layers["context"] = context[:, : program.context].astype(np.int64)
    parts = [layers[n] for n in ("mean", "measures", "context") if n in layers]
    features = np.concatenate(parts, axis=1)
    if program.hidden is not None:
        rounded = rshift(_dense(features, program.hidden), program.hidden.shift)
        features = layers["hidden"] = _saturated("hidden", rounded, clipped)
    layers["scores"] = _dense(features, program.head)
    return Plain(layers, clipped)


def _saturated(name: str, rounded: Int64, clipped: dict[str, tuple[int, int]]) -> Int64:
    """Clip at both ends, and count how often."""
    clipped[name] = (int((np.abs(rounded) > Q7_MAX).sum()), rounded.size)
    return np.asarray(sat(rounded), dtype=np.int64)


def _measured(beats: Int64, measure: Measure) -> Int64:
    """One measure of beats (n, window), rounded and not clipped: (n,)."""
    window = beats.shape[1]
    size = window // 60

    def bin_at(i: int) -> Int64:
        total = np.zeros(len(beats), dtype=np.int64)
        for k in range(size):
            total += beats[:, window // 2 + (i - 30) * size + k]
        return total

    values = []
    for i in range(measure.start, measure.stop):
        value = bin_at(i)
        if measure.kind in ("change", "steepest"):
            value = value - bin_at(i - 1)
        values.append(value if measure.kind in ("level", "high", "low") else np.abs(value))
    found, samples = values[0], size
    for value in values[1:]:
        if measure.kind in ("high", "steepest"):
            found = np.maximum(found, value)
        elif measure.kind == "low":
            found = np.minimum(found, value)
        else:
            found, samples = found + value, samples + size
    # 2**s is the power of two nearest to the samples: the least s with samples < 2**(s + 1/2).
    nearest = (samples * samples).bit_length() // 2
    return rshift(found, nearest - measure.gain)


def _dense(features: Int64, layer: Hidden | Head) -> Int64:
    """Weighted sums of all inputs, plus the bias: (n, outputs)."""
    columns = []
    for weights, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True):
        total = np.full(len(features), bias << FRACTION_BITS, dtype=np.int64)
        for i, weight in enumerate(weights):
            total += weight * features[:, i]
        columns.append(total)
    return np.stack(columns, axis=1)


def _mean(
    program: Program, beats: Int64, layers: dict[str, Int64], clipped: dict[str, tuple[int, int]]
) -> None:
    """Branches, token layers and mean: add each layer, and how often it clips."""

    def shift_and_clip(name: str, sums: Int64, shift: int) -> Int64:
        rounded = rshift(sums, shift)
        clipped[name] = (int((rounded > Q7_MAX).sum()), rounded.size)
        return np.asarray(relu(rounded), dtype=np.int64)

    layers["beat"] = beats
    parts = program.named_branches
    for name, branch, segment in parts:
        layers[f"{name}.conv"] = _convolution(beats, branch, segment)
    for name, _, segment in parts:
        layers[f"{name}.sum"] = _pool_sums(layers[f"{name}.conv"], segment)
    for name, branch, _ in parts:
        sums = layers[f"{name}.sum"]
        layers[f"{name}.pool"] = shift_and_clip(f"{name}.pool", sums, branch.shift)
    tokens = np.concatenate([layers[f"{name}.pool"] for name, _, _ in parts], axis=2)
    layers["tokens.0"] = tokens
    for i, layer in enumerate(program.layers, start=1):
        weight, bias = layer.weight.astype(np.int64), layer.bias.astype(np.int64)
        sums = weight @ tokens + (bias << FRACTION_BITS)[:, None]
        tokens = layers[f"tokens.{i}"] = shift_and_clip(f"tokens.{i}", sums, layer.shift)
    layers["mean"] = shift_and_clip("mean", tokens.sum(axis=2), program.mean_shift)


class NumpyEngine:
    """Plain integers as an engine."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def __call__(self, q: Int8, context: Int8 | None) -> Mapping[str, Int64]:
        """Return every layer, and the label by the plain scores."""
        layers = plain(self.program, q, context).layers
        label = decide(self.program, layers["scores"])
        return layers | {"label": label[:, None]}

    def pipeline(self, samples: ArrayLike) -> NDArray[np.void]:
        """Push samples one by one through the simulator, and flush: (beats,) of `beat_type`.

        The simulator itself is given whole recordings, and computes on arrays.
        """
        stream = Pipeline(self.program)
        found = [stream.step(sample) for sample in as_counts(samples).tolist()]
        return table_of(self.program, [b for b in found if b is not None] + stream.flush())


def numpy_engine(bundle: Bundle) -> NumpyEngine:
    """Make the engine of a bundle's program."""
    return NumpyEngine(bundle.program)
