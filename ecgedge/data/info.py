"""What is there: which databases, whether they are complete, and how many beats of each class."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.checksums import read_sums, sha256
from ecgedge.data.databases import DATABASES
from ecgedge.data.labels import AAMI_CLASSES, count_classes, label_map
from ecgedge.data.locate import EXCERPT, find_database, listed_records
from ecgedge.data.record import PREFERRED_LEAD, check_signal_size, read_beats, read_header
from ecgedge.data.splits import Split, split_records
from firmware_sim.beat import window_is_inside
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class DatabaseInfo:
    """What a folder holds of one database.

    Attributes
    ----------
    name : str
        Name of the database.
    path : str
        Its folder.
    complete : bool
        Every published record is there, no listed file is missing, none is known to be damaged.
    records : int
        Records whose files are all there.
    published : int
        Records that the database has in all.
    missing : tuple of str
        Files that are listed but not there.
    damaged : tuple of str
        Files whose checksum differs, and sentences about records that cannot be read.
    checked : int
        Files whose checksum was compared; 0 when that was not asked for or there is no list.
    beats : int
        Reference beats, paced and unclassifiable ones included.
    classes : dict of str to int
        Beats of each AAMI class; empty for databases without beat annotations.
    aami_map : str
        Map that the classes were made with.
    fallback_leads : dict of str to str
        Annotated records without lead MLII, and the first channel that stands in for it.
    """

    name: str
    path: str
    complete: bool
    records: int
    published: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    checked: int
    beats: int
    classes: dict[str, int]
    aami_map: str
    fallback_leads: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as what `json.dumps` takes."""
        return asdict(self)


def database_info(
    name: str, data: Path | None = None, *, check: bool = False, aami_map: str = "aami"
) -> DatabaseInfo:
    """Look at one database.

    Parameters
    ----------
    name : str
        A name of `DATABASES`, or ``"excerpt"``.
    data : Path, optional
        As `ecgedge.data.locate.find_database` takes it.
    check : bool
        Compare every file with its checksum, which reads all of them.
    aami_map : {"aami", "bxb"}
        Where escape beats are counted.

    Returns
    -------
    DatabaseInfo
        Damaged and missing files are named in it; they are no error here.

    Raises
    ------
    EcgedgeError
        When the database is nowhere, or its lists are damaged.
    """
    folder = find_database(name, data)
    records = listed_records(folder)
    suffixes = DATABASES[name].suffixes if name in DATABASES else (".hea", ".dat", ".atr")
    sums = read_sums(folder)
    wanted = sorted({f"{record}{suffix}" for record in records for suffix in suffixes} | set(sums))
    missing = tuple(file for file in wanted if not (folder / file).is_file())
    absent = set(missing)
    whole = [r for r in records if not any(f"{r}{suffix}" in absent for suffix in suffixes)]
    damaged = _wrong_sums(folder, sums, absent) if check else []
    symbols, fallback_leads, unreadable = _look_at_beats(folder, whole)
    damaged += unreadable
    published = DATABASES[name].records if name in DATABASES else len(records)
    return DatabaseInfo(
        name=name,
        path=str(folder),
        complete=len(whole) >= published and not missing and not damaged,
        records=len(whole),
        published=published,
        missing=missing,
        damaged=tuple(damaged),
        checked=len(sums) - len(absent & set(sums)) if check else 0,
        beats=len(symbols),
        classes=count_classes(symbols, aami_map) if len(symbols) else {},
        aami_map=aami_map,
        fallback_leads=fallback_leads,
    )


def all_databases(data: Path | None = None, **options: Any) -> list[DatabaseInfo]:
    """Look at every database that is there, the bundled excerpt last.

    Parameters
    ----------
    data : Path, optional
        As in `database_info`, and so are the further options.
    """
    found = []
    for name in DATABASES:
        try:
            folder = find_database(name, data)
        except EcgedgeError:
            continue
        if folder.name == name:  # the folder of another database holds records, too
            found.append(database_info(name, data, **options))
    return [*found, database_info(EXCERPT, **options)]


def _wrong_sums(folder: Path, sums: dict[str, str], absent: set[str]) -> list[str]:
    there = sorted(set(sums) - absent)
    return [
        f"{file} differs from its checksum" for file in there if sha256(folder / file) != sums[file]
    ]


def _look_at_beats(
    folder: Path, records: Sequence[str]
) -> tuple[NDArray[np.str_], dict[str, str], list[str]]:
    """Symbols of all reference beats, leads that stand in for MLII, and what cannot be read."""
    symbols = [np.empty(0, "<U1")]
    fallback_leads = {}
    wrong = []
    for record in records:
        if not (folder / f"{record}.atr").is_file():
            continue
        try:
            header = read_header(folder, record)
            check_signal_size(folder, record, header)
            symbols.append(read_beats(folder, record, header.sig_len)[1])
        except EcgedgeError as error:
            wrong.append(str(error))
            continue
        if PREFERRED_LEAD not in header.sig_name:
            fallback_leads[record] = str(header.sig_name[0])
    return np.concatenate(symbols), fallback_leads, wrong


def split_info(split: Split | str, folder: Path, *, aami_map: str = "aami") -> dict[str, Any]:
    """Count what a split has in a folder.

    Parameters
    ----------
    split : Split or str
        A split or its name.
    folder : Path
        Folder of the database.
    aami_map : {"aami", "bxb"}
        Where escape beats are counted.

    Returns
    -------
    dict
        ``train`` and ``test``, each with ``records``, ``beats``, ``classes`` and ``windows``.
        A split whose task speaks of AAMI classes counts the annotated beats of each class, and
        ``windows`` says how many of them keep their one-second window inside the record. A split
        whose task speaks of symbols counts the beats it uses: those with one of its symbols and
        their window inside the record. ``missing`` names the records of the protocol that the
        folder does not have.

    Raises
    ------
    EcgedgeError
        When the split is unknown or a record cannot be read.
    """
    split = split_records(split, folder)
    return {
        "split": split.name,
        "path": str(folder),
        "lead": split.lead,
        "task": split.task,
        "aami_map": aami_map,
        "missing": list(split.missing),
        "train": _count(split.train, folder, split.task, aami_map),
        "test": _count(split.test, folder, split.task, aami_map),
    }


def _count(records: Sequence[str], folder: Path, task: str, aami_map: str) -> dict[str, Any]:
    symbols, inside = [], []
    for record in records:
        header = read_header(folder, record)
        check_signal_size(folder, record, header)
        samples, names = read_beats(folder, record, header.sig_len)
        symbols.append(names)
        inside.append(window_is_inside(samples, round(header.fs), header.sig_len))
    all_symbols, all_inside = np.concatenate(symbols), np.concatenate(inside)
    labels = label_map(task)
    if labels.source == "aami":
        classes = count_classes(all_symbols, aami_map)
        windows = sum(count_classes(all_symbols[all_inside], aami_map).values())
    else:
        used = all_symbols[all_inside & (labels.apply(all_symbols) >= 0)]
        classes = {name: int(np.sum(used == name)) for name in AAMI_CLASSES}
        windows = len(used)
    beats = sum(classes.values())
    return {"records": len(records), "beats": beats, "classes": classes, "windows": windows}
