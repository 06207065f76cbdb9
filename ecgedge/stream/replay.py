"""Files as sources: CSV with or without a clock, raw captures, our own recordings, WFDB records."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.errors import EcgedgeError

CHUNK_BYTES = 4096
CHUNK_SAMPLES = 1024
SAMPLES_NAME = "samples.csv"


@dataclass(frozen=True)
class FileReplay:
    """Bytes of a file, as a port would have given them."""

    path: Path

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield the bytes in pieces.

        Raises
        ------
        EcgedgeError
            When the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                while data := file.read(size):
                    yield data
        except OSError as error:
            raise EcgedgeError(f"{self.path} cannot be read: {error.strerror}.") from None


@dataclass(frozen=True)
class RecordReplay:
    """Counts of one lead of a WFDB record.

    Attributes
    ----------
    name : str
        Record and lead, for people.
    counts : tuple of int
        Converter counts.
    rate_hz : float
        Sampling rate.
    """

    name: str
    counts: tuple[int, ...]
    rate_hz: float

    def chunks(self, size: int = CHUNK_SAMPLES) -> Iterator[tuple[int, ...]]:
        """Yield the counts in pieces."""
        for start in range(0, len(self.counts), size):
            yield self.counts[start : start + size]


def open_replay(path: Path, lead: str = "MLII") -> FileReplay | RecordReplay:
    """Find out what a path is.

    Parameters
    ----------
    path : Path
        A file of lines or frames, the folder of a recording made with ``--out``, or a WFDB record
        (its header, or its name without extension).
    lead : str
        Lead of a WFDB record, as in `ecgedge.data.record.read_record`.

    Raises
    ------
    EcgedgeError
        When there is nothing of that name.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / SAMPLES_NAME).is_file():
            raise EcgedgeError(
                f"the folder {path} holds no {SAMPLES_NAME}; name a recording made with "
                "`ecgedge stream --out`, or a file."
            )
        return FileReplay(path / SAMPLES_NAME)
    header = path if path.suffix == ".hea" else path.with_name(path.name + ".hea")
    if path.suffix in (".dat", ".atr") and path.with_suffix(".hea").is_file():
        header = path.with_suffix(".hea")
    if header.is_file() and (
        header == path or path.suffix in (".dat", ".atr") or not path.is_file()
    ):
        return _record(header, lead)
    if not path.is_file():
        raise EcgedgeError(
            f"there is no file {path}; name a CSV file, a raw capture, a recording or a WFDB "
            "record."
        )
    return FileReplay(path)


def _record(header: Path, lead: str) -> RecordReplay:
    from ecgedge.data.record import read_record

    record = read_record(header.parent, header.stem, lead)
    counts = tuple(record.counts.tolist())
    return RecordReplay(f"{header.with_suffix('')} {record.lead}", counts, record.fs)
