"""One stream from its bytes to its beats.

A session does no input or output: it is fed bytes with their arrival times and returns events, so
a serial port, a file and a test take the same path. Its stages:

1. `Intake` recognizes the format and parses.
2. `Warmup` keeps the first events until the rate is known. Nothing is lost.
3. `Timeline` says when each sample was taken, and finds gaps.
4. `BeatFinder` scales and resamples where that is needed, and runs the pipeline of the integer
   program. At every gap it is flushed and reset.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ecgedge.stream.board_watch import BoardWatch, is_program
from ecgedge.stream.events import (
    BaudEvent,
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
    SilenceEvent,
    StartEvent,
    SummaryEvent,
    UnpluggedEvent,
)
from ecgedge.stream.finder import BeatFinder, Pipeline
from ecgedge.stream.formats import wire_format
from ecgedge.stream.intake import Intake, Patience, too_large
from ecgedge.stream.rate import Rate, RateWatch, rate_to_use
from ecgedge.stream.tally import Tally
from ecgedge.stream.timeline import Placed, Timeline
from ecgedge.stream.units import ClipWatch, Scale
from ecgedge.stream.warmup import Warmup
from ecgedge.stream.wire import (
    Begins,
    BoardBeat,
    Clipped,
    Gap,
    Garbage,
    Info,
    LeadOff,
    Lost,
    Sample,
    SelftestResult,
    WireEvent,
)
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

CLIPPED_EVERY_S = 1.0
"""A converter that stays at its rail is reported this often."""
BY_ARRIVAL = ("silence", "unplugged", "backlog")
"""Gaps whose length only the host's clock tells when the wire has none."""


@dataclass(frozen=True)
class Options:
    """What a session is told beforehand.

    Attributes
    ----------
    source : str
        Port or file; named in events and errors.
    format : str or None
        Wire format; None recognizes it.
    rate_hz : float or None
        Sampling rate; None measures it.
    live : bool
        Bytes arrive when they are sent: arrival times and silence mean something.
    strict : bool
        NaN, infinity or an empty field in the place of a value is an error that names its line.
    silence_s : float
        A live stream that pauses for longer has a gap there, unless its clock knows better.
    stop_s : float or None
        Stop after this many seconds of signal.
    stop_beats : int or None
        Stop after this many beats.
    patience : Patience
        When to give up on a stream of garbage.
    """

    source: str
    format: str | None = None
    rate_hz: float | None = None
    live: bool = True
    strict: bool = False
    silence_s: float = 3.0
    stop_s: float | None = None
    stop_beats: int | None = None
    patience: Patience = field(default_factory=Patience)


class Session:
    """Turns a stream into events.

    Parameters
    ----------
    program : Program
        The integer program to run.
    pipeline : callable
        Makes a pipeline for a program: `firmware_sim.pipeline.Pipeline`.
    options : Options
        What is known beforehand.

    Attributes
    ----------
    done : bool
        A stop condition was met; what comes now is ignored.
    rate : Rate or None
        The rate as measured or given, once it is known.
    tally : Tally
        Running totals.
    lead_is_off : bool
        The last thing heard was that an electrode is off.

    Raises
    ------
    EcgedgeError
        From any method that takes samples: nothing but garbage, no rate, a NaN where `strict`.
    """

    def __init__(
        self, program: Program, pipeline: Callable[[Program], Pipeline], options: Options
    ) -> None:
        self.program = program
        self.options = options
        self.done = False
        self.rate: Rate | None = None
        self.tally = Tally(program.labels)
        wire = wire_format(options.format) if options.format else None
        self._intake = Intake(wire, options.source, options.patience)
        self._warmup = Warmup(options.source, options.rate_hz, live=options.live)
        self._timeline: Timeline | None = None
        self._finder = BeatFinder(program, pipeline)
        self._scale = Scale()
        self._watch: RateWatch | None = None
        self._clips = ClipWatch()
        self._clipped_s = -CLIPPED_EVERY_S
        self._times_s: list[float] = []
        self._values: list[float] = []
        self._any_sample = False
        self._after_gap = False
        self._reason = ""
        self.lead_is_off = False
        self._lead_off_told = False
        self._format_told = False
        self._heard_s: float | None = None
        self._silent = False
        self._unplugged_s: float | None = None
        self._board: Info | None = None
        self._board_watch = BoardWatch(program)
        self._start_asked = False
        self._lost = 0
        self._garbage_bytes = 0
        self._events: list[Event] = []

    @property
    def current_hz(self) -> float | None:
        """Samples a second over the last ten seconds, by a clock or by arrival."""
        return self._watch.current_hz if self._watch else None

    @property
    def format_name(self) -> str | None:
        """Name of the wire format, once it is known."""
        return self._intake.wire.name if self._intake.wire else None

    @property
    def time_s(self) -> float:
        """Seconds of the stream so far."""
        return self._timeline.now_s if self._timeline else 0.0

    def wants_start(self) -> bool:
        """Say, once a connection, whether the board should start anew for its beats to be compared.

        It runs our program at our rate, its beginning was missed, and samples come.
        """
        wanted = (
            not self.done  # then the comparison has ended too, and the board is the next one's
            and not self._start_asked
            and self._any_sample
            and not self._board_watch.joined
            and self._runs_our_program
            and self._takes_samples_as_they_are
        )
        self._start_asked = self._start_asked or wanted
        return wanted

    def start(self) -> list[Event]:
        """Return the event that opens a stream."""
        program, source = self.program, self.options.source
        self._tell(StartEvent(source, program.name, program.digest, program.labels, program.fs))
        return self._told()

    def feed(self, data: bytes, arrival_s: float) -> list[Event]:
        """Take bytes as they come.

        Parameters
        ----------
        data : bytes
            Any cut of the stream.
        arrival_s : float
            When they came, on a clock that never goes back.
        """
        if not self.done:
            wire_events = self._intake.feed(data, arrival_s)
            self._tell_format()
            self._take(wire_events)
        return self._told()

    def feed_samples(self, values: Iterable[float], rate_hz: float) -> list[Event]:
        """Take samples that need no parsing, of a rate that their file names."""
        if not self.done:
            self._warmup.knows(Rate(rate_hz, "file"))
            self._intake.heard = True
            self._take([(Sample(value), 0.0) for value in values])
        return self._told()

    def unclear_s(self, now_s: float) -> float:
        """Seconds since the first byte of a stream whose format is still not recognized."""
        return self._intake.unclear_s(now_s)

    def other_baud(self, baud: int) -> list[Event]:
        """The line is read at another speed now; what was read before is forgotten."""
        self._intake.begin_again()
        self._tell(BaudEvent(baud))
        return self._told()

    def tick(self, now_s: float) -> list[Event]:
        """Nothing came for a moment: notice silence, and a stream that makes no sense."""
        self._intake.check(now_s)
        if self._heard_s is None:
            self._heard_s = now_s
        quiet_s = now_s - self._heard_s
        if quiet_s >= self.options.silence_s and not self._silent and self._unplugged_s is None:
            self._silent = True
            self._tell(SilenceEvent(self.time_s, quiet_s))
            if self._timeline is None or not self._timeline.has_clock:
                self._interrupt("silence", now_s)
        return self._told()

    def unplugged(self, now_s: float) -> list[Event]:
        """The port is gone."""
        self._unplugged_s = now_s
        self._interrupt("unplugged", now_s)
        self._tell(UnpluggedEvent(self.time_s, self.options.source))
        return self._told()

    def reconnected(self, port: str, now_s: float) -> list[Event]:
        """The port is back."""
        away_s = 0.0 if self._unplugged_s is None else now_s - self._unplugged_s
        self._unplugged_s = None
        self._heard_s = now_s
        self._start_asked = False
        self._intake.restart()
        self._tell(ReconnectEvent(self.time_s, port, away_s))
        return self._told()

    def backlog(self, data: bytes, arrival_s: float) -> list[Event]:
        """The host stalled, and this is what had piled up.

        With a clock on the wire the samples find their place in time. Without one it is not known
        when they were taken, nor how many are missing: they are thrown away.
        """
        if self._timeline is not None and self._timeline.has_clock:
            return self.feed(data, arrival_s)
        self._garbage_bytes += len(data)
        self._intake.restart()
        self._interrupt("backlog", arrival_s)
        return self._told()

    def finish(self, arrival_s: float = 0.0) -> list[Event]:
        """End the stream: return the beats that wait.

        Raises
        ------
        EcgedgeError
            When a stream that is not live ended without a sample, or without a rate.
        """
        if not self.done:
            wire_events = self._intake.finish(arrival_s)
            self._tell_format()
            self._take(wire_events, hurry=True)
            if not self.options.live and self._timeline is None:
                self._intake.complain()
                raise self._warmup.no_rate()
            self._cut("")
            self.done = True
        return self._told()

    def summary(self) -> SummaryEvent:
        """Return the totals."""
        tally, timeline = self.tally, self._timeline
        return SummaryEvent(
            seconds=tally.seconds,
            samples=tally.samples,
            beats=tally.beats,
            classes=dict(tally.classes),
            heart_rate_bpm=tally.mean_heart_rate,
            gaps=tally.gaps,
            gap_s=tally.gap_s,
            lead_off=tally.lead_off,
            lead_off_s=tally.lead_off_s,
            lost_samples=self._lost + (timeline.lost if timeline else 0),
            damaged_lines=timeline.damaged if timeline else 0,
            garbage_bytes=self._garbage_bytes,
            clipped=tally.clipped,
            reconnects=tally.reconnects,
            board=self._board_watch.totals(),
        )

    @property
    def _runs_our_program(self) -> bool:
        return self._board is not None and is_program(self._board, self.program) is True

    @property
    def _takes_samples_as_they_are(self) -> bool:
        """What goes into the program is what was on the wire."""
        rate = self.rate
        exact = rate is not None and rate_to_use(rate.measured_hz, self.program.fs)
        return exact == self.program.fs and self._scale.is_identity

    def _tell(self, event: Event) -> None:
        """Put an event out; beats beyond the last one wanted are not told."""
        if isinstance(event, BeatEvent):
            wanted = self.options.stop_beats
            if wanted is not None and self.tally.beats >= wanted:
                return
        self.tally.take(event)
        self._events.append(event)
        if self.options.stop_beats and self.tally.beats >= self.options.stop_beats:
            self.done = True

    def _told(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _tell_format(self) -> None:
        wire = self._intake.wire
        if wire is not None and not self._format_told and self._intake.heard:
            self._format_told = True
            self._tell(FormatEvent(wire.name, self._intake.recognized))

    def _take(self, wire_events: Sequence[tuple[WireEvent, float]], *, hurry: bool = False) -> None:
        """Work off wire events, or let them wait for the rate."""
        if self._timeline is None:
            for event, arrival_s in wire_events:
                self._wait(event, arrival_s)
            rate = self._warmup.rate(self._intake.tick_s, hurry=hurry)
            if rate is None:
                return
            self._use(rate)
            wire_events = self._warmup.release()
            wire_events = wire_events[self._first_is_cut(wire_events) :]
        before = len(self._values) + self.tally.samples
        for event, arrival_s in wire_events:
            if self.done:
                break
            self._work(event, arrival_s)
        self._push()
        if wire_events:
            self._watch_rate(self.tally.samples - before, wire_events[-1][1])

    def _wait(self, event: WireEvent, arrival_s: float) -> None:
        """Take an event before the rate is known."""
        if isinstance(event, Garbage | Info):
            self._work(event, arrival_s)
            if isinstance(event, Garbage) and self._warmup.begins:
                self._warmup.add(Lost(0), arrival_s)  # what was damaged has its place in the order
            return
        if isinstance(event, BoardBeat | SelftestResult):
            self._warmup.add(event, arrival_s)
            return
        self._hear(arrival_s)
        self.lead_is_off = isinstance(event, LeadOff)
        if self.lead_is_off and not self._warmup.samples and not self._lead_off_told:
            self._lead_off_told = True
            self._tell(LeadOffEvent(0.0, True, 0.0))
        self._warmup.add(event, arrival_s)

    def _first_is_cut(self, wire_events: Sequence[tuple[WireEvent, float]]) -> bool:
        """Say whether the first line was cut in its time stamp, as happens at the opening."""
        assert self._timeline is not None
        stamps = [event.ticks for event, _ in wire_events[:3] if isinstance(event, Sample)]
        if len(stamps) < 3 or self.rate is None or self.rate.tick_s is None:
            return False
        first, second, third = (stamp * self.rate.tick_s for stamp in stamps if stamp is not None)
        jump_s = self._timeline.jump_s
        return not 0 <= second - first <= jump_s and 0 <= third - second <= jump_s

    def _use(self, rate: Rate) -> None:
        """Go on at a rate."""
        self.rate = rate
        program_hz = self.program.fs
        used_hz = rate_to_use(rate.measured_hz, program_hz)
        if self._timeline is None:
            self._timeline = Timeline(used_hz, rate.tick_s, rate.grain_s)
            self._scale = self._warmup.scale()
        else:
            self._timeline.set_rate(used_hz)
        self._finder.use(used_hz, self._scale)
        self._watch = RateWatch(used_hz)
        resampled = used_hz != program_hz
        self._tell(
            RateEvent(self.time_s, rate.measured_hz, used_hz, program_hz, rate.source, resampled)
        )
        if not self._any_sample and not self._scale.is_identity:
            self._tell(ScaleEvent(self._scale.factor, self._scale.offset))

    def _watch_rate(self, samples: int, arrival_s: float) -> None:
        """Notice a rate that changed; a rate that was given stays."""
        assert self._watch is not None
        assert self._timeline is not None
        assert self.rate is not None
        if not self._timeline.has_clock and not self.options.live:
            return
        now_s = self._timeline.now_s if self._timeline.has_clock else arrival_s
        changed_hz = self._watch.samples(samples, now_s)
        if changed_hz is not None and self.rate.source in ("clock", "arrival"):
            self._change_rate(
                Rate(changed_hz, self.rate.source, self.rate.tick_s, self.rate.grain_s)
            )

    def _change_rate(self, rate: Rate) -> None:
        self._cut("rate")
        self._use(rate)

    def _hear(self, arrival_s: float) -> None:
        self._heard_s = arrival_s
        self._silent = False

    def _work(self, event: WireEvent, arrival_s: float) -> None:
        """Take one event of the wire."""
        timeline = self._timeline
        match event:
            case Sample() if timeline is not None:
                self._hear(arrival_s)
                self.lead_is_off = False
                for placed in timeline.place(event, arrival_s):
                    self._accept(placed)
            case LeadOff() if timeline is not None:
                self._hear(arrival_s)
                self._lead_off(timeline)
            case Lost(samples) if timeline is not None:
                self._compare_no_more()
                self._lost += samples
                if not timeline.has_clock:
                    timeline.pass_by(samples * timeline.period_s)
                if samples * timeline.period_s > timeline.jump_s:
                    self._cut("lost")
            case Gap(reason):
                self._cut(reason)
            case Begins(number):
                self._begin_anew(number)
            case Clipped():
                self._clipped()
            case Info():
                self._info(event)
            case BoardBeat():
                self._board_beat(event)
            case Garbage():
                self._garbage(event)
            case _:
                pass

    def _accept(self, placed: Placed) -> None:
        """Take one sample whose place in time is known."""
        stop_s = self.options.stop_s
        if self.done:
            return
        assert self._timeline is not None
        if stop_s is not None and placed.time_s >= stop_s - self._timeline.period_s / 2:
            self._cut("")
            self.done = True
            return
        if not placed.joins:
            self._join_anew(placed)
        self._times_s.append(placed.time_s)
        self._values.append(placed.value)

    def _join_anew(self, placed: Placed) -> None:
        """The first sample of all, or after a gap."""
        reason = self._reason or "clock"
        if self._any_sample:
            self._end_stretch()
            self._after_gap = True
        if self._lead_off_told:
            self._lead_off_told = False
            self._tell(LeadOffEvent(placed.time_s, False, placed.gap_s))
        elif self._any_sample:
            self._tell(GapEvent(placed.time_s, placed.gap_s, reason))
        self._any_sample = True
        self._reason = ""

    def _lead_off(self, timeline: Timeline) -> None:
        self.lead_is_off = True
        if not self._lead_off_told:
            self._cut("lead off", whole=True)
            self._lead_off_told = True
            self._tell(LeadOffEvent(timeline.now_s, True, 0.0))
        timeline.cut()
        if not timeline.has_clock:
            timeline.pass_by(timeline.period_s)

    def _cut(self, reason: str, *, whole: bool = False) -> None:
        """Break the stream: the next sample does not join on, for this reason.

        `whole`: a board that classifies itself has ended there too, and said all its beats. Else
        what still waits is not over for the board: our last beats are not compared.
        """
        self._push()
        if not whole:
            self._board_watch.ends(whole=False)
        self._end_stretch()
        for event in self._board_watch.ends(whole=whole):
            self._tell(event)
        self._reason = reason
        if self._timeline is not None:
            self._timeline.cut(by_arrival=reason in BY_ARRIVAL)

    def _begin_anew(self, number: int) -> None:
        """The board's own program starts with the next sample, and so does ours."""
        self._cut("restart", whole=True)
        if self._takes_samples_as_they_are and self._runs_our_program:
            self._board_watch.begins(number, self._finder.samples)

    def _board_beat(self, beat: BoardBeat) -> None:
        labels = self.program.labels
        label = labels[beat.label] if beat.label < len(labels) else str(beat.label)
        self._tell(BoardBeatEvent(beat.sample, label, beat.scores, beat.rr_samples))
        for event in self._board_watch.board_says(beat):
            self._tell(event)

    def _find(self, events: Sequence[Event]) -> None:
        """Tell what the program found, and compare it with what the board says."""
        for event in events:
            self._tell(event)
            if isinstance(event, BeatEvent):
                for difference in self._board_watch.simulator_says(event):
                    self._tell(difference)

    def _end_stretch(self) -> None:
        """Let the program finish with the samples that join on."""
        self._push()
        self._find(self._finder.cut())
        if self._watch is not None:
            self._watch.gap()

    def _interrupt(self, reason: str, now_s: float) -> None:
        """Cut the stream from outside."""
        if self._timeline is None:
            self._warmup.add(Gap(reason), now_s)
        else:
            self._cut(reason)

    def _push(self) -> None:
        """Run the program on the samples that have come together."""
        if not self._values:
            return
        times_s, self._times_s = tuple(self._times_s), []
        values, self._values = tuple(self._values), []
        after_gap, self._after_gap = self._after_gap, False
        self._tell(SamplesEvent(times_s, values, after_gap))
        if self._clips.samples(values):
            self._clipped()
        self._find(self._finder.push(times_s, values))

    def _clipped(self) -> None:
        if self.time_s - self._clipped_s >= CLIPPED_EVERY_S:
            self._clipped_s = self.time_s
            self._tell(ClippedEvent(self.time_s))

    def _info(self, info: Info) -> None:
        """The board says what it is; it does so again and again."""
        if info == self._board:
            return
        self._board = info
        rate = Rate(info.rate_hz, "board")
        if self._timeline is None:
            self._warmup.knows(rate)
        elif self.options.rate_hz is None:
            self._change_rate(rate)
        self._tell(BoardEvent(info.name, info.rate_hz, is_program(info, self.program)))

    def _compare_no_more(self) -> None:
        """Something is missing from here on; what came before it is compared still."""
        self._push()
        self._board_watch.ends(whole=False)

    def _garbage(self, garbage: Garbage) -> None:
        self._compare_no_more()
        self._garbage_bytes += garbage.size
        if self.options.strict and garbage.reason == "too large":
            raise EcgedgeError(too_large(self.options.source))
        if self.options.strict and garbage.reason == "not a number":
            raise EcgedgeError(
                f"{self.options.source}, line {garbage.line}: there is no number where a sample "
                "belongs (NaN, infinite or empty); remove or fill the line."
            )
