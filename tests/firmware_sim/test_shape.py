"""The shape values against a reading in Python's own numbers, one beat after the other."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from firmware_sim.shape import LIKE_BELOW, Shape, area_bits, bins, is_premature, shapes

INT16 = (-(1 << 15), (1 << 15) - 1)
P, QRS, T = range(16, 24), range(22, 38), range(40, 56)
WINDOWS = [60, 61, 119, 120, 125, 128, 250, 257, 360, 361, 500, 999, 4096]
Seen = Callable[[str, int], None]


def nowhere(name: str, value: int) -> None:
    """Remember no value on the way."""


def rounded(a: int, b: int) -> int:
    """a / b to the nearest integer, ties up."""
    return math.floor(Fraction(a, b) + Fraction(1, 2))


class PlainShape:
    """The shape of docs/arithmetic.md, in plain integers, telling every value on the way."""

    def __init__(self, window: int, seen: Seen = nowhere) -> None:
        self.size = window // 60
        self.first = window // 2 - 30 * self.size
        self.bits = (self.size - 1).bit_length() + 2
        self.seen = seen
        self.template: list[int] | None = None
        self.area = 0
        self.taken = 0

    def tell(self, name: str, value: int) -> int:
        self.seen(f"shape.{name}", value)
        return value

    def bins(self, window: Sequence[int]) -> tuple[list[int], int]:
        """Scaled bins, and the shifted area of the QRS complex."""
        size, tell = self.size, self.tell
        starts = [self.first + i * size for i in range(60)]
        sums = [tell("bin", sum(window[a : a + size])) for a in starts]
        total = tell("sum", sum(sums))
        tell("mean.numerator", 2 * total + 60 * size)
        mean = tell("mean", rounded(total, 60 * size))
        tell("mean.bin", size * mean)
        lifted = tell("device.sum", total + 60 * size * 32768)
        assert tell("device.mean.numerator", 2 * lifted + 60 * size) // (120 * size) == mean + 32768
        sums = [tell("centered", s - size * mean) for s in sums]
        largest = tell("largest", max(map(abs, sums)))
        scaled = []
        for s in sums:
            above = tell("device.bin", s + largest)
            numerator = tell("device.numerator", 254 * above + largest)
            assert not largest or numerator // (2 * largest) == rounded(127 * s, largest) + 127
            tell("scaled.numerator", 254 * s)
            tell("scaled.numerator", 254 * s + largest)
            scaled.append(tell("scaled", rounded(127 * s, max(largest, 1))))
        tell("scaled.denominator", 2 * largest)
        area = tell("area.sum", sum(abs(sums[i]) for i in QRS))
        tell("area.rounded", area + (1 << self.bits >> 1))
        return scaled, tell("area", rounded(area, 1 << self.bits))

    def size_of(self, name: str, values: Sequence[int], gain: int, one: int) -> int:
        """The mean absolute value of a region, times a gain, where `one` stands for 1."""
        total = self.tell(f"{name}.size", sum(map(abs, values)))
        self.tell(f"{name}.size", total + len(values) * one // (2 * gain))
        mean = self.tell(f"{name}.mean", rounded(gain * total, len(values) * one))
        return self.tell("value", min(mean, 127))

    def values(self, scaled: Sequence[int], area: int) -> list[int]:
        p = self.size_of("p", [scaled[i] for i in P], 4, 1)
        if self.template is None:
            return [p, 0, 0, 0]
        tell, template = self.tell, self.template

        def differences(region: range, move: int = 0) -> list[int]:
            return [tell("difference", 64 * scaled[i + move] - template[i]) for i in region]

        change = 0
        if self.area:
            x, reference = 16 * area, self.area
            tell("area_mean.scaled", 128 * (x - reference))
            tell("area_mean.numerator", 256 * (x - reference) + reference)
            tell("area_mean.denominator", 2 * reference)
            tell("area_mean.device", 256 * x + reference)
            change = tell("area_mean.quotient", rounded(128 * (x - reference), reference))
        return [
            p,
            min(self.size_of("qrs", differences(QRS, move), 2, 64) for move in (-1, 0, 1)),
            self.size_of("t", differences(T), 4, 64),
            min(max(change, -127), 127),
        ]

    def take_in(self, scaled: Sequence[int], area: int, rr_before: int) -> None:
        tell, size = self.tell, self.tell("area.scaled", 16 * area)
        target = [tell("target", 64 * s) for s in scaled]
        before = self.taken
        self.taken = tell("taken", min(before + 1, 16))
        if self.template is None:
            self.template, self.area = target, size
            return
        part = 8 if self.values(scaled, area)[1] < 30 else 64
        if before < 16:
            part = 4
        if rr_before < -16:
            part = 64
        moved = []
        for t, new in zip(self.template, target, strict=True):
            tell("change", new - t + part // 2)
            moved.append(tell("template", t + rounded(new - t, part)))
        tell("area.change", size - self.area + 8)
        self.template = moved
        self.area = tell("area.mean", self.area + rounded(size - self.area, 16))


def plain_shapes(
    windows: Sequence[Sequence[int]],
    rr_before: Sequence[int],
    known: Sequence[bool] | None = None,
    taken_in: Sequence[bool] | None = None,
    seen: Seen = nowhere,
) -> list[list[int]]:
    """Four values a beat; those of windows that are not known are 0."""
    n = len(windows)
    result = []
    shape = PlainShape(len(windows[0]) if n else 60, seen)
    for i, window in enumerate(windows):
        if known is not None and not known[i]:
            result.append([0, 0, 0, 0])
            continue
        scaled, area = shape.bins(window)
        result.append(shape.values(scaled, area))
        if taken_in is None or taken_in[i]:
            shape.take_in(scaled, area, rr_before[i])
    return result


def some_rr_before(n: int, seed: int) -> list[int]:
    """First rhythm values: premature ones, the border among them, and others."""
    rng = np.random.default_rng(seed)
    values: list[int] = rng.choice([-127, -40, -17, -16, -15, 0, 0, 90], n).tolist()
    return values


def hostile_windows(window: int, n: int, seed: int) -> NDArray[np.int64]:
    """Windows of int16 counts: rails, bins at one rail among the other, steps and noise."""
    rng = np.random.default_rng(seed)
    low, high = INT16
    size = window // 60
    position = np.arange(window)
    in_bin = (position - (window // 2 - 30 * size)) // size
    one, qrs = in_bin == rng.integers(0, 60), np.isin(in_bin, QRS)
    made = [
        np.full(window, high),
        np.full(window, low),
        np.where(one, high, low),
        np.where(one, low, high),
        np.where(qrs, high, low),
        np.where(qrs, low, high),
        np.where(position < window // 2, low, high),
        np.where(in_bin % 2, low, high),
        rng.integers(low, high + 1, window),
        rng.choice([low, high], window),
        rng.integers(500, 520, window),
    ]
    return np.array([made[i] for i in rng.integers(0, len(made), n)])


@given(st.sampled_from(WINDOWS), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_values_are_the_definition(window, seed):
    windows = hostile_windows(window, 12, seed)
    known = np.random.default_rng(seed).random(12) < 0.8
    rr_before = some_rr_before(12, seed)
    expected = plain_shapes(windows.tolist(), rr_before, known.tolist())
    assert shapes(windows, np.array(rr_before), known).tolist() == expected


@given(arrays(np.int16, (8, 125)), arrays(np.int8, 8))
@settings(max_examples=30, deadline=None)
def test_any_counts_are_the_definition(windows, rr_before):
    expected = plain_shapes(windows.tolist(), rr_before.tolist())
    assert shapes(windows, rr_before).tolist() == expected


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_more_than_sixteen_beats_are_the_definition(seed):
    """Beats of two kinds: the template has learned, and is moved as each of them says."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(-900, 900, (2, 120)).cumsum(axis=1)
    windows = kinds[rng.integers(0, 2, 40)] + rng.integers(-99, 99, (40, 120))
    moves = rng.integers(-4, 5, 40)
    windows = np.array([np.roll(w, m) for w, m in zip(windows, moves, strict=True)])
    rr_before = some_rr_before(40, seed)
    expected = plain_shapes(windows.tolist(), rr_before)
    assert shapes(windows, np.array(rr_before)).tolist() == expected


@given(st.integers(60, 600), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_value_on_the_way_leaves_32_bits_or_what_the_docstrings_say(window, seed):
    largest: dict[str, int] = {}

    def seen(name: str, value: int) -> None:
        largest[name] = max(largest.get(name, 0), abs(value))

    windows = hostile_windows(window, 12, seed)
    plain_shapes(windows.tolist(), some_rr_before(12, seed), seen=seen)
    assert len(largest) > 15
    assert max(largest.values()) < 1 << 31
    assert largest["shape.scaled"] <= 127
    assert largest["shape.template"] <= 8128
    assert largest["shape.area"] < 1 << 18
    assert largest["shape.area_mean.numerator"] < 1 << 31


@pytest.mark.parametrize("window", range(60, 560, 20))
def test_the_area_keeps_within_its_bits_at_every_window(window):
    """The loudest QRS complex there is: all of its bins at one rail, the others at the other."""
    rows = np.full((2, window), INT16[0])
    size = window // 60
    first = window // 2 - 30 * size
    rows[0, first + 22 * size : first + 38 * size] = INT16[1]
    rows[1, first + 22 * size : first + 30 * size] = INT16[1]
    _, area = bins(rows)
    assert 1 << 16 < area.max() < 1 << 18
    assert area_bits(window) == (size - 1).bit_length() + 2


@pytest.mark.parametrize("window", WINDOWS)
def test_the_r_peak_is_the_first_sample_of_bin_30(window):
    counts = np.zeros((2, window), dtype=np.int16)
    counts[0, window // 2] = 3000
    counts[1, window // 2 - 1] = 3000
    scaled, _ = bins(counts)
    assert scaled.argmax(axis=1).tolist() == [30, 29]


def test_the_first_beat_becomes_the_template():
    scaled, area = bins(hostile_windows(360, 1, 3))
    first = Shape()
    p, *rest = first.values(scaled[0], int(area[0]))
    assert p > 0
    assert rest == [0, 0, 0]
    after = first.after(scaled[0], int(area[0]), premature=False)
    assert after.template.tolist() == (64 * scaled[0]).tolist()
    assert after.area == 16 * area[0]
    assert after.values(scaled[0], int(area[0])) == (p, 0, 0, 0)


def settled(beat: np.ndarray, area: int) -> Shape:
    """What is remembered after sixteen times the same beat."""
    shape = Shape()
    for _ in range(16):
        shape = shape.after(beat, area, premature=False)
    return shape


def after(shape: Shape, beat: np.ndarray, area: int = 1) -> list[int]:
    """The template after a beat that is not premature."""
    template = shape.after(beat, area, premature=False).template
    assert template is not None
    values: list[int] = template.tolist()
    return values


def test_a_stream_may_begin_with_a_premature_beat():
    premature, normal = (np.zeros(60, dtype=np.int64) for _ in range(2))
    premature[20:40], normal[30] = -127, 127
    shape = Shape().after(premature, 3000, premature=True)
    assert shape.template is not None
    assert shape.template.tolist() == (64 * premature).tolist()
    for _ in range(15):
        assert shape.taken < 16
        shape = shape.after(normal, 1000, premature=False)
    assert shape.taken == 16
    assert shape.values(normal, 1000)[1] < LIKE_BELOW < shape.values(premature, 3000)[1]
    assert settled(premature, 3000).values(normal, 1000)[1] >= LIKE_BELOW


def test_a_quarter_is_taken_of_each_of_the_first_sixteen_beats():
    base, other = np.zeros(60, dtype=np.int64), np.full(60, 100)
    shape = Shape().after(base, 1, premature=False)
    assert after(shape, other) == [64 * 25] * 60
    assert after(shape, base) == [0] * 60


@pytest.mark.parametrize("taken", [1, 5, 16])
@pytest.mark.parametrize("like", [True, False])
def test_of_a_premature_beat_a_64th_is_taken_always(taken, like):
    base = np.zeros(60, dtype=np.int64)
    base[30] = 127
    other = base.copy()
    other[24:40] = 110 if not like else other[24:40]
    other[50] = 64
    shape = Shape()
    for _ in range(taken):
        shape = shape.after(base, 1000, premature=False)
    assert (shape.values(other, 1000)[1] < LIKE_BELOW) == like
    found = shape.after(other, 1000, premature=True)
    assert found.template is not None
    assert found.template.tolist() == [64 * b + (o - b) for b, o in zip(base, other, strict=True)]
    assert found.taken == min(taken + 1, 16)
    assert found.area == shape.area


def test_a_beat_is_premature_below_minus_16():
    assert [is_premature(value) for value in (-127, -17, -16, 0, 127)] == [True, True] + [False] * 3


def test_in_bigeminy_the_normal_half_wins():
    """The premature beats come first and are as many: the template is that of the others."""
    t = np.linspace(-1, 1, 360)
    narrow, wide = (1000 * np.exp(-((t / w) ** 2)) for w in (0.03, 0.3))
    windows = np.rint(np.array([wide, narrow] * 40)).astype(np.int64)
    rr_before = np.array([-50, 40] * 40)
    values = shapes(windows, rr_before)[-2:, 1]
    assert values[0] > 60
    assert values[1] < LIKE_BELOW
    unknown = shapes(windows, np.zeros(80, int))[-2:, 1]
    assert unknown[1] > values[1]


@pytest.mark.parametrize("move", [-2, -1, 0, 1, 2])
def test_a_beat_that_is_moved_by_one_bin_is_the_same_beat(move):
    rng = np.random.default_rng(3)
    base = np.zeros(60, dtype=np.int64)
    base[26:34] = rng.integers(-127, 128, 8)
    shape = settled(base, 1000)
    qrs = shape.values(np.roll(base, move), 1000)[1]
    assert (qrs == 0) == (abs(move) <= 1)


def test_the_template_takes_a_moved_beat_in_where_it_is():
    base = np.zeros(60, dtype=np.int64)
    base[30] = 127
    shape, moved = settled(base, 1000), np.roll(base, 1)
    found = after(shape, moved)
    assert (found[30], found[31]) == (64 * 127 - 8 * 127, 8 * 127)


def test_what_leaves_the_region_of_a_moved_beat_comes_from_its_neighbours():
    """Bins 21 and 38 count for a moved beat, 20 and 39 never do."""
    base = np.zeros(60, dtype=np.int64)
    base[22:38] = 100
    shape = settled(base, 1000)
    for place, expected in ((21, True), (38, True), (20, False), (39, False)):
        beat = np.roll(base, -1 if place < 30 else 1)
        before = shape.values(beat, 1000)[1]
        beat[place] = 0
        assert (shape.values(beat, 1000)[1] != before) == expected, place


def test_a_beat_like_the_template_moves_it_by_an_eighth_and_another_by_a_64th():
    base, same, other = (np.zeros(60, dtype=np.int64) for _ in range(3))
    base[30], same[30], other[20:40] = 127, 100, -127
    shape = settled(base, 1000)
    assert shape.values(same, 1000)[1] < LIKE_BELOW <= shape.values(other, 1000)[1]
    assert after(shape, same)[30] == 64 * 127 + (64 * (100 - 127)) // 8
    assert after(shape, other)[30] == 64 * 127 - 2 * 127
    for beat in (same, other):
        assert shape.after(beat, 2600, premature=False).area == 16 * 1000 + 1600


def test_the_border_of_likeness_is_29_to_30():
    base = np.zeros(60, dtype=np.int64)
    shape = settled(base, 1)
    for total, value in ((235, 29), (236, 30)):  # 235 / 8 = 29.375, 236 / 8 = 29.5 rounds up
        beat = base.copy()
        beat[24], beat[25] = 127, total - 127
        assert shape.values(beat, 1)[1] == value
        share = 8 if value < LIKE_BELOW else 64
        assert after(shape, beat)[24] == 64 * 127 // share


IN_EVERY_MOVE = range(QRS[1], QRS[-1])
"""Elsewhere in the complex, a single bin is moved out of it."""


@pytest.mark.parametrize("region", [P, IN_EVERY_MOVE, T])
def test_every_region_is_read_with_its_own_gain(region):
    base = np.zeros(60, dtype=np.int64)
    shape = Shape().after(base, 1, premature=False)
    for place in (region[0] - 1, region[0], region[-1], region[-1] + 1):
        beat = base.copy()
        beat[place] = -20
        expected = [
            value if place in bins_of_it else 0
            for bins_of_it, value in ((P, 10), (IN_EVERY_MOVE, 3), (T, 5))
        ]  # 20 / 8 * 4, 20 / 16 * 2, 20 / 16 * 4
        assert list(shape.values(beat, 1)[:3]) == expected


def test_the_template_has_no_say_in_the_p_value():
    beat, template = np.random.default_rng(5).integers(-127, 128, (2, 60))
    shape = Shape().after(template, 1, premature=False)
    assert shape.values(beat, 1)[0] == Shape().values(beat, 1)[0]


def test_a_window_that_leaves_the_record_is_zero_and_not_taken_in():
    windows = hostile_windows(360, 6, 1)
    known = np.array([True, True, False, True, False, True])
    rr_before = np.array(some_rr_before(6, 1))
    found = shapes(windows, rr_before, known)
    assert not found[~known].any()
    assert np.array_equal(found[known], shapes(windows[known], rr_before[known]))


def test_a_lasting_change_is_learned():
    t = np.linspace(-1, 1, 360)
    narrow, wide = (1000 * np.exp(-((t / w) ** 2)) for w in (0.03, 0.3))
    windows = np.rint(np.array([narrow] * 5 + [wide] * 200)).astype(np.int64)
    values = shapes(windows, np.zeros(205, int))[:, 1]
    assert values[4] == 0
    assert values[5] > 60
    assert values[-1] < 10


def test_scale_and_offset_of_the_counts_leave_the_distances():
    rng = np.random.default_rng(2)
    windows = rng.integers(-1000, 1000, (10, 360))
    rr_before = np.array(some_rr_before(10, 2))
    found, other = shapes(windows, rr_before), shapes(8 * windows + 4321, rr_before)
    assert np.abs(found[:, :3].astype(int) - other[:, :3]).max() <= 1
    assert found[1:, :3].any()


def test_an_area_of_zero_has_no_deviation():
    windows = np.zeros((3, 125), dtype=np.int16)
    windows[1, 62] = 5000
    assert shapes(windows, np.zeros(3, int))[:, 3].tolist() == [0, 0, -127]


def test_short_windows_have_no_shape():
    assert not shapes(np.random.default_rng(0).integers(-99, 99, (5, 59)), np.zeros(5, int)).any()
    assert shapes(np.zeros((0, 360), dtype=np.int16), np.zeros(0, int)).shape == (0, 4)
