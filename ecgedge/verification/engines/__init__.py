"""Engines: everything that can run a bundle's program, held to the same integers.

An engine is made from a bundle. Called with beats it returns what it computes for them: layer name
-> array with the shape of `firmware_sim.network.Output.layers`, any subset of them, floats if they
hold integers; and `file.scores` and `file.label`, what a file returns exactly as it ships. One that
also runs streams has a method `pipeline`. To add one, write a module with a function that makes it
and name it here; a core that is added to `ecgedge.chips.cores` is an engine by itself.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.chips.cores import CORES
from export.bundle import Bundle
from firmware_sim.errors import EcgedgeError

Int8 = NDArray[np.int8]
Layers = Mapping[str, NDArray[Any]]
Engine = Callable[[Int8, Int8 | None], Layers]
"""Takes beats (n, window) and contexts (n, program.context) or None."""


@runtime_checkable
class RunsStreams(Protocol):
    """An engine that takes samples, not only beats."""

    def pipeline(self, samples: ArrayLike) -> NDArray[np.void]:
        """Push samples one by one, flush, and return the beats: `firmware.beat_type`."""
        ...


class EngineUnavailable(EcgedgeError):
    """The engine needs something that is not installed; the message says what."""


def _lazily(place: str, *arguments: str) -> Callable[[Bundle], Engine]:
    """Return a maker that imports "module:function" of this package when it is called."""

    def make(bundle: Bundle) -> Engine:
        module, function = place.split(":")
        maker = getattr(import_module(f"{__name__}.{module}"), function)
        engine: Engine = partial(maker, *arguments)(bundle)
        return engine

    return make


CHIPS: dict[str, str] = {"host-c" if core == "host" else core: core for core in CORES}
"""Name of an engine -> name of the core that its C library runs on."""

ENGINES: dict[str, Callable[[Bundle], Engine]] = {
    "numpy": _lazily("plain:numpy_engine"),
    "torch": _lazily("training:training_engine"),
    "ort-fixed": _lazily("ort:fixed_engine"),
    "ort-fixed-noopt": _lazily("ort:fixed_engine_noopt"),
    "ort-int": _lazily("ort:int_engine"),
    "ort-int-noopt": _lazily("ort:int_engine_noopt"),
    **{name: _lazily("chip:chip_engine", core) for name, core in CHIPS.items()},
    "wasm": _lazily("wasm:wasm_engine"),
}
"""Name -> function that makes the engine of a bundle."""

COMPILED: tuple[str, ...] = (*CHIPS, "wasm")
"""Engines that compile the C library: they need tools that pip does not bring."""

BEATS_AT_MOST: dict[str, int] = {"avr": 24_576}
"""Engines that are too slow for a whole database -> how many of its beats they see."""


def make_engine(name: str, bundle: Bundle) -> Engine:
    """Make an engine by name.

    Raises
    ------
    EngineUnavailable
        When something that it needs is not installed.
    EcgedgeError
        When there is no such engine, or it refuses the bundle.
    """
    if name not in ENGINES:
        raise EcgedgeError(f"there is no engine {name!r}; choose from {', '.join(ENGINES)}.")
    return ENGINES[name](bundle)
