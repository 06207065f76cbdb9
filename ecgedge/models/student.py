"""The student: about 150 bounded parameters, many starts trained as one network.

It sees a beat through convolutions over its segments, through measures, or through its context
alone.

Everything is computed in the units of the integer program: a beat is its Q0.7 integers, a weight w
counts 128 w, an activation 0 ... 128. The float network and the integer program are then one
computation, once without and once with roundings.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
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
from firmware_sim.formats import FRACTION_BITS
from firmware_sim.measures import Measure, check_measures, measured
from firmware_sim.program import (
    BRANCHES,
    CHANNELS,
    CONTEXT_SIZES,
    LIMITS,
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
        Token layers, 1 to 3; without meaning without branches.
    context : int
        0, 5 (RR context) or 12 values of `firmware_sim.context`.
    branches : bool
        False for a student that measures the beat, or sees it through its context alone.
    hidden : int
        Units between the features and the head; 0 for none.
    conv_bound : str
        "l1": sum(|w|) + |b| <= 1 per channel; "tanh": each weight by itself; "none": no bounds at
        all, also not on linear layers.
    activation : str
        "relu", or "tanh" for a comparison that stays float.
    token_dropout, dropout : float
        Shares of tokens and of pooled features dropped while training.
    logit_scale : int
        Logits are this times the scores.
    weight_noise : float
        Standard deviation of the noise on weights and biases while training; 1 is the largest
        weight.
    measures : tuple of Measure
        What is measured on the beat, in place of branches.
    """

    window: int = 360
    classes: int = 4
    depth: int = 1
    context: int = 0
    branches: bool = True
    hidden: int = 0
    conv_bound: str = "l1"
    activation: str = "relu"
    token_dropout: float = 0.0
    dropout: float = 0.0
    logit_scale: int = 8
    weight_noise: float = 0.0
    measures: tuple[Measure, ...] = ()

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
        if self.context not in CONTEXT_SIZES:
            sizes = ", ".join(map(str, CONTEXT_SIZES))
            raise EcgedgeError(f"context is {self.context}; a student takes one of {sizes} values.")
        if not 0 <= self.hidden <= LIMITS["hidden"][1]:
            raise EcgedgeError(
                f"hidden is {self.hidden}; a student has 0 to {LIMITS['hidden'][1]} hidden units."
            )
        if self.branches and self.measures:
            raise EcgedgeError("a student has branches or measures, not both.")
        check_measures(self.measures, self.window)
        if not self.branches and not (self.features and self.hidden):
            raise EcgedgeError(
                "a student without branches needs measures or a context, and hidden units."
            )

    @property
    def features(self) -> int:
        """How many values the mean over tokens, or the measures, and the context are together."""
        return (CHANNELS if self.branches else len(self.measures)) + self.context

    @property
    def branch_names(self) -> tuple[str, ...]:
        """The branches that it has."""
        return BRANCHES if self.branches else ()

    @property
    def layers(self) -> int:
        """Token layers that it has."""
        return self.depth if self.branches else 0


@dataclass(frozen=True)
class Weights:
    """Weights and biases of all layers in units of 1/128, after their bounds; leading axis starts.

    `conv` is (starts, 4 branches, 4 channels, 4 taps), `tokens` (starts, depth, 4, 4), `hidden`
    (starts, units, features), `head` (starts, classes, inputs); each bias lacks the last axis.
    What a student does not have is an axis of length 0.
    """

    conv: Tensor
    conv_bias: Tensor
    tokens: Tensor
    token_bias: Tensor
    hidden: Tensor
    hidden_bias: Tensor
    head: Tensor
    head_bias: Tensor


class SegmentStudent(nn.Module):
    """Branches over P, QRS, T and the whole, eight tokens, token layers, mean; or measures; head.

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
    hidden_gain : Tensor (starts,)
        The same after the hidden layer.
    """

    pool_gain: Tensor
    token_gain: Tensor
    mean_gain: Tensor
    hidden_gain: Tensor

    def __init__(self, config: StudentConfig, starts: int = 1) -> None:
        super().__init__()
        self.config, self.starts = config, starts
        self.segments = segments(config.window) if config.branches else ()
        branches, depth, units = len(config.branch_names), config.layers, config.hidden
        inputs = units or config.features

        def parameter(fan_in: int, *shape: int) -> nn.Parameter:
            reach = 1 / math.sqrt(fan_in)
            return nn.Parameter(torch.empty(starts, *shape).uniform_(-reach, reach))

        self.conv_weight = parameter(TAPS, branches, CHANNELS, TAPS)
        self.conv_bias = parameter(16 * TAPS, branches, CHANNELS)
        self.token_weight = parameter(CHANNELS, depth, CHANNELS, CHANNELS)
        self.token_bias = parameter(16 * CHANNELS, depth, CHANNELS)
        if units:  # others draw the numbers that they always drew
            self.hidden_weight = parameter(config.features, units, config.features)
            self.hidden_bias = parameter(16 * config.features, units)
        self.head_weight = parameter(inputs, config.classes, inputs)
        self.head_bias = parameter(inputs, config.classes)
        self.register_buffer("pool_gain", torch.zeros(starts, branches))
        self.register_buffer("token_gain", torch.zeros(starts, depth))
        self.register_buffer("mean_gain", torch.zeros(starts))
        self.register_buffer("hidden_gain", torch.zeros(starts))

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
            *linear(*self._hidden_parameters()),
            *linear(self.head_weight, self.head_bias),
        )
        return Weights(*(ONE * value for value in pairs))

    def _hidden_parameters(self) -> tuple[Tensor, Tensor]:
        if self.config.hidden:
            return self.hidden_weight, self.hidden_bias
        none = self.head_weight.new_zeros(self.starts, 0, self.config.features)
        return none, none[:, :, 0]

    def rounded(self) -> Weights:
        """Return the integers that quantization would choose, with straight-through gradients."""
        w = self.bounded()
        l1 = self.config.conv_bound == "l1"
        conv = whole_weights(w.conv, w.conv_bias, l1=l1)
        tokens = whole_weights(w.tokens, w.token_bias, l1=False)
        hidden = whole_weights(w.hidden, w.hidden_bias, l1=False)
        head = whole_weights(w.head, w.head_bias, l1=False)
        return Weights(
            straight_through(w.conv, conv[0]),
            straight_through(w.conv_bias, conv[1]),
            straight_through(w.tokens, tokens[0]),
            straight_through(w.token_bias, tokens[1]),
            straight_through(w.hidden, hidden[0]),
            straight_through(w.hidden_bias, hidden[1]),
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
        context : Tensor (batch, 5 or 12), optional
            Context as Q0.7 integers held in floats; needed when the student uses it, of which the
            first values are taken.
        fixed : bool
            Compute with the integer program's roundings; gradients go straight through them.

        Returns
        -------
        logits : Tensor (starts, batch, classes)
            logit_scale times the scores.
        features : Tensor (starts, batch, n)
            What a teacher may speak to: the hidden units, in -1 ... 1, or else the mean over
            tokens, in 0 ... 1.
        """
        found = self.trace(q, context, fixed=fixed)
        features = found["hidden" if self.config.hidden else "mean"] / ONE
        return found["scores"] * (self.config.logit_scale / SCORE_ONE), features

    def trace(self, q: Tensor, context: Tensor | None, *, fixed: bool) -> dict[str, Tensor]:
        """Compute every layer after the convolutions, by the names of the integer program.

        Returns
        -------
        dict of str to Tensor
            `P.pool` ... (starts, 4, batch, tokens), `tokens.0` ... (starts, 4, batch, 8), `mean`
            (starts, batch, 4); or `measures` (starts, batch, measures); `hidden` (starts, batch,
            units), `scores` (starts, batch, classes), in units of 1/128 and 2^-14; what the student
            does not have is left out.
        """
        if fixed and self.config.activation != "relu":
            raise EcgedgeError("tanh activations are a float comparison; use relu for integers.")
        w = self._noisy(self.rounded() if fixed else self.bounded())
        found = self._tokens(q, w, fixed) if self.config.branches else {}
        if self.config.measures:
            found["measures"] = self._measures(q)
        features = self._features(found.get("mean", found.get("measures")), context, len(q))
        if self.config.hidden:
            bias = ONE * w.hidden_bias.unsqueeze(1)
            sums = torch.baddbmm(bias, features, w.hidden.transpose(1, 2))
            shift = FRACTION_BITS - self.hidden_gain
            features = found["hidden"] = self._rescale(sums, shift, fixed, signed=True)
        bias = ONE * w.head_bias.unsqueeze(1)
        found["scores"] = torch.baddbmm(bias, features, w.head.transpose(1, 2))
        return found

    def _measures(self, q: Tensor) -> Tensor:
        """Measure beats as the program does: there is nothing to be trained or to be rounded."""
        found = measured(q.cpu().numpy().astype(np.int8), self.config.measures)
        return torch.from_numpy(found).to(q).expand(self.starts, -1, -1)

    def _noisy(self, w: Weights) -> Weights:
        """Add what analog hardware may add to its weights, in training only."""
        noise = self.config.weight_noise
        if not self.training or not noise:
            return w
        values = (getattr(w, item.name) for item in fields(w))
        return Weights(*(v + ONE * noise * torch.randn_like(v) for v in values))

    def _tokens(self, q: Tensor, w: Weights, fixed: bool) -> dict[str, Tensor]:
        """Compute everything from the pools to the mean over tokens."""
        found = self._pools(q, w, fixed)
        tokens = torch.cat([found[f"{name}.pool"] for name in BRANCHES], dim=-1)
        found["tokens.0"] = tokens
        for i in range(self.config.depth):
            sums = torch.bmm(w.tokens[:, i], tokens.flatten(2)).view_as(tokens)
            sums = sums + ONE * w.token_bias[:, i, :, None, None]
            tokens = self._rescale(sums, FRACTION_BITS - self.token_gain[:, i], fixed)
            found[f"tokens.{i + 1}"] = tokens
        total = self._drop_tokens(tokens).sum(-1)
        mean = self._rescale(total, TOKEN_BITS - self.mean_gain, fixed).transpose(1, 2)
        found["mean"] = mean
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

    def _rescale(self, sums: Tensor, shift: Tensor, fixed: bool, *, signed: bool = False) -> Tensor:
        """Divide by 2^shift per start, with rounding if asked, then clip."""
        shift = shift.to(sums.dtype).view(-1, *[1] * (sums.dim() - 1))
        scaled = round_shift(sums, shift) if fixed else sums * torch.exp2(-shift)
        if self.config.activation == "tanh":
            return ONE * torch.tanh(scaled / ONE)
        limit = Q7_MAX if fixed else ONE
        return scaled.clamp(-limit if signed else 0.0, limit)

    def _drop_tokens(self, tokens: Tensor) -> Tensor:
        share = self.config.token_dropout
        if not self.training or share <= 0:
            return tokens
        kept = tokens.new_empty(tokens.shape[0], 1, tokens.shape[2], TOKEN_COUNT)
        return tokens * kept.bernoulli_(1 - share) / (1 - share)

    def _features(self, seen: Tensor | None, context: Tensor | None, beats: int) -> Tensor:
        """Put mean or measures and context side by side: (starts, batch, features)."""
        parts = []
        if seen is not None:
            parts.append(nn.functional.dropout(seen, self.config.dropout, self.training))
        if self.config.context:
            if context is None:
                raise EcgedgeError("this student needs the context of each beat.")
            known = context[:, : self.config.context]
            parts.append(known.expand(self.starts, beats, self.config.context))
        return torch.cat(parts, dim=-1)

    def convolutions(self, q: Tensor, start: int) -> dict[str, Tensor]:
        """Integer accumulators before ReLU of one start: `P.conv` ... (batch, 4, positions)."""
        w = self.rounded()
        return {
            f"{s.name}.conv": accumulators(
                q[:, s.start : s.stop], w.conv[start, i], ONE * w.conv_bias[start, i]
            )
            for i, s in enumerate(self.segments)
        }
