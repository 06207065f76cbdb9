"""Float networks and bundles for tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from export.bundle import write_bundle
from export.card import bound_of
from firmware_sim.formats import FRACTION_BITS, ONE
from firmware_sim.prior import Prior
from firmware_sim.program import TOKEN_BITS, Program
from tests.programs import random_program


def network_of(program: Program) -> FloatNetwork:
    """The float network whose weights are exactly the integers of a program."""

    def floats(arrays: list[NDArray[np.int8]]) -> NDArray[np.float64]:
        return np.array(arrays, dtype=np.float64) / ONE

    parts = [(branch, segment) for _, branch, segment in program.named_branches]
    hidden = {}
    if program.hidden is not None:
        hidden = {
            "hidden_weight": program.hidden.weight / ONE,
            "hidden_bias": program.hidden.bias / ONE,
            "hidden_gain": FRACTION_BITS - program.hidden.shift,
        }
    return FloatNetwork(
        name=program.name,
        task=program.task,
        fs=program.fs,
        window=program.window,
        labels=program.labels,
        context=program.context,
        conv_bound=bound_of(program),
        activation="relu",
        conv_weight=floats([b.weight for b in program.branches]),
        conv_bias=floats([b.bias for b in program.branches]),
        token_weight=floats([layer.weight for layer in program.layers]),
        token_bias=floats([layer.bias for layer in program.layers]),
        head_weight=program.head.weight / ONE,
        head_bias=program.head.bias / ONE,
        pool_gain=tuple(FRACTION_BITS + b.range_bits + s.pool_bits - b.shift for b, s in parts),
        token_gain=tuple(FRACTION_BITS - layer.shift for layer in program.layers),
        mean_gain=TOKEN_BITS - program.mean_shift if parts else 0,
        range_bits=tuple(b.range_bits for b in program.branches),
        logit_scale=program.logit_scale,
        prior=program.prior,
        measures=program.measures,
        **hidden,
    )


def small_bundle(folder: Path, seed: int = 1, **shape: int | str | Prior) -> Program:
    """Write the bundle of a random program, 125 samples long unless told otherwise."""
    program = random_program(seed, **({"window": 125} | shape))  # type: ignore[arg-type]
    write_bundle(folder, program, network_of(program))
    return program
