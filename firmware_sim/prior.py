"""The prior: a label that was decided often of late is more likely to be right again.

Beats of a kind come in company: a record has hundreds of premature atrial beats or none. A program
with a prior keeps the share of its own recent decisions that were one label, and adds a multiple of
that share to the label's score before it decides:

    score += gain * share
    share += rshift(target - share, shift), target = 2**12 after that label, otherwise 0

Where the rhythm is irregular nothing is added: in atrial fibrillation every other beat comes early,
and what was called premature there says little of the next beat. The rhythm is irregular when the
irregularity of the last 32 intervals (`rhythm`) is 64 or more, a median difference of an eighth of
the slow mean; a program that does not take that value has no such exception.

The share is an exponential average over 2**shift beats on the scale 2**-12; after a start or a gap
it is 0. It has no trained parameter. Adapting a classifier's prior to what it sees is the idea of
M. Saerens, P. Latinne and C. Decaestecker, Neural Computation 14, 2002.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import rshift
from firmware_sim.rhythm import IRREGULARITY

SHARE_BITS = 12
SHARE_ONE = 1 << SHARE_BITS
"""A share of 1."""
IRREGULAR_FROM = 64
"""Least irregularity of a rhythm in which the prior is silent."""

Score = TypeVar("Score", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Prior:
    """What a program's own decisions say of the next one.

    Attributes
    ----------
    label : str
        The label that it speaks for.
    gain : int
        What a share of 1 adds to the score, on the score's scale 2**-14: 2**12 times this.
    shift : int
        The share moves 2**-shift of the way at each beat.
    """

    label: str
    gain: int
    shift: int

    def bonus(self, share: int) -> int:
        """Return what is added to the label's score."""
        return self.gain * share

    def after(self, share: int, label: str) -> int:
        """Return the share after a beat was given a label."""
        target = SHARE_ONE if label == self.label else 0
        return share + rshift(target - share, self.shift)


class Decider(Protocol):
    """What decides: a program, a float network, or the configuration of a training."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""

    @property
    def context(self) -> int:
        """How many context values it takes."""

    @property
    def prior(self) -> Prior | None:
        """How decisions of the past enter the next one."""


def is_irregular(context: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Say of beats, context (n, values), in which of them the prior is silent: (n,) bool."""
    if context.shape[1] <= IRREGULARITY:
        return np.zeros(len(context), dtype=np.bool_)
    return np.asarray(context[:, IRREGULARITY] >= IRREGULAR_FROM)


def with_prior(
    scores: NDArray[Score],
    record: NDArray[np.integer],
    labels: tuple[str, ...],
    prior: Prior | None,
    *,
    silent: NDArray[np.bool_] | None = None,
    one: float = 2.0**14,
) -> NDArray[Score]:
    """Return the scores of many beats with what each beat's predecessors add to them.

    Each decision enters the next, but records do not know of each other: all records, and all
    models, go forward together.

    Parameters
    ----------
    scores : (..., n, classes)
        Of the network, integers or floats; models in front.
    record : (n,) integers
        The beats of a record follow each other in time.
    labels : tuple of str
    prior : Prior or None
        None returns the scores as they are.
    silent : (n,) bool, optional
        Beats to which nothing is added, from `is_irregular`; their decisions count nevertheless.
    one : float
        What a score of 1 is here: 2**14 for integers.

    Returns
    -------
    (..., n, classes), of the type of `scores`
    """
    if prior is None or not len(record):
        return scores
    index = labels.index(prior.label)
    result: NDArray[Any] = scores.copy()
    speaks = np.ones(len(record), np.int64) if silent is None else (~silent).astype(np.int64)
    begins = np.flatnonzero(np.r_[True, record[1:] != record[:-1]])
    lengths = np.diff(np.r_[begins, len(record)])
    share = np.zeros((*scores.shape[:-2], len(begins)), dtype=np.int64)
    for step in range(int(lengths.max())):
        going = np.flatnonzero(lengths > step)
        row = begins[going] + step
        bonus = prior.gain * share[..., going] * speaks[row]
        now = result[..., row, :]
        now[..., index] += (bonus * (one / 2**14)).astype(result.dtype)
        result[..., row, :] = now
        target = np.where(now.argmax(axis=-1) == index, SHARE_ONE, 0)
        share[..., going] += rshift(target - share[..., going], prior.shift)
    return result


def in_sequence(
    model: Decider,
    scores: NDArray[Score],
    record: NDArray[np.integer],
    context: NDArray[np.integer],
    *,
    one: float = 2.0**14,
) -> NDArray[Score]:
    """Return scores with what a model's own prior adds to them; see `with_prior`.

    Parameters
    ----------
    model : Decider
    scores, record, one
        As for `with_prior`.
    context : (n, values) integers
        All context values that are known; the model takes the first ones.
    """
    silent = is_irregular(context[:, : model.context])
    return with_prior(scores, record, model.labels, model.prior, silent=silent, one=one)
