"""Annotation files of the MIT format, read as the WFDB library reads them.

The format is words of 16 bits, low byte first: six bits of code, ten of data [1]_. An annotation is
a word with its code and the samples since the annotation before; five codes from 59 on change that
or add to it: a longer interval, the fields num, subtype and chan, a text. A word of zero ends the
file. Comments at sample 0 may give the rate at which samples are counted.

The reader is here, and wfdb's is not used, because what is compared depends on details: the subtype
of ``~`` is needed as it is stored, several annotations at one sample stay in their order, and bytes
that are no annotations are to be refused in a sentence.

References
----------
.. [1] https://physionet.org/physiotools/wag/annot-5.htm
"""

import re
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np

from ecgedge.ec57.annotations import Annotations
from firmware_sim.errors import EcgedgeError

LARGEST_BYTES = 16 * 2**20
"""Four million beats, a month of them; a larger file is something else."""
SYMBOLS = {
    1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j",
    12: "/", 13: "Q", 14: "~", 16: "|", 18: "s", 19: "T", 20: "*", 21: "D", 22: '"', 23: "=",
    24: "p", 25: "B", 26: "^", 27: "t", 28: "+", 29: "u", 30: "?", 31: "!", 32: "[", 33: "]",
    34: "e", 35: "n", 36: "@", 37: "x", 38: "f", 39: "(", 40: ")", 41: "r",
}  # fmt: skip
"""WFDB annotation code -> symbol; the others are free for users or not in use."""

_END = 0
_SKIP, _SUBTYPE, _TEXT = 59, 61, 63
_COMMENT = '"'
_RATE = re.compile(rb"## time resolution: \s*([0-9.eE+-]+)")
_FASTEST_HZ = 1e9
_AHA_CODES = b"EFNOPQRUV"


@dataclass
class _Found:
    """What has been read so far."""

    samples: list[int] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    subtypes: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)


def read_annotations(path: Path) -> Annotations:
    """Read an annotation file.

    Parameters
    ----------
    path : Path
        File of the MIT format. One without a byte holds no annotations, as for WFDB.

    Raises
    ------
    EcgedgeError
        When it is not there, too large, of the AHA's format, cut short, or not in the order of
        time.
    """
    path = Path(path)
    if not path.is_file():
        raise EcgedgeError(f"there is no annotation file {path}; check the name.")
    if path.stat().st_size > LARGEST_BYTES:
        raise EcgedgeError(
            f"{path} is larger than {LARGEST_BYTES // 2**20} MiB and no annotation file; "
            "check the name."
        )
    return parse_annotations(path.read_bytes(), str(path))


def parse_annotations(content: bytes, name: str) -> Annotations:
    """Read the bytes of an annotation file.

    Parameters
    ----------
    content : bytes
    name : str
        What an error calls the file.

    Raises
    ------
    EcgedgeError
        As `read_annotations`.
    """
    if content[:1] == b"\0" and content[1:2] and content[1] in _AHA_CODES:
        raise EcgedgeError(
            f"{name} is in the format of the AHA database; write it in the MIT format first."
        )
    found = _parse(content, name) if content else _Found()
    if any(b < a for a, b in zip(found.samples, found.samples[1:], strict=False)):
        raise EcgedgeError(f"{name} is not in the order of time; sort it with WFDB's sortann.")
    return Annotations(
        tuple(found.samples), tuple(found.symbols), tuple(found.subtypes), _rate(found, name)
    )


def _parse(content: bytes, name: str) -> _Found:
    """Read words until the end mark; whatever comes after it is not looked at."""
    words = np.frombuffer(content[: len(content) // 2 * 2], "<u2").tolist()
    found = _Found()
    sample = i = 0
    try:
        while (word := words[i]) != _END:
            code, data, i = word >> 10, word & 0x3FF, i + 1
            if code == _SKIP:
                sample += _signed(words[i] << 16 | words[i + 1], 32)
                i += 2
            elif code < _SKIP:
                sample += data
                found.samples.append(sample)
                found.symbols.append(SYMBOLS.get(code, ""))
                found.subtypes.append(0)
                found.texts.append(b"")
            elif not found.samples:
                raise EcgedgeError(f"{name} does not begin with an annotation; check the file.")
            elif code == _SUBTYPE:
                found.subtypes[-1] = _signed(data & 0xFF, 8)
            elif code == _TEXT:
                length = data & 0xFF
                found.texts[-1] = content[2 * i : 2 * i + length]
                i += (length + 1) // 2
    except IndexError:
        raise EcgedgeError(
            f"{name} is cut short or no annotation file: the mark of its end is missing; "
            "make or fetch it again."
        ) from None
    return found


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _rate(found: _Found, name: str) -> float | None:
    """Rate of the samples according to the comments that the file begins with."""
    rate = None
    rows = zip(found.samples, found.symbols, found.subtypes, found.texts, strict=True)
    for sample, symbol, subtype, text in rows:
        if sample != 0 or symbol != _COMMENT or subtype != 0:
            break
        if match := _RATE.match(text):
            rate = _number(match[1], name)
    return rate


def _number(text: bytes, name: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = float("nan")
    if not (isfinite(rate) and 0 < rate <= _FASTEST_HZ):
        raise EcgedgeError(
            f"{name} gives {text.decode(errors='replace')!r} as its rate; write it anew with a "
            "positive number."
        )
    return rate
