"""From runs and bundles to a report: read, enter the look into the ledger, predict, measure, write.

Test records are opened by `evaluate` alone, when it is asked to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ecgedge import runs
from ecgedge.data.splits import Split, get_split, split_records
from ecgedge.evaluation import ledger
from ecgedge.evaluation.bootstrap import RESAMPLES
from ecgedge.evaluation.heldout import TEST, VALIDATION, HeldOut, held_out, validation_beats
from ecgedge.evaluation.logistic import FEATURES
from ecgedge.evaluation.metrics import Predictions
from ecgedge.evaluation.report import TEACHER, Row, beats_of, build, to_text
from ecgedge.evaluation.report_folder import (
    REPORT_HTML,
    REPORT_JSON,
    REPORT_MARKDOWN,
    check_output,
    report_folder,
)
from ecgedge.evaluation.rows import Lineup, LoadScorer, lineups_of
from ecgedge.evaluation.subject import Subject, read_subject, validation_of
from ecgedge.evaluation.text import markdown
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic

FOLDERS = {TEST: "evaluation", VALIDATION: "validation"}
"""Part -> folder of its report in a run."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A report and what it was made of, for pictures.

    Attributes
    ----------
    report : dict
        For JSON.
    subjects : tuple of Subject
    test : HeldOut
        What the first subject was asked about.
    rows : list of Row
    validation : dict of str to Predictions
        Beside test records: what the first subject says of validation records.
    ledgers : tuple of Path
        Where this look was entered; empty when no test record was opened.
    """

    report: dict[str, Any]
    subjects: tuple[Subject, ...]
    test: HeldOut
    rows: list[Row]
    validation: dict[str, Predictions]
    ledgers: tuple[Path, ...] = ()

    @property
    def default_folder(self) -> Path | None:
        """Where the report goes unless told; None for bundles and for comparisons."""
        return default_folder(self.subjects, self.test.part)


def default_folder(subjects: Sequence[Subject], part: str) -> Path | None:
    """Return where a report goes unless told; None for bundles and for comparisons."""
    if len(subjects) > 1 or subjects[0].kind == "bundle":
        return None
    return subjects[0].path / FOLDERS[part]


@dataclass(frozen=True)
class Setting:
    """What a report was made with, as far as two reports of one run can differ."""

    protocol: str
    aami_map: str
    records: int
    resamples: int

    def __str__(self) -> str:
        return (
            f"{self.records} records of {self.protocol}, AAMI map {self.aami_map}, "
            f"{self.resamples:,} resamples"
        )


def evaluate(
    paths: Sequence[Path],
    folder: Path,
    *,
    test: bool,
    protocol: str | None = None,
    aami_map: str | None = None,
    resamples: int = RESAMPLES,
    load_scorer: LoadScorer | None = None,
    output: Path | None = None,
    command: str = "",
) -> Evaluation:
    """Evaluate bundles or runs on the test records of a protocol, or runs on validation records.

    Parameters
    ----------
    paths : sequence of Path
        Bundles, run folders, or folders with runs `seed-0` ...; several are compared.
    folder : Path
        Folder of the database or of an excerpt of it.
    test : bool
        Open the test records, and write so into the ledgers of the runs; otherwise no test record
        is opened, and a run is asked about the records that validated it.
    protocol : str, optional
        Split; the one that the first was trained on, or the one of its task.
    aami_map : {"aami", "bxb"}, optional
        That of the first run unless given.
    resamples : int
        Bootstrap resamples.
    load_scorer : callable, optional
        See `rows.lineups_of`.
    output : Path, optional
        Folder of the report; the ledger of a bundle goes there. That of the run unless given.
    command : str
        What made the report.

    Raises
    ------
    EcgedgeError
        As `subject.read_subject` and `heldout.held_out`; when models have different classes; when
        there are no validation records to report on; when a ledger cannot be written; when the
        run's own folder of reports holds one of another setting, and this is not the full one.
    """
    subjects = _distinct([read_subject(path) for path in paths])
    _check_tasks(subjects)
    part = TEST if test else VALIDATION
    split = get_split(protocol or subjects[0].default_protocol)
    chosen_map = aami_map or subjects[0].aami_map
    if not test:
        check_validation(subjects, split)
    records = tuple(dict.fromkeys(n for s in subjects for n in s.validation_records))
    if output is None and (place := default_folder(subjects, part)) is not None:
        here = split_records(split, folder)
        there = here.test if test else tuple(name for name in here.train if name in records)
        setting = Setting(split.name, chosen_map, len(there), resamples)
        whole = here.is_whole if test else len(there) == len(records)
        _check_report(place, setting, is_full=whole and _is_usual(setting, subjects[0]))
    notes: list[str] = []
    looks: dict[Path, list[str]] = {}
    asked: list[tuple[Subject, HeldOut, list[Lineup]]] = []
    for subject in subjects:
        settings: dict[str, Any] = {
            "task": subject.task,
            "fs": subject.fs,
            "window": subject.window,
            "lead": subject.lead if subject.protocol == split.name else None,
            "aami_map": chosen_map,
        }
        lineups, told = lineups_of(subject, load_scorer, part)
        notes += told
        if test:
            beats = held_out(split, folder, **settings)
            entered = enter(subject, beats, lineups, output)
            chosen = [x for x in lineups if x.name not in FEATURES]  # baselines have no choices
            looks[entered] = looks.get(entered, []) + [d for x in chosen for d in x.digests]
        else:
            beats = validation_beats(split, folder, records, **settings)
        asked.append((subject, beats, lineups))
        notes += _differs(subject, beats, asked[0][1])
    rows = _table([[x.row(beats) for x in lineups] for _, beats, lineups in asked], subjects)
    seen = {n for s in subjects for n in s.seen_in_training(split.test)} if test else set()
    report = build(
        asked[0][1],
        rows,
        subjects=[subject.facts() for subject in subjects],
        resamples=resamples,
        seen=sorted(seen & set(asked[0][1].beats.records)),
        notes=notes,
        ledger=looks_of(subjects, looks),
        command=command,
    )
    beside = validation_of(subjects[0]) if test and len(subjects) == 1 else {}
    return Evaluation(report, subjects, asked[0][1], rows, beside, tuple(looks))


def _distinct(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """Give subjects of one name as much of their path as it takes to tell them apart."""
    paths = [subject.path.resolve() for subject in subjects]
    if len(set(paths)) < len(paths):
        path = next(path for path in paths if paths.count(path) > 1)
        raise EcgedgeError(f"{path} is named twice; name each run or bundle once.")
    names, depth = [subject.name for subject in subjects], 1
    while len(set(names)) < len(names):
        depth += 1
        names = ["/".join(path.parts[-depth:]) for path in paths]
    return tuple(replace(s, name=name) for s, name in zip(subjects, names, strict=True))


def _is_usual(setting: Setting, subject: Subject) -> bool:
    """Say whether a report is made as the run's own is, whatever records there are."""
    own = replace(setting, protocol=subject.default_protocol, aami_map=subject.aami_map)
    return setting == replace(own, resamples=RESAMPLES)


def _check_report(folder: Path, setting: Setting, *, is_full: bool) -> None:
    """Refuse to let a lesser report take the place of one that was made with another setting.

    The card of a bundle repeats what lies here; so only the full report may always go here.
    """
    held = _setting_of(folder / REPORT_JSON)
    if is_full or held is None or held == setting:
        return
    raise EcgedgeError(
        f"{folder} holds a report with {held}, and this one would be with {setting}; name another "
        "folder with -o."
    )


def _setting_of(file: Path) -> Setting | None:
    """Read what a report was made with; None when there is none, or it can not be read."""
    try:
        report = runs.read_json(file)
        beats = beats_of(report)
        return Setting(
            str(report["protocol"]),
            str(beats["aami_map"]),
            int(beats["records"]),
            int(report["bootstrap"]["resamples"]),
        )
    except (EcgedgeError, KeyError, TypeError, ValueError, AssertionError):
        return None


def _check_tasks(subjects: Sequence[Subject]) -> None:
    """Refuse models that cannot stand in one table."""
    first = subjects[0]
    for other in subjects[1:]:
        if other.task != first.task:
            raise EcgedgeError(
                f"{other.name} has the task {other.task}, {first.name} has {first.task}; only "
                "models of one task are compared."
            )


def check_validation(subjects: Sequence[Subject], split: Split) -> None:
    """Refuse what has no validation records of this protocol."""
    for subject in subjects:
        if subject.kind == "bundle":
            raise EcgedgeError(
                f"{subject.name} is a bundle and has no validation records; add --test to open "
                f"the test records of {split.name}."
            )
        if subject.has_folds:
            told = ", ".join(f"{run.score:.3f}" for run in subject.members if run.score is not None)
            raise EcgedgeError(
                f"{subject.name} was trained on all its training records and has no validation "
                f"records; out of fold its {subject.members[0].metric} is {told}. Add --test to "
                "open its test records."
            )
        if not subject.validation_records or subject.protocol != split.name:
            raise EcgedgeError(
                f"{subject.name} has no validation records of {split.name}; add --test to open "
                "its test records."
            )


def ledger_of(subject: Subject, output: Path | None) -> Path:
    """Return the ledger that a look belongs into: the run's own; a bundle is not written to."""
    if subject.kind != "bundle":
        return subject.path / ledger.LEDGER
    return ledger.user_ledger() if output is None else output / ledger.LEDGER


def enter(subject: Subject, beats: HeldOut, lineups: Sequence[Lineup], output: Path | None) -> Path:
    """Write the look at test records down, before any model is asked."""
    place = ledger_of(subject, output)
    if output is not None:
        check_output(output)
    entry = ledger.Entry(
        time=ledger.now(),
        subject=subject.name,
        models={lineup.name: lineup.digests for lineup in lineups},
        protocol=beats.split.name,
        task=beats.task,
        aami_map=beats.aami_map,
        records=len(beats.beats.records),
        beats=len(beats.y),
        whole=beats.split.is_whole,
    )
    ledger.append(place, entry)
    return place


def looks_of(subjects: Sequence[Subject], entered: dict[Path, list[str]]) -> list[dict[str, Any]]:
    """Return every look at these models, oldest first, wherever they were named.

    A model is also looked at as one of several seeds, and as the baseline or the teacher of a
    student.
    """
    if not entered:
        return []
    digests = [digest for own in entered.values() for digest in own]
    members = [run for subject in subjects for run in subject.members]
    near = [(folder / ledger.LEDGER).resolve() for run in members for folder in _around(run.path)]
    own = [place.resolve() for place in entered]
    # The look of now comes last, also among those of the same second.
    places = dict.fromkeys([*(place for place in near if place not in own), *own])
    lines = [line for place in places for line in ledger.looks_at(ledger.read(place), digests)]
    return sorted(lines, key=lambda line: str(line.get("time")))


def _around(path: Path) -> list[Path]:
    """Return the folders whose ledgers can hold a look at a run's models.

    These are what contains it (`..` of a seed, of its baseline), by the path that was named and by
    the one that a link leads to, and what it contains.
    """
    inside = [path / name for name in (runs.BASELINE, runs.TEACHER)]
    above = [place for each in (path.absolute(), path.resolve()) for place in each.parents[:2]]
    return [*above, path, *inside]


def _differs(subject: Subject, beats: HeldOut, first: HeldOut) -> list[str]:
    """Say what a model is given that the first one of the table is not."""
    found = []
    if (beats.beats.fs, beats.beats.window) != (first.beats.fs, first.beats.window):
        found.append(
            f"{subject.name} reads {beats.beats.fs} Hz in windows of {beats.beats.window} samples: "
            f"{len(beats.y):,} beats."
        )
    if beats.beats.lead != first.beats.lead:
        found.append(f"{subject.name} reads lead {beats.beats.lead}.")
    if subject.kind != "bundle" and subject.aami_map != beats.aami_map:
        found.append(f"{subject.name} was trained with the AAMI map {subject.aami_map}.")
    return found


def _table(rows: Sequence[Sequence[Row]], subjects: Sequence[Subject]) -> list[Row]:
    """Put the rows of all subjects into one table.

    In a comparison every row bears the name of its subject, except that the first one's keep
    their keys. What several subjects have in common, a logistic baseline or a teacher, stands once,
    after all others: each of them is held against it.
    """
    if len(subjects) == 1:
        return list(rows[0])
    everything = [row for own in rows for row in own]
    found: list[Row] = []
    shared: dict[tuple[str, ...], Row] = {}
    for number, (subject, own) in enumerate(zip(subjects, rows, strict=True)):
        for row in own:
            key = f"{subject.name}/{row.name}" if number else row.name
            named = replace(row, name=key, what=f"{subject.name}: {row.what}")
            alike = [one.digests for one in everything if one.name == row.name]
            if row.name not in (TEACHER, *FEATURES) or alike.count(row.digests) == 1:
                found.append(named)
            elif row.digests not in shared:
                shared[row.digests] = row if len(set(alike)) == 1 else named
    return found + list(shared.values())


def write_report(found: Evaluation, folder: Path, *, pictures: bool = True) -> Path:
    """Write `report.json`, `report.md`, `report.html` and the pictures, whole or not at all.

    A folder that holds an earlier report is replaced; its ledger stays.

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
    from ecgedge.evaluation.page import html

    with report_folder(folder) as place:
        shown: dict[str, Path] = {}
        if pictures:
            from ecgedge.evaluation.pictures import write_pictures

            files = write_pictures(place, found.report, found.test, found.rows, found.validation)
            shown = {title: file.relative_to(place) for title, file in files.items()}
        write_atomic(place / REPORT_JSON, to_text(found.report))
        write_atomic(place / REPORT_MARKDOWN, markdown(found.report, shown))
        write_atomic(place / REPORT_HTML, html(found.report, place, shown))
    return Path(folder)
