"""Models from configurations, and from run folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecgedge import runs
from ecgedge.models import MODELS, STUDENTS, TEACHERS, StudentConfig
from ecgedge.training.best import Best
from ecgedge.training.config import TrainConfig, from_json
from ecgedge.training.folder import load_checkpoint
from firmware_sim.errors import EcgedgeError

BATCH = 1024


def build(config: TrainConfig) -> nn.Module:
    """Make the untrained model of a configuration; the random state decides its weights.

    Raises
    ------
    EcgedgeError
        When the model is unknown.
    """
    classes = len(config.labels)
    if config.model in STUDENTS:
        student = StudentConfig(
            window=config.window,
            classes=classes,
            depth=config.depth,
            context=config.context,
            branches=config.branches,
            hidden=config.hidden,
            conv_bound=config.bound,
            activation=config.activation,
            token_dropout=config.token_dropout,
            dropout=config.dropout,
            logit_scale=config.logit_scale,
            weight_noise=config.weight_noise,
            measures=config.measures,
        )
        return STUDENTS[config.model](student, config.restarts)
    if config.model in TEACHERS:
        return TEACHERS[config.model](classes=classes, context=config.context)
    raise EcgedgeError(f"model {config.model!r} is unknown; choose one of {', '.join(MODELS)}.")


def starts_of(config: TrainConfig) -> int:
    """Return how many starts the model of a configuration has."""
    return config.restarts if config.model in STUDENTS else 1


def config_of(path: Path) -> TrainConfig:
    """Read the training configuration of a run folder."""
    content = runs.load_run(path).config
    return from_json({k: v for k, v in content.items() if k not in runs.BESIDE_CONFIG})


def load_model(path: Path) -> tuple[nn.Module, TrainConfig, int]:
    """Read the trained model of a run folder.

    Returns
    -------
    model : nn.Module
        In evaluation mode, with all its starts, each at its best epoch.
    config : TrainConfig
    start : int
        The start that validation picked.
    """
    config = config_of(path)
    model = build(config)
    best = Best.from_checkpoint(load_checkpoint(path)["best"])
    model.load_state_dict(best.state)
    return model.eval(), config, best.start


def scorer(
    path: Path,
) -> Callable[[NDArray[np.int8], NDArray[np.int8] | None], NDArray[np.float32]]:
    """Return a function that gives the float logits of a run's model.

    It is for those that have no integer program, teachers above all; logits are already multiplied
    by the logit scale.

    Parameters
    ----------
    path : Path
        Run folder.

    Returns
    -------
    callable
        Of beats (n, window) int8 and context (n, CONTEXT_SIZE) int8, to logits (n, classes).
    """
    model, _, start = load_model(path)

    @torch.inference_mode()
    def logits(q: NDArray[np.int8], context: NDArray[np.int8] | None = None) -> NDArray[np.float32]:
        parts = []
        for begin in range(0, len(q), BATCH):
            rows = slice(begin, begin + BATCH)
            beats = torch.from_numpy(q[rows].astype(np.float32))
            rhythm = None if context is None else torch.from_numpy(context[rows].astype(np.float32))
            parts.append(model(beats, rhythm)[0][start].numpy())
        return np.concatenate(parts)

    return logits
