"""Weights that cannot leave [-1, 1], and roundings that let gradients through."""

from typing import Any

import torch
from torch import Tensor

ONE = 128.0
"""The integer that means 1.0 in Q0.7."""
Q7_MAX = 127.0
"""The largest activation of the integer program."""


def bounded_l1(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Scale each output channel so that sum(|w|) + |b| <= 1.

    Parameters
    ----------
    weight : Tensor (..., channels, inputs)
    bias : Tensor (..., channels)

    Returns
    -------
    tuple of Tensor
        The same shapes. A channel inside the bound is returned as it is; one outside is divided
        by its sum, so that its direction survives.
    """
    reach = (weight.abs().sum(-1) + bias.abs()).clamp(min=1.0)
    return weight / reach.unsqueeze(-1), bias / reach


def bounded_tanh(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Pass weights and biases through tanh, scale 1.0: each of them is inside (-1, 1)."""
    return torch.tanh(weight), torch.tanh(bias)


def unbounded(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as they are, for comparison with the bounded forms."""
    return weight, bias


class _StraightThrough(torch.autograd.Function):
    """Return the second argument; send the gradient to the first."""

    @staticmethod
    def forward(ctx: Any, smooth: Tensor, exact: Tensor) -> Tensor:
        return exact

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(smooth: Tensor, exact: Tensor) -> Tensor:
    """Compute with `exact`, differentiate as if it were `smooth` (same shape and type)."""
    result: Tensor = _StraightThrough.apply(smooth, exact)  # type: ignore[no-untyped-call]
    return result


def round_shift(a: Tensor, shift: Tensor) -> Tensor:
    """Rounding right shift of whole numbers held in floats, ties up, gradient 2^-shift.

    Parameters
    ----------
    a : Tensor
        Whole numbers with |a| + 2^(shift-1) below 2^24 (float32) or 2^53 (float64).
    shift : Tensor
        Whole numbers >= 0 that broadcast against `a`.

    Returns
    -------
    Tensor
        floor((a + 2^(shift-1)) / 2^shift), and `a` where the shift is 0: `rshift` of the integer
        program.
    """
    scale = torch.exp2(-shift)
    smooth = a * scale
    return straight_through(smooth, torch.floor(smooth.detach() + 0.5))
