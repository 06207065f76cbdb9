"""The detector alone on recordings, for scoring by other people's programs."""

from pathlib import Path

from ecgedge.data.annotations import check_annotator, write_beat_annotations
from ecgedge.data.record import read_record, resample_record
from firmware_sim.detector import detect
from firmware_sim.detector_timing import FS_MAX_HZ, FS_MIN_HZ

OTHER_FS_HZ = 250
"""Rate at which a record is searched whose own rate the detector cannot work at."""


def r_peaks(folder: Path, name: str, lead: str = "MLII") -> tuple[list[int], float, str]:
    """Find the R peaks of a record.

    Parameters
    ----------
    folder : Path
        Folder of the record.
    name : str
        Record.
    lead : str
        As in `ecgedge.data.record.read_record`.

    Returns
    -------
    samples : list of int
        At the record's own rate, increasing.
    fs : float
        That rate, Hz.
    lead : str
        The lead that was used.
    """
    record = read_record(folder, name, lead)
    fs = record.fs
    if fs != int(fs) or not FS_MIN_HZ <= fs <= FS_MAX_HZ:
        record = resample_record(record, OTHER_FS_HZ)
    found = detect(record.counts, int(record.fs))
    return [round(d.sample * fs / record.fs) for d in found], fs, record.lead


def annotate_r_peaks(
    folder: Path, name: str, output: Path, annotator: str = "qrs", lead: str = "MLII"
) -> tuple[Path, int, str]:
    """Write the R peaks of a record as WFDB annotations, each with the symbol N.

    Returns
    -------
    path : Path
        The file, ``NAME.annotator`` in `output`.
    n : int
        How many R peaks there are.
    lead : str
        The lead that was used.

    Raises
    ------
    EcgedgeError
        When the annotator's name is none.
    """
    check_annotator(annotator)
    samples, fs, used = r_peaks(folder, name, lead)
    path = write_beat_annotations(output, Path(name).name, annotator, samples, fs)
    return path, len(samples), used
