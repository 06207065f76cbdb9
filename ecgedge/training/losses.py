"""What training minimizes, per start: labels, and what a teacher says."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgedge.training.config import check_finite
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class Batch:
    """One step's beats.

    Attributes
    ----------
    index : Tensor (batch,)
        Which training beats these are.
    q, context : Tensor (batch, window), (batch, CONTEXT_SIZE)
    y : Tensor (batch,)
    class_weights : Tensor (classes,)
    epoch : int
    """

    index: Tensor
    q: Tensor
    context: Tensor
    y: Tensor
    class_weights: Tensor
    epoch: int


def _per_start(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over beats: (starts, batch) and (batch,) to (starts,)."""
    return (values * weights).sum(1) / weights.sum().clamp(min=1e-9)


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Class-weighted cross entropy of each start: (starts, batch, classes) to (starts,)."""
    starts = logits.shape[0]
    each = functional.cross_entropy(
        logits.flatten(0, 1), batch.y.repeat(starts), reduction="none"
    ).view(starts, -1)
    return _per_start(each, batch.class_weights[batch.y])


class LabelLoss(nn.Module):
    """Cross entropy with the labels."""

    def forward(self, logits: Tensor, features: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each start, (starts,)."""
        return cross_entropy(logits, batch)


@dataclass(frozen=True)
class Distillation:
    """How much a student listens to its teacher.

    Attributes
    ----------
    alpha, beta, gamma : float
        Weights of the labels, of the teacher's logits, and of its features.
    temperature : float
        Both softmaxes are taken at it; the divergence is multiplied by its square.
    warmup_epochs : int
        Epochs in which beta and gamma grow linearly from 0.
    confidence : float
        Least probability of its own answer for a teacher to be listened to; it must also be right.
    projection : int
        Dimensions in which features are compared.
    """

    alpha: float = 1.0
    beta: float = 0.5
    gamma: float = 0.1
    temperature: float = 3.0
    warmup_epochs: int = 3
    confidence: float = 0.6
    projection: int = 16

    def __post_init__(self) -> None:
        check_finite(self)
        if min(self.alpha, self.beta, self.gamma) < 0 or self.temperature <= 0:
            raise EcgedgeError("distillation weights must be 0 or more and the temperature above.")
        if self.beta == self.gamma == 0:
            raise EcgedgeError(
                "with beta and gamma 0 the teacher has no say; give one of them a weight above 0, "
                "or use `ecgedge train`."
            )


class DistillationLoss(nn.Module):
    """Labels, and the teacher's answers to the same beats where it is right and sure.

    The divergence follows Hinton et al. (2015, arXiv:1503.02531). Features are projected, the
    student's by a trained matrix of each start, the teacher's by a fixed random one (a trained one
    could make everything equal), scaled to length 1 and compared by their squared distance.

    Parameters
    ----------
    how : Distillation
    logits : Tensor (n, classes)
        The teacher's, for every training beat, without augmentation.
    embedding : Tensor (n, size)
        The teacher's features.
    y : Tensor (n,)
        Labels, to find where the teacher is right.
    starts, features : int
        Of the student.
    """

    def __init__(
        self,
        how: Distillation,
        logits: Tensor,
        embedding: Tensor,
        y: Tensor,
        starts: int,
        features: int = 4,
    ) -> None:
        super().__init__()
        self.how = how
        probability, answer = torch.softmax(logits, -1).max(-1)
        self.trusted = (answer == y) & (probability >= how.confidence)
        self.logits = logits
        matrix = torch.randn(embedding.shape[1], how.projection) / embedding.shape[1] ** 0.5
        self.target = functional.normalize((embedding - embedding.mean(0)) @ matrix, dim=-1)
        self.projection = nn.Parameter(torch.randn(starts, features, how.projection) * 0.5)
        self.offset = nn.Parameter(torch.zeros(starts, 1, how.projection))

    @property
    def trusted_share(self) -> float:
        """Share of the training beats on which the teacher is listened to."""
        return float(self.trusted.float().mean())

    def forward(self, logits: Tensor, features: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each start, (starts,)."""
        how, index = self.how, batch.index
        grown = min(1.0, (batch.epoch + 1) / (how.warmup_epochs + 1))
        trusted = self.trusted[index].to(logits) * batch.class_weights[batch.y]
        loss = how.alpha * cross_entropy(logits, batch)
        if how.beta:
            soft = torch.log_softmax(self.logits[index].to(logits) / how.temperature, -1)
            own = torch.log_softmax(logits / how.temperature, -1)
            divergence = (soft.exp() * (soft - own)).sum(-1) * how.temperature**2
            loss = loss + grown * how.beta * _per_start(divergence, trusted)
        if how.gamma:
            own = functional.normalize(torch.bmm(features, self.projection) + self.offset, dim=-1)
            distance = (own - self.target[index].to(logits)).square().sum(-1)
            loss = loss + grown * how.gamma * _per_start(distance, trusted)
        return loss
