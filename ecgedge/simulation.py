"""The firmware on a recording: what it says of the beats, and how true that is."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ecgedge.data.annotations import write_beat_annotations
from ecgedge.data.labels import AAMI_CLASSES, aami_index
from ecgedge.data.record import Record, read_record, resample_record
from ecgedge.evaluation.matching import LEARNING_S, flutter_periods, match_beats
from firmware_sim.detector_timing import BLOCK_MS, timing
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic
from firmware_sim.pipeline import Beat, run
from firmware_sim.program import Program

SHORT_S = 2 * LEARNING_S
"""A recording shorter than this is scored from the detector's own learning on, not from 5:00."""
STRIP_S = 20
"""Seconds in a picture."""
DETECTOR_LEARNING_S = 3 * BLOCK_MS / 1000
COLUMNS = (
    "sample", "time_s", "label", "scores", "rr_s", "context", "quality", "search_back",
)  # fmt: skip


@dataclass(frozen=True)
class Simulation:
    """A recording and what the firmware made of it.

    Attributes
    ----------
    record : Record
        At the program's rate.
    beats : tuple of Beat
    original_fs : float
        Rate of the recording before it was resampled, Hz.
    flutter : tuple of (first, last)
        Periods of ventricular flutter, in samples of `record`.
    """

    record: Record
    beats: tuple[Beat, ...]
    original_fs: float
    flutter: tuple[tuple[int, int], ...] = ()


def simulate_record(program: Program, folder: Path, name: str, lead: str = "MLII") -> Simulation:
    """Run a program on a WFDB record.

    Parameters
    ----------
    program : Program
    folder : Path
        Folder of the database.
    name : str
        Record name.
    lead : str
        As in `ecgedge.data.record.read_record`.
    """
    record = read_record(folder, name, lead)
    flutter = flutter_periods(folder, name, len(record.counts))
    return _simulate(program, record, flutter)


def simulate_csv(program: Program, path: Path, rate_hz: float | None = None) -> Simulation:
    """Run a program on a CSV file, read as the stream reads one.

    Parameters
    ----------
    program : Program
    path : Path
        One column of samples, or time and samples.
    rate_hz : float, optional
        Its rate; by default it comes from its time column.
    """
    from ecgedge.stream.device_input import recording_of_csv
    from ecgedge.stream.units import FIRST, choose_scale

    recording = recording_of_csv(path, rate_hz)
    counts = choose_scale(recording.values[:FIRST]).counts(recording.values)
    record = Record(
        name=path.name,
        database="",
        fs=float(recording.rate_hz),
        lead="csv",
        lead_is_fallback=False,
        counts=counts,
        gain=1.0,
        baseline=0,
        beat_samples=np.empty(0, np.int64),
        beat_symbols=np.empty(0, "<U1"),
    )
    return _simulate(program, record, [])


def _simulate(program: Program, record: Record, flutter: Sequence[tuple[int, int]]) -> Simulation:
    if not len(record.counts):
        raise EcgedgeError(f"{record.name} holds no samples; choose another recording.")
    resampled = resample_record(record, program.fs)
    factor = program.fs / record.fs
    return Simulation(
        resampled,
        tuple(run(program, resampled.counts)),
        record.fs,
        tuple((round(a * factor), round(b * factor)) for a, b in flutter),
    )


def summary(program: Program, simulation: Simulation) -> dict[str, Any]:
    """Return what `ecgedge simulate` reports, as JSON values.

    With reference beats there is a key ``reference``: detection Se and +P, and for each AAMI class
    how many of its beats got which label, or were missed.
    """
    record, beats = simulation.record, simulation.beats
    intervals = [beat.rr_s for beat in beats if beat.rr_s is not None]
    labels = Counter(beat.label for beat in beats)
    rate = round(60 / float(np.median(intervals)), 1) if intervals else None
    return {
        "program": program.name,
        "record": record.name,
        "lead": record.lead,
        "lead_is_fallback": record.lead_is_fallback,
        "fs": program.fs,
        "samples": len(record.counts),
        "duration_s": round(record.duration_s, 3),
        "beats": len(beats),
        "classes": {label: labels[label] for label in program.labels},
        "heart_rate_bpm": rate,
        "quality": dict(sorted(Counter(beat.quality for beat in beats).items())),
        "search_back": sum(beat.search_back for beat in beats),
        "reference": _against_reference(program, simulation) if len(record.beat_samples) else None,
    }


def _against_reference(program: Program, simulation: Simulation) -> dict[str, Any]:
    """Score the beats against the record's own, where a beat can have a whole window."""
    record = simulation.record
    start_s = LEARNING_S if record.duration_s >= SHORT_S else DETECTOR_LEARNING_S
    tail = max(program.window - program.window // 2, timing(program.fs).reach + 1)
    stop_s = (len(record.counts) - tail) / record.fs
    matching = match_beats(
        record.beat_samples,
        [beat.sample for beat in simulation.beats],
        record.fs,
        start_s=start_s,
        stop_s=stop_s,
        excluded=simulation.flutter,
    )
    names = [AAMI_CLASSES[i] for i in aami_index(record.beat_symbols)]
    table: dict[str, Counter[str]] = {name: Counter() for name in AAMI_CLASSES}
    for i, j in zip(matching.reference, matching.detected, strict=True):
        table[names[i]][simulation.beats[j].label] += 1
    for i in matching.missed:
        table[names[i]]["missed"] += 1
    extra = Counter(simulation.beats[j].label for j in matching.extra)
    columns = (*program.labels, "missed")
    return {
        "from_s": round(start_s, 3),
        "to_s": round(stop_s, 3),
        "matched": len(matching.reference),
        "missed": len(matching.missed),
        "extra": len(matching.extra),
        "sensitivity": _number(matching.sensitivity),
        "positive_predictivity": _number(matching.positive_predictivity),
        "classes": {
            name: {column: row[column] for column in columns}
            for name, row in table.items()
            if row.total()
        },
        "extra_classes": {label: extra[label] for label in program.labels},
    }


def _number(value: float) -> float | None:
    """A rate for JSON, which knows no NaN."""
    return None if value != value else round(value, 6)


def write_beats(path: Path, beats: Sequence[Beat]) -> None:
    """Write beats to a CSV or JSONL file; its ending decides.

    Raises
    ------
    EcgedgeError
        When the ending is another one.
    """
    if path.suffix == ".jsonl":
        text = "".join(json.dumps({k: asdict(b)[k] for k in COLUMNS}) + "\n" for b in beats)
    elif path.suffix == ".csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(getattr(beat, k)) for k in COLUMNS] for beat in beats)
        text = buffer.getvalue()
    else:
        raise EcgedgeError(f"{path} is neither .csv nor .jsonl; choose one of these endings.")
    write_atomic(path, text.encode())


def _cell(value: object) -> object:
    """One CSV cell; several numbers are separated by spaces."""
    if isinstance(value, tuple):
        return " ".join(str(v) for v in value)
    return int(value) if isinstance(value, bool) else value


def draw(simulation: Simulation, path: Path, at_s: float = 0.0) -> None:
    """Draw twenty seconds of the recording with the label of every beat.

    Parameters
    ----------
    simulation : Simulation
    path : Path
        PNG to write.
    at_s : float
        Where the picture begins.

    Raises
    ------
    EcgedgeError
        When the recording ends before.
    """
    if find_spec("matplotlib") is None:
        raise EcgedgeError("a picture needs matplotlib; pip install 'ecgedge[train]'.")
    from ecgedge.evaluation.strip import draw_strip
    from ecgedge.evaluation.style import save

    record = simulation.record
    first = round(at_s * record.fs)
    part = record.millivolts[first : first + round(STRIP_S * record.fs)]
    if len(part) < record.fs:
        raise EcgedgeError(
            f"{record.name} lasts {record.duration_s:.1f} s; begin the picture earlier with --at."
        )
    pairs = zip(record.beat_samples, record.beat_symbols, strict=True)
    figure = draw_strip(
        part,
        record.fs,
        [(b.sample - first, b.label) for b in simulation.beats],
        title=f"{record.database} {record.name}, {record.lead}".strip(),
        reference=[(int(sample) - first, str(symbol)) for sample, symbol in pairs],
        start_s=at_s,
    )
    save(figure, path)


def write_annotations(simulation: Simulation, extension: str, folder: Path) -> Path:
    """Write the beats as WFDB annotations, at the recording's own rate.

    Labels that are AAMI classes become beat symbols (N, S, V, F, Q); any other becomes Q with the
    label beside it.

    Parameters
    ----------
    simulation : Simulation
    extension : str
        Annotator name: letters only.
    folder : Path
        Existing folder for ``RECORD.extension``; a file of that name is replaced.

    Raises
    ------
    EcgedgeError
        When the extension is no annotator name, is ``atr`` (the reference), or there are no beats.
    """
    if not simulation.beats:
        raise EcgedgeError("there are no beats to annotate.")
    factor = simulation.original_fs / simulation.record.fs
    labels = [beat.label for beat in simulation.beats]
    return write_beat_annotations(
        folder,
        Path(simulation.record.name).stem,
        extension,
        [round(beat.sample * factor) for beat in simulation.beats],
        simulation.original_fs,
        symbols=[label if label in AAMI_CLASSES else "Q" for label in labels],
        notes=["" if label in AAMI_CLASSES else label for label in labels],
    )
