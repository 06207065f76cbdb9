"""From a bounded float network to an integer program."""

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX
from firmware_sim.program import TOKEN_BITS, Branch, Head, Hidden, Layer, Program, segments

ACCUMULATOR_ONE = ONE * ONE
"""What 1.0 is on the scale of the products, Q1.14."""


def round_weights(values: NDArray[np.floating]) -> NDArray[np.int8]:
    """Round floats in [-1, 1] to Q0.7, to nearest with ties up, clipped into -127 ... 127."""
    q = np.floor(np.asarray(values, dtype=np.float64) * ONE + 0.5)
    return np.clip(q, -Q7_MAX, Q7_MAX).astype(np.int8)


def round_l1(
    weight: NDArray[np.floating], bias: NDArray[np.floating]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Round channels so that sum |w| + |b| <= 128 holds in integers.

    Each value is rounded to nearest; where that carries a channel's sum over 128, the values that
    rounding moved farthest from zero step back by one until the sum fits.

    Parameters
    ----------
    weight : (..., taps)
        Channels with sum |w| + |b| <= 1.
    bias : (...)

    Returns
    -------
    weight, bias : int8 arrays of the same shapes
    """
    values = np.concatenate([weight, np.asarray(bias)[..., None]], axis=-1).astype(np.float64) * ONE
    q = np.clip(np.floor(values + 0.5), -Q7_MAX, Q7_MAX)
    while True:
        over = np.abs(q).sum(axis=-1) > ONE
        if not over.any():
            break
        moved = np.where(q == 0, -np.inf, np.abs(q) - np.abs(values))
        worst = np.argmax(moved, axis=-1)[..., None]
        step = np.sign(np.take_along_axis(q, worst, axis=-1)) * over[..., None]
        np.put_along_axis(q, worst, np.take_along_axis(q, worst, axis=-1) - step, axis=-1)
    return q[..., :-1].astype(np.int8), q[..., -1].astype(np.int8)


def round_convolution(
    weight: NDArray[np.floating], bias: NDArray[np.floating], bound: str
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Round convolution channels (..., taps) and biases (...) under their bound."""
    if bound == "l1":
        return round_l1(weight, bias)
    return round_weights(weight), round_weights(bias)


def pool_shift(pool_bits: int, range_bits: int, gain: int) -> int:
    """p = 7 + k + e - g."""
    return FRACTION_BITS + range_bits + pool_bits - gain


def token_shift(gain: int) -> int:
    """Shift of the accumulator of a token layer, or of the hidden layer: 7 - g."""
    return FRACTION_BITS - gain


def mean_shift(gain: int) -> int:
    """Shift of the sum over eight tokens: 3 - g."""
    return TOKEN_BITS - gain


def quantize(network: FloatNetwork, *, threshold: int | None = None) -> Program:
    """Turn a float network into the integer program that it stands for.

    Parameters
    ----------
    network : FloatNetwork
        Bounded, with ReLU and calibrated gains.
    threshold : int, optional
        Two classes: the integer threshold on `score1 - score0`; by default the network's own
        threshold on the scale 2**-14, or 0.

    Raises
    ------
    EcgedgeError
        When the network was trained without bounds or with tanh activations, which exist for
        comparison in float only.
    """
    if network.conv_bound == "none" or network.activation != "relu":
        raise EcgedgeError(
            "only a bounded network with ReLU becomes a program; "
            "train it with --bound l1 or tanh, and ReLU."
        )
    branches = []
    places = segments(network.window) if len(network.conv_weight) else ()
    for i, segment in enumerate(places):
        weight, bias = round_convolution(
            network.conv_weight[i], network.conv_bias[i], network.conv_bound
        )
        shift = pool_shift(segment.pool_bits, network.range_bits[i], network.pool_gain[i])
        branches.append(Branch(weight, bias, shift))
    layers = tuple(
        Layer(round_weights(w), round_weights(b), token_shift(g))
        for w, b, g in zip(
            network.token_weight, network.token_bias, network.token_gain, strict=True
        )
    )
    hidden = None
    if len(network.hidden_bias):
        hidden = Hidden(
            round_weights(network.hidden_weight),
            round_weights(network.hidden_bias),
            token_shift(network.hidden_gain),
        )
    if len(network.labels) == 2 and threshold is None:
        threshold = int(np.ceil((network.threshold or 0.0) * ACCUMULATOR_ONE))
    return Program(
        name=network.name,
        task=network.task,
        fs=network.fs,
        window=network.window,
        labels=network.labels,
        branches=tuple(branches),
        layers=layers,
        mean_shift=mean_shift(network.mean_gain) if branches else 0,
        head=Head(round_weights(network.head_weight), round_weights(network.head_bias)),
        context=network.context,
        threshold=threshold if len(network.labels) == 2 else None,
        logit_scale=network.logit_scale,
        hidden=hidden,
        prior=network.prior,
        measures=network.measures,
    )
