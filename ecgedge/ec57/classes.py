"""Which class an annotation belongs to in a comparison."""

from collections.abc import Mapping
from types import MappingProxyType

from ecgedge.data.labels import AAMI_MAPS
from firmware_sim.errors import EcgedgeError

BEAT_CLASSES = "NSVFQ"
ALONE = "O"
"""What stands in for the beat that is not there: missed as `o`, extra as `O`."""
IN_SHUTDOWN = "X"
"""The same, while the other annotator says that the signals cannot be read."""
FLUTTER_WAVE = "!"


def class_map(aami_map: str = "bxb") -> Mapping[str, str]:
    """Return the class of every symbol that takes part in a comparison.

    Besides beats these are flutter waves (``!``). They are expected between ``[`` and ``]``, where
    nothing is compared; `bxb` takes those outside for QRS complexes that are no beats, so that they
    are walked past but their class is that of a beat which is not there.

    Parameters
    ----------
    aami_map : {"bxb", "aami"}
        Where the escape beats e, j and n go: to S as `bxb` has them, or to N.

    Raises
    ------
    EcgedgeError
        When `aami_map` is not one of the two.
    """
    if aami_map not in AAMI_MAPS:
        raise EcgedgeError(f"unknown AAMI map {aami_map!r}; choose one of {', '.join(AAMI_MAPS)}.")
    return MappingProxyType({**AAMI_MAPS[aami_map], FLUTTER_WAVE: ALONE})
