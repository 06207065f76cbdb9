"""The ONNX writers: what the files say of themselves, and where they stay exact."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from calib.float_network import FloatNetwork
from ecgedge.verification.engines.ort import session
from export.onnx_fixed import EXACT_FLOAT32, fixed_model, pool_reach
from export.onnx_float import float_model
from export.onnx_graph import (
    IR_VERSION,
    OPSET,
    Graph,
    first_change,
    layer_names,
    parse,
    properties,
    serialize,
    with_layers,
)
from export.onnx_int import int_model
from firmware_sim.context import CONTEXT_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.network import run
from firmware_sim.program import Branch, Hidden, Program
from firmware_sim.prove import worst_beats
from tests.networks import network_of
from tests.programs import hostile_beats, hostile_contexts, random_program

EXACT = {"fixed": fixed_model, "int": int_model}
SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"context": 0, "hidden": 4},
    {"context": CONTEXT_SIZE},
    {"context": CONTEXT_SIZE, "hidden": 4},
    {"context": CONTEXT_SIZE, "hidden": 8, "branches": False},
    {"context": 0, "hidden": 8, "branches": False, "measures": 1},
    {"context": CONTEXT_SIZE, "hidden": 8, "branches": False, "measures": 16},
)
"""What programs may be made of."""


def labels_of(model: onnx.ModelProto, program: Program, q: np.ndarray, dtype: type) -> np.ndarray:
    opened = session(model, optimize=True, name="test")
    return np.asarray(opened.run(["label"], {"beat": q.astype(dtype)})[0])


@pytest.mark.parametrize("kind", EXACT)
def test_opset_and_ir_are_pinned(kind: str) -> None:
    model = EXACT[kind](random_program(0))
    assert model.ir_version == IR_VERSION == 8
    assert (
        [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)] == [("", 17)]
    )


@pytest.mark.parametrize("kind", EXACT)
def test_metadata_names_the_program(kind: str) -> None:
    program = random_program(0)
    stated = properties(EXACT[kind](program))
    assert stated["ecgedge.kind"] == kind
    assert stated["ecgedge.program"] == program.digest
    assert tuple(json.loads(stated["ecgedge.labels"])) == program.labels
    assert stated["ecgedge.fs"] == str(program.fs)
    assert stated["ecgedge.window"] == str(program.window)


@pytest.mark.parametrize("kind", EXACT)
def test_the_same_program_gives_the_same_bytes(kind: str) -> None:
    program = random_program(5, depth=2)
    assert serialize(EXACT[kind](program)) == serialize(EXACT[kind](program))


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_layer_of_the_simulator_is_a_tensor(kind: str, shape: dict[str, Any]) -> None:
    program = random_program(0, depth=3, **shape)
    q, context = hostile_beats(360, 1, 0), hostile_contexts(12, 0, CONTEXT_SIZE)
    expected = run(program, q, context, layers=True).layers
    others = {n for n in expected if n in ("beat", "context") or n.endswith(".sum")}
    assert layer_names(EXACT[kind](program)) == tuple(n for n in expected if n not in others)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_takes_what_its_program_takes(kind: str, shape: dict[str, Any]) -> None:
    program = random_program(0, **shape)
    found = {
        item.name: item.type.tensor_type.shape.dim[1].dim_value
        for item in EXACT[kind](program).graph.input
    }
    expected = {"beat": 360} if program.branches or program.measures else {}
    assert found == expected | ({"context": program.context} if program.context else {})
    assert {item.name for item in float_model(network_of(program), "0").graph.input} == set(found)


@pytest.mark.parametrize(("kind", "dtype"), [("fixed", np.float32), ("int", np.int32)])
@pytest.mark.parametrize("shift", [0, 1, 7, 14])
def test_hidden_sums_below_zero_round_and_saturate_alike(
    kind: str, dtype: type, shift: int
) -> None:
    program = random_program(1, context=5, hidden=2, branches=False)
    layer = Hidden(np.array([[1, 0, 0, 0, 0], [-127, 127, 127, -127, 127]]), [0, -127], shift)
    program = program.replace(hidden=layer)
    context = hostile_contexts(500, 0)
    context[:255, 0] = np.arange(-127, 128)
    q = np.zeros((500, 360), np.int8)
    opened = session(with_layers(EXACT[kind](program), ["hidden"]), optimize=True, name="test")
    (found,) = opened.run(["hidden"], {"context": context.astype(dtype)})
    assert np.array_equal(found, run(program, q, context, layers=True).layers["hidden"])


@pytest.mark.parametrize(("kind", "dtype"), [("fixed", np.float32), ("int", np.int32)])
@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("window", [60, 119, 125, 360, 2000])
def test_measures_are_the_simulators_on_the_hardest_beats(
    kind: str, dtype: type, optimize: bool, window: int
) -> None:
    program = random_program(
        window, window=window, context=0, hidden=8, branches=False, measures=16
    )
    q = np.concatenate([worst_beats(program), hostile_beats(window, 100, 0)])
    expected = run(program, q, layers=True).layers["measures"]
    model = with_layers(EXACT[kind](program), ["measures"])
    (found,) = session(model, optimize=optimize, name="test").run(
        ["measures"], {"beat": q.astype(dtype)}
    )
    assert np.array_equal(found, expected)
    assert {-127, 0, 127} <= set(expected.ravel().tolist())


@pytest.mark.parametrize(("kind", "dtype"), [("fixed", np.float32), ("int", np.int32)])
def test_measures_below_zero_round_ties_up(kind: str, dtype: type) -> None:
    program = random_program(0, window=125, context=0, hidden=1, branches=False, measures=1)
    program = program.replace(measures=(Measure("level", 30, 31),))  # two samples, shift 1
    q = np.zeros((255, 125), np.int8)
    q[:, 62] = np.arange(-127, 128)
    model = with_layers(EXACT[kind](program), ["measures"])
    (found,) = session(model, optimize=True, name="test").run(
        ["measures"], {"beat": q.astype(dtype)}
    )
    assert found[:, 0].tolist() == [math.floor(x / 2 + 0.5) for x in range(-127, 128)]


def test_measures_are_integers_in_the_float_model_too() -> None:
    program = random_program(2, context=5, hidden=8, branches=False, measures=16)
    q, context = hostile_beats(360, 40, 0), hostile_contexts(40, 0)
    model = with_layers(float_model(network_of(program), program.digest), ["measures"])
    feed = {"beat": q / np.float32(128), "context": context / np.float32(128)}
    (found,) = session(model, optimize=True, name="test").run(["measures"], feed)
    expected = run(program, q, context, layers=True).layers["measures"]
    assert np.array_equal(found * 128, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_int_model_holds_no_float(shape: dict[str, Any]) -> None:
    program = random_program(0, classes=2, **shape)
    model = onnx.shape_inference.infer_shapes(int_model(program))
    floats = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16}
    values = [*model.graph.value_info, *model.graph.input, *model.graph.output]
    assert not floats & {v.type.tensor_type.elem_type for v in values}
    assert not floats & {t.data_type for t in model.graph.initializer}


def test_an_l1_bound_at_one_second_stays_in_float32() -> None:
    model = fixed_model(random_program(0, bound="l1"))
    assert not any(node.op_type == "Cast" and "double" in node.name for node in model.graph.node)


def test_a_pool_beyond_float32_is_summed_in_float64() -> None:
    program = random_program(0, window=2000, context=0)
    branch, segment = program.branches[3], program.segments[3]
    full = Branch(np.full((4, 4), 127), np.full(4, 127), branch.shift)
    program = program.replace(branches=(*program.branches[:3], full))
    assert pool_reach(program.branches[3], segment) >= EXACT_FLOAT32
    q = hostile_beats(2000, 20, 0)
    q[-5:] = 127 - np.arange(5)[:, None]  # sums that float32 would round
    output = run(program, q, layers=True)
    model = fixed_model(program)
    opened = session(with_layers(model, ["global.pool"]), optimize=True, name="test")
    found = opened.run(["global.pool", "scores"], {"beat": q.astype(np.float32)})
    assert np.array_equal(found[0], output.layers["global.pool"])
    assert np.array_equal(found[1], output.scores)


@pytest.mark.parametrize(("kind", "dtype"), [("fixed", np.float32), ("int", np.int32)])
def test_ties_take_the_lowest_label(kind: str, dtype: type) -> None:
    program = random_program(0, context=0)
    head = type(program.head)(np.zeros((4, 4), int), np.array([1, 5, 5, -3]))
    program = program.replace(head=head)
    assert labels_of(EXACT[kind](program), program, hostile_beats(360, 1, 0), dtype).max() == 1


@pytest.mark.parametrize(("kind", "dtype"), [("fixed", np.float32), ("int", np.int32)])
@pytest.mark.parametrize(("threshold", "label"), [(128, 1), (129, 0)])
def test_the_threshold_belongs_to_class_1(
    kind: str, dtype: type, threshold: int, label: int
) -> None:
    program = random_program(0, context=0, classes=2)
    head = type(program.head)(np.zeros((2, 4), int), np.array([0, 1]))
    program = program.replace(head=head, threshold=threshold)
    found = labels_of(EXACT[kind](program), program, hostile_beats(360, 1, 0), dtype)
    assert set(found.tolist()) == {label}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", [*SHAPES, {"context": 0}])
def test_the_float_model_is_close_to_the_float_network(
    activation: str, shape: dict[str, Any]
) -> None:
    network = network_of(random_program(3, depth=2, bound="tanh", **shape))
    network = network.replace(activation=activation)
    rng = np.random.default_rng(0)
    x = rng.uniform(-0.99, 0.99, (40, 360)).astype(np.float32)
    feed = {"beat": x} if len(network.conv_weight) or network.measures else {}
    if network.context:
        feed["context"] = rng.uniform(-1, 1, (40, network.context)).astype(np.float32)
    opened = session(float_model(network, "0" * 64), optimize=True, name="test")
    logits = opened.run(["logits"], feed)[0]
    np.testing.assert_allclose(logits, network.forward(x, feed.get("context")), atol=1e-5)


def test_an_unbounded_float_network_can_be_written_too() -> None:
    network = network_of(random_program(0)).replace(conv_bound="none")
    assert isinstance(network, FloatNetwork)
    assert float_model(network, "0" * 64).graph.output[0].name == "logits"


def test_one_constant_has_one_value() -> None:
    graph = Graph()
    graph.constant("a", np.array(1))
    graph.constant("a", np.array(1))
    with pytest.raises(ValueError, match="two values"):
        graph.constant("a", np.array(2))


def test_a_file_that_is_no_model_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="not a valid ONNX model"):
        parse(b"\x00\x01 nonsense", "model.int.onnx")


def test_tensors_in_other_files_are_refused(tmp_path: Path) -> None:
    model = fixed_model(random_program(0))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    with pytest.raises(EcgedgeError, match=r"other files|not a valid ONNX model"):
        parse(serialize(model), "model.fixed.onnx")


def change_a_constant(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "QRS.weight")
    array = onnx.numpy_helper.to_array(tensor).copy()
    array.flat[5] += 1
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def change_a_node(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Concat").attribute[0].i = 1


def drop_a_node(model: onnx.ModelProto) -> None:
    del model.graph.node[-1]


def add_a_constant(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1), "more"))


def rename_an_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "other"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_a_constant, "the constant QRS.weight"),
        (change_a_node, "the node tokens.0"),
        (drop_a_node, "nodes, not"),
        (add_a_constant, "the constant more is not expected"),
        (rename_an_output, "inputs or outputs"),
    ],
)
@pytest.mark.parametrize("kind", EXACT)
def test_any_change_of_a_graph_is_named(kind: str, change: object, reason: str) -> None:
    program = random_program(0)
    model, expected = EXACT[kind](program), EXACT[kind](program)
    assert first_change(model, expected) is None
    assert callable(change)
    change(model)
    assert reason in str(first_change(model, expected))


def test_a_change_that_no_input_shows_is_found() -> None:
    program = random_program(0)
    model, expected = int_model(program), int_model(program)
    tensor = next(t for t in model.graph.initializer if t.name == "127")
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(1 << 20, dtype=np.int32), "127"))
    assert first_change(model, expected) == "the constant 127[0] is 1048576, the program says 127"
