"""`model.float.onnx`: the float student, for comparison and for retraining elsewhere.

The same graph as `calib.float_network.FloatNetwork.forward`, in float32: gains and clips, no
rounding. It is close to the integer program and is not it: `model.fixed.onnx` and `model.int.onnx`
are. Measures have no parameters: they are the program's very integers, divided by 128.

Input `beat` (batch, window) float32 holds q / 128 in [-1, 1]; `context` (batch, 5 or 12) the
context / 128, each only where the network takes it. The output `logits` (batch, classes) is on the
scale of scores / 2**14; probabilities are softmax(logit_scale * logits).
"""

import numpy as np
import onnx

from calib.float_network import FloatNetwork
from export.onnx_fixed import add_measures
from export.onnx_graph import FLOAT, Graph, inputs_of, join_features, metadata
from firmware_sim.formats import ONE
from firmware_sim.program import CHANNELS, TOKEN_COUNT, Segment, segments

DESCRIPTION = "The float student: feed q / 128; close to the integer program, not equal to it."


def _floats(graph: Graph, name: str, values: object) -> str:
    return graph.constant(name, np.asarray(values, dtype=np.float32))


def _activate(graph: Graph, network: FloatNetwork, value: str, output: str) -> str:
    return graph.add("Relu" if network.activation == "relu" else "Tanh", [value], output)


def _gain_and_clip(
    graph: Graph, network: FloatNetwork, value: str, factor: float, output: str
) -> str:
    """Multiply by a factor, then clip into [0, 1] after ReLU, [-1, 1] after tanh."""
    low = 0.0 if network.activation == "relu" else -1.0
    return _scale_and_clip(graph, value, factor, output, low)


def _scale_and_clip(graph: Graph, value: str, factor: float, output: str, low: float) -> str:
    """Multiply by a factor, then clip into [low, 1]."""
    scaled = graph.add("Mul", [value, _floats(graph, f"{factor!r}", factor)], f"{output}.scaled")
    bounds = [_floats(graph, f"{low!r}", low), _floats(graph, "1.0", 1.0)]
    return graph.add("Clip", [scaled, *bounds], output)


def _branch(graph: Graph, network: FloatNetwork, index: int, segment: Segment) -> str:
    """Convolution, activation, and the pools with their gain."""
    name = segment.name
    ends = [graph.ints(segment.start), graph.ints(segment.stop), graph.ints(2)]
    part = graph.add("Slice", ["beat.row", *ends], f"{name}.segment")
    scale = 2.0 ** -network.range_bits[index]
    weight = _floats(graph, f"{name}.weight", network.conv_weight[index][:, None, :] * scale)
    bias = _floats(graph, f"{name}.bias", network.conv_bias[index] * scale)
    graph.add("Conv", [part, weight, bias], f"{name}.conv", kernel_shape=[4])
    row = _activate(graph, network, f"{name}.conv", f"{name}.activation")
    used = [graph.ints(0), graph.ints(segment.tokens * segment.pool), graph.ints(2)]
    row = graph.add("Slice", [row, *used], f"{name}.pool.used")
    shape = graph.ints(0, CHANNELS, segment.tokens, segment.pool)
    pools = graph.add("Reshape", [row, shape], f"{name}.pool.rows")
    total = graph.add("ReduceSum", [pools, graph.ints(3)], f"{name}.pool.sum", keepdims=0)
    factor = 2.0 ** (network.pool_gain[index] - segment.pool_bits)
    return _gain_and_clip(graph, network, total, factor, f"{name}.pool")


def _mean(graph: Graph, network: FloatNetwork) -> str:
    """Branches, token layers and mean."""
    graph.add("Unsqueeze", ["beat", graph.ints(1)], "beat.row")
    parts = enumerate(segments(network.window))
    pools = [_branch(graph, network, index, segment) for index, segment in parts]
    tokens = graph.add("Concat", pools, "tokens.0", axis=2)
    for i, gain in enumerate(network.token_gain):
        name = f"tokens.{i + 1}"
        weight = _floats(graph, f"{name}.weight", network.token_weight[i][:, :, None])
        bias = _floats(graph, f"{name}.bias", network.token_bias[i])
        total = graph.add("Conv", [tokens, weight, bias], f"{name}.sum", kernel_shape=[1])
        active = _activate(graph, network, total, f"{name}.activation")
        tokens = _gain_and_clip(graph, network, active, 2.0**gain, name)
    total = graph.add("ReduceSum", [tokens, graph.ints(2)], "mean.sum", keepdims=0)
    factor = 2.0**network.mean_gain / TOKEN_COUNT
    return _gain_and_clip(graph, network, total, factor, "mean")


def _measures(graph: Graph, network: FloatNetwork) -> str:
    """Measures: computed on the integers that the beat stands for, then taken as numbers."""
    scaled = graph.add("Mul", ["beat", _floats(graph, "128.0", ONE)], "beat.scaled")
    beat = graph.add("Round", [scaled], "beat.integers")
    found = add_measures(graph, beat, network.measures, network.window, "measures.integers")
    return graph.add("Mul", [found, _floats(graph, "1/128", 1 / ONE)], "measures")


def _hidden(graph: Graph, network: FloatNetwork, features: str) -> str:
    """The layer before the head, which saturates at both ends."""
    weight = _floats(graph, "hidden.weight", network.hidden_weight.T)
    bias = _floats(graph, "hidden.bias", network.hidden_bias)
    total = graph.add("Gemm", [features, weight, bias], "hidden.sum")
    return _scale_and_clip(graph, total, 2.0**network.hidden_gain, "hidden", -1.0)


def float_model(network: FloatNetwork, digest: str) -> onnx.ModelProto:
    """Write a float network.

    Parameters
    ----------
    network : FloatNetwork
    digest : str
        Of the integer program that was made from it.

    Returns
    -------
    onnx.ModelProto
    """
    graph = Graph()
    branches = len(network.conv_weight) > 0
    seen = branches or len(network.measures) > 0
    parts = [_mean(graph, network)] if branches else []
    if network.measures:
        parts.append(_measures(graph, network))
    if network.context:
        parts.append("context")
    features = join_features(graph, parts)
    if len(network.hidden_bias):
        features = _hidden(graph, network, features)
    weight = _floats(graph, "head.weight", network.head_weight.T)
    graph.add("Gemm", [features, weight, _floats(graph, "head.bias", network.head_bias)], "logits")
    return graph.model(
        "ecgedge_float",
        inputs_of(FLOAT, window=network.window if seen else 0, context=network.context),
        [("logits", FLOAT, ["batch", len(network.labels)])],
        metadata("float", digest, network.labels, network.fs, network.window),
        DESCRIPTION,
    )
