"""Verification: every engine on every beat, integers compared with equality at every layer.

The reference is the simulator, `firmware_sim.network.run`. It is itself compared with the golden
vectors of the bundle and, as engine `numpy`, with plain 64-bit sums. Each engine shows the layers
that it can (all of them, for the engines here); a beat on which any shown integer differs is a
mismatch. Beside that, the files are compared with what the writers make of the program, constant
for constant, the proof is made afresh, and the float model is held to the float network within a
tolerance, because floats may differ in the last bits.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.engines import ENGINES, Engine, EngineUnavailable, make_engine
from ecgedge.engines.plain import plain
from ecgedge.verify_inputs import Source
from export.bundle import MODELS, Bundle, expected_models, stands_for
from export.onnx_graph import first_change
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE
from firmware_sim.network import run
from firmware_sim.program import BRANCHES, Program
from firmware_sim.prove import certificate, prove
from firmware_sim.trace import Comparison, Difference, compare

CHUNK = 512
"""Beats at a time: all layers of one engine take about 6 MB then."""
MAX_WORKERS = 4
FLOAT_SAMPLE = 2048
FLOAT_TOLERANCE = 1e-4
RATE_BEATS = 1 << 15

Layers = dict[str, NDArray[Any]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EngineReport:
    """What became of one engine.

    Attributes
    ----------
    compared, mismatches : int
        Beats; a beat counts as a mismatch when any integer of any shown layer differs.
    layers : tuple of str
        What it showed.
    first_difference : dict or None
        Source, beat, layer, channel, position, both integers, accumulator, and a sentence.
    skipped : str or None
        Why it could not run.
    error : str or None
        What broke while it ran.
    """

    compared: int = 0
    mismatches: int = 0
    layers: tuple[str, ...] = ()
    first_difference: dict[str, Any] | None = None
    skipped: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it was skipped, or ran and never differed."""
        return self.skipped is not None or (
            self.error is None and self.mismatches == 0 and self.compared > 0
        )

    def json(self) -> dict[str, Any]:
        """Return the report as JSON values, without what is empty."""
        found: dict[str, Any] = {"compared": self.compared, "mismatches": self.mismatches}
        if self.layers:
            found["layers"] = list(self.layers)
        optional = {
            "first_difference": self.first_difference,
            "skipped": self.skipped,
            "error": self.error,
        }
        return found | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True)
class Verification:
    """The whole result; `ok` is whether everything that was asked for holds.

    Attributes
    ----------
    bundle : Bundle
    sources : tuple of Source
    engines : dict of str to EngineReport
    golden : EngineReport
        The simulator against the golden vectors.
    files : dict of str to str
        File -> where it differs from what the writers make; empty when nowhere.
    proof : dict
        `ok`, and `certificate_matches`: whether the bundle's certificate is the fresh one.
    bounds : dict
        Largest weight, activation seen, activation possible, and shares of clipped values.
    float_model : dict
        Largest difference between the float model and the float network.
    beats_per_s : float
        Rate of the simulator.
    seconds : float
    """

    bundle: Bundle
    sources: tuple[Source, ...]
    engines: dict[str, EngineReport]
    golden: EngineReport
    files: dict[str, str]
    proof: dict[str, Any]
    bounds: dict[str, Any]
    float_model: dict[str, Any]
    beats_per_s: float
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether at least one engine ran, and nothing differs anywhere."""
        ran = [report for report in self.engines.values() if report.skipped is None]
        return bool(ran) and not self.failures

    @property
    def failures(self) -> tuple[str, ...]:
        """One sentence for each thing that does not hold."""
        found = [f"{name}: {change}." for name, change in self.files.items()]
        for name, report in {"golden vectors": self.golden, **self.engines}.items():
            if report.error is not None:
                found.append(f"{name}: {report.error}")
            elif report.first_difference is not None:
                text = report.first_difference["text"]
                found.append(f"{name} differs on {report.mismatches} beats; first {text}.")
            elif not report.ok:
                found.append(f"{name}: no beat was compared.")
        if not self.proof["ok"]:
            found.append("the proof fails: an accumulator does not fit 32 bits.")
        if not self.proof["certificate_matches"]:
            found.append("proof.json is not the proof of this program.")
        if not self.bounds["ok"]:
            found.append("a weight or an activation leaves [-1, 1].")
        if not self.float_model["ok"]:
            found.append("model.float.onnx or float_network.json is not what the program is from.")
        return tuple(found)

    def json(self) -> dict[str, Any]:
        """Return the result as one JSON object."""
        database = next((s for s in self.sources if s.name == "database"), None)
        return {
            "ok": self.ok,
            "bundle": self.bundle.name,
            "program": self.bundle.program.digest,
            "beats": len(database.q) if database else 0,
            "data": dict(database.facts) if database else None,
            "inputs": {source.name: len(source.q) for source in self.sources},
            "engines": {name: report.json() for name, report in self.engines.items()},
            "golden": self.golden.json(),
            "bounds": self.bounds,
            "proof": self.proof,
            "files": {"ok": not self.files, "changes": self.files},
            "float_model": self.float_model,
            "simulator_beats_per_s": round(self.beats_per_s),
            "seconds": round(self.seconds, 2),
            "failures": list(self.failures),
        }


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


@dataclass
class _Bounds:
    """Largest values and clip counts over all chunks."""

    largest: dict[str, int] = field(default_factory=dict)
    clipped: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)

    def add(self, chunk: _Chunk) -> None:
        for name, value in chunk.largest.items():
            self.largest[name] = max(self.largest.get(name, 0), value)
        for name, (above, count) in chunk.clipped.items():
            self.clipped[name] = self.clipped.get(name, 0) + above
            self.values[name] = self.values.get(name, 0) + count


def _expected(program: Program, q: NDArray[np.int8], context: NDArray[np.int8] | None) -> Layers:
    """Every layer of the simulator, and under which names files show scores and label."""
    output = run(program, q, context, layers=True)
    label = output.label_index[:, None]
    return {
        **output.layers,
        "label": label,
        "file.scores": output.scores,
        "file.label": label,
    }


def _compare(
    program: Program,
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
    expected: Layers,
    engine: Engine,
) -> tuple[Comparison, tuple[str, ...]] | str:
    """Run one engine on a chunk; a string says what broke."""
    try:
        actual = engine(q, context)
        shown = tuple(name for name in expected if name in actual)
        return compare(program, q, context, expected, actual), shown
    except Exception as error:  # an engine may break in any way; that is a finding, not a crash
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _scales(program: Program) -> dict[str, int]:
    """What stands for 1.0 in each layer that has to stay inside [-1, 1]."""
    scales = {"beat": ONE, "mean": ONE, "context": ONE}
    scales |= {f"tokens.{i}": ONE for i in range(len(program.layers) + 1)}
    for name, branch in zip(BRANCHES, program.branches, strict=True):
        scales[f"{name}.pool"] = ONE
        scales[f"{name}.conv"] = 1 << (2 * FRACTION_BITS + branch.range_bits)
    return scales


def _run_chunk(
    bundle: Bundle,
    engines: dict[str, Engine],
    q: NDArray[np.int8],
    context: NDArray[np.int8] | None,
) -> _Chunk:
    program = bundle.program
    expected = _expected(program, q, context)
    comparisons = {
        name: _compare(program, q, context, expected, engine) for name, engine in engines.items()
    }
    limits = {
        name: max(int(expected[name].max(initial=0)), -int(expected[name].min(initial=0)))
        for name in _scales(program)
        if name in expected
    }
    return _Chunk(len(q), comparisons, limits, plain(program, q, context).clipped)


def _chunks(sources: Sequence[Source]) -> Iterator[tuple[Source, int, slice]]:
    for source in sources:
        for start in range(0, len(source.q), CHUNK):
            yield source, start, slice(start, min(start + CHUNK, len(source.q)))


def _difference(source: Source, start: int, found: Difference) -> dict[str, Any]:
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
            tally.first = _difference(source, start, comparison.first)


def run_engines(
    bundle: Bundle,
    sources: Sequence[Source],
    engines: dict[str, Engine],
    progress: Progress | None = None,
) -> tuple[dict[str, EngineReport], _Bounds]:
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
    bounds = _Bounds()
    work = list(_chunks(sources))
    total = sum(len(source.q) for source in sources)
    done = 0

    def job(item: tuple[Source, int, slice]) -> _Chunk:
        source, _, part = item
        context = None if source.context is None else source.context[part]
        return _run_chunk(bundle, engines, source.q[part], context)

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MAX_WORKERS)) as pool:
        try:
            for (source, start, _), chunk in zip(work, pool.map(job, work), strict=True):
                _add(tallies, chunk, source, start)
                bounds.add(chunk)
                done += chunk.beats
                if progress is not None:
                    progress(done, total)
        except BaseException:  # Ctrl-C shall not wait for what is still queued
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {name: tally.report() for name, tally in tallies.items()}, bounds


def check_golden(bundle: Bundle) -> EngineReport:
    """Compare the simulator with the golden vectors of a bundle, every stored layer and label."""
    program, golden = bundle.program, bundle.golden
    context = golden.context if program.context else None
    expected = _expected(program, golden.q, context)
    stored: Layers = {**golden.layers, "label": golden.label_index[:, None]}
    result = _compare(program, golden.q, context, expected, lambda *_: stored)
    tally = _Tally()
    if isinstance(result, str):
        tally.error = result
        return tally.report()
    comparison, tally.layers = result
    missing = [n for n in expected if n not in stored and not n.startswith("file.")]
    if missing:
        tally.error = f"the layers {', '.join(missing)} are missing"
    tally.compared, tally.mismatches = comparison.compared, comparison.mismatches
    if comparison.first is not None:
        tally.first = _difference(Source("golden", golden.q, context), 0, comparison.first)
    return tally.report()


def check_files(bundle: Bundle) -> dict[str, str]:
    """Compare the ONNX files with what the writers make; file -> first change."""
    expected = expected_models(bundle.program, bundle.network)
    changes = {
        MODELS[kind]: first_change(model, expected[kind]) for kind, model in bundle.models.items()
    }
    return {name: change for name, change in changes.items() if change is not None}


def check_proof(bundle: Bundle) -> dict[str, Any]:
    """Prove the program afresh and compare the bundle's certificate."""
    proof = prove(bundle.program)
    return {"ok": proof.ok, "certificate_matches": certificate(proof) == bundle.proof}


def check_float_model(bundle: Bundle, source: Source) -> dict[str, Any]:
    """Hold the float model to the float network on a sample, and that to the program."""
    from ecgedge.engines.ort import session

    q = source.q[:FLOAT_SAMPLE].astype(np.float32) / ONE
    context = None
    feed = {"beat": q}
    if bundle.program.context and source.context is not None:
        context = feed["context"] = source.context[:FLOAT_SAMPLE].astype(np.float32) / ONE
    rounds_to_program = stands_for(bundle.network, bundle.program)
    try:
        opened = session(bundle.models["float"], optimize=True, name=MODELS["float"])
        logits = np.asarray(opened.run(["logits"], feed)[0], dtype=np.float64)
    except Exception as error:  # as with engines
        return {"ok": False, "rounds_to_program": rounds_to_program, "error": str(error)[:300]}
    difference = np.abs(logits - bundle.network.forward(q, context))
    largest = float(difference.max(initial=0.0))
    return {
        "ok": rounds_to_program and largest <= FLOAT_TOLERANCE,
        "compared": len(q),
        "largest_difference": largest,
        "tolerance": FLOAT_TOLERANCE,
        "rounds_to_program": rounds_to_program,
    }


def simulator_rate(bundle: Bundle, source: Source) -> float:
    """Return how many beats a second the simulator passes, scores only, the best of three runs."""
    q = source.q[:RATE_BEATS]
    context = None if source.context is None else source.context[:RATE_BEATS]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run(bundle.program, q, context)
        seconds.append(time.perf_counter() - start)
    return len(q) / max(min(seconds), 1e-9)


def _possible(program: Program, scales: dict[str, int]) -> float:
    """Largest activation or convolution output that the proof allows, as a number."""
    proof = prove(program)
    convolutions = [
        max(-reach.min, reach.max) / scales[reach.name]
        for reach in proof.layers
        if reach.name.endswith(".conv")
    ]
    return max(proof.activation_max, *convolutions)


def _bounds_report(program: Program, bounds: _Bounds) -> dict[str, Any]:
    """Largest weight and activations as numbers, and how often values were clipped."""
    scales = _scales(program)
    seen = {name: value / scales[name] for name, value in bounds.largest.items()}
    shares = {name: bounds.clipped[name] / max(bounds.values[name], 1) for name in bounds.clipped}
    largest, possible = max(seen.values(), default=0.0), _possible(program, scales)
    clipped = sum(bounds.clipped.values()) / max(sum(bounds.values.values()), 1)
    return {
        "ok": program.weight_max <= 1 and largest <= 1 and possible <= 1,
        "weight_max": program.weight_max,
        "activation_max": largest,
        "activation_possible_max": possible,
        "clipped_share": clipped,
        "activation_max_per_layer": seen,
        "clipped_share_per_layer": shares,
    }


def open_engines(
    bundle: Bundle, names: Sequence[str] | None
) -> tuple[dict[str, Engine], dict[str, EngineReport]]:
    """Make engines.

    Parameters
    ----------
    bundle : Bundle
    names : sequence of str or None
        None takes all there are and skips those that are not installed.

    Returns
    -------
    engines : dict of str to Engine
    reports : dict of str to EngineReport
        Of the engines that were skipped or that refuse the bundle.

    Raises
    ------
    EcgedgeError
        When a named engine does not exist or is not installed.
    """
    engines: dict[str, Engine] = {}
    reports: dict[str, EngineReport] = {}
    for name in names if names is not None else ENGINES:
        try:
            engines[name] = make_engine(name, bundle)
        except EngineUnavailable as reason:
            if names is not None:
                raise
            reports[name] = EngineReport(skipped=str(reason))
        except EcgedgeError as reason:
            if name not in ENGINES:
                raise
            reports[name] = EngineReport(error=str(reason))
    return engines, reports


def verify(
    bundle: Bundle,
    sources: Sequence[Source],
    *,
    engines: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Verify a bundle.

    Parameters
    ----------
    bundle : Bundle
    sources : sequence of Source
        The first one also serves to measure the simulator's rate and the float model.
    engines : sequence of str, optional
        Names from `ecgedge.engines.ENGINES`; all that can run when not given.
    progress : callable, optional
        Called with (beats done, beats in all).

    Returns
    -------
    Verification

    Raises
    ------
    EcgedgeError
        When a named engine does not exist or cannot run here.
    """
    start = time.perf_counter()
    opened, reports = open_engines(bundle, engines)
    rate = simulator_rate(bundle, sources[0])
    found, bounds = run_engines(bundle, sources, opened, progress)
    reports |= found
    return Verification(
        bundle=bundle,
        sources=tuple(sources),
        engines={name: reports[name] for name in ENGINES if name in reports},
        golden=check_golden(bundle),
        files=check_files(bundle),
        proof=check_proof(bundle),
        bounds=_bounds_report(bundle.program, bounds),
        float_model=check_float_model(bundle, sources[0]),
        beats_per_s=rate,
        seconds=time.perf_counter() - start,
    )
