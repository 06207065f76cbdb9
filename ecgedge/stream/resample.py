"""Rational rate conversion of a stream of counts, block by block."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int32]


class StreamResampler:
    """Polyphase conversion by up/down that gives the same samples however the input is cut.

    Together the blocks are ``rint(scipy.signal.resample_poly(x, up, down, padtype="edge"))``:
    the same filter, the ends held. The output lags by half the filter, 10 samples of the slower
    rate.

    Parameters
    ----------
    up, down : int
        The output rate is up/down times the input rate; both positive, without a common factor.
    """

    def __init__(self, up: int, down: int) -> None:
        from scipy.signal import firwin

        self._up = up
        self._down = down
        longest = max(up, down)
        self._half = 10 * longest
        taps = up * firwin(2 * self._half + 1, 1 / longest, window=("kaiser", 5.0))
        self._taps = -(-len(taps) // up)
        padded = np.zeros(self._taps * up)
        padded[: len(taps)] = taps
        # row r: the taps that meet the input samples, newest first, when an output has phase r
        self._bank = padded.reshape(self._taps, up).T.copy()
        self._history: NDArray[np.float64] = np.empty(0)
        self._received = 0
        self._given = 0

    def push(self, counts: NDArray[np.integer]) -> Counts:
        """Take counts and return the converted ones that are complete, int32."""
        if not len(counts):
            return np.empty(0, np.int32)
        if not self._received:
            self._history = np.full(self._taps - 1, float(counts[0]))
        self._history = np.concatenate([self._history, counts.astype(np.float64)])
        self._received += len(counts)
        ready = -(-(self._received * self._up - self._half) // self._down)
        return self._give(max(ready, self._given))

    def flush(self) -> Counts:
        """Return what the end of the input completes; the last value is held."""
        if not self._received:
            return np.empty(0, np.int32)
        total = -(-self._received * self._up // self._down)
        missing = (total * self._down + self._half) // self._up + 1 - self._received
        last = self._history[-1]
        self._history = np.concatenate([self._history, np.full(max(missing, 0), last)])
        self._received += max(missing, 0)
        return self._give(total)

    def _give(self, stop: int) -> Counts:
        """Compute outputs up to `stop` and forget the inputs that are used up."""
        outputs = np.arange(self._given, stop, dtype=np.int64)
        self._given = stop
        begin = self._received - len(self._history)
        newest, phase = np.divmod(outputs * self._down + self._half, self._up)
        places = newest[:, None] - np.arange(self._taps) - begin
        values = np.einsum("ij,ij->i", self._history[places], self._bank[phase])
        oldest = (stop * self._down + self._half) // self._up - self._taps + 1
        self._history = self._history[max(oldest - begin, 0) :].copy()
        result: Counts = np.rint(values).astype(np.int32)
        return result
