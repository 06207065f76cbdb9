"""A program's C library on a core: its layers for beats, its beats for samples.

On this machine the library is loaded and called; on an emulated chip the harness runs it, fed
with bytes. Both return the same tables.
"""

import ctypes
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.chips.build import Built, build, build_library
from ecgedge.chips.core import Core
from ecgedge.chips.run import Run, run
from export.c_header import beat_context, shape_values
from export.c_library import library_files
from firmware_sim.detector import as_counts
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import CLIPPED, FLAT, GOOD, Beat
from firmware_sim.program import CHANNELS, TOKEN_COUNT, Program

HARNESS = Path(__file__).resolve().parent / "harness"
QUALITIES = (GOOD, FLAT, CLIPPED)
"""In the order of `ecgedge.h`."""
WORD_BYTES = 4
"""Measures and hidden values fill whole words."""
FLUSHED = 64
"""More beats than can wait for a decision at the end of a stream."""

Table = NDArray[np.void]
Layers = dict[str, NDArray[Any]]


def layers_type(program: Program, *, align: bool = False) -> np.dtype[np.void]:
    """Return the type of what the library computes of one beat; aligned as in C, or packed."""
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    if program.branches:
        fields += [
            ("sums", "<i4", (TOKEN_COUNT, CHANNELS)),
            ("tokens", "i1", (len(program.layers) + 1, TOKEN_COUNT, CHANNELS)),
            ("mean", "i1", (CHANNELS,)),
        ]
    if program.measures:
        fields += _sums_and_values("measure_sums", "measures", len(program.measures))
    if program.hidden is not None:
        fields += _sums_and_values("hidden_sums", "hidden", len(program.hidden.bias))
    fields += [("scores", "<i4", (len(program.labels),)), ("label", "u1", ())]
    return np.dtype(fields, align=align)


def _sums_and_values(sums: str, values: str, n: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return the fields of sums, and of their values in whole words."""
    whole_words = -(-n // WORD_BYTES) * WORD_BYTES
    return [(sums, "<i4", (n,)), (values, "i1", (whole_words,))]


def beat_type(program: Program, *, align: bool = False) -> np.dtype[np.void]:
    """Return the type of one beat of a stream; aligned as in C, or packed."""
    return np.dtype(
        [
            ("sample", "<u4"),
            ("decided_at", "<u4"),
            ("scores", "<i4", (len(program.labels),)),
            ("rr", "<u2"),
            ("context", "i1", (beat_context(program),)),
            ("label", "u1"),
            ("quality", "u1"),
            ("search_back", "u1"),
        ],
        align=align,
    )


def table_of(program: Program, beats: Sequence[Beat]) -> Table:
    """Return the simulator's beats as the library would."""
    table = np.zeros(len(beats), dtype=beat_type(program))
    for row, beat in zip(table, beats, strict=True):
        row["sample"], row["decided_at"] = beat.sample, beat.decided_at
        row["scores"], row["rr"] = beat.scores, beat.rr or 0
        row["context"] = beat.context or (0,) * beat_context(program)
        row["label"], row["quality"] = beat.label_index, QUALITIES.index(beat.quality)
        row["search_back"] = beat.search_back
    return table


def named_layers(program: Program, table: Table) -> Layers:
    """Return what the library computed under the simulator's names and shapes."""
    found = _named_tokens(program, table) if program.branches else {}
    if program.measures:
        found["measures"] = table["measures"][:, : len(program.measures)]
    if program.hidden is not None:
        found["hidden"] = table["hidden"][:, : len(program.hidden.bias)]
    return found | {"scores": table["scores"], "label": table["label"][:, None]}


def _named_tokens(program: Program, table: Table) -> Layers:
    """Return pools, tokens and mean."""
    found: Layers = {}
    pools = {"sum": table["sums"], "pool": table["tokens"][:, 0]}
    for kind, values in pools.items():
        first = 0
        for name, _, segment in program.named_branches:
            part = values[:, first : first + segment.tokens]
            found[f"{name}.{kind}"] = part.transpose(0, 2, 1)
            first += segment.tokens
    for i in range(len(program.layers) + 1):
        found[f"tokens.{i}"] = table["tokens"][:, i].transpose(0, 2, 1)
    return found | {"mean": table["mean"]}


def write_library(program: Program, folder: Path) -> list[Path]:
    """Write the C library into a folder and return its sources."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in library_files(program).items():
        (folder / name).write_text(text)
    return sorted(folder.glob("*.c"))


class Firmware:
    """The library of a program on a core.

    Parameters
    ----------
    program : Program
    core : Core
    optimize : str, optional
        The compiler's level; by default the core's.
    flags : sequence of str
        More for the compiler.

    Raises
    ------
    ToolMissing
        When a tool is not installed.
    EcgedgeError
        When the library does not compile.
    """

    def __init__(
        self,
        program: Program,
        core: Core,
        *,
        optimize: str | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.core = core
        # not an object that is deleted by somebody: the folder goes when this does
        folder = tempfile.mkdtemp(prefix="ecgedge-firmware-")
        self._remove = weakref.finalize(self, _remove, folder)
        self.folder = Path(folder)
        self.sources = write_library(program, self.folder / "library")
        self.built: Built = build(
            core,
            [*self.sources, HARNESS / "harness.c"],
            [self.folder / "library"],
            {},
            self.folder / "build",
            optimize=optimize,
            flags=flags,
        )

    def run(self, data: bytes, *, count: bool = False) -> Run:
        """Run the harness on what `network_input` and its neighbours make."""
        return run(self.built, data, count=count)

    def network(self, q: NDArray[np.int8], context: NDArray[np.int8] | None) -> Table:
        """Run the network on beats.

        Parameters
        ----------
        q : (n, window) int8
        context : (n, 5 or 12) int8 or None

        Returns
        -------
        (n,) of `layers_type`
        """
        output = self.run(network_input(self.program, q, context)).output
        return self._read(output, layers_type(self.program), len(q))

    def windows(self, counts: NDArray[np.integer], context: NDArray[np.int8] | None) -> Table:
        """Classify windows of counts: (n,) with the fields scores, label and shape.

        The shape is compared with a template that has taken in the windows before; it is empty for
        a program without.

        Parameters
        ----------
        counts : (n, window) integers
            In the range of int16.
        context : (n, 5 or 12) int8 or None
        """
        output = self.run(window_input(self.program, counts, context)).output
        sizes = len(self.program.labels), shape_values(self.program)
        kind = np.dtype([("scores", "<i4", sizes[0]), ("label", "u1"), ("shape", "i1", sizes[1:])])
        return self._read(output, kind, len(counts))

    def pipeline(self, samples: ArrayLike) -> Table:
        """Push samples one by one, and flush; return the beats as (n,) of `beat_type`."""
        output = self.run(pipeline_input(samples)).output
        return self._read(output, beat_type(self.program), None)

    def _read(self, output: bytes, kind: np.dtype[np.void], n: int | None) -> Table:
        if len(output) % kind.itemsize or (n is not None and len(output) != n * kind.itemsize):
            raise EcgedgeError(
                f"{self.core.title} returned {len(output)} bytes, which is no whole number of "
                f"results; look for the fault in its C code."
            )
        return np.frombuffer(output, dtype=kind)


def _with_context(
    program: Program, rows: NDArray[np.generic], context: NDArray[np.int8] | None
) -> bytes:
    """Return rows of numbers as bytes, each followed by its context."""
    parts = [np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)]
    if program.context and context is not None:
        parts.append(own_context(program, context).view(np.uint8))
    return np.concatenate(parts, axis=1).tobytes()


def own_context(program: Program, context: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the context values that a program takes: the first ones, row after row in memory."""
    return np.ascontiguousarray(context[:, : program.context])


def network_input(program: Program, q: NDArray[np.int8], context: NDArray[np.int8] | None) -> bytes:
    """Return what the harness needs to run the network on beats (n, window).

    A program that sees nothing of the beat needs the contexts alone.
    """
    return b"n" + _with_context(program, q if program.seen else q[:, :0], context)


def window_input(
    program: Program, counts: NDArray[np.integer], context: NDArray[np.int8] | None
) -> bytes:
    """Return what the harness needs to classify windows of counts (n, window)."""
    return b"c" + _with_context(program, counts.astype("<i2"), context)


def pipeline_input(samples: ArrayLike) -> bytes:
    """Return what the harness needs to push samples."""
    return b"p" + as_counts(samples).astype("<i2").tobytes()


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


class HostLibrary:
    """The library of a program as a shared library of this machine.

    The parameters and errors are those of `Firmware`.
    """

    def __init__(self, program: Program, core: Core, *, flags: Sequence[str] = ()) -> None:
        self.program = program
        with tempfile.TemporaryDirectory(prefix="ecgedge-library-") as name:
            folder = Path(name)
            sources = [*write_library(program, folder), HARNESS / "library.c"]
            path = build_library(core, sources, [folder], {}, folder, flags=flags)
            self._library = ctypes.CDLL(str(path))
        self._layers = layers_type(program, align=True)
        self._beats = beat_type(program, align=True)
        sizes = (self._call("library_layers_size")(), self._call("library_beat_size")())
        if sizes != (self._layers.itemsize, self._beats.itemsize):
            raise EcgedgeError(
                "this machine's compiler lays out the library's results in an unknown way; "
                "leave the engine host-c out."
            )

    def _call(self, name: str) -> Callable[..., int]:
        function = getattr(self._library, name)
        function.restype = ctypes.c_uint32
        return function  # type: ignore[no-any-return]

    def network(self, q: NDArray[np.int8], context: NDArray[np.int8] | None) -> Table:
        """Run the network on beats, as `Firmware.network` does."""
        beats = np.ascontiguousarray(q)
        contexts = np.zeros((len(q), 0), np.int8) if context is None else context
        contexts = own_context(self.program, contexts)
        table = np.zeros(len(q), dtype=self._layers)
        function = self._call("library_network")
        function(_place(beats), _place(contexts), ctypes.c_uint32(len(q)), _place(table))
        return table

    def pipeline(self, samples: ArrayLike) -> Table:
        """Push samples one by one, as `Firmware.pipeline` does."""
        counts = as_counts(samples).astype(np.int16)
        table = np.zeros(len(counts) + FLUSHED, dtype=self._beats)
        n = self._call("library_pipeline")(
            _place(counts), ctypes.c_uint32(len(counts)), _place(table), ctypes.c_uint32(len(table))
        )
        return table[:n]


def _place(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
