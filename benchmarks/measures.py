"""Which measures of a beat tell abnormal beats from normal ones, by folds over training records.

Forward selection: of many candidates the one is added that helps the networks with those before
it most, on records that did not train them. What is compared is AUROC with every class of every
record weighing alike, on all held-out beats and within folds, half and half. Test records are
never read.

    python benchmarks/measures.py              # choose from all training records
    python benchmarks/measures.py --nested     # how good is what is chosen so, on other records?

The second command is the honest one: records that chose measures flatter them. It keeps a quarter
of the records out, chooses from the others, and scores what was chosen on those kept out.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgedge.cli.main import answer
from ecgedge.data.locate import find_database
from ecgedge.evaluation.metrics import auroc
from ecgedge.training.augment import augmented
from ecgedge.training.config import Augmentation, for_protocol
from ecgedge.training.examples import Examples, training_examples
from ecgedge.training.loop import rate_at
from ecgedge.training.refit import assign_folds
from firmware_sim.formats import ONE
from firmware_sim.measures import KINDS, Measure, measured

FOLDS = 4
COPIES = 3
"""Varied copies of every beat; the last one is the beat as it is."""
UNITS, STEPS, BATCH, RATE, LOGIT_SCALE, GAIN = 8, 200, 512, 0.03, 8, 2
FINAL_STEPS, STARTS = 600, 6
POWER = 0.5
"""A beat is drawn by the number of its class in its record to the minus this."""
EVERY = 4
"""So many held-out beats of which one is scored while choosing."""
CPU = torch.device("cpu")

Floats = NDArray[np.float64]


def candidates() -> tuple[Measure, ...]:
    """Every kind on stretches of 8, 12 and 16 bins, and the steepest step of the QRS complex."""
    stretches = [(start, start + 8) for start in range(0, 53, 4)]
    stretches += [(start, start + 16) for start in range(0, 45, 8)]
    stretches += [(22, 34), (24, 36), (26, 34)]
    gains = {"level": 1, "size": 1, "change": 2, "high": 0, "low": 0}
    found = [
        Measure(kind, start + KINDS[kind].steps, min(stop + KINDS[kind].steps, 60), gain)
        for start, stop in stretches
        for kind, gain in gains.items()
    ]
    return (*found, Measure("steepest", 19, 43))


def measure_all(examples: Examples, measures: tuple[Measure, ...]) -> Tensor:
    """Measure varied copies of all beats and the beats themselves: (copies, beats, measures)."""
    torch.manual_seed(0)
    copies = []
    for copy in range(COPIES + 1):
        parts = []
        for index in torch.split(torch.arange(len(examples)), 4096):
            q = examples.q[index]
            if copy < COPIES:
                q = augmented(examples, index, Augmentation(), CPU)[0]
            parts.append(measured(q.numpy().astype(np.int8), measures))
        copies.append(torch.from_numpy(np.concatenate(parts) / ONE).float())
    return torch.stack(copies)


class Networks(nn.Module):
    """One small bounded network for each choice of measures, side by side."""

    def __init__(self, choices: Tensor) -> None:
        super().__init__()
        self.choices = choices

        def parameter(fan_in: int, *shape: int) -> nn.Parameter:
            reach = fan_in**-0.5
            return nn.Parameter(torch.empty(len(choices), *shape).uniform_(-reach, reach))

        inputs = choices.shape[1]
        self.weight = parameter(inputs, inputs, UNITS)
        self.bias = nn.Parameter(torch.zeros(len(choices), 1, UNITS))
        self.head = parameter(UNITS, UNITS, 1)
        self.offset = nn.Parameter(torch.zeros(len(choices), 1, 1))

    def forward(self, values: Tensor) -> Tensor:
        """Return the logits (networks, beats) of measures (beats, candidates)."""
        x = values[:, self.choices].permute(1, 0, 2)
        hidden = torch.baddbmm(torch.tanh(self.bias), x, torch.tanh(self.weight)) * GAIN
        scores = torch.baddbmm(torch.tanh(self.offset), hidden.clamp(-1, 1), torch.tanh(self.head))
        return LOGIT_SCALE * scores[..., 0]


def fit(table: Tensor, examples: Examples, rows: Tensor, choices: Tensor, steps: int) -> Networks:
    """Train a network for each choice on the beats `rows`."""
    model = Networks(choices)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=1e-5)
    y = examples.y[rows]
    key = examples.record[rows] * 2 + y
    weight = torch.bincount(key)[key].float() ** -POWER
    drawn = torch.multinomial(weight, steps * BATCH, replacement=True)
    copy = torch.randint(0, len(table), (steps * BATCH,))
    for step in range(steps):
        part = slice(step * BATCH, (step + 1) * BATCH)
        for group in optimizer.param_groups:
            group["lr"] = RATE * rate_at(step, steps, "one-cycle")
        logits = model(table[copy[part], rows[drawn[part]]])
        wanted = y[drawn[part]].float().expand_as(logits)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        optimizer.zero_grad()
        losses.mean(1).sum().backward()
        optimizer.step()
    return model


@torch.inference_mode()
def scores_of(model: Networks, table: Tensor, rows: Tensor) -> Floats:
    """Return the logits (networks, beats) of beats as they are."""
    parts = [model(table[-1, some]) for some in torch.split(rows, 2048)]
    return torch.cat(parts, dim=1).double().numpy()


def balanced_auroc(examples: Examples, rows: Tensor, scores: Floats) -> Floats:
    """AUROC of each network when every class of every record weighs alike: (networks,)."""
    y = examples.y[rows].numpy() == 1
    key = examples.record[rows].numpy() * 2 + y
    weight = 1 / np.bincount(key)[key]
    return np.array([_weighted(y, one, weight) for one in scores])


def _weighted(y: NDArray[np.bool_], scores: Floats, weight: Floats) -> float:
    values, place = np.unique(scores, return_inverse=True)
    normal = np.bincount(place, weight * ~y, len(values))
    abnormal = np.bincount(place, weight * y, len(values))
    below = np.cumsum(normal) - normal / 2
    return float((abnormal * below).sum() / (abnormal.sum() * normal.sum()))


def folds_of(examples: Examples, rows: Tensor, deal: int) -> Tensor:
    """Return the fold of every beat, -1 for those that are not among `rows`."""
    inside = np.unique(examples.record[rows].numpy())
    part = examples.of_records(tuple(examples.records[i] for i in inside))
    fold_of = dict(zip(part.records, assign_folds(part, FOLDS, deal).tolist(), strict=True))
    fold = torch.tensor([fold_of.get(name, -1) for name in examples.records])
    of_beat = fold[examples.record]
    chosen = torch.zeros(len(examples), dtype=torch.bool)
    chosen[rows] = True
    return torch.where(chosen, of_beat, -1)


def judge(
    table: Tensor, examples: Examples, rows: Tensor, choices: Tensor, deals: Sequence[int]
) -> Floats:
    """Return how good each choice is on held-out records of `rows`, a mean over deals."""
    total = np.zeros(len(choices))
    for deal in deals:
        fold = folds_of(examples, rows, deal)
        held, scores = [], []
        for k in range(FOLDS):
            inside = torch.nonzero(fold == k)[:, 0][::EVERY]
            outside = torch.nonzero((fold >= 0) & (fold != k))[:, 0]
            model = fit(table, examples, outside, choices, STEPS)
            held.append(inside)
            scores.append(scores_of(model, table, inside))
            total += balanced_auroc(examples, inside, scores[-1]) / (2 * FOLDS)
        total += balanced_auroc(examples, torch.cat(held), np.concatenate(scores, axis=1)) / 2
    return total / len(deals)


def choose(
    table: Tensor, examples: Examples, rows: Tensor, count: int, deals: Sequence[int]
) -> list[tuple[int, float]]:
    """Add `count` measures one after the other: their numbers, and how good they are together."""
    found: list[tuple[int, float]] = []
    for step in range(count):
        torch.manual_seed(step)
        own = [number for number, _ in found]
        left = [i for i in range(table.shape[2]) if i not in own]
        value = judge(table, examples, rows, torch.tensor([[*own, i] for i in left]), deals)
        found.append((left[int(value.argmax())], float(value.max())))
    return found


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="As `ecgedge train --data`.")
@click.option("--count", type=click.IntRange(1, 16), default=6, show_default=True)
@click.option("--deals", type=click.IntRange(1), default=4, show_default=True)
@click.option("--nested", is_flag=True, help="Score choices on records that did not choose.")
@click.option(
    "--outer", type=click.IntRange(0), default=0, show_default=True, help="Deal of those kept out."
)
def main(data: Path | None, count: int, deals: int, nested: bool, outer: int) -> None:
    """Choose measures by folds over the training records of `replica`."""
    torch.set_num_threads(1)
    config = for_protocol("replica")
    examples = replace(training_examples(find_database("mitdb", data), config), twin=None)
    known = candidates()
    table = measure_all(examples, known)
    everything = torch.arange(len(examples))
    if not nested:
        for number, value in choose(table, examples, everything, count, range(deals)):
            click.echo(f"{value:.4f} with {known[number]}")
        return
    fold = folds_of(examples, everything, outer)
    found = []
    for k in range(FOLDS):
        rest, held = (torch.nonzero(part)[:, 0] for part in (fold != k, fold == k))
        chosen = choose(table, examples, rest, count, range(10 * outer + k, 10 * outer + k + deals))
        for n in range(1, count + 1):
            own = torch.tensor([[number for number, _ in chosen[:n]]] * STARTS)
            scores = scores_of(fit(table, examples, rest, own, FINAL_STEPS), table, held)
            y = examples.y[held].numpy() == 1
            gross = np.mean([auroc(y, one) for one in scores])
            balanced = balanced_auroc(examples, held, scores).mean()
            found.append((n, chosen[n - 1][1], gross, balanced))
        click.echo(f"fold {k + 1}: {', '.join(str(known[number]) for number, _ in chosen)}")
    click.echo("measures  where chosen   kept out: AUROC   every record alike")
    for n in range(1, count + 1):
        inner, gross, balanced = np.mean([row[1:] for row in found if row[0] == n], axis=0)
        click.echo(f"{n:8d}  {inner:12.4f}  {gross:16.4f}  {balanced:19.4f}")


if __name__ == "__main__":
    answer(partial(main, standalone_mode=False))
