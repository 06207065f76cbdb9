"""The certificate: a proof as JSON values, and what is wrong with one that is no proof.

It names the program that it speaks of by digest, and itself by a checksum over its content. Whoever
reads one proves the program afresh and compares: the checksum tells a changed certificate, the
comparison a wrong one, with a checksum that fits or not.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from firmware_sim.formats import Q7_MAX
from firmware_sim.proof.network import Reach, Witness
from firmware_sim.prove import Proof

CERTIFICATE_FORMAT = "ecgedge-proof"
CERTIFICATE_VERSION = 2
CHECKSUM = "checksum"
SIGNS = {-Q7_MAX: "-", 0: "0", Q7_MAX: "+"}


def certificate(proof: Proof) -> dict[str, Any]:
    """Return a proof as JSON values.

    Samples of witnesses are written as text, one character each: `+` is 127, `-` is -127, `0` is 0.
    """
    content = {
        "format": CERTIFICATE_FORMAT,
        "version": CERTIFICATE_VERSION,
        "program": proof.program,
        "fs": proof.fs,
        "window": proof.window,
        "ok": proof.ok,
        "activation_max": proof.activation_max,
        "layers": [_reach(reach) for reach in proof.layers],
        "normalization": [asdict(quantity) for quantity in proof.normalization],
        "stream": [asdict(quantity) for quantity in proof.stream],
    }
    return {**content, CHECKSUM: checksum(content)}


def _reach(reach: Reach) -> dict[str, Any]:
    witnesses = {key: getattr(reach, key) for key in ("witness_min", "witness_max")}
    written = {key: _written(value, reach.kind) for key, value in witnesses.items()}
    return {**asdict(reach), **written}


def _written(witness: Witness | None, kind: str) -> str | list[int] | None:
    if witness is None:
        return None
    return "".join(SIGNS[value] for value in witness) if kind == "beat" else list(witness)


def checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a certificate's canonical JSON, its checksum left out."""
    rest = {key: value for key, value in content.items() if key != CHECKSUM}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def what_is_wrong(stated: Mapping[str, Any], fresh: Mapping[str, Any]) -> str | None:
    """Say where a certificate is not the proof of its program; None when it is.

    Parameters
    ----------
    stated : mapping
        The certificate as it was read.
    fresh : mapping
        What `certificate` gives for the same program.

    Returns
    -------
    str or None
        The first difference by name, and whether the certificate was changed after it was written.
    """
    if stated.get("program") != fresh["program"]:
        return "it speaks of another program"
    if stated.get("version") != fresh["version"]:
        return f"it is of version {stated.get('version')!r}, not {fresh['version']}"
    without = [{k: v for k, v in c.items() if k != CHECKSUM} for c in (stated, fresh)]
    difference = _difference(without[0], without[1], "")
    if stated.get(CHECKSUM) == checksum(stated):
        return difference
    changed = "it was changed after it was written (its checksum does not match)"
    return f"{difference}; {changed}" if difference else changed


def _difference(stated: object, fresh: object, place: str) -> str | None:
    """Return the first difference of two JSON values, named by the way to it."""
    if isinstance(stated, dict) and isinstance(fresh, dict):
        return _of_objects(stated, fresh, place)
    if _named(stated) and _named(fresh):
        entries, expected = _by_name(stated), _by_name(fresh)
        if difference := _of_objects(entries, expected, place):
            return difference
        return None if list(entries) == list(expected) else f"{place} is in another order"
    if type(stated) is type(fresh) and stated == fresh:
        return None
    return f"{place} is {_short(stated)}, the proof says {_short(fresh)}"


def _of_objects(stated: dict[str, Any], fresh: dict[str, Any], place: str) -> str | None:
    for key, value in fresh.items():
        inner = f"{place}, {key}" if place else key
        if key not in stated:
            return f"{inner} is missing"
        if difference := _difference(stated[key], value, inner):
            return difference
    extra = next((key for key in stated if key not in fresh), None)
    if extra is not None:
        return f"{f'{place}, ' if place else ''}{str(extra)[:60]} is not part of the proof"
    return None


def _named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and "name" in v for v in value)


def _by_name(entries: Any) -> dict[str, Any]:
    """Entries of a list by name, and channel where they have one; repeated names are counted."""
    found: dict[str, Any] = {}
    for entry in entries:
        channel = f" channel {entry['channel']}" if "channel" in entry else ""
        name = f"{entry['name']}{channel}"
        found[name if name not in found else f"{name} (entry {len(found)})"] = entry
    return found


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
