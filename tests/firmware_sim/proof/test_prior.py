"""The prior: what is proved for all sequences of decisions, and that it follows the program."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.pipeline import Pipeline, run
from firmware_sim.prior import SHARE_ONE, Prior
from firmware_sim.proof.certificate import certificate, what_is_wrong
from firmware_sim.proof.interval import Interval, step
from firmware_sim.proof.prior import prove_prior
from firmware_sim.prove import prove
from tests.firmware_sim.test_detector import heart
from tests.programs import random_program

NAMES = {"prior.share", "prior.bonus", "prior.score", "prior.change"}
SCORE = Interval(-70_000, 60_000)
PRIORS = [Prior("S", gain, shift) for gain in (1, 7, 8, 15, 16, 64) for shift in (1, 6, 8)]


def bounds_of(prior: Prior, score: Interval = SCORE) -> dict[str, Interval]:
    return {q.name: Interval(q.low, q.high) for q in prove_prior(prior, score)}


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_every_gain_fits_and_the_width_of_the_bonus_follows(prior):
    found = {q.name: q for q in prove_prior(prior, SCORE)}
    assert set(found) == NAMES
    assert all(q.width_bits for q in found.values())
    assert found["prior.share"].type == found["prior.change"].type == "int16"
    types = {1: "int16", 7: "int16", 8: "uint16", 15: "uint16", 16: "int32", 64: "int32"}
    assert found["prior.bonus"].type == types[prior.gain]
    assert found["prior.bonus"].high == 4096 * prior.gain
    assert found["prior.score"].high == SCORE.high + 4096 * prior.gain
    assert found["prior.score"].low == SCORE.low


def test_a_score_that_a_bonus_carries_over_32_bits_is_found():
    found = prove_prior(Prior("S", 64, 6), Interval(0, (1 << 31) - 1))
    assert [q.name for q in found if not q.width_bits or not q.signed] == ["prior.score"]


@given(st.sampled_from(PRIORS), st.lists(st.booleans(), max_size=400))
@settings(max_examples=60)
def test_no_sequence_of_decisions_leaves_the_intervals(prior, decided):
    bounds, share = bounds_of(prior), 0
    for own in decided:
        target = SHARE_ONE if own else 0
        for change in (target - share, target - share + (1 << prior.shift >> 1)):
            assert change in bounds["prior.change"]
        assert prior.bonus(share) in bounds["prior.bonus"]
        share = prior.after(share, "S" if own else "N")
        assert share in bounds["prior.share"]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_the_share_comes_close_to_its_bound(prior):
    share = 0
    for _ in range(5000):
        share = prior.after(share, "S")
    assert share > SHARE_ONE - (1 << prior.shift)
    assert share in bounds_of(prior)["prior.share"]


def test_a_share_beyond_one_would_leave_its_interval():
    with pytest.raises(ValueError, match="the share leaves"):
        step("share", Interval(0, SHARE_ONE - 1), Interval(0, SHARE_ONE), 1)


# In the proof of a program


def test_a_program_without_a_prior_has_none_in_its_proof():
    program = random_program(1)
    without = {q.name for q in prove(program).stream}
    assert not without & NAMES
    with_one = {q.name for q in prove(program.replace(prior=Prior("S", 4, 6))).stream}
    assert with_one - without == NAMES


def test_the_score_is_that_of_the_label():
    program = random_program(1)
    reach = {r.channel: r for r in prove(program).layers if r.name == "scores"}
    for channel, label in enumerate(program.labels):
        proof = prove(program.replace(prior=Prior(label, 4, 6)))
        (score,) = (q for q in proof.stream if q.name == "prior.score")
        assert (score.low, score.high) == (reach[channel].min, reach[channel].max + (4 << 12))


@pytest.mark.parametrize("other", [Prior("S", 5, 6), Prior("S", 4, 5), Prior("V", 4, 6), None])
def test_another_prior_is_another_proof(other):
    """Another label, gain or shift changes the numbers too, or the digest at least."""
    program = random_program(1, prior=Prior("S", 4, 6))
    fresh = certificate(prove(program))
    stated = certificate(prove(program.replace(prior=other)))
    assert what_is_wrong(stated, fresh) == "it speaks of another program"
    forged = certificate(prove(program)) | {"stream": stated["stream"]}
    assert "stream" in (what_is_wrong(forged, fresh) or "")


def test_a_rate_without_detector_has_no_stream_to_prove():
    program = random_program(1, prior=Prior("S", 4, 6)).replace(fs=100)
    assert prove(program).stream == ()
    assert prove(program).ok


@pytest.mark.parametrize(("gain", "shift"), [(64, 1), (4, 6)])
def test_no_stream_leaves_what_is_proved(gain, shift):
    program = random_program(4, window=125)
    counts, _ = heart(125, 60)
    label = run(program, counts)[0].label
    program = program.replace(prior=Prior(label, gain, shift))
    bounds = {q.name: Interval(q.low, q.high) for q in prove(program).stream}
    pipeline, seen = Pipeline(program), set()
    for sample in counts.tolist():
        for beat in pipeline.push([sample]):
            assert beat.scores[program.labels.index(label)] in bounds["prior.score"]
            assert pipeline._share in bounds["prior.share"]
            seen.add(pipeline._share)
    assert len(seen) > 5
