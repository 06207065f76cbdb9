"""Compile an Arduino sketch for the Uno with the compilers and the core that Debian packages.

The flags are those of the core's `platform.txt`, as the Arduino tools use them.
"""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.cores import find_core
from ecgedge.chips.sizes import Sizes, sizes
from ecgedge.chips.tools import ARDUINO, find_tool, first_line, require
from firmware_sim.errors import EcgedgeError

NEEDS = ("avr-gcc", "avr-g++", "avr-gcc-ar", "avr-size", "avr-libc", "arduino-core-avr")
SKETCH = "AD8232"
MACHINE = ("-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO",
           "-DARDUINO_ARCH_AVR", "-DDECIMAL_DIG=__DECIMAL_DIG__")  # fmt: skip
COMMON = ("-c", "-g", "-Os", "-ffunction-sections", "-fdata-sections", "-flto")
C_FLAGS = ("-std=gnu11", "-fno-fat-lto-objects")
CPP_FLAGS = ("-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics",
             "-Wno-error=narrowing")  # fmt: skip
LINK_FLAGS = ("-Os", "-g", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections",
              "-mmcu=atmega328p")  # fmt: skip
OWN_WARNINGS = ("-Wall", "-Wextra", "-Werror")
C_WARNINGS = ("-Wconversion", "-Wshadow")
NO_WARNINGS = ("-w",)


@dataclass(frozen=True)
class Sketch:
    """A compiled sketch.

    Attributes
    ----------
    elf : Path
    sizes : Sizes
        Flash with everything, and static RAM.
    """

    elf: Path
    sizes: Sizes


def _call(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problem = first_line(done.stderr, "rror:")
        raise EcgedgeError(f"avr-gcc refuses {what} ({problem}); correct it and build again.")


def _compile(
    sources: Iterable[Path], include_dirs: Sequence[Path], extra: Sequence[str], out_dir: Path
) -> list[Path]:
    """Compile C, C++ and sketches; return the object files."""
    objects = []
    includes = [f"-I{folder}" for folder in include_dirs]
    for source in sources:
        is_c = source.suffix == ".c"
        compiler = str(find_tool("avr-gcc" if is_c else "avr-g++"))
        flags = [*COMMON, *(C_FLAGS if is_c else CPP_FLAGS), *MACHINE, *extra]
        if is_c and extra != NO_WARNINGS:
            flags += C_WARNINGS
        if source.suffix == ".ino":
            flags += ["-x", "c++", "-include", "Arduino.h"]
        objects.append(out_dir / f"{source.name}.o")
        _call([compiler, *flags, *includes, str(source), "-o", str(objects[-1])], source.name)
    return objects


def _core_archive(includes: Sequence[Path], out_dir: Path) -> Path:
    """Compile the Arduino core to a library, as the Arduino tools do."""
    core = ARDUINO / "cores" / "arduino"
    sources = sorted([*core.glob("*.c"), *core.glob("*.cpp")])
    objects = _compile(sources, includes, NO_WARNINGS, out_dir)
    archive = out_dir / "core.a"
    archive.unlink(missing_ok=True)
    command = [str(find_tool("avr-gcc-ar")), "rcs", str(archive), *map(str, objects)]
    _call(command, "the Arduino core")
    return archive


def build_sketch(
    library: Path, out_dir: Path, *, sketch: str = SKETCH, flags: Sequence[str] = ()
) -> Sketch:
    """Compile an example of an Arduino library for the Uno.

    Parameters
    ----------
    library : Path
        Folder of the library, as `export.arduino_library.write_arduino` makes it.
    out_dir : Path
        Folder for the object files and ``sketch.elf``; made as needed.
    sketch : str
        Name of the example.
    flags : sequence of str
        More for the compiler and the linker.

    Raises
    ------
    ToolMissing
        When a compiler or the Arduino core is not installed.
    EcgedgeError
        When something does not compile without a warning, or there is no such example.
    """
    require(*NEEDS)
    main = library / "examples" / sketch / f"{sketch}.ino"
    if not main.is_file():
        raise EcgedgeError(f"{library} has no example {sketch}; export it with --to arduino.")
    core = [ARDUINO / "cores" / "arduino", ARDUINO / "variants" / "standard"]
    for folder in (out_dir, out_dir / "core"):
        folder.mkdir(parents=True, exist_ok=True)
    elf = out_dir / "sketch.elf"
    elf.unlink(missing_ok=True)
    archive = _core_archive(core, out_dir / "core")
    sources = [main, *sorted((library / "src").glob("*.c"))]
    objects = _compile(sources, [library / "src", *core], [*OWN_WARNINGS, *flags], out_dir)
    command = [str(find_tool("avr-gcc")), *LINK_FLAGS, *flags, "-o", str(elf), *map(str, objects)]
    _call([*command, str(archive), "-lm"], "the sketch")
    return Sketch(elf, sizes(find_core("avr"), elf))
