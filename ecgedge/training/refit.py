"""Training on every training record: what would otherwise be chosen by held-out records comes from
folds.

The records are dealt into folds. For each fold a student is trained on the others and says what it
thinks of the beats inside: these out-of-fold scores choose the threshold and are the run's figures.
The student that is kept is then trained on all records, in the same way. Nothing is left to pick
its start by, so the one is taken that agrees best with the other starts.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from calib.quantize import quantize
from ecgedge.models.convert import Purpose, to_float_network
from ecgedge.models.student import SegmentStudent
from ecgedge.training.config import TrainConfig
from ecgedge.training.examples import Examples
from ecgedge.training.loop import Fit
from ecgedge.training.validation import logits_of
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE
from firmware_sim.network import run

DRAWS = 2000
"""Random deals of the records among which the most even one is taken."""
EMPTY = 0.01
"""Keeps the logarithm of an empty share finite."""

Ints = NDArray[np.int64]


def assign_folds(examples: Examples, folds: int, seed: int) -> Ints:
    """Return the fold of each record: of many random deals the one that spreads classes best.

    Parameters
    ----------
    examples : Examples
    folds : int
        At most as many as there are records.
    seed : int

    Raises
    ------
    EcgedgeError
        When there are fewer records than folds.
    """
    y, record = examples.y.numpy(), examples.record.numpy()
    records = len(examples.records)
    if records < folds:
        raise EcgedgeError(
            f"{folds} folds need as many training records, and there are {records}; "
            "use fewer with --folds, or 0 for validation records."
        )
    counts = np.zeros((records, int(y.max()) + 1))
    np.add.at(counts, (record, y), 1)
    share = counts / counts.sum(axis=0).clip(min=1)
    rng = np.random.default_rng(seed)

    def unevenness(deal: Ints) -> float:
        sums = np.stack([share[deal == fold].sum(axis=0) for fold in range(folds)])
        return float(np.abs(np.log((sums + EMPTY) * folds)).sum())

    deals = (rng.permutation(records) % folds for _ in range(DRAWS))
    return min(deals, key=unevenness)


@torch.inference_mode()
def consensus(model: SegmentStudent, examples: Examples, device: torch.device) -> int:
    """Return the start whose probabilities are nearest to the mean of all starts.

    Parameters
    ----------
    model : SegmentStudent
    examples : Examples
        Training beats.
    device : torch.device
    """
    probability = torch.softmax(logits_of(model, examples, device), dim=-1)
    distance = (probability - probability.mean(0)).abs().mean(dim=(1, 2))
    return int(distance.argmin())


def out_of_fold(
    examples: Examples,
    config: TrainConfig,
    train: Callable[[TrainConfig, Examples, Examples], Fit],
    device: torch.device,
) -> tuple[Ints, NDArray[np.float64]]:
    """Ask about each beat a student that was trained without its record.

    Parameters
    ----------
    examples : Examples
        All training beats.
    config : TrainConfig
    train : callable
        Trains every phase of a configuration on beats, given others to look at.
    device : torch.device

    Returns
    -------
    scores : (n, classes) int64
        Of the networks of integer programs; what the prior adds is left to who asks them.
    logits : (n, classes) float64
        Of the float students, without the logit scale, as well.
    """
    fold_of = assign_folds(examples, config.folds, config.seed)
    beat_fold = fold_of[examples.record.numpy()]
    classes = len(config.labels)
    scores = np.zeros((len(examples), classes), np.int64)
    logits = np.zeros((len(examples), classes))
    purpose = Purpose("fold", config.task, config.fs, config.labels, config.prior)
    for fold in range(config.folds):
        inside = {n for n, f in zip(examples.records, fold_of, strict=True) if f == fold}
        held = examples.of_records(tuple(inside))
        rest = examples.of_records(tuple(n for n in examples.records if n not in inside))
        fit = train(replace(config, seed=config.seed + fold + 1), rest, held)
        assert isinstance(fit.model, SegmentStudent), "only students have folds"
        fit.model.load_state_dict(fit.best.state)
        start = consensus(fit.model, rest, device)
        network = to_float_network(fit.model, start, purpose)
        where = beat_fold == fold
        context = held.context.numpy() if config.context else None
        scores[where] = run(quantize(network), held.q.numpy(), context).scores
        for rows in np.array_split(np.flatnonzero(where), 1 + where.sum() // 4096):
            known = examples.context[rows].numpy() / ONE if config.context else None
            logits[rows] = network.forward(examples.q[rows].numpy() / ONE, known)
    return scores, logits
