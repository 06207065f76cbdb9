"""From a run or a bundle to its report: read, predict, measure, write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgedge.data.splits import get_split
from ecgedge.evaluation.bootstrap import RESAMPLES
from ecgedge.evaluation.heldout import HeldOut, held_out
from ecgedge.evaluation.metrics import Predictions
from ecgedge.evaluation.report import PROGRAM, Row, build, to_text
from ecgedge.evaluation.subject import (
    BASELINE,
    TEACHER,
    Scorer,
    Subject,
    read_subject,
    rows_of,
    validation_of,
)
from ecgedge.evaluation.tables import markdown
from firmware_sim.files import new_folder, write_atomic

FOLDER = "evaluation"
REPORT_JSON, REPORT_MARKDOWN = "report.json", "report.md"
PAIRS = ((BASELINE, PROGRAM), (TEACHER, PROGRAM), (BASELINE, TEACHER))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A report and what it was made of, for pictures.

    Attributes
    ----------
    report : dict
        For JSON.
    subject : Subject
    test : HeldOut
    rows : list of Row
    validation : dict of str to Predictions
    """

    report: dict[str, Any]
    subject: Subject
    test: HeldOut
    rows: list[Row]
    validation: dict[str, Predictions]


def evaluate(
    path: Path,
    folder: Path,
    *,
    protocol: str | None = None,
    aami_map: str | None = None,
    resamples: int = RESAMPLES,
    load_scorer: Callable[[Path], Scorer] | None = None,
) -> Evaluation:
    """Evaluate a bundle or a run on the test records of a protocol.

    Parameters
    ----------
    path : Path
        Bundle, run folder, or folder with runs `seed-0` ...
    folder : Path
        Folder of the database or of an excerpt of it.
    protocol : str, optional
        Split; the one that the run was trained on, or the one of the bundle's task.
    aami_map : {"aami", "bxb"}, optional
        The run's own unless given.
    resamples : int
        Bootstrap resamples.
    load_scorer : callable, optional
        See `subject.rows_of`.

    Raises
    ------
    EcgedgeError
        As `subject.read_subject` and `heldout.held_out`.
    """
    subject = read_subject(path)
    split = get_split(protocol or subject.default_protocol)
    test = held_out(
        split,
        folder,
        task=subject.task,
        fs=subject.fs,
        window=subject.window,
        lead=subject.lead if subject.protocol == split.name else None,
        aami_map=aami_map or subject.aami_map,
    )
    rows, notes = rows_of(subject, test, load_scorer)
    report = build(
        test,
        rows,
        subject=subject.facts(),
        pairs=PAIRS,
        resamples=resamples,
        seen=subject.seen_in_training(test.split.test),
        notes=notes,
    )
    return Evaluation(report, subject, test, rows, validation_of(subject))


def write_report(found: Evaluation, folder: Path, *, pictures: bool = True) -> Path:
    """Write `report.json`, `report.md` and the pictures into a folder, whole or not at all.

    A folder that holds an earlier report is replaced.

    Parameters
    ----------
    found : Evaluation
    folder : Path
    pictures : bool
        Needs matplotlib.

    Raises
    ------
    EcgedgeError
        When the folder exists and holds something else than a report.
    """
    folder = Path(folder)
    with new_folder(folder, overwrite=(folder / REPORT_JSON).is_file()) as place:
        shown: dict[str, Path] = {}
        if pictures:
            from ecgedge.evaluation.pictures import write_pictures

            files = write_pictures(place, found.report, found.test, found.rows, found.validation)
            shown = {title: file.relative_to(place) for title, file in files.items()}
        write_atomic(place / REPORT_JSON, to_text(found.report))
        write_atomic(place / REPORT_MARKDOWN, markdown(found.report, shown))
    return folder
