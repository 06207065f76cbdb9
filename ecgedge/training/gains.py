"""Gains of all starts from the activations of training beats: `calib.ranges`, batched."""

import numpy as np
import torch
from torch import Tensor

from calib.ranges import MAX_MEAN_GAIN, MAX_POOL_GAIN, MAX_TOKEN_GAIN, METHODS
from ecgedge.models.constrained import ONE
from ecgedge.models.student import SegmentStudent
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import BRANCHES

PROBE = -4.0
"""A gain at which nothing is clipped: sums reach 5 at most, before it is known what they reach."""


def _choose(values: Tensor, method: str, largest: int) -> Tensor:
    """Return the gain of each start for values (starts, ...) that were computed at PROBE."""
    plain = (values / ONE * 2.0**-PROBE).cpu().numpy()
    if not np.isfinite(plain).all():
        raise EcgedgeError("the training diverged; use a smaller --learning-rate.")
    gains = [METHODS[method](start, largest) for start in plain]
    return torch.tensor(gains, dtype=torch.float32, device=values.device)


@torch.no_grad()
def calibrate_gains(
    student: SegmentStudent, q: Tensor, context: Tensor | None, method: str = "percentile"
) -> None:
    """Set the gains of every start, from the pools to the mean, on training beats.

    Parameters
    ----------
    student : SegmentStudent
        Changed in place. Its convolutions may reach at most 1, as with the `l1` bound, or more; a
        gain below 0 is not chosen, so that wider bounds clip in the pool.
    q : Tensor (n, window)
        A few thousand beats.
    context : Tensor (n, 5 or 12) or None
    method : str
        Key of `calib.ranges.METHODS`.

    Raises
    ------
    EcgedgeError
        When activations are no longer finite.
    """
    training = student.training
    student.eval()
    if student.config.branches:
        _calibrate_tokens(student, q, context, method)
    if student.config.hidden:
        student.hidden_gain.fill_(PROBE)
        found = student.trace(q, context, fixed=False)
        student.hidden_gain.copy_(_choose(found["hidden"], method, MAX_TOKEN_GAIN))
    student.train(training)


def _calibrate_tokens(
    student: SegmentStudent, q: Tensor, context: Tensor | None, method: str
) -> None:
    """Set the gains from the pools to the mean."""
    student.pool_gain.fill_(PROBE)
    found = student.trace(q, context, fixed=False)
    for i, name in enumerate(BRANCHES):
        student.pool_gain[:, i] = _choose(found[f"{name}.pool"], method, MAX_POOL_GAIN)
    for i in range(student.config.depth):
        student.token_gain[:, i] = PROBE
        found = student.trace(q, context, fixed=False)
        chosen = _choose(found[f"tokens.{i + 1}"], method, MAX_TOKEN_GAIN)
        student.token_gain[:, i] = chosen
    student.mean_gain.fill_(PROBE)
    found = student.trace(q, context, fixed=False)
    student.mean_gain.copy_(_choose(found["mean"], method, MAX_MEAN_GAIN))
