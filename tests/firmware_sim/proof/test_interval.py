import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.proof.interval import (
    Interval,
    greatest,
    hull,
    least,
    quantity,
    rising,
    signed_bits,
)

numbers = st.integers(-(1 << 20), 1 << 20)
pairs = st.tuples(numbers, numbers).map(sorted).map(tuple)
OPERATIONS = [
    (operator.add, operator.add),
    (operator.sub, operator.sub),
    (operator.mul, operator.mul),
    (least, min),
    (greatest, max),
]


def inside(ends: tuple[int, int]) -> st.SearchStrategy[int]:
    return st.integers(*ends)


@pytest.mark.parametrize(("of_intervals", "of_numbers"), OPERATIONS)
@given(data=st.data(), x=pairs, y=pairs)
def test_results_lie_inside_and_the_ends_are_attained(data, of_intervals, of_numbers, x, y):
    result = of_intervals(Interval(*x), Interval(*y))
    assert of_numbers(data.draw(inside(x)), data.draw(inside(y))) in result
    corners = {of_numbers(a, b) for a in x for b in y}
    assert (min(corners), max(corners)) == (result.low, result.high)


@given(data=st.data(), x=pairs, bits=st.integers(0, 24))
def test_shifts_and_absolute_values_hold_every_number(data, x, bits):
    value = data.draw(inside(x))
    whole = Interval(*x)
    assert value >> bits in whole >> bits
    assert value << bits in whole << bits
    assert -value in -whole
    assert abs(value) in abs(whole)
    assert abs(whole).high == max(abs(x[0]), abs(x[1]))


@given(x=pairs, y=pairs)
def test_a_hull_holds_both_and_no_more(x, y):
    both = hull(Interval(*x), Interval(*y))
    assert Interval(*x) in both
    assert Interval(*y) in both
    assert (both.low, both.high) == (min(x[0], y[0]), max(x[1], y[1]))
    assert (both in Interval(*x)) == (both == Interval(*x))


def test_rising_functions_keep_operands_together():
    level = Interval(0, 100)
    assert rising(lambda v: v - (v >> 3), level) == Interval(0, 88)
    assert level - (level >> 3) == Interval(-12, 100), "plain arithmetic forgets that both are one"


def test_an_empty_interval_is_refused():
    with pytest.raises(ValueError, match="is no interval"):
        Interval(1, 0)


@pytest.mark.parametrize(
    ("low", "high", "kind", "spare"),
    [
        (-32768, 32767, "int16", 0),
        (0, 32767, "int16", 0),
        (0, 32768, "uint16", 0),
        (0, 65535, "uint16", 0),
        (-1, 32768, "int32", 15),
        (0, 65536, "int32", 14),
        (-(1 << 31), 0, "int32", 0),
        (0, 1 << 31, "uint32", 0),
        (0, (1 << 32) - 1, "uint32", 0),
        (0, 1 << 32, "none", 0),
        (-1, 1 << 31, "none", 0),
        (0, 0, "int16", 15),
    ],
)
def test_the_narrowest_machine_integer_is_chosen(low, high, kind, spare):
    found = quantity("x", Interval(low, high), "given")
    assert (found.type, found.spare_bits) == (kind, spare)


@given(pairs)
def test_signed_bits_hold_both_ends_and_one_less_does_not(x):
    bits = signed_bits(*x)
    limit = 1 << (bits - 1)
    assert -limit <= x[0]
    assert x[1] < limit
    if bits > 1:
        assert x[0] < -(limit >> 1) or x[1] >= limit >> 1
