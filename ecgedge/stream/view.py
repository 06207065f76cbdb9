"""What people see: a live screen in a terminal, plain lines elsewhere, JSON lines for programs."""

import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ecgedge.stream.events import (
    BaudEvent,
    BeatEvent,
    BoardDiffersEvent,
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
    StartEvent,
    SummaryEvent,
    UnpluggedEvent,
    as_json,
)
from ecgedge.stream.picture import braille, marks
from ecgedge.stream.session import Session
from firmware_sim.program import Program

PICTURE_S = 8.0
REFRESH_S = 0.1
COLOURS = ("green", "red", "yellow", "magenta", "cyan", "blue", "bright_red", "white")
NOTICE = "For research and teaching. Not a medical device."


class Sink(Protocol):
    """Something that takes events."""

    def take(self, event: Event) -> None:
        """Take one event."""
        ...

    def refresh(self, now_s: float) -> None:
        """Some time has passed."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


def confidence(program: Program, scores: Sequence[int]) -> tuple[float, ...]:
    """Turn integer scores into shares that add to 1: softmax(logit_scale * scores / 2**14)."""
    logits = [program.logit_scale * score / 2**14 for score in scores]
    highest = max(logits)
    weights = [math.exp(logit - highest) for logit in logits]
    return tuple(weight / sum(weights) for weight in weights)


def clock_text(time_s: float) -> str:
    """Return a time as h:mm:ss.s."""
    tenths = int(time_s * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def describe(event: Event, program: Program) -> str | None:
    """Return one line about an event; None for those that carry signal."""
    match event:
        case StartEvent():
            classes = " ".join(event.labels)
            return f"{event.source}: {event.program} ({classes}) at {event.fs} Hz"
        case FormatEvent():
            return f"format: {event.format} ({'recognized' if event.recognized else 'given'})"
        case BaudEvent():
            return f"nothing made sense so far, reading at {event.baud} baud"
        case RateEvent():
            return f"rate: {_rate_text(event)}"
        case ScaleEvent():
            return f"scale: counts = (value - {event.offset:g}) x {event.factor:g}"
        case BoardEvent():
            return f"board: {event.name}, {event.rate_hz:g} Hz{_other_program(event)}"
        case BoardDiffersEvent():
            where = "" if event.time_s is None else f"{clock_text(event.time_s)}  "
            return (
                f"{where}sample {event.sample}: the board says {event.board}; "
                f"the simulator says {event.simulator}"
            )
        case BeatEvent():
            shares = dict(zip(program.labels, confidence(program, event.scores), strict=True))
            rr = f"RR {event.rr_s * 1000:4.0f} ms" if event.rr_s else "RR    ? ms"
            return (
                f"{clock_text(event.time_s)}  {event.label:<8} {shares[event.label]:4.2f}  {rr}  "
                f"{event.quality}"
            )
        case GapEvent():
            return f"{clock_text(event.time_s)}  gap of {event.seconds:.2f} s ({event.reason})"
        case LeadOffEvent(off=True):
            return f"{clock_text(event.time_s)}  lead off: check the electrodes"
        case LeadOffEvent():
            return f"{clock_text(event.time_s)}  leads on again after {event.seconds:.2f} s"
        case SilenceEvent():
            return f"{clock_text(event.time_s)}  nothing has come for {event.seconds:.0f} s"
        case UnpluggedEvent():
            return f"{clock_text(event.time_s)}  {event.port} is gone, waiting for it"
        case ReconnectEvent():
            return f"{clock_text(event.time_s)}  {event.port} is back after {event.seconds:.1f} s"
        case ClippedEvent():
            return f"{clock_text(event.time_s)}  clipped: the converter is at its limit"
        case SummaryEvent():
            return _summary_text(event)
        case _:
            return None


def _other_program(event: BoardEvent) -> str:
    """Say it when the board's beats are those of another program."""
    if event.same_program is not False:
        return ""
    return "; it runs another program than the simulator, so their beats are not compared"


def _rate_text(event: RateEvent) -> str:
    source = {
        "clock": "by its clock",
        "arrival": "by arrival",
        "given": "as given",
        "board": "as the board says",
        "file": "as the file says",
    }[event.source]
    text = f"{event.measured_hz:.2f} Hz {source}"
    if event.resampled:
        return f"{text}, resampled from {event.used_hz:g} to {event.program_hz} Hz"
    return f"{text}, taken as {event.program_hz} Hz, not resampled"


def _summary_text(event: SummaryEvent) -> str:
    classes = ", ".join(f"{label} {count}" for label, count in event.classes.items())
    rate = f", {event.heart_rate_bpm:.0f}/min" if event.heart_rate_bpm else ""
    rest = "".join(f"; {text}" for text in [*_board_text(event), *_troubles(event)])
    return f"{event.beats} beats in {event.seconds:.1f} s{rate}: {classes}{rest}"


def _board_text(event: SummaryEvent) -> list[str]:
    """How the beats of a board that classifies itself compare."""
    if event.board is None:
        return []
    beats, compared, wrong = (event.board[key] for key in ("beats", "compared", "mismatches"))
    if not compared:
        return [f"board: {beats} beats, none compared"]
    agree = f"{compared - wrong} agree, {wrong} DIFFER" if wrong else "all agree"
    text = f"board: {beats} beats, {compared} compared with the simulator, {agree}"
    if beats <= compared:
        return [text]
    return [text, f"{beats - compared} not compared: both had not begun together, or it ended"]


def _troubles(event: SummaryEvent) -> list[str]:
    """What went wrong on the way, if anything."""
    happened = {
        f"gaps {event.gaps} ({event.gap_s:.1f} s)": event.gaps,
        f"lead off {event.lead_off} ({event.lead_off_s:.1f} s)": event.lead_off,
        f"lost samples {event.lost_samples}": event.lost_samples,
        f"damaged lines {event.damaged_lines}": event.damaged_lines,
        f"garbage {event.garbage_bytes} B": event.garbage_bytes,
        f"clipped {event.clipped}": event.clipped,
        f"reconnected {event.reconnects}": event.reconnects,
    }
    return [text for text, count in happened.items() if count]


class JsonLines:
    """Prints every event but the signal as one JSON object a line.

    Parameters
    ----------
    write : callable
        Takes one line.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def take(self, event: Event) -> None:
        """Print one event."""
        if not isinstance(event, SamplesEvent | SignalEvent):
            self._write(json.dumps(as_json(event)))

    def refresh(self, now_s: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class PlainLines:
    """Prints one line about every event.

    Parameters
    ----------
    write : callable
        Takes one line.
    program : Program
        For the scores.
    """

    def __init__(self, write: Callable[[str], object], program: Program) -> None:
        self._write = write
        self._program = program

    def take(self, event: Event) -> None:
        """Print one event."""
        text = describe(event, self._program)
        if text is not None:
            self._write(text)

    def refresh(self, now_s: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class LiveView:
    """Draws the stream in a terminal.

    Parameters
    ----------
    console : Console
        Where to draw.
    session : Session
        What is drawn, besides the events.
    recording : str or None
        Where the stream is recorded.
    """

    def __init__(self, console: Console, session: Session, recording: str | None = None) -> None:
        self._console = console
        self._session = session
        self._program = session.program
        self._recording = recording
        self._span = round(PICTURE_S * session.program.fs)
        self._signal = np.empty(0, np.int32)
        self._newest = 0
        self._beats: deque[BeatEvent] = deque(maxlen=200)
        self._breaks: deque[int] = deque(maxlen=200)
        self._news: deque[str] = deque(maxlen=3)
        self._rate: RateEvent | None = None
        self._status = "waiting for data"
        self._last: SummaryEvent | None = None
        self._drawn_s = -REFRESH_S
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def take(self, event: Event) -> None:
        """Take one event."""
        match event:
            case SignalEvent():
                self._signal = np.concatenate([self._signal, event.counts])[-self._span :]
                self._newest = event.first + len(event.counts) - 1
                self._status = ""
            case BeatEvent():
                self._beats.append(event)
            case RateEvent():
                self._rate = event
            case SummaryEvent():
                self._last = event
            case SilenceEvent() | UnpluggedEvent():
                self._note(event)
                self._status = describe(event, self._program) or ""
            case GapEvent() | LeadOffEvent():
                self._note(event)
                self._breaks.append(self._newest + 1)
            case (
                ReconnectEvent() | ClippedEvent() | ScaleEvent() | BoardEvent() | BaudEvent()
                | BoardDiffersEvent()
            ):  # fmt: skip
                self._note(event)
            case _:
                pass

    def refresh(self, now_s: float) -> None:
        """Draw again when it is time."""
        if now_s - self._drawn_s >= REFRESH_S:
            self._drawn_s = now_s
            self._live.update(self.render(), refresh=True)

    def close(self) -> None:
        """Leave the last picture, and the summary under it."""
        self._live.update(self.render(), refresh=True)
        self._live.stop()
        if self._last is not None:
            self._console.print(_summary_text(self._last), highlight=False)

    def render(self) -> RenderableType:
        """Return the screen."""
        width = max(self._console.size.width - 2, 20)
        height = min(max(self._console.size.height - 18, 4), 10)
        return Group(
            self._head(),
            self._model(),
            self._pulse(),
            self._marks(width),
            *(Text(line, style="bright_white") for line in self._picture(width, height)),
            Text(f"{PICTURE_S:g} s".rjust(width), style="dim"),
            self._table(),
            self._totals(),
            *(Text(line, style="dim", no_wrap=True) for line in self._news),
            Text(f"{NOTICE}  Ctrl-C ends.", style="dim"),
        )

    def _note(self, event: Event) -> None:
        text = describe(event, self._program)
        if text:
            self._news.append(text)

    def _colour(self, label: str) -> str:
        return COLOURS[self._program.labels.index(label) % len(COLOURS)]

    def _head(self) -> Text:
        session = self._session
        parts = [session.options.source, session.format_name or "recognizing the format"]
        if self._rate is None:
            parts.append("measuring the rate" if session.format_name else "")
        else:
            parts.append(_rate_text(self._rate))
        text = Text(" · ".join(part for part in parts if part), style="bold", no_wrap=True)
        now_hz = session.current_hz
        if now_hz is not None:
            text.append(f"  now {now_hz:.1f} Hz", style="dim")
        return text

    def _pulse(self) -> Text:
        session = self._session
        rate = session.tally.heart_rate
        text = Text(no_wrap=True)
        text.append("♥ ", style="red")
        text.append(f"{rate:3.0f}" if rate else " --", style="bold")
        text.append(f" /min   {clock_text(session.time_s)}   ")
        if session.lead_is_off:
            text.append(" LEAD OFF: check the electrodes ", style="bold white on red")
        elif self._status:
            text.append(self._status, style="bold yellow")
        else:
            text.append("leads on", style="green")
        return text

    def _model(self) -> Text:
        text = f"{self._program.name} ({' '.join(self._program.labels)})"
        if self._recording:
            text += f" · recording into {self._recording}"
        return Text(text, style="dim", no_wrap=True)

    def _marks(self, width: int) -> Text:
        line = Text(no_wrap=True)
        gaps = [(number, "┊") for number in self._breaks]
        beats = [(beat.sample, beat.label) for beat in self._beats]
        place = 0
        for column, label in marks(gaps + beats, self._newest, width, self._span):
            line.append(" " * (column - place))
            line.append(label[0], style="dim" if label == "┊" else f"bold {self._colour(label)}")
            place = column + 1
        return line

    def _picture(self, width: int, height: int) -> list[str]:
        return braille(self._signal, width, height, self._span)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("time", "class", "share", "RR ms", "scores", "quality"):
            table.add_column(name, justify="right" if name in ("share", "RR ms") else "left")
        rows = min(max(self._console.size.height - 26, 4), 8)
        shown = list(self._beats)[-rows:][::-1]
        for beat in shown:
            shares = dict(
                zip(self._program.labels, confidence(self._program, beat.scores), strict=True)
            )
            table.add_row(
                clock_text(beat.time_s),
                Text(beat.label, style=f"bold {self._colour(beat.label)}"),
                f"{shares[beat.label]:.2f}",
                f"{beat.rr_s * 1000:.0f}" if beat.rr_s else "?",
                " ".join(str(score) for score in beat.scores),
                str(beat.quality),
            )
        for _ in range(rows - len(shown)):
            table.add_row("", "", "", "", "", "")
        return table

    def _totals(self) -> Text:
        text = Text(no_wrap=True)
        for label, count in self._session.tally.classes.items():
            text.append(f"{label} {count}   ", style=f"bold {self._colour(label)}")
        troubles = _troubles(self._session.summary())
        text.append("   ".join(troubles) or "no gaps, nothing lost", style="dim")
        return text
