"""The network of a program on many beats at once, with every layer on request.

Convolutions and pools run as matrix products of floats that hold integers. That is exact while
every partial sum stays below 2**24 (float32) or 2**53 (float64); the type is chosen from the
largest sum that the weights allow, so the result is the integer one by construction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX, relu, rshift
from firmware_sim.program import BRANCHES, CHANNELS, TAPS, Branch, Layer, Program, Segment

CHUNK = 256
"""Beats at a time: keeps the convolution outputs in a core's cache."""
MAX_TILE = 64
"""Convolution outputs that one matrix product makes at most for one row."""

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
        `P.pool` ... (n, 4, tokens); `tokens.0` (n, 4, 8); `tokens.1` ... after each token layer;
        `mean` (n, 4); `context` (n, 5) if used; `scores`.
    """

    scores: NDArray[np.int32]
    label_index: NDArray[np.int64]
    layers: Layers = field(default_factory=dict)


@dataclass(frozen=True)
class _Tiles:
    """A branch as two matrix products over tiles of its row that never cross a pool's edge."""

    segment: Segment
    tile: int
    convolve: NDArray[np.floating]  # (tile + TAPS, tile * CHANNELS), the last row is the bias
    pool: NDArray[np.floating]  # (tile * CHANNELS, CHANNELS), ones
    shift: int


def _largest_divisor(n: int, limit: int) -> int:
    return max(d for d in range(1, min(n, limit) + 1) if n % d == 0)


def _tiles(branch: Branch, segment: Segment) -> _Tiles:
    """Write a convolution, its bias and its pooling as two matrices."""
    reach = branch.bound * ONE
    dtype: type[np.floating] = np.float32 if reach * segment.pool < 1 << 24 else np.float64
    tile = _largest_divisor(segment.pool, MAX_TILE)
    if tile < 8:  # a prime pool length: one tile is the whole pool
        tile = segment.pool
    convolve = np.zeros((tile + TAPS, tile, CHANNELS), dtype=dtype)
    for position in range(tile):
        convolve[position : position + TAPS, position] = branch.weight.T
    convolve[-1] = branch.bias.astype(dtype) * ONE
    pool = np.tile(np.eye(CHANNELS, dtype=dtype), (tile, 1))
    return _Tiles(segment, tile, convolve.reshape(tile + TAPS, -1), pool, branch.shift)


def _branch_rows(q: NDArray[np.floating], tiles: _Tiles) -> NDArray[np.floating]:
    """Cut the beats into overlapping rows, each with a 1 at its end for the bias."""
    segment, tile = tiles.segment, tiles.tile
    count = segment.tokens * segment.pool // tile
    part = np.ascontiguousarray(q[:, segment.start : segment.stop], dtype=tiles.convolve.dtype)
    views = np.lib.stride_tricks.sliding_window_view(part, tile + TAPS - 1, axis=1)
    rows = np.ones((len(q), count, tile + TAPS), dtype=tiles.convolve.dtype)
    rows[:, :, :-1] = views[:, : count * tile : tile]
    return rows.reshape(len(q) * count, tile + TAPS)


def _pool(q: NDArray[np.floating], tiles: _Tiles) -> NDArray[np.int64]:
    """Convolution, ReLU, pooling and the rounding shift: (n, 4, tokens) in 0 ... 127."""
    accumulators = _branch_rows(q, tiles) @ tiles.convolve
    np.maximum(accumulators, 0, out=accumulators)
    partial = (accumulators @ tiles.pool).reshape(len(q), tiles.segment.tokens, -1, CHANNELS)
    sums = partial.sum(axis=2).astype(np.int64)
    return relu(rshift(sums, tiles.shift)).transpose(0, 2, 1)


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


def _token_layer(t: NDArray[np.int64], layer: Layer) -> NDArray[np.int64]:
    bias = layer.bias.astype(np.int64) << FRACTION_BITS
    sums = np.einsum("oi,nit->not", layer.weight.astype(np.int64), t) + bias[None, :, None]
    return relu(rshift(sums, layer.shift))


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
    if q.ndim != 2 or q.shape[1] != program.window:
        raise EcgedgeError(
            f"beats have shape {q.shape}, the program {program.name} wants (n, {program.window})."
        )
    arrays = {"beat": q}
    if program.context:
        if context is None:
            raise EcgedgeError(f"the program {program.name} needs the RR context of each beat.")
        if context.shape != (len(q), program.context):
            raise EcgedgeError(
                f"the RR context has shape {context.shape}, not {(len(q), program.context)}."
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
    program: Program, pools: list[NDArray[np.int64]], context: NDArray[np.int8] | None
) -> Layers:
    """Token layers, mean and head; every result by name, as 64-bit integers."""
    tokens = np.concatenate(pools, axis=2)
    found: dict[str, NDArray[np.int64]] = {"tokens.0": tokens}
    for i, layer in enumerate(program.layers, start=1):
        tokens = _token_layer(tokens, layer)
        found[f"tokens.{i}"] = tokens
    features = relu(rshift(tokens.sum(axis=2), program.mean_shift))
    found["mean"] = features
    if program.context and context is not None:
        found["context"] = context.astype(np.int64)
        features = np.concatenate([features, found["context"]], axis=1)
    bias = program.head.bias.astype(np.int64) << FRACTION_BITS
    found["scores"] = features @ program.head.weight.astype(np.int64).T + bias
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
    context : (n, 5) int8, optional
        RR context; needed when the program uses it, ignored when not.
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
    tiles = [_tiles(b, s) for b, s in zip(program.branches, program.segments, strict=True)]
    pooled: list[list[NDArray[np.int64]]] = [[] for _ in tiles]
    for chunk in _chunks(len(q)):
        part = q[chunk].astype(np.float32)
        for kept, item in zip(pooled, tiles, strict=True):
            kept.append(_pool(part, item))
    pools = [
        np.concatenate(kept) if kept else np.zeros((0, CHANNELS, item.segment.tokens), np.int64)
        for kept, item in zip(pooled, tiles, strict=True)
    ]
    after = _after_pools(program, pools, context)
    found: Layers = {}
    if layers:
        found["beat"] = q.astype(np.int32)
        for name, branch, segment in zip(BRANCHES, program.branches, program.segments, strict=True):
            found[f"{name}.conv"] = convolution(q, branch, segment)
        for name, pool in zip(BRANCHES, pools, strict=True):
            found[f"{name}.pool"] = pool.astype(np.int32)
        found |= after
    scores = after["scores"]
    return Output(scores, decide(program, scores), found)
