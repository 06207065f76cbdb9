"""From a student to plain arrays, and from an integer program back to a student."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calib.float_network import FloatNetwork
from calib.ranges import range_bits
from ecgedge.models.constrained import ONE
from ecgedge.models.student import SegmentStudent, StudentConfig
from firmware_sim.formats import FRACTION_BITS
from firmware_sim.prior import Prior
from firmware_sim.program import TOKEN_BITS, Program


@dataclass(frozen=True)
class Purpose:
    """What a student was made for; travels into its float network and program."""

    name: str
    task: str
    fs: int
    labels: tuple[str, ...]
    prior: Prior | None = None


def _floats(values: Tensor, start: int) -> NDArray[np.float64]:
    return (values[start].detach().double() / ONE).cpu().numpy()


def _integers(values: Tensor) -> tuple[int, ...]:
    return tuple(int(v) for v in values.tolist())


def to_float_network(student: SegmentStudent, start: int, purpose: Purpose) -> FloatNetwork:
    """Return one start of a student as a float network, with its present gains.

    Parameters
    ----------
    student : SegmentStudent
    start : int
        Which of its starts.
    purpose : Purpose

    Returns
    -------
    FloatNetwork
        Without a threshold.
    """
    config, w = student.config, student.bounded()
    network = FloatNetwork(
        name=purpose.name,
        task=purpose.task,
        fs=purpose.fs,
        window=config.window,
        labels=purpose.labels,
        context=config.context,
        conv_bound=config.conv_bound,
        activation=config.activation,
        conv_weight=_floats(w.conv, start),
        conv_bias=_floats(w.conv_bias, start),
        token_weight=_floats(w.tokens, start),
        token_bias=_floats(w.token_bias, start),
        head_weight=_floats(w.head, start),
        head_bias=_floats(w.head_bias, start),
        hidden_weight=_floats(w.hidden, start),
        hidden_bias=_floats(w.hidden_bias, start),
        hidden_gain=int(student.hidden_gain[start]),
        pool_gain=_integers(student.pool_gain[start]),
        token_gain=_integers(student.token_gain[start]),
        mean_gain=int(student.mean_gain[start]),
        logit_scale=config.logit_scale,
        prior=purpose.prior,
        measures=config.measures,
    )
    if config.branches and config.activation == "tanh":
        return network
    # The student's gains count from the scale where a convolution reaches 1; a network that reads
    # its convolutions divided by 2^k needs k more. Without branches it has neither gains nor bits.
    bits = range_bits(network)
    gains = tuple(g + k for g, k in zip(network.pool_gain, bits, strict=True))
    return network.replace(pool_gain=gains, range_bits=bits)


@torch.no_grad()
def student_from_program(program: Program) -> SegmentStudent:
    """Return a student whose fixed forward pass is an integer program.

    Its weights are the program's integers as they stand, so it is built without bounds.
    """
    config = StudentConfig(
        window=program.window,
        classes=len(program.labels),
        depth=max(1, len(program.layers)),
        context=program.context,
        branches=bool(program.branches),
        hidden=0 if program.hidden is None else len(program.hidden.bias),
        conv_bound="none",
        logit_scale=program.logit_scale,
        measures=program.measures,
    )
    student = SegmentStudent(config)
    pairs = [(student.head_weight, [program.head.weight]), (student.head_bias, [program.head.bias])]
    if program.branches:
        pairs += [
            (student.conv_weight, [b.weight for b in program.branches]),
            (student.conv_bias, [b.bias for b in program.branches]),
            (student.token_weight, [layer.weight for layer in program.layers]),
            (student.token_bias, [layer.bias for layer in program.layers]),
        ]
    if program.hidden is not None:
        pairs += [
            (student.hidden_weight, [program.hidden.weight]),
            (student.hidden_bias, [program.hidden.bias]),
        ]
        student.hidden_gain[0] = FRACTION_BITS - program.hidden.shift
    for parameter, integers in pairs:
        values = torch.from_numpy(np.stack(integers).astype(np.float32)) / ONE
        parameter[0] = values.reshape(parameter[0].shape)
    student.pool_gain[0] = torch.tensor(
        [FRACTION_BITS + s.pool_bits - b.shift for _, b, s in program.named_branches]
    )
    student.token_gain[0] = torch.tensor([FRACTION_BITS - x.shift for x in program.layers])
    student.mean_gain[0] = TOKEN_BITS - program.mean_shift
    return student.eval()
