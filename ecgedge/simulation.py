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

from ecgedge.data.annotations import REFERENCE, write_beat_annotations
from ecgedge.data.labels import AAMI_CLASSES, AAMI_MAPS
from ecgedge.data.record import Record, read_record, resample_record
from ecgedge.ec57.annotations import NO_ANNOTATIONS, Annotations, annotations_of, at_rate
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.figures import figures
from ecgedge.ec57.matrix import count
from ecgedge.ec57.mit_format import read_annotations
from ecgedge.ec57.pairing import LEARNING_S, Pairing, pair_beats, span_of
from ecgedge.faults import Fault, faulty_program, faulty_record, with_faulty_inputs
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
    reference : Annotations
        All annotations of the reference, in samples of `record`; none without a reference.
    """

    record: Record
    beats: tuple[Beat, ...]
    original_fs: float
    reference: Annotations = NO_ANNOTATIONS


def simulate_record(
    program: Program,
    folder: Path,
    name: str,
    lead: str = "MLII",
    *,
    faults: Sequence[Fault] = (),
    seed: int = 0,
) -> Simulation:
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
    faults : sequence of Fault
        Of the hardware that it runs on.
    seed : int
        Of the faults.
    """
    record = read_record(folder, name, lead)
    path = Path(folder) / f"{name}.{REFERENCE}"
    reference = read_annotations(path) if path.is_file() else NO_ANNOTATIONS
    return _simulate(program, record, reference, faults, seed)


def simulate_csv(
    program: Program,
    path: Path,
    rate_hz: float | None = None,
    *,
    faults: Sequence[Fault] = (),
    seed: int = 0,
) -> Simulation:
    """Run a program on a CSV file, read as the stream reads one.

    Parameters
    ----------
    program : Program
    path : Path
        One column of samples, or time and samples.
    rate_hz : float, optional
        Its rate; by default it comes from its time column.
    faults, seed
        As in `simulate_record`.
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
    return _simulate(program, record, NO_ANNOTATIONS, faults, seed)


def _simulate(
    program: Program,
    record: Record,
    reference: Annotations,
    faults: Sequence[Fault],
    seed: int,
) -> Simulation:
    if not len(record.counts):
        raise EcgedgeError(f"{record.name} holds no samples; choose another recording.")
    program = faulty_program(program, faults, (seed, 0))  # as the first program of a sweep
    resampled = resample_record(faulty_record(record, faults), program.fs)
    beats = run(program, resampled.counts)
    return Simulation(
        resampled,
        tuple(with_faulty_inputs(program, resampled.counts, beats, faults)),
        record.fs,
        at_rate(reference, reference.fs or record.fs, program.fs),
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
    record, beats = simulation.record, simulation.beats
    start_s = LEARNING_S if record.duration_s >= SHORT_S else DETECTOR_LEARNING_S
    tail = max(program.window - program.window // 2, timing(program.fs).reach + 1)
    stop = len(record.counts) - tail
    pairing = _pair(simulation, start_s, stop)
    shares = figures(count(pairing.pairs))
    symbols = simulation.reference.symbols
    table: dict[str, Counter[str]] = {name: Counter() for name in AAMI_CLASSES}
    for i, j in pairing.matched():
        table[AAMI_MAPS["aami"][symbols[i]]][beats[j].label] += 1
    for i in pairing.missed():
        table[AAMI_MAPS["aami"][symbols[i]]]["missed"] += 1
    extra = Counter(beats[j].label for j in pairing.extra())
    columns = (*program.labels, "missed")
    return {
        "from_s": round(start_s, 3),
        "to_s": round(stop / record.fs, 3),
        "matched": len(pairing.matched()),
        "missed": len(pairing.missed()),
        "extra": len(pairing.extra()),
        "sensitivity": _number(shares["QRS_se"].value),
        "positive_predictivity": _number(shares["QRS_ppv"].value),
        "classes": {
            name: {column: row[column] for column in columns}
            for name, row in table.items()
            if row.total()
        },
        "extra_classes": {label: extra[label] for label in program.labels},
    }


def _pair(simulation: Simulation, start_s: float, stop: int) -> Pairing:
    """Pair the beats from `start_s` on and before sample `stop` with those of the reference."""
    fs = simulation.record.fs
    if stop - 1 <= start_s * fs:
        return Pairing((), None, 0)
    return pair_beats(
        simulation.reference,
        annotations_of([beat.sample for beat in simulation.beats]),
        span_of(fs, stop - 1, start_s=start_s),
        class_map("aami"),
    )


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


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
    label beside it. Without beats the file holds no annotations.

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
        When the extension is no annotator name, or is ``atr`` (the reference).
    """
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
