"""`golden.npz`: beats with every integer that the program makes of them, for anybody's engine.

Also the beats that every engine is tried on: rails, square waves, spikes, steps, the inputs that
drive the accumulators to their bounds, and noise from a stated seed.
"""

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.files import UNREADABLE
from firmware_sim.formats import Q7_MAX
from firmware_sim.network import Layers, run
from firmware_sim.program import Program
from firmware_sim.prove import worst_beats, worst_contexts

SEED = 20260101
GOLDEN_RANDOM = 12
MAX_UNPACKED_BYTES = 1 << 28
SQUARE_HALVES = (1, 2, 3, 4, 5, 8, 13, 29, 60)
"""Half periods of the square waves, in samples."""

Int8 = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Golden:
    """Beats and what the program makes of them.

    Attributes
    ----------
    program : str
        Digest of the program.
    q : (n, window) int8
    context : (n, program.context) int8 or None
    label_index : (n,) int64
    layers : dict of str to int32 arrays (n, ...)
        Every layer of `firmware_sim.network.Output`, in the order of computation.
    """

    program: str
    q: Int8
    context: Int8 | None
    label_index: NDArray[np.int64]
    layers: Layers


def _rails(window: int) -> Int8:
    """Rails, zeros, and square waves, starting high and starting low."""
    position = np.arange(window)
    squares = [np.where(position // half % 2, -Q7_MAX, Q7_MAX) for half in SQUARE_HALVES]
    high = np.array([np.full(window, Q7_MAX), *squares])
    return np.concatenate([high, -high, np.zeros((1, window))]).astype(np.int8)


def _spikes_and_steps(window: int) -> Int8:
    """A single sample at each rail, and a step between the rails, at every position."""
    spikes = np.eye(window) * Q7_MAX
    steps = np.where(np.tri(window, window, -1, dtype=bool), -Q7_MAX, Q7_MAX)
    return np.concatenate([spikes, -spikes, steps, -steps]).astype(np.int8)


def extreme_beats(program: Program) -> Int8:
    """Return the hardest inputs: rails, squares, worst cases of the proof, spikes, steps.

    Parameters
    ----------
    program : Program

    Returns
    -------
    (n, window) int8
    """
    parts = [_rails(program.window), worst_beats(program), _spikes_and_steps(program.window)]
    return np.concatenate(parts)


def random_beats(window: int, n: int, seed: int = SEED) -> Int8:
    """Return noise (n, window): half of it uniform in -127 ... 127, half of it at the rails."""
    rng = np.random.default_rng(seed)
    uniform = rng.integers(-Q7_MAX, Q7_MAX, (n - n // 2, window), dtype=np.int8, endpoint=True)
    rails = rng.integers(0, 1, (n // 2, window), dtype=np.int8, endpoint=True) * 2 - 1
    return np.concatenate([uniform, (rails * Q7_MAX).astype(np.int8)])


def extreme_contexts(program: Program) -> Int8:
    """Return the hardest contexts of a hidden layer: worst cases of the proof, rails, single rails.

    Returns
    -------
    (n, program.context) int8, empty without hidden layer or context
    """
    if program.hidden is None or not program.context:
        return np.zeros((0, program.context), np.int8)
    single = np.eye(program.context, dtype=np.int8) * Q7_MAX
    whole = np.full((1, program.context), Q7_MAX, dtype=np.int8)
    parts = [worst_contexts(program), whole, -whole, 0 * whole, single, -single]
    return np.concatenate(parts).astype(np.int8)


def contexts_for(program: Program, n: int, seed: int = SEED) -> Int8 | None:
    """Return n contexts for beats that were made; None when the program uses none.

    Those that are hardest for a hidden layer come first, as far as there is room; of the others a
    third of the values is at a rail or 0.

    Parameters
    ----------
    program : Program
    n : int
    seed : int

    Returns
    -------
    (n, program.context) int8 or None
    """
    if not program.context:
        return None
    rng = np.random.default_rng(seed + 1)
    shape = (n, program.context)
    values = rng.integers(-Q7_MAX, Q7_MAX, shape, dtype=np.int8, endpoint=True)
    special = rng.choice(np.array([-Q7_MAX, 0, Q7_MAX], dtype=np.int8), shape)
    found = np.where(rng.random(shape) < 1 / 3, special, values).astype(np.int8)
    hardest = extreme_contexts(program)[:n]
    found[: len(hardest)] = hardest
    return found


def make_golden(program: Program, q: Int8 | None = None, context: Int8 | None = None) -> Golden:
    """Run the program on real beats, if there are any, and on extreme and random ones.

    Parameters
    ----------
    program : Program
    q : (n, window) int8, optional
        Real beats to keep; a few dozen, each takes about 12 kB at 360 Hz.
    context : (n, 5 or 12) int8, optional
        Their context, of which the program takes its first values; needed with `q` when it does.
    """
    real = np.zeros((0, program.window), np.int8) if q is None else q
    noise = max(GOLDEN_RANDOM, len(extreme_contexts(program)))
    made = np.concatenate([_rails(program.window)[::4], random_beats(program.window, noise)])
    contexts = contexts_for(program, len(made))
    if contexts is not None:
        known = np.zeros((0, program.context), np.int8) if context is None else context
        contexts = np.concatenate([known[:, : program.context], contexts])
    beats = np.concatenate([real, made])
    return golden_for(program, beats, contexts)


def golden_for(program: Program, q: Int8, context: Int8 | None) -> Golden:
    """Return exactly these beats with what the program makes of them.

    Parameters
    ----------
    program : Program
    q : (n, window) int8
    context : (n, program.context) int8 or None
    """
    output = run(program, q, context, layers=True)
    return Golden(program.digest, q, context, output.label_index, output.layers)


def golden_bytes(golden: Golden) -> bytes:
    """Return the content of `golden.npz`; the same vectors give the same bytes."""
    arrays: dict[str, NDArray[np.generic]] = {
        "program": np.array(golden.program),
        "q": golden.q,
        "label": golden.label_index,
    }
    if golden.context is not None:
        arrays["context"] = golden.context
    arrays |= {f"layer.{name}": value for name, value in golden.layers.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _arrays(content: bytes, source: str) -> dict[str, NDArray[np.generic]]:
    """Unpack an .npz without pickle, and not more than a bounded number of bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ValueError("it unpacks to too much")
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except UNREADABLE as error:
        raise EcgedgeError(
            f"{source} holds no golden vectors ({error}); export the bundle again."
        ) from None


def _int32(value: NDArray[np.generic], name: str) -> NDArray[np.int32]:
    """Return integers of any width as int32; others, and wider ones, are refused."""
    whole = np.asarray(value)
    if whole.dtype.kind not in "iu":
        raise ValueError(f"{name} holds no integers")
    limits = np.iinfo(np.int32)
    if whole.size and not (limits.min <= int(whole.min()) and int(whole.max()) <= limits.max):
        raise ValueError(f"{name} holds values wider than 32 bits")
    return whole.astype(np.int32)


def read_golden(content: bytes, source: str = "golden.npz") -> Golden:
    """Read golden vectors from bytes.

    Raises
    ------
    EcgedgeError
        When the bytes are not what `golden_bytes` makes.
    """
    arrays = _arrays(content, source)
    try:
        layers = {
            name.removeprefix("layer."): _int32(value, name)
            for name, value in arrays.items()
            if name.startswith("layer.")
        }
        q, label = arrays["q"], arrays["label"]
        context = arrays.get("context")
        digest = str(arrays["program"])
    except (KeyError, ValueError, TypeError) as error:
        raise EcgedgeError(f"{source} is malformed ({error}); export the bundle again.") from None
    rows = {len(value) if value.ndim else -1 for value in (q, label, *layers.values())}
    if q.dtype != np.int8 or label.dtype != np.int64 or len(rows) != 1 or "scores" not in layers:
        raise EcgedgeError(f"{source} is malformed; export the bundle again.")
    if context is not None and (context.dtype != np.int8 or len(context) not in rows):
        raise EcgedgeError(f"{source} is malformed (context); export the bundle again.")
    return Golden(
        program=digest,
        q=q.astype(np.int8),
        context=None if context is None else context.astype(np.int8),
        label_index=label.astype(np.int64),
        layers=layers,
    )
