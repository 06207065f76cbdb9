"""The card says what is known, and what is not."""

import pytest

from export.card import IN_WORDS, Provenance, Result, bound_of, card, with_proof
from firmware_sim.context import CONTEXT_NAMES
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import KINDS, Measure
from firmware_sim.prior import Prior
from firmware_sim.prove import prove
from tests.programs import random_program


def text_of(origin: Provenance, **shape: int | str) -> str:
    program = random_program(0, **shape)  # type: ignore[arg-type]
    return card(program, prove(program), origin)


def test_it_says_what_the_bundle_must_not_be_used_for() -> None:
    assert "not a medical device" in text_of(Provenance())


def test_what_was_not_evaluated_is_said_to_be_unknown() -> None:
    assert "Not evaluated" in text_of(Provenance())


def test_figures_come_with_their_intervals() -> None:
    results = (Result("V F1", 0.89123, 0.8, 0.95), Result("S F1", None))
    text = text_of(Provenance(evaluated_on="DS2", results=results))
    assert "| V F1 | 0.891 | 0.800 to 0.950 |" in text
    assert "| S F1 | not defined |  |" in text
    assert "Not evaluated" not in text


def test_the_bound_is_named() -> None:
    l1, tanh = random_program(0, bound="l1"), random_program(0, bound="tanh")
    assert (bound_of(l1), bound_of(tanh)) == ("l1", "tanh")
    assert "l1: sum of |w|".replace("|", "/") in text_of(Provenance(), bound="l1")
    assert "tanh: each weight" in text_of(Provenance(), bound="tanh")


def test_digest_classes_and_rate_are_there() -> None:
    program = random_program(0, classes=2)
    text = card(program, prove(program), Provenance())
    assert program.digest in text
    assert "N, S" in text
    assert "360 samples at 360 Hz" in text
    assert f"S when the score difference >= {program.threshold}" in text


def test_the_inputs_are_named_value_by_value() -> None:
    text = text_of(Provenance(), context=5)
    assert "`beat`: the window" in text
    assert "| 4 | RR before against one earlier |" in text
    assert "irregularity" not in text
    without = text_of(Provenance(), context=0)
    assert "| context | not used |" in without
    assert "`context`" not in without


def test_a_prior_is_told_with_its_numbers() -> None:
    program = random_program(0)
    assert "| prior |" not in card(program, prove(program), Provenance())
    with_one = program.replace(prior=Prior("S", 3, 5))
    text = card(with_one, prove(with_one), Provenance())
    assert "the share of S in the last 32 decisions or so, times 3 / 4, is added" in text


def test_a_program_without_branches_takes_its_context_alone() -> None:
    text = text_of(Provenance(), context=12, hidden=8, branches=False)
    assert "context alone, made of R peaks and of 360 samples at 360 Hz around each" in text
    assert "| layers | 12 context values, 8 hidden units, 4 scores |" in text
    assert "there is no convolution" in text
    assert "`beat`" not in text
    rows = [f"| {i} | {name} |" for i, name in enumerate(CONTEXT_NAMES)]
    assert all(row in text for row in rows)
    assert "| hidden | " in text


def test_measures_are_told_in_words_and_milliseconds() -> None:
    program = random_program(0, context=5, hidden=8, branches=False, measures=3)
    wanted = (Measure("size", 32, 48, 1), Measure("steepest", 24, 36), Measure("low", 0, 60))
    program = program.replace(measures=wanted)
    text = card(program, prove(program), Provenance())
    assert "| input | 360 samples at 360 Hz around an R peak, one lead |" in text
    assert "| layers | 3 measures of the beat and 5 context values, 8 hidden units, 4 sc" in text
    assert "there is no convolution" in text
    assert "`beat`: the window" in text
    assert "without trained parameters, in bins of 16.7 ms" in text
    assert "| 0 | size 32-48 x2 | mean absolute value of the bins | 33 | 300 |" in text
    assert "| 1 | steepest 24-36 | largest absolute step from bin to bin | -117 | 100 |" in text
    assert "| 2 | low 0-60 | least bin | -500 | 500 |" in text
    assert "| measures | " in text.partition("## Proof")[2]
    assert text.index("`beat`") < text.index("`measures`") < text.index("`context`")


def test_every_kind_of_measure_has_words() -> None:
    assert IN_WORDS.keys() == KINDS.keys()


def test_a_card_without_measures_does_not_speak_of_them() -> None:
    for shape in ({}, {"context": 12, "hidden": 8, "branches": False}):
        assert "measure" not in text_of(Provenance(), **shape).replace("measures it", "")


def test_training_and_command_are_there() -> None:
    origin = Provenance(training=[("starts", "16")], command="ecgedge train --seed 3")
    text = text_of(origin)
    assert "| starts | 16 |" in text
    assert "ecgedge train --seed 3" in text


def test_the_proof_can_be_written_anew_and_nothing_else_changes() -> None:
    program, other = random_program(0), random_program(1)
    text = card(program, prove(program), Provenance())
    changed = with_proof(text, prove(other))
    assert changed != text
    assert with_proof(changed, prove(program)) == text


def test_a_card_without_a_proof_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="no section on the proof"):
        with_proof("# A card", prove(random_program(0)))
