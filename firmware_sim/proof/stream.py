"""The stream: detector, times, rhythm, shape and pending beats, for all streams of int16."""

from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.detector_timing import timing
from firmware_sim.proof.detector import prove_detector
from firmware_sim.proof.interval import Quantity
from firmware_sim.proof.rhythm import prove_rhythm
from firmware_sim.proof.shape import prove_shape
from firmware_sim.proof.times import Times, prove_times
from firmware_sim.rhythm import RR_SIZE


def prove_stream(fs: int, window: int, context: int = RR_SIZE) -> tuple[Quantity, ...]:
    """Prove what a device keeps and computes from one sample to the next, however long it runs.

    Parameters
    ----------
    fs : int
        Samples per second, 125 ... 500.
    window : int
        Samples in a beat.
    context : int
        Context values of the program: with all twelve, the other rhythm values and `shape.` too.

    Returns
    -------
    tuple of Quantity
        `detector.` values, `age.` times in samples, `pipeline.pending`, `rhythm.`, `quality.` and
        `shape.`.

    Raises
    ------
    EcgedgeError
        When the detector does not work at that rate.
    ValueError
        When a step leads out of the invariant, or a time is too long for a 16-bit clock.
    """
    t = timing(fs)
    times = Times(t, window)
    rest = prove_shape(window) if context == CONTEXT_SIZE else ()
    return (*prove_detector(t), *prove_times(times), *prove_rhythm(times, context), *rest)
