"""How much a program loses when the recording is worse than the one it was trained on.

Every condition of `ecgedge.evaluation.conditions` is held against the clean records, paired over
records. Test records are opened as `ecgedge.evaluation.evaluate` opens them: when asked to, and
with a line in the ledger before the program is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecgedge import __version__
from ecgedge.data.noise import Noise, find_noise
from ecgedge.data.record import Record, read_header, read_record
from ecgedge.data.splits import get_split
from ecgedge.evaluation.bootstrap import LEVEL, RESAMPLES, record_weights
from ecgedge.evaluation.changed import Setting, ask, cut_beats, measured, names_of
from ecgedge.evaluation.conditions import (
    CLEAN,
    DEFINITIONS,
    OTHER_FS_HZ,
    SNRS_DB,
    Condition,
    conditions,
)
from ecgedge.evaluation.evaluate import check_validation, enter, looks_of
from ecgedge.evaluation.heldout import TEST, VALIDATION, HeldOut, held_out, validation_beats
from ecgedge.evaluation.numbers import Measured, compare, comparison_json, number
from ecgedge.evaluation.report import PROGRAM, SEED, why_no_results
from ecgedge.evaluation.report_folder import check_output
from ecgedge.evaluation.rows import Lineup, lineups_of
from ecgedge.evaluation.subject import Subject, read_subject
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

FOLDERS = {TEST: "robustness", VALIDATION: "robustness-validation"}
"""Part -> folder of the report in a run."""

Tell = Callable[[str], None]


# From a run or bundle to the report


@dataclass(frozen=True, eq=False)
class Robustness:
    """A report, and where it belongs.

    Attributes
    ----------
    report : dict
        For JSON.
    subject : Subject
    ledger : Path or None
        Where this look was entered; None when no test record was opened.
    """

    report: dict[str, Any]
    subject: Subject
    ledger: Path | None

    @property
    def default_folder(self) -> Path | None:
        """Where the report goes unless told; None for a bundle."""
        if self.subject.kind == "bundle":
            return None
        return self.subject.path / FOLDERS[self.report["part"]]


def robustness(
    path: Path,
    folder: Path,
    *,
    test: bool,
    protocol: str | None = None,
    aami_map: str | None = None,
    noise_folder: Path | None = None,
    resamples: int = RESAMPLES,
    output: Path | None = None,
    command: str = "",
    tell: Tell = lambda line: None,
) -> Robustness:
    """Measure a run or bundle under every condition.

    Parameters
    ----------
    path : Path
        Bundle, run folder, or folder with runs `seed-0` ...
    folder : Path
        Folder of the database or of an excerpt of it.
    test : bool
        Open the test records, and write so into the ledger; otherwise a run is asked about the
        records that validated it.
    protocol, aami_map : str, optional
        As in `evaluate.evaluate`.
    noise_folder : Path, optional
        Folder that contains nstdb, or nstdb; looked for elsewhere too. Without nstdb the noise is
        left out, and the report says so.
    resamples : int
        Bootstrap resamples.
    output : Path, optional
        Folder of the report; the ledger of a bundle goes there.
    command : str
        What made the report.
    tell : callable
        Is told what is being done.

    Raises
    ------
    EcgedgeError
        As `evaluate.evaluate`; and when there is no integer program.
    """
    subject = read_subject(path)
    split = get_split(protocol or subject.default_protocol)
    if not test:
        check_validation([subject], split)
    lineup = _programs(subject, TEST if test else VALIDATION)
    noise, skipped = _noise(noise_folder)
    settings: dict[str, Any] = {
        "task": subject.task,
        "fs": subject.fs,
        "window": subject.window,
        "lead": subject.lead if subject.protocol == split.name else None,
        "aami_map": aami_map or subject.aami_map,
    }
    entered = None
    if test:
        beats = held_out(split, folder, **settings)
        entered = enter(subject, beats, [lineup], output)
    else:
        if output is not None:
            check_output(output)
        beats = validation_beats(split, folder, subject.validation_records, **settings)
    found = _measure(subject.programs, lineup, beats, folder, noise, resamples, tell)
    if subject.fs == OTHER_FS_HZ:
        skipped.append(f"The program reads {OTHER_FS_HZ} Hz already: there is no other rate.")
    looks = {} if entered is None else {entered: list(lineup.digests)}
    report = _report(subject, lineup, beats, found, resamples)
    report |= {
        "skipped": skipped,
        "ledger": looks_of([subject], looks),
        "command": command,
        "made_by": f"ecgedge {__version__}",
    }
    return Robustness(report, subject, entered)


def _programs(subject: Subject, part: str) -> Lineup:
    lineups, _ = lineups_of(subject, None, part)
    for lineup in lineups:
        if lineup.name == PROGRAM:
            return lineup
    raise EcgedgeError(
        f"{subject.name} has no integer program; name a student that was trained with bounds."
    )


def _noise(folder: Path | None) -> tuple[Noise | None, list[str]]:
    """Find nstdb: beside the database that the user named, or where databases are."""
    try:
        return find_noise(folder), []
    except EcgedgeError as error:
        return None, [f"Noise is left out: {error}"]


def _measure(
    programs: Sequence[Program],
    lineup: Lineup,
    beats: HeldOut,
    folder: Path,
    noise: Noise | None,
    resamples: int,
    tell: Tell,
) -> dict[str, tuple[Condition, Measured]]:
    """Ask every seed about every condition, each of validation records about its own."""
    names = beats.beats.records
    setting = Setting(
        beats.labels, beats.task, beats.aami_map, beats.beats.fs, beats.beats.window, names
    )
    records = [read_record(folder, name, beats.beats.lead) for name in names]
    others = [_other(folder, record) for record in records]
    weights = record_weights(len(names), resamples, SEED)
    every = np.ones(len(names), np.bool_)
    own = [
        np.isin(np.asarray(names, dtype=str), model.validation)
        if beats.part == VALIDATION
        else every
        for model in lineup.models
    ]
    found = {}
    for condition in conditions(setting.fs, noise):
        tell(condition.title)
        said = []
        for draw in range(condition.draws):
            cut = cut_beats(others if condition.other_lead else records, condition, setting, draw)
            said += [
                ask(program, cut, setting, own=mine, weights=weights)
                for program, mine in zip(programs, own, strict=True)
            ]
        found[condition.key] = condition, measured(said, setting, weights)
    return found


def _other(folder: Path, record: Record) -> Record:
    """Read the other lead of a record; the same one where it has no other."""
    leads = [lead for lead in read_header(folder, record.name).sig_name if lead != record.lead]
    return read_record(folder, record.name, leads[0]) if leads else record


def _report(
    subject: Subject,
    lineup: Lineup,
    beats: HeldOut,
    found: dict[str, tuple[Condition, Measured]],
    resamples: int,
) -> dict[str, Any]:
    clean = found[CLEAN][1]
    seen = subject.seen_in_training(beats.beats.records) if beats.part == TEST else ()
    note = why_no_results(beats, seen, [subject.facts()])
    return {
        "protocol": beats.split.name,
        "part": beats.part,
        "is_result": note is None,
        "note": note,
        "subject": subject.facts(),
        "classes": list(beats.labels),
        "numbers": list(names_of(beats.labels)),
        "n_seeds": len(lineup.models),
        "parameters": lineup.models[0].parameters,
        "program_sha256": list(lineup.digests),
        "beats": {
            "records": len(beats.beats.records),
            "beats": len(beats.y),
            "record_names": list(beats.beats.records),
            "task": beats.task,
            "aami_map": beats.aami_map,
            "lead": beats.beats.lead,
            "fs": beats.beats.fs,
            "window": beats.beats.window,
        },
        "conditions": {
            key: _condition_json(condition, measured, clean)
            for key, (condition, measured) in found.items()
        },
        "definitions": list(DEFINITIONS),
        "bootstrap": {"unit": "record", "resamples": resamples, "level": LEVEL, "seed": SEED},
    }


def _condition_json(condition: Condition, found: Measured, clean: Measured) -> dict[str, Any]:
    numbers = {}
    for name, value in found.values.items():
        limits = found.interval(name)
        sd = found.sd.get(name)
        numbers[name] = {
            "mean": number(value),
            "sd": None if sd is None else number(sd),
            "low": number(limits.low),
            "high": number(limits.high),
        }
    counts = found.counts.sum(axis=0)
    asked = found.seeds  # times the draws
    kind, snr_db = condition.noise or (None, None)
    return {
        "title": condition.title,
        "noise": kind,
        "snr_db": snr_db,
        "draws": condition.draws,
        "beats": round(float(counts[:-1].sum()) / asked),
        "missed": round(float(counts[:-1, -1].sum()) / asked),
        "extra": round(float(counts[-1].sum()) / asked),
        "numbers": numbers,
        "minus_clean": {}
        if condition.key == CLEAN
        else comparison_json(compare(clean, found, list(found.values))),
    }


def curve(
    report: Mapping[str, Any], kind: str, name: str
) -> list[tuple[int, float | None, float | None, float | None]]:
    """Return (dB, mean, low, high) of one number under one kind of noise, cleanest first."""
    found = []
    for snr_db in SNRS_DB:
        item = report["conditions"].get(f"{kind}_{snr_db}db")
        if item is not None:
            numbers = item["numbers"][name]
            found.append((snr_db, numbers["mean"], numbers["low"], numbers["high"]))
    return found
