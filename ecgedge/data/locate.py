"""Where databases and prepared beats are.

Databases are looked for in the folder that the user names, then in ``$ECGEDGE_DATA``, then in the
user's cache folder. Nothing is ever written into the package.
"""

import csv
import os
import re
from pathlib import Path

from ecgedge.data.checksums import check_name, read_sums
from ecgedge.data.databases import DATABASES
from firmware_sim.errors import EcgedgeError

DATA_VARIABLE = "ECGEDGE_DATA"
CACHE_VARIABLE = "ECGEDGE_CACHE"
RECORD_SUFFIXES = (".hea", ".dat", ".atr")
"""Endings of the files of a WFDB record."""
EXCERPT = "excerpt"
PTB_XL_TABLE = "ptbxl_database.csv"


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``$ECGEDGE_CACHE`` or the user's cache."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("ecgedge")


def data_folder(data: Path | None = None) -> Path:
    """Return the folder that databases are downloaded into.

    Parameters
    ----------
    data : Path, optional
        What the user named; otherwise ``$ECGEDGE_DATA``, otherwise ``data`` in the user's cache.
    """
    if data is not None:
        return Path(data)
    if chosen := os.environ.get(DATA_VARIABLE):
        return Path(chosen).expanduser()
    return cache_folder() / "data"


def excerpt() -> Path:
    """Return the folder of the bundled excerpt of the MIT-BIH Arrhythmia Database."""
    return Path(__file__).parent / "excerpt"


def is_excerpt(folder: Path) -> bool:
    """Say whether a folder is the bundled excerpt."""
    return folder.resolve() == excerpt().resolve()


def _places(data: Path | None) -> list[Path]:
    if data is not None:
        return [Path(data)]
    chosen = os.environ.get(DATA_VARIABLE)
    places = [Path(chosen).expanduser()] if chosen else []
    return [*places, cache_folder() / "data"]


def is_database(folder: Path) -> bool:
    """Say whether a folder looks like a database: it lists records or holds headers."""
    return folder.is_dir() and (
        (folder / "RECORDS").is_file()
        or (folder / PTB_XL_TABLE).is_file()
        or any(folder.glob("*.hea"))
    )


def _is_of(name: str, folder: Path) -> bool:
    """Say whether a folder has a record of this database, perhaps one of many."""
    known = re.compile(DATABASES[name].known) if name in DATABASES else re.compile(".*")
    return any(known.fullmatch(record) for record in listed_records(folder))


def find_database(name: str, data: Path | None = None) -> Path:
    """Find the folder of a database.

    Parameters
    ----------
    name : str
        ``"mitdb"``, ``"nstdb"``, ``"cinc2017"``, ``"ptb-xl"``, or ``"excerpt"``, the bundled
        one.
    data : Path, optional
        The folder that contains the database's folder, or that folder itself. When it is given,
        no other place is looked at. The excerpt is always the bundled one.

    Returns
    -------
    Path

    Raises
    ------
    EcgedgeError
        When it is in none of the places; the message names them and the command that fetches it.
    """
    if name == EXCERPT or (name == "mitdb" and data == Path(EXCERPT) and not data.exists()):
        return excerpt()
    places = _places(data)
    for place in places:
        if is_database(place / name):
            return place / name
        if is_database(place):
            if _is_of(name, place):
                return place
            if data is not None:
                raise EcgedgeError(
                    f"{place} holds no record of {name}; name the folder of {name} or the one "
                    "that contains it."
                )
    looked = " or ".join(str(place / name) for place in places)
    raise EcgedgeError(
        f"the database {name} is not in {looked}; fetch it with `ecgedge data download {name}`, "
        f"or name its folder with --data or ${DATA_VARIABLE}."
    )


def listed_records(folder: Path) -> tuple[str, ...]:
    """Return the names of the records that a folder says it has.

    The list is ``RECORDS`` (PTB-XL: the 500 Hz records of its table); where there is none, the
    headers named in the checksum file; where there is none either, the headers that are there.

    Parameters
    ----------
    folder : Path
        Folder of a database.

    Returns
    -------
    tuple of str
        Sorted names, without extension, relative to `folder`.

    Raises
    ------
    EcgedgeError
        When the folder does not exist or lists no record, or a name would lead out of it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EcgedgeError(
            f"the folder {folder} does not exist; name the folder of the database, "
            "or fetch it with `ecgedge data download`."
        )
    names = _names_in_lists(folder) or {path.stem for path in folder.glob("*.hea")}
    if not names:
        raise EcgedgeError(f"{folder} holds no records; name the folder of a WFDB database.")
    return tuple(sorted(names))


def _names_in_lists(folder: Path) -> set[str]:
    """Record names according to the lists in a folder; no name leads out of it."""
    table = folder / PTB_XL_TABLE
    if table.is_file():
        with table.open(newline="", encoding="utf-8", errors="replace") as file:
            return {check_name(row["filename_hr"]) for row in csv.DictReader(file)}
    records = folder / "RECORDS"
    if records.is_file():
        lines = records.read_text(errors="replace").splitlines()
        return {check_name(line.strip()) for line in lines if line.strip()}
    return {name.removesuffix(".hea") for name in read_sums(folder) if name.endswith(".hea")}


def find_record(record: str, data: Path | None, database: str = "mitdb") -> tuple[Path, str]:
    """Return the folder and the name of a record that a user means.

    Parameters
    ----------
    record : str
        The path of a WFDB record, with or without the ending of one of its files; or the name of a
        record of the database, of the bundled excerpt where that is not there.
    data : Path, optional
        As in `find_database`.
    database : str
        Name of the database.

    Raises
    ------
    EcgedgeError
        When neither has it.
    """
    path = Path(record)
    if path.suffix in RECORD_SUFFIXES:
        path = path.with_suffix("")
    if path.name and path.with_name(path.name + ".hea").is_file():
        return path.parent, path.name
    try:
        return find_database(database, data), record
    except EcgedgeError:
        if data is None and (excerpt() / f"{record}.hea").is_file():
            return excerpt(), record
        raise
