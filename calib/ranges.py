"""Activation ranges on training beats, and the gains (powers of two) that follow from them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX
from firmware_sim.program import TAPS, TOKEN_BITS, segments

PERCENTILE = 99.9
MAX_POOL_GAIN = 7
MAX_TOKEN_GAIN = FRACTION_BITS
MAX_MEAN_GAIN = TOKEN_BITS

Values = NDArray[np.floating]


def _fits(largest: float, max_gain: int) -> int:
    """Return the greatest gain g <= max_gain with largest * 2**g <= 1, never below 0."""
    if largest <= 0:
        return 0
    return int(np.clip(np.floor(-np.log2(largest) + 1e-12), 0, max_gain))


def gain_minmax(values: Values, max_gain: int) -> int:
    """Nothing that was seen is clipped."""
    return _fits(float(np.max(np.abs(values), initial=0.0)), max_gain)


def gain_percentile(values: Values, max_gain: int) -> int:
    """At most one value in a thousand is clipped."""
    return _fits(float(np.percentile(np.abs(values), PERCENTILE)), max_gain) if values.size else 0


def gain_mse(values: Values, max_gain: int) -> int:
    """Rounding and clipping together cost least, in squared error."""

    def error(gain: int) -> float:
        scale = 2.0**gain
        rounded = np.clip(np.floor(values * scale * ONE + 0.5), -Q7_MAX, Q7_MAX) / ONE / scale
        return float(np.mean((rounded - values) ** 2))

    return min(range(max_gain + 1), key=error) if values.size else 0


METHODS: dict[str, Callable[[Values, int], int]] = {
    "minmax": gain_minmax,
    "percentile": gain_percentile,
    "mse": gain_mse,
}


def range_bits(network: FloatNetwork) -> tuple[int, ...]:
    """Return k of each branch: the least integer with sum |w| + |b| <= 2**k for its channels."""
    if network.conv_bound == "l1" or not len(network.conv_weight):
        return (0,) * len(network.conv_weight)
    reach = np.abs(network.conv_weight).sum(axis=2) + np.abs(network.conv_bias)
    # Rounding may add half a unit to each of the five values.
    reach = reach.max(axis=1) + (TAPS + 1) / 2 / ONE
    return tuple(int(k) for k in np.maximum(0, np.ceil(np.log2(np.maximum(reach, 1e-9)))))


def calibrate(
    network: FloatNetwork,
    x: Values,
    context: Values | None,
    method: str = "percentile",
) -> FloatNetwork:
    """Choose every gain of a network, from its input to its mean, on training beats.

    A gain is chosen after those before it were set, because it sees what they let through.

    Parameters
    ----------
    network : FloatNetwork
    x : (n, window)
        Training beats in [-1, 1]; a few thousand are enough.
    context : (n, 5 or 12) or None
    method : str
        `minmax`, `percentile` or `mse`.

    Returns
    -------
    FloatNetwork
        The same weights with calibrated gains and range bits.

    Raises
    ------
    EcgedgeError
        When the method is not known.
    """
    if method not in METHODS:
        raise EcgedgeError(
            f"unknown calibration method {method!r}; use one of {', '.join(METHODS)}."
        )
    choose = METHODS[method]
    network = network.replace(range_bits=range_bits(network))
    if len(network.conv_weight):
        network = _calibrate_tokens(network, x, context, choose)
    if len(network.hidden_bias):
        found = network.activations(x, context)
        network = network.replace(hidden_gain=choose(found["hidden"], MAX_TOKEN_GAIN))
    return network


def _calibrate_tokens(
    network: FloatNetwork,
    x: Values,
    context: Values | None,
    choose: Callable[[Values, int], int],
) -> FloatNetwork:
    """Choose the gains from the pools to the mean."""
    found = network.activations(x, context)
    pool_gain = tuple(
        choose(found[f"{s.name}.pool"], MAX_POOL_GAIN) for s in segments(network.window)
    )
    network = network.replace(pool_gain=pool_gain)
    for i in range(len(network.token_gain)):
        found = network.activations(x, context)
        gains = list(network.token_gain)
        gains[i] = choose(found[f"tokens.{i + 1}"], MAX_TOKEN_GAIN)
        network = network.replace(token_gain=tuple(gains))
    found = network.activations(x, context)
    return network.replace(mean_gain=choose(found["mean"], MAX_MEAN_GAIN))
