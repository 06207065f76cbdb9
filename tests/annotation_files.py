"""Annotation files for tests, written byte by byte."""

from collections.abc import Sequence
from pathlib import Path

from ecgedge.ec57.annotations import Annotations
from ecgedge.ec57.mit_format import SYMBOLS

CODES = {symbol: code for code, symbol in SYMBOLS.items()}
END = b"\0\0"
Row = tuple[int, str] | tuple[int, str, int]


def word(code: int, data: int) -> bytes:
    return (code << 10 | data).to_bytes(2, "little")


def text(content: bytes) -> bytes:
    return word(63, len(content)) + content + b"\0" * (len(content) % 2)


def skip(samples: int) -> bytes:
    value = samples % (1 << 32)
    return (
        word(59, 0) + (value >> 16).to_bytes(2, "little") + (value & 0xFFFF).to_bytes(2, "little")
    )


def rate(fs: str) -> bytes:
    """The comment at sample 0 that gives the rate."""
    return word(22, 0) + text(b"## time resolution: " + fs.encode())


def mit(rows: Sequence[Row], fs: str | None = None) -> bytes:
    """Return the bytes of a file; a row is sample, symbol and perhaps subtype."""
    content, last = (rate(fs) if fs else b""), 0
    for sample, symbol, *subtype in rows:
        step = sample - last
        content += (skip(step) if step > 1023 else b"") + word(
            CODES[symbol], 0 if step > 1023 else step
        )
        content += word(61, subtype[0]) if subtype else b""
        last = sample
    return content + END


def write(path: Path, rows: Sequence[Row], fs: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mit(rows, fs))
    return path


def notes(*rows: Row) -> Annotations:
    """Annotations in memory."""
    return Annotations(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        tuple(row[2] if len(row) == 3 else 0 for row in rows),
    )


def beats(*samples: int, symbol: str = "N") -> Annotations:
    return notes(*((sample, symbol) for sample in samples))
