"""One stream from its bytes to its beats.

A session does no input or output: it is fed bytes with their arrival times and returns events, so
a serial port, a file and a test take the same path. Its stages:

1. `Intake` recognizes the format and parses.
2. `Warmup` keeps the first events until the rate is known. Nothing is lost.
3. `SignalPath` gives each sample its time, finds gaps and runs the integer program.
4. `Outlet` gathers the events.
"""

from collections.abc import Callable, Iterable, Sequence

from ecgedge.stream.board_watch import is_program
from ecgedge.stream.events import (
    BaudEvent,
    BoardEvent,
    Event,
    FormatEvent,
    ReconnectEvent,
    SilenceEvent,
    StartEvent,
    SummaryEvent,
    UnpluggedEvent,
)
from ecgedge.stream.finder import Pipeline
from ecgedge.stream.formats import wire_format
from ecgedge.stream.intake import Intake, too_large
from ecgedge.stream.options import Options
from ecgedge.stream.outlet import Outlet
from ecgedge.stream.rate import Rate
from ecgedge.stream.signal_path import SignalPath
from ecgedge.stream.tally import Tally
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
        wire = wire_format(options.format) if options.format else None
        self._intake = Intake(wire, options.source, options.patience)
        self._warmup = Warmup(options.source, options.rate_hz, live=options.live)
        self._outlet = Outlet(program.labels, options.stop_beats)
        self._path = SignalPath(program, pipeline, options, self._outlet)
        self._format_told = False
        self._heard_s: float | None = None
        self._silent = False
        self._unplugged_s: float | None = None
        self._start_asked = False
        self._garbage_bytes = 0

    @property
    def done(self) -> bool:
        """A stop condition was met, or the stream ended; what comes now is ignored."""
        return self._outlet.done

    @property
    def tally(self) -> Tally:
        """Running totals."""
        return self._outlet.tally

    @property
    def lead_is_off(self) -> bool:
        """The last thing heard was that an electrode is off."""
        return self._path.lead_is_off

    @property
    def current_hz(self) -> float | None:
        """Samples a second over the last ten seconds, by a clock or by arrival."""
        return self._path.current_hz

    @property
    def format_name(self) -> str | None:
        """Name of the wire format, once it is known."""
        return self._intake.wire.name if self._intake.wire else None

    @property
    def time_s(self) -> float:
        """Seconds of the stream so far."""
        return self._path.time_s

    def wants_start(self) -> bool:
        """Say, once a connection, whether the board should start anew for its beats to be compared.

        It runs our program at our rate, its beginning was missed, and samples come.
        """
        wanted = (
            not self.done  # then the comparison has ended too, and the board is the next one's
            and not self._start_asked
            and self._path.could_join_the_board
        )
        self._start_asked = self._start_asked or wanted
        return wanted

    def start(self) -> list[Event]:
        """Return the event that opens a stream."""
        program, source = self.program, self.options.source
        self._outlet.tell(
            StartEvent(source, program.name, program.digest, program.labels, program.fs)
        )
        return self._outlet.take()

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
        return self._outlet.take()

    def feed_samples(self, values: Iterable[float], rate_hz: float) -> list[Event]:
        """Take samples that need no parsing, of a rate that their file names."""
        if not self.done:
            self._warmup.knows(Rate(rate_hz, "file"))
            self._intake.heard = True
            self._take([(Sample(value), 0.0) for value in values])
        return self._outlet.take()

    def unclear_s(self, now_s: float) -> float:
        """Seconds since the first byte of a stream whose format is still not recognized."""
        return self._intake.unclear_s(now_s)

    def other_baud(self, baud: int) -> list[Event]:
        """The line is read at another speed now; what was read before is forgotten."""
        self._intake.begin_again()
        self._outlet.tell(BaudEvent(baud))
        return self._outlet.take()

    def tick(self, now_s: float) -> list[Event]:
        """Nothing came for a moment: notice silence, and a stream that makes no sense."""
        self._intake.check(now_s)
        if self._heard_s is None:
            self._heard_s = now_s
        quiet_s = now_s - self._heard_s
        if quiet_s >= self.options.silence_s and not self._silent and self._unplugged_s is None:
            self._silent = True
            self._outlet.tell(SilenceEvent(self.time_s, quiet_s))
            if not self._path.has_clock:
                self._interrupt("silence", now_s)
        return self._outlet.take()

    def unplugged(self, now_s: float) -> list[Event]:
        """The port is gone."""
        self._unplugged_s = now_s
        self._interrupt("unplugged", now_s)
        self._outlet.tell(UnpluggedEvent(self.time_s, self.options.source))
        return self._outlet.take()

    def reconnected(self, port: str, now_s: float) -> list[Event]:
        """The port is back."""
        away_s = 0.0 if self._unplugged_s is None else now_s - self._unplugged_s
        self._unplugged_s = None
        self._heard_s = now_s
        self._start_asked = False
        self._intake.restart()
        self._outlet.tell(ReconnectEvent(self.time_s, port, away_s))
        return self._outlet.take()

    def backlog(self, data: bytes, arrival_s: float) -> list[Event]:
        """The host stalled, and this is what had piled up.

        With a clock on the wire the samples find their place in time. Without one it is not known
        when they were taken, nor how many are missing: they are thrown away.
        """
        if self._path.has_clock:
            return self.feed(data, arrival_s)
        self._garbage_bytes += len(data)
        self._intake.restart()
        self._interrupt("backlog", arrival_s)
        return self._outlet.take()

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
            if not self.options.live and not self._path.has_begun:
                self._intake.complain()
                raise self._warmup.no_rate()
            self._path.cut("")
            self._outlet.done = True
        return self._outlet.take()

    def summary(self) -> SummaryEvent:
        """Return the totals."""
        tally, path = self.tally, self._path
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
            lost_samples=path.lost_samples,
            damaged_lines=path.damaged_lines,
            garbage_bytes=self._garbage_bytes,
            clipped=tally.clipped,
            reconnects=tally.reconnects,
            board=path.board.totals(),
        )

    def _tell_format(self) -> None:
        wire = self._intake.wire
        if wire is not None and not self._format_told and self._intake.heard:
            self._format_told = True
            self._outlet.tell(FormatEvent(wire.name, self._intake.recognized))

    def _take(self, wire_events: Sequence[tuple[WireEvent, float]], *, hurry: bool = False) -> None:
        """Work off wire events, or let them wait for the rate."""
        path = self._path
        if not path.has_begun:
            for event, arrival_s in wire_events:
                self._wait(event, arrival_s)
            rate = self._warmup.rate(self._intake.tick_s, hurry=hurry)
            if rate is None:
                return
            path.begin(rate, self._warmup.scale())
            wire_events = self._warmup.release()
            wire_events = wire_events[path.first_is_cut(wire_events) :]
        before = path.samples
        for event, arrival_s in wire_events:
            if self.done:
                break
            self._work(event, arrival_s)
        path.push()
        if wire_events:
            path.watch_rate(path.samples - before, wire_events[-1][1])

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
        self._path.lead_is_off = isinstance(event, LeadOff)
        if self._path.lead_is_off and not self._warmup.samples:
            self._path.tell_lead_off()
        self._warmup.add(event, arrival_s)

    def _hear(self, arrival_s: float) -> None:
        self._heard_s = arrival_s
        self._silent = False

    def _work(self, event: WireEvent, arrival_s: float) -> None:
        """Take one event of the wire."""
        path = self._path
        match event:
            case Sample():
                self._hear(arrival_s)
                path.place(event, arrival_s)
            case LeadOff():
                self._hear(arrival_s)
                path.lead_off()
            case Lost(samples):
                path.lose(samples)
            case Gap(reason):
                path.cut(reason)
            case Begins(number):
                path.begin_anew(number)
            case Clipped():
                path.clipped()
            case Info():
                self._info(event)
            case BoardBeat():
                path.board_beat(event)
            case Garbage():
                self._garbage(event)
            case _:
                pass

    def _interrupt(self, reason: str, now_s: float) -> None:
        """Cut the stream from outside."""
        if self._path.has_begun:
            self._path.cut(reason)
        else:
            self._warmup.add(Gap(reason), now_s)

    def _info(self, info: Info) -> None:
        """The board says what it is; it does so again and again."""
        path, rate = self._path, Rate(info.rate_hz, "board")
        if info == path.board.info:
            return
        path.board.info = info
        if not path.has_begun:
            self._warmup.knows(rate)
        elif self.options.rate_hz is None:
            path.change_rate(rate)
        self._outlet.tell(BoardEvent(info.name, info.rate_hz, is_program(info, self.program)))

    def _garbage(self, garbage: Garbage) -> None:
        self._path.compare_no_more()
        self._garbage_bytes += garbage.size
        if self.options.strict and garbage.reason == "too large":
            raise EcgedgeError(too_large(self.options.source))
        if self.options.strict and garbage.reason == "not a number":
            raise EcgedgeError(
                f"{self.options.source}, line {garbage.line}: there is no number where a sample "
                "belongs (NaN, infinite or empty); remove or fill the line."
            )
