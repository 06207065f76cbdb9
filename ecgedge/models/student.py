"""The segment-aware student: about 150 bounded parameters, many starts trained as one network.

Everything is computed in the units of the integer program: a beat is its Q0.7 integers, a weight w
counts 128 w, an activation 0 ... 128. The float network and the integer program are then one
computation, once without and once with roundings.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ecgedge.models.constrained import (
    ONE,
    Q7_MAX,
    bounded_l1,
    bounded_tanh,
    round_shift,
    straight_through,
    unbounded,
)
from ecgedge.models.pooling import TAPS, accumulators, relu_pool, tanh_pool
from ecgedge.models.rounding import whole_weights
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import (
    BRANCHES,
    CHANNELS,
    TOKEN_BITS,
    TOKEN_COUNT,
    Segment,
    segments,
)

CONV_BOUNDS: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "l1": bounded_l1,
    "tanh": bounded_tanh,
    "none": unbounded,
}
SCORE_ONE = ONE * ONE
"""Scores are on the scale 2^-14."""


@dataclass(frozen=True)
class StudentConfig:
    """What a student is, apart from its weights.

    Attributes
    ----------
    window : int
        Samples in a beat.
    classes : int
        Number of labels.
    depth : int
        Token layers, 1 to 3.
    context : int
        0, or 5 RR-context values into the head.
    conv_bound : str
        "l1": sum(|w|) + |b| <= 1 per channel; "tanh": each weight by itself; "none": no bounds at
        all, also not on linear layers.
    activation : str
        "relu", or "tanh" for a comparison that stays float.
    token_dropout, dropout : float
        Shares of tokens and of pooled features dropped while training.
    logit_scale : int
        Logits are this times the scores.
    """

    window: int = 360
    classes: int = 4
    depth: int = 1
    context: int = 0
    conv_bound: str = "l1"
    activation: str = "relu"
    token_dropout: float = 0.0
    dropout: float = 0.0
    logit_scale: int = 8

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.conv_bound not in CONV_BOUNDS:
            raise EcgedgeError(
                f"bound {self.conv_bound!r} is unknown; choose one of {', '.join(CONV_BOUNDS)}."
            )
        if self.activation not in ("relu", "tanh"):
            raise EcgedgeError(f"activation {self.activation!r} is unknown; choose relu or tanh.")
        if not 1 <= self.depth <= 8:
            raise EcgedgeError(f"depth is {self.depth}; a student has 1 to 8 token layers.")
        if self.context not in (0, 5):
            raise EcgedgeError(f"context is {self.context}; a student takes 0 or 5 RR values.")


@dataclass(frozen=True)
class Weights:
    """Weights and biases of all layers in units of 1/128, after their bounds; leading axis starts.

    `conv` is (starts, 4 branches, 4 channels, 4 taps), `tokens` (starts, depth, 4, 4), `head`
    (starts, classes, 4 + context); each bias lacks the last axis.
    """

    conv: Tensor
    conv_bias: Tensor
    tokens: Tensor
    token_bias: Tensor
    head: Tensor
    head_bias: Tensor


class SegmentStudent(nn.Module):
    """P, QRS, T and global branches, pooled into eight tokens, token layers, mean, head.

    Parameters
    ----------
    config : StudentConfig
    starts : int
        How many independent students are trained at once; every result has them as first axis.

    Attributes
    ----------
    pool_gain : Tensor (starts, 4)
        Powers of two applied after pooling, per branch, on the scale where a convolution reaches 1.
    token_gain : Tensor (starts, depth)
        The same after each token layer.
    mean_gain : Tensor (starts,)
        The same after the mean.
    """

    pool_gain: Tensor
    token_gain: Tensor
    mean_gain: Tensor

    def __init__(self, config: StudentConfig, starts: int = 1) -> None:
        super().__init__()
        self.config, self.starts = config, starts
        self.segments = segments(config.window)
        depth, inputs = config.depth, CHANNELS + config.context

        def parameter(fan_in: int, *shape: int) -> nn.Parameter:
            reach = 1 / math.sqrt(fan_in)
            return nn.Parameter(torch.empty(starts, *shape).uniform_(-reach, reach))

        self.conv_weight = parameter(TAPS, len(BRANCHES), CHANNELS, TAPS)
        self.conv_bias = parameter(16 * TAPS, len(BRANCHES), CHANNELS)
        self.token_weight = parameter(CHANNELS, depth, CHANNELS, CHANNELS)
        self.token_bias = parameter(16 * CHANNELS, depth, CHANNELS)
        self.head_weight = parameter(inputs, config.classes, inputs)
        self.head_bias = parameter(inputs, config.classes)
        self.register_buffer("pool_gain", torch.zeros(starts, len(BRANCHES)))
        self.register_buffer("token_gain", torch.zeros(starts, depth))
        self.register_buffer("mean_gain", torch.zeros(starts))

    @property
    def parameters_per_start(self) -> int:
        """Weights and biases of one student."""
        return sum(p.numel() for p in self.parameters()) // self.starts

    def bounded(self) -> Weights:
        """Return the weights after their bounds, not rounded."""
        conv_bound = CONV_BOUNDS[self.config.conv_bound]
        linear = unbounded if self.config.conv_bound == "none" else bounded_tanh
        pairs = (
            *conv_bound(self.conv_weight, self.conv_bias),
            *linear(self.token_weight, self.token_bias),
            *linear(self.head_weight, self.head_bias),
        )
        return Weights(*(ONE * value for value in pairs))

    def rounded(self) -> Weights:
        """Return the integers that quantization would choose, with straight-through gradients."""
        w = self.bounded()
        l1 = self.config.conv_bound == "l1"
        conv = whole_weights(w.conv, w.conv_bias, l1=l1)
        tokens = whole_weights(w.tokens, w.token_bias, l1=False)
        head = whole_weights(w.head, w.head_bias, l1=False)
        return Weights(
            straight_through(w.conv, conv[0]),
            straight_through(w.conv_bias, conv[1]),
            straight_through(w.tokens, tokens[0]),
            straight_through(w.token_bias, tokens[1]),
            straight_through(w.head, head[0]),
            straight_through(w.head_bias, head[1]),
        )

    def forward(
        self, q: Tensor, context: Tensor | None = None, *, fixed: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Classify beats.

        Parameters
        ----------
        q : Tensor (batch, window)
            Beats as Q0.7 integers held in floats.
        context : Tensor (batch, 5), optional
            RR context as Q0.7 integers held in floats; needed when the student uses it.
        fixed : bool
            Compute with the integer program's roundings; gradients go straight through them.

        Returns
        -------
        logits : Tensor (starts, batch, classes)
            logit_scale times the scores.
        features : Tensor (starts, batch, 4)
            The mean over tokens, in 0 ... 1.
        """
        found = self.trace(q, context, fixed=fixed)
        return found["scores"] * (self.config.logit_scale / SCORE_ONE), found["mean"] / ONE

    def trace(self, q: Tensor, context: Tensor | None, *, fixed: bool) -> dict[str, Tensor]:
        """Compute every layer after the convolutions, by the names of the integer program.

        Returns
        -------
        dict of str to Tensor
            `P.pool` ... (starts, 4, batch, tokens), `tokens.0` ... (starts, 4, batch, 8), `mean`
            (starts, batch, 4), `scores` (starts, batch, classes), in units of 1/128 and 2^-14.
        """
        if fixed and self.config.activation != "relu":
            raise EcgedgeError("tanh activations are a float comparison; use relu for integers.")
        w = self.rounded() if fixed else self.bounded()
        found = self._pools(q, w, fixed)
        tokens = torch.cat([found[f"{name}.pool"] for name in BRANCHES], dim=-1)
        found["tokens.0"] = tokens
        for i in range(self.config.depth):
            sums = torch.bmm(w.tokens[:, i], tokens.flatten(2)).view_as(tokens)
            sums = sums + ONE * w.token_bias[:, i, :, None, None]
            tokens = self._rescale(sums, 7 - self.token_gain[:, i], fixed)
            found[f"tokens.{i + 1}"] = tokens
        total = self._drop_tokens(tokens).sum(-1)
        mean = self._rescale(total, TOKEN_BITS - self.mean_gain, fixed).transpose(1, 2)
        found["mean"] = mean
        found["scores"] = self._head(mean, context, w)
        return found

    def _pools(self, q: Tensor, w: Weights, fixed: bool) -> dict[str, Tensor]:
        """Convolve and pool each branch."""
        found = {}
        for i, segment in enumerate(self.segments):
            weight, bias = w.conv[:, i], ONE * w.conv_bias[:, i]
            if fixed and not self._fits_float32(segment):
                weight, bias = weight.double(), bias.double()
            x = q[:, segment.start : segment.stop]
            shift = 7 + segment.pool_bits - self.pool_gain[:, i]
            if self.config.activation == "tanh":
                sums = tanh_pool(x / SCORE_ONE, weight, bias, segment.pool, segment.tokens)
                sums = SCORE_ONE * sums
            else:
                sums = relu_pool(x, weight, bias, segment.pool, segment.tokens)
            found[f"{segment.name}.pool"] = self._rescale(sums, shift, fixed).to(q.dtype)
        return found

    def _fits_float32(self, segment: Segment) -> bool:
        """Say whether every sum over a pool is exact in float32; half a divisor is added to it."""
        reach = SCORE_ONE if self.config.conv_bound == "l1" else (TAPS + 1) * SCORE_ONE
        return 2 * reach * segment.pool < 1 << 24

    def _rescale(self, sums: Tensor, shift: Tensor, fixed: bool) -> Tensor:
        """Divide by 2^shift per start, with rounding if asked, then clip."""
        shift = shift.to(sums.dtype).view(-1, *[1] * (sums.dim() - 1))
        scaled = round_shift(sums, shift) if fixed else sums * torch.exp2(-shift)
        if self.config.activation == "tanh":
            return ONE * torch.tanh(scaled / ONE)
        return scaled.clamp(0.0, Q7_MAX if fixed else ONE)

    def _drop_tokens(self, tokens: Tensor) -> Tensor:
        share = self.config.token_dropout
        if not self.training or share <= 0:
            return tokens
        kept = tokens.new_empty(tokens.shape[0], 1, tokens.shape[2], TOKEN_COUNT)
        return tokens * kept.bernoulli_(1 - share) / (1 - share)

    def _head(self, mean: Tensor, context: Tensor | None, w: Weights) -> Tensor:
        features = nn.functional.dropout(mean, self.config.dropout, self.training)
        if self.config.context:
            if context is None:
                raise EcgedgeError("this student needs the RR context of each beat.")
            features = torch.cat([features, context.expand(self.starts, -1, -1)], dim=-1)
        bias = ONE * w.head_bias.unsqueeze(1)
        return torch.baddbmm(bias, features, w.head.transpose(1, 2))

    def convolutions(self, q: Tensor, start: int) -> dict[str, Tensor]:
        """Integer accumulators before ReLU of one start: `P.conv` ... (batch, 4, positions)."""
        w = self.rounded()
        return {
            f"{s.name}.conv": accumulators(
                q[:, s.start : s.stop], w.conv[start, i], ONE * w.conv_bias[start, i]
            )
            for i, s in enumerate(self.segments)
        }
