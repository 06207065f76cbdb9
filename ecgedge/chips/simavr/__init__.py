"""Simulators of an ATmega328P: small C programs around libsimavr, compiled on first use.

`board.c` loads an ELF file and sets the core up; a simulator is one more C file on top of it.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from ecgedge.chips.core import HARNESS
from ecgedge.chips.tools import find_tool, first_line, require
from ecgedge.data.locate import cache_folder
from firmware_sim.errors import EcgedgeError

SOURCES = Path(__file__).resolve().parent
FLAGS = ("-std=gnu99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
LIBRARIES = ("-lsimavr", "-lutil")


def _key(files: list[Path]) -> str:
    """Return a name for what these sources compile to."""
    digest = hashlib.sha256("\0".join(FLAGS + LIBRARIES).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _compile(name: str, target: Path) -> None:
    """Compile a simulator; `target` is whole or not there, whoever else compiles it too."""
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=target.parent)
    os.close(handle)
    sources = [str(SOURCES / "board.c"), str(SOURCES / f"{name}.c")]
    command = [str(find_tool("gcc")), *FLAGS, "-I", str(HARNESS), *sources, *LIBRARIES]
    try:
        done = subprocess.run(
            [*command, "-o", temporary], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            problem = first_line(done.stderr, "error")
            raise EcgedgeError(f"the simavr simulator does not compile: {problem}.")
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def simulator(name: str) -> Path:
    """Return the program of a simulator, `name`.c of this folder; compile it when needed.

    It is kept in the cache folder, under a name that changes with the sources.

    Raises
    ------
    ToolMissing
        When there is no C compiler or no libsimavr.
    EcgedgeError
        When it does not compile.
    """
    require("gcc", "libsimavr")
    files = sorted([*SOURCES.glob("*.[ch]"), *HARNESS.glob("*.h")])
    folder = cache_folder() / "simavr"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{_key(files)}"
    if not target.is_file():
        _compile(name, target)
    return target
