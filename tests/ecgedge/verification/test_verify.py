"""Verification passes what is right and names what is not."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calib.float_network import load_float_network, save_float_network
from ecgedge.verification.engines import COMPILED, ENGINES
from ecgedge.verification.inputs import Source, database_source, made_sources
from ecgedge.verification.report import Verification
from ecgedge.verification.verify import verify
from export.bundle import MODELS, Bundle, expected_models, read_bundle, write_sums
from export.golden import golden_bytes, make_golden, read_golden
from export.onnx_graph import serialize
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program, save_program
from firmware_sim.proof.certificate import certificate
from firmware_sim.prove import prove
from tests.networks import network_of, small_bundle
from tests.programs import hostile_beats, hostile_contexts, random_program

SOFTWARE = tuple(name for name in ENGINES if name not in COMPILED)
"""The engines that need no compiler; the chips have tests of their own."""


def verified(folder: Path, **options: Any) -> Verification:
    bundle = read_bundle(folder)
    return verify(bundle, made_sources(bundle, 64), **{"engines": SOFTWARE, **options})


# What is right


def test_a_whole_bundle_passes(whole: Path) -> None:
    result = verified(whole)
    assert result.ok
    assert result.failures == ()
    assert tuple(result.engines) == SOFTWARE
    beats = sum(len(source.q) for source in result.sources)
    for report in result.engines.values():
        assert (report.compared, report.mismatches) == (beats, 0)


@pytest.mark.parametrize(
    "shape",
    [
        {"classes": 2, "context": 0, "depth": 3, "window": 90},
        {"bound": "tanh", "window": 90},
        {"bound": "tanh", "window": 1500, "context": 0},
        {"context": 12, "hidden": 8, "branches": False},
        {"context": 12, "hidden": 6, "window": 90},
        {"context": 0, "hidden": 3, "classes": 2},
        {"context": 12, "depth": 2},
        {"context": 12, "hidden": 6, "branches": False, "measures": 7},
        {"context": 0, "hidden": 8, "branches": False, "measures": 16, "window": 361},
    ],
)
def test_other_programs_pass(tmp_path: Path, shape: dict[str, Any]) -> None:
    small_bundle(tmp_path / "bundle", seed=4, **shape)
    bundle = read_bundle(tmp_path / "bundle")
    q = hostile_beats(bundle.program.window, 32, 0)
    size = bundle.program.context
    source = Source("random", q, hostile_contexts(len(q), 0, size) if size else None)
    result = verify(bundle, [source, *made_sources(bundle, 32)], engines=SOFTWARE)
    assert result.failures == ()
    assert set(result.engines) == set(SOFTWARE)
    assert all(report.compared > 32 for report in result.engines.values())


def test_every_engine_shows_every_layer(whole: Path) -> None:
    result = verified(whole)
    layers = set(result.bundle.golden.layers)
    for name, report in result.engines.items():
        sums = set() if name == "numpy" else {n for n in layers if n.endswith(".sum")}
        assert set(report.layers) >= layers - sums - {"beat", "context"}, name


def test_files_are_also_run_as_they_ship(whole: Path) -> None:
    for name, report in verified(whole).engines.items():
        assert ("file.label" in report.layers) == name.startswith("ort"), name


def test_the_json_has_the_promised_keys(whole: Path) -> None:
    content = json.loads(json.dumps(verified(whole).json(), allow_nan=False))
    assert content["ok"] is True
    assert content["beats"] == 0  # no database was among the sources
    for report in content["engines"].values():
        assert report["compared"] > 0
        assert report["mismatches"] == 0
    bounds = content["bounds"]
    assert 0 < bounds["weight_max"] <= 1
    assert 0 < bounds["activation_max"] <= bounds["activation_possible_max"] <= 1
    assert 0 <= bounds["clipped_share"] <= 1
    assert bounds["clipped_share_per_layer"].keys() >= {"P.pool", "tokens.1", "mean"}
    assert content["proof"]["ok"] is True
    assert content["proof"]["certificate_matches"] is True
    assert content["proof"]["replayed"] > 0


def test_one_engine_can_be_chosen(whole: Path) -> None:
    result = verified(whole, engines=["ort-int"])
    assert result.ok
    assert list(result.engines) == ["ort-int"]


def test_progress_ends_at_the_number_of_beats(whole: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = verified(whole, progress=lambda done, total: seen.append((done, total)))
    beats = sum(len(source.q) for source in result.sources)
    assert seen[-1] == (beats, beats)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"context": 12, "hidden": 8, "branches": False},
        {"context": 12, "hidden": 8, "branches": False, "measures": 7},
    ],
)
def test_the_excerpt_passes(tmp_path: Path, excerpt: Path, shape: dict[str, Any]) -> None:
    small_bundle(tmp_path / "bundle", window=360, **shape)
    bundle = read_bundle(tmp_path / "bundle")
    source = database_source(bundle.program, excerpt)
    result = verify(bundle, [source], engines=SOFTWARE)
    assert result.failures == ()
    assert result.json()["beats"] == len(source.q) > 3000


@pytest.mark.slow
@pytest.mark.database
def test_every_beat_of_the_database_passes(tmp_path: Path, mitdb: Path) -> None:
    small_bundle(tmp_path / "bundle", window=360)
    bundle = read_bundle(tmp_path / "bundle")
    source = database_source(bundle.program, mitdb)
    result = verify(bundle, (source, *made_sources(bundle, 4096)), engines=SOFTWARE)
    assert result.failures == ()
    content = result.json()
    assert content["beats"] >= 109_000
    assert all(report["compared"] >= 109_000 for report in content["engines"].values())


# What is wrong


def change_constant(folder: Path, kind: str, name: str, change: Callable[[Any], Any]) -> None:
    """Change a constant of a model, and the checksums with it."""
    path = folder / MODELS[kind]
    model = onnx.load(path)
    tensor = next(t for t in model.graph.initializer if t.name == name)
    array = numpy_helper.to_array(tensor).copy()
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(array), array.dtype), name))
    path.write_bytes(serialize(model))
    write_sums(folder)


def one_more(array: Any) -> Any:
    array.flat[0] += 1
    return array


@pytest.mark.parametrize("kind", ["fixed", "int"])
def test_a_changed_weight_is_named(copy: Path, kind: str) -> None:
    change_constant(copy, kind, "QRS.weight", one_more)
    result = verified(copy)
    assert not result.ok
    assert "constant QRS.weight" in result.files[MODELS[kind]]
    for name, report in result.engines.items():
        if not name.startswith(f"ort-{kind}"):
            assert report.ok, name
            continue
        first = report.first_difference
        assert first is not None
        assert (first["layer"], first["channel"]) == ("QRS.conv", 0)
        assert first["accumulator"] == first["expected"] != first["actual"]
        assert report.mismatches > 0
        assert any(name in failure and "QRS.conv" in failure for failure in result.failures)


def test_a_changed_shift_is_named(copy: Path) -> None:
    shift = read_bundle(copy).program.mean_shift
    change_constant(copy, "fixed", f"2^-{shift}.float32", lambda array: array / 2)
    result = verified(copy, engines=["ort-fixed"])
    assert not result.ok
    first = result.engines["ort-fixed"].first_difference
    assert first is not None
    assert first["layer"] == "mean"


def test_a_changed_token_bias_is_named(copy: Path) -> None:
    change_constant(copy, "int", "tokens.1.bias", lambda array: array + 3000)
    first = verified(copy).engines["ort-int-noopt"].first_difference
    assert first is not None
    assert first["layer"] == "tokens.1"
    assert "accumulator" in first["text"]


@pytest.mark.parametrize("kind", ["fixed", "int"])
def test_a_changed_hidden_weight_is_named(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "bundle"
    small_bundle(folder, seed=4, context=12, hidden=8, branches=False)
    change_constant(folder, kind, "hidden.bias", lambda array: array - 5000)
    result = verified(folder)
    assert not result.ok
    for name, report in result.engines.items():
        if not name.startswith(f"ort-{kind}"):
            assert report.ok, name
            continue
        first = report.first_difference
        assert first is not None
        assert first["layer"] == "hidden"
        assert first["accumulator"] is not None
        assert first["actual"] < first["expected"]


@pytest.mark.parametrize(
    ("kind", "constant"), [("fixed", "measures.halves"), ("int", "measures.lifts")]
)
def test_a_changed_rounding_of_a_measure_is_named(tmp_path: Path, kind: str, constant: str) -> None:
    folder = tmp_path / "bundle"
    program = small_bundle(folder, context=5, hidden=8, branches=False, measures=7)
    channel = next(i for i, m in enumerate(program.measures) if m.shift(125) > 1)

    def change(array: Any) -> Any:
        array[channel] += 1
        return array

    change_constant(folder, kind, constant, change)
    result = verified(folder)
    assert constant in result.files[MODELS[kind]]
    for name, report in result.engines.items():
        if not name.startswith(f"ort-{kind}"):
            assert report.ok, name
            continue
        first = report.first_difference
        assert first is not None
        assert (first["layer"], first["channel"]) == ("measures", channel)
        assert first["actual"] == first["expected"] + 1
        assert first["accumulator"] is not None


def test_measures_are_among_the_bounds(tmp_path: Path) -> None:
    small_bundle(tmp_path / "bundle", context=0, hidden=8, branches=False, measures=7)
    bounds = verified(tmp_path / "bundle").json()["bounds"]
    assert bounds["ok"]
    assert bounds["activation_max_per_layer"].keys() == {"beat", "measures", "hidden"}
    assert 0 < bounds["activation_max_per_layer"]["measures"] < 1
    assert bounds["clipped_share_per_layer"].keys() == {"measures", "hidden"}


def test_a_change_that_no_beat_shows_fails_too(copy: Path) -> None:
    change_constant(copy, "float", "head.bias", lambda array: array + np.float32(1e-6))
    result = verified(copy, engines=["ort-int"])
    assert result.engines["ort-int"].ok
    assert not result.ok
    assert "head.bias" in result.files[MODELS["float"]]


def test_a_float_model_with_another_weight_fails(copy: Path) -> None:
    change_constant(copy, "float", "head.weight", lambda array: array + np.float32(0.1))
    result = verified(copy)
    assert not result.float_model["ok"]
    assert result.float_model["largest_difference"] > 0.01


def test_a_float_network_that_rounds_to_another_program_fails(copy: Path) -> None:
    network = load_float_network(copy / "float_network.json")
    weight = network.head_weight.copy()
    weight[0, 0] += -2 / 128 if weight[0, 0] > 0 else 2 / 128
    save_float_network(network.replace(head_weight=weight), copy / "float_network.json")
    write_sums(copy)
    result = verified(copy)
    assert not result.ok
    assert result.float_model["rounds_to_program"] is False


@pytest.mark.parametrize("layer", ["P.conv", "global.pool", "tokens.1", "mean", "scores"])
def test_a_changed_golden_integer_is_named(copy: Path, layer: str) -> None:
    golden = read_golden((copy / "golden.npz").read_bytes())
    golden.layers[layer].flat[0] += 1
    (copy / "golden.npz").write_bytes(golden_bytes(golden))
    write_sums(copy)
    result = verified(copy)
    assert not result.ok
    first = result.golden.first_difference
    assert first is not None
    assert first["layer"] == layer
    assert all(report.ok for report in result.engines.values())


def test_a_golden_file_without_a_layer_fails(copy: Path) -> None:
    golden = read_golden((copy / "golden.npz").read_bytes())
    del golden.layers["mean"]
    (copy / "golden.npz").write_bytes(golden_bytes(golden))
    write_sums(copy)
    assert "mean are missing" in " ".join(verified(copy).failures)


def test_a_changed_certificate_is_named(copy: Path) -> None:
    content = json.loads((copy / "proof.json").read_text())
    content["layers"][3]["max"] -= 1
    (copy / "proof.json").write_text(json.dumps(content))
    write_sums(copy)
    failure = next(text for text in verified(copy).failures if "proof.json" in text)
    assert "layers, P.conv channel 3, max is" in failure
    assert "changed after it was written" in failure


def with_weight(program: Program) -> Program:
    """The program with one token weight changed."""
    weight = program.layers[0].weight.copy()
    weight[1, 2] += -1 if weight[1, 2] > 0 else 1
    return program.replace(layers=(replace(program.layers[0], weight=weight),))


def test_a_program_changed_with_everything_that_names_it_fails(copy: Path) -> None:
    """Checksums, digests, proof and metadata are made to fit; only the models know better."""
    old = load_program(copy / "program.json")
    new = with_weight(old)
    save_program(new, copy / "program.json")
    for name in ("bundle.json", *MODELS.values()):
        content = (copy / name).read_bytes()
        assert old.digest.encode() in content
        (copy / name).write_bytes(content.replace(old.digest.encode(), new.digest.encode()))
    (copy / "proof.json").write_text(json.dumps(certificate(prove(new))))
    golden = replace(read_golden((copy / "golden.npz").read_bytes()), program=new.digest)
    (copy / "golden.npz").write_bytes(golden_bytes(golden))
    write_sums(copy)
    result = verified(copy)
    assert not result.ok
    for name in ("ort-fixed", "ort-int"):
        first = result.engines[name].first_difference
        assert first is not None
        assert (first["layer"], first["channel"]) == ("tokens.1", 1)
    assert result.golden.first_difference is not None
    assert result.float_model["rounds_to_program"] is False


# Engines that fail


def bundle_with(kind: str, model: onnx.ModelProto) -> Bundle:
    program = random_program(0, window=125)
    network = network_of(program)
    models = {**expected_models(program, network), kind: model}
    golden = make_golden(program)
    return Bundle(Path(), "test", program, network, models, golden, certificate(prove(program)), "")


def test_an_engine_that_gives_no_number_fails_without_a_crash() -> None:
    bundle = bundle_with("fixed", expected_models_of(0)["fixed"])
    model = bundle.models["fixed"]
    tensor = next(t for t in model.graph.initializer if t.name == "head.bias")
    array = numpy_helper.to_array(tensor) * np.float32(np.nan)
    tensor.CopyFrom(numpy_helper.from_array(array, "head.bias"))
    q = hostile_beats(125, 16, 0)
    result = verify(bundle, [Source("random", q, hostile_contexts(len(q), 0))])
    assert not result.ok
    assert not result.engines["ort-fixed"].ok
    assert result.engines["ort-int"].ok


def expected_models_of(seed: int) -> dict[str, onnx.ModelProto]:
    program = random_program(seed, window=125)
    return expected_models(program, network_of(program))


def test_a_model_that_onnxruntime_refuses_fails_without_a_crash() -> None:
    model = expected_models_of(0)["int"]
    model.graph.node[0].op_type = "NoSuchOperator"
    bundle = bundle_with("int", model)
    q = hostile_beats(125, 16, 0)
    result = verify(bundle, [Source("random", q, hostile_contexts(len(q), 0))])
    assert not result.ok
    assert "onnxruntime refuses" in str(result.engines["ort-int"].error)
    assert result.engines["ort-fixed"].ok


def test_an_engine_that_raises_is_reported(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> dict[str, Any]:
        raise RuntimeError("on fire")

    monkeypatch.setattr("ecgedge.verification.verify.make_engine", lambda *_: broken)
    result = verified(whole, engines=["numpy"])
    assert not result.ok
    assert "on fire" in " ".join(result.failures)


def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ecgedge.training.engine", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)


def test_torch_is_skipped_when_it_is_missing(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(monkeypatch)
    makers = {name: ENGINES[name] for name in SOFTWARE}
    monkeypatch.setattr("ecgedge.verification.verify.ENGINES", makers)
    result = verified(whole, engines=None)
    assert result.ok
    report = result.json()["engines"]["torch"]
    assert report["compared"] == 0
    assert "ecgedge[train]" in report["skipped"]


def test_torch_by_name_has_to_be_there(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(monkeypatch)
    with pytest.raises(EcgedgeError, match="torch is not installed"):
        verified(whole, engines=["numpy", "torch"])


def test_nothing_is_verified_when_every_engine_is_skipped(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(monkeypatch)
    monkeypatch.setattr("ecgedge.verification.verify.ENGINES", {"torch": ENGINES["torch"]})
    assert not verified(whole, engines=None).ok


def test_an_unknown_engine_is_named(whole: Path) -> None:
    with pytest.raises(EcgedgeError, match="no engine 'tpu'; choose from numpy"):
        verified(whole, engines=["tpu"])
