"""The compilers and emulators that chips need, and which Debian package brings each of them."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from firmware_sim.errors import EcgedgeError

PACKAGES = {
    "gcc": "gcc",
    "clang": "clang",
    "wasm-ld": "lld",
    "wasm-opt": "binaryen",
    "node": "nodejs",
    "cppcheck": "cppcheck",
    "frama-c": "frama-c-base",
    "nm": "binutils",
    "objdump": "binutils",
    "readelf": "binutils",
    "size": "binutils",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-nm": "binutils-arm-none-eabi",
    "arm-none-eabi-objdump": "binutils-arm-none-eabi",
    "arm-none-eabi-readelf": "binutils-arm-none-eabi",
    "arm-none-eabi-size": "binutils-arm-none-eabi",
    "newlib": "libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "avr-gcc": "gcc-avr",
    "avr-g++": "gcc-avr",
    "avr-gcc-ar": "gcc-avr",
    "avr-nm": "binutils-avr",
    "avr-objdump": "binutils-avr",
    "avr-readelf": "binutils-avr",
    "avr-size": "binutils-avr",
    "avr-libc": "avr-libc",
    "arduino-core-avr": "arduino-core-avr",
    "libsimavr": "libsimavr-dev",
}
"""Tool, header or library -> the Debian package that brings it."""

HEADERS = {
    "newlib": ("arm-none-eabi-gcc", "newlib.h"),
    "avr-libc": ("avr-gcc", "avr/io.h"),
    "libsimavr": ("gcc", "simavr/sim_avr.h"),
}
"""What is no program: the compiler that must find it, and a header that shows that it is there."""


ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")
"""Where Debian keeps the Arduino core."""

FILES = {"arduino-core-avr": ARDUINO / "cores" / "arduino" / "Arduino.h"}
"""What no compiler finds by itself: a file that shows that it is there."""


class ToolMissing(EcgedgeError):
    """A program, header or library is not installed.

    Attributes
    ----------
    tool, package : str
        What is missing, and the Debian package that brings it.
    """

    def __init__(self, tool: str, package: str) -> None:
        super().__init__(f"{tool} is not installed; the Debian package {package} brings it.")
        self.tool = tool
        self.package = package


def find_tool(name: str) -> Path:
    """Return where a program is.

    Raises
    ------
    ToolMissing
        When it is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(name, PACKAGES.get(name, name))
    return Path(found)


@cache
def _has_header(compiler: Path, header: str) -> bool:
    """Whether a compiler finds a header."""
    command = [str(compiler), "-E", "-x", "c", "-o", "/dev/null", "-"]
    source = f"#include <{header}>\n"
    found = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    return found.returncode == 0


def require(*names: str) -> None:
    """Check that programs, headers and libraries of `PACKAGES` are installed.

    Raises
    ------
    ToolMissing
        For the first one that is not.
    """
    for name in names:
        if name in FILES and not FILES[name].is_file():
            raise ToolMissing(name, PACKAGES[name])
        if name in FILES:
            continue
        if name not in HEADERS:
            find_tool(name)
            continue
        compiler, header = HEADERS[name]
        if not _has_header(find_tool(compiler), header):
            raise ToolMissing(name, PACKAGES[name])


def missing(*names: str) -> ToolMissing | None:
    """Return the error that `require` would raise, or None when everything is there."""
    try:
        require(*names)
    except ToolMissing as error:
        return error
    return None


def first_line(text: str, *markers: str) -> str:
    """Return the line of a tool's messages that says most.

    That is the first one with the first of `markers` that any line holds, or else the first line.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for marker in markers:
        for line in lines:
            if marker in line:
                return line
    return lines[0] if lines else "it says nothing"
