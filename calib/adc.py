"""The analog front end before a converter: from millivolts at the electrodes to codes, and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FrontEnd:
    """An amplifier and a converter; the defaults are an AD8232 module at 3.3 V on an Uno.

    Attributes
    ----------
    bits : int
        Of the converter.
    reference_mv : float
        Voltage of the largest code.
    gain : float
        Of the amplifier.
    supply_mv : float
        The amplifier's output stays between 0 and this.
    middle_mv : float
        Its output at 0 mV.
    """

    bits: int = 10
    reference_mv: float = 5000.0
    gain: float = 1100.0
    supply_mv: float = 3300.0
    middle_mv: float = 1650.0

    @property
    def largest(self) -> int:
        """The largest code."""
        return int((1 << self.bits) - 1)

    def codes(self, signal_mv: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return what the converter makes of a signal; it is cut off at the supply.

        Parameters
        ----------
        signal_mv : (n,) float64
            Millivolts at the electrodes.

        Returns
        -------
        (n,) int32
            0 ... `largest`.
        """
        output_mv = np.clip(self.middle_mv + self.gain * signal_mv, 0.0, self.supply_mv)
        codes = np.floor(output_mv * self.largest / self.reference_mv)
        return np.clip(codes, 0, self.largest).astype(np.int32)

    def millivolts(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the signal in the middle of each code's step, in millivolts at the electrodes."""
        output_mv = (codes.astype(np.float64) + 0.5) * self.reference_mv / self.largest
        return np.asarray((output_mv - self.middle_mv) / self.gain, dtype=np.float64)
