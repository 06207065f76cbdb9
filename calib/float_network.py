"""A trained student as plain arrays: bounded float weights, gains, and its forward pass."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic
from firmware_sim.formats import ONE, Q7_MAX
from firmware_sim.measures import Measure, check_measures, measured
from firmware_sim.prior import Prior
from firmware_sim.program import BRANCHES, CHANNELS, CONTEXT_SIZES, TAPS, TOKEN_COUNT, segments

Floats = NDArray[np.float64]
CONV_BOUNDS = ("l1", "tanh", "none")
ACTIVATIONS = ("relu", "tanh")
VERSION = 1
MAX_FILE_BYTES = 1 << 22


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A student with float weights; what training hands to calibration.

    A value v of the float network stands for the integer 128 v of the program: the input of a
    beat q is q / 128. Gains are the exponents of powers of two.

    Attributes
    ----------
    name, task : str
    fs, window : int
        Samples per second, samples in a beat.
    labels : tuple of str
        Class names, the normal class first.
    context : int
        0, 5 with RR context, or 12 values of `firmware_sim.context`.
    conv_bound : str
        `l1` (sum |w| + |b| <= 1 per output channel), `tanh` (each weight by itself) or `none`.
    activation : str
        `relu`, or `tanh` for a float-only comparison.
    conv_weight : (4 branches, 4 channels, 4 taps)
        Of length 0, like all that belongs to branches and tokens, for a network without them.
    conv_bias : (4 branches, 4 channels)
    token_weight : (depth, 4 out, 4 in)
    token_bias : (depth, 4)
    head_weight : (classes, inputs)
        From the hidden units, or from the features where there are none.
    head_bias : (classes,)
    pool_gain : tuple of int, (4 branches,)
    token_gain : tuple of int, (depth,)
    mean_gain : int
    range_bits : tuple of int, (4 branches,)
        k of each branch: its convolution is read divided by 2**k.
    logit_scale : int
        Probabilities are softmax(logit_scale * logits).
    threshold : float or None
        Two classes: class 1 where logit1 - logit0 >= threshold.
    hidden_weight : (units, features)
    hidden_bias : (units,)
    hidden_gain : int
        Of the layer between the features and the head; no units where there is none.
    prior : Prior or None
        How decisions of the past enter the next one; `forward` knows nothing of it.
    measures : tuple of Measure
        What is measured on a beat, in place of branches: the very integers of the program.
    """

    name: str
    task: str
    fs: int
    window: int
    labels: tuple[str, ...]
    context: int
    conv_bound: str
    activation: str
    conv_weight: Floats
    conv_bias: Floats
    token_weight: Floats
    token_bias: Floats
    head_weight: Floats
    head_bias: Floats
    pool_gain: tuple[int, ...]
    token_gain: tuple[int, ...]
    mean_gain: int
    range_bits: tuple[int, ...] = (0, 0, 0, 0)
    logit_scale: int = 8
    threshold: float | None = None
    hidden_weight: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    hidden_bias: Floats = field(default_factory=lambda: np.zeros(0))
    hidden_gain: int = 0
    prior: Prior | None = None
    measures: tuple[Measure, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes and names, and freeze the arrays."""
        if self.conv_bound not in CONV_BOUNDS or self.activation not in ACTIVATIONS:
            raise EcgedgeError(
                f"unknown bound {self.conv_bound!r} or activation {self.activation!r}; "
                f"use one of {CONV_BOUNDS} and {ACTIVATIONS}."
            )
        if self.context not in CONTEXT_SIZES:
            raise EcgedgeError(f"context is {self.context!r}, not one of {CONTEXT_SIZES}.")
        depth, classes = len(self.token_gain), len(self.labels)
        branches, units = len(self.conv_weight), len(self.hidden_bias)
        if branches not in (0, len(BRANCHES)) or bool(branches) != bool(depth):
            raise EcgedgeError("a network has four branches and token layers, or none of them.")
        if branches and self.measures:
            raise EcgedgeError("a network has branches or measures, not both.")
        check_measures(self.measures, self.window)
        if not branches and not (self.features and units):
            raise EcgedgeError(
                "a network without branches needs measures or a context, and hidden units."
            )
        shapes = {
            "conv_weight": (branches, CHANNELS, TAPS),
            "conv_bias": (branches, CHANNELS),
            "token_weight": (depth, CHANNELS, CHANNELS),
            "token_bias": (depth, CHANNELS),
            "hidden_weight": (units, self.features),
            "hidden_bias": (units,),
            "head_weight": (classes, units or self.features),
            "head_bias": (classes,),
        }
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=np.float64)
            if not array.size and 0 in shape:  # nested empty lists forget their shape
                array = array.reshape(shape)
            if array.shape != shape or not np.isfinite(array).all():
                raise EcgedgeError(
                    f"{name} must be finite and of shape {shape}, not {array.shape}."
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if branches and not len(self.pool_gain) == len(self.range_bits) == branches:
            raise EcgedgeError("pool_gain and range_bits need one value a branch.")

    def replace(self, **changes: Any) -> "FloatNetwork":
        """Return a copy with other values, checked again."""
        return replace(self, **changes)

    @property
    def features(self) -> int:
        """How many values the mean over tokens, or the measures, and the context are together."""
        return (CHANNELS if len(self.conv_weight) else len(self.measures)) + self.context

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(getattr(self, name).size for name in _ARRAYS)

    def forward(self, x: NDArray[np.floating], context: NDArray[np.floating] | None) -> Floats:
        """Return the logits (n, classes) of beats x (n, window) in [-1, 1] and their context."""
        return self.activations(x, context)["logits"]

    def activations(
        self, x: NDArray[np.floating], context: NDArray[np.floating] | None
    ) -> dict[str, Floats]:
        """Run the float network and keep what calibration looks at.

        Parameters
        ----------
        x : (n, window)
            Beats, q / 128.
        context : (n, 5 or 12) or None
            Context, c / 128; needed when the network uses it, of which the first values are taken.

        Returns
        -------
        dict
            `P.pool` ... `global.pool` (n, 4, tokens) and `tokens.1` ... and `mean` and `hidden`:
            the values *before* gain and clipping (non-negative for ReLU); `measures` (n,
            measures), m / 128; `logits`.
        """
        if self.context and context is None:
            raise EcgedgeError(f"the network {self.name} needs the context of each beat.")
        found: dict[str, Floats] = {}
        beats = np.asarray(x, dtype=np.float64)
        parts = [self._mean(beats, found)] if len(self.conv_weight) else []
        if self.measures:
            q = np.clip(np.rint(beats * ONE), -Q7_MAX, Q7_MAX).astype(np.int8)
            found["measures"] = measured(q, self.measures) / ONE
            parts.append(found["measures"])
        if self.context and context is not None:
            parts.append(np.asarray(context, np.float64)[:, : self.context])
        features = np.concatenate(parts, axis=1)
        if len(self.hidden_bias):
            found["hidden"] = features @ self.hidden_weight.T + self.hidden_bias
            features = np.clip(found["hidden"] * 2.0**self.hidden_gain, -1.0, 1.0)
        found["logits"] = features @ self.head_weight.T + self.head_bias
        return found

    def _mean(self, x: Floats, found: dict[str, Floats]) -> Floats:
        """Branches, pools and token layers: the mean over tokens, clipped, (n, 4)."""
        tokens = []
        for i, segment in enumerate(segments(self.window)):
            part = x[:, segment.start : segment.stop]
            length = segment.tokens * segment.pool
            views = np.lib.stride_tricks.sliding_window_view(part, TAPS, axis=1)[:, :length]
            rows = (views @ self.conv_weight[i].T + self.conv_bias[i]) / 2.0 ** self.range_bits[i]
            rows = np.maximum(rows, 0) if self.activation == "relu" else np.tanh(rows)
            pooled = rows.reshape(len(x), segment.tokens, segment.pool, CHANNELS).sum(axis=2)
            pooled = pooled.transpose(0, 2, 1) / 2.0**segment.pool_bits
            found[f"{segment.name}.pool"] = pooled
            tokens.append(self._clip(pooled * 2.0 ** self.pool_gain[i]))
        t = np.concatenate(tokens, axis=2)
        for i, gain in enumerate(self.token_gain):
            value = self.token_weight[i] @ t + self.token_bias[i][:, None]
            value = np.maximum(value, 0) if self.activation == "relu" else np.tanh(value)
            found[f"tokens.{i + 1}"] = value
            t = self._clip(value * 2.0**gain)
        found["mean"] = t.sum(axis=2) / TOKEN_COUNT
        return self._clip(found["mean"] * 2.0**self.mean_gain)

    def _clip(self, value: Floats) -> Floats:
        return np.clip(value, 0.0 if self.activation == "relu" else -1.0, 1.0)


_ARRAYS = (
    "conv_weight", "conv_bias", "token_weight", "token_bias", "hidden_weight", "hidden_bias",
    "head_weight", "head_bias",
)  # fmt: skip


def save_float_network(network: FloatNetwork, path: Path) -> None:
    """Write a float network as JSON, atomically; its floats read back equal."""
    content: dict[str, Any] = {"format": "ecgedge-float-network", "version": VERSION}
    for item in fields(network):
        value = getattr(network, item.name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if item.name == "measures":
            value = [asdict(measure) for measure in network.measures]
        content[item.name] = asdict(value) if isinstance(value, Prior) else value
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def load_float_network(path: Path) -> FloatNetwork:
    """Read what `save_float_network` wrote.

    Raises
    ------
    EcgedgeError
        When the file is missing, too large, of a newer version or malformed.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise EcgedgeError(f"{path} is too large for a float network; is it the right file?")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EcgedgeError(f"{path} does not exist; train a student first.") from None
    except (ValueError, RecursionError) as error:
        raise EcgedgeError(f"{path} is not JSON ({error}); train the student again.") from None
    if not isinstance(content, dict) or content.pop("format", None) != "ecgedge-float-network":
        raise EcgedgeError(f"{path} is not a float network of ecgedge.")
    version = content.pop("version", None)
    if version != VERSION:
        raise EcgedgeError(
            f"{path} has version {version!r}, this ecgedge reads {VERSION}; upgrade."
        )
    try:
        for name in ("labels", "pool_gain", "token_gain", "range_bits"):
            content[name] = tuple(content[name])
        if content.get("prior") is not None:
            content["prior"] = Prior(**content["prior"])
        content["measures"] = tuple(Measure(**item) for item in content.get("measures", []))
        return FloatNetwork(**content)
    except (KeyError, TypeError, ValueError) as error:
        raise EcgedgeError(f"{path} is malformed ({error}); train the student again.") from None
