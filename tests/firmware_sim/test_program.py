import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import segments
from tests.programs import random_program


def test_the_published_sizes_are_exact():
    sizes = {
        (2, 0, 1): 110,
        (2, 0, 2): 130,
        (2, 0, 3): 150,
        (4, 5, 1): 140,
    }
    for (classes, context, depth), parameters in sizes.items():
        program = random_program(0, classes=classes, context=context, depth=depth)
        assert program.parameters == parameters
    program = random_program(0, classes=4, context=12, hidden=8, branches=False)
    assert program.parameters == 12 * 8 + 8 + 8 * 4 + 4 == 140


def test_segments_at_360_are_those_of_the_definition():
    found = {s.name: (s.start, s.stop, s.pool, s.pool_bits) for s in segments(360)}
    assert found == {
        "P": (0, 120, 58, 6),
        "QRS": (120, 240, 39, 5),
        "T": (240, 360, 58, 6),
        "global": (0, 360, 357, 8),
    }


@given(st.integers(32, 4096))
def test_pools_never_leave_their_rows(window):
    for segment in segments(window):
        assert 0 < segment.tokens * segment.pool <= segment.length
        assert 0 <= segment.start < segment.stop <= window


def test_a_program_cannot_be_changed():
    program = random_program(1)
    with pytest.raises(ValueError, match="read-only"):
        program.branches[0].weight[0, 0] = 1
    with pytest.raises(AttributeError):
        program.fs = 250


@pytest.mark.parametrize(
    ("classes", "prior", "reason"),
    [
        (4, Prior("Q", 4, 6), "'Q' is none of the program's labels"),
        (4, Prior("S", 0, 6), "prior.gain is 0"),
        (4, Prior("S", True, 6), "prior.gain is True"),
        (4, Prior("S", 4, 9), "prior.shift is 9"),
        (2, Prior("S", 4, 6), "more than two classes"),
    ],
)
def test_a_prior_that_is_none_is_refused(classes, prior, reason):
    with pytest.raises(EcgedgeError, match=reason):
        random_program(0, classes=classes, prior=prior)


def test_a_prior_has_no_parameters_but_is_part_of_the_program():
    program = random_program(0)
    other = program.replace(prior=Prior("S", 4, 6))
    assert other.parameters == program.parameters
    assert len({program, other, program.replace(prior=Prior("S", 4, 5))}) == 3
    assert other.replace(prior=None) == program


def with_measures(**shape):
    return random_program(0, hidden=8, branches=False, measures=7, **shape)


def test_measures_have_no_parameters_but_are_part_of_the_program():
    program = with_measures(context=12)
    assert program.parameters == (7 + 12) * 8 + 8 + 8 * 4 + 4
    assert (program.seen, program.features, program.head_inputs) == (7, 19, 8)
    moved = program.replace(measures=(*program.measures[1:], program.measures[0]))
    assert moved != program
    assert moved.replace(measures=program.measures) == program


def test_what_is_seen_of_a_beat_is_the_mean_the_measures_or_nothing():
    assert random_program(0).seen == 4
    assert with_measures(context=0).seen == 7
    assert random_program(0, context=12, hidden=8, branches=False).seen == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measures": ()}, "needs measures or a context, and a hidden layer"),
        ({"hidden": None}, "needs measures or a context, and a hidden layer"),
        ({"measures": (Measure("size", 0, 60),) * 17}, "17 measures, more than 16"),
        ({"measures": (Measure("size", 0, 60),) * 6}, "hidden.weight has shape"),
        ({"window": 59}, "need a window of 60 samples or more"),
        ({"window": 119, "measures": (Measure("high", 0, 60, 1),) * 7}, "too short for the meas"),
        ({"layers": random_program(0).layers}, "belong together"),
        ({"mean_shift": 1}, "belong together"),
        ({"branches": random_program(0).branches}, "belong together"),
    ],
)
def test_measures_that_a_program_cannot_have_are_refused(changes, reason):
    with pytest.raises(EcgedgeError, match=reason):
        with_measures(context=0).replace(**changes)


def test_a_program_has_branches_or_measures():
    with pytest.raises(EcgedgeError, match="branches or measures, not both"):
        random_program(0, hidden=8).replace(measures=(Measure("size", 0, 60),))


def test_largest_weight_is_below_one():
    program = random_program(5, bound="tanh")
    assert program.weight_max == max(
        np.abs(a.astype(int)).max() / 128 for p in program.parts for a in (p.weight, p.bias)
    )
    assert program.weight_max < 1
