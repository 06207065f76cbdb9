"""The network of a program on many beats at once, with every layer on request.

Convolutions run in the narrowest integers that hold what the weights allow: int16 for L1-bounded
branches, int32 otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX, relu, rshift, sat
from firmware_sim.measures import measured
from firmware_sim.program import CHANNELS, TAPS, Branch, Head, Hidden, Layer, Program, Segment

CHUNK = 256
"""Beats at a time: keeps a channel's accumulators in a core's cache."""

Layers = dict[str, NDArray[np.int32]]


@dataclass(frozen=True)
class Output:
    """What the network says of n beats.

    Attributes
    ----------
    scores : (n, classes) int32
        On the scale 2**-14.
    label_index : (n,) int64
        Index into the program's labels.
    layers : dict of str to int32 arrays
        Every intermediate result by name, in the order of computation, when it was asked for:
        `beat` (n, W); `P.conv` ... `global.conv` (n, 4, positions), the accumulators before ReLU;
        `P.sum` ... (n, 4, tokens), the exact sums of the pools; `P.pool` ... the same shifted and
        clipped; `tokens.0` (n, 4, 8); `tokens.1` ... after each token layer; `mean` (n, 4);
        `context` (n, 5 or 12) if used; `hidden` (n, units) if there is such a layer; `scores`.
        With measures, `beat` and `measures` (n, measures) stand for all before `context`; a program
        with neither begins with `context`.
    """

    scores: NDArray[np.int32]
    label_index: NDArray[np.int64]
    layers: Layers = field(default_factory=dict)


def pool_sums(x: NDArray[np.int16], branch: Branch, segment: Segment) -> NDArray[np.int32]:
    """Convolution, ReLU and the exact sums of the pools, of beats that stand in columns.

    Parameters
    ----------
    x : (window, n) int16
        Beats, transposed: every step is then one long loop over neighbouring numbers.
    branch, segment
        Of the program.

    Returns
    -------
    (4, tokens, n) int32, not shifted
    """
    # int16 holds what an L1-bounded channel can reach, and twice that.
    wide = branch.bound * ONE > np.iinfo(np.int16).max
    kind = np.int32 if wide else np.int16
    length, beats = segment.tokens * segment.pool, x.shape[1]
    rows = x[segment.start : segment.stop].astype(kind, copy=False)
    products = np.empty((length, beats), dtype=kind)
    sums = np.empty((CHANNELS, segment.tokens, beats), dtype=np.int32)
    for channel, (weight, bias) in enumerate(zip(branch.weight, branch.bias, strict=True)):
        accumulators = np.full((length, beats), int(bias) << FRACTION_BITS, dtype=kind)
        for tap in range(TAPS):
            np.multiply(rows[tap : tap + length], kind(weight[tap]), out=products)
            accumulators += products
        np.maximum(accumulators, 0, out=accumulators)
        pools = accumulators.reshape(segment.tokens, segment.pool, beats)
        pools.sum(axis=1, dtype=np.int32, out=sums[channel])
    return sums


def convolution(q: NDArray[np.int8], branch: Branch, segment: Segment) -> NDArray[np.int32]:
    """Return the accumulators of one branch before ReLU, all positions: (n, 4, positions)."""
    row = q[:, segment.start : segment.stop].astype(np.int32)
    views = np.lib.stride_tricks.sliding_window_view(row, TAPS, axis=1)
    bias = branch.bias.astype(np.int32) << FRACTION_BITS
    sums = sum(
        views[:, None, :, k] * branch.weight[:, k].astype(np.int32)[None, :, None]
        for k in range(TAPS)
    )
    return np.asarray(sums + bias[None, :, None], dtype=np.int32)


def token_sums(t: NDArray[np.int64], layer: Layer) -> NDArray[np.int64]:
    """Return the accumulators of a token layer for tokens (n, 4, tokens): the same shape."""
    bias = layer.bias.astype(np.int64) << FRACTION_BITS
    sums = np.einsum("oi,nit->not", layer.weight.astype(np.int64), t)
    return np.asarray(sums + bias[None, :, None], dtype=np.int64)


def mean_sums(t: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the accumulators of the mean over tokens (n, 4, tokens): (n, 4)."""
    return np.asarray(t.sum(axis=2), dtype=np.int64)


def hidden_sums(features: NDArray[np.int64], hidden: Hidden) -> NDArray[np.int64]:
    """Return the accumulators of the hidden layer for features (n, inputs): (n, units)."""
    bias = hidden.bias.astype(np.int64) << FRACTION_BITS
    return np.asarray(features @ hidden.weight.astype(np.int64).T + bias, dtype=np.int64)


def head_scores(features: NDArray[np.int64], head: Head) -> NDArray[np.int64]:
    """Return the scores of what enters the head (n, inputs): (n, classes)."""
    bias = head.bias.astype(np.int64) << FRACTION_BITS
    return np.asarray(features @ head.weight.astype(np.int64).T + bias, dtype=np.int64)


def decide(program: Program, scores: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the label index of each row of scores.

    Two classes: 1 where `score1 - score0 >= threshold`. More: the greatest score, the lowest index
    on ties.
    """
    if program.threshold is not None:
        difference = scores[:, 1].astype(np.int64) - scores[:, 0]
        return (difference >= program.threshold).astype(np.int64)
    return np.asarray(np.argmax(scores, axis=1), dtype=np.int64)


def _check(program: Program, q: NDArray[np.int8], context: NDArray[np.int8] | None) -> None:
    """Refuse arrays of another shape, type or range than the program wants."""
    if q.ndim != 2 or q.shape[1] != program.window:
        raise EcgedgeError(
            f"beats have shape {q.shape}, the program {program.name} wants (n, {program.window})."
        )
    arrays = {"beat": q}
    if program.context:
        if context is None:
            raise EcgedgeError(f"the program {program.name} needs the context of each beat.")
        if context.ndim != 2 or len(context) != len(q) or context.shape[1] < program.context:
            raise EcgedgeError(
                f"the context has shape {context.shape}, not {(len(q), program.context)}."
            )
        arrays["context"] = context
    for name, array in arrays.items():
        if array.dtype != np.int8:
            raise EcgedgeError(f"{name} has type {array.dtype}, not int8.")
        if array.size and array.min() < -Q7_MAX:
            raise EcgedgeError(f"{name} holds -128, which Q0.7 here never uses.")


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, CHUNK):
        yield slice(start, min(start + CHUNK, n))


def _after_pools(
    program: Program,
    pools: list[NDArray[np.int64]],
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
) -> Layers:
    """Token layers and mean, or measures; then hidden layer and head; every result by name."""
    found: dict[str, NDArray[np.int64]] = {}
    parts = []
    if program.measures:
        found["measures"] = measured(q, program.measures)
        parts.append(found["measures"])
    if pools:
        tokens = np.concatenate(pools, axis=2)
        found["tokens.0"] = tokens
        for i, layer in enumerate(program.layers, start=1):
            tokens = relu(rshift(token_sums(tokens, layer), layer.shift))
            found[f"tokens.{i}"] = tokens
        found["mean"] = relu(rshift(mean_sums(tokens), program.mean_shift))
        parts.append(found["mean"])
    if program.context and context is not None:
        found["context"] = context.astype(np.int64)
        parts.append(found["context"])
    features = np.concatenate(parts, axis=1)
    if program.hidden is not None:
        sums = hidden_sums(features, program.hidden)
        features = found["hidden"] = sat(rshift(sums, program.hidden.shift))
    found["scores"] = head_scores(features, program.head)
    return {name: value.astype(np.int32) for name, value in found.items()}


def run(
    program: Program,
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None = None,
    *,
    layers: bool = False,
) -> Output:
    """Run the network of a program on beats.

    Parameters
    ----------
    program : Program
    q : (n, window) int8
        Beats in -127 ... 127, as `firmware_sim.beat.normalize` makes them.
    context : (n, 5 or 12) int8, optional
        Context as `firmware_sim.context` makes it; needed when the program uses it, ignored when
        not. A program that takes fewer values takes the first ones.
    layers : bool
        Keep every intermediate result (12 kB a beat at 360 Hz).

    Returns
    -------
    Output

    Raises
    ------
    EcgedgeError
        When shapes, types or ranges do not fit the program.
    """
    _check(program, q, context)
    if context is not None:
        context = context[:, : program.context]
    parts = [(branch, segment) for _, branch, segment in program.named_branches]
    sums = [np.zeros((len(q), CHANNELS, segment.tokens), np.int64) for _, segment in parts]
    for chunk in _chunks(len(q)):
        x = np.ascontiguousarray(q[chunk].T, dtype=np.int16)
        for total, (branch, segment) in zip(sums, parts, strict=True):
            total[chunk] = pool_sums(x, branch, segment).transpose(2, 0, 1)
    pools = [
        relu(rshift(total, branch.shift)) for total, (branch, _) in zip(sums, parts, strict=True)
    ]
    after = _after_pools(program, pools, q, context)
    found: Layers = {}
    if layers:
        if program.seen:
            found["beat"] = q.astype(np.int32)
        for name, branch, segment in program.named_branches:
            found[f"{name}.conv"] = convolution(q, branch, segment)
        for kind, values in {"sum": sums, "pool": pools}.items():
            for (name, _, _), value in zip(program.named_branches, values, strict=True):
                found[f"{name}.{kind}"] = value.astype(np.int32)
        found |= after
    scores = after["scores"]
    return Output(scores, decide(program, scores), found)
