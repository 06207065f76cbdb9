"""Accuracy against the severity of a fault: many faulty programs on the same reference beats.

The beats are cut once (for coarser converters once a severity), and each faulty program is run on
all of them. Beats are those of the annotations, as in `ecgedge evaluate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ecgedge import __version__
from ecgedge.data.locate import listed_records
from ecgedge.data.record import Record, read_record
from ecgedge.data.splits import SPLITS, Split, get_split
from ecgedge.evaluation import ledger
from ecgedge.evaluation.changed import Cut, Setting, ask, cut_beats, names_of, rates_of
from ecgedge.evaluation.conditions import Condition
from ecgedge.evaluation.evaluate import ledger_of
from ecgedge.evaluation.numbers import number
from ecgedge.evaluation.subject import Subject
from ecgedge.faults import (
    CONVERTER,
    INPUTS,
    KINDS,
    Fault,
    faulty_inputs,
    faulty_program,
    faulty_record,
)
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

ALL, TRAIN, TEST, VALIDATION = "all", "train", "test", "validation"
WORDS = (ALL, TRAIN, TEST, VALIDATION)
"""What stands for many records."""

Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep is about.

    Attributes
    ----------
    name : str
    programs : tuple of Program
        One a seed.
    own : tuple of tuple of str
        The records that each of them is asked about.
    split : Split
        The protocol that the records are from.
    records : tuple of str
        All that are read.
    tested : tuple of str
        Those among them that are test records.
    lead : str
    aami_map : str
    subject : Subject or None
        None for a program by itself.
    """

    name: str
    programs: tuple[Program, ...]
    own: tuple[tuple[str, ...], ...]
    split: Split
    records: tuple[str, ...]
    tested: tuple[str, ...]
    lead: str
    aami_map: str
    subject: Subject | None


def choose(
    programs: Sequence[Program],
    words: Sequence[str],
    folder: Path,
    *,
    subject: Subject | None = None,
    lead: str | None = None,
) -> Swept:
    """Find the records that a user means.

    Parameters
    ----------
    programs : sequence of Program
        One a seed; all of one task and rate.
    words : sequence of str
        Names of records in `folder`, or one of `all`, `train`, `test` (of the protocol that the
        programs' task belongs to, or of the run) and `validation` (of each seed its own).
    folder : Path
        Folder of the database or of an excerpt of it.
    subject : Subject, optional
        The bundle or run that the programs are from.
    lead : str, optional
        Another lead than the protocol's.

    Raises
    ------
    EcgedgeError
        When the folder lacks a record, or there are no such records.
    """
    first = programs[0]
    known = subject.protocol if subject is not None else None
    split = get_split(
        known or next((name for name, s in SPLITS.items() if s.task == first.task), "ds1-ds2")
    )
    there = listed_records(folder)
    own = [_names(words, split, there, subject, i) for i in range(len(programs))]
    records = tuple(name for name in there if any(name in names for names in own))
    return Swept(
        name=first.name if subject is None else subject.name,
        programs=tuple(programs),
        own=tuple(own),
        split=split,
        records=records,
        tested=tuple(name for name in records if name in split.test),
        lead=lead or split.lead,
        aami_map="aami" if subject is None else subject.aami_map,
        subject=subject,
    )


def _names(
    words: Sequence[str], split: Split, there: Sequence[str], subject: Subject | None, seed: int
) -> tuple[str, ...]:
    """Return the records that one seed is asked about."""
    if not set(words) & set(WORDS):
        if missing := [name for name in words if name not in there]:
            raise EcgedgeError(
                f"there is no record {missing[0]} in the database; a sweep takes records of it, or "
                f"{', '.join(WORDS[:-1])} or {VALIDATION}."
            )
        return tuple(words)
    if len(words) > 1:
        raise EcgedgeError(f"{words[0]} and {words[1]} do not go together; name one of them.")
    if words[0] == VALIDATION:
        if subject is None or not subject.members:
            raise EcgedgeError("only runs have validation records; name train or records instead.")
        if subject.has_folds:
            raise EcgedgeError(
                f"{subject.name} was trained on all its training records and has no validation "
                f"records; name {TRAIN}, or {TEST} with --test."
            )
        own = subject.members[seed].metrics
        named = tuple(str(n) for n in own.get("validation_records") or ())
    else:
        named = {ALL: tuple(there), TRAIN: split.train, TEST: split.test}[words[0]]
    if not (found := tuple(name for name in named if name in there)):
        raise EcgedgeError(f"the database has no {words[0]} records of {split.name}; name records.")
    return found


def enter(swept: Swept, *, test: bool, beats: int) -> Path | None:
    """Enter the look into the ledger if it is one at test records.

    Parameters
    ----------
    swept : Swept
    test : bool
        Whether the user asked for test records.
    beats : int
        How many beats were read.

    Returns
    -------
    Path or None
        The ledger.

    Raises
    ------
    EcgedgeError
        When test records are among the records and the user did not ask for them; when the ledger
        cannot be written.
    """
    check(swept, test=test)
    if not swept.tested:
        return None
    place = ledger.user_ledger() if swept.subject is None else ledger_of(swept.subject, None)
    entry = ledger.Entry(
        time=ledger.now(),
        subject=swept.name,
        models={"program": [program.digest for program in swept.programs]},
        protocol=swept.split.name,
        task=swept.programs[0].task,
        aami_map=swept.aami_map,
        records=len(swept.records),
        beats=beats,
        whole=set(swept.split.test) <= set(swept.records),
    )
    ledger.append(place, entry)
    return place


def check(swept: Swept, *, test: bool) -> None:
    """Refuse test records that the user did not ask for.

    Raises
    ------
    EcgedgeError
        With the remedy.
    """
    if swept.tested and not test:
        raise EcgedgeError(
            f"{swept.tested[0]} is a test record of {swept.split.name}; add --test to open test "
            f"records (it is written into the ledger), or name {TRAIN}."
        )


# The sweep


def sweep(
    swept: Swept,
    folder: Path,
    levels: Mapping[str, Sequence[float]],
    *,
    trials: int,
    seed: int = 0,
    test: bool = False,
    command: str = "",
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Run faulty programs on the reference beats of records.

    Parameters
    ----------
    swept : Swept
        From `choose`.
    folder : Path
        Where the records are.
    levels : mapping of str to sequence of float
        Kind of fault -> severities.
    trials : int
        How many faulty programs are made of each severity, where chance plays a part. The same
        random numbers serve all severities.
    seed : int
        Of the first trial.
    test : bool
        Open test records; the look is entered into the ledger.
    command : str
        What made the report.
    tell : callable
        Is told what is being done.

    Returns
    -------
    dict
        For JSON; no NaN in it. Numbers are means over seeds; their spread is that over trials.

    Raises
    ------
    EcgedgeError
        As `check` and `enter`, for severities that are not possible, for damaged records, and when
        the records have no beats of the task.
    """
    faults = {kind: [Fault(kind, s) for s in severities] for kind, severities in levels.items()}
    check(swept, test=test)
    first = swept.programs[0]
    setting = Setting(
        first.labels, first.task, swept.aami_map, first.fs, first.window, swept.records
    )
    records = [read_record(folder, name, swept.lead) for name in swept.records]
    clean = _cut(records, (), setting)
    if not len(clean.y):
        raise EcgedgeError(f"the records have no beat of the task {first.task}; name others.")
    entered = enter(swept, test=test, beats=len(clean.y))
    found = {}
    for kind, wanted in faults.items():
        times = trials if KINDS[kind].is_random else 1
        rows = []
        for fault in wanted:
            tell(f"{kind} {fault.severity:g}")
            is_coarser = KINDS[kind].where in (CONVERTER, INPUTS)
            cut = _cut(records, (fault,), setting) if is_coarser else clean
            values = [
                _trial(swept, _faulty(swept.programs, fault, seed + trial), cut, setting)
                for trial in range(times)
            ]
            rows.append({"severity": fault.severity, "numbers": _spread(values)})
        told = {"title": KINDS[kind].title, "unit": KINDS[kind].unit, "trials": times}
        found[kind] = {**told, "severities": rows}
    none = _trial(swept, swept.programs, clean, setting)
    return {
        "program": swept.name,
        "program_sha256": [program.digest for program in swept.programs],
        "n_seeds": len(swept.programs),
        "protocol": swept.split.name,
        "records": list(swept.records),
        "test_records": list(swept.tested),
        "beats": len(clean.y),
        "lead": swept.lead,
        "aami_map": swept.aami_map,
        "seed": seed,
        "numbers": list(names_of(first.labels)),
        "clean": _spread([none]),
        "faults": found,
        "ledger": None if entered is None else str(entered),
        "command": command,
        "made_by": f"ecgedge {__version__}",
    }


def _coarser(record: Record, random: np.random.Generator, *, faults: Sequence[Fault]) -> Record:
    return faulty_record(record, faults)


def _cut(records: Sequence[Record], faults: Sequence[Fault], setting: Setting) -> Cut:
    """Cut the beats of records whose converter, or whose network's inputs, have these faults."""
    condition = Condition("fault", "fault", partial(_coarser, faults=faults))
    cut = cut_beats(records, condition, setting, 0)
    q, context = faulty_inputs(cut.q, faults), faulty_inputs(cut.context, faults)
    return Cut(q, context, cut.y, cut.record, cut.missed)


def _faulty(programs: Sequence[Program], fault: Fault, trial: int) -> list[Program]:
    return [faulty_program(program, (fault,), (trial, i)) for i, program in enumerate(programs)]


def _trial(
    swept: Swept, programs: Sequence[Program], cut: Cut, setting: Setting
) -> dict[str, float]:
    """Return what is reported of programs, each on its own records: means over the programs."""
    pairs = zip(programs, swept.own, strict=True)
    each = [_numbers(program, cut, setting, names) for program, names in pairs]
    columns = {name: [one[name] for one in each if not np.isnan(one[name])] for name in each[0]}
    return {name: float(np.mean(c)) if c else float("nan") for name, c in columns.items()}


def _numbers(
    program: Program, cut: Cut, setting: Setting, names: Sequence[str]
) -> dict[str, float]:
    own = np.isin(np.asarray(setting.records, dtype=str), names)
    said = ask(program, cut, setting, own=own)
    rates = rates_of(said.counts.sum(axis=0), setting.labels)
    found = {name: float(value) for name, value in rates.items()} | {"auroc_n_rest": said.auroc}
    return {name: found[name] for name in names_of(setting.labels)}


def _spread(values: Sequence[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation and range over trials of the numbers that exist, and every one."""
    found = {}
    for name in values[0]:
        every = np.array([one[name] for one in values])
        known = every[~np.isnan(every)]
        parts = {
            "mean": known.mean() if len(known) else np.nan,
            "sd": known.std(ddof=1) if len(known) > 1 else np.nan,
            "min": known.min(initial=np.inf),
            "max": known.max(initial=-np.inf),
        }
        found[name] = {
            **{key: number(float(value)) for key, value in parts.items()},
            "by_trial": [number(float(value)) for value in every],
        }
    return found
