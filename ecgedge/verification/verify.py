"""Verify a bundle: open the engines, run them, and make every other check."""

import time
from collections.abc import Sequence

from ecgedge.verification.bounds import bounds_report
from ecgedge.verification.checks import (
    check_files,
    check_float_model,
    check_golden,
    check_proof,
    simulator_rate,
)
from ecgedge.verification.compare import Progress, run_engines
from ecgedge.verification.engines import ENGINES, Engine, EngineUnavailable, make_engine
from ecgedge.verification.inputs import Source
from ecgedge.verification.report import EngineReport, Verification
from export.bundle import Bundle
from firmware_sim.errors import EcgedgeError


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
        Names from `ecgedge.verification.engines.ENGINES`; all that can run when not given.
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
        bounds=bounds_report(bundle.program, bounds),
        float_model=check_float_model(bundle, sources[0]),
        beats_per_s=rate,
        seconds=time.perf_counter() - start,
    )
