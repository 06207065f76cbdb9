"""The stream: detector, times, rhythm and pending beats, for all streams of int16 samples."""

from firmware_sim.detector_timing import timing
from firmware_sim.proof.detector import prove_detector
from firmware_sim.proof.interval import Quantity
from firmware_sim.proof.rhythm import prove_rhythm
from firmware_sim.proof.times import Times, prove_times


def prove_stream(fs: int, window: int) -> tuple[Quantity, ...]:
    """Prove what a device keeps and computes from one sample to the next, however long it runs.

    Parameters
    ----------
    fs : int
        Samples per second, 125 ... 500.
    window : int
        Samples in a beat.

    Returns
    -------
    tuple of Quantity
        `detector.` values, `age.` times in samples, `pipeline.pending`, `rhythm.` and `quality.`.

    Raises
    ------
    EcgedgeError
        When the detector does not work at that rate.
    ValueError
        When a step leads out of the invariant, or a time is too long for a 16-bit clock.
    """
    t = timing(fs)
    times = Times(t, window)
    return (*prove_detector(t), *prove_times(times), *prove_rhythm(times))
