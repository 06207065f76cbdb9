"""`card.md`: what a bundle is, what it was trained on, how good it is, what it is not for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_sim.context import CONTEXT_NAMES
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE
from firmware_sim.measures import KINDS
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.prove import Proof
from firmware_sim.rhythm import RR_SIZE
from firmware_sim.shape import BINS, bin_samples

PROOF_HEAD, FILES_HEAD = "## Proof\n\n", "\n\n## Files\n\n"

NOT_FOR = """\
This is a research tool, not a medical device. It must not be used for diagnosis, monitoring,
treatment or triage of anybody, nor to decide that somebody is well. It has seen one database of
48 recordings from 47 people, made in the 1970s with Holter recorders and labelled beat by beat;
other leads, electrodes, front ends, children, pacemakers and exercise are outside of what is known
about it. A label is about one beat and says nothing of a rhythm or of a person."""

IN_WORDS = {
    "level": "mean of the bins",
    "size": "mean absolute value of the bins",
    "change": "mean absolute step from bin to bin",
    "high": "greatest bin",
    "low": "least bin",
    "steepest": "largest absolute step from bin to bin",
}
"""Kinds of measures."""
R_PEAK_BIN = BINS // 2


@dataclass(frozen=True)
class Result:
    """One measured figure with its 95 % interval.

    Attributes
    ----------
    name : str
    value : float or None
        None where it could not be computed.
    low, high : float or None
        Interval; None where there is none.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Provenance:
    """Where a program comes from, as far as the exporter knows.

    Attributes
    ----------
    training : sequence of (str, str)
        What and value: data, split, starts, seed, teacher ...
    evaluated_on : str
        Which test records, in words; empty when it was not evaluated.
    results : sequence of Result
    command : str
        How to make the bundle again.
    """

    training: Sequence[tuple[str, str]] = ()
    evaluated_on: str = ""
    results: Sequence[Result] = field(default_factory=tuple)
    command: str = ""


def bound_of(program: Program) -> str:
    """Return `l1` when no convolution can leave [-1, 1], else `tanh`."""
    return "l1" if all(branch.bound <= ONE for branch in program.branches) else "tanh"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in r) + " |" for r in lines)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _results(origin: Provenance) -> str:
    if not origin.results:
        return (
            "Not evaluated: no test records were scored before this bundle was written. Nothing "
            "is known about how good it is; `ecgedge evaluate` measures it."
        )
    rows = [
        (
            result.name,
            _number(result.value),
            "" if result.low is None else f"{_number(result.low)} to {_number(result.high)}",
        )
        for result in origin.results
    ]
    table = _table(("figure", "value", "95 % interval over records"), rows)
    return f"Integer program on {origin.evaluated_on}.\n\n{table}"


def _input(program: Program) -> str:
    window = f"{program.window} samples at {program.fs} Hz around"
    if program.seen:
        return f"{window} an R peak, one lead"
    return f"context alone, made of R peaks and of {window} each, one lead"


def _context(program: Program) -> str:
    if not program.context:
        return "not used"
    if program.context == RR_SIZE:
        return f"{RR_SIZE} values: RR intervals"
    return f"{program.context} values: RR intervals, and the shape against a running template"


def _prior(prior: Prior) -> str:
    return (
        f"of a stream, the share of {prior.label} in the last {1 << prior.shift} decisions or so, "
        f"times {prior.gain} / 4, is added to its score unless the rhythm is irregular; files of "
        "the network are without it"
    )


def _layers(program: Program) -> str:
    """Say which values follow which, from the inputs to the scores."""
    names = []
    if program.branches:
        names.append(f"four convolutions with pools, {len(program.layers)} token layers, mean of 4")
    if program.measures:
        names.append(f"{len(program.measures)} measures of the beat")
    if program.context:
        names.append(f"{program.context} context values")
    before = " and ".join(names)
    hidden = "" if program.hidden is None else f", {len(program.hidden.bias)} hidden units"
    return f"{before}{hidden}, {len(program.labels)} scores"


def _inputs(program: Program) -> str:
    """Name what enters the network, value by value."""
    found = []
    if program.seen:
        found.append(
            "`beat`: the window with its mean removed, scaled by its largest value to -127 ... 127."
        )
    if program.measures:
        found.append(_measures(program))
    if program.context:
        rows = [(str(i), name) for i, name in enumerate(CONTEXT_NAMES[: program.context])]
        table = _table(("context", "what"), rows)
        found.append(
            "`context`: integers in -127 ... 127, made by `firmware_sim/context.py`; "
            f"`docs/arithmetic.md` of ecgedge defines them.\n\n{table}"
        )
    return "\n\n".join(found)


def _measures(program: Program) -> str:
    """Say what is measured on the beat, and where, in words."""
    bin_ms = 1000 * bin_samples(program.window) / program.fs
    rows = []
    for i, measure in enumerate(program.measures):
        bins = (measure.start - KINDS[measure.kind].steps, measure.stop)
        start, stop = (f"{(edge - R_PEAK_BIN) * bin_ms:.0f}" for edge in bins)
        rows.append((str(i), str(measure), IN_WORDS[measure.kind], start, stop))
    table = _table(("", "measure", "what", "from, ms after the R peak", "to"), rows)
    return (
        "`measures`: integers in -127 ... 127 that are measured on the beat by "
        f"`firmware_sim/measures.py`, without trained parameters, in bins of {bin_ms:.1f} ms; "
        f"`x2` doubles one.\n\n"
        f"{table}"
    )


def _bound(program: Program) -> str:
    if not program.branches:
        return "each weight by itself is inside [-1, 1]; there is no convolution"
    if bound_of(program) == "l1":
        return (
            "l1: sum of |w| + |b| is at most 1 for each convolution channel, so no convolution "
            "output can leave [-1, 1]"
        )
    scales = ", ".join(
        f"{name} 2^-{14 + branch.range_bits}" for name, branch, _ in program.named_branches
    )
    return (
        "tanh: each weight by itself is inside [-1, 1]; convolution outputs are read on the "
        f"scales {scales}"
    )


def _proof(proof: Proof) -> str:
    names = list(dict.fromkeys(reach.name for reach in proof.layers))
    rows = []
    for name in names:
        own = [reach for reach in proof.layers if reach.name == name]
        low, high = min(r.partial_min for r in own), max(r.partial_max for r in own)
        rows.append((name, str(low), str(high), f"{proof.width(name)} bits"))
    verdict = (
        "No input can overflow any accumulator, partial sum or state, however long a stream runs."
        if proof.ok
        else f"THE PROOF FAILS: {proof.failures[0]}"
    )
    table = _table(("accumulator", "least", "greatest", "width"), rows)
    return f"{verdict} `proof.json` is the certificate, channel by channel.\n\n{table}"


def with_proof(text: str, proof: Proof) -> str:
    """Return the text of a card with the proof's section written anew.

    Raises
    ------
    EcgedgeError
        When the card has no such section.
    """
    before, start, rest = text.partition(PROOF_HEAD)
    _, end, after = rest.partition(FILES_HEAD)
    if not start or not end:
        raise EcgedgeError("the card has no section on the proof; export the bundle again.")
    return f"{before}{start}{_proof(proof)}{end}{after}"


def card(program: Program, proof: Proof, origin: Provenance) -> str:
    """Return the text of `card.md`.

    Parameters
    ----------
    program : Program
    proof : Proof
        Of this program.
    origin : Provenance
    """
    facts = [
        ("task", program.task),
        ("classes", ", ".join(program.labels)),
        ("input", _input(program)),
        ("context", _context(program)),
        ("layers", _layers(program)),
        ("parameters", str(program.parameters)),
        ("weight bound", _bound(program)),
        ("largest weight", f"{program.weight_max:.4f}"),
        ("largest activation that is possible", f"{proof.activation_max:.4f}"),
        ("program", program.digest),
    ]
    if program.prior is not None:
        facts.append(("prior", _prior(program.prior)))
    if program.threshold is not None:
        names = program.labels
        facts.append(("decision", f"{names[1]} when the score difference >= {program.threshold}"))
    training = _table(("what", "value"), origin.training) if origin.training else "Not recorded."
    again = f"```\n{origin.command}\n```" if origin.command else "Not recorded."
    sections = [
        f"# {program.name}",
        "A heartbeat classifier as an integer program, made by ecgedge.",
        _table(("what", "value"), facts),
        f"## Not for\n\n{NOT_FOR}",
        f"## What it takes\n\n{_inputs(program)}",
        f"## How good it is\n\n{_results(origin)}",
        f"## Trained on\n\n{training}",
        f"{PROOF_HEAD}{_proof(proof)}{FILES_HEAD}"
        "`model.fixed.onnx` (float32 holding integers) and `model.int.onnx` (int32) are this "
        "program, bit for bit; `model.float.onnx` is the float student it was made from, and only "
        "close. `golden.npz` holds beats with every integer of every layer. `ecgedge verify` "
        "compares all of them; `sha256sum -c SHA256SUMS` checks the files.",
        f"## Make it again\n\n{again}",
    ]
    return "\n\n".join(sections) + "\n"
