"""The exact ONNX files in onnxruntime, with its graph optimizer on and off.

Each engine runs the file twice: as it ships, for `file.scores` and `file.label`, and a copy in
memory with every named layer as an output. Extra outputs keep the optimizer from fusing some nodes,
so only the first run sees the graph that a user's runtime sees.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import DTypeLike, NDArray

from ecgedge.verification.engines import Engine, Int8, Layers
from export.bundle import MODELS, Bundle
from export.onnx_graph import layer_names, serialize, with_layers
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

INPUT_TYPES = {"fixed": np.float32, "int": np.int32}
LEVELS = {
    True: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    False: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


def session(model: onnx.ModelProto, *, optimize: bool, name: str) -> onnxruntime.InferenceSession:
    """Open a model on the CPU with one thread.

    Raises
    ------
    EcgedgeError
        When onnxruntime refuses the model.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[optimize]
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            serialize(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's exceptions share no base of their own
        reason = str(error).strip().splitlines()[0]
        raise EcgedgeError(f"onnxruntime refuses {name} ({reason}); export it again.") from None


def inputs_for(
    program: Program, q: Int8, context: Int8 | None, dtype: DTypeLike
) -> dict[str, NDArray[Any]]:
    """Return what a model of a program takes: its beats, its context, or both.

    Parameters
    ----------
    program : Program
    q : (n, window) int8
    context : (n, program.context or more) int8 or None
    dtype
        Of the model's inputs.
    """
    feed: dict[str, NDArray[Any]] = {}
    if program.seen:
        feed["beat"] = q.astype(dtype)
    if program.context and context is not None:
        feed["context"] = context[:, : program.context].astype(dtype)
    return feed


def _named(opened: onnxruntime.InferenceSession, feed: dict[str, NDArray[np.generic]]) -> Layers:
    names = [item.name for item in opened.get_outputs()]
    return dict(zip(names, opened.run(names, feed), strict=True))


def _engine(bundle: Bundle, kind: str, *, optimize: bool) -> Engine:
    """Make an engine of one of the exact models."""
    name, model = MODELS[kind], bundle.models[kind]
    layers = layer_names(model)
    as_shipped = session(model, optimize=optimize, name=name)
    shown = session(with_layers(model, layers), optimize=optimize, name=name)
    dtype = INPUT_TYPES[kind]

    def run(q: Int8, context: Int8 | None) -> Layers:
        feed = inputs_for(bundle.program, q, context, dtype)
        everything = _named(shown, feed)
        found = {layer: everything[layer] for layer in layers}
        found["label"] = everything["label"][:, None]
        file = _named(as_shipped, feed)
        return found | {"file.scores": file["scores"], "file.label": file["label"][:, None]}

    return run


def fixed_engine(bundle: Bundle) -> Engine:
    """`model.fixed.onnx` with the optimizer on."""
    return _engine(bundle, "fixed", optimize=True)


def fixed_engine_noopt(bundle: Bundle) -> Engine:
    """`model.fixed.onnx` with the optimizer off."""
    return _engine(bundle, "fixed", optimize=False)


def int_engine(bundle: Bundle) -> Engine:
    """`model.int.onnx` with the optimizer on."""
    return _engine(bundle, "int", optimize=True)


def int_engine_noopt(bundle: Bundle) -> Engine:
    """`model.int.onnx` with the optimizer off."""
    return _engine(bundle, "int", optimize=False)
