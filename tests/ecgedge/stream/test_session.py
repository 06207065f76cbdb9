"""One stream from bytes to beats: the same labels as the simulator, and nothing across a gap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecgedge.stream.events import (
    BeatEvent,
    BoardBeatEvent,
    BoardEvent,
    ClippedEvent,
    Event,
    FormatEvent,
    GapEvent,
    LeadOffEvent,
    RateEvent,
    ReconnectEvent,
    SamplesEvent,
    ScaleEvent,
    SignalEvent,
    SilenceEvent,
    UnpluggedEvent,
    as_json,
)
from ecgedge.stream.formats import FORMATS, wire_format
from ecgedge.stream.frame import beat_frame, info_frame, samples_frame
from ecgedge.stream.options import Options
from ecgedge.stream.session import Session
from ecgedge.stream.wire import BoardBeat
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import Beat, Pipeline, run
from firmware_sim.program import Program

FS = 360


@dataclass
class Listener:
    """A pipeline that finds no beats and remembers what it was given, a list for each stretch."""

    program: Program
    stretches: list[list[int]] = field(default_factory=lambda: [[]])

    def push(self, samples: NDArray[np.int32]) -> Sequence[Beat]:
        """Remember."""
        self.stretches[-1].extend(samples.tolist())
        return []

    def flush(self) -> Sequence[Beat]:
        """Begin a new stretch when there was something in the last one."""
        if self.stretches[-1]:
            self.stretches.append([])
        return []


class Stream:
    """A session with everything that it told, fed at a pace of its own clock."""

    def __init__(self, program: Program, **options: object) -> None:
        self.listener = Listener(program)
        make: Callable[[Program], Listener] = lambda _: self.listener  # noqa: E731
        self.session = Session(program, make, Options("port", **options))  # type: ignore[arg-type]
        self.told: list[Event] = []
        self.now_s = 0.0

    def feed(self, data: bytes, *, lines_per_s: float | None = None) -> "Stream":
        """Feed bytes at once, or line by line at a pace."""
        pieces = [data] if lines_per_s is None else data.splitlines(keepends=True)
        for piece in pieces:
            self.told += self.session.feed(piece, self.now_s)
            self.now_s += 1 / lines_per_s if lines_per_s else 0.0
        return self

    def quiet(self, seconds: float) -> "Stream":
        """Let time pass without a byte."""
        for _ in range(int(seconds * 10)):
            self.now_s += 0.1
            self.told += self.session.tick(self.now_s)
        return self

    def finish(self) -> "Stream":
        """End the stream."""
        self.told += self.session.finish(self.now_s)
        return self

    def of(self, kind: type[Event]) -> list[Event]:
        """Everything told of one kind."""
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def stretches(self) -> list[list[int]]:
        """What the pipeline got, a list for each stretch."""
        return [stretch for stretch in self.listener.stretches if stretch]


def encoded(name: str, counts: Sequence[float], rate_hz: float = FS, first: int = 0) -> bytes:
    encoder = wire_format(name).encoder(rate_hz)
    data = encoder.start()
    data += b"".join(encoder.sample(value, first + i) for i, value in enumerate(counts))
    return data + encoder.finish()


def streamed(program: Program, pieces: Sequence[bytes], **options: object) -> list[Event]:
    session = Session(program, Pipeline, Options("port", **options))  # type: ignore[arg-type]
    told = session.start()
    for piece in pieces:
        told += session.feed(piece, 0.0)
    return told + session.finish()


def beats_of(events: Sequence[Event]) -> list[tuple[object, ...]]:
    return [
        (e.sample, e.label, e.scores, e.rr_s, e.quality) for e in events if isinstance(e, BeatEvent)
    ]


def expected_beats(program: Program, counts: Sequence[int]) -> list[tuple[object, ...]]:
    return [(b.sample, b.label, b.scores, b.rr_s, b.quality) for b in run(program, counts)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_simulators_beats(
    name: str, program: Program, counts: list[int]
) -> None:
    data = encoded(name, counts)
    given_hz = None if name in ("csv", "ecgedge") else FS
    told = streamed(program, [data], live=False, rate_hz=given_hz)
    assert beats_of(told) == expected_beats(program, counts)
    assert len(beats_of(told)) > 50
    assert not any(isinstance(event, GapEvent) for event in told)


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 20_000), max_size=15))
def test_beats_do_not_depend_on_how_the_bytes_are_cut(
    program: Program, counts: list[int], sizes: list[int]
) -> None:
    counts = counts[: 20 * FS]
    data, pieces, start = encoded("csv", counts), [], 0
    for size in [*sizes, len(data)]:
        pieces.append(data[start : start + size])
        start += size
    told = streamed(program, pieces, live=False)
    assert beats_of(told) == expected_beats(program, counts)


def test_times_are_those_of_the_samples(program: Program, counts: list[int]) -> None:
    told = streamed(program, [encoded("csv", counts)], live=False)
    for beat in (event for event in told if isinstance(event, BeatEvent)):
        assert beat.time_s == pytest.approx(beat.sample / FS, abs=1e-6)


def test_a_rate_within_two_percent_is_not_resampled(program: Program, counts: list[int]) -> None:
    told = streamed(program, [encoded("csv", counts, 354)], live=False)
    assert beats_of(told) == expected_beats(program, counts)
    (rate,) = (event for event in told if isinstance(event, RateEvent))
    assert rate.measured_hz == pytest.approx(354, rel=1e-4)
    assert (rate.used_hz, rate.resampled, rate.source) == (FS, False, "clock")


def test_another_rate_is_resampled_as_scipy_does(program: Program, counts: list[int]) -> None:
    told = streamed(program, [encoded("csv", counts, 250)], live=False)
    signal = np.concatenate([e.counts for e in told if isinstance(e, SignalEvent)])
    expected = np.rint(resample_poly(np.array(counts, float), 36, 25, padtype="edge"))
    np.testing.assert_array_equal(signal, expected)
    assert beats_of(told) == expected_beats(program, expected.astype(int).tolist())
    for beat in (event for event in told if isinstance(event, BeatEvent)):
        assert beat.time_s == pytest.approx(beat.sample / FS, abs=1e-5)


def test_no_sample_is_lost_while_the_rate_is_measured(program: Program) -> None:
    values = [500 + i % 300 for i in range(3000)]
    stream = Stream(program).feed(encoded("sparkfun", values), lines_per_s=FS).finish()
    assert stream.stretches == [values]
    (rate,) = stream.of(RateEvent)
    assert isinstance(rate, RateEvent)
    assert rate.source == "arrival"
    assert rate.measured_hz == pytest.approx(FS, rel=0.01)


def test_a_given_rate_goes_before_what_is_measured(program: Program) -> None:
    values = [500 + i % 300 for i in range(1000)]
    stream = Stream(program, rate_hz=FS).feed(encoded("csv", values, 300)).finish()
    (rate,) = stream.of(RateEvent)
    assert isinstance(rate, RateEvent)
    assert (rate.measured_hz, rate.source) == (FS, "given")
    assert stream.stretches == [values]


def test_a_stream_at_an_impossible_rate_is_refused(program: Program) -> None:
    stream = Stream(program)
    with pytest.raises(EcgedgeError, match="--rate HZ"):
        stream.feed(encoded("sparkfun", range(500, 900)) * 400, lines_per_s=25_000)


def test_a_file_without_a_clock_needs_a_rate(program: Program) -> None:
    stream = Stream(program, live=False).feed(encoded("sparkfun", range(400)))
    with pytest.raises(EcgedgeError, match=r"does not say its sampling rate.*--rate HZ"):
        stream.finish()


def test_an_empty_file_and_a_file_of_garbage_are_refused(program: Program) -> None:
    with pytest.raises(EcgedgeError, match="is empty"):
        Stream(program, live=False).finish()
    with pytest.raises(EcgedgeError, match="make no sense"):
        Stream(program, live=False).feed(b"some prose\n" * 20).finish()


def test_nan_in_a_file_names_the_line(program: Program) -> None:
    data = b"time_us,ecg\n" + encoded("csv", range(200)) + b"555556,nan\n"
    stream = Stream(program, live=False, strict=True)
    with pytest.raises(EcgedgeError, match="port, line 202: there is no number"):
        stream.feed(data).finish()


def test_nan_on_a_live_line_is_garbage(program: Program) -> None:
    data = encoded("sparkfun", range(500, 700)) + b"nan\r\n" + encoded("sparkfun", range(700, 800))
    stream = Stream(program, rate_hz=FS).feed(data).finish()
    assert stream.stretches == [list(range(500, 800))]
    assert stream.session.summary().garbage_bytes == 5


def test_lead_off_begins_a_new_stretch_and_tells_how_long_it_was(program: Program) -> None:
    data = encoded("sparkfun", range(720)) + b"!\r\n" * 180 + encoded("sparkfun", range(360))
    stream = Stream(program, rate_hz=FS).feed(data).finish()
    assert stream.stretches == [list(range(720)), list(range(360))]
    off, on = stream.of(LeadOffEvent)
    assert isinstance(off, LeadOffEvent)
    assert isinstance(on, LeadOffEvent)
    assert (off.off, on.off) == (True, False)
    assert on.seconds == pytest.approx(0.5)
    assert on.time_s == pytest.approx(900 / FS)
    assert not stream.of(GapEvent)


def test_a_single_lead_off_line_resets_too(program: Program) -> None:
    data = encoded("csv", range(720)) + b"2000000,!\n" + encoded("csv", range(360), first=721)
    stream = Stream(program).feed(data).finish()
    assert stream.stretches == [list(range(720)), list(range(360))]


def test_leads_that_are_off_from_the_start_are_told_at_once(program: Program) -> None:
    stream = Stream(program).feed(b"!\r\n" * 400, lines_per_s=FS)
    assert stream.session.lead_is_off
    assert len(stream.of(LeadOffEvent)) == 1
    stream.feed(encoded("sparkfun", range(2000)), lines_per_s=FS).finish()
    assert not stream.session.lead_is_off
    assert stream.stretches == [list(range(2000))]
    assert [e.off for e in stream.of(LeadOffEvent) if isinstance(e, LeadOffEvent)] == [True, False]


def test_beats_after_a_gap_are_those_of_a_fresh_start(program: Program, counts: list[int]) -> None:
    half = len(counts) // 2
    first, second = counts[:half], counts[half:]
    data = encoded("csv", first) + encoded("csv", second, first=half + 10 * FS)
    told = streamed(program, [data], live=False)
    (gap,) = (event for event in told if isinstance(event, GapEvent))
    assert gap.seconds == pytest.approx(10, abs=0.01)
    assert gap.reason == "clock"
    moved = [(s + half, *rest) for s, *rest in expected_beats(program, second)]
    assert beats_of(told) == expected_beats(program, first) + moved
    last = [event for event in told if isinstance(event, BeatEvent)][-1]
    assert last.time_s == pytest.approx(last.sample / FS + 10, abs=1e-4)


def test_a_counter_that_jumps_far_is_a_gap_and_a_little_is_not(program: Program) -> None:
    first, second, third = (list(range(a, a + 400)) for a in (0, 1000, 2000))
    frames = info_frame(0, FS, "x") + b"".join(
        samples_frame(at + i, part[i : i + 8])
        for at, part in ((0, first), (403, second), (1163, third))
        for i in range(0, 400, 8)
    )
    stream = Stream(program).feed(frames).finish()
    assert stream.stretches == [first + second, third]
    (gap,) = stream.of(GapEvent)
    assert isinstance(gap, GapEvent)
    assert (gap.reason, gap.seconds) == ("lost", pytest.approx(1.0))
    assert stream.session.summary().lost_samples == 3 + 360


def test_a_board_says_its_name_its_rate_and_its_beats(program: Program) -> None:
    beat = BoardBeat(100, 2, 0, 300, (1, 2, 3, 4))
    data = info_frame(0, FS, "Uno")
    data += b"".join(samples_frame(i, range(i, i + 8)) for i in range(0, 800, 8))
    stream = Stream(program).feed(data + beat_frame(beat) + info_frame(800, FS, "Uno")).finish()
    assert stream.of(BoardEvent) == [BoardEvent("Uno", FS)]
    assert stream.of(BoardBeatEvent) == [BoardBeatEvent(100, "V", (1, 2, 3, 4), 300)]
    (rate,) = stream.of(RateEvent)
    assert isinstance(rate, RateEvent)
    assert rate.source == "board"


def test_silence_is_a_gap_where_there_is_no_clock(program: Program) -> None:
    stream = Stream(program, rate_hz=FS).feed(encoded("sparkfun", range(720)), lines_per_s=FS)
    stream.quiet(5).feed(encoded("sparkfun", range(720)), lines_per_s=FS).finish()
    assert len(stream.of(SilenceEvent)) == 1
    (gap,) = stream.of(GapEvent)
    assert isinstance(gap, GapEvent)
    assert gap.reason == "silence"
    assert gap.seconds == pytest.approx(5, abs=0.02)
    assert [len(stretch) for stretch in stream.stretches] == [720, 720]


def test_a_late_line_is_no_gap_when_its_clock_says_so(program: Program) -> None:
    stream = Stream(program).feed(encoded("csv", range(720)))
    stream.quiet(5).feed(encoded("csv", range(720, 1440), first=720)).finish()
    assert len(stream.of(SilenceEvent)) == 1
    assert stream.stretches == [list(range(1440))]


def test_unplugged_and_back_is_a_gap(program: Program) -> None:
    stream = Stream(program, rate_hz=FS).feed(encoded("sparkfun", range(720)), lines_per_s=FS)
    stream.feed(b"12")
    stream.told += stream.session.unplugged(stream.now_s)
    stream.now_s += 4
    stream.told += stream.session.reconnected("other port", stream.now_s)
    stream.feed(encoded("sparkfun", range(720)), lines_per_s=FS).finish()
    assert stream.stretches == [list(range(720)), list(range(720))]
    assert len(stream.of(UnpluggedEvent)) == 1
    (back,) = stream.of(ReconnectEvent)
    assert isinstance(back, ReconnectEvent)
    assert (back.port, back.seconds) == ("other port", pytest.approx(4))
    (gap,) = stream.of(GapEvent)
    assert isinstance(gap, GapEvent)
    assert (gap.reason, gap.seconds) == ("unplugged", pytest.approx(4, abs=0.01))


def test_a_backlog_without_a_clock_is_thrown_away(program: Program) -> None:
    stream = Stream(program, rate_hz=FS).feed(encoded("sparkfun", range(720)), lines_per_s=FS)
    stream.now_s += 8
    stream.told += stream.session.backlog(encoded("sparkfun", range(100)), stream.now_s)
    stream.feed(encoded("sparkfun", range(360)), lines_per_s=FS).finish()
    assert stream.stretches == [list(range(720)), list(range(360))]
    (gap,) = stream.of(GapEvent)
    assert isinstance(gap, GapEvent)
    assert gap.reason == "backlog"


def test_a_backlog_with_a_clock_finds_its_place(program: Program) -> None:
    stream = Stream(program).feed(encoded("csv", range(720)))
    stream.told += stream.session.backlog(encoded("csv", range(720, 900), first=720), 9.0)
    stream.finish()
    assert stream.stretches == [list(range(900))]


def test_a_rate_that_changes_is_followed(program: Program) -> None:
    stream = Stream(program).feed(encoded("sparkfun", [500] * 2000), lines_per_s=250)
    stream.feed(encoded("sparkfun", [500] * 8000), lines_per_s=192).finish()
    rates = [e.used_hz for e in stream.of(RateEvent) if isinstance(e, RateEvent)]
    assert rates == [250, 192]
    assert [e.reason for e in stream.of(GapEvent) if isinstance(e, GapEvent)] == ["rate"]


def test_millivolts_become_counts(program: Program) -> None:
    values = [round(np.sin(i / 9), 4) for i in range(500)]
    stream = Stream(program).feed(encoded("csv", values)).finish()
    assert stream.of(ScaleEvent) == [ScaleEvent(1000, 0)]
    assert stream.stretches == [[round(1000 * value) for value in values]]


def test_a_signal_at_the_rail_is_told(program: Program) -> None:
    data = encoded("csv", [500] * 400 + [1023] * 360 + [500] * 100)
    assert len(Stream(program).feed(data).finish().of(ClippedEvent)) == 1


def test_a_first_line_that_was_cut_is_dropped(program: Program) -> None:
    data = encoded("csv", range(720), first=5000)[3:]
    stream = Stream(program).feed(data).finish()
    assert stream.stretches == [list(range(1, 720))]
    assert not stream.of(GapEvent)


def test_it_stops_after_some_seconds_of_signal(program: Program, counts: list[int]) -> None:
    told = streamed(program, [encoded("csv", counts)], live=False, stop_s=20.0)
    assert sum(len(e.values) for e in told if isinstance(e, SamplesEvent)) == 20 * FS
    assert beats_of(told) == expected_beats(program, counts[: 20 * FS])


def test_it_stops_after_some_beats(program: Program, counts: list[int]) -> None:
    told = streamed(program, [encoded("csv", counts)], live=False, stop_beats=5)
    assert beats_of(told) == expected_beats(program, counts)[:5]


def test_what_is_recorded_are_the_samples_of_the_wire(program: Program) -> None:
    data = encoded("sparkfun", range(720)) + b"!\r\n" + encoded("sparkfun", range(360))
    stream = Stream(program, rate_hz=FS).feed(data).finish()
    blocks = [e for e in stream.told if isinstance(e, SamplesEvent)]
    assert [v for block in blocks for v in block.values] == [*range(720), *range(360)]
    assert [block.after_gap for block in blocks] == [False, True]
    assert blocks[1].times_s[0] == pytest.approx(721 / FS)


def test_the_recognized_format_is_told_before_the_rate(program: Program) -> None:
    told = Stream(program).feed(encoded("csv", range(720))).finish().told
    kinds = [type(event) for event in told if isinstance(event, FormatEvent | RateEvent)]
    assert kinds == [FormatEvent, RateEvent]


def test_a_beat_as_json_has_the_keys_that_others_rely_on(
    program: Program, counts: list[int]
) -> None:
    told = streamed(program, [encoded("csv", counts)], live=False)
    beat = next(event for event in told if isinstance(event, BeatEvent))
    assert set(as_json(beat)) == {
        "event", "time_s", "sample", "label", "scores", "rr_s", "quality",
    }  # fmt: skip


@settings(max_examples=60)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from([b"!\n" * 20, b"nan\n", b"512\n" * 100, b"1e300,1e300\n" * 70]),
            st.tuples(st.integers(0, 2**33), st.integers(1, 9000), st.integers(1, 200)).map(
                lambda p: b"".join(b"%d,%d\n" % (p[0] + i * p[1], i % 50) for i in range(p[2]))
            ),
        ),
        max_size=20,
    ),
    rate_hz=st.sampled_from([None, 360.0, 250.0]),
    name=st.sampled_from([None, *FORMATS]),
)
def test_hostile_bytes_end_in_events_or_one_clear_error(
    program: Program, pieces: list[bytes], rate_hz: float | None, name: str | None
) -> None:
    try:
        told = streamed(program, pieces, rate_hz=rate_hz, format=name)
    except EcgedgeError:
        return
    for event in told:
        if not isinstance(event, SamplesEvent | SignalEvent):
            as_json(event)


@pytest.mark.parametrize("value", ["1e308", "-1e308", "99999999999"])
def test_a_sample_beyond_32_bits_is_damage(program: Program, value: str) -> None:
    lines = [b"512\n"] * 200 + [value.encode() + b"\n"] + [b"513\n"] * 200
    live = Session(program, Pipeline, Options("port", rate_hz=360))
    live.feed(b"".join(lines), 0.0)
    live.finish()
    assert live.summary().samples == 400
    assert live.summary().garbage_bytes > 0
    file = Session(program, Pipeline, Options("x.csv", rate_hz=360, live=False, strict=True))
    with pytest.raises(EcgedgeError, match=r"x\.csv holds samples beyond 32 bits"):
        file.feed(b"".join(lines), 0.0)


@pytest.mark.parametrize("rate_hz", [1.0, 1e5])
def test_a_given_rate_that_is_none_is_named(program: Program, rate_hz: float) -> None:
    session = Session(program, Pipeline, Options("x", rate_hz=rate_hz, live=False))
    with pytest.raises(EcgedgeError, match=r"--rate .* between 20 and 5000 Hz"):
        session.feed(b"512\n" * 200, 0.0)
