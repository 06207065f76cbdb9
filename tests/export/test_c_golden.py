"""The self-test of the C library: it passes as exported, and finds what was changed."""

import struct
from pathlib import Path

import numpy as np
import pytest

from ecgedge.chips import Core, build, run
from ecgedge.chips.cores import HOST
from ecgedge.stream.selftest import difference
from ecgedge.stream.wire import SelftestResult
from export.c_golden import golden_header, layers, lines, recording, stream
from export.c_library import library_files
from firmware_sim import network
from firmware_sim.pipeline import Pipeline
from firmware_sim.program import Program, load_program
from tests.programs import random_program
from tests.tools import cores, needs

HARNESS = Path(__file__).with_name("programs") / "selftest.c"
ZOO = Path(__file__).parents[2] / "ecgedge" / "zoo_bundles"
SHIPPED = ("rhythm-140", "beat-150")


def shipped(name: str) -> Program:
    return load_program(ZOO / name / "program.json")


def write_library(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write a library; return its C files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return [folder / name for name in files if name.endswith(".c") and "/" not in name]


def selftest(core: Core, files: dict[str, str], folder: Path) -> tuple[int, ...]:
    """Compile a library and run its self-test: passed, place, expected, actual."""
    sources = write_library(folder / "library", files)
    built = build(core, [HARNESS, *sources], [folder / "library"], {}, folder / "build")
    return struct.unpack("<4i", run(built, b"").output)


def test_the_window_goes_through_the_network_as_the_simulator_runs_it() -> None:
    program = shipped("rhythm-140")
    found = layers(program)
    source, noise = 0x1234, []
    for _ in range(program.window):
        source = (source * 25173 + 13849) % 65536
        noise.append(max((source >> 8) - 256 * (source >> 15), -127))
    q = np.array([noise], dtype=np.int8)
    output = network.run(program, q, np.zeros((1, 5), dtype=np.int8), layers=True)
    for name in ("tokens.0", "tokens.1", "mean"):
        assert np.array_equal(output.layers[name], found[name]), name


@pytest.mark.parametrize("fs", [125, 250, 360, 500])
def test_the_recording_comes_back_to_where_it_began_and_has_beats(fs: int) -> None:
    assert sum(samples * step for samples, step in lines(fs)) == 0
    counts = recording(fs, 20 * fs)
    assert -150 < counts.min() < 0 < counts.max() < 150
    assert len(Pipeline(random_program(1, window=fs)).push(counts)) > 10


def test_the_stream_has_beats_on_both_sides_of_its_gap() -> None:
    program = shipped("rhythm-140")
    found = stream(program)
    counts = recording(program.fs, found.part)
    before = len(Pipeline(program).push(counts))
    assert 0 < before < found.beats - 1
    assert found.gap_to - found.part > 2**16


def test_the_header_names_its_program_and_no_comment_ends_early() -> None:
    program = random_program(1).replace(name="a */ b")
    text = golden_header(program, "ecgedge 1.0")
    assert program.digest in text
    assert text.count("*/") == 1


@pytest.mark.parametrize("core", cores())
@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_programs_pass_on_every_core(core: Core, name: str, tmp_path: Path) -> None:
    assert selftest(core, library_files(shipped(name)), tmp_path)[0] == 1


@needs(*HOST.needs)
@pytest.mark.parametrize(
    ("seed", "window", "classes", "context", "depth"),
    [(0, 125, 2, 0, 1), (1, 250, 5, 5, 3), (2, 361, 3, 5, 2), (3, 500, 4, 0, 1)],
)
def test_programs_of_every_shape_pass(
    seed: int, window: int, classes: int, context: int, depth: int, tmp_path: Path
) -> None:
    program = random_program(seed, window=window, classes=classes, context=context, depth=depth)
    assert selftest(HOST, library_files(program), tmp_path)[0] == 1


@needs(*HOST.needs)
@pytest.mark.parametrize(
    ("constant", "where"),
    [
        ("ECGEDGE_QRS_CONV(FORM) FORM(", "sums of the convolutions"),
        ("ECGEDGE_LAYER_LIST {{{{", "tokens.1"),
        ("ECGEDGE_HEAD_BIAS {", "scores"),
        ("ECGEDGE_MEAN_SHIFT ", "mean"),
        ("ECGEDGE_INTEGRATE ", "pipeline"),
        ("ECGEDGE_BLOCK ", "pipeline"),
        ("ECGEDGE_SLOW_SHIFT ", "pipeline"),
    ],
)
def test_a_changed_constant_is_found_where_it_is(constant: str, where: str, tmp_path: Path) -> None:
    program = shipped("rhythm-140")
    files = library_files(program)
    header = files["ecgedge_program.h"]
    before, found, after = header.partition(constant)
    assert found
    digits = len(after) - len(after.lstrip("-0123456789"))
    changed = int(after[:digits]) // 2
    files["ecgedge_program.h"] = f"{before}{found}{changed}{after[digits:]}"
    passed, *rest = selftest(HOST, files, tmp_path)
    assert not passed
    place, expected, actual = rest
    sizes = (len(program.layers), len(program.labels))
    first = difference(SelftestResult(False, place, *sizes, expected, actual))
    assert first.where.startswith(where)
    assert first.expected != first.actual
