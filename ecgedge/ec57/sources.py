"""Which files are compared with which: two files, or the records that two folders share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.data.annotations import REFERENCE
from firmware_sim.errors import EcgedgeError

NOT_ANNOTATORS = frozenset({
    "bin", "bz2", "c", "csv", "dat", "edf", "gif", "gz", "h5", "hea", "htm", "html", "ini",
    "ipynb", "jpeg", "jpg", "js", "json", "jsonl", "log", "mat", "md", "md5", "npy", "npz", "pdf",
    "png", "ps", "py", "rst", "sh", "svg", "tar", "tgz", "toml", "tsv", "txt", "wav", "xls",
    "xlsx", "xml", "xws", "yaml", "yml", "zip",
})  # fmt: skip
"""Endings of files that lie beside annotations and are none."""
_SHOWN = 10


@dataclass(frozen=True)
class Task:
    """One record to score.

    Attributes
    ----------
    record : str
    reference, test : Path
        Annotation files.
    """

    record: str
    reference: Path
    test: Path


@dataclass(frozen=True)
class Tasks:
    """All records to score.

    Attributes
    ----------
    tasks : tuple of Task
        In the order of their names, or of the user's choice.
    left_out : dict of str to tuple of str
        ``reference`` and ``test``: records that this side alone has. Empty when the user named the
        records.
    """

    tasks: tuple[Task, ...]
    left_out: dict[str, tuple[str, ...]]


def find_tasks(
    reference: Path,
    test: Path,
    *,
    annotators: tuple[str | None, str | None] = (None, None),
    records: Sequence[str] = (),
) -> Tasks:
    """Find the annotation files to compare.

    Parameters
    ----------
    reference, test : Path
        Two files, or two folders.
    annotators : (str or None, str or None)
        For folders: endings of the files of the two sides. Where one is None, the only annotator of
        that folder is taken; for the reference ``atr``, when it is one of several.
    records : sequence of str
        For folders: records to score; all that both sides have by default.

    Raises
    ------
    EcgedgeError
        When a file, folder, annotator or record is not there or not clear.
    """
    reference, test = Path(reference), Path(test)
    for path in (reference, test):
        if not path.exists():
            raise EcgedgeError(f"{path} does not exist; name an annotation file or a folder.")
    if reference.is_dir() and test.is_dir():
        return _in_folders(reference, test, annotators, records)
    if reference.is_dir() or test.is_dir():
        raise EcgedgeError("one of the two is a file and the other a folder; name two of a kind.")
    if records or any(annotators):
        raise EcgedgeError(
            "records and annotators are chosen among the files of two folders; name folders."
        )
    return Tasks((Task(reference.stem, reference, test),), {"reference": (), "test": ()})


def _in_folders(
    reference: Path, test: Path, annotators: tuple[str | None, str | None], records: Sequence[str]
) -> Tasks:
    first = annotators[0] or _annotator(reference, "--ref-annotator", prefer=REFERENCE)
    second = annotators[1] or _annotator(test, "--test-annotator")
    if reference.resolve() == test.resolve() and first == second:
        raise EcgedgeError(f"annotator {first} would be compared with itself; choose two.")
    of_reference, of_test = _records(reference, first), _records(test, second)
    chosen = list(dict.fromkeys(records)) or sorted(of_reference & of_test)
    for name in chosen:
        for folder, ending, there in (
            (reference, first, of_reference),
            (test, second, of_test),
        ):
            if name not in there:
                raise EcgedgeError(
                    f"there is no {name}.{ending} in {folder}; it has {_listed(there)}."
                )
    if not chosen:
        raise EcgedgeError(
            f"{reference} (.{first}) and {test} (.{second}) have no record in common; "
            "check folders and annotators."
        )
    return Tasks(
        tuple(Task(n, reference / f"{n}.{first}", test / f"{n}.{second}") for n in chosen),
        {
            "reference": () if records else tuple(sorted(of_reference - of_test)),
            "test": () if records else tuple(sorted(of_test - of_reference)),
        },
    )


def _annotator(folder: Path, option: str, prefer: str | None = None) -> str:
    """Return the only annotator of a folder, or the preferred one of several."""
    found = sorted({path.suffix[1:] for path in _files(folder)} - NOT_ANNOTATORS)
    if not found:
        raise EcgedgeError(f"{folder} holds no annotation files; name another folder.")
    if prefer in found:
        return str(prefer)
    if len(found) > 1:
        raise EcgedgeError(
            f"{folder} holds several annotators ({_listed(found)}); choose one with {option}."
        )
    return found[0]


def _files(folder: Path) -> list[Path]:
    paths = (p for p in folder.iterdir() if p.suffix and not p.name.startswith("."))
    return [path for path in paths if path.is_file()]


def _records(folder: Path, annotator: str) -> set[str]:
    return {path.stem for path in _files(folder) if path.suffix == f".{annotator}"}


def _listed(names: Sequence[str] | set[str]) -> str:
    """Name the first few."""
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) or "none") + more
