"""A small synthetic database: two leads, known samples, known beats."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ecgedge.data.record import quiet_wfdb

WriteRecord = Callable[..., Path]
FS_HZ = 360
LENGTH = 10 * FS_HZ
BEATS = [(100, "N"), (500, "V"), (900, "+"), (1000, "e"), (1500, "A"), (3590, "N")]


def ramp(length: int, offset: int) -> np.ndarray:
    """Counts that tell by their value where they are: a slow triangle."""
    return (np.abs(np.arange(length) % 800 - 400) + offset).astype(np.int64)


@pytest.fixture
def write_record() -> WriteRecord:
    """Write one WFDB record; returns its folder."""

    def write(
        folder: Path,
        name: str = "900",
        *,
        leads: Sequence[str] = ("MLII", "V5"),
        length: int = LENGTH,
        fs: int = FS_HZ,
        beats: Sequence[tuple[int, str]] | None = BEATS,
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        signals = np.stack([ramp(length, 800 + 100 * i) for i in range(len(leads))], axis=1)
        with quiet_wfdb() as wfdb:
            wfdb.wrsamp(
                name,
                fs=fs,
                units=["mV"] * len(leads),
                sig_name=list(leads),
                d_signal=signals,
                fmt=["212"] * len(leads),
                adc_gain=[200.0] * len(leads),
                baseline=[1024] * len(leads),
                write_dir=str(folder),
            )
            if beats is not None:
                samples = np.array([sample for sample, _ in beats])
                symbols = [symbol for _, symbol in beats]
                wfdb.wrann(name, "atr", samples, symbol=symbols, write_dir=str(folder))
        return folder

    return write


@pytest.fixture
def database(tmp_path: Path, write_record: WriteRecord) -> Path:
    """A folder with one record, 900."""
    return write_record(tmp_path / "db")
