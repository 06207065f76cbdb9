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

from firmware_sim.shape import LIKE_BELOW, Shape, area_bits, bins, shapes

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
        tell = self.tell
        difference = [
            tell("difference", 64 * s - t) for s, t in zip(scaled, self.template, strict=True)
        ]
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
            self.size_of("qrs", [difference[i] for i in QRS], 2, 64),
            self.size_of("t", [difference[i] for i in T], 4, 64),
            min(max(change, -127), 127),
        ]

    def take_in(self, scaled: Sequence[int], area: int) -> None:
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
        moved = []
        for t, new in zip(self.template, target, strict=True):
            tell("change", new - t + part // 2)
            moved.append(tell("template", t + rounded(new - t, part)))
        tell("area.change", size - self.area + 8)
        self.template = moved
        self.area = tell("area.mean", self.area + rounded(size - self.area, 16))


def plain_shapes(
    windows: Sequence[Sequence[int]],
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
            shape.take_in(scaled, area)
    return result


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
    expected = plain_shapes(windows.tolist(), known.tolist())
    assert shapes(windows, known).tolist() == expected


@given(arrays(np.int16, (8, 125)))
@settings(max_examples=30, deadline=None)
def test_any_counts_are_the_definition(windows):
    assert shapes(windows).tolist() == plain_shapes(windows.tolist())


@given(st.integers(60, 600), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_value_on_the_way_leaves_32_bits_or_what_the_docstrings_say(window, seed):
    largest: dict[str, int] = {}

    def seen(name: str, value: int) -> None:
        largest[name] = max(largest.get(name, 0), abs(value))

    plain_shapes(hostile_windows(window, 12, seed).tolist(), seen=seen)
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
    after = first.after(scaled[0], int(area[0]))
    assert after.template.tolist() == (64 * scaled[0]).tolist()
    assert after.area == 16 * area[0]
    assert after.values(scaled[0], int(area[0])) == (p, 0, 0, 0)


def settled(beat: np.ndarray, area: int) -> Shape:
    """What is remembered after sixteen times the same beat."""
    shape = Shape()
    for _ in range(16):
        shape = shape.after(beat, area)
    return shape


def test_a_stream_may_begin_with_a_premature_beat():
    premature, normal = (np.zeros(60, dtype=np.int64) for _ in range(2))
    premature[20:40], normal[30] = -127, 127
    shape = Shape().after(premature, 3000)
    for _ in range(15):
        assert shape.taken < 16
        shape = shape.after(normal, 1000)
    assert shape.taken == 16
    assert shape.values(normal, 1000)[1] < LIKE_BELOW < shape.values(premature, 3000)[1]
    assert settled(premature, 3000).values(normal, 1000)[1] >= LIKE_BELOW


def test_a_quarter_is_taken_of_each_of_the_first_sixteen_beats():
    base, other = np.zeros(60, dtype=np.int64), np.full(60, 100)
    shape = Shape().after(base, 1)
    assert shape.after(other, 1).template.tolist() == [64 * 25] * 60
    assert shape.after(base, 1).template.tolist() == [0] * 60


def test_a_beat_like_the_template_moves_it_by_an_eighth_and_another_by_a_64th():
    base, same, other = (np.zeros(60, dtype=np.int64) for _ in range(3))
    base[30], same[30], other[20:40] = 127, 100, -127
    shape = settled(base, 1000)
    assert shape.values(same, 1000)[1] < LIKE_BELOW <= shape.values(other, 1000)[1]
    assert shape.after(same, 1000).template[30] == 64 * 127 + (64 * (100 - 127)) // 8
    assert shape.after(other, 1000).template[30] == 64 * 127 - 2 * 127
    for beat in (same, other):
        assert shape.after(beat, 2600).area == 16 * 1000 + 1600


def test_the_border_of_likeness_is_29_to_30():
    base = np.zeros(60, dtype=np.int64)
    shape = settled(base, 1)
    for total, value in ((235, 29), (236, 30)):  # 235 / 8 = 29.375, 236 / 8 = 29.5 rounds up
        beat = base.copy()
        beat[24], beat[25] = 127, total - 127
        assert shape.values(beat, 1)[1] == value
        share = 8 if value < LIKE_BELOW else 64
        assert shape.after(beat, 1).template[24] == 64 * 127 // share


@pytest.mark.parametrize("region", [P, QRS, T])
def test_every_region_is_read_with_its_own_gain(region):
    base = np.zeros(60, dtype=np.int64)
    shape = Shape().after(base, 1)
    for place in (region[0] - 1, region[0], region[-1], region[-1] + 1):
        beat = base.copy()
        beat[place] = -20
        expected = [
            value if place in bins_of_it else 0
            for bins_of_it, value in ((P, 10), (QRS, 3), (T, 5))  # 20 / 8 * 4, 20 / 16 * 2, * 4
        ]
        assert list(shape.values(beat, 1)[:3]) == expected


def test_the_template_has_no_say_in_the_p_value():
    beat, template = np.random.default_rng(5).integers(-127, 128, (2, 60))
    assert Shape().after(template, 1).values(beat, 1)[0] == Shape().values(beat, 1)[0]


def test_a_window_that_leaves_the_record_is_zero_and_not_taken_in():
    windows = hostile_windows(360, 6, 1)
    known = np.array([True, True, False, True, False, True])
    found = shapes(windows, known)
    assert not found[~known].any()
    assert np.array_equal(found[known], shapes(windows[known]))


def test_a_lasting_change_is_learned():
    t = np.linspace(-1, 1, 360)
    narrow, wide = (1000 * np.exp(-((t / w) ** 2)) for w in (0.03, 0.3))
    windows = np.rint(np.array([narrow] * 5 + [wide] * 200)).astype(np.int64)
    values = shapes(windows)[:, 1]
    assert values[4] == 0
    assert values[5] > 60
    assert values[-1] < 10


def test_scale_and_offset_of_the_counts_leave_the_distances():
    rng = np.random.default_rng(2)
    windows = rng.integers(-1000, 1000, (10, 360))
    found, other = shapes(windows), shapes(8 * windows + 4321)
    assert np.abs(found[:, :3].astype(int) - other[:, :3]).max() <= 1
    assert found[1:, :3].any()


def test_an_area_of_zero_has_no_deviation():
    windows = np.zeros((3, 125), dtype=np.int16)
    windows[1, 62] = 5000
    assert shapes(windows)[:, 3].tolist() == [0, 0, -127]


def test_short_windows_have_no_shape():
    assert not shapes(np.random.default_rng(0).integers(-99, 99, (5, 59))).any()
    assert shapes(np.zeros((0, 360), dtype=np.int16)).shape == (0, 4)
