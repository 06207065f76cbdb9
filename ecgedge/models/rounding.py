"""The weight rounding of `calib.quantize`, for tensors."""

import torch
from torch import Tensor

from calib.quantize import round_convolution
from ecgedge.models.constrained import ONE


def whole_weights(weight: Tensor, bias: Tensor, *, l1: bool) -> tuple[Tensor, Tensor]:
    """Round weights and biases in units of 1/128 to the integers that a program would hold.

    Parameters
    ----------
    weight : Tensor (..., inputs)
    bias : Tensor (...)
    l1 : bool
        Keep sum(|w|) + |b| <= 128 per channel.

    Returns
    -------
    tuple of Tensor
        Whole numbers, without gradient, in the type and on the device of the arguments.
    """
    w, b = ((t.detach() / ONE).cpu().numpy() for t in (weight, bias))
    integers = round_convolution(w, b, "l1" if l1 else "tanh")
    first, second = (torch.from_numpy(a.copy()).to(weight) for a in integers)
    return first, second
