"""Every value of the RR arithmetic and of a window's quality, for all streams, as in a step."""

from firmware_sim.formats import ONE, Q7_MAX, rdiv, rshift
from firmware_sim.proof.detector import SPAN
from firmware_sim.proof.interval import Interval, Quantity, hull, least, quantity, rising
from firmware_sim.proof.times import Times
from firmware_sim.rhythm import (
    IRREGULAR_GAIN,
    LAST,
    RR_MAX_S,
    RR_SIZE,
    SLOW_FRACTION_BITS,
    SLOW_SHIFT,
)


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


def _more_values(counted: Interval, slow: Interval, timeout: int) -> list[Quantity]:
    """The values after the first five: intervals against each other, and how irregular they are."""
    after = Interval(1, timeout)
    change = Interval(0, counted.high - counted.low)
    scaled = change * (ONE * IRREGULAR_GAIN << SLOW_FRACTION_BITS)
    irregular = Interval(rdiv(scaled.low, slow.high), rdiv(scaled.high, slow.low))
    return [
        quantity("rhythm.after_counted", after, "at most the time-out"),
        *prove_deviation("rhythm.after_before", after, counted),
        *prove_deviation("rhythm.before_earlier", counted, counted),
        *prove_deviation("rhythm.before_longest", counted, counted),
        quantity("rhythm.irregular", change, "neighbours among the last ten; so their median"),
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
    moved = rising(lambda mean, x: mean + rshift(x - mean, SLOW_SHIFT), slow, scaled)
    if moved not in slow:
        raise ValueError(f"the slow mean leaves {slow} for {moved} in one step")
    total = Interval(counted.low, LAST * counted.high)
    after = Interval(1, times.interval_after)
    second = Interval(fs << SLOW_FRACTION_BITS, fs << SLOW_FRACTION_BITS)
    return (
        quantity("rhythm.rr", rr, "R peaks strictly increase; at most interval_max"),
        quantity("rhythm.counted", counted, "at most 4 s"),
        quantity("rhythm.scaled", scaled, "in 1/16 sample"),
        quantity("rhythm.slow", Interval(0, slow.high), "0: unknown; moves toward scaled"),
        quantity(
            "rhythm.change",
            (scaled - slow) + (1 << (SLOW_SHIFT - 1)),
            "scaled - slow, then the half that rounds the shift",
        ),
        quantity("rhythm.timeout", Interval(0, times.timeout), "2 slow / 16, rounded up"),
        quantity("rhythm.sum", total, "ten counted intervals at most"),
        quantity("rhythm.after", after, "found by the deadline, or the time-out"),
        *prove_deviation("rhythm.before_slow", scaled, slow),
        *prove_deviation("rhythm.after_slow", after << SLOW_FRACTION_BITS, slow),
        *prove_deviation("rhythm.before_ten", total, total),
        *prove_deviation("rhythm.slow_second", slow, second),
        *(_more_values(counted, slow, times.timeout) if context > RR_SIZE else ()),
        quantity("rhythm.context", Interval(-Q7_MAX, Q7_MAX), "saturates"),
        quantity("quality.span", Interval(0, SPAN), "largest minus smallest count"),
        quantity("quality.run", Interval(0, times.window), "samples at a rail in a row"),
    )
