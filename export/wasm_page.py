"""The page that runs a program as WebAssembly: one file, which loads nothing else.

Its parts lie in `export/wasm/`; the module and the recording go into it as base64 of gzip.
"""

import base64
import gzip
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.c_header import beat_context
from firmware_sim.program import Program

PARTS = Path(__file__).resolve().parent / "wasm"
SCRIPTS = ("model.js", "recording.js", "strip.js", "page.js")
MEANINGS = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "unknown",
}


@dataclass(frozen=True, eq=False)
class PageRecording:
    """What the page plays.

    Attributes
    ----------
    name, credit : str
        What it is called, and whom it comes from.
    counts : (n,) int16
        At the program's rate.
    gain, baseline : float
        Counts per mV, and counts at 0 mV.
    reference : sequence of (sample, symbol)
        Reference beats, if there are any.
    """

    name: str
    credit: str
    counts: NDArray[np.int16]
    gain: float
    baseline: float
    reference: Sequence[tuple[int, str]] = ()


def packed(data: bytes) -> bytes:
    """Return data as web servers send it: compressed with gzip, the same bytes every time."""
    return gzip.compress(data, 9, mtime=0)


def _text(data: bytes) -> str:
    return base64.b64encode(packed(data)).decode()


def page_data(
    program: Program, module: bytes, recording: PageRecording, made_by: str
) -> dict[str, Any]:
    """Return what the page reads: the program, its module, and the recording."""
    return {
        "about": (
            f"{program.parameters} parameters in integers. The C library for the chip, as "
            f"WebAssembly: {len(packed(module)):,} bytes compressed, {len(module):,} unpacked. "
            "Samples in, labels out; nothing leaves this page."
        ),
        "credit": (
            f"{recording.credit} Program {program.digest[:12]}, from {made_by}, Apache-2.0."
        ).strip(),
        "model": {
            "name": program.name,
            "fs": program.fs,
            "labels": list(program.labels),
            "context": beat_context(program),
            "meanings": {k: v for k, v in MEANINGS.items() if k in program.labels},
            "wasm": _text(module),
        },
        "recording": {
            "name": recording.name,
            "counts": _text(recording.counts.astype("<i2").tobytes()),
            "gain": recording.gain,
            "baseline": recording.baseline,
            "reference": [list(beat) for beat in recording.reference],
        },
    }


def page(program: Program, module: bytes, recording: PageRecording, made_by: str) -> str:
    """Return the page.

    Parameters
    ----------
    program : Program
    module : bytes
        Its WebAssembly module.
    recording : PageRecording
    made_by : str
        Program and version.
    """
    data = json.dumps(page_data(program, module, recording, made_by), indent=1)
    parts = {
        "@TITLE@": html.escape(f"{program.name} in the browser"),
        "@STYLE@": (PARTS / "page.css").read_text(),
        "@DATA@": data.replace("<", "\\u003c"),
        "@SCRIPT@": "\n".join((PARTS / name).read_text() for name in SCRIPTS),
    }
    text = (PARTS / "page.html").read_text()
    for mark, content in parts.items():
        text = text.replace(mark, content, 1)
    return text
