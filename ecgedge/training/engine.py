"""The training forward pass as an engine: an integer program run by the code that trained it."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgedge.models.convert import student_from_program
from ecgedge.models.student import SegmentStudent
from firmware_sim.program import Program

Integers = NDArray[np.int8]
Layers = dict[str, NDArray[np.int32]]


def _beat_first(name: str, value: Tensor) -> Tensor:
    """Take the only start; pools and tokens are (4, beats, tokens) inside the student."""
    flat = ("mean", "measures", "hidden", "scores")
    return value[0] if name in flat else value[0].transpose(0, 1)


@torch.inference_mode()
def integer_layers(student: SegmentStudent, q: Integers, context: Integers | None) -> Layers:
    """Run a one-start student with roundings and return each layer as integers.

    Parameters
    ----------
    student : SegmentStudent
        With one start, in evaluation mode.
    q : (n, window) int8
    context : (n, 5 or 12) int8 or None

    Returns
    -------
    dict of str to int32 array
        Names, shapes and order of `firmware_sim.network.run(..., layers=True)`, without the sums.
    """
    beats = torch.from_numpy(q.astype(np.float32))
    rhythm = None if context is None else torch.from_numpy(context.astype(np.float32))
    conv = student.convolutions(beats, 0) if student.config.branches else {}
    rest = {n: _beat_first(n, v) for n, v in student.trace(beats, rhythm, fixed=True).items()}
    last = {name: rest.pop(name) for name in ("hidden", "scores") if name in rest}
    looks = student.config.branches or student.config.measures
    found: Layers = {"beat": q.astype(np.int32)} if looks else {}
    for name, value in (conv | rest).items():
        found[name] = value.numpy().astype(np.int32)
    if student.config.context and context is not None:
        found["context"] = context[:, : student.config.context].astype(np.int32)
    for name, value in last.items():
        found[name] = value.numpy().astype(np.int32)
    return found


def engine(program: Program) -> Callable[[Integers, Integers | None], Layers]:
    """Return a function of beats and context that gives every layer of `program`."""
    student = student_from_program(program)

    def run(q: Integers, context: Integers | None = None) -> Layers:
        return integer_layers(student, q, context)

    return run


def layers_of(program: Program, q: Integers, context: Integers | None = None) -> Layers:
    """Run `program` on beats with the training forward pass; see `integer_layers`."""
    return engine(program)(q, context)
