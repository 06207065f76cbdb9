"""The beats that verification runs: a whole database, the hardest inputs there are, and noise."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.beats import prepare_beats
from ecgedge.data.locate import EXCERPT, excerpt, find_database, is_excerpt, listed_records
from export.bundle import Bundle
from export.golden import contexts_for, extreme_beats, random_beats
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

DATABASE = "mitdb"
SEED = 7


@dataclass(frozen=True, eq=False)
class Source:
    """Beats of one origin.

    Attributes
    ----------
    name : str
        database, extremes, random or golden.
    q : (n, window) int8
    context : (n, program.context) int8 or None
    record : (n,) str or None
        Record name of each beat, for those of a database.
    sample : (n,) int64 or None
        Sample of its R peak at the program's rate.
    facts : dict
        What a report says of the source.
    """

    name: str
    q: NDArray[np.int8]
    context: NDArray[np.int8] | None
    record: NDArray[np.str_] | None = None
    sample: NDArray[np.int64] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def place(self, index: int) -> dict[str, Any]:
        """Say which beat `index` is: the source, and record and sample where there are any."""
        found: dict[str, Any] = {"source": self.name, "beat": index}
        if self.record is not None and self.sample is not None:
            found["record"] = str(self.record[index])
            found["sample"] = int(self.sample[index])
        return found


def find_recordings(data: Path | None) -> tuple[Path, bool]:
    """Return the database's folder, or the bundled excerpt's, and whether it is the excerpt.

    Parameters
    ----------
    data : Path, optional
        What the user named; `excerpt` is the bundled one.

    Raises
    ------
    EcgedgeError
        When the user named a folder and the database is not in it.
    """
    if data == Path(EXCERPT):
        return excerpt(), True
    try:
        folder = find_database(DATABASE, data)
    except EcgedgeError:
        if data is not None:
            raise
        return excerpt(), True
    return folder, is_excerpt(folder)


def database_source(program: Program, data: Path | None) -> Source:
    """Cut every beat whose window lies inside its record, at the program's rate.

    Parameters
    ----------
    program : Program
    data : Path, optional
        As `ecgedge.data.locate.find_database`; without a database the bundled excerpt is used,
        and the facts say so.
    """
    folder, of_excerpt = find_recordings(data)
    records = listed_records(folder)
    beats = prepare_beats(folder, records, fs=program.fs, window=program.window)
    facts = {
        "database": f"{DATABASE} (bundled excerpt)" if of_excerpt else DATABASE,
        "excerpt": of_excerpt,
        "records": len(records),
        "beats": len(beats),
    }
    context = beats.context[:, : program.context] if program.context else None
    return Source("database", beats.q, context, beats.record_names, beats.sample, facts)


def made_sources(bundle: Bundle, random: int) -> tuple[Source, ...]:
    """Return the golden beats, the extremes and `random` beats of noise."""
    program = bundle.program
    extremes = extreme_beats(program)
    noise = random_beats(program.window, random, SEED)
    return (
        Source("golden", bundle.golden.q, bundle.golden.context if program.context else None),
        Source("extremes", extremes, contexts_for(program, len(extremes), SEED)),
        Source("random", noise, contexts_for(program, len(noise), SEED + 1)),
    )
