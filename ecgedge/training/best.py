"""The best state of each start so far."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass
class Best:
    """States and scores of the best epoch of every start.

    Attributes
    ----------
    state : dict of str to Tensor
        As the model's `state_dict`; with several starts the leading axis of each value is the
        start, and each start keeps its own best epoch.
    score : (starts,) float
        Minus infinity before the first epoch.
    epoch : (starts,) int
        Which epoch it was; -1 before the first.
    chosen : int or None
        A start that something else than its score picked.
    """

    state: dict[str, Tensor]
    score: NDArray[np.float64]
    epoch: NDArray[np.int64]
    chosen: int | None = None

    @classmethod
    def of(cls, model: nn.Module, starts: int) -> "Best":
        """Begin with the model as it is."""
        return cls(_copy(model.state_dict()), np.full(starts, -np.inf), np.full(starts, -1))

    def update(
        self, model: nn.Module, score: NDArray[np.float64], epoch: int, *, newest: bool = False
    ) -> bool:
        """Keep every start that improved; say whether any did.

        With `newest` every start counts as improved: while learning rates are high, validation
        scores jump about, and the best of many would be the luckiest.
        """
        better = np.full(len(score), True) if newest else score > self.score
        if not better.any():
            return False
        rows = torch.from_numpy(np.flatnonzero(better))
        for name, value in model.state_dict().items():
            if len(score) == 1:
                self.state[name] = value.detach().clone()
            else:
                where = rows.to(value.device)
                self.state[name][where] = value.detach()[where]
        self.score = np.where(better, score, self.score)
        self.epoch = np.where(better, epoch, self.epoch)
        return True

    @property
    def start(self) -> int:
        """The start that was picked: the one with the best score."""
        return int(self.score.argmax()) if self.chosen is None else self.chosen

    def to_checkpoint(self) -> dict[str, Any]:
        """Return what `torch.load(weights_only=True)` can read."""
        return {
            "state": self.state,
            "score": self.score.tolist(),
            "epoch": self.epoch.tolist(),
            "chosen": self.chosen,
        }

    @classmethod
    def from_checkpoint(cls, content: dict[str, Any]) -> "Best":
        """Read what `to_checkpoint` returned."""
        return cls(
            content["state"],
            np.array(content["score"]),
            np.array(content["epoch"]),
            content.get("chosen"),
        )


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}
