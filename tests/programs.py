"""Random programs and beats for tests: valid by construction, as wild as the format allows."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from calib.quantize import round_l1
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import KINDS, MAX_GAIN, MAX_MEASURES, Measure
from firmware_sim.prior import Prior
from firmware_sim.program import (
    CONTEXT_SIZES,
    Branch,
    Head,
    Hidden,
    Layer,
    Program,
    segments,
)
from firmware_sim.rhythm import RR_SIZE
from firmware_sim.shape import BINS

LABELS = ("N", "S", "V", "F", "Q")


def random_measures(seed: int, n: int, window: int) -> tuple[Measure, ...]:
    """Measures of every kind, the first `len(KINDS)` of them different."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        start = int(rng.integers(1, BINS))
        stop = int(rng.integers(start + 1, BINS + 1))
        measure = Measure(list(KINDS)[i % len(KINDS)], start, stop, int(rng.integers(MAX_GAIN + 1)))
        try:
            measure.shift(window)
        except EcgedgeError:  # a gain that the window is too short for
            measure = replace(measure, gain=0)
        made.append(measure)
    return tuple(made)


def random_program(
    seed: int,
    *,
    window: int = 360,
    classes: int = 4,
    context: int = 5,
    depth: int = 1,
    bound: str = "l1",
    hidden: int = 0,
    branches: bool = True,
    prior: Prior | None = None,
    measures: int = 0,
) -> Program:
    """A program with random weights under a bound, and gains that leave some values clipped.

    With `hidden` units before the head, and without branches or with `measures` in their place
    where asked for.
    """
    rng = np.random.default_rng(seed)

    def q7(*shape: int) -> NDArray[np.int64]:
        return rng.integers(-127, 128, shape)

    made = []
    for segment in segments(window) if branches else ():
        if bound == "l1":
            values = rng.dirichlet(np.ones(5), 4) * rng.choice([-1, 1], (4, 5))
            weight, bias = round_l1(values[:, :4], values[:, 4])
        else:
            weight, bias = q7(4, 4), q7(4)
        branch = Branch(weight, bias, 0)
        shift = 7 + branch.range_bits + segment.pool_bits - int(rng.integers(0, 4))
        made.append(Branch(weight, bias, shift))
    features = (4 if branches else measures) + context
    layer = None
    if hidden:
        layer = Hidden(q7(hidden, features), q7(hidden), int(rng.integers(5, 9)))
    return Program(
        name=f"random-{seed}",
        task="test",
        fs=window,
        window=window,
        labels=LABELS[:classes],
        branches=tuple(made),
        layers=tuple(
            Layer(q7(4, 4), q7(4), int(rng.integers(5, 9))) for _ in range(depth if branches else 0)
        ),
        mean_shift=int(rng.integers(1, 4)) if branches else 0,
        head=Head(q7(classes, hidden or features), q7(classes)),
        hidden=layer,
        context=context,
        threshold=int(rng.integers(-5000, 5000)) if classes == 2 else None,
        prior=prior,
        measures=random_measures(seed, measures, window),
    )


def priors(labels: tuple[str, ...]) -> st.SearchStrategy[Prior | None]:
    """Priors that a program of these labels may have, among them none."""
    if len(labels) == 2:
        return st.none()
    some = st.builds(Prior, st.sampled_from(labels), st.integers(1, 64), st.integers(1, 8))
    return st.none() | some


@st.composite
def programs(draw: st.DrawFn, *, with_branches: bool = False) -> Program:
    """Programs of every shape that the format has."""
    branches = with_branches or draw(st.booleans())
    measures = 0 if branches else draw(st.sampled_from([0, 1, 7, MAX_MEASURES]))
    classes = draw(st.integers(2, 5))
    return random_program(
        draw(st.integers(0, 2**32 - 1)),
        window=draw(st.sampled_from([125, 250, 360, 361, 500])),
        classes=classes,
        context=draw(st.sampled_from(CONTEXT_SIZES if branches or measures else CONTEXT_SIZES[1:])),
        depth=draw(st.integers(1, 3)),
        bound=draw(st.sampled_from(["l1", "tanh"])),
        hidden=draw(st.integers(0 if branches else 1, 9)),
        branches=branches,
        prior=draw(priors(LABELS[:classes])),
        measures=measures,
    )


def hostile_beats(window: int, n: int, seed: int) -> NDArray[np.int8]:
    """Rails, square waves, zeros, spikes and noise, (n or more, window)."""
    rng = np.random.default_rng(seed)
    position = np.arange(window)
    beats = [
        np.full(window, 127),
        np.full(window, -127),
        np.zeros(window),
        *(np.where(position // half % 2, 127, -127) for half in (1, 2, 3, 4, 7, 60)),
        127 * (position == window // 2),
        -127 * (position == 0),
    ]
    random = rng.integers(-127, 128, (max(n - len(beats), 1), window))
    return np.concatenate([np.array(beats), random]).astype(np.int8)


def hostile_contexts(n: int, seed: int, size: int = RR_SIZE) -> NDArray[np.int8]:
    """Random contexts with rails among them, (n, size)."""
    rng = np.random.default_rng(seed)
    context = rng.integers(-127, 128, (n, size))
    context[rng.random((n, size)) < 0.2] = 127
    return context.astype(np.int8)
