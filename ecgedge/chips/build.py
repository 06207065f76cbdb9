"""Compile C for a core: with its port to a program, or on this machine to a library."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.core import HARNESS, Core
from ecgedge.chips.sizes import Sizes, sizes
from ecgedge.chips.tools import find_tool, first_line, require
from firmware_sim.errors import EcgedgeError

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
SECTIONS = ("-fno-common", "-ffunction-sections", "-fdata-sections", "-fstack-usage")
COMPLAINTS = ("undefined reference", "overflowed", "will not fit", "error:", "Error:")
"""What the line with the reason holds: the linker's own words before its summary."""

Defines = Mapping[str, str | int | None]
"""Name -> value; None for a name that is only defined."""


@dataclass(frozen=True)
class Built:
    """A program for a core.

    Attributes
    ----------
    core : Core
    elf : Path
    objects : dict of Path to Path
        Each given source -> its object file. The compiler's ``.su`` file lies beside each.
    port : tuple of Path
        The object files of the core's port.
    sizes : Sizes
        Of the whole program with its port.
    """

    core: Core
    elf: Path
    objects: dict[Path, Path]
    port: tuple[Path, ...]
    sizes: Sizes


def _compiler(core: Core) -> str:
    return str(find_tool(core.tool("gcc")))


def _flags(
    core: Core,
    include_dirs: Sequence[Path],
    defines: Defines,
    optimize: str | None,
    flags: Sequence[str],
) -> list[str]:
    """Everything that a compilation is called with but the files."""
    found = [core.standard, optimize or core.optimize, *WARNINGS, *core.flags]
    found += [f"-I{folder}" for folder in (*include_dirs, HARNESS)]
    found += [f"-D{name}" if value is None else f"-D{name}={value}"
              for name, value in defines.items()]  # fmt: skip
    return [*found, *flags]


def call_tool(command: list[str], what: str) -> None:
    """Run a compiler or a linker on `what`, or raise its first complaint."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    problem = first_line(done.stderr, *COMPLAINTS)
    tool = Path(command[0]).name
    raise EcgedgeError(f"{tool} refuses {what} ({problem}); correct it and build again.")


def _object_names(sources: Sequence[Path], out_dir: Path) -> list[Path]:
    """One object file for each source; sources of one name get a number."""
    names: list[Path] = []
    for source in sources:
        name, number = out_dir / f"{source.stem}.o", 2
        while name in names:
            name, number = out_dir / f"{source.stem}_{number}.o", number + 1
        names.append(name)
    return names


def compile_objects(
    core: Core,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    defines: Defines,
    out_dir: Path,
    *,
    optimize: str | None = None,
    flags: Sequence[str] = (),
) -> dict[Path, Path]:
    """Compile sources to object files, each with its ``.su`` file beside it.

    The parameters and errors are those of `build`.

    Returns
    -------
    dict of Path to Path
        Source -> object file.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    options = [*_flags(core, include_dirs, defines, optimize, flags), *SECTIONS]
    objects = _object_names(sources, out_dir)
    for source, target in zip(sources, objects, strict=True):
        target.unlink(missing_ok=True)
        command = [_compiler(core), *options, "-c", str(source), "-o", str(target)]
        call_tool(command, source.name)
    return dict(zip(sources, objects, strict=True))


def build(
    core: Core,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    defines: Defines,
    out_dir: Path,
    *,
    optimize: str | None = None,
    flags: Sequence[str] = (),
) -> Built:
    """Compile a harness and what it uses, and link it with the core's port.

    Parameters
    ----------
    core : Core
    sources : sequence of Path
        C files; one has the harness's `main`. `port.h` is found without being named.
    include_dirs : sequence of Path
    defines : dict of str to str, int or None
    out_dir : Path
        Folder for the object files and ``program.elf``; made as needed.
    optimize : str, optional
        Such as ``-Os``; the core's own level otherwise.
    flags : sequence of str
        More for the compiler and the linker, such as ``-fsanitize=undefined``.

    Raises
    ------
    ToolMissing
        When the compiler or its C library is not installed.
    EcgedgeError
        When a source does not compile without a warning, or the program does not fit.
    """
    require(*core.needs)
    elf = out_dir / "program.elf"
    elf.unlink(missing_ok=True)
    given = [Path(source) for source in sources]
    ports = [HARNESS / name for name in core.port]
    objects = compile_objects(
        core, given, include_dirs, defines, out_dir, optimize=optimize, flags=flags
    )
    port = compile_objects(core, ports, (), {}, out_dir / "port", flags=flags)
    command = [_compiler(core), *core.flags, *flags, *map(str, objects.values())]
    command += [*map(str, port.values()), *core.link, "-Wl,--gc-sections", "-o", str(elf)]
    call_tool(command, "the program")
    return Built(core, elf, objects, tuple(port.values()), sizes(core, elf))


def build_library(
    core: Core,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    defines: Defines,
    out_dir: Path,
    *,
    optimize: str | None = None,
    flags: Sequence[str] = (),
) -> Path:
    """Compile sources of this machine to a shared library for ctypes.

    The parameters and errors are those of `build`, `core` is the host. Every library has a name
    of its own, because a process that opened one gets the same one again under the same name.
    """
    require(core.tool("gcc"))
    out_dir.mkdir(parents=True, exist_ok=True)
    library = Path(tempfile.mkdtemp(prefix="library-", dir=out_dir)) / "library.so"
    options = _flags(core, include_dirs, defines, optimize, flags)
    command = [_compiler(core), *options, "-shared", "-fPIC", *map(str, sources)]
    call_tool([*command, "-o", str(library)], "the library")
    return library
