import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.errors import EcgedgeError
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


def test_largest_weight_is_below_one():
    program = random_program(5, bound="tanh")
    assert program.weight_max == max(
        np.abs(a.astype(int)).max() / 128 for p in program.parts for a in (p.weight, p.bias)
    )
    assert program.weight_max < 1
