"""The way of the samples through a session, from the wire to the beats.

A stretch is what joins on without a gap. `Timeline` says when each sample was taken and where a
stretch ends; `BeatFinder` scales, resamples where that is needed and runs the integer program, and
begins anew with every stretch; `BoardWatch` compares its beats with those of a board that
classifies by itself.
"""

from collections.abc import Callable, Sequence

from ecgedge.stream.board_watch import BoardWatch
from ecgedge.stream.events import (
    BeatEvent,
    BoardBeatEvent,
    ClippedEvent,
    Event,
    GapEvent,
    LeadOffEvent,
    RateEvent,
    SamplesEvent,
    ScaleEvent,
)
from ecgedge.stream.finder import BeatFinder, Pipeline
from ecgedge.stream.options import Options
from ecgedge.stream.outlet import Outlet
from ecgedge.stream.rate import Rate, RateWatch, rate_to_use
from ecgedge.stream.timeline import Placed, Timeline
from ecgedge.stream.units import ClipWatch, Scale
from ecgedge.stream.wire import BoardBeat, Sample, WireEvent
from firmware_sim.program import Program

CLIPPED_EVERY_S = 1.0
"""A converter that stays at its rail is reported this often."""
BY_ARRIVAL = ("silence", "unplugged", "backlog")
"""Gaps whose length only the host's clock tells when the wire has none."""


class SignalPath:
    """Takes what the wire says of the signal, in its order, once `begin` told its rate.

    Parameters
    ----------
    program : Program
        The integer program to run.
    pipeline : callable
        Makes a pipeline for a program: `firmware_sim.pipeline.Pipeline`.
    options : Options
        What is known beforehand.
    outlet : Outlet
        Takes the events.

    Attributes
    ----------
    rate : Rate or None
        The rate as measured or given, once it is known.
    lead_is_off : bool
        The last thing heard was that an electrode is off.
    board : BoardWatch
        What the board says of itself and of its beats.
    """

    def __init__(
        self,
        program: Program,
        pipeline: Callable[[Program], Pipeline],
        options: Options,
        outlet: Outlet,
    ) -> None:
        self.rate: Rate | None = None
        self.lead_is_off = False
        self.board = BoardWatch(program)
        self._program = program
        self._options = options
        self._outlet = outlet
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
        self._lead_off_told = False
        self._lost = 0

    @property
    def has_begun(self) -> bool:
        """The rate is known, and samples can be taken."""
        return self._timeline is not None

    @property
    def has_clock(self) -> bool:
        """The wire says when samples were taken."""
        return self._timeline is not None and self._timeline.has_clock

    @property
    def time_s(self) -> float:
        """Seconds of the stream so far."""
        return self._timeline.now_s if self._timeline else 0.0

    @property
    def current_hz(self) -> float | None:
        """Samples a second over the last ten seconds, by a clock or by arrival."""
        return self._watch.current_hz if self._watch else None

    @property
    def samples(self) -> int:
        """Samples that were taken, those that wait to be pushed included."""
        return len(self._values) + self._outlet.tally.samples

    @property
    def lost_samples(self) -> int:
        """Samples that were lost on the way, as the wire says or its clock shows."""
        return self._lost + (self._timeline.lost if self._timeline else 0)

    @property
    def damaged_lines(self) -> int:
        """Samples whose time stamp was damaged."""
        return self._timeline.damaged if self._timeline else 0

    @property
    def could_join_the_board(self) -> bool:
        """A board runs our program on these samples, but its beginning was missed."""
        return self._any_sample and not self.board.joined and self._sees_what_the_board_sees

    @property
    def _sees_what_the_board_sees(self) -> bool:
        """The board runs our program, and what goes into ours is what was on the wire."""
        rate, program_hz = self.rate, self._program.fs
        exact = rate is not None and rate_to_use(rate.measured_hz, program_hz) == program_hz
        return exact and self._scale.is_identity and self.board.runs_our_program

    def begin(self, rate: Rate, scale: Scale) -> None:
        """Take samples of this rate and scale from now on."""
        used_hz = rate_to_use(rate.measured_hz, self._program.fs)
        self._timeline = Timeline(used_hz, rate.tick_s, rate.grain_s)
        self._scale = scale
        self._use(rate, used_hz)

    def change_rate(self, rate: Rate) -> None:
        """Go on at another rate."""
        self.cut("rate")
        used_hz = rate_to_use(rate.measured_hz, self._program.fs)
        self._line.set_rate(used_hz)
        self._use(rate, used_hz)

    def first_is_cut(self, wire_events: Sequence[tuple[WireEvent, float]]) -> bool:
        """Say whether the first line was cut in its time stamp, as happens at the opening."""
        stamps = [event.ticks for event, _ in wire_events[:3] if isinstance(event, Sample)]
        if len(stamps) < 3 or self.rate is None or self.rate.tick_s is None:
            return False
        first, second, third = (stamp * self.rate.tick_s for stamp in stamps if stamp is not None)
        jump_s = self._line.jump_s
        return not 0 <= second - first <= jump_s and 0 <= third - second <= jump_s

    def place(self, sample: Sample, arrival_s: float) -> None:
        """Take a sample."""
        self.lead_is_off = False
        for placed in self._line.place(sample, arrival_s):
            self._accept(placed)

    def lead_off(self) -> None:
        """An electrode is off where a sample belongs."""
        self.lead_is_off = True
        if not self._lead_off_told:
            self.cut("lead off", whole=True)
            self.tell_lead_off()
        timeline = self._line
        timeline.cut()
        if not timeline.has_clock:
            timeline.pass_by(timeline.period_s)

    def tell_lead_off(self) -> None:
        """Say, once a stretch, that an electrode is off."""
        if not self._lead_off_told:
            self._lead_off_told = True
            self._tell(LeadOffEvent(self.time_s, True, 0.0))

    def lose(self, samples: int) -> None:
        """So many samples were lost on the way."""
        timeline = self._line
        self.compare_no_more()
        self._lost += samples
        if not timeline.has_clock:
            timeline.pass_by(samples * timeline.period_s)
        if samples * timeline.period_s > timeline.jump_s:
            self.cut("lost")

    def cut(self, reason: str, *, whole: bool = False) -> None:
        """Break the stream: the next sample does not join on, for this reason.

        `whole`: a board that classifies itself has ended there too, and said all its beats. Else
        what still waits is not over for the board: our last beats are not compared.
        """
        self.push()
        if not whole:
            self.board.ends(whole=False)
        self._end_stretch()
        for event in self.board.ends(whole=whole):
            self._tell(event)
        self._reason = reason
        if self._timeline is not None:
            self._timeline.cut(by_arrival=reason in BY_ARRIVAL)

    def begin_anew(self, number: int) -> None:
        """The board's own program starts with the next sample, and so does ours."""
        self.cut("restart", whole=True)
        if self._sees_what_the_board_sees:
            self.board.begins(number, self._finder.samples)

    def board_beat(self, beat: BoardBeat) -> None:
        """The board says a beat."""
        labels = self._program.labels
        label = labels[beat.label] if beat.label < len(labels) else str(beat.label)
        self._tell(BoardBeatEvent(beat.sample, label, beat.scores, beat.rr_samples))
        for event in self.board.board_says(beat):
            self._tell(event)

    def compare_no_more(self) -> None:
        """Something is missing from here on; what came before it is compared still."""
        self.push()
        self.board.ends(whole=False)

    def clipped(self) -> None:
        """The converter is at its rail."""
        if self.time_s - self._clipped_s >= CLIPPED_EVERY_S:
            self._clipped_s = self.time_s
            self._tell(ClippedEvent(self.time_s))

    def push(self) -> None:
        """Run the program on the samples that have come together."""
        if not self._values:
            return
        times_s, self._times_s = tuple(self._times_s), []
        values, self._values = tuple(self._values), []
        after_gap, self._after_gap = self._after_gap, False
        self._tell(SamplesEvent(times_s, values, after_gap))
        if self._clips.samples(values):
            self.clipped()
        self._find(self._finder.push(times_s, values))

    def watch_rate(self, samples: int, arrival_s: float) -> None:
        """Notice a rate that changed, by the samples that came last; one that was given stays."""
        assert self._watch is not None
        assert self.rate is not None
        timeline, rate = self._line, self.rate
        if not timeline.has_clock and not self._options.live:
            return
        now_s = timeline.now_s if timeline.has_clock else arrival_s
        changed_hz = self._watch.samples(samples, now_s)
        if changed_hz is not None and rate.source in ("clock", "arrival"):
            self.change_rate(Rate(changed_hz, rate.source, rate.tick_s, rate.grain_s))

    @property
    def _line(self) -> Timeline:
        assert self._timeline is not None, "the rate is known"
        return self._timeline

    def _tell(self, event: Event) -> None:
        self._outlet.tell(event)

    def _use(self, rate: Rate, used_hz: float) -> None:
        """Let everything after the timeline go at a rate."""
        self.rate = rate
        program_hz = self._program.fs
        self._finder.use(used_hz, self._scale)
        self._watch = RateWatch(used_hz)
        resampled = used_hz != program_hz
        self._tell(
            RateEvent(self.time_s, rate.measured_hz, used_hz, program_hz, rate.source, resampled)
        )
        if not self._any_sample and not self._scale.is_identity:
            self._tell(ScaleEvent(self._scale.factor, self._scale.offset))

    def _accept(self, placed: Placed) -> None:
        """Take one sample whose place in time is known."""
        stop_s = self._options.stop_s
        if self._outlet.done:
            return
        if stop_s is not None and placed.time_s >= stop_s - self._line.period_s / 2:
            self.cut("")
            self._outlet.done = True
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

    def _end_stretch(self) -> None:
        """Let the program finish with the samples that join on."""
        self.push()
        self._find(self._finder.cut())
        if self._watch is not None:
            self._watch.gap()

    def _find(self, events: Sequence[Event]) -> None:
        """Tell what the program found, and compare it with what the board says."""
        for event in events:
            self._tell(event)
            if isinstance(event, BeatEvent):
                for difference in self.board.simulator_says(event):
                    self._tell(difference)
