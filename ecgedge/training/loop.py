"""The training loop, for students with any number of starts and for teachers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ecgedge.models.student import SegmentStudent
from ecgedge.training.augment import augmented
from ecgedge.training.best import Best
from ecgedge.training.config import TrainConfig
from ecgedge.training.examples import Examples
from ecgedge.training.gains import calibrate_gains
from ecgedge.training.imbalance import class_weights, draw
from ecgedge.training.losses import Batch, LabelLoss
from ecgedge.training.validation import Validation, validate
from firmware_sim.errors import EcgedgeError

CALIBRATION_BEATS = 2000
RECALIBRATE_AFTER = (1, 3, 7)
"""Float epochs after which gains are set anew, while activations still grow."""
WARMED_UP = 1 << 20
"""The epoch that warm-ups see in the fixed phase: long over."""
PLATEAU_PATIENCE = 3
PLATEAU_FACTOR = 0.5


@dataclass(frozen=True)
class Phase:
    """A stretch of training: its name, its epochs, with or without roundings, its largest rate."""

    name: str
    epochs: int
    fixed: bool
    learning_rate: float


@dataclass(frozen=True)
class Epoch:
    """What is known after one epoch; a line of the log."""

    phase: str
    epoch: int
    epochs: int
    seconds: float
    learning_rate: float
    loss: float
    losses: tuple[float, ...]
    scores: tuple[float, ...]
    best: float
    collapsed: int
    details: dict[str, float]


@dataclass
class Position:
    """Where a phase stands; with the tensors, all that a resumed run needs."""

    epoch: int = 0
    stale: int = 0
    waited: int = 0
    rate_factor: float = 1.0


@dataclass
class Fit:
    """A phase in progress or done."""

    model: nn.Module
    best: Best
    position: Position = field(default_factory=Position)
    interrupted: bool = False
    optimizer_state: dict[str, Any] | None = None
    loss_state: dict[str, Tensor] | None = None


def pick_device(name: str) -> torch.device:
    """Return the device of that name; "auto" takes CUDA, then MPS, then the processor."""
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if not there[name]:
        raise EcgedgeError(f"there is no {name} device here; use --device auto.")
    return torch.device(name)


def rate_at(step: int, steps: int, schedule: str) -> float:
    """Return the share of the largest learning rate at a step.

    One-cycle: a cosine from 1/25 up to 1 over the first quarter, then down to 1/1000 (Smith &
    Topin 2018).
    """
    if schedule != "one-cycle":
        return 1.0
    rise = max(1, steps // 4)
    low, high, done = (0.04, 1.0, step / rise)
    if step >= rise:
        low, high, done = 1.0, 0.001, (step - rise) / max(1, steps - rise)
    return high + (low - high) * (1 + math.cos(math.pi * min(1.0, done))) / 2


def clip_gradients(parameters: list[nn.Parameter], starts: int, limit: float) -> None:
    """Scale the gradient of each start to a norm of at most `limit`.

    With several starts the leading axis of every parameter is the start.
    """
    if starts == 1:
        nn.utils.clip_grad_norm_(parameters, limit)
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    square = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    scale = (limit / square.sqrt().clamp(min=1e-12)).clamp(max=1.0)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.dim() - 1)))


def varied(
    train: Examples, index: Tensor, config: TrainConfig, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw varied beats and context, as far as the model of a configuration takes them."""
    how, values = config.augmentation, config.context_values
    return augmented(train, index, how, device, beats=config.looks, values=values)


def calibrate_fit(
    student: SegmentStudent, train: Examples, config: TrainConfig, device: torch.device
) -> None:
    """Set the gains of all starts on varied training beats."""
    index = torch.randperm(len(train))[:CALIBRATION_BEATS]
    q, context = varied(train, index, config, device)
    calibrate_gains(student, q, context, config.calibration)


class _Loop:
    """One phase: holds what its steps share."""

    def __init__(
        self,
        fit: Fit,
        train: Examples,
        config: TrainConfig,
        phase: Phase,
        loss: nn.Module,
        device: torch.device,
    ) -> None:
        self.fit, self.train, self.config, self.phase = fit, train, config, phase
        self.device, self.loss = device, loss.to(device)
        self.starts = len(fit.best.score)
        self.counts = train.class_counts(len(config.labels))
        self.parameters = [*fit.model.parameters(), *loss.parameters()]
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=phase.learning_rate, weight_decay=config.weight_decay
        )
        self.steps = math.ceil(min(config.draws, len(train)) / config.batch)

    @property
    def settled_after(self) -> int:
        """Epoch up to which the newest state stands, whatever its score; see TrainConfig.settle."""
        if self.config.refits:  # nothing is held out that could choose an epoch
            return self.phase.epochs
        if self.config.schedule != "one-cycle":
            return 0
        return max(0, math.ceil(self.config.settle * self.phase.epochs) - 1)

    def set_rate(self, step: int) -> float:
        """Set the learning rate of a step, counted from the beginning of the phase."""
        share = rate_at(step, self.steps * self.phase.epochs, self.config.schedule)
        rate = self.phase.learning_rate * share * self.fit.position.rate_factor
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def epoch(self) -> tuple[Tensor, float]:
        """Train one epoch; return the mean loss of each start and the last learning rate."""
        epoch, config = self.fit.position.epoch, self.config
        warm = WARMED_UP if self.phase.fixed else epoch
        weights = class_weights(self.counts, config.imbalance, warm, config.labels)
        weights = weights.to(self.device)
        order = draw(self.train.y, self.train.record, self.counts, config.imbalance, config.draws)
        self.fit.model.train()
        total, rate = torch.zeros(self.starts), 0.0
        for i, index in enumerate(torch.split(order, config.batch)):
            rate = self.set_rate(epoch * self.steps + i)
            q, context = varied(self.train, index, config, self.device)
            batch = Batch(index, q, context, self.train.y[index].to(self.device), weights, warm)
            logits, features = self.fit.model(q, context, fixed=self.phase.fixed)
            losses = self.loss(logits, features, batch)
            self.optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()
            clip_gradients(self.parameters, self.starts, config.clip)
            self.optimizer.step()
            total += losses.detach().cpu() * len(index) / len(order)
        self.check_finite(total)
        return total, rate

    def check_finite(self, losses: Tensor) -> None:
        """Refuse to go on with losses or weights that are infinite or not numbers."""
        if not all(bool(value.isfinite().all()) for value in (losses, *self.parameters)):
            raise EcgedgeError(
                f"the training diverged at a learning rate of {self.phase.learning_rate:g}; "
                "use a smaller --learning-rate."
            )

    def recalibrate(self) -> None:
        """Set the gains of a student anew, on varied training beats."""
        if isinstance(self.fit.model, SegmentStudent) and not self.phase.fixed:
            calibrate_fit(self.fit.model, self.train, self.config, self.device)

    def take_stock(self, improved: bool) -> bool:
        """Note whether anything improved; lower the rate on a plateau; say whether to stop."""
        position = self.fit.position
        position.stale = 0 if improved else position.stale + 1
        position.waited = 0 if improved else position.waited + 1
        if self.config.schedule == "plateau" and position.waited > PLATEAU_PATIENCE:
            position.rate_factor *= PLATEAU_FACTOR
            position.waited = 0
        long_enough = position.epoch >= self.config.min_epochs
        return long_enough and position.stale >= self.config.patience


def run_phase(
    fit: Fit,
    train: Examples,
    validation: Examples,
    config: TrainConfig,
    phase: Phase,
    *,
    device: torch.device,
    loss: nn.Module | None = None,
    listen: Callable[[Epoch], None] = lambda epoch: None,
    save: Callable[[Fit], None] = lambda fit: None,
) -> Fit:
    """Train until the phase's epochs are over, nothing improves, or the user interrupts.

    Parameters
    ----------
    fit : Fit
        A new phase, or one read from a checkpoint, which goes on where it was.
    train, validation : Examples
        Beats of different records.
    config : TrainConfig
    phase : Phase
    device : torch.device
    loss : nn.Module, optional
        Maps logits, features and a `Batch` to the loss of each start; labels alone by default.
    listen, save : callable
        Called after each epoch, with its numbers and with the fit.

    Returns
    -------
    Fit
        The same object. `best` holds the best state of each start; `interrupted` says whether
        Ctrl-C ended the phase.
    """
    loop = _Loop(fit, train, config, phase, loss or LabelLoss(), device)
    if fit.optimizer_state is not None:
        loop.optimizer.load_state_dict(fit.optimizer_state)
        if fit.loss_state:
            loop.loss.load_state_dict(fit.loss_state)
    elif phase.fixed and not config.refits:
        before = validate(fit.model, validation, config.labels, device, fixed=True)
        fit.best.update(fit.model, before.score, -1)
    else:
        loop.recalibrate()
    try:
        while fit.position.epoch < phase.epochs:
            began = time.monotonic()
            losses, rate = loop.epoch()
            fit.position.epoch += 1
            if fit.position.epoch in RECALIBRATE_AFTER:
                loop.recalibrate()
            found = validate(fit.model, validation, config.labels, device, fixed=phase.fixed)
            newest = fit.position.epoch <= loop.settled_after
            improved = fit.best.update(fit.model, found.score, fit.position.epoch, newest=newest)
            stop = loop.take_stock(improved)
            fit.optimizer_state = loop.optimizer.state_dict()
            fit.loss_state = loop.loss.state_dict()
            save(fit)
            listen(_record(fit, phase, found, losses, rate, time.monotonic() - began))
            if stop:
                break
    except KeyboardInterrupt:
        fit.interrupted = True
    return fit


def _record(
    fit: Fit, phase: Phase, found: Validation, losses: Tensor, rate: float, seconds: float
) -> Epoch:
    return Epoch(
        phase=phase.name,
        epoch=fit.position.epoch,
        epochs=phase.epochs,
        seconds=round(seconds, 3),
        learning_rate=rate,
        loss=float(losses[found.score.argmax()]),
        losses=tuple(round(v, 6) for v in losses.tolist()),
        scores=tuple(round(float(v), 6) for v in found.score),
        best=float(fit.best.score.max()),
        collapsed=int(found.collapsed.sum()),
        details={name: round(v, 6) for name, v in found.details.items()},
    )
