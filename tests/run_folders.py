"""Run folders as training leaves them, with random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from calib.float_network import FloatNetwork, save_float_network
from calib.quantize import quantize
from calib.ranges import calibrate
from ecgedge.data.labels import label_map
from firmware_sim.program_file import save_program

VALIDATION = (["106", "208"], ["119", "223"])
"""Training records of `ds1-ds2` in the excerpt, by turns."""


def some_network(seed: int, task: str = "nsvf") -> FloatNetwork:
    """A float student with random weights, calibrated on noise."""
    random = np.random.default_rng(seed)
    labels = label_map(task).labels
    context = 0 if len(labels) == 2 else 5
    values = random.dirichlet(np.ones(5), (4, 4)) * random.choice([-1, 1], (4, 4, 5))
    network = FloatNetwork(
        name=f"student-{seed}", task=task, fs=360, window=360, labels=labels, context=context,
        conv_bound="l1", activation="relu",
        conv_weight=values[..., :4], conv_bias=values[..., 4],
        token_weight=random.uniform(-0.9, 0.9, (1, 4, 4)),
        token_bias=random.uniform(0, 0.5, (1, 4)),
        head_weight=random.uniform(-0.9, 0.9, (len(labels), 4 + context)),
        head_bias=np.zeros(len(labels)),
        pool_gain=(0,) * 4, token_gain=(0,), mean_gain=0,
        threshold=0.01 if len(labels) == 2 else None,
    )  # fmt: skip
    x = random.uniform(-1, 1, (50, 360))
    return calibrate(network, x, random.uniform(-1, 1, (50, 5)) if context else None)


def make_run(path: Path, seed: int, *, task: str = "nsvf", model: str = "student") -> Path:
    """A run folder as training leaves it, without its checkpoint."""
    path.mkdir(parents=True)
    config = {
        "protocol": "replica" if task == "symbol-binary" else "ds1-ds2", "task": task,
        "aami_map": "aami", "fs": 360, "window": 360, "model": model, "seed": seed,
        "lead": "first" if task == "symbol-binary" else "MLII",
    }  # fmt: skip
    (path / "config.json").write_text(json.dumps(config))
    metrics: dict[str, Any] = {
        "parameters": 964_002,
        "threshold": {"value": 164} if task == "symbol-binary" else None,
        "validation_records": VALIDATION[seed % 2],
    }
    (path / "metrics.json").write_text(json.dumps(metrics))
    (path / "checkpoint.pt").write_bytes(bytes([seed]))
    labels = label_map(task).labels
    random = np.random.default_rng(seed)
    y, scores = random.integers(0, len(labels), 60), random.normal(size=(60, len(labels)))
    np.savez(
        path / "probabilities.npz", y=y, scores=scores, predicted=scores.argmax(axis=1),
        record=random.integers(0, 2, 60), records=np.array(["101", "106"]),
        labels=np.array(labels),
    )  # fmt: skip
    if model == "student":
        network = some_network(seed, task)
        save_float_network(network, path / "float_network.json")
        save_program(quantize(network), path / "program.json")
    return path


def trained_with_folds(path: Path) -> Path:
    """A run folder as training with folds leaves it: no record validated it."""
    file = make_run(path, 1) / "metrics.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"folds": 4, "validation_records": []}))
    return path
