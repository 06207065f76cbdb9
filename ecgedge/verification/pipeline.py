"""The whole way from ADC counts to labels on recordings, engine against simulator."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.record import read_record, resample_record
from ecgedge.verification.engines import (
    ENGINES,
    EngineUnavailable,
    RunsStreams,
    make_engine,
)
from ecgedge.verification.firmware import Table, table_of
from export.bundle import Bundle
from firmware_sim import pipeline
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

NO_STREAMS = "it runs beats, not streams of samples."


@dataclass(frozen=True, eq=False)
class Recording:
    """A stream of samples, and what the simulator makes of it.

    Attributes
    ----------
    name : str
    counts : (n,) int16
        At the program's rate.
    expected : (beats,) of `firmware.beat_type`
    """

    name: str
    counts: NDArray[np.int16]
    expected: Table


@dataclass
class PipelineReport:
    """What became of one engine.

    Attributes
    ----------
    samples, beats : int
        How many it was given, and how many beats it had to find.
    mismatches : int
        Beats that differ in any field, are missing or too many.
    first_difference : str or None
    skipped, error : str or None
        Why it could not run; what broke while it ran.
    """

    samples: int = 0
    beats: int = 0
    mismatches: int = 0
    first_difference: str | None = None
    skipped: str | None = None
    error: str | None = None
    records: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it was skipped, or ran and never differed."""
        ran = self.error is None and self.mismatches == 0 and self.samples > 0
        return self.skipped is not None or ran

    def json(self) -> dict[str, Any]:
        """Return the report as JSON values, without what is empty."""
        found = {k: v for k, v in vars(self).items() if v is not None and v != []}
        return found


def read_recording(
    program: Program, folder: Path, name: str, seconds: float | None = None
) -> Recording:
    """Read a record at the program's rate and run the simulator on it.

    Parameters
    ----------
    program : Program
    folder : Path
        Folder of the database.
    name : str
        Record; lead MLII where it has it.
    seconds : float, optional
        Take only its beginning.
    """
    record = resample_record(read_record(folder, name), program.fs)
    stop = None if seconds is None else round(seconds * program.fs)
    counts = record.counts[:stop].astype(np.int16)
    return Recording(name, counts, table_of(program, pipeline.run(program, counts)))


def first_difference(record: str, expected: Table, found: Table) -> str | None:
    """Say where two tables of beats begin to differ; None when they are equal."""
    for i, (a, b) in enumerate(zip(expected, found, strict=False)):
        for name in expected.dtype.names or ():
            if not np.array_equal(a[name], b[name]):
                return (
                    f"record {record}, beat {i} (R peak at sample {a['sample']}), {name}: "
                    f"expected {a[name].tolist()}, found {b[name].tolist()}"
                )
    if len(expected) != len(found):
        return f"record {record}: expected {len(expected)} beats, found {len(found)}"
    return None


def mismatches(expected: Table, found: Table) -> int:
    """Count the beats that differ in any field, are missing or too many."""
    n = min(len(expected), len(found))
    differs = np.zeros(n, dtype=bool)
    for name in expected.dtype.names or ():
        unequal = expected[name][:n] != found[name][:n]
        differs |= unequal.any(axis=tuple(range(1, unequal.ndim)))
    return int(differs.sum()) + max(len(expected), len(found)) - n


def _compare(report: PipelineReport, engine: RunsStreams, recording: Recording) -> None:
    """Run one engine on one recording and count what differs."""
    try:
        found = engine.pipeline(recording.counts)
    except Exception as error:  # an engine may break in any way; that is a finding, not a crash
        problem = " ".join(str(error).split())[:300]
        report.error = report.error or f"record {recording.name}: {problem}"
        return
    report.records.append(recording.name)
    report.samples += len(recording.counts)
    report.beats += len(recording.expected)
    report.mismatches += mismatches(recording.expected, found)
    if report.first_difference is None:
        report.first_difference = first_difference(recording.name, recording.expected, found)


def _open(
    bundle: Bundle, names: Sequence[str] | None
) -> tuple[dict[str, RunsStreams], dict[str, PipelineReport]]:
    """Make the engines that run streams; say of the others why they do not."""
    opened: dict[str, RunsStreams] = {}
    reports: dict[str, PipelineReport] = {}
    for name in names if names is not None else ENGINES:
        try:
            engine: object = make_engine(name, bundle)
        except EngineUnavailable as reason:
            if names is not None:
                raise
            reports[name] = PipelineReport(skipped=str(reason))
            continue
        if isinstance(engine, RunsStreams):
            opened[name] = engine
        elif names is not None:
            raise EcgedgeError(f"the engine {name} cannot be used with --pipeline: {NO_STREAMS}")
        else:
            reports[name] = PipelineReport(skipped=NO_STREAMS)
    return opened, reports


def verify_pipeline(
    bundle: Bundle,
    folder: Path,
    records: Sequence[str],
    *,
    engines: Sequence[str] | None = None,
    seconds: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, PipelineReport]:
    """Compare the beats of engines with the simulator's, sample by sample.

    Parameters
    ----------
    bundle : Bundle
    folder : Path
        Folder of the database.
    records : sequence of str
    engines : sequence of str, optional
        Names from `ecgedge.verification.engines.ENGINES`; all that run streams when not given.
    seconds : float, optional
        Only the beginning of each record.
    progress : callable, optional
        Called with (recordings done by all engines, recordings in all).

    Returns
    -------
    dict of engine name to PipelineReport

    Raises
    ------
    EcgedgeError
        When a named engine does not exist, cannot run here, or runs no streams.
    """
    opened, reports = _open(bundle, engines)
    reports |= {name: PipelineReport() for name in opened}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, record in enumerate(records, start=1):
            recording = read_recording(bundle.program, folder, record, seconds)
            jobs = [
                pool.submit(_compare, reports[name], engine, recording)
                for name, engine in opened.items()
            ]
            for job in jobs:
                job.result()
            if progress is not None:
                progress(done, len(records))
    return {name: reports[name] for name in ENGINES if name in reports}
