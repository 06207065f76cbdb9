"""Does a teacher help the student? Cross-validation over the training records of a protocol.

Test records are never read. The teacher is a mean of unbounded students with four times the hidden
units, on the same inputs; another is gradient boosting on them. In each fold teacher and students
are trained on the records outside of it and judged on those inside. Printed is, for each way of
teaching, the mean over starts of the macro-F1 over N, S, V, and the paired difference to the
student without a teacher with its 95 % interval over records.

    python benchmarks/distillation.py
    python benchmarks/distillation.py --deal 1 --nstdb 0.5
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from folds import CPU, deal_folds, fit_float
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn

from ecgedge.cli.main import answer
from ecgedge.data.locate import find_database
from ecgedge.evaluation.bootstrap import interval, record_weights
from ecgedge.evaluation.metrics import NSV, confusion, macro_f1
from ecgedge.training.config import TrainConfig, for_protocol
from ecgedge.training.examples import Examples, training_examples
from ecgedge.training.losses import Batch, Distillation, DistillationLoss, cross_entropy
from ecgedge.training.validation import logits_of
from firmware_sim.prior import in_sequence

WIDE, MIDDLE = 32, 16
INNER_FOLDS = 3
RELATION_WEIGHT = 1.0


class RelationalLoss(nn.Module):
    """Besides labels: distances between beats, as the teacher's features have them.

    Distance-wise relational distillation (Park et al. 2019, arXiv:1904.05068): all distances within
    a batch, each side divided by its mean, compared by the Huber loss.
    """

    def __init__(self, embedding: Tensor) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, logits: Tensor, features: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each start, (starts,)."""
        wanted = _distances(self.embedding[batch.index].unsqueeze(0))
        own = _distances(features)
        difference = nn.functional.smooth_l1_loss(own, wanted.expand_as(own), reduction="none")
        return cross_entropy(logits, batch) + RELATION_WEIGHT * difference.mean(dim=(1, 2))


class SameViewLoss(nn.Module):
    """Labels, and what the teacher says of the very beat that the student sees, varied as it is.

    A teacher that is asked about every variation teaches its whole function and not only its
    answers to the training beats (Beyer et al. 2022, arXiv:2106.05237).
    """

    def __init__(self, teacher: nn.Module, share: float) -> None:
        super().__init__()
        self.share = share
        self.ask = (teacher,)  # a tuple, so that its weights are not trained

    def forward(self, logits: Tensor, features: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each start, (starts,)."""
        with torch.no_grad():
            wanted = torch.softmax(self.ask[0](batch.q, batch.context)[0], -1).mean(0)
        distance = -(wanted * torch.log_softmax(logits, -1)).sum(-1).mean(1)
        return (1 - self.share) * cross_entropy(logits, batch) + self.share * distance


def _distances(features: Tensor) -> Tensor:
    """Distances of all pairs over their mean: (k, batch, size) to (k, batch, batch)."""
    found = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    return found / found.mean(dim=(1, 2), keepdim=True).clamp(min=1e-6)


@dataclass(frozen=True)
class Taught:
    """What a teacher says of training beats: logits (n, classes), features (n, size)."""

    logits: Tensor
    features: Tensor


def mean_of(model: nn.Module, examples: Examples) -> Tensor:
    """Return the logarithm of the mean probability over starts, (n, classes)."""
    return torch.softmax(logits_of(model, examples, CPU), -1).mean(0).clamp(min=1e-7).log()


@torch.inference_mode()
def taught(model: nn.Module, examples: Examples) -> Taught:
    """Ask a teacher about beats; its features are the hidden units of all its starts."""
    q, context = examples.q.float(), examples.context.float()
    features = model(q, context)[1]
    return Taught(mean_of(model, examples), features.transpose(0, 1).flatten(1).clone())


def out_of_fold(
    teacher: Taught, examples: Examples, deal: int, ask: Callable[[Examples, Examples], Tensor]
) -> Taught:
    """Return the teacher with logits of teachers that had not seen a beat's record.

    `ask` trains one on the first beats and returns its logits of the second.
    """
    logits = torch.zeros_like(teacher.logits)
    for rest, held in deal_folds(examples, INNER_FOLDS, deal):
        logits[torch.isin(examples.record, held.record.unique())] = ask(rest, held)
    return replace(teacher, logits=logits)


def boosted(config: TrainConfig, rest: Examples, beats: Examples) -> Tensor:
    """Return logarithms of probabilities of gradient boosting on the context, (n, classes).

    Records weigh as they do for the student.
    """
    group = rest.record * len(config.labels) + rest.y
    weight = torch.bincount(group)[group].double() ** -config.imbalance.power
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=100,
        l2_regularization=1.0, random_state=config.seed,
    )  # fmt: skip
    model.fit(rest.context.numpy(), rest.y.numpy(), sample_weight=weight.numpy())
    found = np.full((len(beats), len(config.labels)), 1e-7)
    found[:, model.classes_] += model.predict_proba(beats.context.numpy())
    return torch.from_numpy(np.log(found)).float()


def losses_of(
    config: TrainConfig, rest: Examples, deal: int
) -> tuple[nn.Module, dict[str, Callable[[], nn.Module | None]]]:
    """Train the teachers of one fold and return the ways of teaching, by name."""
    wide = replace(config, bound="none", hidden=WIDE, restarts=4)
    model = fit_float(wide, rest)
    teacher = taught(model, rest)
    honest = out_of_fold(teacher, rest, deal, lambda own, held: mean_of(fit_float(wide, own), held))
    trees = out_of_fold(teacher, rest, deal, lambda own, held: boosted(config, own, held))

    def loss(how: Distillation, by: Taught, config: TrainConfig = config) -> DistillationLoss:
        return DistillationLoss(how, by.logits, by.features, rest.y, config.restarts, config.hidden)

    middle = replace(config, bound="none", hidden=MIDDLE, restarts=4)
    logits = Distillation(alpha=0.5, beta=0.5, gamma=0.0)
    helper = fit_float(middle, rest, loss(logits, teacher, middle))
    assistant = taught(helper, rest)
    ways: dict[str, Callable[[], nn.Module | None]] = {
        "no teacher": lambda: None,
        "logits": lambda: loss(logits, teacher),
        "logits, same view, half": lambda: SameViewLoss(model, 0.5),
        "logits, same view": lambda: SameViewLoss(model, 1.0),
        "logits, out of fold": lambda: loss(logits, honest),
        "features": lambda: loss(Distillation(beta=0.0, gamma=0.3), teacher),
        "relations": lambda: RelationalLoss(teacher.features),
        "logits, by an assistant": lambda: loss(logits, assistant),
        "logits of boosting": lambda: loss(logits, trees),
    }
    return model, ways


def by_record(
    config: TrainConfig, held: Examples, logits: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the confusion matrix of every start and record: (starts, records, k, k)."""
    record, context = held.record.numpy(), held.context.numpy()
    scores = in_sequence(config, logits, record, context, one=float(config.logit_scale))
    answers, y, k = scores.argmax(-1), held.y.numpy(), len(config.labels)
    tables = np.zeros((len(answers), len(held.records), k, k), np.int64)
    for start, given in enumerate(answers):
        for one in np.unique(record):
            tables[start, one] = confusion(y[record == one], given[record == one], k)
    return tables


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="As `ecgedge train --data`.")
@click.option("--folds", type=click.IntRange(2), default=4, show_default=True)
@click.option("--deal", default=0, show_default=True, help="Seed of the folds.")
@click.option("--nstdb", type=click.FloatRange(0, 1), default=0.0, help="As `ecgedge train`.")
@click.option("--restarts", type=click.IntRange(1), default=8, show_default=True)
def main(data: Path | None, folds: int, deal: int, nstdb: float, restarts: int) -> None:
    """Compare ways of teaching the student of `ds1-ds2`."""
    config = for_protocol("ds1-ds2", restarts=restarts)
    config = replace(config, augmentation=replace(config.augmentation, nstdb=nstdb))
    torch.set_num_threads(1)
    examples = training_examples(find_database("mitdb", data), config)
    tables: dict[str, NDArray[np.int64]] = {}

    def note(name: str, found: NDArray[np.int64]) -> None:
        tables[name] = tables[name] + found if name in tables else found

    for number, (rest, held) in enumerate(deal_folds(examples, folds, deal)):
        teacher, ways = losses_of(config, rest, deal)
        said = mean_of(teacher, held).unsqueeze(0).numpy()
        note("the teacher", by_record(config, held, said))
        said = boosted(config, rest, held).unsqueeze(0).numpy()
        note("gradient boosting", by_record(config, held, said))
        for name, loss in ways.items():
            torch.manual_seed(config.seed)
            model = fit_float(config, rest, loss())
            note(name, by_record(config, held, logits_of(model, held, CPU).numpy()))
        click.echo(f"fold {number + 1} of {folds}", err=True)
    drawn = record_weights(len(examples.records))

    def score(tables: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.nan_to_num(macro_f1(tables, config.labels, NSV)).mean(0)

    def resampled(tables: NDArray[np.int64]) -> NDArray[np.float64]:
        return score(np.einsum("wr,srij->swij", drawn, tables))

    plain = tables["no teacher"]
    for name, found in tables.items():
        own = float(score(found.sum(1)))
        line = f"{name:<24} {own:.4f}"
        if name != "no teacher":
            limits = interval(resampled(found) - resampled(plain))
            gain = own - float(score(plain.sum(1)))
            line += f"  {gain:+.4f} ({limits.low:+.4f} to {limits.high:+.4f})"
        click.echo(line)


if __name__ == "__main__":
    answer(partial(main, standalone_mode=False))
