"""What the ONNX writers share of measures: the nodes from beats to sums and extremes of bins.

Every one of them is exact in float32 and int32 alike; how a sum is rounded is up to the writer.
"""

import numpy as np

from export.onnx_graph import Graph
from firmware_sim.measures import KINDS, Measure, least_and_greatest
from firmware_sim.shape import BINS, bin_samples, first_sample

REDUCE = {np.sum: "ReduceSum", np.max: "ReduceMax", np.min: "ReduceMin"}


def ends_of(measures: tuple[Measure, ...], window: int) -> list[tuple[int, int]]:
    """Return the least and the greatest sum or extreme of each measure.

    No value on the way from the beat to a sum, in whatever order it is added up, is larger than the
    larger of the two.
    """
    return [least_and_greatest(measure, window)[1] for measure in measures]


def measure_sums(graph: Graph, beat: str, measures: tuple[Measure, ...], window: int) -> str:
    """Add the sums and extremes behind measures.

    Parameters
    ----------
    graph : Graph
    beat : str
        Name of the tensor (batch, window) that holds the integers of a beat, of any type.
    measures : tuple of Measure
    window : int
        Samples of a beat.

    Returns
    -------
    str
        Name of a tensor (batch, measures) of the same type.
    """
    _bins(graph, beat, window)
    parts = [_reduced(graph, i, measure) for i, measure in enumerate(measures)]
    return graph.add("Concat", parts, "measures.sum", axis=1)


def _bins(graph: Graph, beat: str, window: int) -> None:
    """Bins (batch, 60) and steps (batch, 59), and both as absolute values."""
    size = bin_samples(window)
    first = first_sample(window)
    used = _columns(graph, beat, first, first + BINS * size, "bins.samples")
    rows = graph.add("Reshape", [used, graph.ints(0, BINS, size)], "bins.rows")
    graph.add("ReduceSum", [rows, graph.ints(2)], "bins", keepdims=0)
    later = _columns(graph, "bins", 1, BINS, "bins.later")
    earlier = _columns(graph, "bins", 0, BINS - 1, "bins.earlier")
    graph.add("Sub", [later, earlier], "steps")
    for name in ("bins", "steps"):
        graph.add("Abs", [name], f"{name}.absolute")


def _columns(graph: Graph, values: str, start: int, stop: int, output: str) -> str:
    ends = [graph.ints(start), graph.ints(stop), graph.ints(1)]
    return graph.add("Slice", [values, *ends], output)


def _reduced(graph: Graph, index: int, measure: Measure) -> str:
    """The sum or extreme of one measure, (batch, 1)."""
    kind, output = KINDS[measure.kind], f"measure.{index}"
    source = ("steps" if kind.steps else "bins") + (".absolute" if kind.absolute else "")
    start, stop = measure.start - kind.steps, measure.stop - kind.steps  # steps begin with 1
    part = _columns(graph, source, start, stop, f"{output}.bins")
    if kind.is_sum:  # the axis is an input of ReduceSum, and an attribute of the others
        return graph.add("ReduceSum", [part, graph.ints(1)], output, keepdims=1)
    return graph.add(REDUCE[kind.reduce], [part], output, axes=[1], keepdims=1)
