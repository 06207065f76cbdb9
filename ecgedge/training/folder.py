"""Writing a run folder: what `ecgedge.runs` reads."""

import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecgedge import runs
from ecgedge.training.best import Best
from ecgedge.training.loop import Epoch, Fit, Position
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all; NaN becomes null."""
    write_atomic(path, json.dumps(_without_nan(content), indent=1) + "\n")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def begin(path: Path, config: dict[str, Any]) -> Path:
    """Make a run folder with its configuration.

    Raises
    ------
    EcgedgeError
        When something is there already.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise EcgedgeError(
            f"{path} already exists; choose another folder, or go on with its run by --resume."
        )
    path.mkdir(parents=True, exist_ok=True)
    try:
        write_json(path / runs.CONFIG, config)
    except BaseException:
        abandon(path)
        raise
    return path


def abandon(path: Path) -> None:
    """Remove a run folder in which nothing was trained yet; one with a checkpoint is kept."""
    if path.is_dir() and not any(path.rglob(runs.CHECKPOINT)):
        shutil.rmtree(path, ignore_errors=True)


def append_log(path: Path, epoch: Epoch) -> None:
    """Add one line to the log."""
    with (path / runs.LOG).open("a") as file:
        file.write(json.dumps(_without_nan(asdict(epoch))) + "\n")


def write_probabilities(path: Path, **arrays: NDArray[Any]) -> None:
    """Write what a run says about its validation beats."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_atomic(path / runs.PROBABILITIES, content.getvalue())


def save_checkpoint(path: Path, phase: str, fit: Fit, seconds: float, *, done: bool) -> None:
    """Write everything that a resumed run needs."""
    content = {
        "phase": phase,
        "done": done,
        "seconds": seconds,
        "position": asdict(fit.position),
        "best": fit.best.to_checkpoint(),
        "model": fit.model.state_dict(),
        "optimizer": fit.optimizer_state,
        "loss": fit.loss_state,
        "random": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path / runs.CHECKPOINT, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only.

    Raises
    ------
    EcgedgeError
        When there is none, or it is damaged.
    """
    file = Path(path) / runs.CHECKPOINT
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise EcgedgeError(f"{path} has no checkpoint; train without --resume.") from None
    except Exception as error:  # torch raises what its readers raise
        raise EcgedgeError(f"{file} is damaged ({type(error).__name__}); train again.") from None
    if not isinstance(content, dict) or "best" not in content:
        raise EcgedgeError(f"{file} is not a checkpoint of a run; train again.")
    return content


def restore(fit: Fit, content: dict[str, Any]) -> None:
    """Put a fit where its checkpoint was taken, random numbers included."""
    fit.model.load_state_dict(content["model"])
    fit.best = Best.from_checkpoint(content["best"])
    fit.position = Position(**content["position"])
    fit.optimizer_state, fit.loss_state = content["optimizer"], content["loss"]
    torch.set_rng_state(content["random"])
