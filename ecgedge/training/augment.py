"""Variations of a beat that must not change its label, on counts."""

import math

import torch
from torch import Tensor

from ecgedge.training.config import Augmentation
from ecgedge.training.examples import Examples
from firmware_sim.context import CONTEXT_SIZE

Q7_MAX = 127.0
WANDER_HZ = (0.1, 0.7)
RIPPLE_HZ = (0.5, 2.0)


def normalize(windows: Tensor) -> Tensor:
    """Remove the mean and scale by the largest deviation: whole numbers in -127 ... 127.

    Parameters
    ----------
    windows : Tensor (batch, window), float
        Varied counts, no longer whole numbers, so the mean is not rounded first.
    """
    d = windows - windows.mean(1, keepdim=True)
    peak = d.abs().amax(1, keepdim=True).clamp(min=1e-6)
    return torch.floor(Q7_MAX * d / peak + 0.5)


def _uniform(like: Tensor, low: float, high: float) -> Tensor:
    """Draw one value per beat, shape (batch, 1), on the processor so that seeds mean one thing."""
    return (low + (high - low) * torch.rand(like.shape[0], 1)).to(like)


def _sine(like: Tensor, fs: int, band_hz: tuple[float, float]) -> Tensor:
    """Draw a sine of random frequency and phase for each beat, shape of `like`."""
    t = torch.arange(like.shape[1], device=like.device, dtype=like.dtype) / fs
    frequency, phase = _uniform(like, *band_hz), _uniform(like, 0.0, 2 * math.pi)
    return torch.sin(2 * math.pi * frequency * t + phase)


def shifted(counts: Tensor, window: int, reach: int) -> Tensor:
    """Cut a window moved by up to `reach` samples from rows with margins: (batch, window)."""
    margin = (counts.shape[1] - window) // 2
    reach = min(reach, margin)
    offset = margin + torch.randint(-reach, reach + 1, (len(counts), 1))
    index = offset + torch.arange(window)
    return counts.gather(1, index.to(counts.device))


def augmented(
    examples: Examples,
    index: Tensor,
    how: Augmentation,
    device: torch.device,
    *,
    beats: bool = True,
    values: int = CONTEXT_SIZE,
) -> tuple[Tensor, Tensor]:
    """Draw varied beats and their context.

    Parameters
    ----------
    examples : Examples
    index : Tensor (batch,), int64
        Which beats.
    how : Augmentation
    device : torch.device
        Where the result goes.
    beats : bool
        False for a student that does not look at them: they are returned as they are.
    values : int
        How many values of the context are wanted. Noise is drawn for them alone, so that a student
        is trained by the same numbers whatever else there is to know of a beat.

    Returns
    -------
    q : Tensor (batch, window)
        Whole numbers in -127 ... 127.
    context : Tensor (batch, values)
        Whole numbers in -127 ... 127.
    """
    counts, q, context = _drawn(examples, index, how.nstdb)
    context = _noisy(context[:, :values].float(), how.context).to(device)
    if not beats:
        return q.to(device).float(), context
    return _varied(counts.to(device), examples, how), context


def _drawn(examples: Examples, index: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Counts, `q` and context of beats; a share of them from their noisy records."""
    rows = (examples.counts[index], examples.q[index], examples.context[index])
    if not share or examples.twin is None:
        return rows
    noisy = torch.rand(len(index), 1) < share
    twin = examples.twin
    others = (twin.counts[index], twin.q[index], twin.context[index])
    counts, q, context = (torch.where(noisy, b, a) for a, b in zip(rows, others, strict=True))
    return counts, q, context


def _noisy(context: Tensor, deviation: float) -> Tensor:
    if deviation:
        context = (context + deviation * torch.randn(context.shape)).round()
    return context.clamp(-Q7_MAX, Q7_MAX)


def _varied(counts: Tensor, examples: Examples, how: Augmentation) -> Tensor:
    """Vary beats on their counts, and normalize them."""
    reach = round(how.shift_ms * examples.fs / 1000)
    x = shifted(counts, examples.window, reach).float()
    x = x - x.mean(1, keepdim=True)
    peak = x.abs().amax(1, keepdim=True)
    if how.amplitude:
        ripple = _sine(x, examples.fs, RIPPLE_HZ)
        x = x * (1 + _uniform(x, 0.0, how.amplitude) * ripple)
    if how.wander:
        x = x + peak * _uniform(x, 0.0, how.wander) * _sine(x, examples.fs, WANDER_HZ)
    if how.noise:
        x = x + peak * _uniform(x, 0.0, how.noise) * torch.randn(x.shape).to(x)
    return normalize(x)
