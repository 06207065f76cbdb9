"""`model.fixed.onnx`: the integer program as float32 tensors that hold integers.

Conv -> Relu -> pooling as a depthwise Conv of ones with half the divisor as its bias -> Mul by
2**-s -> Floor -> Clip. It runs in any runtime and is the integer program bit for bit, in whatever
order a runtime adds up, because every partial sum is an integer below 2**24. The writer asserts
that. Where a pool can exceed it (a tanh bound, a long window) that pool is summed in float64. Not
for fp16 or TF32.

Input `beat` (batch, window) float32 holds the integers of `firmware_sim.beat.normalize`, -127 ...
127; `context` (batch, 5 or 12) float32 those of `firmware_sim.context`. A program without branches
and measures has no `beat`, one without context no `context`. Outputs are `scores` (batch, classes)
int32 and `label` (batch,) int64, an index into the labels.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from export.onnx_graph import (
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    Graph,
    inputs_of,
    join_features,
    metadata,
)
from export.onnx_measures import ends_of, measure_sums
from firmware_sim.formats import ONE, Q7_MAX
from firmware_sim.measures import Measure
from firmware_sim.program import CHANNELS, TOKEN_COUNT, Branch, Head, Hidden, Program, Segment

EXACT_FLOAT32 = 1 << 24
EXACT_FLOAT64 = 1 << 53

DESCRIPTION = (
    "Integers held in float32: feed integers in -127 ... 127, run in full float32 (not fp16, not "
    "TF32), and scores and label are the integer program's, bit for bit."
)


def reach(weight: NDArray[np.int8], bias: NDArray[np.int8]) -> int:
    """Return the largest |sum|, partial sums included, of a weighted sum of Q0.7 inputs."""
    total = Q7_MAX * np.abs(weight.astype(np.int64)).sum(axis=1) + ONE * np.abs(
        bias.astype(np.int64)
    )
    return int(total.max())


def pool_reach(branch: Branch, segment: Segment) -> int:
    """Return the largest sum of a pool, with half the divisor that rounds it."""
    return reach(branch.weight, branch.bias) * segment.pool + _half(branch.shift)


def _half(shift: int) -> int:
    return (1 << shift) >> 1


def _assert_exact(largest: int, limit: int, what: str) -> None:
    if largest >= limit:
        raise ValueError(f"{what} can reach {largest}, not below {limit}: it would not be exact")


def _scalar(graph: Graph, name: str, value: float, dtype: type[np.floating]) -> str:
    return graph.constant(f"{name}.{np.dtype(dtype).name}", np.array(value, dtype=dtype))


def _shift_and_clip(
    graph: Graph,
    total: str,
    shift: int,
    output: str,
    dtype: type[np.floating] = np.float32,
    *,
    least: int = 0,
) -> str:
    """Floor(total * 2**-shift), clipped into `least` ... 127; `total` holds half the divisor."""
    scale = _scalar(graph, f"2^-{shift}", 2.0**-shift, dtype)
    return _scale_and_clip(graph, total, scale, output, dtype, least=least)


def _scale_and_clip(
    graph: Graph, total: str, scale: str, output: str, dtype: type[np.floating], *, least: int
) -> str:
    """Floor(total * scale), clipped into `least` ... 127."""
    scaled = graph.add("Mul", [total, scale], f"{output}.scaled")
    floor = graph.add("Floor", [scaled], f"{output}.floor")
    bounds = [_scalar(graph, f"{bound}", bound, dtype) for bound in (least, Q7_MAX)]
    return graph.add("Clip", [floor, *bounds], output)


def _convolution(graph: Graph, name: str, branch: Branch, segment: Segment) -> str:
    _assert_exact(reach(branch.weight, branch.bias), EXACT_FLOAT32, f"{name}.conv")
    part = graph.add(
        "Slice",
        ["beat.row", graph.ints(segment.start), graph.ints(segment.stop), graph.ints(2)],
        f"{name}.segment",
    )
    weight = graph.constant(f"{name}.weight", branch.weight[:, None, :].astype(np.float32))
    bias = graph.constant(f"{name}.bias", branch.bias.astype(np.float32) * ONE)
    return graph.add("Conv", [part, weight, bias], f"{name}.conv", kernel_shape=[4])


def _used(graph: Graph, name: str, segment: Segment) -> str:
    """The part of a branch's row that its pools cover."""
    ends = [graph.ints(0), graph.ints(segment.tokens * segment.pool), graph.ints(2)]
    return graph.add("Slice", [f"{name}.relu", *ends], f"{name}.pool.used")


def _pool(graph: Graph, name: str, branch: Branch, segment: Segment) -> str:
    """Pool in float32: ones and half the divisor; a rest shorter than a pool drops out."""
    row = f"{name}.relu"
    if segment.length >= (segment.tokens + 1) * segment.pool:  # in the shortest windows only
        row = _used(graph, name, segment)
    ones = graph.constant(
        f"{name}.pool.ones", np.ones((CHANNELS, 1, segment.pool), dtype=np.float32)
    )
    half = graph.constant(
        f"{name}.pool.half", np.full(CHANNELS, _half(branch.shift), dtype=np.float32)
    )
    total = graph.add(
        "Conv",
        [row, ones, half],
        f"{name}.pool.sum",
        kernel_shape=[segment.pool],
        strides=[segment.pool],
        group=CHANNELS,
    )
    return _shift_and_clip(graph, total, branch.shift, f"{name}.pool")


def _pool_in_double(graph: Graph, name: str, branch: Branch, segment: Segment) -> str:
    """Pool in float64, for sums that float32 does not hold exactly."""
    _assert_exact(pool_reach(branch, segment), EXACT_FLOAT64, f"{name}.pool")
    double = graph.add("Cast", [_used(graph, name, segment)], f"{name}.pool.double", to=DOUBLE)
    shape = graph.ints(0, CHANNELS, segment.tokens, segment.pool)
    pools = graph.add("Reshape", [double, shape], f"{name}.pool.rows")
    total = graph.add("ReduceSum", [pools, graph.ints(3)], f"{name}.pool.sum", keepdims=0)
    half = _scalar(graph, f"half.{branch.shift}", _half(branch.shift), np.float64)
    rounded = graph.add("Add", [total, half], f"{name}.pool.half")
    result = _shift_and_clip(graph, rounded, branch.shift, f"{name}.pool.clipped", np.float64)
    return graph.add("Cast", [result], f"{name}.pool", to=FLOAT)


def _branch(graph: Graph, name: str, branch: Branch, segment: Segment) -> str:
    graph.add("Relu", [_convolution(graph, name, branch, segment)], f"{name}.relu")
    exact = pool_reach(branch, segment) < EXACT_FLOAT32
    return (_pool if exact else _pool_in_double)(graph, name, branch, segment)


def _token_layer(graph: Graph, program: Program, index: int) -> str:
    """Token layer `index`, counted from 1, as a convolution of width 1."""
    layer, output = program.layers[index - 1], f"tokens.{index}"
    half = _half(layer.shift)
    _assert_exact(reach(layer.weight, layer.bias) + half, EXACT_FLOAT32, output)
    weight = graph.constant(f"{output}.weight", layer.weight[:, :, None].astype(np.float32))
    bias = graph.constant(f"{output}.bias", layer.bias.astype(np.float32) * ONE + half)
    inputs = [f"tokens.{index - 1}", weight, bias]
    total = graph.add("Conv", inputs, f"{output}.sum", kernel_shape=[1])
    return _shift_and_clip(graph, total, layer.shift, output)


def _mean(graph: Graph, tokens: str, shift: int) -> str:
    total = graph.add("ReduceSum", [tokens, graph.ints(2)], "mean.sum", keepdims=0)
    _assert_exact(TOKEN_COUNT * Q7_MAX + _half(shift), EXACT_FLOAT32, "mean")
    half = _scalar(graph, f"half.{shift}", _half(shift), np.float32)
    rounded = graph.add("Add", [total, half], "mean.half")
    return _shift_and_clip(graph, rounded, shift, "mean")


def add_measures(
    graph: Graph, beat: str, measures: tuple[Measure, ...], window: int, output: str
) -> str:
    """Add what a program measures on a beat, in float32.

    Parameters
    ----------
    graph : Graph
    beat : str
        Name of the tensor (batch, window) that holds the integers of a beat.
    measures : tuple of Measure
    window : int
        Samples of a beat.
    output : str
        Name of the tensor (batch, measures) that will hold the integers of the measures.
    """
    halves, scales = [], []
    for measure, (low, high) in zip(measures, ends_of(measures, window), strict=True):
        shift = measure.shift(window)
        halves.append(_half(shift))
        scales.append(2.0**-shift)
        _assert_exact(max(-low, high) + halves[-1], EXACT_FLOAT32, str(measure))
    total = measure_sums(graph, beat, measures, window)
    half = graph.constant("measures.halves", np.array(halves, dtype=np.float32))
    rounded = graph.add("Add", [total, half], f"{output}.half")
    scale = graph.constant("measures.scales", np.array(scales, dtype=np.float32))
    return _scale_and_clip(graph, rounded, scale, output, np.float32, least=-Q7_MAX)


def _hidden(graph: Graph, hidden: Hidden, features: str) -> str:
    half = _half(hidden.shift)
    _assert_exact(reach(hidden.weight, hidden.bias) + half, EXACT_FLOAT32, "hidden")
    weight = graph.constant("hidden.weight", hidden.weight.T.astype(np.float32))
    bias = graph.constant("hidden.bias", hidden.bias.astype(np.float32) * ONE + half)
    total = graph.add("Gemm", [features, weight, bias], "hidden.sum")
    return _shift_and_clip(graph, total, hidden.shift, "hidden", least=-Q7_MAX)


def _head(graph: Graph, head: Head, features: str) -> str:
    _assert_exact(reach(head.weight, head.bias), EXACT_FLOAT32, "scores")
    weight = graph.constant("head.weight", head.weight.T.astype(np.float32))
    bias = graph.constant("head.bias", head.bias.astype(np.float32) * ONE)
    scores = graph.add("Gemm", [features, weight, bias], "scores.float")
    return graph.add("Cast", [scores], "scores", to=INT32)


def add_label(graph: Graph, scores: str, threshold: int | None, dtype: type) -> str:
    """Add the decision: a threshold for two classes, else the first of the greatest scores."""
    if threshold is None:
        return graph.add("ArgMax", [scores], "label", axis=1, keepdims=0)
    columns = [
        graph.add(
            "Gather",
            [scores, graph.constant(f"column.{i}", np.array(i, dtype=np.int64))],
            f"score.{i}",
            axis=1,
        )
        for i in range(2)
    ]
    difference = graph.add("Sub", columns[::-1], "score.difference")
    limit = graph.constant("threshold", np.array(threshold, dtype=dtype))
    above = graph.add("GreaterOrEqual", [difference, limit], "label.bool")
    return graph.add("Cast", [above], "label", to=INT64)


def _mean_of_beat(graph: Graph, program: Program) -> str:
    """Branches, token layers and mean."""
    graph.add("Unsqueeze", ["beat", graph.ints(1)], "beat.row")
    pools = [_branch(graph, *part) for part in program.named_branches]
    tokens = graph.add("Concat", pools, "tokens.0", axis=2)
    for index in range(1, len(program.layers) + 1):
        tokens = _token_layer(graph, program, index)
    return _mean(graph, tokens, program.mean_shift)


def fixed_model(program: Program) -> onnx.ModelProto:
    """Write a program as float32 tensors that hold integers.

    Parameters
    ----------
    program : Program

    Returns
    -------
    onnx.ModelProto
        Tensors are named after the layers of `firmware_sim.network`, so that
        `export.onnx_graph.with_layers` can show each of them.
    """
    graph = Graph()
    parts = [_mean_of_beat(graph, program)] if program.branches else []
    if program.measures:
        parts.append(add_measures(graph, "beat", program.measures, program.window, "measures"))
    if program.context:
        parts.append("context")
    features = join_features(graph, parts)
    if program.hidden is not None:
        features = _hidden(graph, program.hidden, features)
    _head(graph, program.head, features)
    add_label(graph, "scores.float", program.threshold, np.float32)
    classes = len(program.labels)
    return graph.model(
        "ecgedge_fixed",
        inputs_of(FLOAT, window=program.window if program.seen else 0, context=program.context),
        [("scores", INT32, ["batch", classes]), ("label", INT64, ["batch"])],
        metadata("fixed", program.digest, program.labels, program.fs, program.window),
        DESCRIPTION,
    )
