"""Rare classes: weights of the loss, and samplers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ecgedge.training.config import Imbalance


def class_weights(counts: Tensor, how: Imbalance, epoch: int, labels: Sequence[str]) -> Tensor:
    """Return the weight of each class in one epoch.

    Parameters
    ----------
    counts : Tensor (classes,)
        Training beats of each class.
    how : Imbalance
    epoch : int
        From 0; weights grow linearly from 1 over the warm-up.
    labels : sequence of str
        Class names, for the weights that `how` names.

    Returns
    -------
    Tensor (classes,), float
        The weight that `how` names, or (largest / own)^power, at most `ratio`; 1 for a class
        without beats and without weights.
    """
    full = torch.ones(len(counts))
    if not how.class_weights:
        return full
    present = counts > 0
    full[present] = (counts.max() / counts[present]).float() ** how.power
    full = full.clamp(max=how.ratio)
    for index, label in enumerate(labels):
        full[index] = how.weights.get(label, float(full[index]))
    grown = min(1.0, (epoch + 1) / (how.warmup_epochs + 1))
    return 1 + grown * (full - 1)


def draw(y: Tensor, record: Tensor, counts: Tensor, how: Imbalance, draws: int) -> Tensor:
    """Return the beats of one epoch in random order: (at most `draws`,) indices.

    Without a sampler no beat is drawn twice in an epoch.

    Parameters
    ----------
    y, record : Tensor (n,), int64
        Class and record of each beat.
    counts : Tensor (classes,)
        Beats of each class.
    how : Imbalance
    draws : int
    """
    if how.sampler == "none":
        return torch.randperm(len(y))[:draws]
    of_beat = counts[y]
    if how.sampler == "records":
        group = record * len(counts) + y
        of_beat = torch.bincount(group)[group]
    power = 1.0 if how.sampler == "balanced" else how.power
    chance = (1.0 / of_beat.double()) ** power
    return torch.multinomial(chance, min(draws, len(y)), replacement=True)
