"""The prior against a reading in Python's own numbers, one decision after the other."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgedge.data.record import read_record
from firmware_sim import network, pipeline
from firmware_sim.beat import cut_windows, normalize
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.pipeline import Pipeline
from firmware_sim.prior import Prior, with_prior
from firmware_sim.program import Program
from tests.programs import LABELS, random_program

N, S, V, F = LABELS[:4]


class PlainPrior:
    """The prior of docs/arithmetic.md: the share is a fraction that is rounded to 2**-12."""

    def __init__(self, label: str, gain: int, shift: int) -> None:
        self.label, self.gain, self.shift = label, gain, shift
        self.share = Fraction(0)

    def decide(self, scores: list[int], labels: tuple[str, ...]) -> tuple[list[int], str]:
        """Scores with what is added, and the label, which moves the share."""
        own = labels.index(self.label)
        said = [s + (i == own) * self.gain * int(4096 * self.share) for i, s in enumerate(scores)]
        label = labels[said.index(max(said))]
        wanted = Fraction(int(label == self.label))
        exact = 4096 * (wanted - self.share) / 2**self.shift
        self.share += Fraction(math.floor(exact + Fraction(1, 2)), 4096)
        return said, label


def plain(
    scores: np.ndarray, record: np.ndarray, labels: tuple[str, ...], prior: Prior
) -> list[list[int]]:
    """Every record by itself."""
    result, before, state = [], None, PlainPrior(prior.label, prior.gain, prior.shift)
    for row, name in zip(scores.tolist(), record.tolist(), strict=True):
        if name != before:
            state = PlainPrior(prior.label, prior.gain, prior.shift)
        before = name
        result.append(state.decide(row, labels)[0])
    return result


some_priors = st.builds(Prior, st.sampled_from(LABELS[:4]), st.integers(1, 64), st.integers(1, 8))


@given(some_priors, st.lists(st.sampled_from(LABELS[:4]), max_size=600))
@settings(max_examples=100)
def test_the_share_is_the_definition_and_stays_a_share(prior, decided):
    share, expected = 0, PlainPrior(prior.label, prior.gain, prior.shift)
    for label in decided:
        assert prior.bonus(share) == prior.gain * 4096 * expected.share
        share = prior.after(share, label)
        one_hot = [1 << 30 if label == name else 0 for name in LABELS[:4]]
        assert expected.decide(one_hot, LABELS[:4])[1] == label
        assert share == 4096 * expected.share
        assert 0 <= share <= 4096


@given(some_priors, st.integers(0, 2**32 - 1), st.lists(st.integers(1, 30), min_size=1, max_size=5))
@settings(max_examples=60)
def test_many_records_are_the_definition_each_by_itself(prior, seed, lengths):
    rng = np.random.default_rng(seed)
    record = np.repeat(np.arange(len(lengths)) + 7, lengths)
    scores = rng.integers(-60_000, 60_000, (len(record), 4)).astype(np.int32)
    found = with_prior(scores, record, LABELS[:4], prior)
    assert found.dtype == scores.dtype
    assert found.tolist() == plain(scores, record, LABELS[:4], prior)


@given(some_priors, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_many_models_do_not_know_of_each_other(prior, seed):
    rng = np.random.default_rng(seed)
    record = np.repeat([3, 1, 2], [9, 1, 20])
    scores = rng.integers(-60_000, 60_000, (2, 3, 30, 4))
    found = with_prior(scores, record, LABELS[:4], prior)
    for i in np.ndindex(2, 3):
        assert np.array_equal(found[i], with_prior(scores[i], record, LABELS[:4], prior))


@given(some_priors, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_floats_on_a_scale_of_one_get_what_integers_get(prior, seed):
    rng = np.random.default_rng(seed)
    record = np.zeros(50, int)
    scores = rng.integers(-60_000, 60_000, (50, 4))
    expected = with_prior(scores, record, LABELS[:4], prior)
    floats = with_prior(scores / 2**14, record, LABELS[:4], prior, one=1.0)
    assert np.array_equal(floats * 2**14, expected)


def test_without_a_prior_scores_stay_as_they_are():
    scores = np.arange(12).reshape(3, 4)
    assert with_prior(scores, np.zeros(3, int), LABELS[:4], None) is scores
    none = np.zeros((0, 4), np.int32)
    assert with_prior(none, np.zeros(0, int), LABELS[:4], Prior(S, 4, 6)).shape == (0, 4)


def test_the_scores_that_came_in_are_not_touched():
    scores = np.full((9, 4), [0, 5, 0, 0])
    before = scores.copy()
    assert not np.array_equal(
        with_prior(scores, np.zeros(9, int), LABELS[:4], Prior(S, 4, 2)), before
    )
    assert np.array_equal(scores, before)


def test_a_label_that_came_often_wins_where_it_would_lose_by_little():
    prior = Prior(S, 4, 6)
    clear, near = [0, 9000, 0, 0], [9000, 1000, 0, 0]
    scores = np.array([clear] * 100 + [near])
    record = np.zeros(len(scores), int)
    assert with_prior(scores, record, LABELS[:4], prior)[-1].argmax() == 1
    assert with_prior(scores[::-1], record, LABELS[:4], prior)[0].argmax() == 0


def test_the_share_moves_by_a_64th_of_the_way():
    prior = Prior(S, 4, 6)
    assert prior.after(0, S) == 64
    assert prior.after(0, N) == 0
    assert prior.after(2048, N) == 2048 - 32
    assert prior.after(2048, S) == 2048 + 32
    assert prior.bonus(4096) == 1 << 14, "a gain of 4 is a score of 1"


# In the pipeline


def scores_alone(program: Program, counts: np.ndarray, beats: list[pipeline.Beat]) -> np.ndarray:
    """What the network says of the beats of a stream."""
    q = normalize(cut_windows(counts, np.array([b.sample for b in beats]), program.window))
    context = np.array([b.context for b in beats], np.int8)
    return network.run(program, q, context if program.context else None).scores


@pytest.mark.parametrize(
    "shape",
    [
        {"context": CONTEXT_SIZE, "hidden": 8, "branches": False},
        {"context": CONTEXT_SIZE, "hidden": 5},
        {"context": 0},
    ],
)
@pytest.mark.parametrize("prior", [Prior(S, 4, 6), Prior(N, 64, 1), Prior(F, 1, 8)], ids=str)
def test_the_pipeline_adds_what_its_own_decisions_say(excerpt, prior, shape):
    program = random_program(3, prior=prior, **shape)
    counts = read_record(excerpt, "208").counts[: 120 * 360]
    beats = pipeline.run(program, counts)
    alone = scores_alone(program, counts, beats)
    record = np.zeros(len(beats), int)
    expected = plain(alone, record, program.labels, prior)
    assert [list(b.scores) for b in beats] == expected
    assert [b.label_index for b in beats] == np.argmax(expected, axis=1).tolist()
    assert [b.label for b in beats] == [program.labels[b.label_index] for b in beats]
    assert with_prior(alone, record, program.labels, prior).tolist() == expected
    without = pipeline.run(program.replace(prior=None), counts)
    assert [list(b.scores) for b in without] == alone.tolist()
    assert [b.sample for b in without] == [b.sample for b in beats]


def test_a_gap_makes_the_share_nothing_again(excerpt):
    """And beats that wait when a stream ends are decided with it."""
    prior = Prior(N, 64, 1)
    program = random_program(3, context=CONTEXT_SIZE, hidden=8, branches=False, prior=prior)
    counts = read_record(excerpt, "208").counts[: 30 * 360]
    stream = Pipeline(program)
    before = stream.push(counts) + stream.reset(len(counts) + 99)
    after = stream.push(counts) + stream.flush()
    assert [b.scores for b in before] == [b.scores for b in after]
    assert any(b.label == N for b in before)
    alone = scores_alone(program, counts, before)
    assert list(before[-1].scores) != alone[-1].tolist()
    assert list(after[0].scores) == alone[0].tolist()


def test_the_network_by_itself_knows_nothing_of_a_prior():
    program = random_program(5, context=5)
    other = program.replace(prior=Prior(S, 64, 1))
    q, context = np.zeros((4, 360), np.int8), np.full((4, 5), 9, np.int8)
    found, expected = (network.run(p, q, context) for p in (other, program))
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.label_index, expected.label_index)
    assert other != program
