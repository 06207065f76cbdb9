"""Engines against the simulator, a chunk of beats at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.verification.bounds import Bounds, largest_values
from ecgedge.verification.engines import BEATS_AT_MOST, Engine
from ecgedge.verification.engines.plain import plain
from ecgedge.verification.inputs import Source
from ecgedge.verification.report import EngineReport
from export.bundle import Bundle
from firmware_sim.network import run
from firmware_sim.program import Program
from firmware_sim.trace import Comparison, Difference, compare

CHUNK = 512
"""Beats at a time: all layers of one engine take about 6 MB then."""
MAX_WORKERS = 4

Layers = dict[str, NDArray[Any]]
Chunk = tuple[Source, int, slice]
"""A source, the index of its first beat, and the beats."""
Progress = Callable[[int, int], None]


@dataclass
class _Tally:
    """What has been found about one engine so far."""

    compared: int = 0
    mismatches: int = 0
    layers: tuple[str, ...] = ()
    first: dict[str, Any] | None = None
    error: str | None = None

    def report(self) -> EngineReport:
        return EngineReport(
            self.compared, self.mismatches, self.layers, self.first, None, self.error
        )


@dataclass(frozen=True)
class _Chunk:
    """What one chunk of beats showed."""

    beats: int
    comparisons: dict[str, tuple[Comparison, tuple[str, ...]] | str]
    largest: dict[str, int]
    clipped: dict[str, tuple[int, int]]


def expected_layers(
    program: Program, q: NDArray[np.int8], context: NDArray[np.int8] | None
) -> Layers:
    """Return every layer of the simulator, and scores and label as files name them."""
    output = run(program, q, context, layers=True)
    label = output.label_index[:, None]
    return {
        **output.layers,
        "label": label,
        "file.scores": output.scores,
        "file.label": label,
    }


def compare_engine(
    program: Program,
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
    expected: Layers,
    engine: Engine,
) -> tuple[Comparison, tuple[str, ...]] | str:
    """Run one engine on a chunk of beats.

    Returns
    -------
    (Comparison, tuple of str) or str
        The comparison and the layers that the engine showed; a string says what broke.
    """
    try:
        actual = engine(q, context)
        shown = tuple(name for name in expected if name in actual)
        return compare(program, q, context, expected, actual), shown
    except Exception as error:  # an engine may break in any way; that is a finding, not a crash
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def chosen_chunks(work: Sequence[Chunk], at_most: int) -> set[int]:
    """Choose chunks for a slow engine: what is made on purpose, and even parts of the database.

    Parameters
    ----------
    work : sequence of (source, start, slice)
    at_most : int
        Beats of databases and of noise; each of the two gets chunks until it is reached.

    Returns
    -------
    set of int
        Indices into `work`.
    """
    chosen = set()
    for name in {source.name for source, _, _ in work}:
        places = [i for i, (source, _, _) in enumerate(work) if source.name == name]
        n = min(len(places), -(-at_most // CHUNK))
        chosen |= {places[round(k * (len(places) - 1) / max(n - 1, 1))] for k in range(n)}
    return chosen


def _run_chunk(
    bundle: Bundle,
    engines: dict[str, Engine],
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
) -> _Chunk:
    program = bundle.program
    expected = expected_layers(program, q, context)
    comparisons = {
        name: compare_engine(program, q, context, expected, engine)
        for name, engine in engines.items()
    }
    largest = largest_values(program, expected)
    return _Chunk(len(q), comparisons, largest, plain(program, q, context).clipped)


def _chunks(sources: Sequence[Source]) -> Iterator[Chunk]:
    for source in sources:
        for start in range(0, len(source.q), CHUNK):
            yield source, start, slice(start, min(start + CHUNK, len(source.q)))


def describe_difference(source: Source, start: int, found: Difference) -> dict[str, Any]:
    """Return a difference as JSON values, with its place in the source.

    Parameters
    ----------
    source : Source
    start : int
        Index in the source of the beat that `found` counts from.
    found : Difference
    """
    place = source.place(start + found.beat)
    origin = ", ".join(f"{key} {value}" for key, value in place.items() if key != "beat")
    text = str(found).replace(f"beat {found.beat}", f"beat {place['beat']} ({origin})", 1)
    return place | {
        "layer": found.layer,
        "channel": found.channel,
        "position": found.position,
        "expected": found.expected,
        "actual": found.actual,
        "accumulator": found.accumulator,
        "text": text,
    }


def _add(tallies: dict[str, _Tally], chunk: _Chunk, source: Source, start: int) -> None:
    for name, result in chunk.comparisons.items():
        tally = tallies[name]
        if isinstance(result, str):
            tally.error = tally.error or f"{result} ({source.name}, from beat {start})"
            continue
        comparison, shown = result
        tally.compared += comparison.compared
        tally.mismatches += comparison.mismatches
        tally.layers = shown
        if tally.first is None and comparison.first is not None:
            tally.first = describe_difference(source, start, comparison.first)


def run_engines(
    bundle: Bundle,
    sources: Sequence[Source],
    engines: dict[str, Engine],
    progress: Progress | None = None,
) -> tuple[dict[str, EngineReport], Bounds]:
    """Compare engines with the simulator on every beat of the sources, chunk by chunk.

    Parameters
    ----------
    bundle : Bundle
    sources : sequence of Source
    engines : dict of str to Engine
    progress : callable, optional
        Called with (beats done, beats in all).

    Returns
    -------
    reports : dict of str to EngineReport
    bounds : largest values and clip counts
    """
    tallies = {name: _Tally() for name in engines}
    bounds = Bounds()
    work = list(_chunks(sources))
    limited = {n: chosen_chunks(work, BEATS_AT_MOST[n]) for n in engines if n in BEATS_AT_MOST}
    total = sum(len(source.q) for source in sources)
    done = 0

    def job(index: int) -> _Chunk:
        source, _, part = work[index]
        context = None if source.context is None else source.context[part]
        taking = {n: e for n, e in engines.items() if n not in limited or index in limited[n]}
        return _run_chunk(bundle, taking, source.q[part], context)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MAX_WORKERS)) as pool:
        try:
            chunks = pool.map(job, range(len(work)))
            for (source, start, _), chunk in zip(work, chunks, strict=True):
                _add(tallies, chunk, source, start)
                bounds.add(chunk.largest, chunk.clipped)
                done += chunk.beats
                if progress is not None:
                    progress(done, total)
        except BaseException:  # Ctrl-C shall not wait for what is still queued
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {name: tally.report() for name, tally in tallies.items()}, bounds
