"""Every rule of the comparison, in a few beats. The rate is 100 Hz: the window is 15 samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.ec57.annotations import Annotations, at_rate
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.matrix import count
from ecgedge.ec57.pairing import TO_END_OF_REFERENCE, Pairing, pair_beats, span_of
from firmware_sim.errors import EcgedgeError
from tests.annotation_files import beats, notes

FS = 100
UNREADABLE, NOISY, CLEAN = 48, 16, 0


def pair(
    reference: Annotations,
    test: Annotations,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    length: int | None = 100_000,
    aami_map: str = "bxb",
) -> Pairing:
    span = span_of(FS, length, start_s=start_s, end_s=end_s)
    return pair_beats(reference, test, span, class_map(aami_map))


def cells(reference: Annotations, test: Annotations, **options: object) -> list[str]:
    return [p.cell for p in pair(reference, test, **options).pairs]  # type: ignore[arg-type]


class TestWindow:
    def test_beats_within_150_ms_are_one(self) -> None:
        assert cells(beats(100, 200, 300), beats(115, 185, 316)) == ["Nn", "Nn", "No", "On"]

    def test_150_ms_are_rounded_to_the_nearest_sample(self) -> None:
        assert span_of(250).window == 38
        assert span_of(360).window == 54

    def test_the_window_can_be_chosen(self) -> None:
        assert span_of(FS, window_s=0.05).window == 5


class TestClosestPair:
    def test_the_nearer_of_two_test_beats_is_the_partner(self) -> None:
        assert cells(notes((100, "N")), notes((90, "V"), (102, "N"))) == ["Ov", "Nn"]

    def test_the_nearer_of_two_reference_beats_is_the_partner(self) -> None:
        assert cells(notes((90, "V"), (102, "N")), notes((100, "N"))) == ["Vo", "Nn"]

    def test_of_two_as_near_the_second_is_the_partner(self) -> None:
        assert cells(notes((100, "N"), (120, "V")), beats(110)) == ["No", "Vn"]

    def test_a_neighbour_with_a_nearer_partner_of_its_own_is_no_rival(self) -> None:
        """Case of James Pardey, in the comments of bxb since 2002, at 250 Hz."""
        found = pair_beats(
            beats(96, 160), beats(128, 185), span_of(250, 1000, start_s=0), class_map()
        )
        assert [p.cell for p in found.pairs] == ["Nn", "Nn"]

    def test_the_same_holds_with_the_roles_exchanged(self) -> None:
        found = pair_beats(
            beats(128, 185), beats(96, 160), span_of(250, 1000, start_s=0), class_map()
        )
        assert [p.cell for p in found.pairs] == ["Nn", "Nn"]

    def test_several_beats_at_one_sample_are_counted_one_by_one(self) -> None:
        assert sorted(cells(notes((100, "N"), (100, "V")), beats(100))) == ["No", "Vn"]
        assert sorted(cells(beats(100), notes((100, "N"), (100, "V")))) == ["Nn", "Ov"]


class TestClasses:
    def test_symbols_fall_into_the_classes_of_bxb(self) -> None:
        symbols = "NLRBaAJSejnVErFQ/f?"
        reference = notes(*((100 * (i + 1), s) for i, s in enumerate(symbols)))
        expected = ["Nn"] * 4 + ["Sn"] * 7 + ["Vn"] * 3 + ["Fn"] + ["Qn"] * 4
        assert cells(reference, beats(*reference.samples)) == expected

    def test_escape_beats_can_be_n(self) -> None:
        reference = notes((100, "e"), (200, "j"), (300, "n"), (400, "A"))
        found = cells(reference, beats(*reference.samples), aami_map="aami")
        assert found == ["Nn", "Nn", "Nn", "Sn"]

    def test_what_is_no_beat_takes_no_part(self) -> None:
        others = notes(*((100, s) for s in '+|"xsT*D=p^tu@()'), (101, ""), (102, "~", NOISY))
        assert cells(others, beats(300)) == ["On"]
        assert cells(beats(300), others) == ["No"]

    def test_a_flutter_wave_outside_flutter_is_a_place_without_a_beat(self) -> None:
        assert cells(notes((100, "!")), beats(100)) == ["On"]
        assert cells(beats(100), notes((100, "!"))) == ["No"]
        assert cells(notes((100, "!")), beats(500)) == ["On"]

    def test_an_unknown_map_is_refused(self) -> None:
        with pytest.raises(EcgedgeError, match="choose one of aami, bxb"):
            class_map("other")


class TestFlutter:
    def test_extra_beats_during_flutter_of_the_reference_do_not_count(self) -> None:
        reference = notes((100, "N"), (200, "["), (250, "!"), (300, "]"), (500, "N"))
        assert cells(reference, beats(100, 199, 200, 300, 301, 500)) == ["Nn", "On", "On", "Nn"]

    def test_what_lies_between_its_marks_is_passed_over(self) -> None:
        reference = notes(
            (100, "N"), (200, "["), (220, "V"), (240, "~", 48), (300, "]"), (500, "N")
        )
        assert cells(reference, beats(100, 220, 500)) == ["Nn", "Nn"]

    def test_flutter_of_the_test_hides_its_beats_and_excuses_none(self) -> None:
        test = notes((100, "N"), (150, "["), (200, "N"), (250, "]"), (300, "N"))
        assert cells(beats(100, 200, 300), test) == ["Nn", "No", "Nn"]

    def test_flutter_without_an_end_lasts(self) -> None:
        assert cells(notes((100, "N"), (200, "["), (300, "N")), beats(100, 250, 300, 900)) == ["Nn"]

    def test_flutter_without_an_end_after_an_earlier_one_excuses_none(self) -> None:
        reference = notes((100, "N"), (110, "["), (120, "]"), (200, "N"), (300, "["))
        assert cells(reference, beats(100, 200, 400)) == ["Nn", "Nn", "On"]


class TestShutdown:
    def test_a_beat_missed_in_a_shutdown_is_counted_apart(self) -> None:
        test = notes((100, "N"), (150, "~", UNREADABLE), (250, "~", CLEAN), (400, "N"))
        assert cells(beats(100, 150, 250, 300, 400), test) == ["Nn", "Nx", "Nx", "No", "Nn"]

    def test_an_extra_beat_in_a_shutdown_of_the_reference_is_counted_apart(self) -> None:
        reference = notes((100, "N"), (150, "~", UNREADABLE), (250, "~", CLEAN), (400, "N"))
        assert cells(reference, beats(100, 200, 300, 400)) == ["Nn", "Xn", "On", "Nn"]

    def test_the_database_marks_it_with_all_bits(self) -> None:
        test = notes((100, "N"), (150, "~", -1), (250, "~", CLEAN), (400, "N"))
        assert cells(beats(100, 200, 400), test) == ["Nn", "Nx", "Nn"]

    def test_one_noisy_signal_is_no_shutdown(self) -> None:
        test = notes((100, "N"), (150, "~", NOISY), (250, "~", CLEAN), (400, "N"))
        assert cells(beats(100, 200, 400), test) == ["Nn", "No", "Nn"]

    def test_one_readable_signal_ends_it(self) -> None:
        test = notes((100, "N"), (150, "~", 51), (180, "~", 32), (250, "~", 0), (400, "N"))
        assert cells(beats(100, 170, 220, 400), test) == ["Nn", "Nx", "No", "Nn"]

    def test_a_single_mark_reaches_from_the_beat_before_to_the_annotation_after(self) -> None:
        test = notes((100, "N"), (250, "~", UNREADABLE), (400, "N"))
        found = pair(beats(100, 116, 384, 386, 400), test)
        assert [p.cell for p in found.pairs] == ["Nn", "Nx", "Nx", "No", "Nn"]
        assert found.shutdown_s == round((385 - 115) / 100)

    def test_a_single_mark_after_flutter_reaches_from_its_end(self) -> None:
        test = notes((100, "N"), (150, "["), (200, "]"), (250, "~", UNREADABLE), (400, "N"))
        assert cells(beats(100, 180, 300, 400), test) == ["Nn", "No", "Nx", "Nn"]

    def test_a_single_mark_between_beats_close_together_is_no_time(self) -> None:
        test = notes((100, "N"), (110, "~", UNREADABLE), (120, "N"))
        assert pair(beats(100, 120), test).shutdown_s == 0

    def test_without_an_end_it_lasts_to_the_end(self) -> None:
        test = notes((100, "N"), (200, "~", UNREADABLE))
        found = pair(beats(100, 300, 500), test, length=1200)
        assert [p.cell for p in found.pairs] == ["Nn", "Nx", "Nx"]
        assert found.shutdown_s == 10

    def test_without_an_end_after_an_earlier_one_it_excuses_none(self) -> None:
        test = notes((100, "N"), (110, "~", 48), (120, "~", 0), (200, "N"), (300, "~", 48))
        assert cells(beats(100, 200, 400), test) == ["Nn", "Nn", "No"]

    def test_in_the_reference_it_lasts_even_then(self) -> None:
        reference = notes((100, "N"), (110, "~", 48), (120, "~", 0), (200, "N"), (300, "~", 48))
        assert cells(reference, beats(100, 200, 400)) == ["Nn", "Nn", "Xn"]

    def test_seconds_of_shutdown_are_rounded(self) -> None:
        for last, seconds in ((249, 1), (250, 2)):
            test = notes((100, "~", UNREADABLE), (last, "~", CLEAN))
            assert pair(beats(500), test).shutdown_s == seconds


class TestBeginning:
    def test_the_first_five_minutes_are_for_learning(self) -> None:
        early = [29_000, 29_900]
        span = span_of(FS, 100_000)
        found = pair_beats(beats(*early, 30_000), beats(*early, 29_950, 30_000), span, class_map())
        assert [p.cell for p in found.pairs] == ["Nn"]

    def test_a_test_beat_just_before_may_be_the_partner(self) -> None:
        assert cells(beats(1005, 1100), beats(995, 1100), start_s=10) == ["Nn", "Nn"]

    def test_a_test_beat_just_after_may_belong_to_a_beat_before(self) -> None:
        assert cells(beats(995, 1100), beats(1003, 1100), start_s=10) == ["Nn"]

    def test_later_it_may_not(self) -> None:
        assert cells(beats(995, 1100), beats(1016, 1100), start_s=10) == ["On", "Nn"]

    def test_episodes_before_it_are_known(self) -> None:
        test = notes((500, "~", UNREADABLE), (1500, "~", CLEAN))
        assert cells(beats(1200), test, start_s=10) == ["Nx"]


class TestEnd:
    def test_beats_after_the_end_are_not_compared(self) -> None:
        assert cells(beats(100, 300), beats(100, 300, 350), end_s=2) == ["Nn"]

    def test_a_beat_beyond_the_end_of_the_record_may_be_a_partner(self) -> None:
        assert cells(beats(195), beats(205), length=200) == ["Nn"]
        assert cells(beats(205), beats(195), length=200) == ["Nn"]
        assert cells(beats(205), beats(205), length=200) == []

    def test_a_test_that_ends_early_misses_the_rest(self) -> None:
        assert cells(beats(100, 200, 300), beats(100)) == ["Nn", "No", "No"]

    def test_without_a_length_the_comparison_lasts_as_long_as_the_reference(self) -> None:
        assert cells(beats(100, 200), beats(100, 150, 200, 300), length=None) == ["Nn", "On", "Nn"]

    def test_it_can_last_as_long_as_the_shorter_file(self) -> None:
        assert cells(beats(100, 200, 300), beats(100, 150, 160), end_s=0) == ["Nn", "On", "On"]

    def test_an_end_before_the_start_is_refused(self) -> None:
        with pytest.raises(EcgedgeError, match="begin at 300 s and end at 10 s"):
            span_of(FS, 1000)

    @pytest.mark.parametrize("fs", [0.5, 0, -1, float("nan")])
    def test_a_rate_below_one_is_refused(self, fs: float) -> None:
        with pytest.raises(EcgedgeError, match="below 1 Hz"):
            span_of(fs)


class TestEmpty:
    def test_an_empty_test_misses_everything(self) -> None:
        assert cells(beats(100, 200), beats()) == ["No", "No"]

    def test_an_empty_reference_makes_everything_extra(self) -> None:
        assert cells(beats(), beats(100, 200)) == ["On", "On"]

    def test_nothing_against_nothing_is_nothing(self) -> None:
        found = pair(beats(), beats())
        assert (found.pairs, found.rr_error_ms, found.shutdown_s) == ((), None, 0)


class TestRRError:
    def test_the_same_beats_have_none(self) -> None:
        assert pair(beats(100, 200, 300), beats(100, 200, 300)).rr_error_ms == 0

    def test_it_is_the_root_of_the_mean_square(self) -> None:
        """Intervals 100 and 100 against 103 and 96: 3 and 4 samples of 10 ms."""
        found = pair(beats(100, 200, 300), beats(100, 203, 299))
        assert found.rr_error_ms == pytest.approx(10 * ((9 + 16) / 2) ** 0.5)

    def test_the_interval_across_a_shutdown_is_left_out(self) -> None:
        test = notes((100, "N"), (203, "N"), (210, "~", 48), (250, "~", 0), (320, "N"))
        assert pair(beats(100, 200, 300), test).rr_error_ms == pytest.approx(30)


samples = st.lists(st.integers(1, 4000), unique=True, max_size=60).map(sorted)
classes = st.sampled_from("NAVFQ")


@st.composite
def sides(draw: st.DrawFn) -> Annotations:
    return notes(*((sample, draw(classes)) for sample in draw(samples)))


@st.composite
def crowded_sides(draw: st.DrawFn) -> Annotations:
    """Beats that may share a sample."""
    places = sorted(draw(st.lists(st.integers(1, 600), max_size=60)))
    return notes(*((sample, draw(classes)) for sample in places))


@given(crowded_sides(), crowded_sides())
def test_every_beat_is_counted_exactly_once(reference: Annotations, test: Annotations) -> None:
    found = pair(reference, test)
    in_reference = [p.reference for p in found.pairs if p.reference is not None]
    in_test = [p.test for p in found.pairs if p.test is not None]
    assert in_reference == list(range(len(reference)))
    assert in_test == list(range(len(test)))
    assert len(found.matched()) + len(found.missed()) == len(reference)
    assert len(found.matched()) + len(found.extra()) == len(test)


@given(sides(), sides(), st.integers(100, 4000))
def test_after_a_start_every_reference_beat_is_counted_and_one_test_beat_may_be_passed_over(
    reference: Annotations, test: Annotations, start: int
) -> None:
    found = pair(reference, test, start_s=start / FS)
    scored = [i for i, sample in enumerate(reference.samples) if sample >= start]
    assert [p.reference for p in found.pairs if p.reference is not None] == scored
    used = {p.test for p in found.pairs if p.test is not None}
    after = {i for i, sample in enumerate(test.samples) if sample >= start}
    assert len(after - used) <= 1
    assert len(used - after) <= 1


@given(sides(), sides())
def test_partners_are_never_farther_apart_than_the_window(
    reference: Annotations, test: Annotations
) -> None:
    for i, j in pair(reference, test).matched():
        assert abs(reference.samples[i] - test.samples[j]) <= 15


@given(sides(), sides())
def test_exchanging_the_roles_exchanges_missed_and_extra(
    reference: Annotations, test: Annotations
) -> None:
    there = count(pair(reference, test).pairs)
    back = count(pair(test, reference).pairs)
    assert all(back[cell[1].upper() + cell[0].lower()] == n for cell, n in there.items())


@given(sides())
def test_a_file_agrees_with_itself(reference: Annotations) -> None:
    matrix = count(pair(reference, reference).pairs)
    assert sum(matrix[name + name.lower()] for name in "NSVFQ") == len(reference)
    assert sum(matrix.values()) == len(reference)


@given(sides(), sides(), st.integers(100, 2000), st.integers(1, 10_000))
def test_only_differences_of_time_matter(
    reference: Annotations, test: Annotations, start: int, shift: int
) -> None:
    def moved(notes_: Annotations) -> Annotations:
        return Annotations(
            tuple(sample + shift for sample in notes_.samples), notes_.symbols, notes_.subtypes
        )

    before = pair(reference, test, start_s=start / FS)
    after = pair(moved(reference), moved(test), start_s=(start + shift) / FS)
    assert before == after


@given(sides(), sides())
def test_twice_the_rate_gives_the_same_pairs(reference: Annotations, test: Annotations) -> None:
    twice = span_of(2 * FS, start_s=0)
    found = pair_beats(
        at_rate(reference, FS, 2 * FS), at_rate(test, FS, 2 * FS), twice, class_map()
    )
    assert found.pairs == pair(reference, test, length=None).pairs


def test_without_a_length_the_end_is_that_of_the_reference() -> None:
    assert span_of(FS).end == TO_END_OF_REFERENCE


def test_halves_are_rounded_up_when_the_rate_changes() -> None:
    assert at_rate(beats(1, 2, 3, 5), 250, 125).samples == (1, 1, 2, 3)
