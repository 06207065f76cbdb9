"""`model.int.onnx`: the integer program in int32 and nothing else.

Convolutions are Gather and MatMul. A rounding shift is Add (half the divisor, and for sums that
can be negative a multiple of the divisor that makes them non-negative), Div by 2**s, Sub: Div
truncates, and on non-negative numbers that is the floor. The writer checks that every sum fits
int32.

Input `beat` (batch, window) int32, -127 ... 127; `context` (batch, 5) int32. Outputs are `scores`
(batch, classes) int32 and `label` (batch,) int64, an index into the labels.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from export.onnx_fixed import add_label, pool_reach, reach
from export.onnx_graph import INT32, INT64, Graph, Tensor, metadata
from firmware_sim.formats import FRACTION_BITS, Q7_MAX
from firmware_sim.program import (
    BRANCHES,
    CHANNELS,
    TAPS,
    TOKEN_COUNT,
    Branch,
    Head,
    Program,
    Segment,
)

INT32_MAX = (1 << 31) - 1

DESCRIPTION = "The integer program in int32: no float, no rounding mode, the same on any runtime."


def _int32(graph: Graph, name: str, values: object) -> str:
    return graph.constant(name, np.asarray(values, dtype=np.int32))


def _scalar(graph: Graph, value: int) -> str:
    return _int32(graph, f"{value}", value)


def _bias(bias: NDArray[np.int8]) -> NDArray[np.int32]:
    return bias.astype(np.int32) << FRACTION_BITS


def _check_fits(largest: int, what: str) -> None:
    if largest > INT32_MAX:
        raise ValueError(f"{what} can reach {largest}, which does not fit int32")


def _shift_and_clip(
    graph: Graph, total: str, shift: int, output: str, *, low: int, high: int
) -> str:
    """Rounding shift of `total`, known to lie in low ... high, clipped into 0 ... 127."""
    half = (1 << shift) >> 1
    quotient = -(low >> shift) if low < 0 else 0  # times 2**shift it lifts every sum to 0 or more
    _check_fits(high + half + (quotient << shift), output)
    lifted = graph.add("Add", [total, _scalar(graph, half + (quotient << shift))], f"{output}.lift")
    floor = graph.add("Div", [lifted, _scalar(graph, 1 << shift)], f"{output}.div")
    if quotient:
        floor = graph.add("Sub", [floor, _scalar(graph, quotient)], f"{output}.floor")
    above = graph.add("Max", [floor, _scalar(graph, 0)], f"{output}.max")
    return graph.add("Min", [above, _scalar(graph, Q7_MAX)], output)


def _branch(graph: Graph, name: str, branch: Branch, segment: Segment) -> str:
    """Convolution, ReLU, and the pools; the rest of a row has no pool and is dropped."""
    largest = pool_reach(branch, segment)
    index = segment.start + np.arange(TAPS)[:, None] + np.arange(segment.length)
    gathered = graph.add(
        "Gather", ["beat", graph.constant(f"{name}.index", index)], f"{name}.taps", axis=1
    )
    weight = _int32(graph, f"{name}.weight", branch.weight)
    products = graph.add("MatMul", [weight, gathered], f"{name}.products")
    bias = _int32(graph, f"{name}.bias", _bias(branch.bias)[:, None])
    sums = graph.add("Add", [products, bias], f"{name}.conv")
    row = graph.add("Max", [sums, _scalar(graph, 0)], f"{name}.relu")
    ends = [graph.ints(0), graph.ints(segment.tokens * segment.pool), graph.ints(2)]
    used = graph.add("Slice", [row, *ends], f"{name}.pool.used")
    shape = graph.ints(0, CHANNELS, segment.tokens, segment.pool)
    pools = graph.add("Reshape", [used, shape], f"{name}.pool.rows")
    total = graph.add("ReduceSum", [pools, graph.ints(3)], f"{name}.pool.sum", keepdims=0)
    return _shift_and_clip(graph, total, branch.shift, f"{name}.pool", low=0, high=largest)


def _token_layer(graph: Graph, program: Program, index: int) -> str:
    """Token layer `index`, counted from 1."""
    layer, output = program.layers[index - 1], f"tokens.{index}"
    largest = reach(layer.weight, layer.bias)
    weight = _int32(graph, f"{output}.weight", layer.weight)
    products = graph.add("MatMul", [weight, f"tokens.{index - 1}"], f"{output}.products")
    bias = _int32(graph, f"{output}.bias", _bias(layer.bias)[:, None])
    total = graph.add("Add", [products, bias], f"{output}.sum")
    return _shift_and_clip(graph, total, layer.shift, output, low=-largest, high=largest)


def _mean(graph: Graph, tokens: str, shift: int) -> str:
    total = graph.add("ReduceSum", [tokens, graph.ints(2)], "mean.sum", keepdims=0)
    return _shift_and_clip(graph, total, shift, "mean", low=0, high=TOKEN_COUNT * Q7_MAX)


def _head(graph: Graph, head: Head, features: str) -> str:
    _check_fits(reach(head.weight, head.bias), "scores")
    products = graph.add(
        "MatMul", [features, _int32(graph, "head.weight", head.weight.T)], "scores.products"
    )
    return graph.add("Add", [products, _int32(graph, "head.bias", _bias(head.bias))], "scores")


def int_model(program: Program) -> onnx.ModelProto:
    """Write a program in int32.

    Parameters
    ----------
    program : Program

    Returns
    -------
    onnx.ModelProto
        Tensors are named after the layers of `firmware_sim.network`.
    """
    graph = Graph()
    parts = zip(BRANCHES, program.branches, program.segments, strict=True)
    pools = [_branch(graph, name, branch, segment) for name, branch, segment in parts]
    tokens = graph.add("Concat", pools, "tokens.0", axis=2)
    for index in range(1, len(program.layers) + 1):
        tokens = _token_layer(graph, program, index)
    features = _mean(graph, tokens, program.mean_shift)
    inputs: list[Tensor] = [("beat", INT32, ["batch", program.window])]
    if program.context:
        inputs.append(("context", INT32, ["batch", program.context]))
        features = graph.add("Concat", [features, "context"], "features", axis=1)
    scores = _head(graph, program.head, features)
    add_label(graph, scores, program.threshold, np.int32)
    classes = len(program.labels)
    return graph.model(
        "ecgedge_int",
        inputs,
        [("scores", INT32, ["batch", classes]), ("label", INT64, ["batch"])],
        metadata("int", program.digest, program.labels, program.fs, program.window),
        DESCRIPTION,
    )
