"""Every value of the RR arithmetic and of a window's quality, for all streams, as in a step."""

from firmware_sim.formats import ONE, Q7_MAX, rdiv
from firmware_sim.proof.detector import SPAN
from firmware_sim.proof.interval import Interval, Quantity, hull, least, quantity, step
from firmware_sim.proof.times import Times
from firmware_sim.rhythm import (
    IRREGULAR_GAIN,
    LAST,
    RR_MAX_S,
    RR_SIZE,
    SLOW_FRACTION_BITS,
    SLOW_SHIFT,
)

SHIFTS = (*range(LAST.bit_length()), SLOW_SHIFT)
"""Of the slow mean: bits of the number of intervals so far below 32, then its own."""


def prove_deviation(name: str, x: Interval, reference: Interval) -> list[Quantity]:
    """Prove sat(rdiv(128 (x - reference), reference)), operation by operation."""
    scaled = (x - reference) * ONE
    numerator = scaled * 2 + reference
    quotient = Interval(
        rdiv(ONE * (x.low - reference.high), reference.high),
        rdiv(ONE * (x.high - reference.low), reference.low),
    )
    return [
        quantity(f"{name}.scaled", scaled, "128 (x - ref)"),
        quantity(f"{name}.numerator", numerator, "2 scaled + ref, as rdiv has it"),
        quantity(f"{name}.denominator", reference * 2, "2 ref"),
        quantity(f"{name}.device", x * (2 * ONE) + reference, "256 x + ref: numerator + 256 ref"),
        quantity(f"{name}.quotient", quotient, "before it saturates; rises with x, falls with ref"),
    ]


def _more_values(counted: Interval, slow: Interval) -> list[Quantity]:
    """The values after the first five: against the shortest, and how irregular intervals are."""
    change = Interval(0, counted.high - counted.low)
    scaled = change * (ONE * IRREGULAR_GAIN << SLOW_FRACTION_BITS)
    irregular = Interval(rdiv(scaled.low, slow.high), rdiv(scaled.high, slow.low))
    return [
        *prove_deviation("rhythm.before_shortest", counted, counted),
        quantity("rhythm.irregular", change, "of neighbours; so both medians"),
        quantity("rhythm.irregular.scaled", scaled, "128 * 4 * 16 times the median"),
        quantity(
            "rhythm.irregular.numerator",
            hull(scaled * 2, scaled * 2 + slow),
            "2 scaled + slow, as rdiv has it",
        ),
        quantity("rhythm.irregular.denominator", slow * 2, "2 slow"),
        quantity(
            "rhythm.irregular.device",
            (slow + change * (IRREGULAR_GAIN << SLOW_FRACTION_BITS)) * (2 * ONE) + slow,
            "as a deviation of slow + 64 median from slow: 256 x + ref",
        ),
        quantity("rhythm.irregular.quotient", irregular, "before it is clipped"),
    ]


def prove_rhythm(times: Times, context: int = RR_SIZE) -> tuple[Quantity, ...]:
    """Prove what the RR arithmetic computes, and what quality looks at.

    Parameters
    ----------
    times : Times
    context : int
        Context values of the program: with more than five, all of `firmware_sim.rhythm`.

    Returns
    -------
    tuple of Quantity
        In the order of computation.

    Raises
    ------
    ValueError
        When the slow mean leaves its interval in one step.
    """
    fs = times.t.fs
    rr = Interval(1, times.t.interval_max)  # R peaks strictly increase
    counted = least(rr, RR_MAX_S * fs)
    scaled = counted << SLOW_FRACTION_BITS
    slow = scaled
    change = hull(scaled, step("slow mean", slow, scaled, *SHIFTS))
    after = Interval(1, times.interval_after)
    after_counted = Interval(1, times.timeout)
    return (
        quantity("rhythm.rr", rr, "R peaks strictly increase; at most interval_max"),
        quantity("rhythm.counted", counted, "at most 4 s"),
        quantity("rhythm.scaled", scaled, "in 1/16 sample"),
        quantity("rhythm.slow", Interval(0, slow.high), "0: unknown; moves toward scaled"),
        quantity("rhythm.known", Interval(0, LAST), "saturates"),
        quantity(
            "rhythm.change",
            change,
            "scaled - slow, then the half that rounds the shift; the first interval from 0",
        ),
        quantity("rhythm.timeout", Interval(0, times.timeout), "2 slow / 16, rounded up"),
        quantity("rhythm.after", after, "found by the deadline, or the time-out"),
        *prove_deviation("rhythm.before_slow", scaled, slow),
        *prove_deviation("rhythm.after_slow", after << SLOW_FRACTION_BITS, slow),
        quantity("rhythm.after_counted", after_counted, "at most the time-out"),
        *prove_deviation("rhythm.after_before", after_counted, counted),
        *prove_deviation("rhythm.before_earlier", counted, counted),
        *(_more_values(counted, slow) if context > RR_SIZE else ()),
        quantity("rhythm.context", Interval(-Q7_MAX, Q7_MAX), "saturates"),
        quantity("quality.span", Interval(0, SPAN), "largest minus smallest count"),
        quantity("quality.run", Interval(0, times.window), "samples at a rail in a row"),
    )
