"""How good each start is on validation records."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calib.thresholds import choose_threshold
from ecgedge.evaluation.metrics import NSV, auroc, confusion, f1, macro_f1
from ecgedge.training.examples import Examples

BATCH = 1024
COLLAPSED_SHARE = 0.999
"""A model that gives one class to this share of the beats has collapsed."""


@dataclass(frozen=True)
class Validation:
    """Results of every start.

    Attributes
    ----------
    score : (starts,) float
        What training selects by: macro-F1 over N, S, V where the task has them, over all classes
        otherwise; area under the ROC curve for two classes.
    collapsed : (starts,) bool
        Whether a start gives (almost) every beat the same class.
    details : dict of str to float
        Numbers of the best start, for people.
    """

    score: NDArray[np.float64]
    collapsed: NDArray[np.bool_]
    details: dict[str, float]


@torch.inference_mode()
def logits_of(
    model: nn.Module, examples: Examples, device: torch.device, *, fixed: bool = False
) -> Tensor:
    """Return the logits of all beats, without augmentation: (starts, n, classes), on the CPU."""
    was_training = model.training
    model.eval()
    parts = []
    for start in range(0, len(examples), BATCH):
        rows = slice(start, start + BATCH)
        q = examples.q[rows].to(device).float()
        context = examples.context[rows].to(device).float()
        parts.append(model(q, context, fixed=fixed)[0].cpu())
    model.train(was_training)
    return torch.cat(parts, dim=1)


def _many(
    logits: NDArray[np.float32], examples: Examples, labels: tuple[str, ...]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Score more than two classes."""
    y = examples.y.numpy()
    matrices = np.stack([confusion(y, one.argmax(1), len(labels)) for one in logits])
    over = NSV if set(NSV) <= set(labels) else labels
    score = np.nan_to_num(macro_f1(matrices, labels, over))
    each = f1(matrices[int(score.argmax())])
    details = {f"F1 {name}": float(v) for name, v in zip(labels, each, strict=True)}
    return score, {"macro-F1": float(score.max()), **details}


def _two(
    logits: NDArray[np.float32], examples: Examples, labels: tuple[str, ...]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Score two classes."""
    y = examples.y.numpy()
    difference = logits[..., 1] - logits[..., 0]
    score = np.nan_to_num(np.array([auroc(y == 1, one) for one in difference]))
    best = np.round(difference[int(score.argmax())] * 2.0**14).astype(np.int64)
    chosen = choose_threshold(best, y == 1, examples.record.numpy())
    return score, {
        "AUROC": float(score.max()),
        "miss": chosen.miss_rate,
        "FPR": chosen.false_positive_rate,
    }


def validate(
    model: nn.Module,
    examples: Examples,
    labels: tuple[str, ...],
    device: torch.device,
    *,
    fixed: bool = False,
) -> Validation:
    """Evaluate all starts on validation beats.

    Parameters
    ----------
    model : nn.Module
        Returns logits (starts, batch, classes).
    examples : Examples
        Validation beats; they are not varied.
    labels : tuple of str
    device : torch.device
    fixed : bool
        With the integer roundings.
    """
    logits = logits_of(model, examples, device, fixed=fixed).numpy()
    score, details = (_two if len(labels) == 2 else _many)(logits, examples, labels)
    shares = np.stack(
        [np.bincount(one.argmax(1), minlength=len(labels)) / len(examples) for one in logits]
    )
    constant = logits.std(axis=1).max(axis=-1) < 1e-6
    collapsed = constant if len(labels) == 2 else shares.max(1) >= COLLAPSED_SHARE
    return Validation(score, np.asarray(collapsed | np.isnan(logits).any((1, 2))), details)
