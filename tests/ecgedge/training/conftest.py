"""Beats of the bundled excerpt, and a configuration that trains in a second."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ecgedge.training.config import TrainConfig, for_protocol
from ecgedge.training.train import Data, read_data


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def quick() -> TrainConfig:
    return replace(
        for_protocol("ds1-ds2", "segments"),
        restarts=2,
        epochs=2,
        fine_epochs=1,
        draws=400,
        batch=100,
    )


@pytest.fixture(scope="session")
def quick_binary() -> TrainConfig:
    config = for_protocol("ds1-ds2", "beat", task="aami-binary")
    return replace(config, restarts=2, epochs=2, fine_epochs=1, draws=400, batch=100)


@pytest.fixture(scope="session")
def data(excerpt: Path, quick: TrainConfig) -> Data:
    return read_data(excerpt, quick)
