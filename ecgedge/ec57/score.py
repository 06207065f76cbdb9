"""Score annotation files against reference annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ecgedge.ec57.annotations import Annotations
from ecgedge.ec57.classes import class_map
from ecgedge.ec57.figures import extra, figures, found, missed
from ecgedge.ec57.lines import FORMATS, beat_line, shutdown_line
from ecgedge.ec57.matrix import add, count
from ecgedge.ec57.mit_format import read_annotations
from ecgedge.ec57.pairing import LEARNING_S, WINDOW_S, Span, pair_beats, span_of
from ecgedge.ec57.sources import Task, Tasks
from ecgedge.ec57.summary import Row, average, gross, mean_rr_error_ms
from ecgedge.ec57.timebase import at_one_rate
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class Options:
    """How to compare.

    Attributes
    ----------
    window_s : float
        Beats at most so far apart can be one.
    start_s, end_s : float, float or None
        Where the comparison begins and ends; by default the end of the record, or of the reference
        when the record's length is not known. An end of 0 is that of the file that ends first.
    aami_map : str
        See `ecgedge.ec57.classes.class_map`.
    fs : float or None
        Rate of annotations of which neither a header nor they themselves say one.
    """

    window_s: float = WINDOW_S
    start_s: float = LEARNING_S
    end_s: float | None = None
    aami_map: str = "bxb"
    fs: float | None = None


@dataclass(frozen=True)
class Score:
    """One record.

    Attributes
    ----------
    row : Row
        Matrix, RR-interval error and shutdown time.
    task : Task
    span : Span
        What was compared.
    notes : tuple of str
        What a reader of the figures has to know.
    """

    row: Row
    task: Task
    span: Span
    notes: tuple[str, ...] = field(default=())


def score(task: Task, options: Options) -> Score:
    """Score one record.

    Raises
    ------
    EcgedgeError
        When a file cannot be read, no rate is known, or nothing is left to compare.
    """
    reference, test = read_annotations(task.reference), read_annotations(task.test)
    timed = at_one_rate(reference, test, (task.reference, task.test), options.fs)
    try:
        span = span_of(
            timed.fs,
            timed.length,
            window_s=options.window_s,
            start_s=options.start_s,
            end_s=options.end_s,
        )
    except EcgedgeError as error:
        raise EcgedgeError(f"record {task.record}: {error}") from error
    pairing = pair_beats(timed.reference, timed.test, span, class_map(options.aami_map))
    row = Row(task.record, count(pairing.pairs), pairing.rr_error_ms, pairing.shutdown_s)
    notes = (*timed.notes, *_empty(task, reference, test), *_nothing_compared(row))
    return Score(row, task, span, notes)


def _empty(task: Task, reference: Annotations, test: Annotations) -> list[str]:
    sides = ((task.reference, reference), (task.test, test))
    return [f"{path} holds no annotations." for path, side in sides if not len(side)]


def _nothing_compared(row: Row) -> list[str]:
    if any(row.matrix.values()):
        return []
    return [f"record {row.record} has no beats in the time that is compared."]


def as_json(scores: Sequence[Score], tasks: Tasks, options: Options) -> dict[str, Any]:
    """Return everything as JSON values; shares are 0 to 1, None where undefined.

    Parameters
    ----------
    scores : sequence of Score
    tasks : Tasks
        What was asked for.
    options : Options
    """
    rows = [score.row for score in scores]
    whole = add(row.matrix for row in rows)
    return {
        "records": {score.row.record: _record(score) for score in scores},
        "gross": {name: share.value for name, share in gross(whole).items()},
        "average": {
            **average([row.matrix for row in rows]),
            "RR_error_ms": mean_rr_error_ms(rows),
        },
        "matrix": whole,
        "options": {
            "window_s": options.window_s,
            "start_s": options.start_s,
            "end_s": options.end_s,
            "aami_map": options.aami_map,
        },
        "left_out": {side: list(names) for side, names in tasks.left_out.items()},
    }


def _record(score: Score) -> dict[str, Any]:
    row = score.row
    shares = {name: share.value for name, share in figures(row.matrix).items()}
    style = FORMATS["L"]
    lines = (
        beat_line(style, row.record, row.matrix, row.rr_error_ms),
        shutdown_line(style, row.record, row.matrix, row.shutdown_s),
    )
    return {
        "matrix": dict(row.matrix),
        "se": shares["QRS_se"],
        "ppv": shares["QRS_ppv"],
        **shares,
        "found": found(row.matrix),
        "missed": missed(row.matrix),
        "extra": extra(row.matrix),
        "rr_error_ms": row.rr_error_ms,
        "shutdown_s": row.shutdown_s,
        "fs": score.span.fs,
        "line_1": " ".join(lines[0].split()),
        "line_2": " ".join(lines[1].split()),
        "notes": list(score.notes),
    }
