"""What verification found: a report for each engine, and the whole with its verdict."""

from dataclasses import dataclass
from typing import Any

from ecgedge.verification.inputs import Source
from export.bundle import Bundle


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
        What `ecgedge.verification.checks.check_proof` returns.
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
        found += [f"the proof fails: {text}" for text in self.proof["failures"]]
        if not self.proof["certificate_matches"]:
            found.append(
                f"proof.json is not the proof of this program: {self.proof['difference']}."
            )
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
