"""Engines: everything that can run a bundle's program, held to the same integers.

An engine is made from a bundle and returns what it computes for beats: layer name -> array with
the shape of `firmware_sim.network.Output.layers`, any subset of them, floats if they hold integers;
and `file.scores` and `file.label`, what a file returns exactly as it ships. To add one, write a
module with a function that makes it and name it here.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.bundle import Bundle
from firmware_sim.errors import EcgedgeError

Int8 = NDArray[np.int8]
Layers = Mapping[str, NDArray[Any]]
Engine = Callable[[Int8, Int8 | None], Layers]
"""Takes beats (n, window) and RR contexts (n, 5) or None."""

ENGINES: dict[str, str] = {
    "numpy": "plain:numpy_engine",
    "torch": "training:training_engine",
    "ort-fixed": "ort:fixed_engine",
    "ort-fixed-noopt": "ort:fixed_engine_noopt",
    "ort-int": "ort:int_engine",
    "ort-int-noopt": "ort:int_engine_noopt",
}
"""Name -> module of this package and the function in it that makes the engine of a bundle."""


class EngineUnavailable(EcgedgeError):
    """The engine needs something that is not installed; the message says what."""


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
    module, function = ENGINES[name].split(":")
    maker: Callable[[Bundle], Engine] = getattr(import_module(f"{__name__}.{module}"), function)
    return maker(bundle)
