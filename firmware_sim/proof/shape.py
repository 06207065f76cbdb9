"""Every value of the shape arithmetic, for all windows of int16 samples and all sequences of them.

From one beat to the next the device keeps a template and a mean area. Both are proved by induction:
the first beat puts them into the interval of a target, and a step toward another target stays
inside, as `t + rshift(x - t, s)` falls neither with t nor with x. All bins of a beat share one
interval, and all of a template: a beat that is moved by a bin has the differences that it has where
it is, the least of several distances is one of them, and how far a premature beat moves the
template is one of the steps that every beat may cause.

A device divides numbers that are not negative: it lifts a sum of samples by 2**15 for each of them,
and a bin by the largest one.
"""

from firmware_sim.formats import Q7_MAX, rdiv, rshift
from firmware_sim.proof.beat import SAMPLE
from firmware_sim.proof.interval import (
    Interval,
    Quantity,
    hull,
    quantity,
    rising,
    rounding,
    step,
)
from firmware_sim.proof.rhythm import prove_deviation
from firmware_sim.shape import (
    AREA_FRACTION_BITS,
    AREA_SHIFT,
    BINS,
    LEARNING_BEATS,
    LEARNING_SHIFT,
    LIKE_SHIFT,
    P_BINS,
    P_GAIN_BITS,
    QRS_BINS,
    QRS_GAIN_BITS,
    REGION_BITS,
    T_BINS,
    T_GAIN_BITS,
    TEMPLATE_BITS,
    UNLIKE_SHIFT,
    area_bits,
    bin_samples,
)


def _centered(size: int) -> Interval:
    """What a bin can be without the mean: it at one rail, all other bins at the other.

    Let b be that bin, greatest with the others at the lower rail. Then the mean of all samples is
    1092.25 above that rail, and has to fall by .75 to be rounded to one less. That would bring
    `size` counts, and takes 45 `size` from the sum (60 `size` for each one after it). Only b can
    give them, so it loses more than it wins. The other end is the same.
    """
    ends = (SAMPLE.low, SAMPLE.high)
    low, high = (
        size * (own - rdiv(own + (BINS - 1) * other, BINS))
        for own, other in zip(ends, ends[::-1], strict=True)
    )
    return Interval(low, high)


def _size(name: str, region: tuple[int, int], values: Interval, shift: int) -> list[Quantity]:
    """The absolute values of a region of bins, summed and shifted, before it is clipped."""
    count = region[1] - region[0]
    total = hull(0, abs(values) * count)
    return [
        quantity(
            f"shape.{name}.size",
            hull(total, total + rounding(shift)),
            f"{count} absolute values, and the half that rounds the shift",
        ),
        quantity(
            f"shape.{name}.mean",
            rising(lambda x: rshift(x, shift), total),
            "shifted, before it is clipped",
        ),
    ]


def _bins(size: int) -> list[Quantity]:
    """From samples to scaled bins."""
    one = SAMPLE * size
    total = one * BINS
    mean = rising(lambda s: rdiv(s, BINS * size), total)
    centered = _centered(size)
    largest = hull(0, abs(centered))
    scaled = centered * (2 * Q7_MAX)
    lifted = Interval(0, (total - total.low).high)
    above = Interval(0, 2 * largest.high)
    return [
        quantity("shape.bin", hull(0, one), f"{size} samples, and every sum on the way"),
        quantity("shape.sum", hull(0, total), f"{BINS} bins, and every sum on the way"),
        quantity("shape.mean.numerator", total * 2 + BINS * size, "2 sum + n, as rdiv has it"),
        quantity("shape.mean", mean, "rdiv(sum, n) rises with sum"),
        quantity("shape.mean.bin", mean * size, "the mean of as many samples as a bin has"),
        quantity("shape.centered", centered, "one bin at a rail, all others at the other"),
        quantity("shape.largest", largest, "largest |centered|"),
        quantity(
            "shape.scaled.numerator",
            hull(scaled, scaled + largest),
            "254 centered, then + largest, as rdiv has it",
        ),
        quantity("shape.scaled.denominator", largest * 2, "2 largest"),
        quantity(
            "shape.scaled",
            Interval(-Q7_MAX, Q7_MAX),
            "|centered| <= largest, and rdiv(127 largest, largest) = 127",
        ),
        quantity("shape.device.sum", lifted, "sum + 2**15 n, which is not negative"),
        quantity("shape.device.mean.numerator", lifted * 2 + BINS * size, "as rdiv has it"),
        quantity("shape.device.bin", above, "centered + largest, from 0 to 2 largest"),
        quantity(
            "shape.device.numerator",
            hull(0, above * (2 * Q7_MAX) + largest.high),
            "254 of it, then + largest: scaled + 127 when it is divided",
        ),
    ]


def prove_shape(window: int) -> tuple[Quantity, ...]:
    """Prove what the shape arithmetic computes from one beat to the next.

    Parameters
    ----------
    window : int
        Samples in a beat, 60 or more.

    Returns
    -------
    tuple of Quantity
        In the order of computation.

    Raises
    ------
    ValueError
        When the template or the mean area leaves its interval in one step.
    """
    size, shift = bin_samples(window), area_bits(window)
    region = QRS_BINS[1] - QRS_BINS[0]
    area_sum = hull(0, abs(_centered(size)) * region)
    area = rising(lambda x: rshift(x, shift), area_sum)
    area_scaled = area << AREA_FRACTION_BITS
    scaled = Interval(-Q7_MAX, Q7_MAX)
    template = target = scaled << TEMPLATE_BITS
    difference = target - template
    change = step("template", template, target, LEARNING_SHIFT, LIKE_SHIFT, UNLIKE_SHIFT)
    area_change = step("mean area", area_scaled, area_scaled, AREA_SHIFT)
    reference = Interval(1, area_scaled.high)
    return (
        *_bins(size),
        quantity("shape.area.sum", area_sum, f"{region} absolute bins, at most the largest each"),
        quantity("shape.area.rounded", area_sum + rounding(shift), "with the half that rounds"),
        quantity("shape.area", area, "shifted: less than 2**18"),
        quantity("shape.area.scaled", area_scaled, "in 1/16"),
        *_size("p", P_BINS, scaled, REGION_BITS - P_GAIN_BITS),
        quantity("shape.taken", Interval(0, LEARNING_BEATS), "saturates"),
        quantity("shape.target", target, "the beat in 1/64"),
        quantity("shape.difference", difference, "target - template, any bin of one and the other"),
        *_size("qrs", QRS_BINS, difference, TEMPLATE_BITS + REGION_BITS - QRS_GAIN_BITS),
        *_size("t", T_BINS, difference, TEMPLATE_BITS + REGION_BITS - T_GAIN_BITS),
        quantity("shape.value", Interval(0, Q7_MAX), "of the three regions, clipped at 127"),
        *prove_deviation("shape.area_mean", area_scaled, reference),
        quantity("shape.change", change, "target - template, then the half that rounds the shift"),
        quantity("shape.template", template, "the first target, then moves toward targets"),
        quantity("shape.area.change", area_change, "scaled - mean, then the half that rounds"),
        quantity("shape.area.mean", area_scaled, "the first area, then moves toward areas"),
    )
