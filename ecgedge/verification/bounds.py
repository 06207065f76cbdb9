"""How large values get, and how often a clip acts on them.

Weights and activations have to stay inside [-1, 1]: those seen on the beats, and those that the
proof allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from firmware_sim.formats import FRACTION_BITS, ONE
from firmware_sim.program import Program
from firmware_sim.prove import prove


@dataclass
class Bounds:
    """Largest values and clip counts over all chunks."""

    largest: dict[str, int] = field(default_factory=dict)
    clipped: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)

    def add(self, largest: Mapping[str, int], clipped: Mapping[str, tuple[int, int]]) -> None:
        """Count in one chunk of beats.

        Parameters
        ----------
        largest : dict of str to int
            Layer -> largest absolute value.
        clipped : dict of str to (int, int)
            Place -> values beyond the clip, of how many.
        """
        for name, value in largest.items():
            self.largest[name] = max(self.largest.get(name, 0), value)
        for name, (above, count) in clipped.items():
            self.clipped[name] = self.clipped.get(name, 0) + above
            self.values[name] = self.values.get(name, 0) + count


def _scales(program: Program) -> dict[str, int]:
    """What stands for 1.0 in each layer that has to stay inside [-1, 1]."""
    scales = dict.fromkeys(("beat", "mean", "measures", "context", "hidden"), ONE)
    scales |= {f"tokens.{i}": ONE for i in range(len(program.layers) + 1)}
    for name, branch, _ in program.named_branches:
        scales[f"{name}.pool"] = ONE
        scales[f"{name}.conv"] = 1 << (2 * FRACTION_BITS + branch.range_bits)
    return scales


def largest_values(program: Program, layers: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """Return the largest absolute value in each layer that has to stay inside [-1, 1]."""
    return {
        name: max(int(layers[name].max(initial=0)), -int(layers[name].min(initial=0)))
        for name in _scales(program)
        if name in layers
    }


def _possible(program: Program, scales: dict[str, int]) -> float:
    """Largest activation or convolution output that the proof allows, as a number."""
    proof = prove(program)
    convolutions = [
        max(-reach.min, reach.max) / scales[reach.name]
        for reach in proof.layers
        if reach.name.endswith(".conv")
    ]
    return max([proof.activation_max, *convolutions])


def bounds_report(program: Program, bounds: Bounds) -> dict[str, Any]:
    """Largest weight and activations as numbers, and how often values were clipped."""
    scales = _scales(program)
    seen = {name: value / scales[name] for name, value in bounds.largest.items()}
    shares = {name: bounds.clipped[name] / max(bounds.values[name], 1) for name in bounds.clipped}
    largest, possible = max(seen.values(), default=0.0), _possible(program, scales)
    clipped = sum(bounds.clipped.values()) / max(sum(bounds.values.values()), 1)
    return {
        "ok": program.weight_max <= 1 and largest <= 1 and possible <= 1,
        "weight_max": program.weight_max,
        "activation_max": largest,
        "activation_possible_max": possible,
        "clipped_share": clipped,
        "activation_max_per_layer": seen,
        "clipped_share_per_layer": shares,
    }
