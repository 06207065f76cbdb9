"""What the ONNX writers share: a graph under construction, and a finished model taken apart again.

The tensors of every model carry the layer names of `firmware_sim.network`, so that each layer of
one engine can be laid beside the same layer of another. Opset and IR version are pinned to what
every onnxruntime of the last years reads.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from firmware_sim.errors import EcgedgeError
from firmware_sim.program import BRANCHES

OPSET = 17
IR_VERSION = 8
MAX_MODEL_BYTES = 1 << 23

FLOAT = TensorProto.FLOAT
DOUBLE = TensorProto.DOUBLE
INT32 = TensorProto.INT32
INT64 = TensorProto.INT64

Tensor = tuple[str, int, list[int | str]]
"""Name, element type and shape of an input or output."""


class Graph:
    """An ONNX graph that grows node by node; each node is named after the tensor it makes."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: Any) -> str:
        """Add a constant tensor and return its name; the same name is the same constant."""
        tensor = numpy_helper.from_array(np.asarray(values), name)
        if self._constants.setdefault(name, tensor) != tensor:
            raise ValueError(f"the constant {name} has two values")
        return name

    def ints(self, *values: int) -> str:
        """Add a one-dimensional int64 constant: axes, shapes, ends of slices."""
        return self.constant(f"[{','.join(map(str, values))}]", np.array(values, dtype=np.int64))

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add one node that makes the tensor `output`, and return that name."""
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def model(
        self,
        name: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        metadata: dict[str, str],
        description: str,
    ) -> onnx.ModelProto:
        """Close the graph.

        Parameters
        ----------
        name : str
        inputs, outputs : sequence of Tensor
        metadata : dict of str to str
            Stored as the model's metadata properties.
        description : str
            For people who open the file in a viewer.

        Returns
        -------
        onnx.ModelProto
            Checked by onnx, shapes inferred for every tensor.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(*item) for item in inputs],
            [helper.make_tensor_value_info(*item) for item in outputs],
            list(self._constants.values()),
            doc_string=description,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ecgedge",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def metadata(kind: str, digest: str, labels: Sequence[str], fs: int, window: int) -> dict[str, str]:
    """Return the metadata properties of a model.

    Parameters
    ----------
    kind : str
        float, fixed or int.
    digest : str
        SHA-256 of the program that the model belongs to.
    labels : sequence of str
    fs, window : int
        Samples per second, samples in a beat.
    """
    return {
        "ecgedge.kind": kind,
        "ecgedge.program": digest,
        "ecgedge.labels": json.dumps(list(labels)),
        "ecgedge.fs": str(fs),
        "ecgedge.window": str(window),
    }


def inputs_of(dtype: int, *, window: int, context: int) -> list[Tensor]:
    """Return the inputs of a model: `beat` (batch, window) and `context` (batch, context).

    Parameters
    ----------
    dtype : int
        Element type of both.
    window : int
        Samples in a beat; 0 for a program that does not look at beats, which has no such input.
    context : int
        Context values; 0 for a program without them.
    """
    sizes = {"beat": window, "context": context}
    return [(name, dtype, ["batch", size]) for name, size in sizes.items() if size]


def join_features(graph: Graph, parts: Sequence[str]) -> str:
    """Put what the beat says and the context side by side; return what holds all of them."""
    return parts[0] if len(parts) == 1 else graph.add("Concat", parts, "features", axis=1)


def properties(model: onnx.ModelProto) -> dict[str, str]:
    """Return the metadata properties of a model."""
    return {item.key: item.value for item in model.metadata_props}


def serialize(model: onnx.ModelProto) -> bytes:
    """Return the file content; the same model gives the same bytes."""
    return bytes(model.SerializeToString(deterministic=True))


def parse(content: bytes, source: str) -> onnx.ModelProto:
    """Read a model from bytes, refusing one that refers to other files.

    Raises
    ------
    EcgedgeError
        When the bytes are not an ONNX model, or a tensor lies outside of them.
    """
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and onnx raise several types, RuntimeError among them
        reason = str(error).strip().splitlines()
        raise EcgedgeError(
            f"{source} is not a valid ONNX model ({reason[0] if reason else type(error).__name__});"
            " export the bundle again."
        ) from None
    if any(t.data_location == TensorProto.EXTERNAL for t in model.graph.initializer):
        raise EcgedgeError(f"{source} keeps tensors in other files; export the bundle again.")
    return model


def layer_names(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the layers of `firmware_sim.network` that the model computes, in their order."""
    made = {name for node in model.graph.node for name in node.output}
    depth = sum(1 for name in made if name.startswith("tokens.") and name[7:].isdecimal())
    wanted = [f"{b}.conv" for b in BRANCHES] + [f"{b}.pool" for b in BRANCHES]
    wanted += [f"tokens.{i}" for i in range(depth)] + ["mean", "measures"]
    wanted += ["hidden", "scores"]
    return tuple(name for name in wanted if name in made)


def with_layers(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of a model that also gives the named tensors as outputs.

    Shapes and types are inferred, so the names only have to be tensors of the graph.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    present = {v.name for v in copy.graph.output}
    copy.graph.output.extend(known[name] for name in names if name not in present)
    return copy


def first_change(model: onnx.ModelProto, expected: onnx.ModelProto) -> str | None:
    """Say where a model differs from the one that the writer makes, or None if nowhere.

    Constants are compared element for element, nodes with all their attributes, so that even a
    change which no input can show is found.
    """
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    wanted = {t.name: numpy_helper.to_array(t) for t in expected.graph.initializer}
    for name in sorted(found.keys() ^ wanted.keys()):
        return f"the constant {name} is {'missing' if name in wanted else 'not expected'}"
    for name, value in wanted.items():
        change = _array_change(name, found[name], value)
        if change:
            return change
    if len(model.graph.node) != len(expected.graph.node):
        return f"there are {len(model.graph.node)} nodes, not {len(expected.graph.node)}"
    for node, other in zip(model.graph.node, expected.graph.node, strict=True):
        if serialize(node) != serialize(other):
            return f"the node {other.name} ({other.op_type}) was changed"
    if serialize(model.graph) != serialize(expected.graph):
        return "the inputs or outputs of the graph were changed"
    return None


def _array_change(name: str, found: NDArray[Any], wanted: NDArray[Any]) -> str | None:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return (
            f"the constant {name} is {found.dtype}{found.shape}, not {wanted.dtype}{wanted.shape}"
        )
    differs = np.argwhere(np.atleast_1d(found != wanted))
    if not len(differs):
        return None
    at = tuple(int(i) for i in differs[0])
    here, there = np.atleast_1d(found)[at].item(), np.atleast_1d(wanted)[at].item()
    return f"the constant {name}{list(at)} is {here}, the program says {there}"
