"""The prior against a reading in Python's own numbers, one decision after the other."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgedge.data.labels import AAMI_MAPS
from ecgedge.data.record import Record, read_record, resample_record
from ecgedge.zoo import shipped_bundles
from firmware_sim import network, pipeline
from firmware_sim.beat import cut_windows, normalize
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.pipeline import Pipeline
from firmware_sim.prior import SHARE_ONE, Prior, is_irregular, with_prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.firmware_sim.test_detector import heart
from tests.programs import LABELS, random_program

N, S, V, F = LABELS[:4]


class PlainPrior:
    """The prior of docs/arithmetic.md: the share is a fraction that is rounded to 2**-12."""

    def __init__(self, label: str, gain: int, shift: int) -> None:
        self.label, self.gain, self.shift = label, gain, shift
        self.share = Fraction(0)

    def decide(
        self, scores: list[int], labels: tuple[str, ...], silent: bool = False
    ) -> tuple[list[int], str]:
        """Scores with what is added, and the label, which moves the share."""
        said = list(scores)
        if not silent:
            said[labels.index(self.label)] += self.gain * int(4096 * self.share)
        label = labels[said.index(max(said))]
        wanted = Fraction(int(label == self.label))
        exact = 4096 * (wanted - self.share) / 2**self.shift
        self.share += Fraction(math.floor(exact + Fraction(1, 2)), 4096)
        return said, label


def plain(
    scores: np.ndarray,
    record: np.ndarray,
    labels: tuple[str, ...],
    prior: Prior,
    silent: np.ndarray | None = None,
) -> list[list[int]]:
    """Every record by itself."""
    result, before, state = [], None, PlainPrior(prior.label, prior.gain, prior.shift)
    silence = [False] * len(record) if silent is None else silent.tolist()
    for row, name, quiet in zip(scores.tolist(), record.tolist(), silence, strict=True):
        if name != before:
            state = PlainPrior(prior.label, prior.gain, prior.shift)
        before = name
        result.append(state.decide(row, labels, quiet)[0])
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
    silent = rng.random(len(record)) < 0.3
    quiet = with_prior(scores, record, LABELS[:4], prior, silent=silent)
    assert quiet.tolist() == plain(scores, record, LABELS[:4], prior, silent)
    assert np.array_equal(quiet[silent], scores[silent])


@given(some_priors, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_many_models_do_not_know_of_each_other(prior, seed):
    rng = np.random.default_rng(seed)
    record = np.repeat([3, 1, 2], [9, 1, 20])
    scores = rng.integers(-60_000, 60_000, (2, 3, 30, 4))
    silent = rng.random(30) < 0.3
    found = with_prior(scores, record, LABELS[:4], prior, silent=silent)
    for i in np.ndindex(2, 3):
        one = with_prior(scores[i], record, LABELS[:4], prior, silent=silent)
        assert np.array_equal(found[i], one)


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


def test_an_irregular_rhythm_makes_it_silent_but_not_forgetful():
    prior, record = Prior(S, 64, 1), np.zeros(3, int)
    scores = np.array([[0, 9, 0, 0], [0, 9, 0, 0], [0, 9, 0, 0]])
    silent = np.array([False, True, False])
    found = with_prior(scores, record, LABELS[:4], prior, silent=silent)[:, 1]
    assert found.tolist() == [9, 9, 9 + 64 * 3072]


def test_a_rhythm_is_irregular_from_64_on():
    context = np.zeros((4, CONTEXT_SIZE), np.int8)
    context[:, :7] = context[:, 8:] = 127
    context[:, 7] = [-127, 63, 64, 127]
    assert is_irregular(context).tolist() == [False, False, True, True]
    assert is_irregular(context[:, :5]).tolist() == [False] * 4
    assert is_irregular(context[:, :0]).tolist() == [False] * 4


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
    silent = np.array([len(b.context) > 7 and b.context[7] >= 64 for b in beats])
    assert silent.any() == (shape["context"] == CONTEXT_SIZE)
    assert not silent.all()
    expected = plain(alone, record, program.labels, prior, silent)
    assert [list(b.scores) for b in beats] == expected
    assert [b.label_index for b in beats] == np.argmax(expected, axis=1).tolist()
    assert [b.label for b in beats] == [program.labels[b.label_index] for b in beats]
    assert with_prior(alone, record, program.labels, prior, silent=silent).tolist() == expected
    without = pipeline.run(program.replace(prior=None), counts)
    assert [list(b.scores) for b in without] == alone.tolist()
    assert [b.sample for b in without] == [b.sample for b in beats]


def test_a_gap_makes_the_share_nothing_again(excerpt):
    """And beats that wait when a stream ends are decided with it."""
    prior = Prior(N, 64, 1)
    program = random_program(3, context=CONTEXT_SIZE, hidden=8, branches=False, prior=prior)
    counts, _ = heart(360, 30)
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


# In the programs that ship


def shipped(name: str) -> Program:
    return load_program(shipped_bundles()[name] / "program.json")


WITH_PRIOR = [name for name in shipped_bundles() if shipped(name).prior is not None]
FORGOTTEN_AFTER = 300
"""Beats; 147 are the least in which the shipped share can fall from 1 to a tenth."""
FEW_S = 0.2
"""Share of S among a record's reference beats."""


def shares_after_s_alone(program: Program, record: Record) -> np.ndarray:
    """The share after each beat of a record before which every decision was S."""
    assert program.prior is not None
    assert program.prior.label == "S"
    stream = Pipeline(program)
    stream._share = share = SHARE_ONE
    shares = []
    for beat in stream.push(record.counts):
        shares.append(share := program.prior.after(share, beat.label))
    assert stream._share == share
    return np.array(shares)


def has_few_s(record: Record) -> bool:
    classes = [AAMI_MAPS["aami"][symbol] for symbol in record.beat_symbols.tolist()]
    return classes.count("S") < FEW_S * len(classes)


def test_the_programs_that_have_a_prior_are_these() -> None:
    assert WITH_PRIOR == ["rhythm-150", "rhythm-150-250hz"]


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_a_shipped_program_cannot_lock_itself_in(name: str, excerpt: Path) -> None:
    """However sure of S the share is, a record with few S beats convinces it of another."""
    program = shipped(name)
    names = (excerpt / "RECORDS").read_text().split()
    records = [resample_record(read_record(excerpt, record), program.fs) for record in names]
    few = [record for record in records if has_few_s(record)]
    assert len(few) == len(records) - 1
    for record in few:
        shares = shares_after_s_alone(program, record)
        assert len(shares) > 250
        assert shares[:FORGOTTEN_AFTER].min() < SHARE_ONE / 10, record.name


@pytest.mark.database
@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PRIOR)
@pytest.mark.parametrize("record", ["104", "106", "207", "231"])
def test_nor_on_the_records_that_hold_it_longest(name: str, record: str, mitdb: Path) -> None:
    program = shipped(name)
    found = resample_record(read_record(mitdb, record), program.fs)
    assert has_few_s(found)
    shares = shares_after_s_alone(program, found)
    assert shares[:FORGOTTEN_AFTER].min() < SHARE_ONE / 10
