"""What the virtual board replays: a WFDB record, or a CSV file read as the stream would read it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecgedge.stream.intake import Intake, too_large
from ecgedge.stream.rate import RateMeter, rate_to_use
from ecgedge.stream.wire import Garbage, Sample
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class Recording:
    """Samples to replay.

    Attributes
    ----------
    name : str
        For people.
    values : sequence of float
        Counts, or whatever numbers the CSV file holds.
    rate_hz : float
        Samples per second.
    gain : float or None
        Counts per millivolt; None where the file does not say.
    baseline : float
        Counts at 0 mV.
    """

    name: str
    values: Sequence[float]
    rate_hz: float
    gain: float | None = None
    baseline: float = 0.0

    def part(self, start_s: float, seconds: float | None) -> "Recording":
        """Return a part of it.

        Raises
        ------
        EcgedgeError
            When it ends before the part begins.
        """
        first = round(start_s * self.rate_hz)
        last = None if seconds is None else first + round(seconds * self.rate_hz)
        values = self.values[first:last]
        if not len(values):
            length_s = len(self.values) / self.rate_hz
            raise EcgedgeError(
                f"{self.name} is {length_s:.1f} s long; choose another --start or --seconds."
            )
        return replace(self, values=values)


def recording_of_record(folder: Path, name: str, lead: str, rate_hz: float | None) -> Recording:
    """Read a WFDB record, resampled when another rate is wanted.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record name.
    lead : str
        As in `ecgedge.data.record.read_record`.
    rate_hz : float or None
        Rate to replay it at; None keeps its own.
    """
    from ecgedge.data.record import read_record, resample_record

    record = read_record(folder, name, lead)
    if rate_hz is not None:
        record = resample_record(record, rate_hz)
    return Recording(
        f"record {name}, lead {record.lead}",
        record.counts.tolist(),
        record.fs,
        record.gain,
        record.baseline,
    )


def recording_of_csv(path: Path, rate_hz: float | None) -> Recording:
    """Read a CSV file, or lines of numbers.

    Parameters
    ----------
    path : Path
        The file; gaps in it are not kept.
    rate_hz : float or None
        Its rate; None takes it from its time column.

    Raises
    ------
    EcgedgeError
        When it cannot be read, holds no samples, a NaN, too large a value, or neither a clock nor
        a rate.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EcgedgeError(f"{path} cannot be read: {error.strerror}.") from None
    intake = Intake(None, str(path))
    events = [event for event, _ in [*intake.feed(data, 0.0), *intake.finish(0.0)]]
    meter = RateMeter(live=False)
    values = []
    for event in events:
        if isinstance(event, Garbage) and event.reason == "not a number":
            raise EcgedgeError(
                f"{path}, line {event.line}: there is no number where a sample belongs; remove or "
                "fill the line."
            )
        if isinstance(event, Garbage) and event.reason == "too large":
            raise EcgedgeError(too_large(str(path)))
        if isinstance(event, Sample):
            values.append(event.value)
            meter.sample(event.ticks, 0.0)
    intake.complain()
    if rate_hz is None:
        rate = meter.measure(intake.tick_s, hurry=True)
        if rate is None:
            raise EcgedgeError(f"{path} has no time column; give its rate with --rate HZ.")
        rate_hz = rate_to_use(rate.measured_hz, round(rate.measured_hz))
    return Recording(str(path), values, rate_hz)
