"""Annotation symbols of the database, the AAMI classes they fall into, and the label maps of tasks.

The symbols are those of the WFDB annotation files [1]_. Which AAMI class an escape beat belongs to
differs between the papers and the scoring tool of WFDB, so both readings are here and every
function that makes labels takes the name of one.

References
----------
.. [1] https://physionet.org/physiotools/wpg/wpg_36.htm (annotation codes)
.. [2] ANSI/AAMI EC57, "Testing and reporting performance results of cardiac rhythm and ST segment
       measurement algorithms".
.. [3] P. de Chazal et al., "Automatic classification of heartbeats using ECG morphology and
       heartbeat interval features", IEEE Trans. Biomed. Eng. 51(7), 2004.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_sim.errors import EcgedgeError

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
DROPPED = -1


def _map(**groups: str) -> Mapping[str, str]:
    return MappingProxyType(
        {symbol: name for name, symbols in groups.items() for symbol in symbols}
    )


AAMI_MAPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # Escape beats are no ectopic beats: they follow a pause, so EC57 and the papers count
        # them as N.
        "aami": _map(N="NLRBejn", S="AaJS", V="VEr", F="F", Q="/fQ?"),
        # bxb counts everything that comes from above the ventricles and not from the sinus as S.
        "bxb": _map(N="NLRB", S="AaJSejn", V="VEr", F="F", Q="/fQ?"),
    }
)

BEAT_SYMBOLS = frozenset(AAMI_MAPS["aami"])


def _aami_map(name: str) -> Mapping[str, str]:
    if name not in AAMI_MAPS:
        raise EcgedgeError(f"unknown AAMI map {name!r}; choose one of {', '.join(AAMI_MAPS)}.")
    return AAMI_MAPS[name]


def _lookup(symbols: ArrayLike, table: Mapping[str, int]) -> NDArray[np.int8]:
    """Index of each symbol in `table`, `DROPPED` for those that are not in it."""
    array = np.asarray(symbols, dtype="<U1")
    names, inverse = np.unique(array, return_inverse=True)
    indices = np.array([table.get(str(name), DROPPED) for name in names], dtype=np.int8)
    return indices[inverse].reshape(array.shape)


def is_beat(symbols: ArrayLike) -> NDArray[np.bool_]:
    """Say which annotations are beats.

    Rhythm changes (`+`), signal quality (`~`), artefacts (`|`), comments (`"`), blocked P waves
    (`x`) and flutter waves (`!`, `[`, `]`) are not.

    Parameters
    ----------
    symbols : array_like of str, any shape
        WFDB annotation symbols.

    Returns
    -------
    ndarray of bool, same shape
    """
    return np.asarray(_lookup(symbols, dict.fromkeys(BEAT_SYMBOLS, 1)) == 1)


def aami_index(symbols: ArrayLike, aami_map: str = "aami") -> NDArray[np.int8]:
    """Return the index into `AAMI_CLASSES` of each symbol, -1 for what is no beat.

    Parameters
    ----------
    symbols : array_like of str, any shape
        WFDB annotation symbols.
    aami_map : {"aami", "bxb"}
        Where the escape beats e, j and n go: to N, or to S as the WFDB tool ``bxb`` does.

    Returns
    -------
    ndarray of int8, same shape
        0 to 4, or -1.

    Raises
    ------
    EcgedgeError
        When `aami_map` is not one of the two.
    """
    table = _aami_map(aami_map)
    return _lookup(symbols, {symbol: AAMI_CLASSES.index(name) for symbol, name in table.items()})


def count_classes(symbols: ArrayLike, aami_map: str = "aami") -> dict[str, int]:
    """Count the beats of each AAMI class among `symbols`; what is no beat is not counted."""
    index = aami_index(symbols, aami_map)
    return {name: int(np.sum(index == k)) for k, name in enumerate(AAMI_CLASSES)}


@dataclass(frozen=True)
class LabelMap:
    """From annotation symbols to the labels of one task.

    Attributes
    ----------
    name : str
        Name of the task on the command line.
    labels : tuple of str
        Label names; the first is always N.
    source : {"symbol", "aami"}
        Whether `groups` speaks of annotation symbols or of AAMI classes.
    groups : tuple of str
        For each label the symbols, or AAMI classes, that carry it. Whatever is in no group is
        dropped.
    """

    name: str
    labels: tuple[str, ...]
    source: str
    groups: tuple[str, ...]

    def apply(self, symbols: ArrayLike, aami_map: str = "aami") -> NDArray[np.int8]:
        """Return the label index of each symbol.

        Parameters
        ----------
        symbols : array_like of str, any shape
            WFDB annotation symbols.
        aami_map : {"aami", "bxb"}
            See `aami_index`; without effect on maps that speak of symbols.

        Returns
        -------
        ndarray of int8, same shape
            Index into `labels`; -1 where the beat is left out of the task.

        Raises
        ------
        EcgedgeError
            When `aami_map` is not known.
        """
        aami = _aami_map(aami_map)
        names = {name: index for index, group in enumerate(self.groups) for name in group}
        if self.source == "symbol":
            return _lookup(symbols, names)
        return _lookup(symbols, {s: names[c] for s, c in aami.items() if c in names})


LABEL_MAPS: Mapping[str, LabelMap] = MappingProxyType(
    {
        label_map.name: label_map
        for label_map in (
            # The symbols as they stand: a bundle branch block beat (L, R) is neither.
            LabelMap("symbol-binary", ("N", "abnormal"), "symbol", ("N", "VSFQ")),
            LabelMap("aami-binary", ("N", "abnormal"), "aami", ("N", "SVF")),
            LabelMap("nsvo", ("N", "S", "V", "O"), "aami", ("N", "S", "V", "FQ")),
            LabelMap("aami-5", AAMI_CLASSES, "aami", AAMI_CLASSES),
            LabelMap("nsvf", ("N", "S", "V", "F"), "aami", ("N", "S", "V", "F")),
        )
    }
)


def label_map(name: str) -> LabelMap:
    """Return the label map of a task.

    Raises
    ------
    EcgedgeError
        When there is none of that name; the message lists those there are.
    """
    if name not in LABEL_MAPS:
        raise EcgedgeError(f"unknown task {name!r}; choose one of {', '.join(LABEL_MAPS)}.")
    return LABEL_MAPS[name]
