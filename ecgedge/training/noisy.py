"""The noisy twin of training beats: the same beats, cut out of records with real noise in them.

Template, scaling and context of a twin are those of the noisy record, as a device in a noisy place
would have them. The noise is the second channel of nstdb, of which robustness is measured with the
first: two leads of one recording, from different places on.
"""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgedge.data.beats import BeatSet, cut_record
from ecgedge.data.noise import MIX, Noise, find_noise, noisy
from ecgedge.data.record import read_record
from firmware_sim.errors import EcgedgeError

CHANNEL = "noise2"
KINDS = ("em", "ma", MIX)
SNRS_DB = (18, 12, 6)


def noisy_beats(folder: Path, beats: BeatSet, noise: Noise | None = None) -> BeatSet:
    """Return prepared beats as they would be if their records were noisy.

    Each record gets one kind of noise at one ratio, from a random place on; its name alone decides
    which, so that every run sees the same.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    beats : BeatSet
        From `prepare_beats`: all whole windows of its records.
    noise : dict of str to Record, optional
        Of `read_noise`; without it, nstdb is looked for beside `folder` and where databases are.

    Returns
    -------
    BeatSet
        The same beats in the same order, with other counts, `q` and `context`.

    Raises
    ------
    EcgedgeError
        When nstdb is not there, or a record is damaged.
    """
    noise = _found(folder) if noise is None else noise
    counts, q, context = beats.counts.copy(), beats.q.copy(), beats.context.copy()
    for index, (name, lead) in enumerate(zip(beats.records, beats.leads, strict=True)):
        random = np.random.default_rng(zlib.crc32(name.encode()))
        kind, snr_db = str(random.choice(KINDS)), int(random.choice(SNRS_DB))
        record = noisy(read_record(folder, name, lead), noise, kind, snr_db, random)
        cut = cut_record(record, beats.fs, beats.window, beats.margin)
        rows = beats.record == index
        whole = cut.inside
        counts[rows], q[rows], context[rows] = cut.counts[whole], cut.q[whole], cut.context[whole]
    return replace(beats, counts=counts, q=q, context=context)


def _found(folder: Path) -> Noise:
    try:
        return find_noise(folder, CHANNEL)
    except EcgedgeError as error:
        raise EcgedgeError(
            f"noisy beats need the database nstdb beside {folder.resolve()} or in the cache "
            f"({error.args[0].rstrip('.')}); fetch it with `ecgedge data download nstdb`, or leave "
            "--nstdb out."
        ) from None
