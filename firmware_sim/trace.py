"""Layer-by-layer comparison of two engines, and the report of the first difference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import FRACTION_BITS
from firmware_sim.measures import reduced
from firmware_sim.network import hidden_sums, run
from firmware_sim.program import BRANCHES, Program
from firmware_sim.shape import bin_sums


@dataclass(frozen=True)
class Difference:
    """The first place where an engine leaves the simulator.

    Attributes
    ----------
    beat : int
        Index of the beat in the arrays that were compared.
    layer : str
        Layer name, in the order of computation the first that differs for this beat.
    channel, position : int or None
        Where in the layer; None where a layer has no such axis.
    expected, actual : int
        The simulator's integer and the engine's.
    accumulator : int or None
        The simulator's accumulator behind the expected integer, before shift and clip; None where
        the layer has none (the beat and its context are inputs).
    """

    beat: int
    layer: str
    channel: int | None
    position: int | None
    expected: int
    actual: int
    accumulator: int | None

    def __str__(self) -> str:
        """One sentence for a person."""
        place = self.layer
        if self.channel is not None:
            place += f", channel {self.channel}"
        if self.position is not None:
            place += f", position {self.position}"
        behind = "" if self.accumulator is None else f" (accumulator {self.accumulator})"
        return f"beat {self.beat}, {place}: expected {self.expected}{behind}, found {self.actual}"


@dataclass(frozen=True)
class Comparison:
    """How many beats were compared, how many differ, and the first difference.

    Attributes
    ----------
    compared : int
        Beats.
    mismatches : int
        Beats with at least one different integer.
    first : Difference or None
    """

    compared: int
    mismatches: int
    first: Difference | None


def compare(
    program: Program,
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
    expected: Mapping[str, NDArray[np.integer]],
    actual: Mapping[str, NDArray[np.number]],
) -> Comparison:
    """Compare what an engine shows with the simulator, integer for integer.

    Parameters
    ----------
    program : Program
    q, context
        The beats that both have seen.
    expected : mapping of layer name to integers (n, ...)
        The simulator's layers (or its scores alone), in the order of computation.
    actual : mapping of layer name to numbers (n, ...)
        What the engine shows, any subset of those layers; floats must hold integers.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        When the engine shows no layer that the simulator has, or one of another shape.
    """
    shared = [name for name in expected if name in actual]
    if not shared:
        raise ValueError("the engine shows no layer that the simulator has")
    n = len(q)
    differs = np.zeros(n, dtype=bool)
    for name in shared:
        if actual[name].shape != expected[name].shape:
            raise ValueError(f"{name} has shape {actual[name].shape}, not {expected[name].shape}")
        unequal = np.asarray(actual[name]) != expected[name]
        differs |= unequal.reshape(n, -1).any(axis=1)
    if not differs.any():
        return Comparison(n, 0, None)
    beat = int(np.argmax(differs))
    first = next(
        name for name in shared if not np.array_equal(actual[name][beat], expected[name][beat])
    )
    place = np.argwhere(np.asarray(actual[first][beat]) != expected[first][beat])[0]
    one_context = None if context is None else context[beat : beat + 1]
    found = Difference(
        beat=beat,
        layer=first,
        channel=int(place[0]) if first != "beat" else None,
        position=int(place[-1]) if first == "beat" or len(place) > 1 else None,
        expected=int(expected[first][beat][tuple(place)]),
        actual=int(actual[first][beat][tuple(place)]),
        accumulator=accumulator(program, q[beat : beat + 1], one_context, first, tuple(place)),
    )
    return Comparison(n, int(differs.sum()), found)


def accumulator(
    program: Program,
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
    layer: str,
    place: tuple[int, ...],
) -> int | None:
    """Return the simulator's accumulator behind one integer of one beat.

    Parameters
    ----------
    program : Program
    q, context
        One beat: (1, window) and (1, program.context or more) or None.
    layer : str
        Layer name.
    place : tuple of int
        Index into the layer: channel, and position where there is one.

    Returns
    -------
    int or None
        The exact sum before shift and clip; None for inputs.
    """
    layers = run(program, q, context, layers=True).layers
    kind, _, suffix = layer.rpartition(".")
    if suffix in ("conv", "sum") or layer == "scores":
        return int(layers[layer][0][place])
    if layer == "mean":
        return int(layers[f"tokens.{len(program.layers)}"][0, place[0]].sum())
    if layer == "hidden" and program.hidden is not None:
        features = [layers[n] for n in ("mean", "measures", "context") if n in layers]
        sums = hidden_sums(np.concatenate(features, axis=1).astype(np.int64), program.hidden)
        return int(sums[0, place[0]])
    if layer == "measures":
        return int(reduced(bin_sums(q), program.measures[place[0]])[0])
    if suffix == "pool":
        branch = BRANCHES.index(kind)
        return _pool_sum(program, layers, branch, place[0], place[1])
    if layer == "tokens.0":
        branch, token = _token_owner(program, place[1])
        return _pool_sum(program, layers, branch, place[0], token)
    if kind == "tokens":
        values = layers[f"tokens.{int(suffix) - 1}"][0, :, place[1]].astype(np.int64)
        own = program.layers[int(suffix) - 1]
        bias = int(own.bias[place[0]]) << FRACTION_BITS
        return int(own.weight[place[0]].astype(np.int64) @ values) + bias
    return None


def _token_owner(program: Program, token: int) -> tuple[int, int]:
    """Return the branch that gives one of the eight tokens, and which of its own it is."""
    for branch, segment in enumerate(program.segments):
        if token < segment.tokens:
            return branch, token
        token -= segment.tokens
    raise IndexError(token)


def _pool_sum(
    program: Program, layers: Mapping[str, NDArray[np.int32]], branch: int, channel: int, token: int
) -> int:
    """Sum of the rectified accumulators in one pool."""
    pool = program.segments[branch].pool
    row = layers[f"{BRANCHES[branch]}.conv"][0, channel, token * pool : (token + 1) * pool]
    return int(np.maximum(row, 0).sum(dtype=np.int64))
