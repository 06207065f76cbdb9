"""Convolution, ReLU and sum pooling as one linear form.

The sum of max(w . x_i + b, 0) over a pool equals w . M + b m, where M is the sum of the inputs x_i
at which the ReLU is open and m their number. So a batch needs five masked sums per pool instead of
a row of convolution outputs: they are found chunk by chunk inside the processor cache, the pooled
value is linear in the weights, and its gradient is exact without a second pass.
"""

import torch
from torch import Tensor

TAPS = 4
_CHUNK_ROWS = 2880
"""Positions handled at once: with 64 channels they take 0.7 MB, which stays in the cache."""


def patches(x: Tensor, pool: int, tokens: int) -> Tensor:
    """Cut a segment into pools of tap windows, with a 1 for the bias.

    Parameters
    ----------
    x : Tensor (batch, length)
    pool : int
        Convolution outputs per token; pool * tokens <= length - 3.
    tokens : int

    Returns
    -------
    Tensor (batch * tokens, pool, 5)
        Four taps and a one for each convolution output; trailing outputs are dropped.
    """
    batch, used = x.shape[0], pool * tokens
    rows = x.new_ones(batch, used, TAPS + 1)
    rows[..., :TAPS] = x.unfold(1, TAPS, 1)[:, :used]
    return rows.reshape(batch * tokens, pool, TAPS + 1)


@torch.no_grad()
def masked_sums(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Sum the tap windows of each pool at which a channel's ReLU is open.

    Parameters
    ----------
    rows : Tensor (pools, pool, 5)
        From `patches`.
    weight : Tensor (channels, 4)
    bias : Tensor (channels,)
        On the scale of the products.

    Returns
    -------
    Tensor (pools, 5, channels)
        Four sums of inputs and the number of open positions. Exact for whole-numbered inputs
        while 127 * pool stays below 2^24.
    """
    taps = torch.cat([weight, bias[:, None]], 1).t().contiguous()
    count, pool, _ = rows.shape
    sums = rows.new_empty(count, TAPS + 1, taps.shape[1])
    step = max(1, _CHUNK_ROWS // pool)
    for start in range(0, count, step):
        part = rows[start : start + step]
        is_open = (part.reshape(-1, TAPS + 1) @ taps).gt_(0)
        torch.bmm(
            part.transpose(1, 2),
            is_open.view(part.shape[0], pool, -1),
            out=sums[start : start + step],
        )
    return sums


def relu_pool(x: Tensor, weight: Tensor, bias: Tensor, pool: int, tokens: int) -> Tensor:
    """Sum max(w . x + b, 0) over each pool, for the channels of all starts.

    Parameters
    ----------
    x : Tensor (batch, length)
        One segment of the beat.
    weight : Tensor (starts, channels, 4)
    bias : Tensor (starts, channels)
        On the scale of the products.
    pool, tokens : int
        See `patches`.

    Returns
    -------
    Tensor (starts, channels, batch, tokens)
        In the type of `weight`; the gradient reaches the weights and biases, not `x`.
    """
    starts, channels, _ = weight.shape
    rows = patches(x, pool, tokens)
    flat_weight = weight.detach().reshape(-1, TAPS).to(x.dtype)
    flat_bias = bias.detach().reshape(-1).to(x.dtype)
    sums = masked_sums(rows, flat_weight, flat_bias).to(weight.dtype)
    whole = torch.cat([weight, bias.unsqueeze(-1)], -1).reshape(-1, TAPS + 1)
    pooled = (sums * whole.t()).sum(1)
    return pooled.view(x.shape[0], tokens, starts, channels).permute(2, 3, 0, 1)


def tanh_pool(x: Tensor, weight: Tensor, bias: Tensor, pool: int, tokens: int) -> Tensor:
    """Sum tanh(w . x + b) over each pool: the float-only comparison, arguments as `relu_pool`."""
    starts, channels, _ = weight.shape
    rows = patches(x, pool, tokens)
    whole = torch.cat([weight, bias.unsqueeze(-1)], -1).reshape(-1, TAPS + 1)
    pooled = torch.tanh(rows @ whole.t()).sum(1)
    return pooled.view(x.shape[0], tokens, starts, channels).permute(2, 3, 0, 1)


def accumulators(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Every convolution output, for those who want to see them: (batch, channels, length - 3)."""
    rows = x.unfold(1, TAPS, 1)
    return (rows @ weight.t() + bias).transpose(1, 2)
