"""The proof of a program: no input can overflow anything, and how narrow each integer may be.

Three parts, in modules of `firmware_sim.proof`: the network, from ADC counts to the beat, and
detector, rhythm, shape, pending beats and prior over streams of samples without end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.detector_timing import FS_MAX_HZ, FS_MIN_HZ
from firmware_sim.formats import ONE, Q7_MAX
from firmware_sim.program import Program, Segment
from firmware_sim.proof.beat import prove_beat
from firmware_sim.proof.interval import Interval, Quantity
from firmware_sim.proof.network import HIDDEN, MEASURES, Reach, prove_network
from firmware_sim.proof.prior import prove_prior
from firmware_sim.proof.stream import prove_stream


@dataclass(frozen=True)
class Proof:
    """What every integer of a program can be.

    Attributes
    ----------
    program : str
        Digest of the program that it speaks of.
    fs, window : int
        Of the program: what the parts beside the network depend on.
    layers : tuple of Reach
        The network's accumulators, in the order of computation.
    normalization : tuple of Quantity
        From ADC counts to the beat, for all windows of int16 samples.
    stream : tuple of Quantity
        Detector, rhythm, shape, pending beats and prior, for all streams of int16 samples; empty
        when the detector does not work at the program's rate.
    """

    program: str
    fs: int
    window: int
    layers: tuple[Reach, ...]
    normalization: tuple[Quantity, ...]
    stream: tuple[Quantity, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not fit, one sentence each; empty when the proof holds."""
        found = []
        for reach in self.layers:
            place = f"{reach.name} channel {reach.channel}"
            activation = (reach.activation_min or 0, reach.activation_max or 0)
            if not reach.width_bits:
                found.append(f"the accumulator of {place} does not fit 32 bits.")
            if min(activation) < -Q7_MAX or max(activation) > Q7_MAX:
                found.append(f"the activation of {place} leaves [-1, 1].")
        quantities = (*self.normalization, *self.stream)
        found += [f"{q.name} does not fit 32 bits." for q in quantities if not q.width_bits]
        return tuple(found)

    @property
    def ok(self) -> bool:
        """Whether everything fits 32 bits and every activation lies inside [-1, 1]."""
        return not self.failures

    @property
    def activation_max(self) -> float:
        """Largest absolute activation that any input can cause, as a number."""
        limits = [max(abs(r.activation_min or 0), abs(r.activation_max or 0)) for r in self.layers]
        return max([*limits, Q7_MAX]) / ONE  # the beat itself reaches 127

    def width(self, name: str) -> int:
        """Accumulator width of a layer: the widest that one of its channels needs.

        Parameters
        ----------
        name : str
            As in `Reach`: `P.conv`, `P.pool`, ..., `tokens.1`, ..., `mean`, or `measures`;
            `hidden`, `scores`.

        Returns
        -------
        int
            16 or 32, for every value on the way too; 0 when 32 bits do not hold it.
        """
        widths = [r.width_bits for r in self.layers if r.name == name]
        return 0 if 0 in widths else max(widths)


def prove(program: Program) -> Proof:
    """Prove what a program can reach.

    Parameters
    ----------
    program : Program

    Returns
    -------
    Proof
        The same program always gives the same proof.
    """
    layers = prove_network(program)
    return Proof(
        program=program.digest,
        fs=program.fs,
        window=program.window,
        layers=layers,
        normalization=prove_beat(program.window),
        stream=_stream(program, layers),
    )


def _stream(program: Program, layers: tuple[Reach, ...]) -> tuple[Quantity, ...]:
    """Prove what a device keeps from one sample to the next, and from one decision to the next."""
    if not FS_MIN_HZ <= program.fs <= FS_MAX_HZ:
        return ()
    found = prove_stream(program.fs, program.window, program.context)
    if program.prior is None:
        return found
    channel = program.labels.index(program.prior.label)
    (score,) = (r for r in layers if (r.name, r.channel) == ("scores", channel))
    return (*found, *prove_prior(program.prior, Interval(score.min, score.max)))


def witness_beat(window: int, segment: Segment, samples: tuple[int, ...]) -> NDArray[np.int8]:
    """Return the beat that a witness of kind `beat` stands for.

    Parameters
    ----------
    window : int
        Samples in a beat.
    segment : Segment
        Of the branch; the samples begin where it does.
    samples : tuple of int
        `Reach.witness_min` or `witness_max`.

    Returns
    -------
    (window,) int8, zero outside of the samples
    """
    beat = np.zeros(window, dtype=np.int8)
    beat[segment.start : segment.start + len(samples)] = samples
    return beat


def worst_beats(program: Program) -> NDArray[np.int8]:
    """Return beats that drive convolutions and pools, or measures, to their bounds.

    For each branch and channel the input window that attains the accumulator's maximum, repeated
    over the whole beat, and the one that attains its minimum; for every phase of the four taps. And
    the beats that attain the least and greatest sums of the pools, or of measures.

    Returns
    -------
    (n, window) int8, one beat of zeros for a program that looks at none
    """
    if not program.seen:
        return np.zeros((1, program.window), dtype=np.int8)
    beats = []
    for branch in program.branches:
        for row in branch.weight:
            pattern = np.where(row < 0, -Q7_MAX, Q7_MAX)
            for phase in range(len(row)):
                beat = np.resize(np.roll(pattern, phase), program.window)
                beats += [beat, -beat]
    segments = {f"{name}.pool": segment for name, _, segment in program.named_branches}
    for reach in prove_network(program):
        for witness in (reach.witness_min, reach.witness_max):
            if reach.name in segments and witness is not None:
                beats.append(witness_beat(program.window, segments[reach.name], witness))
            if reach.name == MEASURES and witness is not None:
                beats.append(np.array(witness, dtype=np.int8))
    return np.unique(np.array(beats, dtype=np.int8), axis=0)


def worst_contexts(program: Program) -> NDArray[np.int8]:
    """Return contexts that drive the hidden layer to its bounds.

    For each unit those that attain its least and its greatest sum, where the beat is seen together
    with mean values or measures that are proved to be possible one by one.

    Returns
    -------
    (n, program.context) int8, empty without context or hidden layer
    """
    found = [
        witness[len(witness) - program.context :]
        for reach in prove_network(program)
        for witness in (reach.witness_min, reach.witness_max)
        if reach.name == HIDDEN and witness is not None
    ]
    rows = np.array(found, dtype=np.int8).reshape(len(found), program.context)
    return np.unique(rows, axis=0)
