"""The baselines that a student has to beat: multinomial logistic regressions.

On ten features four classes have 44 parameters: for each class ten weights and a bias. Another one,
on the inputs of the student's hidden layer, tells what these are worth, and what the rest of it
adds. A fit has one minimum and no random start, so it has no seeds. It learns from training records
alone and is written into the run as JSON; evaluation only reads it.

Class weights (largest class / own class)^0.7 and the penalty were chosen over folds of the DS1
records, like the features.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib.thresholds import choose_threshold
from ecgedge.evaluation.features import RR, SHAPE, Floats, check_features, features_of
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic
from firmware_sim.formats import ONE

LOGISTIC, SHAPE_ONLY, OWN = "logistic", "logistic_shape", "logistic_own"
FEATURES: Mapping[str, tuple[str, ...]] = {LOGISTIC: RR + SHAPE, SHAPE_ONLY: SHAPE, OWN: ()}
"""Variant -> its features; those of `OWN` depend on the student."""
WHAT = {
    LOGISTIC: "logistic regression, 5 RR + 5 shape",
    SHAPE_ONLY: "logistic regression, 5 shape",
    OWN: "logistic regression, inputs of the student",
}
"""Variant -> what people call it."""
FOLDS = 5
WEIGHT_POWER = 0.7
PENALTY = 1e-3
"""Of the squared weights of standardized features, against a mean loss."""
CANDIDATE_FOLDS = 500
FORMAT, VERSION = "ecgedge-logistic", 1
MAX_FILE_BYTES = 1 << 20
MAX_MODELS, MAX_CLASSES, MAX_FOLDS, MAX_FS_HZ, MAX_FEATURES = 8, 16, 64, 10_000, 64


@dataclass(frozen=True, eq=False)
class Weights:
    """Logits are ``features @ weight.T + bias``.

    Attributes
    ----------
    weight : ndarray of float64, shape (classes, features)
    bias : ndarray of float64, shape (classes,)
    """

    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Return logits (n, classes) of features (n, features)."""
        return np.asarray(features @ self.weight.T + self.bias, np.float64)


@dataclass(frozen=True, eq=False)
class Logistic:
    """A fitted baseline.

    Attributes
    ----------
    name : str
        Key of `FEATURES`.
    features : tuple of str
        As `features_of` knows them.
    labels : tuple of str
        The normal class first.
    fs : int
        Samples per second of the beats it reads.
    weights : Weights
        Fitted on all training records.
    threshold : float or None
        Two classes: class 1 where logit1 - logit0 reaches it; from out-of-fold logits.
    folds : tuple of (records, Weights)
        Fitted without those training records, to speak of them honestly.
    """

    name: str
    features: tuple[str, ...]
    labels: tuple[str, ...]
    fs: int
    weights: Weights
    threshold: float | None
    folds: tuple[tuple[tuple[str, ...], Weights], ...]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights.weight.size + self.weights.bias.size

    @property
    def digest(self) -> str:
        """SHA-256 of everything that it is made of."""
        text = json.dumps(_to_json(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def logits(self, q: NDArray[np.integer], context: NDArray[np.integer]) -> Floats:
        """Return logits (n, classes) of beats (n, window) and their context (n, 5 or more)."""
        return self.weights.logits(self._features(q, context))

    def out_of_fold(
        self,
        q: NDArray[np.integer],
        context: NDArray[np.integer],
        record: NDArray[np.integer],
        records: Sequence[str],
    ) -> Floats:
        """Return logits of training beats, each by the weights that did not see its record.

        Parameters
        ----------
        q, context
            As `logits`.
        record : ndarray of int, shape (n,)
            Index into `records`.
        records : sequence of str
        """
        features = self._features(q, context)
        logits = self.weights.logits(features)
        names = np.asarray(records, dtype=str)
        for held, weights in self.folds:
            own = np.isin(names, held)[record]
            logits[own] = weights.logits(features[own])
        return logits

    def _features(self, q: NDArray[np.integer], context: NDArray[np.integer]) -> Floats:
        return features_of(q, context, self.fs, self.features)


# Fitting


@dataclass(frozen=True, eq=False)
class TrainingBeats:
    """Labelled beats of the training records.

    Attributes
    ----------
    q : ndarray of int8, shape (n, window)
    context : ndarray of int8, shape (n, 5 or more)
    y : ndarray of int64, shape (n,)
    record : ndarray of int64, shape (n,)
        Index into `records`.
    records : tuple of str
    labels : tuple of str
    fs : int
    """

    q: NDArray[np.int8]
    context: NDArray[np.int8]
    y: NDArray[np.int64]
    record: NDArray[np.int64]
    records: tuple[str, ...]
    labels: tuple[str, ...]
    fs: int


def fit(beats: TrainingBeats, name: str = LOGISTIC, inputs: tuple[str, ...] = ()) -> Logistic:
    """Fit one variant: on all records, and for each fold of records on the others.

    Parameters
    ----------
    beats : TrainingBeats
    name : str
        Key of `FEATURES`.
    inputs : tuple of str
        Features of `OWN`.
    """
    chosen = inputs if name == OWN else FEATURES[name]
    features = features_of(beats.q, beats.context, beats.fs, chosen)
    fold = folds_of(beats.y, beats.record)
    names = np.asarray(beats.records, dtype=str)
    parts = []
    for number in range(int(fold.max()) + 1):
        held = fold[beats.record] == number
        rest = minimize(features[~held], beats.y[~held], len(beats.labels))
        parts.append((tuple(str(n) for n in names[: len(fold)][fold == number]), rest))
    whole = minimize(features, beats.y, len(beats.labels))
    found = Logistic(name, chosen, beats.labels, beats.fs, whole, None, tuple(parts))
    if len(beats.labels) != 2:
        return found
    logits = found.out_of_fold(beats.q, beats.context, beats.record, beats.records)
    return replace(found, threshold=_threshold(logits, beats))


def fit_all(beats: TrainingBeats, inputs: tuple[str, ...] = ()) -> tuple[Logistic, ...]:
    """Fit the baselines of a task: ten features; two classes: the shape alone; a student's inputs.

    Students of two classes may be given the beat alone, and a baseline that knows the rhythm knows
    more than they do.

    Parameters
    ----------
    beats : TrainingBeats
    inputs : tuple of str
        What the student's first layer sees; empty for convolutions, which see the beat itself.
    """
    names = [LOGISTIC]
    names += [SHAPE_ONLY] if len(beats.labels) == 2 else []
    names += [OWN] if inputs else []
    return tuple(fit(beats, name, inputs) for name in names)


def _threshold(logits: Floats, beats: TrainingBeats) -> float:
    """By the rule, and in the steps, of the student's threshold."""
    steps = np.round((logits[:, 1] - logits[:, 0]) * ONE**2).astype(np.int64)
    return choose_threshold(steps, beats.y == 1, beats.record).value / ONE**2


def folds_of(
    y: NDArray[np.integer], record: NDArray[np.integer], folds: int = FOLDS
) -> NDArray[np.int64]:
    """Assign records to folds: of many fixed random draws, the one that spreads classes best.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        Class of each beat.
    record : ndarray of int, shape (n,)
        Record index of each beat.
    folds : int
        At most as many as there are records.

    Returns
    -------
    ndarray of int64, shape (records,)
    """
    records, classes = int(record.max()) + 1, int(y.max()) + 1
    table = np.bincount(record.astype(np.int64) * classes + y, minlength=records * classes)
    counts = table.reshape(records, classes).astype(np.float64)
    share = counts / counts.sum(axis=0).clip(min=1)
    folds = min(folds, records)
    random = np.random.default_rng(0)
    draws = [random.permutation(records) % folds for _ in range(CANDIDATE_FOLDS)]

    def unevenness(draw: NDArray[np.int64]) -> float:
        sums = np.stack([share[draw == number].sum(axis=0) for number in range(folds)])
        return float(np.abs(np.log((sums + 0.01) * folds)).sum())

    return min(draws, key=unevenness)


def minimize(features: Floats, y: NDArray[np.integer], classes: int) -> Weights:
    """Return the weights of least penalized, class-weighted cross-entropy (L-BFGS).

    Features are standardized for the fit; the result speaks of them as they are.

    Parameters
    ----------
    features : ndarray of float64, shape (n, features)
    y : ndarray of int, shape (n,)
        Class index.
    classes : int
        A class without beats gets a low bias.
    """
    from scipy.optimize import minimize as lbfgs

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    counts = np.bincount(y, minlength=classes)
    weight = (counts.max() / np.maximum(counts, 1)) ** WEIGHT_POWER
    each = weight[y] / weight[y].sum()
    rows, size = np.arange(len(y)), (classes, x.shape[1])
    penalized = np.append(np.full(x.shape[1] - 1, PENALTY), 0.0)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(size)
        logits = x @ weights.T
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(axis=1)
        value = each @ (np.log(total) - logits[rows, y]) + (penalized * weights**2).sum() / 2
        error = powers / total[:, None]
        error[rows, y] -= 1
        return float(value), ((error * each[:, None]).T @ x + penalized * weights).ravel()

    found = lbfgs(loss, np.zeros(size[0] * size[1]), jac=True, method="L-BFGS-B").x.reshape(size)
    own = found[:, :-1] / scale
    return Weights(own, found[:, -1] - own @ mean)


# Files


def _pair(weights: Weights) -> dict[str, Any]:
    return {"weight": weights.weight.tolist(), "bias": weights.bias.tolist()}


def _to_json(model: Logistic) -> dict[str, Any]:
    return {
        "name": model.name,
        "labels": list(model.labels),
        "fs": model.fs,
        "features": list(model.features),
        **_pair(model.weights),
        "threshold": model.threshold,
        "folds": [{"records": list(records), **_pair(w)} for records, w in model.folds],
    }


def save(models: Sequence[Logistic], path: Path) -> None:
    """Write fitted baselines as JSON, atomically; their floats read back equal."""
    content = {"format": FORMAT, "version": VERSION, "models": [_to_json(m) for m in models]}
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def load(path: Path) -> tuple[Logistic, ...]:
    """Read what `save` wrote; an empty tuple when there is no such file.

    Raises
    ------
    EcgedgeError
        When the file is too large, of another version, or malformed.
    """
    path = Path(path)
    if not path.is_file():
        return ()
    if path.stat().st_size > MAX_FILE_BYTES:
        raise EcgedgeError(f"{path} is too large for a logistic baseline; train the run again.")
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError("another format or version")
        if len(content["models"]) > MAX_MODELS:
            raise ValueError("too many models")
        return tuple(_from_json(item) for item in content["models"])
    except (
        KeyError, TypeError, ValueError, AttributeError, RecursionError, EcgedgeError
    ) as error:  # fmt: skip
        raise EcgedgeError(f"{path} is malformed ({error}); train the run again.") from None


def _from_json(item: Mapping[str, Any]) -> Logistic:
    name, labels = str(item["name"]), tuple(str(label) for label in item["labels"])
    fs = int(item["fs"])
    if not 2 <= len(labels) <= MAX_CLASSES or len(item["folds"]) > MAX_FOLDS:
        raise ValueError("impossible sizes")
    if not 1 <= fs <= MAX_FS_HZ:
        raise ValueError(f"a rate of {fs} Hz")
    features = tuple(str(feature) for feature in item["features"])
    if name == OWN and 1 <= len(features) <= MAX_FEATURES:
        check_features(features, fs)
    elif name not in FEATURES or features != FEATURES[name] or name == OWN:
        raise ValueError("unknown features")
    shape = (len(labels), len(features))
    threshold = item["threshold"]
    if (threshold is None) == (len(labels) == 2):
        raise ValueError("a threshold belongs to two classes, and to no other number")
    if threshold is not None and not np.isfinite(float(threshold)):
        raise ValueError("the threshold is no number")
    folds = [
        (tuple(str(record) for record in fold["records"]), _weights(fold, shape))
        for fold in item["folds"]
    ]
    return Logistic(
        name=name,
        features=features,
        labels=labels,
        fs=fs,
        weights=_weights(item, shape),
        threshold=None if threshold is None else float(threshold),
        folds=tuple(folds),
    )


def _weights(item: Mapping[str, Any], shape: tuple[int, int]) -> Weights:
    weight, bias = np.array(item["weight"], np.float64), np.array(item["bias"], np.float64)
    if weight.shape != shape or bias.shape != shape[:1]:
        raise ValueError(f"weights of shape {weight.shape} where {shape} is due")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("weights that are no numbers")
    return Weights(weight, bias)
