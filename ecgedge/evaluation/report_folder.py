"""Folders of reports: written whole or not at all, with a ledger that stays."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ecgedge.evaluation import ledger
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import new_folder

REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML = "report.json", "report.md", "report.html"


def check_output(folder: Path) -> None:
    """Refuse a folder that holds something else than a report or a ledger.

    Raises
    ------
    EcgedgeError
        With the remedy.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise EcgedgeError(f"{folder} already exists and is no folder; choose another with -o.")
    content = {path.name for path in folder.iterdir()}
    if content - {ledger.LEDGER} and REPORT_JSON not in content:
        raise EcgedgeError(
            f"{folder} already exists and holds no report; choose another folder with -o."
        )


@contextmanager
def report_folder(folder: Path) -> Iterator[Path]:
    """Make a folder to write a report into; it stands in place of an earlier one at the end.

    The ledger of the earlier one lives on.

    Raises
    ------
    EcgedgeError
        When the folder exists and holds something else than a report.
    """
    folder = Path(folder)
    check_output(folder)
    with new_folder(folder, overwrite=True) as place:
        yield place
        _keep_ledger(folder / ledger.LEDGER, place / ledger.LEDGER)


def _keep_ledger(old: Path, new: Path) -> None:
    """Let the ledger live on in the new folder: the same file, so that no line can be lost."""
    if not old.is_file():
        return
    with suppress(OSError):  # a disk without hard links
        os.link(old, new)
        return
    shutil.copyfile(old, new)
