"""`ecgedge_program.h`: one program as constants for the C library.

Everything that follows from the program is computed here and nowhere in C: accumulator widths from
the proof, times in samples, sizes of ring and queue. The constants of the detector, of rhythm and
of shape are those of `firmware_sim`. Hidden layer and head need no width of their own: 32 bits hold
what the largest weights that the format allows can make of any input.
"""

from collections.abc import Iterable, Sequence

from firmware_sim import detector, pipeline, prior, rhythm, shape
from firmware_sim.detector_timing import Timing, timing
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE
from firmware_sim.measures import KINDS, Measure
from firmware_sim.program import BRANCHES, TAPS, Program
from firmware_sim.proof.network import MEASURES
from firmware_sim.proof.prior import BONUS, SCORE
from firmware_sim.proof.times import Times
from firmware_sim.prove import Proof, prove

PIECE_MAX = 64
"""Convolution outputs that are computed at a time; `ecgedge_network.h` names it too."""
TAKEN_MAX = (1 << 15) - 1
QRS_MOVE = max(shape.QRS_MOVES)
"""A beat's QRS complex is moved by so many bins at most, either way."""
TEMPLATE_FIRST, TEMPLATE_STOP = shape.QRS_BINS[0], shape.T_BINS[1]
"""The bins that a device keeps of its template: from the QRS complex to the T wave."""
GLOBAL = len(BRANCHES) - 1
NAMES = {"P": "P", "QRS": "QRS", "T": "T", "global": "GLOBAL"}

NAME_MAX, DIGEST_DIGITS = 23, 8
"""Of a program's name and checksum in `identity`."""

Piece = tuple[int, int, int, int]
"""(start in the window, outputs, branch, token)."""


def pieces(program: Program) -> list[Piece]:
    """Cut the outputs of the global branch at the borders of the other branches' pools.

    Returns
    -------
    list of (start, count, branch, token)
        In order and without holes; `branch` is the global one where no other has outputs.
    """
    owner: dict[int, tuple[int, int]] = {}
    token = 0
    for branch, segment in enumerate(program.segments[:GLOBAL]):
        for i in range(segment.tokens * segment.pool):
            owner[segment.start + i] = (branch, token + i // segment.pool)
        token += segment.tokens
    found: list[Piece] = []
    for start in range(program.segments[GLOBAL].pool):
        branch, own = owner.get(start, (GLOBAL, token))
        if found and found[-1][2:] == (branch, own) and found[-1][1] < PIECE_MAX:
            found[-1] = (found[-1][0], found[-1][1] + 1, branch, own)
        else:
            found.append((start, 1, branch, own))
    return found


def ring_size(program: Program) -> int:
    """Samples that the device keeps: a window, until the network has seen it, and what the
    detector looks back to."""
    t = timing(program.fs)
    before = program.window // 2
    return max(program.window, before + t.reach + 1, t.history)


def pending_size(program: Program) -> int:
    """Beats that can wait at the same time, as the proof says; one more on its way out."""
    return Times(timing(program.fs), program.window).pending + 1


def rhythm_values(program: Program) -> int:
    """Rhythm values that the device computes; beats of a program without context say zeros."""
    return min(max(program.context, rhythm.RR_SIZE), rhythm.RHYTHM_SIZE)


def rhythm_kept(program: Program) -> int:
    """RR intervals that the device keeps: the values of all programs look at the last two."""
    return 2 if rhythm_values(program) == rhythm.RR_SIZE else rhythm.LAST


def shape_values(program: Program) -> int:
    """Shape values that the device computes."""
    return max(program.context - rhythm.RHYTHM_SIZE, 0)


def beat_context(program: Program) -> int:
    """Context values that a beat says."""
    return rhythm_values(program) + shape_values(program)


def _list(values: Iterable[object]) -> str:
    return "{" + ", ".join(str(v) for v in values) + "}"


def _nested(values: Sequence[Sequence[int]]) -> str:
    return _list(_list(row) for row in values)


def _text(value: str) -> str:
    """A C string literal, ASCII only."""
    plain = value.encode("ascii", "replace").decode()
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'


def _comment(value: str) -> str:
    """Text that can stand in a C comment: ASCII, and nothing that begins or ends one."""
    return value.encode("ascii", "replace").decode().replace("*", ".").replace("??", "?.")


def _conv_bits(program: Program, proof: Proof) -> tuple[int, int, int]:
    """Least and greatest partial sum of all convolutions, and the width that holds them."""
    names = {f"{name}.conv" for name in BRANCHES}
    reach = [r for r in proof.layers if r.name in names]
    return (
        min(r.partial_min for r in reach),
        max(r.partial_max for r in reach),
        max(proof.width(name) for name in names),
    )


def _identity(program: Program, made_by: str) -> list[str]:
    name, maker = _comment(program.name), _comment(made_by)
    return [
        "/*",
        f" * The program {name}, made by {maker}. Generated: do not edit.",
        " *",
        f" * {program.parameters} parameters, SHA-256 {program.digest}.",
        " */",
    ]


def identity(program: Program) -> str:
    """Return what a board calls itself: name and first digits of the checksum, up to 32 bytes."""
    name = program.name.encode("ascii", "replace").decode()
    return f"{name[:NAME_MAX]} {program.digest[:DIGEST_DIGITS]}"


def _shape(program: Program) -> dict[str, object]:
    found: dict[str, object] = {
        "NAME": _text(program.name),
        "DIGEST": _text(program.digest),
        "IDENTITY": _text(identity(program)),
        "FS": program.fs,
        "WINDOW": program.window,
        "LABELS": len(program.labels),
        "LABEL_NAMES": _list(_text(label) for label in program.labels),
        "LABEL_SIZE": 1 + max(len(label) for label in program.labels),
        "CONTEXT": program.context,
        "RHYTHM_VALUES": rhythm_values(program),
        "SHAPE_VALUES": shape_values(program),
        "LAYERS": len(program.layers),
        "MEASURES": len(program.measures),
        "SEEN": program.seen,
        "HIDDEN": 0 if program.hidden is None else len(program.hidden.bias),
        "PRIOR_GAIN": 0 if program.prior is None else program.prior.gain,
    }
    if program.threshold is not None:
        found["THRESHOLD"] = f"INT32_C({program.threshold})"
    return found


def _weights(program: Program) -> dict[str, object]:
    found = _branch_weights(program) if program.branches else {}
    hidden = program.hidden
    if hidden is not None:
        found |= {
            "HIDDEN_WEIGHT": _nested(hidden.weight.tolist()),
            "HIDDEN_BIAS": _list(hidden.bias.tolist()),
            "HIDDEN_SHIFT": hidden.shift,
        }
    return found | {
        "HEAD_WEIGHT": _nested(program.head.weight.tolist()),
        "HEAD_BIAS": _list(program.head.bias.tolist()),
    }


def _branch_weights(program: Program) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, branch in zip(BRANCHES, program.branches, strict=True):
        rows = [", ".join(map(str, row)) for row in branch.weight.tolist()]
        biases = ", ".join(map(str, branch.bias.tolist()))
        found[f"{NAMES[name]}_CONV(FORM)"] = f"FORM({',  '.join([*rows, biases])})"
    shifts = [
        branch.shift
        for branch, segment in zip(program.branches, program.segments, strict=True)
        for _ in range(segment.tokens)
    ]
    cut = pieces(program)
    layers = [
        _list([_nested(x.weight.tolist()), _list(x.bias.tolist()), x.shift]) for x in program.layers
    ]
    return found | {
        "GLOBAL_POOL": program.segments[GLOBAL].pool,
        "POOL_SHIFTS": _list(shifts),
        "PIECES": len(cut),
        "PIECE_LIST": _nested(cut),
        "LAYER_LIST": _list(layers),
        "MEAN_SHIFT": program.mean_shift,
    }


def _weights_title(program: Program) -> str:
    title = f"Weights in Q0.7 ({ONE} is 1.0)"
    convolutions = f"; convolutions: {TAPS} taps of four channels, 4 biases"
    return title + convolutions * bool(program.branches)


def _widths(program: Program, proof: Proof) -> dict[str, object]:
    least, greatest, bits = _conv_bits(program, proof)
    names = {f"tokens.{i}" for i in range(1, len(program.layers) + 1)}
    tokens = [r for r in proof.layers if r.name in names]
    return {
        "CONV_LEAST": least,
        "CONV_GREATEST": greatest,
        "CONV_BITS": bits,
        "TOKEN_LEAST": min(r.partial_min for r in tokens),
        "TOKEN_GREATEST": max(r.partial_max for r in tokens),
        "TOKEN_BITS": max(proof.width(name) for name in names),
    }


def _first_bin(measure: Measure) -> int:
    """The first bin that a measure looks at: a step begins at the bin before it."""
    return measure.start - KINDS[measure.kind].steps


def _measures(program: Program, proof: Proof) -> dict[str, object]:
    """Measures, with the bins numbered from the first one that any of them looks at."""
    window, size = program.window, shape.bin_samples(program.window)
    first = min(map(_first_bin, program.measures))
    listed = [
        f"FORM(ECGEDGE_{m.kind.upper()}, {_first_bin(m) - first}, {m.stop - m.start}, "
        f"{m.shift(window)})"
        for m in program.measures
    ]
    reach = [r for r in proof.layers if r.name == MEASURES]
    return {
        "MEASURED_FROM": shape.first_sample(window) + first * size,
        "MEASURED_BINS": max(m.stop for m in program.measures) - first,
        "MEASURE_LIST(FORM)": " ".join(listed),
        "MEASURE_LEAST": min(r.partial_min for r in reach),
        "MEASURE_GREATEST": max(r.partial_max for r in reach),
        "MEASURE_BITS": proof.width(MEASURES),
    }


def _prior(program: Program, proof: Proof) -> dict[str, object]:
    if program.prior is None:
        return {}
    bonus, score = (next(q for q in proof.stream if q.name == name) for name in (BONUS, SCORE))
    return {
        "PRIOR_LABEL": program.labels.index(program.prior.label),
        "PRIOR_SHIFT": program.prior.shift,
        "SHARE_BITS": prior.SHARE_BITS,
        "IRREGULARITY": rhythm.IRREGULARITY,
        "IRREGULAR_FROM": prior.IRREGULAR_FROM,
        "BONUS_GREATEST": f"INT32_C({bonus.high})",
        "BONUS_BITS": bonus.width_bits,
        "SCORE_GREATEST": f"INT32_C({score.high})",
    }


def _times(t: Timing) -> dict[str, object]:
    return {
        "LOW_PASS": t.low_pass,
        "DIFFERENCE": t.difference,
        "INTEGRATE": t.integrate,
        "HOLD": t.hold,
        "REFRACTORY": t.refractory,
        "T_WAVE": t.t_wave,
        "LOCATE_BEFORE": t.locate_before,
        "LOCATE_AFTER": t.locate_after,
        "LOCATE_HALF": t.locate_half,
        "DELAY": t.delay,
        "REACH": t.reach,
        "HISTORY": t.history,
        "BLOCK": t.block,
        "QUIET": t.quiet,
        "TICK": t.tick,
        "CANDIDATE_AGE": t.candidate_age,
        "INTERVAL_MAX": t.interval_max,
        "RELEARN": t.relearn,
        "STALE": t.stale,
        "LEAST_LEVEL": t.least_level,
        "LEAST_STEEPNESS": t.least_steepness,
    }


def _detector() -> dict[str, object]:
    return {
        "EARLY_RR": detector.EARLY_RR,
        "LATE_RR": detector.LATE_RR,
        "THRESHOLD_EARLY": detector.THRESHOLD_EARLY,
        "THRESHOLD_USUAL": detector.THRESHOLD,
        "THRESHOLD_LATE": detector.THRESHOLD_LATE,
        "SEARCH_BACK_RR": detector.SEARCH_BACK_RR,
        "SEARCH_BACK_LEVEL": detector.SEARCH_BACK_LEVEL,
        "NOISE_CAP": detector.NOISE_CAP,
        "T_WAVE_STEEPNESS": detector.T_WAVE_STEEPNESS,
        "STEEPNESS_64": detector.STEEPNESS_64,
        "SEARCH_BACK_STEEPNESS_64": detector.SEARCH_BACK_STEEPNESS_64,
        "RR_FRACTION_BITS": detector.RR_FRACTION_BITS,
        "LEVEL_SHIFT": detector.LEVEL_SHIFT,
        "NOISE_SHIFT": detector.NOISE_SHIFT,
        "RR_SHIFT": detector.RR_SHIFT,
        "DECAY_SHIFT": detector.DECAY_SHIFT,
    }


def _bins(window: int) -> dict[str, object]:
    return {"BINS": shape.BINS, "BIN_SAMPLES": shape.bin_samples(window)}


def _shape_of_beats(window: int) -> dict[str, object]:
    return {
        "TEMPLATE_BINS": TEMPLATE_STOP - TEMPLATE_FIRST,
        "P_BIN": shape.P_BINS[0],
        "P_BINS": shape.P_BINS[1] - shape.P_BINS[0],
        "QRS_BIN": shape.QRS_BINS[0],
        "T_BIN": shape.T_BINS[0],
        "REGION_BITS": shape.REGION_BITS,
        "QRS_MOVE": QRS_MOVE,
        "TEMPLATE_BITS": shape.TEMPLATE_BITS,
        "P_GAIN_BITS": shape.P_GAIN_BITS,
        "QRS_GAIN_BITS": shape.QRS_GAIN_BITS,
        "T_GAIN_BITS": shape.T_GAIN_BITS,
        "LEARNING_BEATS": shape.LEARNING_BEATS,
        "LEARNING_SHIFT": shape.LEARNING_SHIFT,
        "PREMATURE_BELOW": shape.PREMATURE_BELOW,
        "LIKE_BELOW": shape.LIKE_BELOW,
        "LIKE_SHIFT": shape.LIKE_SHIFT,
        "UNLIKE_SHIFT": shape.UNLIKE_SHIFT,
        "AREA_BITS": shape.area_bits(window),
        "AREA_FRACTION_BITS": shape.AREA_FRACTION_BITS,
        "AREA_SHIFT": shape.AREA_SHIFT,
    }


def _beats(program: Program) -> dict[str, object]:
    return {
        "FLAT_COUNTS": pipeline.FLAT_COUNTS,
        "CLIPPED_RUN": pipeline.clipped_run(program.fs),
        "SLOW_SHIFT": rhythm.SLOW_SHIFT,
        "SLOW_FRACTION_BITS": rhythm.SLOW_FRACTION_BITS,
        "RHYTHM_LAST": rhythm.LAST,
        "RHYTHM_FEW": rhythm.FEW,
        "RHYTHM_KEPT": rhythm_kept(program),
        "RR_MAX": rhythm.RR_MAX_S * program.fs,
        "IRREGULAR_GAIN": rhythm.IRREGULAR_GAIN,
        "RING": ring_size(program),
        "PENDING": pending_size(program),
        "TAKEN_MAX": TAKEN_MAX,
    }


def program_header(program: Program, made_by: str = "ecgedge") -> str:
    """Return the text of `ecgedge_program.h`.

    Parameters
    ----------
    program : Program
        Its rate has to be one of the detector's, 125 ... 500.
    made_by : str
        Program and version, for the first line.

    Raises
    ------
    EcgedgeError
        When the program fails its proof, or the detector does not work at its rate.
    """
    proof = prove(program)
    if not proof.ok:
        raise EcgedgeError(
            f"the program {program.name} fails its proof: an accumulator does not fit 32 bits; "
            "calibrate it again."
        )
    parts = {
        "The program": _shape(program),
        _weights_title(program): _weights(program),
        "What the proof says: partial sums, and the widths that hold them": (
            _widths(program, proof) if program.branches else {}
        ),
        "Times of the detector in samples, levels in counts": _times(timing(program.fs)),
        "Shares and shifts of the detector": _detector(),
        "Beats, rhythm, sizes": _beats(program),
        "Bins of a sixtieth of a second, the R peak in the middle": (
            _bins(program.window) if shape_values(program) or program.measures else {}
        ),
        "Measures: kind, first bin, bins or steps, shift; and what the proof says of their sums": (
            _measures(program, proof) if program.measures else {}
        ),
        "Shape against the template": (
            _shape_of_beats(program.window) if shape_values(program) else {}
        ),
        "The prior, and what the proof says of it": _prior(program, proof),
    }
    lines = [*_identity(program, made_by), "#ifndef ECGEDGE_PROGRAM_H", "#define ECGEDGE_PROGRAM_H"]
    lines += ["", "#include <stdint.h>"]
    for title, values in ((title, values) for title, values in parts.items() if values):
        lines += ["", f"/* {title} */"]
        lines += [f"#define ECGEDGE_{name} {value}" for name, value in values.items()]
    return "\n".join([*lines, "", "#endif", ""])
