"""Chips: compile C for a core and run it there, on an emulator, with exact counts.

    core = find_core("cortex-m0")
    built = build(core, [harness, kernel], [headers], {"WINDOW": 256}, folder)
    result = run(built, beats.tobytes(), count=True)

A harness is a C program that talks to `harness/port.h` and to nothing else of the core, so one
file runs on all of them.
"""

from ecgedge.chips.build import Built, build, build_library, compile_objects
from ecgedge.chips.core import Core
from ecgedge.chips.cores import CORES, find_core
from ecgedge.chips.run import Run, Section, run
from ecgedge.chips.sizes import Sizes, Symbol, Symbols, sizes, symbol_sizes, symbols
from ecgedge.chips.tools import ToolMissing, find_tool, missing, require

__all__ = [
    "CORES",
    "Built",
    "Core",
    "Run",
    "Section",
    "Sizes",
    "Symbol",
    "Symbols",
    "ToolMissing",
    "build",
    "build_library",
    "compile_objects",
    "find_core",
    "find_tool",
    "missing",
    "require",
    "run",
    "sizes",
    "symbol_sizes",
    "symbols",
]
