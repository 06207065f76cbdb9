"""Cut the bundled excerpt out of the full MIT-BIH Arrhythmia Database.

    python -m ecgedge.data.make_excerpt MITDB OUT

The records and the minutes were chosen for what is in them: N, S, V and F beats occur on both
sides of both splits, and on the training side of `ds1-ds2` every class is in more than one record,
so that validation by record is possible. Such a choice makes an excerpt that shows that a program
works; it makes no sample of anything, and figures on it are not results.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.checksums import sha256
from ecgedge.data.record import PREFERRED_LEAD, quiet_wfdb, read_header, read_record
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import new_folder, write_atomic

LENGTH_S = 300

START_S = {
    # Training records of ds1-ds2.
    "106": 0,
    "119": 0,
    "124": 280,
    "201": 1220,
    "208": 780,
    "209": 490,
    "223": 800,
    # Test records of ds1-ds2.
    "100": 940,
    "200": 1470,
    "210": 900,
    "213": 340,
    "222": 1300,
    "233": 0,
    "234": 730,
}
"""Start of each record's five minutes in the full record, in seconds."""

LICENSE = """\
Open Data Commons Attribution License v1.0 (ODC-By 1.0)

The recordings and annotations in this folder are a Derivative Database of the MIT-BIH Arrhythmia
Database and are made available under the Open Data Commons Attribution License v1.0, whose text is
at

    https://opendatacommons.org/licenses/by/1-0/

Contains information from the MIT-BIH Arrhythmia Database
(https://physionet.org/content/mitdb/1.0.0/), which is made available under the ODC Attribution
License (https://opendatacommons.org/licenses/by/1-0/).

The data are licensed "as is" and without any warranty of any kind (section 7 of the licence).
"""

README = """\
Excerpt of the MIT-BIH Arrhythmia Database
==========================================

{count} records of five minutes, lead MLII alone, cut out of the MIT-BIH Arrhythmia Database 1.0.0
(https://doi.org/10.13026/C2F305) with `python -m ecgedge.data.make_excerpt`. Counts, gain and
baseline are those of the original; the annotations are those of the original, moved to the start
of the excerpt, with the rhythm in force put at sample 0. The comments in each header say where the
five minutes were taken from.

The records and minutes were chosen so that beats of many kinds occur. Figures on this excerpt show
that a program runs. They are not results and must not be compared with published ones.

Licence: ODC-By 1.0 (see LICENSE). Please cite

- G. B. Moody, R. G. Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE Eng. in Med. and
  Biol. 20(3):45-50, 2001.
- A. L. Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet: Components of a new research
  resource for complex physiologic signals", Circulation 101(23):e215-e220, 2000.
"""


def make_excerpt(database: Path, out: Path) -> None:
    """Write the excerpt: records, RECORDS, LICENSE, README.md and SHA256SUMS.

    Parameters
    ----------
    database : Path
        Folder of the full MIT-BIH Arrhythmia Database.
    out : Path
        Folder to make; it must not hold anything yet.

    Raises
    ------
    EcgedgeError
        When the database is not whole, or `out` is not empty.
    """
    with new_folder(out) as folder:
        for name, start_s in START_S.items():
            cut_excerpt(database, name, start_s, folder)
        write_atomic(folder / "RECORDS", "".join(f"{name}\n" for name in sorted(START_S)))
        write_atomic(folder / "LICENSE", LICENSE)
        write_atomic(folder / "README.md", README.format(count=len(START_S)))
        sums = [f"{sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
        write_atomic(folder / "SHA256SUMS", "".join(sums))


def cut_excerpt(database: Path, name: str, start_s: int, folder: Path) -> None:
    """Write five minutes of lead MLII of one record, with its annotations.

    Parameters
    ----------
    database : Path
        Folder of the full database.
    name : str
        Record name; the excerpt keeps it.
    start_s : int
        Where the excerpt starts in the record, in seconds.
    folder : Path
        Where the files go.
    """
    record = read_record(database, name)
    if record.lead_is_fallback:
        raise EcgedgeError(f"record {name} has no lead {PREFERRED_LEAD}; choose another record.")
    start, length = round(start_s * record.fs), round(LENGTH_S * record.fs)
    counts = record.counts[start : start + length]
    comments = [
        *read_header(database, name).comments,
        f"Excerpt of record {name} of the MIT-BIH Arrhythmia Database 1.0.0 (ODC-By 1.0):",
        f"lead {record.lead}, {LENGTH_S} s from {start_s} s (sample {start}).",
    ]
    with quiet_wfdb() as wfdb:
        wfdb.Record(
            record_name=name,
            n_sig=1,
            fs=round(record.fs),
            sig_len=length,
            file_name=[f"{name}.dat"],
            fmt=["212"],
            adc_gain=[record.gain],
            baseline=[record.baseline],
            units=["mV"],
            adc_res=[11],
            adc_zero=[record.baseline],
            init_value=[int(counts[0])],
            checksum=[_checksum(counts)],
            block_size=[0],
            sig_name=[record.lead],
            d_signal=counts[:, np.newaxis].astype(np.int64),
            comments=comments,
        ).wrsamp(write_dir=str(folder))
        annotation = wfdb.rdann(str(database / name), "atr")
    _write_annotations(annotation, name, start, length, folder)


def _checksum(counts: NDArray[np.int32]) -> int:
    """WFDB signal checksum: the sum of the samples as a signed 16-bit number."""
    return (int(counts.sum(dtype=np.int64)) + 0x8000) % 0x10000 - 0x8000


def _write_annotations(annotation: Any, name: str, start: int, length: int, folder: Path) -> None:
    """Write the annotations of `length` samples from `start`, and the rhythm in force before."""
    sample = np.asarray(annotation.sample)
    keep = np.flatnonzero((sample >= start) & (sample < start + length))
    rhythms = [i for i in range(keep[0]) if annotation.symbol[i] == "+"]
    rows = np.array([*rhythms[-1:], *keep])
    with quiet_wfdb() as wfdb:
        wfdb.wrann(
            name,
            "atr",
            np.maximum(sample[rows] - start, 0),
            symbol=[annotation.symbol[i] for i in rows],
            subtype=np.asarray(annotation.subtype)[rows],
            chan=np.asarray(annotation.chan)[rows],
            num=np.asarray(annotation.num)[rows],
            aux_note=[annotation.aux_note[i] for i in rows],
            write_dir=str(folder),
        )


def main(arguments: list[str]) -> int:
    """Run as a program: ``python -m ecgedge.data.make_excerpt MITDB OUT``."""
    if len(arguments) != 2:
        print("usage: python -m ecgedge.data.make_excerpt MITDB OUT", file=sys.stderr)
        return 2
    try:
        make_excerpt(Path(arguments[0]), Path(arguments[1]))
    except EcgedgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
