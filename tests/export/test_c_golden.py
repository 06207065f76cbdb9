"""The self-test of the C library: it passes as exported, and finds what was changed."""

import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgedge.chips import Core, build, run
from ecgedge.chips.cores import HOST
from ecgedge.stream.selftest import difference
from ecgedge.stream.wire import SelftestResult
from ecgedge.zoo import shipped_bundles
from export.c_golden import Random, golden_header, layers, lines, recording, stream
from export.c_header import program_header
from export.c_library import library_files
from firmware_sim import network
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import KINDS, Measure
from firmware_sim.pipeline import Pipeline
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.programs import random_program
from tests.tools import cores, needs

HARNESS = Path(__file__).with_name("programs") / "selftest.c"
SHIPPED = tuple(shipped_bundles())


def shipped(name: str) -> Program:
    return load_program(shipped_bundles()[name] / "program.json")


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
        noise.append((source >> 8 | 1) - 256 * (source >> 15))
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
    counts = recording(program.fs, found.before)
    before = len(Pipeline(program).push(counts))
    assert 0 < before < found.beats - 1
    assert found.gap_to - found.before > 2**16


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


RHYTHM_AND_SHAPE = random_program(3, context=12, hidden=7, branches=False)
WITH_MEASURES = random_program(7, context=12, hidden=7, branches=False, measures=7)
WITH_PRIOR = random_program(4, context=12, hidden=7, branches=False, prior=Prior("F", 9, 4))


@pytest.mark.parametrize("core", cores())
@pytest.mark.parametrize(
    "program",
    [
        RHYTHM_AND_SHAPE,
        WITH_PRIOR,
        random_program(5, window=125, context=12, hidden=6, classes=2),
        random_program(6, window=250, context=0, prior=Prior("V", 64, 1)),
        WITH_MEASURES,
        random_program(8, window=500, context=0, hidden=32, branches=False, measures=16),
    ],
    ids=[
        "rhythm and shape",
        "with a prior",
        "all there is",
        "beat with a prior",
        "measures",
        "measures alone",
    ],
)
def test_programs_with_a_hidden_layer_pass_on_every_core(
    core: Core, program: Program, tmp_path: Path
) -> None:
    assert selftest(core, library_files(program), tmp_path)[0] == 1


def test_no_value_of_the_noise_hides_a_weight() -> None:
    source = Random()
    noise = [source.q7() for _ in range(RHYTHM_AND_SHAPE.features + 8)]
    assert all(noise)
    found = layers(RHYTHM_AND_SHAPE)
    hidden = RHYTHM_AND_SHAPE.hidden
    assert hidden is not None
    sums = network.hidden_sums(np.array([noise[:12]], np.int64), hidden)
    assert np.array_equal(found["hidden_sums"], sums)
    scores = network.head_scores(np.array([noise[12:19]], np.int64), RHYTHM_AND_SHAPE.head)
    assert np.array_equal(found["scores"], scores)


@needs(*HOST.needs)
@pytest.mark.parametrize("place", ["hidden.weight", "hidden.bias", "head.weight", "head.bias"])
@pytest.mark.parametrize("step", [1, -64])
def test_every_changed_weight_is_found(place: str, step: int, tmp_path: Path) -> None:
    part, kind = place.split(".")
    files = library_files(RHYTHM_AND_SHAPE)
    before = getattr(getattr(RHYTHM_AND_SHAPE, part), kind)
    rng = np.random.default_rng(abs(step))
    for i in range(3):
        changed = before.astype(np.int64).copy()
        index = tuple(int(rng.integers(n)) for n in changed.shape)
        changed[index] += step if abs(changed[index] + step) <= 127 else -step
        own = replace(getattr(RHYTHM_AND_SHAPE, part), **{kind: changed})
        header = program_header(RHYTHM_AND_SHAPE.replace(**{part: own}))
        tampered = files | {"ecgedge_program.h": header}
        passed, where, expected, actual = selftest(HOST, tampered, tmp_path / str(i))
        assert not passed
        result = SelftestResult(False, where, 0, 4, expected, actual, 7)
        found = difference(result).where
        unit = index[0]
        assert (
            found
            == {
                "hidden": f"sums of the hidden layer, unit {unit}",
                "head": f"scores, class {unit}",
            }[part]
        )


@needs(*HOST.needs)
@pytest.mark.parametrize(
    ("constant", "where"),
    [
        ("ECGEDGE_HIDDEN_SHIFT ", "hidden, from unit"),
        ("ECGEDGE_LEARNING_SHIFT ", "pipeline"),
        ("ECGEDGE_AREA_SHIFT ", "pipeline"),
        ("ECGEDGE_SLOW_SHIFT ", "pipeline"),
        ("ECGEDGE_RHYTHM_LAST ", "pipeline"),
        ("ECGEDGE_RHYTHM_FEW ", "pipeline"),
        ("ECGEDGE_IRREGULAR_GAIN ", "pipeline"),
        ("ECGEDGE_P_BINS ", "pipeline"),
        ("ECGEDGE_QRS_MOVE ", "pipeline"),
        ("ECGEDGE_PREMATURE_BELOW ", "pipeline"),
        ("ECGEDGE_P_GAIN_BITS ", "pipeline"),
        ("ECGEDGE_T_GAIN_BITS ", "pipeline"),
    ],
)
def test_a_changed_constant_of_rhythm_or_shape_is_found(
    constant: str, where: str, tmp_path: Path
) -> None:
    files = library_files(RHYTHM_AND_SHAPE)
    files["ecgedge_program.h"] = with_half(files["ecgedge_program.h"], constant)
    passed, place, expected, actual = selftest(HOST, files, tmp_path)
    assert not passed
    assert difference(SelftestResult(False, place, 0, 4, expected, actual, 7)).where.startswith(
        where
    )


def changed_measures(program: Program) -> list[tuple[int, Measure]]:
    """Every measure with one thing about it changed, where another one comes of it."""
    found = []
    for i, measure in enumerate(program.measures):
        following = list(KINDS)[(list(KINDS).index(measure.kind) + 1) % len(KINDS)]
        for change in (
            {"kind": following},
            {"start": measure.start + 1},
            {"stop": measure.stop - 1},
            {"gain": (measure.gain + 1) % 3},
        ):
            with suppress(EcgedgeError):
                found.append((i, replace(measure, **change)))  # type: ignore[arg-type]
    return found


@needs(*HOST.needs)
def test_a_changed_measure_is_found_where_it_is(tmp_path: Path) -> None:
    files, own = library_files(WITH_MEASURES), layers(WITH_MEASURES)
    shown = 0
    for place, measure in changed_measures(WITH_MEASURES):
        measures = list(WITH_MEASURES.measures)
        measures[place] = measure
        changed = WITH_MEASURES.replace(measures=tuple(measures))
        found = layers(changed)
        different = [
            n for n in ("measure_sums", "measures") if not np.array_equal(found[n], own[n])
        ]
        if not different:
            continue  # an extreme over almost the same bins
        shown += 1
        tampered = files | {"ecgedge_program.h": program_header(changed)}
        passed, *rest = selftest(HOST, tampered, tmp_path / str(shown))
        assert not passed
        expected = {
            "measure_sums": f"sums of the measures, measure {place}",
            "measures": f"measures, from {place // 4 * 4} on",
        }[different[0]]
        assert difference(SelftestResult(False, rest[0], 0, 4, *rest[1:], 7, 7)).where == expected
    assert shown > 3 * len(WITH_MEASURES.measures) - 3


def test_measures_are_taken_on_the_noise() -> None:
    source = Random()
    q = np.array([[source.q7() for _ in range(WITH_MEASURES.window)]], dtype=np.int8)
    output = network.run(WITH_MEASURES, q, np.zeros((1, 12), dtype=np.int8), layers=True)
    found = layers(WITH_MEASURES)
    assert np.array_equal(output.layers["measures"], found["measures"])
    assert found["measure_sums"].shape == (1, 7)
    hidden = WITH_MEASURES.hidden
    assert hidden is not None
    features = np.array([[source.q7() for _ in range(19)]], dtype=np.int64)
    assert np.array_equal(found["hidden_sums"], network.hidden_sums(features, hidden))


@needs(*HOST.needs)
@pytest.mark.parametrize("constant", ["PRIOR_GAIN", "PRIOR_SHIFT", "SHARE_BITS"])
def test_a_changed_prior_is_found_in_the_pipeline(constant: str, tmp_path: Path) -> None:
    files = library_files(WITH_PRIOR)
    files["ecgedge_program.h"] = with_half(files["ecgedge_program.h"], f"ECGEDGE_{constant} ")
    passed, place, expected, actual = selftest(HOST, files, tmp_path)
    assert not passed
    where = difference(SelftestResult(False, place, 0, 4, expected, actual, 7)).where
    assert where.startswith("pipeline")


def test_the_made_up_recording_has_decisions_of_both_kinds() -> None:
    found, without = stream(WITH_PRIOR), stream(WITH_PRIOR.replace(prior=None))
    assert found.beats == without.beats
    assert found.crc != without.crc
    counts = recording(WITH_PRIOR.fs, found.before + found.after)
    labels = [beat.label for beat in Pipeline(WITH_PRIOR).push(counts)]
    assert 5 < labels.count("F") < len(labels) - 5


def with_half(header: str, constant: str) -> str:
    """The header with half of a number in it."""
    before, found, after = header.partition(constant)
    assert found
    digits = len(after) - len(after.lstrip("-0123456789"))
    return f"{before}{found}{int(after[:digits]) // 2}{after[digits:]}"


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
    files["ecgedge_program.h"] = with_half(files["ecgedge_program.h"], constant)
    passed, *rest = selftest(HOST, files, tmp_path)
    assert not passed
    place, expected, actual = rest
    sizes = (len(program.layers), len(program.labels))
    first = difference(SelftestResult(False, place, *sizes, expected, actual))
    assert first.where.startswith(where)
    assert first.expected != first.actual
