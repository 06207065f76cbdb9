"""Every value of the R-peak detector, for all streams of int16 samples, by induction over a step.

Slope and energy are sums over windows of samples whatever came before, so their reach is that of
such a sum, and it is found exactly. Every other value that is kept starts inside its interval of
`invariant`; `step` applies each action of the detector once to these intervals, and gives intervals
inside them. So no stream, however long, leaves them.

Where the induction begins is an action too, `_start`. Every other one has the name of the method of
`firmware_sim.detector.Detector` that it stands for. A sample may cause several of them in a row;
each keeps the invariant, so all do.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from firmware_sim import detector as d
from firmware_sim.detector_timing import Timing
from firmware_sim.proof.beat import SAMPLE
from firmware_sim.proof.interval import Interval, Quantity, greatest, hull, least, quantity, rising
from firmware_sim.proof.worst_sequence import greatest_sum

SPAN = SAMPLE.high - SAMPLE.low
"""Largest difference of two samples."""

State = dict[str, Interval]
Note = Callable[[str, Interval, str], Interval]
"""Takes down an intermediate value by name and rule, and returns it."""


# -- sums over windows -------------------------------------------------------------------------


def _slope_weights(t: Timing) -> NDArray[np.int64]:
    """Weights of the samples in the slope, the newest first: 1, 0 and -1."""
    weights = np.zeros(t.low_pass + t.difference, dtype=np.int64)
    weights[: t.low_pass] += 1
    weights[t.difference :] -= 1
    return weights


def slope_max(t: Timing) -> int:
    """Return the largest |slope|; a step between the rails attains it."""
    return SPAN * int(np.maximum(_slope_weights(t), 0).sum())


@lru_cache(maxsize=1024)
def _energy_search(low_pass: int, difference: int, integrate: int) -> tuple[int, tuple[int, ...]]:
    """Largest energy in units of the samples' span, and bits that give it, the oldest first."""
    patterns = np.arange(1 << (low_pass + difference))
    slope = np.zeros(len(patterns), dtype=np.int64)
    for lag in range(low_pass + difference):
        slope += (patterns >> lag & 1) * (int(lag < low_pass) - int(lag >= difference))
    total, bits = greatest_sum(np.abs(slope), integrate)
    return total, tuple(bits.tolist())


def energy_max(t: Timing) -> int:
    """Return the largest energy; `energy_stream` attains it."""
    return SPAN * _energy_search(t.low_pass, t.difference, t.integrate)[0]


def slope_stream(t: Timing) -> NDArray[np.int64]:
    """Return samples after the last of which the slope is `slope_max`."""
    return np.where(_slope_weights(t) > 0, SAMPLE.high, SAMPLE.low)[::-1]


def energy_stream(t: Timing) -> NDArray[np.int64]:
    """Return samples after the last of which the energy is `energy_max`, whatever came before."""
    bits = np.array(_energy_search(t.low_pass, t.difference, t.integrate)[1])
    return np.where(bits, SAMPLE.high, SAMPLE.low)


# -- what is kept ------------------------------------------------------------------------------


def invariant(t: Timing) -> State:
    """Return the interval of each value that the detector keeps beside samples and times."""
    slope, energy = slope_max(t), Interval(0, energy_max(t))
    steepness = Interval(0, slope)
    return {
        "slope": Interval(-slope, slope),
        "slope_old": Interval(-slope, slope),
        "energy": energy,
        "peak": energy,
        "beat_level": energy,
        "noise_level": energy * d.NOISE_CAP >> 4,
        "steepness": steepness,
        "rr": Interval(0, t.interval_max << d.RR_FRACTION_BITS),
        "block_max": energy,
        "blocks": energy,
        "best": energy,
        "best_steepness": steepness,
    }


RULES = {
    "slope": "sum of `difference` samples minus that of `difference` others; attained",
    "slope_old": "the slope of `integrate` samples ago",
    "energy": "sum of |slope| over `integrate` samples; searched over all streams, attained",
    "peak": "an energy",
    "beat_level": "moves toward an energy, or starts below one; at least least_level",
    "noise_level": "moves toward 12/16 of a beat level at most, sinks, or starts at 1/8 of one",
    "steepness": "moves toward a |slope|, or is one; at least least_steepness",
    "rr": "moves toward an interval, or is one, of at most interval_max; in 1/16 sample",
    "block_max": "an energy",
    "blocks": "block_max of three blocks",
    "best": "an energy",
    "best_steepness": "a |slope|",
}
"""Why each value stays inside: what it becomes in a step."""


def step(t: Timing, s: State, note: Note = lambda _name, value, _rule: value) -> State:
    """Apply every action of the detector once to the intervals of its values.

    Parameters
    ----------
    t : Timing
    s : dict of str to Interval
        What the values can be before a sample: `invariant`, to prove it.
    note : callable
        Takes down the intermediate values.

    Returns
    -------
    dict of str to Interval
        What they can be after the sample, the values before it included.
    """
    actions = (_start, _push, _scan, _candidate, _search_back, _accept, _sink, _learn, _forget)
    after = dict(s)
    for action in actions:
        for name, value in action(t, s, note).items():
            after[name] = hull(after[name], value)
    return after


def _start(t: Timing, s: State, note: Note) -> State:
    """All values start at zero: where the induction begins."""
    return dict.fromkeys(s, Interval(0, 0))


def _push(t: Timing, s: State, note: Note) -> State:
    """The filters; their results are sums over windows, see `invariant`."""
    difference = note("push.difference", SAMPLE - SAMPLE, "x - x'")
    three = note("push.three", difference - SAMPLE, "x - x' - x''")
    change = note("push.change", three + SAMPLE, "x - x' - x'' + x'''")
    note("push.slope", s["slope"] + change, "slope + change; the slope again, so never this wide")
    steep, steep_old = abs(s["slope"]), abs(s["slope_old"])
    rise = note("push.rise", steep - steep_old, "|slope| - |slope_old|")
    note("push.energy", s["energy"] + rise, "energy + rise; the energy again, so never this wide")
    return {}


def _scan(t: Timing, s: State, note: Note) -> State:
    return {"peak": s["energy"], "block_max": hull(0, greatest(s["block_max"], s["energy"]))}


def _candidate(t: Timing, s: State, note: Note) -> State:
    """A candidate is judged and refused; see `_accept` for one that is taken."""
    steepness = _looks_back(t, s, note)
    since = note("candidate.since", Interval(0, t.interval_max), "min(at - last_at, interval_max)")
    note("candidate.since_256", since << 8, "since << 8")
    note("candidate.rr_early", s["rr"] * d.EARLY_RR, "13 rr")
    note("candidate.rr_late", s["rr"] * d.LATE_RR, "18 rr")
    note("candidate.steepness_64", steepness << 6, "64 steepness; 16 times in the T wave rule")
    note("candidate.level_22", s["steepness"] * d.STEEPNESS_64, "22 times the level; 8 times there")
    above = note("candidate.above", greatest(s["beat_level"] - s["noise_level"], 0), "beat - noise")
    share = note("candidate.product", above * d.THRESHOLD_EARLY, "8 above; 3 and 6 times too")
    note("candidate.threshold", s["noise_level"] + (share >> 4), "noise + product / 16")
    cap = note("candidate.cap", s["beat_level"] * d.NOISE_CAP, "12 beat levels") >> 4
    height = least(s["peak"], cap)
    note("candidate.noise_change", height - s["noise_level"], "min(height, cap) - noise")
    noise = rising(lambda n, h: n + ((h - n) >> d.NOISE_SHIFT), s["noise_level"], height)
    best = hull(0, s["peak"])
    return {"noise_level": noise, "best": best, "best_steepness": steepness}


def _looks_back(t: Timing, s: State, note: Note) -> Interval:
    """`_steepness_at` and `_locate`; returns the steepness."""
    note("steepness_at.sum", hull(0, SAMPLE * t.low_pass), "low_pass samples")
    note(
        "steepness_at.differences",
        hull(0, (SAMPLE - SAMPLE) * t.low_pass),
        "low_pass differences, where they are summed in pairs",
    )
    width = 2 * t.locate_half + 1
    total = note("locate.total", hull(0, SAMPLE * width), "2 locate_half + 1 samples")
    note("locate.change", total + (SAMPLE - SAMPLE), "total + x - x'; a total again")
    note("locate.scaled", SAMPLE * width, "(2 locate_half + 1) x")
    note(
        "locate.distance",
        Interval(-1, SPAN * (width - 1)),
        "|(2 locate_half + 1) x - total|, and x is one of the total; -1 before the first",
    )
    return hull(0, abs(s["slope"]))


def _search_back(t: Timing, s: State, note: Note) -> State:
    note("search_back.rr", s["rr"] * d.SEARCH_BACK_RR, "28 rr")
    note("search_back.level", s["beat_level"] * d.SEARCH_BACK_LEVEL, "5 beat levels")
    note("search_back.best_64", s["best_steepness"] << 6, "64 best_steepness")
    note("search_back.level_16", s["steepness"] * d.SEARCH_BACK_STEEPNESS_64, "16 times the level")
    return {}


def _accept(t: Timing, s: State, note: Note) -> State:
    since = Interval(0, t.interval_max)
    interval = note("accept.interval", since << d.RR_FRACTION_BITS, "16 min(at - last_at, ...)")
    note("accept.longest", rising(lambda rr: rr + (rr >> 1), s["rr"]), "rr + rr / 2")
    note("accept.rr_change", interval - s["rr"], "min(interval, longest) - rr")
    rr = rising(lambda rr, i: rr + ((min(i, rr + (rr >> 1)) - rr) >> d.RR_SHIFT), s["rr"], interval)

    def follow(level: int, value: int) -> int:
        return level + ((min(value, 2 * level) - level) >> d.LEVEL_SHIFT)

    height = hull(s["peak"], s["best"])
    steepness = hull(0, abs(s["slope"]), s["best_steepness"])
    note("accept.twice_level", s["beat_level"] * 2, "2 beat_level")
    note("accept.level_change", height - s["beat_level"], "min(height, 2 level) - level")
    note("accept.twice_steepness", s["steepness"] * 2, "2 steepness")
    note("accept.steepness_change", steepness - s["steepness"], "as for the level")
    level = greatest(rising(follow, s["beat_level"], height), t.least_level)
    steep = greatest(hull(rising(follow, s["steepness"], steepness), steepness), t.least_steepness)
    return {
        "rr": hull(rr, interval),
        "beat_level": level,
        "steepness": steep,
        "best": Interval(0, 0),
    }


def _sink(t: Timing, s: State, note: Note) -> State:
    def sunk(level: int) -> int:
        return level - (level >> d.DECAY_SHIFT)

    return {
        "beat_level": greatest(rising(sunk, s["beat_level"]), t.least_level),
        "noise_level": rising(sunk, s["noise_level"]),
        "steepness": hull(0, greatest(rising(sunk, s["steepness"]), t.least_steepness)),
    }


def _learn(t: Timing, s: State, note: Note) -> State:
    median = note("learn.median", s["blocks"], "one of three blocks")
    level = greatest(rising(lambda m: m - (m >> 2), median), t.least_level)
    blocks = hull(s["blocks"], s["block_max"])
    return {
        "blocks": blocks,
        "block_max": Interval(0, 0),
        "beat_level": level,
        "noise_level": level >> 3,
    }


def _forget(t: Timing, s: State, note: Note) -> State:
    names = ("blocks", "block_max", "noise_level", "steepness", "rr", "best")
    return dict.fromkeys(names, Interval(0, 0))


def prove_detector(t: Timing) -> tuple[Quantity, ...]:
    """Prove what the detector's values can be.

    Parameters
    ----------
    t : Timing
        At the sampling rate.

    Returns
    -------
    tuple of Quantity
        First what is kept, then what is computed on the way.

    Raises
    ------
    ValueError
        When a step leads out of the invariant: then nothing is proved.
    """
    kept = invariant(t)
    found = [quantity(f"detector.{name}", kept[name], RULES[name]) for name in kept]

    def note(name: str, value: Interval, rule: str) -> Interval:
        found.append(quantity(f"detector.{name}", value, rule))
        return value

    after = step(t, kept, note)
    for name, value in after.items():
        if value not in kept[name]:
            raise ValueError(f"{name} leaves {kept[name]} for {value} in one step")
    return tuple(found)
