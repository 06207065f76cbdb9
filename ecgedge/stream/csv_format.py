"""CSV lines: a clock and a value, or several columns, with or without a header."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ecgedge.stream.text_formats import NO_NUMBER, LineParser, number
from ecgedge.stream.wire import Gap, LeadOff, Sample, WireEvent

HOLD = 50
"""Rows without a header that are held back until the columns are clear."""

_UNITS = {
    "us": 1e-6, "µs": 1e-6, "usec": 1e-6, "micros": 1e-6, "microseconds": 1e-6,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "milliseconds": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0,
}  # fmt: skip
_TIMES = {"time", "timestamp", "t", "elapsed", "elapsed_time", *_UNITS}
_VALUES = {
    "ecg", "value", "values", "count", "counts", "adc", "raw", "signal", "data", "amplitude", "mv",
    "millivolts", "voltage", "lead", "mlii", "i", "ii", "iii", "v", "v1", "v2", "v3", "v4", "v5",
    "v6", "ch0", "ch1", "a0",
}  # fmt: skip
_VALUE_UNITS = {"mv", "uv", "v", "counts", "raw", "adc", "filtered", "ch1"}
_INDICES = {"sample", "sample_#", "samples", "index", "n", "no", "nr"}
_OFFS = {"lead_off", "leadoff", "leads_off", "lo", "lo+", "lo-", "lo_plus", "lo_minus"}
_GAPS = {"gap"}


@dataclass(frozen=True)
class Columns:
    """Which column is what.

    Attributes
    ----------
    value : int
        The signal.
    time : int or None
        The clock.
    gaps, offs : tuple of int
        Anything but 0 there marks a gap before the row, or a lead that is off.
    tick_s : float or None
        Unit of the clock in seconds, where a header names it.
    """

    value: int
    time: int | None = None
    gaps: tuple[int, ...] = ()
    offs: tuple[int, ...] = ()
    tick_s: float | None = None

    @property
    def read(self) -> tuple[int, ...]:
        """The columns that must hold numbers."""
        return (self.value,) if self.time is None else (self.time, self.value)


_PAIR = Columns(1, 0)
_PAIR_LINE = re.compile(rb"(\d{1,18}),(-?\d{1,18})")


def _plain_name(field: bytes) -> str:
    """``b"'Time [ms]'"`` -> ``"time_ms"``."""
    text = field.decode(errors="replace").strip("\"' ").lower()
    return re.sub(r"[\s_\[\]()/]+", "_", text).strip("_")


def _kind(name: str) -> str | None:
    """Say what a column of this name holds: time, value, index, gap, off; None if unknown."""
    stem, _, unit = name.rpartition("_")
    if name in _TIMES or (stem in _TIMES and unit in _UNITS):
        return "time"
    if name in _VALUES or (stem in _VALUES and unit in _VALUE_UNITS):
        return "value"
    kinds = {"index": _INDICES, "gap": _GAPS, "off": _OFFS}
    return next((kind for kind, names in kinds.items() if name in names), None)


def columns_of_header(fields: Sequence[bytes]) -> Columns | None:
    """Read a header line.

    It is one when every name is known, or when the first is a clock or a row number. Of several
    signals the one that is called ECG is taken, otherwise the first.

    Returns
    -------
    Columns or None
        None when the line is no header.
    """
    names = [_plain_name(field) for field in fields]
    names[0] = names[0].removeprefix("#").lstrip("_")  # "# time,ecg"
    kinds = [_kind(name) for name in names]
    if not all(kinds) and kinds[0] not in ("time", "index"):
        return None
    signals = [i for i, kind in enumerate(kinds) if kind in ("value", None)]
    if not signals:
        return None
    named = [i for i in signals if names[i].startswith("ecg")]
    time = kinds.index("time") if "time" in kinds else None
    unit = None if time is None else _UNITS.get(names[time].rpartition("_")[2])
    return Columns(
        value=(named or signals)[0],
        time=time,
        gaps=tuple(i for i, kind in enumerate(kinds) if kind == "gap"),
        offs=tuple(i for i, kind in enumerate(kinds) if kind == "off"),
        tick_s=unit,
    )


def columns_of_rows(rows: Sequence[Sequence[float]]) -> Columns:
    """Tell the columns of rows without a header.

    The first column is a clock when it never goes back (but for the first row, which may have been
    cut) and moves on in steps of about one size. Steps of exactly 1 are row numbers, not a clock:
    the rate is then unknown. Otherwise the first column is the signal.
    """
    if statistics.mode(len(row) for row in rows) < 2:
        return Columns(0)
    clock = [row[0] for row in rows[1:] if len(row) > 1]
    steps = [b - a for a, b in pairwise(clock)]
    moves = sorted(step for step in steps if step > 0)
    if len(rows) < 3 or (steps and set(steps) == {1}):
        return Columns(1, 0) if len(rows) < 3 else Columns(1)
    if not moves or min(steps) < 0:
        return Columns(0)
    jumps = sum(1 for step in moves if step > 4 * moves[len(moves) // 2])
    return Columns(1, 0) if jumps <= len(steps) // 8 else Columns(0)


class CsvParser(LineParser):
    """``time,value`` with comma, semicolon, tab or blanks between; headers and banners may occur.

    Without a header up to `HOLD` rows are held back until the columns are clear; nothing is lost.
    A row whose value is ``!`` is a lead that is off.
    """

    def __init__(self) -> None:
        super().__init__()
        self.columns: Columns | None = None
        self._header_width = 0
        self._held: list[list[float] | None] = []

    @property
    def buffered(self) -> int:
        """Bytes of the unfinished line, and rows held back."""
        return len(self._rest) + len(self._held)

    def finish(self) -> list[WireEvent]:
        """Read what is left; decide with what there is."""
        events = super().finish()
        self._decide()
        return events + self._take()

    def _line(self, line: bytes, size: int) -> bool:
        if (
            self.columns == _PAIR
            and not self._header_width
            and (pair := _PAIR_LINE.fullmatch(line))
        ):
            self._events.append(Sample(int(pair[2]), int(pair[1])))  # the same, but faster
            return True
        separator = next((mark for mark in (b",", b";", b"\t") if mark in line), None)
        fields = [field.strip() for field in line.split(separator)]
        if len(fields) > 2 and not fields[-1]:
            fields.pop()
        values = [number(field) for field in fields]
        if self._header_width and len(fields) != self._header_width and None not in values:
            self.columns = None  # the header did not belong to these rows
            self.tick_s = None
        first_row = None not in values
        if first_row:
            self._header_width = 0
        if self.columns is not None:
            return self._row(self.columns, line, fields, values, size)
        if first_row:
            self._hold([value for value in values if value is not None])
            return len(fields) > 1
        return self._odd_line(line, fields, values, size)

    def _lead_off(self) -> None:
        if self.columns is None:
            self._hold(None)
        else:
            self._events.append(LeadOff())

    def _hold(self, row: list[float] | None) -> None:
        self._held.append(row)
        if len(self._held) >= HOLD:
            self._decide()

    def _odd_line(
        self, line: bytes, fields: list[bytes], values: list[float | None], size: int
    ) -> bool:
        """A line that is not all numbers, while the columns are not known."""
        if len(fields) > 1 and fields[-1] == b"!" and None not in values[:-1]:
            self._lead_off()
            return True
        if any(map(NO_NUMBER.fullmatch, fields)) and any(v is not None for v in values):
            return self._not_a_number(size)
        columns = columns_of_header(fields) if values.count(None) == len(values) else None
        if columns is None:
            return self._reject(line, size)
        self._decide()
        self._use(columns)
        self._header_width = len(fields)
        return True

    def _use(self, columns: Columns) -> None:
        self.columns = columns
        self.tick_s = columns.tick_s

    def _decide(self) -> None:
        """Settle the columns by the rows held back, and let them go."""
        rows = [row for row in self._held if row is not None]
        if rows and self.columns is None:
            self._use(columns_of_rows(rows))
        held, self._held = self._held, []
        for row in held:
            if row is None:
                self._events.append(LeadOff())
            elif self.columns is not None and len(row) > max(self.columns.read):
                self._emit(self.columns, row)
            else:
                self._garbage(1, "text")

    def _emit(self, columns: Columns, row: Sequence[float | None]) -> None:
        ticks = None if columns.time is None else row[columns.time]
        value = row[columns.value]
        assert value is not None
        if any(i < len(row) and row[i] for i in columns.gaps):
            self._events.append(Gap())
        if any(i < len(row) and row[i] for i in columns.offs):
            self._events.append(LeadOff(ticks))
        else:
            self._events.append(Sample(value, ticks))

    def _row(
        self,
        columns: Columns,
        line: bytes,
        fields: list[bytes],
        values: list[float | None],
        size: int,
    ) -> bool:
        """A line, once the columns are known."""
        if len(fields) <= max(columns.read):
            return self._reject(line, size)
        if all(values[i] is not None for i in columns.read):
            self._emit(columns, values)
            return True
        if fields[columns.value] == b"!":
            ticks = None if columns.time is None else values[columns.time]
            self._events.append(LeadOff(ticks))
            return True
        if columns_of_header(fields) is not None and values.count(None) == len(values):
            return True
        if any(values[i] is None and NO_NUMBER.fullmatch(fields[i]) for i in columns.read):
            return self._not_a_number(size)
        return self._reject(line, size)
