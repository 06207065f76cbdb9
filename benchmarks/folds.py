"""Cross-validation over the training records of a protocol: what a setting is worth.

Test records are never read. In each fold the students are trained on the records outside of it,
as `ecgedge train` does in its float phase, and scored on those inside. Printed are the mean over
starts, and its standard error, of the macro-F1 over N, S, V (AUROC for two classes) on all
held-out beats.

    python benchmarks/folds.py
    python benchmarks/folds.py --set '{"learning_rate": 0.003}'
    python benchmarks/folds.py --without 8 --deal 1
    python benchmarks/folds.py --prior S,4,6
    python benchmarks/folds.py --offsets
    python benchmarks/folds.py --imbalance '{"power": 0.7, "ratio": 8}'
    python benchmarks/folds.py --protocol replica --measure 'steepest 19-43' --measure 'size 32-48'
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecgedge.cli.main import answer
from ecgedge.data.locate import find_database
from ecgedge.evaluation.metrics import NSV, auroc, confusion, macro_f1
from ecgedge.training.best import Best
from ecgedge.training.build import build
from ecgedge.training.config import TrainConfig, for_protocol, prior_of
from ecgedge.training.examples import Examples, split_examples, training_examples
from ecgedge.training.loop import Fit, Phase, run_phase
from ecgedge.training.refit import assign_folds
from ecgedge.training.validation import logits_of
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.measures import read_measure
from firmware_sim.prior import in_sequence

CPU = torch.device("cpu")
OFFSETS = (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)
"""What may be added to the logits of S and of V."""


def deal_folds(examples: Examples, folds: int, deal: int) -> Iterator[tuple[Examples, Examples]]:
    """Yield the beats outside and inside of each fold."""
    fold_of = assign_folds(examples, folds, deal)
    for fold in range(folds):
        inside = tuple(n for n, f in zip(examples.records, fold_of, strict=True) if f == fold)
        rest = tuple(n for n in examples.records if n not in inside)
        yield examples.of_records(rest), examples.of_records(inside)


def fit_float(config: TrainConfig, rest: Examples, loss: nn.Module | None = None) -> nn.Module:
    """Train as `ecgedge train` does in its float phase; every start as `Best` keeps it."""
    train = validation = rest
    if not config.folds:
        train, validation = split_examples(rest, config.validation_share, config.seed)
    torch.manual_seed(config.seed)
    model = build(config)
    phase = Phase("float", config.epochs, False, config.learning_rate)
    fit = Fit(model, Best.of(model, config.restarts))
    run_phase(fit, train, validation, config, phase, device=CPU, loss=loss)
    model.load_state_dict(fit.best.state)
    return model.eval()


def with_offsets(
    decide: Callable[[NDArray[np.float64]], NDArray[np.int64]],
    y: NDArray[np.int64],
    fold: NDArray[np.int64],
    labels: tuple[str, ...],
) -> NDArray[np.int64]:
    """Return decisions with the offsets of S and V that are best in the other folds: (starts, n).

    Parameters
    ----------
    decide : callable
        Of offsets (classes,), to decisions (starts, n).
    y, fold : (n,) integers
        Class and fold of each beat.
    labels : tuple of str
    """
    tried = []
    for s, v in product(OFFSETS, OFFSETS):
        tried.append(decide(np.array([{"S": s, "V": v}.get(label, 0.0) for label in labels])))
    chosen = np.empty_like(tried[0])
    for number in np.unique(fold):
        inside = fold == number
        scores = [f1_of(y[~inside], one[:, ~inside], labels).mean() for one in tried]
        chosen[:, inside] = tried[int(np.argmax(scores))][:, inside]
    return chosen


def f1_of(
    y: NDArray[np.int64], decided: NDArray[np.int64], labels: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return the macro-F1 over N, S, V of each start's decisions (starts, n): (starts,)."""
    tables = np.stack([confusion(y, start, len(labels)) for start in decided])
    return np.asarray(macro_f1(tables, labels, NSV), np.float64)


def tell(scores: NDArray[np.float64]) -> None:
    """Print the mean over starts and its standard error."""
    error = scores.std(ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else float("nan")
    click.echo(f"{scores.mean():.4f} ± {error:.4f} over {len(scores)} starts")


@click.command()
@click.option("--protocol", type=click.Choice(["ds1-ds2", "replica"]), default="ds1-ds2")
@click.option("--student", help="As `ecgedge train --student`.")
@click.option("--data", type=click.Path(path_type=Path), help="As `ecgedge train --data`.")
@click.option("--folds", type=click.IntRange(2), default=4, show_default=True)
@click.option("--deal", default=0, show_default=True, help="Seed of the folds.")
@click.option(
    "--without",
    type=click.IntRange(0, CONTEXT_SIZE - 1),
    multiple=True,
    help="A context value that is always 0; may be repeated.",
)
@click.option("--measure", "measures", multiple=True, help="As `ecgedge train --measure`.")
@click.option("--set", "changes", default="{}", help="Fields of TrainConfig, as JSON.")
@click.option("--imbalance", default="{}", help="Fields of Imbalance, as JSON.")
@click.option("--prior", help="As `ecgedge train --prior`.")
@click.option("--augmentation", default="{}", help="Fields of Augmentation, as JSON.")
@click.option(
    "--offsets", is_flag=True, help="Also with thresholds of S and V that the other folds choose."
)
def main(
    protocol: str,
    student: str | None,
    data: Path | None,
    folds: int,
    deal: int,
    without: tuple[int, ...],
    measures: tuple[str, ...],
    changes: str,
    imbalance: str,
    prior: str | None,
    augmentation: str,
    offsets: bool,
) -> None:
    """Cross-validate a setting over training records."""
    config = for_protocol(protocol, student, **({"restarts": 8} | json.loads(changes)))
    config = replace(
        config,
        imbalance=replace(config.imbalance, **json.loads(imbalance)),
        augmentation=replace(config.augmentation, **json.loads(augmentation)),
    )
    if measures:
        config = replace(config, measures=tuple(map(read_measure, measures)))
    if prior is not None:
        config = replace(config, prior=prior_of(prior))
    if offsets and len(config.labels) == 2:
        raise click.UsageError("two classes have one threshold; leave --offsets out.")
    torch.set_num_threads(1)
    examples = training_examples(find_database("mitdb", data), config)
    examples.context[:, list(without)] = 0
    held_out, networks, fold = [], [], []
    for number, (rest, held) in enumerate(deal_folds(examples, folds, deal)):
        networks.append(logits_of(fit_float(config, rest), held, CPU).numpy())
        held_out.append(held)
        fold.append(np.full(len(held), number))
        inside = ", ".join(held.records[one] for one in np.unique(held.record.numpy()))
        click.echo(f"fold {number + 1} of {folds}: {inside}", err=True)
    y, record, context = (
        np.concatenate([getattr(held, name).numpy() for held in held_out])
        for name in ("y", "record", "context")
    )
    network, labels = np.concatenate(networks, axis=1), config.labels

    def scores_with(offset: NDArray[np.float64]) -> NDArray[np.float64]:
        one = float(config.logit_scale)
        return in_sequence(config, network + offset, record, context, one=one)

    found = scores_with(np.zeros(len(labels)))
    if len(labels) == 2:
        tell(np.array([auroc(y == 1, start[:, 1] - start[:, 0]) for start in found]))
    else:
        tell(f1_of(y, found.argmax(axis=2), labels))
    if offsets:
        fold_of = np.concatenate(fold)
        chosen = with_offsets(lambda o: scores_with(o).argmax(axis=2), y, fold_of, labels)
        click.echo("thresholds of S and V that the other folds chose: ", nl=False)
        tell(f1_of(y, chosen, labels))


if __name__ == "__main__":
    answer(partial(main, standalone_mode=False))
