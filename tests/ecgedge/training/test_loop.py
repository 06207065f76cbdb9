from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ecgedge.training.best import Best
from ecgedge.training.build import build, starts_of
from ecgedge.training.config import TrainConfig
from ecgedge.training.loop import Epoch, Fit, Phase, clip_gradients, rate_at, run_phase
from ecgedge.training.train import Data
from ecgedge.training.validation import validate
from firmware_sim.errors import EcgedgeError

CPU = torch.device("cpu")


def begin(config: TrainConfig) -> Fit:
    torch.manual_seed(config.seed)
    model = build(config)
    return Fit(model, Best.of(model, starts_of(config)))


def run(config: TrainConfig, data: Data, **more: object) -> Fit:
    phase = Phase("float", config.epochs, False, config.learning_rate)
    return run_phase(begin(config), data.train, data.validation, config, phase, device=CPU, **more)  # type: ignore[arg-type]


def test_training_lowers_the_loss_of_every_start(data: Data, quick: TrainConfig) -> None:
    seen: list[Epoch] = []
    run(replace(quick, epochs=5, draws=2000), data, listen=seen.append)
    assert all(last < first for first, last in zip(seen[0].losses, seen[-1].losses, strict=True))


def test_the_same_seed_gives_the_same_network(data: Data, quick: TrainConfig) -> None:
    first, second = run(quick, data), run(quick, data)
    for name, value in first.best.state.items():
        assert torch.equal(value, second.best.state[name]), name


def test_each_start_keeps_its_own_best_epoch() -> None:
    model = nn.Linear(2, 3, bias=False)  # three starts of two weights
    best = Best.of(model, 3)
    with torch.no_grad():
        model.weight.fill_(1.0)
        best.update(model, np.array([0.5, 0.1, 0.2]), 1)
        model.weight.fill_(2.0)
        assert best.update(model, np.array([0.4, 0.3, 0.2]), 2)
        assert not best.update(model, np.array([0.4, 0.3, 0.2]), 3)
    assert best.state["weight"][:, 0].tolist() == [1, 2, 1]
    assert best.epoch.tolist() == [1, 2, 1]
    assert best.start == 0
    best.update(model, np.array([0.1, 0.1, 0.1]), 4, newest=True)
    assert best.epoch.tolist() == [4, 4, 4]


def test_the_best_states_score_what_was_noted(data: Data, quick: TrainConfig) -> None:
    fit = run(quick, data)
    fit.model.load_state_dict(fit.best.state)
    again = validate(fit.model, data.validation, quick.labels, CPU)
    np.testing.assert_allclose(again.score, fit.best.score, atol=1e-6)


def test_ctrl_c_keeps_the_best_so_far(data: Data, quick: TrainConfig) -> None:
    def stop(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    fit = run(quick, data, listen=stop)
    assert fit.interrupted
    assert np.isfinite(fit.best.score).all()


def test_training_stops_when_nothing_improves(data: Data, quick: TrainConfig) -> None:
    seen: list[Epoch] = []
    config = replace(quick, epochs=9, learning_rate=1e-12, patience=2, min_epochs=0, settle=0)
    run(config, data, listen=seen.append)
    assert len(seen) < 9


def test_a_plateau_lowers_the_rate(data: Data, quick: TrainConfig) -> None:
    seen: list[Epoch] = []
    config = replace(quick, epochs=15, draws=100, learning_rate=1e-12, schedule="plateau")
    run(config, data, listen=seen.append)
    assert seen[-1].learning_rate < seen[0].learning_rate


def test_one_cycle_rises_and_falls() -> None:
    rates = [rate_at(step, 100, "one-cycle") for step in range(100)]
    assert max(rates) == rates[25] == 1.0
    assert rates[0] < 0.05
    assert rates[-1] < 0.01
    assert rate_at(50, 100, "constant") == 1.0


def test_gradients_are_clipped_per_start() -> None:
    parameter = nn.Parameter(torch.zeros(2, 3))
    parameter.grad = torch.tensor([[3.0, 0, 0], [0.5, 0, 0]])
    clip_gradients([parameter], 2, 1.0)
    assert parameter.grad[:, 0].tolist() == [1.0, 0.5]


def test_a_teacher_takes_the_same_loop(data: Data, quick: TrainConfig) -> None:
    config = replace(quick, model="resnet18", restarts=1, draws=64, batch=32, epochs=1)
    seen: list[Epoch] = []
    phase = Phase("float", 1, False, 1e-3)
    run_phase(
        begin(config), data.train, data.validation, config, phase, device=CPU, listen=seen.append
    )
    assert len(seen[0].losses) == 1


def test_a_collapse_is_noticed(data: Data, quick: TrainConfig) -> None:
    model = build(quick)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert validate(model, data.validation, quick.labels, CPU).collapsed.all()


def test_an_unknown_model_is_refused(quick: TrainConfig) -> None:
    with pytest.raises(EcgedgeError, match="resnet18"):
        build(replace(quick, model="transformer"))
