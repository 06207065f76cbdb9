"""What is checked beside the engines: golden vectors, files, proof, float model, rate."""

import time
from typing import Any

import numpy as np

from ecgedge.verification.compare import (
    Layers,
    compare_engine,
    describe_difference,
    expected_layers,
)
from ecgedge.verification.inputs import Source
from ecgedge.verification.report import EngineReport
from export.bundle import MODELS, Bundle, expected_models, stands_for
from export.onnx_graph import first_change
from firmware_sim.formats import ONE
from firmware_sim.network import run
from firmware_sim.proof.certificate import certificate, what_is_wrong
from firmware_sim.proof.replay import replay
from firmware_sim.prove import prove

FLOAT_SAMPLE = 2048
FLOAT_TOLERANCE = 1e-4
RATE_BEATS = 1 << 15


def check_golden(bundle: Bundle) -> EngineReport:
    """Compare the simulator with the golden vectors of a bundle, every stored layer and label."""
    program, golden = bundle.program, bundle.golden
    context = golden.context if program.context else None
    expected = expected_layers(program, golden.q, context)
    stored: Layers = {**golden.layers, "label": golden.label_index[:, None]}
    result = compare_engine(program, golden.q, context, expected, lambda *_: stored)
    if isinstance(result, str):
        return EngineReport(error=result)
    comparison, shown = result
    missing = [n for n in expected if n not in stored and not n.startswith("file.")]
    source = Source("golden", golden.q, context)
    first = comparison.first
    return EngineReport(
        compared=comparison.compared,
        mismatches=comparison.mismatches,
        layers=shown,
        first_difference=None if first is None else describe_difference(source, 0, first),
        error=f"the layers {', '.join(missing)} are missing" if missing else None,
    )


def check_files(bundle: Bundle) -> dict[str, str]:
    """Compare the ONNX files with what the writers make; file -> first change."""
    expected = expected_models(bundle.program, bundle.network)
    changes = {
        MODELS[kind]: first_change(model, expected[kind]) for kind, model in bundle.models.items()
    }
    return {name: change for name, change in changes.items() if change is not None}


def check_proof(bundle: Bundle) -> dict[str, Any]:
    """Prove the program afresh, replay the witnesses and compare the bundle's certificate.

    Returns
    -------
    dict
        `ok`, `failures` (sentences), `replayed` (witnesses), `certificate_matches`, and
        `difference`: what is wrong with the certificate, or None.
    """
    proof = prove(bundle.program)
    replayed = replay(bundle.program, proof)
    failures = [*proof.failures, *replayed.failures]
    difference = what_is_wrong(bundle.proof, certificate(proof))
    return {
        "ok": not failures,
        "failures": failures,
        "replayed": replayed.count,
        "certificate_matches": difference is None,
        "difference": difference,
    }


def check_float_model(bundle: Bundle, source: Source) -> dict[str, Any]:
    """Hold the float model to the float network on a sample, and that to the program."""
    from ecgedge.verification.engines.ort import inputs_for, session

    q = source.q[:FLOAT_SAMPLE]
    context = None if source.context is None else source.context[:FLOAT_SAMPLE]
    given = inputs_for(bundle.program, q, context, np.float32)
    feed = {name: value / np.float32(ONE) for name, value in given.items()}
    rounds_to_program = stands_for(bundle.network, bundle.program)
    try:
        opened = session(bundle.models["float"], optimize=True, name=MODELS["float"])
        logits = np.asarray(opened.run(["logits"], feed)[0], dtype=np.float64)
    except Exception as error:  # as with engines
        return {"ok": False, "rounds_to_program": rounds_to_program, "error": str(error)[:300]}
    expected = bundle.network.forward(q / np.float32(ONE), feed.get("context"))
    difference = np.abs(logits - expected)
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
