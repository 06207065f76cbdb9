"""The integer program: what is trained for, exported, proved and run.

A program holds integers only and cannot be changed. Everything that follows from its window length
(where the segments lie, how long the pools are) is derived here and stored nowhere.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_sim.context import CONTEXT_SIZE, RR_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE, Q7_MAX
from firmware_sim.measures import Measure, check_measures
from firmware_sim.prior import Prior
from firmware_sim.shape import BINS

FORMAT = "ecgedge-program"
VERSION = 5
"""2 added the hidden layer, 3 has other RR values, 4 other shape values and the prior, 5 measures.
A program has the least version that has all that it uses."""
RR_VERSION, SHAPE_VERSION = 3, 4

BRANCHES = ("P", "QRS", "T", "global")
TAPS = 4
CHANNELS = 4
TOKENS = {"P": 2, "QRS": 3, "T": 2, "global": 1}
TOKEN_COUNT = sum(TOKENS.values())
TOKEN_BITS = TOKEN_COUNT.bit_length() - 1
CONTEXT_SIZES = (0, RR_SIZE, CONTEXT_SIZE)
"""No context; the five RR values; all values of rhythm and shape (`firmware_sim.context`)."""
LIMITS = {
    "fs": (50, 2000),
    "window": (32, 4096),
    "logit_scale": (1, 1024),
    "layers": (0, 8),
    "hidden": (1, 32),
    "labels": (2, 8),
    "pool shift": (0, 24),
    "layer shift": (0, 14),
    "mean shift": (0, 7),
    "threshold": (-(1 << 24), 1 << 24),
    "prior gain": (1, 64),
    "prior shift": (1, 8),
}

Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class Segment:
    """Where a branch looks and how it pools, in samples of the window.

    Attributes
    ----------
    name : str
        P, QRS, T or global.
    start, stop : int
        Half-open range of the window.
    tokens : int
        How many pooled tokens the branch gives.
    pool : int
        Convolution outputs in one pool; what is left over at the end of a row is dropped.
    pool_bits : int
        e: 2**e is the power of two that stands for the pool length.
    """

    name: str
    start: int
    stop: int
    tokens: int
    pool: int
    pool_bits: int

    @property
    def length(self) -> int:
        """Convolution outputs of the branch."""
        return self.stop - self.start - TAPS + 1


def segments(window: int) -> tuple[Segment, ...]:
    """Return the four branches of a window: its three thirds and the whole."""
    edges = [i * window // 3 for i in range(4)]
    ranges = {
        "P": (edges[0], edges[1]),
        "QRS": (edges[1], edges[2]),
        "T": (edges[2], edges[3]),
        "global": (0, window),
    }
    result = []
    for name in BRANCHES:
        start, stop = ranges[name]
        pool = (stop - start - TAPS + 1) // TOKENS[name]
        result.append(Segment(name, start, stop, TOKENS[name], pool, round(float(np.log2(pool)))))
    return tuple(result)


def _frozen(values: Any, shape: tuple[int, ...], what: str) -> Int8:
    """Check nested lists (or an array) of Q0.7 integers and return a read-only array."""
    array = np.asarray(values)
    if array.shape != shape:
        raise EcgedgeError(
            f"{what} has shape {array.shape}, not {shape}; the program is malformed."
        )
    if array.dtype.kind not in "iu":
        raise EcgedgeError(f"{what} holds something else than integers; the program is malformed.")
    if np.abs(array.astype(np.int64)).max(initial=0) > Q7_MAX:
        raise EcgedgeError(f"{what} leaves -127 ... 127; the program is malformed.")
    result = array.astype(np.int8)
    result.setflags(write=False)
    return result


def _integer(value: Any, what: str, limits: str | None = None) -> int:
    """Check one integer, within LIMITS[limits or what]."""
    low, high = LIMITS[limits or what]
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise EcgedgeError(f"{what} is {value!r}, not an integer; the program is malformed.")
    if not low <= value <= high:
        raise EcgedgeError(f"{what} is {value}, not in {low} ... {high}; the program is malformed.")
    return int(value)


@dataclass(frozen=True, eq=False)
class Branch:
    """One segment's convolution: weight (4 channels, 4 taps), bias (4,), and its pooling shift."""

    weight: Int8
    bias: Int8
    shift: int

    @property
    def bound(self) -> int:
        """Largest sum |w| + |b| over the channels, in 1/128: 128 or less stays inside [-1, 1]."""
        total = np.abs(self.weight.astype(int)).sum(axis=1) + np.abs(self.bias.astype(int))
        return int(total.max())

    @property
    def range_bits(self) -> int:
        """k: the convolution is read on the scale 2**-(14+k), the smallest k with L <= 2**k."""
        return max(0, (self.bound - 1).bit_length() - FRACTION_BITS)


@dataclass(frozen=True, eq=False)
class Layer:
    """One token layer: weight (4 out, 4 in), bias (4,), and its shift."""

    weight: Int8
    bias: Int8
    shift: int


@dataclass(frozen=True, eq=False)
class Hidden:
    """The layer before the head: weight (units, features), bias (units,), and its shift.

    Its values saturate at -127 ... 127: no other layer with weights has activations with a sign.
    """

    weight: Int8
    bias: Int8
    shift: int


@dataclass(frozen=True, eq=False)
class Head:
    """The last layer: weight (classes, inputs), bias (classes,); scores are not shifted.

    Its inputs are the hidden units, or the features where there are none.
    """

    weight: Int8
    bias: Int8


@dataclass(frozen=True, eq=False)
class Program:
    """An immutable integer program. Everything is checked when it is made.

    Attributes
    ----------
    name, task : str
        What it is called and which label map it was trained for.
    fs : int
        Samples per second that it expects.
    window : int
        Samples in a beat.
    labels : tuple of str
        Class names; the first is the normal class.
    branches : tuple of Branch
        P, QRS, T, global; or none, for a program that measures the beat, or sees it through its
        context alone.
    layers : tuple of Layer
        Token layers, the same weights for all eight tokens; none without branches.
    mean_shift : int
        Shift of the sum over tokens; 0 without branches.
    hidden : Hidden or None
        A layer between the features and the head.
    head : Head
        Scores on the scale 2**-14.
    context : int
        0, 5 for a program that uses the five RR values, 12 for all of `firmware_sim.context`.
    threshold : int or None
        Two classes: `score1 - score0 >= threshold` is class 1. None for more classes.
    logit_scale : int
        For hosts that want probabilities: softmax(logit_scale * scores / 2**14). Not used on the
        device.
    prior : Prior or None
        Of more than two classes: how decisions of the past enter the next one.
    measures : tuple of Measure
        What is measured on the beat, in place of branches.

    Raises
    ------
    EcgedgeError
        When anything is out of its range.
    """

    name: str
    task: str
    fs: int
    window: int
    labels: tuple[str, ...]
    branches: tuple[Branch, ...]
    layers: tuple[Layer, ...]
    mean_shift: int
    head: Head
    context: int = 0
    threshold: int | None = None
    logit_scale: int = 8
    hidden: Hidden | None = None
    prior: Prior | None = None
    measures: tuple[Measure, ...] = ()
    segments: tuple[Segment, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check every value and freeze every array."""
        for what in ("name", "task"):
            value = getattr(self, what)
            if not isinstance(value, str) or not 0 < len(value) <= 100 or not value.isprintable():
                raise EcgedgeError(
                    f"{what} is {value!r}; the program needs a short printable name."
                )
        labels = tuple(self.labels)
        if not all(isinstance(label, str) and 0 < len(label) <= 20 for label in labels):
            raise EcgedgeError(f"labels {labels!r} are not short names; the program is malformed.")
        _integer(len(labels), "number of labels", "labels")
        if len(set(labels)) != len(labels):
            raise EcgedgeError(f"labels {labels!r} repeat; the program is malformed.")
        if self.context not in CONTEXT_SIZES or isinstance(self.context, bool):
            raise EcgedgeError(f"context is {self.context!r}, not one of {CONTEXT_SIZES}.")
        if len(self.branches) not in (0, len(BRANCHES)):
            raise EcgedgeError(
                f"there are {len(self.branches)} branches, not {len(BRANCHES)} or none."
            )
        _integer(len(self.layers), "number of token layers", "layers")
        if bool(self.branches) != bool(self.layers) or (self.mean_shift and not self.branches):
            raise EcgedgeError("branches, token layers and their mean belong together.")
        if self.context == CONTEXT_SIZE and self.window < BINS:
            raise EcgedgeError(f"a context of shape needs a window of {BINS} samples or more.")
        if self.branches and self.measures:
            raise EcgedgeError("a program has branches or measures, not both.")
        check_measures(self.measures, self.window)
        if not self.branches and (not self.features or self.hidden is None):
            raise EcgedgeError(
                "a program without branches needs measures or a context, and a hidden layer."
            )
        if (self.threshold is None) == (len(labels) == 2):
            raise EcgedgeError("a program has a threshold when, and only when, it has two classes.")
        checked: dict[str, Any] = {
            "labels": labels,
            "fs": _integer(self.fs, "fs"),
            "window": _integer(self.window, "window"),
            "logit_scale": _integer(self.logit_scale, "logit_scale"),
            "mean_shift": _integer(self.mean_shift, "mean_shift", "mean shift"),
            "context": int(self.context),
            "measures": tuple(self.measures),
            "branches": tuple(
                Branch(
                    _frozen(b.weight, (CHANNELS, TAPS), f"{name}.weight"),
                    _frozen(b.bias, (CHANNELS,), f"{name}.bias"),
                    _integer(b.shift, f"{name}.shift", "pool shift"),
                )
                for name, b in zip(BRANCHES, self.branches, strict=False)
            ),
            "layers": tuple(
                Layer(
                    _frozen(layer.weight, (CHANNELS, CHANNELS), f"layer {i} weight"),
                    _frozen(layer.bias, (CHANNELS,), f"layer {i} bias"),
                    _integer(layer.shift, f"layer {i} shift", "layer shift"),
                )
                for i, layer in enumerate(self.layers, start=1)
            ),
            "hidden": self._checked_hidden(),
            "prior": self._checked_prior(labels),
            "head": Head(
                _frozen(self.head.weight, (len(labels), self.head_inputs), "head.weight"),
                _frozen(self.head.bias, (len(labels),), "head.bias"),
            ),
        }
        if self.threshold is not None:
            checked["threshold"] = _integer(self.threshold, "threshold")
        checked["segments"] = segments(checked["window"]) if self.branches else ()
        for key, value in checked.items():
            object.__setattr__(self, key, value)

    def _checked_hidden(self) -> Hidden | None:
        if self.hidden is None:
            return None
        units = _integer(len(np.atleast_1d(self.hidden.bias)), "number of hidden units", "hidden")
        return Hidden(
            _frozen(self.hidden.weight, (units, self.features), "hidden.weight"),
            _frozen(self.hidden.bias, (units,), "hidden.bias"),
            _integer(self.hidden.shift, "hidden.shift", "layer shift"),
        )

    def _checked_prior(self, labels: tuple[str, ...]) -> Prior | None:
        prior = self.prior
        if prior is None:
            return None
        if len(labels) == 2:
            raise EcgedgeError("a prior needs more than two classes; a threshold has none.")
        if prior.label not in labels:
            raise EcgedgeError(
                f"the prior's label {prior.label!r} is none of the program's labels."
            )
        return Prior(
            prior.label,
            _integer(prior.gain, "prior.gain", "prior gain"),
            _integer(prior.shift, "prior.shift", "prior shift"),
        )

    def __eq__(self, other: object) -> bool:
        """Two programs are equal when every integer and name is."""
        return isinstance(other, Program) and self.digest == other.digest

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.digest)

    @property
    def named_branches(self) -> tuple[tuple[str, Branch, Segment], ...]:
        """Name, weights and place of each branch; empty without branches."""
        names = BRANCHES[: len(self.branches)]
        return tuple(zip(names, self.branches, self.segments, strict=True))

    @property
    def features(self) -> int:
        """How many values hidden layer or head take in: `seen` of the beat, then the context."""
        return self.seen + self.context

    @property
    def seen(self) -> int:
        """How many values say what the beat itself looks like: the mean over tokens, or measures.

        A program that has none sees the beat through its context alone.
        """
        return CHANNELS if self.branches else len(self.measures)

    @property
    def head_inputs(self) -> int:
        """How many values enter the head."""
        return self.features if self.hidden is None else len(self.hidden.bias)

    @property
    def parts(self) -> tuple[Branch | Layer | Hidden | Head, ...]:
        """Everything that holds a weight and a bias, in the order of computation."""
        hidden = () if self.hidden is None else (self.hidden,)
        return (*self.branches, *self.layers, *hidden, self.head)

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(part.weight.size + part.bias.size for part in self.parts)

    @property
    def weight_max(self) -> float:
        """Largest absolute weight or bias, as a number in [0, 1)."""
        arrays = [a for part in self.parts for a in (part.weight, part.bias)]
        return max(int(np.abs(a.astype(int)).max()) for a in arrays) / ONE

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the program's canonical JSON, in hexadecimal."""
        return checksum_of(content_of(self))

    def replace(self, **changes: Any) -> "Program":
        """Return a copy with other values, checked again."""
        init = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        return Program(**{**init, **changes})


def content_of(program: Program) -> dict[str, Any]:
    """Return the program as JSON values, without its checksum."""
    hidden, prior = program.hidden, program.prior
    second = {} if hidden is None else {"hidden": _layer_content(hidden)}
    return {
        "format": FORMAT,
        "version": _version_of(program),
        "name": program.name,
        "task": program.task,
        "fs": program.fs,
        "window": program.window,
        "labels": list(program.labels),
        "context": program.context,
        "threshold": program.threshold,
        "logit_scale": program.logit_scale,
        "branches": [
            {"name": name, **_layer_content(branch)} for name, branch, _ in program.named_branches
        ],
        "layers": [_layer_content(layer) for layer in program.layers],
        "mean_shift": program.mean_shift,
        **second,
        "head": {"weight": program.head.weight.tolist(), "bias": program.head.bias.tolist()},
        **({} if prior is None else {"prior": asdict(prior)}),
        **({"measures": [asdict(m) for m in program.measures]} if program.measures else {}),
    }


def _version_of(program: Program) -> int:
    if program.measures:
        return VERSION
    if program.prior is not None or program.context == CONTEXT_SIZE:
        return SHAPE_VERSION
    if program.context:
        return RR_VERSION
    return 1 if program.hidden is None else 2


def _layer_content(part: Branch | Layer | Hidden) -> dict[str, Any]:
    return {"weight": part.weight.tolist(), "bias": part.bias.tolist(), "shift": part.shift}


def checksum_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON values in their canonical form, in hexadecimal."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
