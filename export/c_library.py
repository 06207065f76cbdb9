"""The C library of a program: its kernels as they are, and the headers that are generated."""

from pathlib import Path

from export.c_golden import golden_header
from export.c_header import pending_size, program_header, ring_size, shape_values
from firmware_sim.files import new_folder, write_atomic
from firmware_sim.program import Program

SOURCES = Path(__file__).resolve().parent / "c"
PROGRAM_HEADER = "ecgedge_program.h"
GOLDEN_HEADER = "ecgedge_golden.h"
EXAMPLE = "example/main.c"
README = "README.md"


ONLY_WITH_BRANCHES = ("ecgedge_conv", "ecgedge_token", "ecgedge_widths")
ONLY_WITH_MEASURES = ("ecgedge_measures",)
ONLY_WITH_EITHER = ("ecgedge_normalize",)
ONLY_WITH_SHAPE = ("ecgedge_shape",)
ONLY_WITH_PRIOR = ("ecgedge_prior",)
"""Beginnings of the names of files that a program needs when it has such a part."""


def source_names(program: Program) -> list[str]:
    """Return the files of the library that a program needs, in the order of their names."""
    without: tuple[str, ...] = ()
    if not program.branches:
        without += ONLY_WITH_BRANCHES
    if not program.measures:
        without += ONLY_WITH_MEASURES
    if not program.seen:
        without += ONLY_WITH_EITHER
    if not shape_values(program):
        without += ONLY_WITH_SHAPE
    if program.prior is None:
        without += ONLY_WITH_PRIOR
    names = sorted(path.name for path in SOURCES.iterdir() if path.suffix in (".c", ".h"))
    return [name for name in names if not name.startswith(without)]


def library_files(program: Program, made_by: str = "ecgedge") -> dict[str, str]:
    """Return the library: file name -> text.

    Parameters
    ----------
    program : Program
    made_by : str
        Program and version, for the generated headers.

    Raises
    ------
    EcgedgeError
        When the program fails its proof, or the detector does not work at its rate.
    """
    files = {name: (SOURCES / name).read_text() for name in source_names(program)}
    return files | {
        PROGRAM_HEADER: program_header(program, made_by),
        GOLDEN_HEADER: golden_header(program),
    }


def readme(program: Program, made_by: str) -> str:
    """Return the page that goes with the library."""
    return (
        (SOURCES / README)
        .read_text()
        .format(
            name=program.name,
            parameters=program.parameters,
            fs=program.fs,
            labels=", ".join(program.labels),
            digest=program.digest,
            made_by=made_by,
            ring=ring_size(program),
            pending=pending_size(program),
        )
    )


def write_c(
    path: Path, program: Program, *, made_by: str = "ecgedge", overwrite: bool = False
) -> None:
    """Write the library, an example and a page about them into a folder, whole or not at all.

    Parameters
    ----------
    path : Path
        Folder to make.
    program : Program
    made_by : str
        Program and version.
    overwrite : bool
        Replace a library that is there.

    Raises
    ------
    EcgedgeError
        As `library_files`; or when the folder exists, and with `overwrite` holds no library.
    """
    files = library_files(program, made_by)
    files[EXAMPLE] = (SOURCES / EXAMPLE).read_text()
    files[README] = readme(program, made_by)
    with new_folder(path, overwrite=overwrite, replaces=PROGRAM_HEADER) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_atomic(folder / name, text)
