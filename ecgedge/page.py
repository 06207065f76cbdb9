"""`ecgedge export --to wasm`: the C library as a WebAssembly module, and a page that runs it."""

from pathlib import Path

import numpy as np

from ecgedge.chips.wasm import model_wasm
from ecgedge.data.locate import EXCERPT, find_record, is_excerpt
from ecgedge.data.record import read_record, resample_record
from export.wasm_page import PageRecording, page
from firmware_sim.detector import as_counts
from firmware_sim.files import new_folder, write_atomic
from firmware_sim.program import Program

RECORD = "208"
SECONDS = 60
MODULE, PAGE = "model.wasm", "index.html"
EXCERPT_CREDIT = (
    "Record {} is from the MIT-BIH Arrhythmia Database (Moody and Mark 2001, PhysioNet), "
    "ODC-By 1.0."
)


def page_recording(program: Program, record: str = RECORD) -> PageRecording:
    """Read the first minute of a record at the program's rate.

    Parameters
    ----------
    program : Program
    record : str
        A record of the bundled excerpt, or the path of a WFDB record.

    Raises
    ------
    EcgedgeError
        When there is no such record.
    """
    folder, name = find_record(record, Path(EXCERPT))
    found = resample_record(read_record(folder, name), program.fs)
    counts = as_counts(found.counts[: SECONDS * program.fs]).astype(np.int16)
    beats = zip(found.beat_samples.tolist(), found.beat_symbols.tolist(), strict=True)
    return PageRecording(
        name=f"record {name}",
        credit=EXCERPT_CREDIT.format(name) if is_excerpt(folder) else "",
        counts=counts,
        gain=found.gain,
        baseline=found.baseline,
        reference=[(sample, symbol) for sample, symbol in beats if sample < len(counts)],
    )


def write_wasm(
    path: Path,
    program: Program,
    *,
    made_by: str = "ecgedge",
    overwrite: bool = False,
    record: str = RECORD,
) -> None:
    """Write a program's WebAssembly module and its page into a folder, whole or not at all.

    Parameters
    ----------
    path : Path
        Folder to make.
    program : Program
    made_by : str
        Program and version.
    overwrite : bool
        Replace a folder that an earlier export wrote.
    record : str
        As in `page_recording`.

    Raises
    ------
    ToolMissing
        When clang, wasm-ld or wasm-opt is not installed.
    EcgedgeError
        When there is no such record, the program does not fit the library, or the folder exists.
    """
    recording = page_recording(program, record)
    module = model_wasm(program)
    text = page(program, module, recording, made_by)
    with new_folder(path, overwrite=overwrite, replaces=MODULE) as folder:
        write_atomic(folder / MODULE, module)
        write_atomic(folder / PAGE, text)
