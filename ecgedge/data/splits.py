"""Which records train and which test.

A split is by record: no beat of a test record is ever seen before the report. Four traps of the
MIT-BIH Arrhythmia Database have to be kept in mind with any figure made on these splits.

- Records 201 (DS1) and 202 (DS2) come from one person, so `ds1-ds2` is not quite inter-patient:
  report without 202 as well (`SAME_PERSON`).
- Three quarters of DS2's S beats are in record 232 and nine tenths of its F beats in record 213:
  one record decides the figure of a class. Report S without 232 and F without 213 as well
  (`DOMINANT_RECORD`).
- Records 102, 104, 107 and 217 are paced (`PACED`). AAMI practice leaves them out, and so does
  `ds1-ds2`; `replica` keeps three of them in its training records.
- 102 and 104 have no lead MLII, and in 114 it is the second channel. `replica` takes the first
  channel of every record, whatever it is, because the protocol it repeats did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ecgedge.data.locate import listed_records
from firmware_sim.errors import EcgedgeError


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DS1 = _names(
    "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
)
DS2 = _names(
    "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
)
PACED = ("102", "104", "107", "217")
SAME_PERSON = ("201", "202")
DOMINANT_RECORD: Mapping[str, str] = MappingProxyType({"S": "232", "F": "213"})

_REPLICA_TRAIN = _names(
    "100 101 102 103 104 105 107 108 109 111 112 113 115 117 121 122 123 200 201 202 203 207 "
    "209 210 212 213 219 222 223 230 231 232"
)
_REPLICA_TEST = _names("106 114 116 118 119 124 205 208 214 215 220 221 228 233 234")


@dataclass(frozen=True)
class Split:
    """Training and test records of one protocol.

    Attributes
    ----------
    name : str
        Name on the command line.
    train, test : tuple of str
        Record names; no record is in both.
    lead : str
        Lead to read, as `ecgedge.data.record.read_record` takes it.
    task : str
        Label map used unless another is asked for.
    missing : tuple of str
        Records of the protocol that the folder at hand does not list; empty for the protocol
        itself. Figures on a split that misses records are not figures of the protocol.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    lead: str
    task: str
    missing: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        """Training records, then test records."""
        return self.train + self.test

    @property
    def is_whole(self) -> bool:
        """Whether every record of the protocol is there."""
        return not self.missing


SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        # de Chazal et al. 2004; N S V F with the AAMI classes, Q left out.
        "ds1-ds2": Split("ds1-ds2", DS1, DS2, lead="MLII", task="nsvf"),
        # The protocol of a published 150-parameter student: symbol N against V, S, F and Q.
        "replica": Split("replica", _REPLICA_TRAIN, _REPLICA_TEST, "first", "symbol-binary"),
    }
)


def get_split(name: str) -> Split:
    """Return a split by its name.

    Raises
    ------
    EcgedgeError
        When there is none of that name; the message lists those there are.
    """
    if name not in SPLITS:
        raise EcgedgeError(f"unknown split {name!r}; choose one of {', '.join(SPLITS)}.")
    return SPLITS[name]


def split_records(split: Split | str, folder: Path) -> Split:
    """Restrict a split to the records that a folder lists.

    Parameters
    ----------
    split : Split or str
        A split or its name.
    folder : Path
        Folder of the database (or of an excerpt of it).

    Returns
    -------
    Split
        Order kept; what the folder does not list is named in `Split.missing`.

    Raises
    ------
    EcgedgeError
        When the split is unknown, or no training or no test record is left.
    """
    split = get_split(split) if isinstance(split, str) else split
    there = set(listed_records(folder))
    train = tuple(name for name in split.train if name in there)
    test = tuple(name for name in split.test if name in there)
    if not train or not test:
        raise EcgedgeError(
            f"{folder} has no {'training' if not train else 'test'} records of the split "
            f"{split.name}; fetch the database with `ecgedge data download mitdb`."
        )
    missing = tuple(name for name in split.records if name not in there)
    return replace(split, train=train, test=test, missing=missing)
