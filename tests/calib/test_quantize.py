import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib.float_network import FloatNetwork, load_float_network, save_float_network
from calib.quantize import quantize, round_l1, round_weights
from calib.ranges import METHODS, calibrate
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import run
from tests.programs import hostile_beats, hostile_contexts


def random_network(seed: int, *, bound: str = "l1", window: int = 360, **changes) -> FloatNetwork:
    rng = np.random.default_rng(seed)
    if bound == "l1":
        values = rng.dirichlet(np.ones(5), (4, 4)) * rng.choice([-1, 1], (4, 4, 5))
    else:
        values = rng.uniform(-1, 1, (4, 4, 5))
    network = FloatNetwork(
        name="random",
        task="nsvf",
        fs=window,
        window=window,
        labels=("N", "S", "V", "F"),
        context=5,
        conv_bound=bound,
        activation="relu",
        conv_weight=values[..., :4],
        conv_bias=values[..., 4],
        token_weight=rng.uniform(-1, 1, (2, 4, 4)),
        token_bias=rng.uniform(-1, 1, (2, 4)),
        head_weight=rng.uniform(-1, 1, (4, 9)),
        head_bias=rng.uniform(-1, 1, 4),
        pool_gain=(0, 0, 0, 0),
        token_gain=(0, 0),
        mean_gain=0,
    )
    return network.replace(**changes)


channels = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).dirichlet(np.full(5, 0.5), 8)
        * np.random.default_rng(seed + 1).choice([-1, 1], (8, 5))
    )
)


@given(channels)
def test_l1_rounding_keeps_the_bound_and_stays_within_one_step(values):
    weight, bias = round_l1(values[:, :4], values[:, 4])
    q = np.concatenate([weight, bias[:, None]], axis=1).astype(int)
    assert (np.abs(q).sum(axis=1) <= 128).all()
    assert (np.abs(q - values * 128) <= 1.5).all()


@given(channels)
def test_l1_rounding_is_plain_rounding_where_that_fits(values):
    weight, bias = round_l1(values[:, :4] / 2, values[:, 4] / 2)
    assert np.array_equal(weight, round_weights(values[:, :4] / 2))
    assert np.array_equal(bias, round_weights(values[:, 4] / 2))


def test_weights_round_to_nearest_with_ties_up_and_never_reach_one():
    assert round_weights(np.array([-1, -0.5 / 128, 0.5 / 128, 1])).tolist() == [-127, 0, 1, 127]


@pytest.mark.parametrize("bound", ["l1", "tanh"])
@pytest.mark.parametrize("window", [250, 360])
def test_the_program_is_near_its_float_network(bound, window):
    network = random_network(1, bound=bound, window=window)
    q, c = hostile_beats(window, 300, 0), hostile_contexts(300, 0)
    network = calibrate(network, q / 128, c / 128)
    scores = run(quantize(network), q, c).scores / 2**14
    logits = network.forward(q / 128, c / 128)
    assert np.abs(scores - logits).mean() < 0.05


@given(st.integers(0, 50), st.sampled_from(["l1", "tanh"]), st.sampled_from(sorted(METHODS)))
@settings(max_examples=15, deadline=None)
def test_every_calibration_gives_a_valid_program(seed, bound, method):
    network = random_network(seed, bound=bound)
    q, c = hostile_beats(360, 50, seed), hostile_contexts(50, seed)
    calibrated = calibrate(network, q / 128, c / 128, method)
    assert min(*calibrated.pool_gain, *calibrated.token_gain, calibrated.mean_gain) >= 0
    program = quantize(calibrated)
    assert program.parameters == calibrated.parameters == 160


def test_minmax_clips_nothing_that_it_saw():
    network = random_network(3)
    q, c = hostile_beats(360, 100, 3), hostile_contexts(100, 3)
    calibrated = calibrate(network, q / 128, c / 128, "minmax")
    found = calibrated.activations(q / 128, c / 128)
    for name, gain in zip(("P", "QRS", "T", "global"), calibrated.pool_gain, strict=True):
        largest = found[f"{name}.pool"].max()
        assert gain == 0 or largest * 2**gain <= 1
        assert gain == 7 or largest == 0 or largest * 2 ** (gain + 1) > 1


def test_only_bounded_relu_networks_become_programs():
    with pytest.raises(EcgedgeError, match="bounded"):
        quantize(random_network(0, conv_bound="none"))
    with pytest.raises(EcgedgeError, match="ReLU"):
        quantize(random_network(0, activation="tanh"))


def test_an_unknown_method_is_named():
    with pytest.raises(EcgedgeError, match="minmax"):
        calibrate(random_network(0), np.zeros((1, 360)), np.zeros((1, 5)), "best")


def test_a_float_network_reads_back_equal(tmp_path):
    network = random_network(5)
    path = tmp_path / "network.json"
    save_float_network(network, path)
    again = load_float_network(path)
    assert quantize(again) == quantize(network)
    assert np.array_equal(again.conv_weight, network.conv_weight)
    assert np.array_equal(again.head_weight, network.head_weight)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "ecgedge-float-network", "version": 2}',
     '{"format": "ecgedge-float-network", "version": 1, "labels": 3}'],
)  # fmt: skip
def test_malformed_float_networks_are_refused(tmp_path, text):
    (tmp_path / "n.json").write_text(text)
    with pytest.raises(EcgedgeError):
        load_float_network(tmp_path / "n.json")


def test_wrong_shapes_and_values_are_refused():
    with pytest.raises(EcgedgeError, match="shape"):
        random_network(0, head_weight=np.zeros((4, 4)))
    with pytest.raises(EcgedgeError, match="finite"):
        random_network(0, head_bias=np.full(4, np.nan))
