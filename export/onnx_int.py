"""`model.int.onnx`: the integer program in int32 and nothing else.

Convolutions are Gather and MatMul. A rounding shift is Add (half the divisor, and for sums that
can be negative a multiple of the divisor that makes them non-negative), Div by 2**s, Sub: Div
truncates, and on non-negative numbers that is the floor. The writer checks that every sum fits
int32.

Input `beat` (batch, window) int32, -127 ... 127; `context` (batch, 5 or 12) int32, each only where
the program takes it. Outputs are `scores` (batch, classes) int32 and `label` (batch,) int64, an
index into the labels.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from export.onnx_fixed import add_label, pool_reach, reach
from export.onnx_graph import INT32, INT64, Graph, inputs_of, join_features, metadata
from export.onnx_measures import ends_of, measure_sums
from firmware_sim.formats import FRACTION_BITS, Q7_MAX
from firmware_sim.program import (
    CHANNELS,
    TAPS,
    TOKEN_COUNT,
    Branch,
    Head,
    Hidden,
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
    graph: Graph, total: str, shift: int, output: str, *, low: int, high: int, least: int = 0
) -> str:
    """Rounding shift of `total`, known to lie in low ... high, clipped into `least` ... 127."""
    half, quotient = (1 << shift) >> 1, _quotient(low, shift)
    _check_fits(high + half + (quotient << shift), output)
    lifted = graph.add("Add", [total, _scalar(graph, half + (quotient << shift))], f"{output}.lift")
    floor = graph.add("Div", [lifted, _scalar(graph, 1 << shift)], f"{output}.div")
    if quotient:
        floor = graph.add("Sub", [floor, _scalar(graph, quotient)], f"{output}.floor")
    return _clip(graph, floor, output, least)


def _quotient(low: int, shift: int) -> int:
    """What times 2**shift lifts every sum from `low` on to 0 or more."""
    return -(low >> shift) if low < 0 else 0


def _clip(graph: Graph, floor: str, output: str, least: int) -> str:
    """Clip into `least` ... 127."""
    above = graph.add("Max", [floor, _scalar(graph, least)], f"{output}.max")
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


def _measures(graph: Graph, program: Program) -> str:
    """Measures, each with its own shift."""
    measures, window = program.measures, program.window
    lifts, divisors, quotients = [], [], []
    for measure, (low, high) in zip(measures, ends_of(measures, window), strict=True):
        shift = measure.shift(window)
        quotients.append(_quotient(low, shift))
        divisors.append(1 << shift)
        lifts.append((divisors[-1] >> 1) + (quotients[-1] << shift))
        _check_fits(high + lifts[-1], str(measure))
    total = measure_sums(graph, "beat", measures, window)
    lifted = graph.add("Add", [total, _int32(graph, "measures.lifts", lifts)], "measures.lift")
    divisor = _int32(graph, "measures.divisors", divisors)
    divided = graph.add("Div", [lifted, divisor], "measures.div")
    quotient = _int32(graph, "measures.quotients", quotients)
    floor = graph.add("Sub", [divided, quotient], "measures.floor")
    return _clip(graph, floor, "measures", -Q7_MAX)


def _hidden(graph: Graph, hidden: Hidden, features: str) -> str:
    largest = reach(hidden.weight, hidden.bias)
    weight = _int32(graph, "hidden.weight", hidden.weight.T)
    products = graph.add("MatMul", [features, weight], "hidden.products")
    bias = _int32(graph, "hidden.bias", _bias(hidden.bias))
    total = graph.add("Add", [products, bias], "hidden.sum")
    return _shift_and_clip(
        graph, total, hidden.shift, "hidden", low=-largest, high=largest, least=-Q7_MAX
    )


def _head(graph: Graph, head: Head, features: str) -> str:
    _check_fits(reach(head.weight, head.bias), "scores")
    products = graph.add(
        "MatMul", [features, _int32(graph, "head.weight", head.weight.T)], "scores.products"
    )
    return graph.add("Add", [products, _int32(graph, "head.bias", _bias(head.bias))], "scores")


def _mean_of_beat(graph: Graph, program: Program) -> str:
    """Branches, token layers and mean."""
    pools = [_branch(graph, *part) for part in program.named_branches]
    tokens = graph.add("Concat", pools, "tokens.0", axis=2)
    for index in range(1, len(program.layers) + 1):
        tokens = _token_layer(graph, program, index)
    return _mean(graph, tokens, program.mean_shift)


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
    parts = [_mean_of_beat(graph, program)] if program.branches else []
    if program.measures:
        parts.append(_measures(graph, program))
    if program.context:
        parts.append("context")
    features = join_features(graph, parts)
    if program.hidden is not None:
        features = _hidden(graph, program.hidden, features)
    scores = _head(graph, program.head, features)
    add_label(graph, scores, program.threshold, np.int32)
    classes = len(program.labels)
    return graph.model(
        "ecgedge_int",
        inputs_of(INT32, window=program.window if program.seen else 0, context=program.context),
        [("scores", INT32, ["batch", classes]), ("label", INT64, ["batch"])],
        metadata("int", program.digest, program.labels, program.fs, program.window),
        DESCRIPTION,
    )
