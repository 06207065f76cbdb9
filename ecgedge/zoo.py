"""The bundles that ship with ecgedge.

They lie in `zoo_bundles`, one folder each; `zoo_bundles/index.json` lists their names, the default
one first.
"""

import json
from importlib.resources import as_file, files
from pathlib import Path

from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program

FOLDER = "zoo_bundles"
INDEX = "index.json"


def zoo_folder() -> Path:
    """Return the folder of the shipped bundles."""
    with as_file(files("ecgedge") / FOLDER) as folder:
        return folder


def shipped_bundles() -> dict[str, Path]:
    """Return name -> folder of the shipped bundles, the default one first.

    Raises
    ------
    EcgedgeError
        When the list is damaged or names a bundle that is not there.
    """
    folder = zoo_folder()
    try:
        names = json.loads((folder / INDEX).read_text())
    except (OSError, ValueError):
        raise EcgedgeError(
            f"{folder / INDEX} is missing or damaged; install ecgedge again."
        ) from None
    found = {str(name): folder / str(name) for name in names}
    for name, path in found.items():
        if not (path / "bundle.json").is_file():
            raise EcgedgeError(f"the bundle {name} is missing in {folder}; install ecgedge again.")
    return found


def default_bundle() -> Path:
    """Return the folder of the default model.

    Raises
    ------
    EcgedgeError
        When none ships with this installation.
    """
    for path in shipped_bundles().values():
        return path
    raise EcgedgeError("no model ships with this installation; name a bundle.")


def find_bundle(name: str | None) -> Path:
    """Return the folder that a user means.

    Parameters
    ----------
    name : str or None
        A folder, the name of a shipped bundle, or None for the default one.

    Raises
    ------
    EcgedgeError
        When it is neither.
    """
    if name is None:
        return default_bundle()
    if Path(name).exists():
        return Path(name)
    shipped = shipped_bundles()
    if name in shipped:
        return shipped[name]
    known = f" ({', '.join(shipped)})" if shipped else ""
    raise EcgedgeError(f"{name} is neither a folder nor the name of a shipped bundle{known}.")


def find_program(name: str | None) -> Program:
    """Return the program of a bundle, or a program.json by itself.

    Parameters
    ----------
    name : str or None
        As in `find_bundle`, or the path of a program.json.

    Raises
    ------
    EcgedgeError
        When there is none, or it is damaged.
    """
    from export.bundle import read_bundle  # onnx takes a moment, and a program needs none of it

    place = find_bundle(name)
    return load_program(place) if place.is_file() else read_bundle(place).program
