"""`ecgedge_golden.h`: known answers for the self-test inside the firmware, from the simulator.

The inputs are not stored: `export/c/ecgedge_selftest.c` makes them by the same few lines of
arithmetic as this module. What is stored is what the program must make of them.

- A window of noise, which makes every weight count, through the network, layer by layer. Hidden
  layer and head run on noise too, so that no value that stays 0 hides a weight; and the sums of
  measures and hidden layer are compared before their shift, which would hide what is small.
- A recording of heartbeats made of straight lines, some upside down, with a gap, through the whole
  pipeline: number of beats, and a checksum over everything that they say.
"""

import binascii
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_sim import network
from firmware_sim.formats import relu, rshift, sat
from firmware_sim.measures import measured, reduced
from firmware_sim.pipeline import CLIPPED, FLAT, GOOD, Beat, Pipeline
from firmware_sim.program import Program
from firmware_sim.rhythm import RR_SIZE
from firmware_sim.shape import bin_sums

SEED = 0x1234
QUALITIES = (GOOD, FLAT, CLIPPED)
"""In the order of `ecgedge.h`."""

BEFORE_S, AFTER_S = 7, 37
"""Seconds of the made-up recording on either side of its gap: at last more beats than are kept."""
GAP_SAMPLES = 70_000
"""More than 2**16: the firmware keeps sample numbers modulo that in places."""

HEARTBEAT = (
    (40, 10), (40, -10), (40, 0), (12, -15), (30, 125), (30, -145), (24, 35), (60, 0), (80, 25),
    (80, -25),
)  # fmt: skip
"""P wave, QRS complex, T wave: (milliseconds, counts from begin to end)."""

Layers = dict[str, NDArray[np.int64]]


class Random:
    """Bytes of a linear congruential generator of 16 bits."""

    def __init__(self) -> None:
        self.state = SEED

    def byte(self) -> int:
        """Return the next byte, 0 ... 255."""
        self.state = (self.state * 25173 + 13849) % 65536
        return self.state >> 8

    def q7(self) -> int:
        """Return the next value in -127 ... 127: an odd one, as 0 would hide a weight."""
        value = self.byte() | 1
        return value - 256 if value >= 128 else value


def pause_mask(fs: int) -> int:
    """Return a mask for the random part of a pause: about a quarter of a second at most."""
    return int((1 << ((fs // 4).bit_length() - 1)) - 1)


def lines(fs: int) -> list[tuple[int, int]]:
    """Return pause and heartbeat as straight lines at a rate: (samples, counts a sample).

    The last one, a single step, brings it back to where it began.
    """
    found = [(fs // 4, 0)]
    for length_ms, counts in HEARTBEAT:
        samples = max(1, round(length_ms * fs / 1000))
        found.append((samples, round(counts / samples)))
    rest = sum(samples * step for samples, step in found)
    return [*found, (1, -rest)]


def recording(fs: int, length: int) -> NDArray[np.int32]:
    """Return the made-up recording: counts of heartbeats with noise, (length,)."""
    source, drawn, mask = Random(), lines(fs), pause_mask(fs)
    samples = []
    level, line, left, step, upside_down = 0, 0, 0, 0, False
    for _ in range(length):
        random = source.byte()
        if not left:
            left, step = drawn[line]
            if line == 0:
                left += random & mask
                upside_down = random >= 192
            step = -step if upside_down else step
            line = (line + 1) % len(drawn)
        left -= 1
        level += step
        samples.append(level + (random & 3))
    return np.array(samples, dtype=np.int32)


def noise_sums(program: Program, source: Random) -> NDArray[np.int64]:
    """Return the pools' sums of a window of noise, (1, 4, 8)."""
    noise = _noise(source, program.window).T.astype(np.int16)
    parts = ((branch, segment) for _, branch, segment in program.named_branches)
    sums = [network.pool_sums(noise, branch, segment) for branch, segment in parts]
    return np.concatenate(sums, axis=1).transpose(2, 0, 1).astype(np.int64)


def layers(program: Program) -> Layers:
    """Return every layer by name for one beat: (1, 4, 8), then all that follows, (1, n).

    Hidden layer and head run on random values. The last one is the label, (1,).
    """
    source = Random()
    found: Layers = {}
    if program.branches:
        found = _tokens_and_mean(program, source)
    if program.measures:
        found = _measures(program, source)
    inputs = _noise(source, program.features)
    hidden = program.hidden
    if hidden is not None:
        found["hidden_sums"] = network.hidden_sums(inputs, hidden)
        found["hidden"] = sat(rshift(found["hidden_sums"], hidden.shift))
        inputs = _noise(source, len(hidden.bias))
    found["scores"] = network.head_scores(inputs, program.head)
    return found | {"label": network.decide(program, found["scores"])}


def _noise(source: Random, n: int) -> NDArray[np.int64]:
    return np.array([[source.q7() for _ in range(n)]], dtype=np.int64)


def _measures(program: Program, source: Random) -> Layers:
    """Return what is measured on a window of noise, before the shift and after it."""
    q = _noise(source, program.window).astype(np.int8)
    sums = [reduced(bin_sums(q), measure) for measure in program.measures]
    return {
        "measure_sums": np.stack(sums, axis=1),
        "measures": measured(q, program.measures),
    }


def _tokens_and_mean(program: Program, source: Random) -> Layers:
    """Return what a window of noise becomes, from the pools' sums to the mean values."""
    found: Layers = {"sums": noise_sums(program, source)}
    shifts = [
        branch.shift for _, branch, segment in program.named_branches for _ in range(segment.tokens)
    ]
    pools = [relu(rshift(found["sums"][:, :, i], shift)) for i, shift in enumerate(shifts)]
    tokens = found["tokens.0"] = np.stack(pools, axis=2)
    for i, layer in enumerate(program.layers, start=1):
        tokens = relu(rshift(network.token_sums(tokens, layer), layer.shift))
        found[f"tokens.{i}"] = tokens
    found["mean"] = relu(rshift(network.mean_sums(tokens), program.mean_shift))
    return found


@dataclass(frozen=True)
class Stream:
    """What the pipeline makes of the made-up recording.

    Attributes
    ----------
    before, after : int
        Samples before the gap, and after it.
    gap_to : int
        Number of the first sample after the gap.
    beats, crc : int
        How many beats, and the checksum over them.
    """

    before: int
    after: int
    gap_to: int
    beats: int
    crc: int


def checksum(beats: list[Beat]) -> int:
    """Return CRC-16/CCITT-FALSE over beats as they lie in the memory of a little-endian device."""
    return binascii.crc_hqx(b"".join(map(_beat_bytes, beats)), 0xFFFF)


def _beat_bytes(beat: Beat) -> bytes:
    """Return the bytes of an `ecgedge_beat`."""
    context = beat.context or (0,) * RR_SIZE
    return struct.pack(
        f"<II{len(beat.scores)}iH{len(context)}bBB?", beat.sample, beat.decided_at, *beat.scores,
        beat.rr or 0, *context, beat.label_index, QUALITIES.index(beat.quality), beat.search_back,
    )  # fmt: skip


def stream(program: Program) -> Stream:
    """Run the pipeline on the made-up recording."""
    before, after = BEFORE_S * program.fs, AFTER_S * program.fs
    gap_to = before + GAP_SAMPLES
    counts = recording(program.fs, before + after)
    pipeline = Pipeline(program)
    beats = pipeline.push(counts[:before]) + pipeline.reset(gap_to)
    beats += pipeline.push(counts[before:]) + pipeline.flush()
    return Stream(before, after, gap_to, len(beats), checksum(beats))


def _braces(value: Any) -> str:
    """Return a C initializer of a number or of nested lists."""
    if isinstance(value, list | tuple):
        return "{" + ", ".join(_braces(v) for v in value) + "}"
    return str(value)


def _layers_text(program: Program) -> str:
    """Return the initializer of the `ecgedge_layers` that hold the answers, tokens first."""
    found = layers(program)
    values: list[Any] = []
    if program.branches:
        tokens = [f"tokens.{i}" for i in range(len(program.layers) + 1)]
        turned = {name: found[name][0].T.tolist() for name in ("sums", *tokens)}
        values += [turned["sums"], [turned[name] for name in tokens], found["mean"][0].tolist()]
    # a word of values that is not full ends with zeros, as C fills it
    names = [n for n in ("measure_sums", "measures", "hidden_sums", "hidden") if n in found]
    values += [found[name][0].tolist() for name in (*names, "scores")]
    return _braces([*values, int(found["label"][0])])


def golden_header(program: Program, made_by: str = "ecgedge") -> str:
    """Return the text of `ecgedge_golden.h`.

    Parameters
    ----------
    program : Program
    made_by : str
        Program and version, for the first line.

    Raises
    ------
    EcgedgeError
        When the detector does not work at the program's rate.
    """
    found, drawn = stream(program), lines(program.fs)
    values = {
        "SEED": f"{SEED}u",
        "LAYERS": _layers_text(program),
        "LINES": len(drawn),
        "LINE_LIST": _braces(drawn),
        "PAUSE_MASK": pause_mask(program.fs),
        "BEFORE": found.before,
        "AFTER": found.after,
        "GAP_TO": f"UINT32_C({found.gap_to})",
        "BEATS": found.beats,
        "CRC": f"INT32_C({found.crc})",
    }
    who = f"{program.name}, made by {made_by}".encode("ascii", "replace").decode()
    return "\n".join([
        "/* Known answers for the self-test of the program " + who.replace("*/", "* /") + ".",
        f" * Generated: do not edit. Program {program.digest}. */",
        "#ifndef ECGEDGE_GOLDEN_H",
        "#define ECGEDGE_GOLDEN_H",
        "",
        *(f"#define ECGEDGE_GOLDEN_{name} {value}" for name, value in values.items()),
        "",
        "#endif",
        "",
    ])  # fmt: skip
