"""The Arduino library of a program: the C library, frames for the serial line, a sketch."""

import re
from pathlib import Path

from export.c_library import library_files
from firmware_sim.files import new_folder, write_atomic
from firmware_sim.program import Program

SOURCES = Path(__file__).resolve().parent / "arduino"
SKETCH = "AD8232"
PROPERTIES = "library.properties"
README = "README.md"
LICENSE = "LICENSE"
NAME_MAX = 63
"""Longest name that Arduino takes."""


def library_name(program: Program) -> str:
    """Return the library's name: what Arduino allows, of the program's name."""
    return "ecgedge_" + re.sub(r"[^A-Za-z0-9_.-]+", "_", program.name)[: NAME_MAX - len("ecgedge_")]


def _filled(template: str, program: Program, made_by: str) -> str:
    """Fill in a template of `SOURCES`."""
    text = (SOURCES / template).read_text()
    found = re.search(r"\d+\.\d+\.\d+", made_by)
    facts = {
        "library": library_name(program),
        "version": found.group() if found else "0.0.0",
        "name": program.name,
        "parameters": program.parameters,
        "fs": program.fs,
        "labels": ", ".join(program.labels),
        "digest": program.digest,
        "made_by": made_by,
    }
    return text.format(**{key: " ".join(str(value).split()) for key, value in facts.items()})


def arduino_files(program: Program, made_by: str = "ecgedge") -> dict[str, str]:
    """Return the Arduino library: path inside it -> text.

    Parameters
    ----------
    program : Program
    made_by : str
        Program and version, for the generated files.

    Raises
    ------
    EcgedgeError
        When the program fails its proof, or the detector does not work at its rate.
    """
    files = {f"src/{name}": text for name, text in library_files(program, made_by).items()}
    for path in sorted(SOURCES.glob("ecgedge_wire.*")):
        files[f"src/{path.name}"] = path.read_text()
    for path in sorted((SOURCES / SKETCH).iterdir()):
        files[f"examples/{SKETCH}/{path.name}"] = path.read_text()
    for name in (PROPERTIES, README):
        files[name] = _filled(name, program, made_by)
    return files | {LICENSE: (SOURCES / LICENSE).read_text()}


def write_arduino(
    path: Path, program: Program, *, made_by: str = "ecgedge", overwrite: bool = False
) -> None:
    """Write the Arduino library of a program into a folder, whole or not at all.

    Parameters
    ----------
    path : Path
        Folder to make; Arduino wants letters, digits, ``_``, ``.`` and ``-`` in its name.
    program : Program
    made_by : str
        Program and version.
    overwrite : bool
        Replace an Arduino library that is there.

    Raises
    ------
    EcgedgeError
        As `arduino_files`; or when the folder exists and, with `overwrite`, is no Arduino library.
    """
    files = arduino_files(program, made_by)
    with new_folder(path, overwrite=overwrite, replaces=PROPERTIES) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / name, text)
