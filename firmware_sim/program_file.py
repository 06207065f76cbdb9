"""The file `program.json`: a program written out, and read back with distrust."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import (
    BRANCHES,
    FORMAT,
    RR_VERSION,
    SHAPE_VERSION,
    VERSION,
    Branch,
    Head,
    Hidden,
    Layer,
    Program,
    checksum_of,
    content_of,
)
from firmware_sim.rhythm import RR_SIZE

MAX_FILE_BYTES = 1 << 20

KEYS = {
    "format", "version", "name", "task", "fs", "window", "labels", "context", "threshold",
    "logit_scale", "branches", "layers", "mean_shift", "head",
}  # fmt: skip
"""Of version 1; later ones have more."""
MORE_KEYS = {
    1: set[str](), 2: {"hidden"}, 3: {"hidden"}, 4: {"hidden", "prior"},
    5: {"hidden", "prior", "measures"},
}  # fmt: skip
"""What else a version may have; version 2 must."""
PRIOR_KEYS = {"label", "gain", "shift"}
MEASURE_KEYS = {"kind", "start", "stop", "gain"}
LAYER_KEYS = {"weight", "bias", "shift"}


def program_to_json(program: Program) -> str:
    """Return the program as JSON text with its checksum, one weight row a line."""
    content = {**content_of(program), "checksum": program.digest}
    rows = []
    for key, value in content.items():
        rows.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def program_from_json(text: str | bytes, source: str = "the program") -> Program:
    """Read a program from JSON text; anything malformed is refused.

    Parameters
    ----------
    text : str or bytes
        What `program_to_json` wrote.
    source : str
        Named in the errors, the file usually.

    Raises
    ------
    EcgedgeError
        When the text is not a program, is of a newer version, holds a value out of range, or does
        not match its checksum.
    """
    content = _content(text, source)
    return Program(
        name=content["name"],
        task=content["task"],
        fs=content["fs"],
        window=content["window"],
        labels=tuple(_list(content["labels"], "labels")),
        branches=_branches(content["branches"], source),
        layers=_layers(content["layers"]),
        mean_shift=content["mean_shift"],
        head=_head(content["head"]),
        context=content["context"],
        threshold=content["threshold"],
        logit_scale=content["logit_scale"],
        hidden=_hidden(content["hidden"]) if "hidden" in content else None,
        prior=_prior(content["prior"]) if "prior" in content else None,
        measures=_measures(content.get("measures", [])),
    )


def save_program(program: Program, path: Path) -> None:
    """Write `program.json` atomically."""
    write_atomic(path, program_to_json(program))


def load_program(path: Path) -> Program:
    """Read `program.json`.

    Raises
    ------
    EcgedgeError
        When the file is missing, too large or malformed.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise EcgedgeError(f"{path} is too large for a program; is it the right file?")
        text = path.read_bytes()
    except FileNotFoundError:
        raise EcgedgeError(f"{path} does not exist; give a program.json or a bundle.") from None
    except OSError as error:
        raise EcgedgeError(f"{path} cannot be read: {error.strerror}.") from None
    return program_from_json(text, str(path))


def _content(text: str | bytes, source: str) -> dict[str, Any]:
    """Return the JSON values of a program whose version is known and whose checksum is right."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EcgedgeError(f"{source} is not JSON ({error}); export the bundle again.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise EcgedgeError(f"{source} is not an ecgedge program; expected format {FORMAT!r}.")
    version = _version(content, source)
    context = content.get("context")
    if context and version < (RR_VERSION if context == RR_SIZE else SHAPE_VERSION):
        raise EcgedgeError(
            f"{source} has format version {version}, whose context values were others; "
            "train and export it again."
        )
    stated = content.pop("checksum", None)
    more = MORE_KEYS[version]
    _keys(content, KEYS | (more if version == 2 else more & content.keys()), source)
    if stated != checksum_of(content):
        raise EcgedgeError(
            f"{source} does not match its checksum: it was changed after it was written; "
            "export the bundle again."
        )
    return content


def _version(content: dict[str, Any], source: str) -> int:
    """Return the version of the format, one that can be read."""
    version = content.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise EcgedgeError(f"{source} has no version number; export the bundle again.")
    if version > VERSION:
        raise EcgedgeError(
            f"{source} has format version {version}, this ecgedge reads up to {VERSION}; "
            "upgrade ecgedge."
        )
    if version < 1:
        raise EcgedgeError(f"{source} has format version {version}, which never existed.")
    return version


def _branches(value: Any, source: str) -> tuple[Branch, ...]:
    branches = []
    for name, item in zip(BRANCHES, _list(value, "branches"), strict=False):
        _keys(item, {"name"} | LAYER_KEYS, f"branch {name}")
        if item["name"] != name:
            raise EcgedgeError(f"branch {item['name']!r} stands where {name!r} belongs.")
        weight = _array(item["weight"], f"{name}.weight")
        branches.append(Branch(weight, _array(item["bias"], f"{name}.bias"), item["shift"]))
    if len(branches) != len(value):
        raise EcgedgeError(f"{source} has {len(value)} branches, not {len(BRANCHES)}.")
    return tuple(branches)


def _layers(value: Any) -> tuple[Layer, ...]:
    layers = []
    for i, item in enumerate(_list(value, "layers"), start=1):
        _keys(item, LAYER_KEYS, f"layer {i}")
        weight = _array(item["weight"], f"layer {i} weight")
        layers.append(Layer(weight, _array(item["bias"], f"layer {i} bias"), item["shift"]))
    return tuple(layers)


def _hidden(value: Any) -> Hidden:
    item = _keys(value, LAYER_KEYS, "hidden")
    weight = _array(item["weight"], "hidden weight")
    return Hidden(weight, _array(item["bias"], "hidden bias"), item["shift"])


def _prior(value: Any) -> Prior:
    item = _keys(value, PRIOR_KEYS, "prior")
    if not isinstance(item["label"], str):
        raise EcgedgeError("the prior's label is no text; the program is malformed.")
    return Prior(item["label"], item["gain"], item["shift"])


def _measures(value: Any) -> tuple[Measure, ...]:
    items = [_keys(item, MEASURE_KEYS, "measure") for item in _list(value, "measures")]
    if not all(isinstance(item["kind"], str) for item in items):
        raise EcgedgeError("the kind of a measure is no text; the program is malformed.")
    return tuple(Measure(**item) for item in items)


def _head(value: Any) -> Head:
    item = _keys(value, {"weight", "bias"}, "head")
    return Head(_array(item["weight"], "head.weight"), _array(item["bias"], "head.bias"))


def _keys(value: Any, expected: set[str], what: str) -> dict[str, Any]:
    """Check that a JSON value is an object with exactly these keys."""
    if not isinstance(value, dict):
        raise EcgedgeError(f"{what} is not a JSON object; the program is malformed.")
    if value.keys() != expected:
        missing = ", ".join(sorted(expected - value.keys()))
        extra = ", ".join(sorted(map(str, value.keys() - expected)))
        detail = "; ".join(
            part
            for part in (missing and f"missing {missing}", extra and f"unknown {extra}")
            if part
        )
        raise EcgedgeError(f"{what} has the wrong keys ({detail}); the program is malformed.")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise EcgedgeError(f"{what} is not a JSON list; the program is malformed.")
    return value


def _array(value: Any, what: str) -> NDArray[Any]:
    """Nested JSON lists of integers to an array; booleans and floats are refused."""

    def all_integers(item: Any) -> bool:
        if isinstance(item, list):
            return all(all_integers(x) for x in item)
        return isinstance(item, int) and not isinstance(item, bool) and abs(item) < 1 << 31

    try:
        if not all_integers(value):
            raise ValueError
        return np.asarray(value, dtype=np.int64)
    except (ValueError, RecursionError):
        raise EcgedgeError(
            f"{what} is not an array of integers; the program is malformed."
        ) from None
