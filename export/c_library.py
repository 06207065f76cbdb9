"""The C library of a program: its kernels as they are, and the headers that are generated."""

from pathlib import Path

from export.c_header import program_header
from firmware_sim.program import Program

SOURCES = Path(__file__).resolve().parent / "c"
PROGRAM_HEADER = "ecgedge_program.h"


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
    files = {p.name: p.read_text() for p in sorted(SOURCES.iterdir()) if p.suffix in (".c", ".h")}
    return files | {PROGRAM_HEADER: program_header(program, made_by)}
