"""Faults of the hardware that a program runs on, analog and photonic hardware above all.

A fault turns a program into another program, counts into coarser counts, or the inputs of the
network into coarser inputs; what comes out is run by the same exact integers as ever. So noise on
the weights is noise of the moment at which they were written: it stays as it is from beat to beat,
and every weight is one of the 255 levels of Q0.7 afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.record import Record
from firmware_sim import network
from firmware_sim.beat import cut_windows, normalize
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE, Q7_MAX, rshift
from firmware_sim.pipeline import Beat
from firmware_sim.prior import in_sequence
from firmware_sim.program import Branch, Head, Hidden, Layer, Program

WEIGHT_BITS = 8
"""Of a weight, a bias, and an input of the network."""
CONVERTER_BITS = 11
"""Of the converter that the MIT-BIH records were made with."""
DRIFT_SPREAD = 0.3
"""Standard deviation of the drift from weight to weight, as a share of its mean."""

Ints = NDArray[np.int64]
Part = TypeVar("Part", Branch, Layer, Hidden, Head)
Numbers = NDArray[np.float64] | Ints
Change = Callable[[Ints, float, np.random.Generator], Numbers]
"""From weights or biases, a severity and random numbers to what they have become."""
WEIGHTS, CONVERTER, INPUTS = "weights", "converter", "inputs"


@dataclass(frozen=True)
class Kind:
    """One way in which hardware differs from the program.

    Attributes
    ----------
    title : str
        For people.
    unit : str
        What a severity is.
    levels : tuple of float
        Severities of a sweep unless told, the least one first; without a fault at the first.
    limits : tuple of float
        Least and greatest severity that is possible.
    where : str
        `WEIGHTS`, `CONVERTER` or `INPUTS`.
    change : callable or None
        What happens to weights; None for the others.
    is_random : bool
        Whether it is another one in each trial.
    is_whole : bool
        Whether a severity is a whole number.
    """

    title: str
    unit: str
    levels: tuple[float, ...]
    limits: tuple[float, float]
    where: str = WEIGHTS
    change: Change | None = None
    is_random: bool = True
    is_whole: bool = False


@dataclass(frozen=True)
class Fault:
    """A kind of fault and how bad it is; checked when it is made.

    Raises
    ------
    EcgedgeError
        When there is no such kind, or the severity is not possible.
    """

    kind: str
    severity: float

    def __post_init__(self) -> None:
        kind = kind_of(self.kind)
        low, high = kind.limits
        whole = not kind.is_whole or float(self.severity).is_integer()
        if not (low <= self.severity <= high and whole):
            number = "a whole number" if kind.is_whole else "a number"
            raise EcgedgeError(
                f"{self.kind}={self.severity:g} is not possible; its severity is {number} from "
                f"{low:g} to {high:g} ({kind.unit})."
            )


# What happens to weights


def _noise(values: Ints, severity: float, random: np.random.Generator) -> Numbers:
    return values + ONE * severity * random.standard_normal(values.shape)


def _bits(values: Ints) -> NDArray[np.uint8]:
    """Two's complement, eight bits along a new last axis."""
    return np.unpackbits(values.astype(np.int8).view(np.uint8)[..., None], axis=-1)


def _integers(bits: NDArray[np.uint8]) -> Ints:
    return np.packbits(bits, axis=-1)[..., 0].view(np.int8).astype(np.int64)


def _stuck(values: Ints, severity: float, random: np.random.Generator) -> Ints:
    bits = _bits(values)
    is_stuck = random.random(bits.shape) < severity
    return _integers(np.where(is_stuck, random.integers(0, 2, bits.shape, np.uint8), bits))


def _flip(values: Ints, severity: float, random: np.random.Generator) -> Ints:
    bits = _bits(values)
    return _integers(bits ^ (random.random(bits.shape) < severity))


def _fewer_bits(values: Ints, severity: float, random: np.random.Generator) -> Ints:
    return coarse(values, int(severity))


def _drift(values: Ints, severity: float, random: np.random.Generator) -> Numbers:
    own = 1 + DRIFT_SPREAD * random.standard_normal(values.shape)
    return values * np.maximum(1 - severity * own, 0)


def _dead(values: Ints, severity: float, random: np.random.Generator) -> Ints:
    return np.where(random.random(values.shape) < severity, 0, values)


def coarse(values: Ints, bits: int) -> Ints:
    """Round Q0.7 integers to fewer bits: to multiples of 2**(8 - bits), symmetric about zero."""
    step, most = WEIGHT_BITS - bits, (1 << (bits - 1)) - 1
    return np.asarray(np.clip(rshift(values, step), -most, most) << step, np.int64)


_SHARES = (0, 0.001, 0.003, 0.01, 0.03, 0.1)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "weight-noise": Kind(
            "noise on weights",
            "sd, of a largest weight of 1",
            (0, 0.01, 0.02, 0.05, 0.1, 0.2),
            (0, 1),
            change=_noise,
        ),
        "stuck": Kind("stuck bits", "share of weight bits", _SHARES, (0, 1), change=_stuck),
        "flip": Kind("flipped bits", "share of weight bits", _SHARES, (0, 1), change=_flip),
        "dead": Kind(
            "dead weights", "share of weights", (0, 0.01, 0.02, 0.05, 0.1, 0.2), (0, 1),
            change=_dead,
        ),
        "drift": Kind(
            "drift", "mean loss of a weight", (0, 0.05, 0.1, 0.2, 0.3, 0.5), (0, 1), change=_drift
        ),
        "weight-bits": Kind(
            "fewer weight bits", "bits of a weight", (8, 7, 6, 5, 4), (2, WEIGHT_BITS),
            change=_fewer_bits, is_random=False, is_whole=True,
        ),
        "adc-bits": Kind(
            "fewer converter bits", "bits of the converter", (11, 10, 9, 8, 7, 6, 5),
            (2, CONVERTER_BITS), CONVERTER, is_random=False, is_whole=True,
        ),
        "input-bits": Kind(
            "fewer input bits", "bits of an input of the network", (8, 7, 6, 5, 4, 3),
            (2, WEIGHT_BITS), INPUTS, is_random=False, is_whole=True,
        ),
    }
)  # fmt: skip
"""Name on the command line -> kind of fault."""


def kind_of(name: str) -> Kind:
    """Return a kind of fault by its name.

    Raises
    ------
    EcgedgeError
        When there is none of that name; the message lists those there are.
    """
    if name not in KINDS:
        raise EcgedgeError(f"unknown fault {name!r}; choose one of {', '.join(KINDS)}.")
    return KINDS[name]


# Faults in a program, in a recording, in the inputs of the network


def faulty_program(program: Program, faults: Sequence[Fault], seed: tuple[int, int]) -> Program:
    """Return a program whose weights and biases have suffered, one fault after the other.

    Rounded to Q0.7 again: to whole numbers in -127 ... 127, so that a bit pattern of -128 becomes
    -127. Shifts, threshold and everything else stay.

    Parameters
    ----------
    program : Program
        Of any shape.
    faults : sequence of Fault
        Those that do not concern weights do nothing here.
    seed : tuple of int
        Trial, and which of several programs it is; in the same trial a severer fault is the same
        fault, severer.
    """
    random = np.random.default_rng(seed)
    for fault in faults:
        change = kind_of(fault.kind).change
        if change is not None:
            program = _rewritten(program, change, fault.severity, random)
    return program


def _rewritten(
    program: Program, change: Change, severity: float, random: np.random.Generator
) -> Program:
    def array(values: NDArray[np.int8]) -> NDArray[np.int8]:
        changed = np.rint(change(values.astype(np.int64), severity, random))
        return np.clip(changed, -Q7_MAX, Q7_MAX).astype(np.int8)

    def part(old: Part) -> Part:
        return replace(old, weight=array(old.weight), bias=array(old.bias))

    return program.replace(
        branches=tuple(part(branch) for branch in program.branches),
        layers=tuple(part(layer) for layer in program.layers),
        hidden=None if program.hidden is None else part(program.hidden),
        head=part(program.head),
    )


def faulty_record(record: Record, faults: Sequence[Fault]) -> Record:
    """Return a recording of a converter with fewer bits over the same range: low bits are zero.

    Parameters
    ----------
    record : Record
        At the rate of its converter, 11 bits.
    faults : sequence of Fault
        Those that do not concern the converter do nothing here.
    """
    for fault in faults:
        if kind_of(fault.kind).where == CONVERTER:
            step = CONVERTER_BITS - int(fault.severity)
            record = replace(record, counts=record.counts >> step << step)
    return record


def faulty_inputs(values: NDArray[np.int8], faults: Sequence[Fault]) -> NDArray[np.int8]:
    """Return beats or context, any shape, as digital-to-analog converters of fewer bits give them.

    Parameters
    ----------
    values : ndarray of int8
        In -127 ... 127.
    faults : sequence of Fault
        Those that do not concern inputs do nothing here.
    """
    for fault in faults:
        if kind_of(fault.kind).where == INPUTS:
            values = coarse(values.astype(np.int64), int(fault.severity)).astype(np.int8)
    return values


def with_faulty_inputs(
    program: Program, counts: NDArray[np.integer], beats: Sequence[Beat], faults: Sequence[Fault]
) -> list[Beat]:
    """Label the beats of a recording anew, with coarser inputs of the network.

    Parameters
    ----------
    program : Program
    counts : (n,) integers
        The recording that the beats are from, at the program's rate.
    beats : sequence of Beat
    faults : sequence of Fault
    """
    if not beats or all(kind_of(fault.kind).where != INPUTS for fault in faults):
        return list(beats)
    peaks = np.array([beat.sample for beat in beats])
    q = faulty_inputs(normalize(cut_windows(counts, peaks, program.window)), faults)
    known = np.array([beat.context for beat in beats], np.int8)
    context = faulty_inputs(known, faults)
    output = network.run(program, q, context if program.context else None)
    scores = in_sequence(program, output.scores, np.zeros(len(beats), int), known)
    decided = network.decide(program, scores)
    return [
        replace(
            beat,
            label=program.labels[index],
            label_index=int(index),
            scores=tuple(own.tolist()),
            context=tuple(row.tolist()),
        )
        for beat, index, own, row in zip(beats, decided, scores, context, strict=True)
    ]
