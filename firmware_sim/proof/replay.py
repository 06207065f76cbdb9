"""Replay of a proof: its witnesses go through the simulator, and have to give what it states.

The bounds of a proof are derived from the weights alone. Here the simulator's own functions take
the inputs that are said to attain them; the accumulator, and the activation that it becomes, are
compared with equality.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firmware_sim import network
from firmware_sim.measures import reduced
from firmware_sim.program import BRANCHES, CHANNELS, Program
from firmware_sim.proof.network import (
    DIFFERENCE,
    HIDDEN,
    MEASURES,
    Reach,
    Witness,
    activation,
)
from firmware_sim.prove import Proof, witness_beat
from firmware_sim.shape import bin_sums


@dataclass(frozen=True)
class Replay:
    """What came of the witnesses.

    Attributes
    ----------
    count : int
        How many were replayed.
    failures : tuple of str
        One sentence for each that does not give what the proof states.
    """

    count: int
    failures: tuple[str, ...]


def replay(program: Program, proof: Proof) -> Replay:
    """Run every witness of a proof through the simulator.

    Parameters
    ----------
    program : Program
    proof : Proof
        Of this program.
    """
    count, failures = 0, []
    for reach in proof.layers:
        for end, witness, stated, becomes in _claims(reach):
            count += 1
            accumulator, shift = _accumulator(program, reach, witness)
            place = f"{reach.name} channel {reach.channel}: the witness of its {end}"
            if accumulator != stated:
                failures.append(f"{place} gives {accumulator}, not {stated}.")
            elif shift is not None:
                seen = activation(reach.name, accumulator, shift)
                if seen != becomes:
                    failures.append(f"{place} gives the activation {seen}, not {becomes}.")
    return Replay(count, tuple(failures))


def _claims(reach: Reach) -> Iterator[tuple[str, Witness, int, int | None]]:
    """What a reach states with a witness: which end, the witness, accumulator, activation."""
    if reach.witness_min is not None:
        yield "minimum", reach.witness_min, reach.min, reach.activation_min
    if reach.witness_max is not None:
        yield "maximum", reach.witness_max, reach.max, reach.activation_max


def _accumulator(program: Program, reach: Reach, witness: Witness) -> tuple[int, int | None]:
    """Return the simulator's accumulator for a witness, and the shift that follows it."""
    branch, _, kind = reach.name.partition(".")
    if branch in BRANCHES:
        return _of_branch(program, BRANCHES.index(branch), kind, reach.channel, witness)
    inputs = np.array(witness, dtype=np.int64)
    if branch == "tokens":
        layer = program.layers[int(kind) - 1]
        sums = network.token_sums(inputs.reshape(1, CHANNELS, 1), layer)
        return int(sums[0, reach.channel, 0]), layer.shift
    if reach.name == "mean":
        return int(network.mean_sums(inputs.reshape(1, 1, -1))[0, 0]), program.mean_shift
    if reach.name == MEASURES:
        measure = program.measures[reach.channel]
        bins = bin_sums(inputs.astype(np.int8).reshape(1, -1))
        return int(reduced(bins, measure)[0]), measure.shift(program.window)
    if reach.name == HIDDEN and program.hidden is not None:
        sums = network.hidden_sums(inputs.reshape(1, -1), program.hidden)
        return int(sums[0, reach.channel]), program.hidden.shift
    scores = network.head_scores(inputs.reshape(1, -1), program.head)[0]
    if reach.name == DIFFERENCE:
        return int(scores[1] - scores[0]), None
    return int(scores[reach.channel]), None


def _of_branch(
    program: Program, index: int, kind: str, channel: int, witness: Witness
) -> tuple[int, int | None]:
    """Return the first accumulator of a convolution, or of its first pool, for samples."""
    branch, segment = program.branches[index], program.segments[index]
    beat = witness_beat(program.window, segment, witness)[None, :]
    if kind == "conv":
        return int(network.convolution(beat, branch, segment)[0, channel, 0]), None
    sums = network.pool_sums(np.ascontiguousarray(beat.T, dtype=np.int16), branch, segment)
    return int(sums[channel, 0, 0]), branch.shift
