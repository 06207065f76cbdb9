"""Frama-C's Eva as a witness: no alarm in what is exported, alarms in what is tampered with."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecgedge.chips import ToolMissing
from ecgedge.cli.main import cli
from ecgedge.verification.eva import (
    DETECTOR_TARGETS,
    RHYTHM_TARGETS,
    TARGETS,
    WINDOW_TARGETS,
    Target,
    analyses,
    analyze,
    write_sources,
)
from ecgedge.zoo import shipped_bundles
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from tests.programs import random_program
from tests.tools import needs

PLAIN, AVR = TARGETS[:2]
RHYTHM_AND_SHAPE = {"context": 12, "hidden": 8, "branches": False}
SHAPES = {
    "rhythm and shape": RHYTHM_AND_SHAPE,
    "all there is": {"window": 125, "context": 12, "hidden": 7, "classes": 2},
    "two labels, three layers": {"window": 250, "classes": 2, "context": 0, "depth": 3},
    "wide accumulators": {"window": 125, "classes": 5, "bound": "tanh", "depth": 2},
    "500 Hz": {"window": 500},
    "measures, rhythm and shape": {**RHYTHM_AND_SHAPE, "measures": 16},
    "measures at 125 Hz": {**RHYTHM_AND_SHAPE, "window": 125, "context": 0, "measures": 7},
}
every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


def library(program: Program, folder: Path, **changes: str) -> Path:
    """The C library, with constants of its header changed."""
    write_sources(program, folder)
    header = folder / "ecgedge_program.h"
    text = header.read_text()
    for name, value in changes.items():
        text, n = re.subn(rf"(#define ECGEDGE_{name}) .*", rf"\1 {value}", text)
        assert n == 1, name
    header.write_text(text)
    return folder


def without_promises(folder: Path) -> Path:
    """The library, with nothing left that the compiler checks."""
    arith = folder / "ecgedge_arith.h"
    text = arith.read_text()
    assert "(holds) ? 1 : -1" in text
    arith.write_text(text.replace("(holds) ? 1 : -1", "1"))
    return folder


def fake_frama_c(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    (folder / "says").write_text(says)
    tool = folder / "frama-c"
    tool.write_text('#!/bin/sh\n/bin/cat "${0%/*}/says"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.slow
@needs("frama-c")
@every_target
@pytest.mark.parametrize("name", shipped_bundles())
def test_no_alarm_in_the_network_of_a_shipped_bundle(
    name: str, target: Target, tmp_path: Path
) -> None:
    program = load_program(shipped_bundles()[name] / "program.json")
    run = analyze(library(program, tmp_path), "network", target)
    assert run.alarms == ()
    assert run.functions >= (15 if program.branches else 9)
    assert run.statements >= (200 if program.branches else 80)
    # two of the label, two of what is seen of the beat, one of the hidden layer
    assert run.assertions == 2 + 2 * bool(program.seen) + (program.hidden is not None)


@pytest.mark.slow
@needs("frama-c")
@every_target
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_alarm_in_networks_of_other_shapes(
    shape: dict[str, object], target: Target, tmp_path: Path
) -> None:
    program = random_program(17, **shape)  # type: ignore[arg-type]
    assert analyze(library(program, tmp_path), "network", target).ok


@pytest.mark.slow
@needs("frama-c")
@every_target
@pytest.mark.parametrize("shifts", [(0, 0, 0), (24, 14, 7)], ids=str)
def test_no_alarm_at_the_least_and_greatest_shifts_of_the_format(
    shifts: tuple[int, int, int], target: Target, tmp_path: Path
) -> None:
    pool, layer, mean = shifts
    program = random_program(17, window=125)
    program = replace(
        program,
        branches=tuple(replace(branch, shift=pool) for branch in program.branches),
        layers=tuple(replace(each, shift=layer) for each in program.layers),
        mean_shift=mean,
    )
    assert analyze(library(program, tmp_path), "network", target).ok


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", WINDOW_TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_alarm_in_windows_of_counts(
    shape: dict[str, object], target: Target, tmp_path: Path
) -> None:
    program = random_program(17, **shape)  # type: ignore[arg-type]
    run = analyze(library(program, tmp_path), "window", target)
    assert run.alarms == ()
    assert run.assertions == 2 + bool(program.seen)


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", WINDOW_TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("window", [125, 360, 2000])
def test_no_alarm_in_shapes_of_windows(window: int, target: Target, tmp_path: Path) -> None:
    program = random_program(17, **RHYTHM_AND_SHAPE).replace(window=window)  # type: ignore[arg-type]
    run = analyze(library(program, tmp_path), "shape", target)
    assert run.alarms == ()
    assert run.assertions == 3


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", [PLAIN, AVR], ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("gain", "shift", "classes"), [(1, 8, 3), (4, 6, 4), (15, 1, 5), (64, 1, 4)]
)
def test_no_alarm_in_the_prior(
    gain: int, shift: int, classes: int, target: Target, tmp_path: Path
) -> None:
    prior, context = Prior("S", gain, shift), 12 if gain < 64 else 5
    program = random_program(17, window=125, classes=classes, context=context, prior=prior)
    run = analyze(library(program, tmp_path), "prior", target)
    assert run.alarms == ()
    assert run.functions == 4
    assert run.assertions == 1


@pytest.mark.slow
@needs("frama-c")
def test_a_bonus_beyond_its_width_raises_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, window=125, prior=Prior("S", 64, 6))
    folder = without_promises(library(program, tmp_path, BONUS_BITS="16"))
    assert not analyze(folder, "prior", AVR).ok


@pytest.mark.slow
@needs("frama-c")
def test_a_template_beyond_its_range_raises_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, **RHYTHM_AND_SHAPE)  # type: ignore[arg-type]
    folder = without_promises(library(program, tmp_path, T_BIN="41"))
    run = analyze(folder, "shape", WINDOW_TARGETS[0])
    assert any("out of bounds" in alarm.text for alarm in run.alarms)


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", RHYTHM_TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize(("fs", "context"), [(125, 5), (360, 12), (500, 12)])
def test_no_alarm_in_the_rhythm(fs: int, context: int, target: Target, tmp_path: Path) -> None:
    program = random_program(17, window=fs, context=context)
    run = analyze(library(program, tmp_path), "rhythm", target)
    assert run.alarms == ()
    assert run.assertions == 5


@pytest.mark.slow
@needs("frama-c")
def test_fewer_places_than_intervals_raise_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, **RHYTHM_AND_SHAPE)  # type: ignore[arg-type]
    folder = without_promises(library(program, tmp_path, RHYTHM_KEPT="31"))
    run = analyze(folder, "rhythm", RHYTHM_TARGETS[0])
    assert any("out of bounds" in alarm.text for alarm in run.alarms)


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", DETECTOR_TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("fs", [125, 360, 500])
def test_no_alarm_in_one_step_of_the_detector(fs: int, target: Target, tmp_path: Path) -> None:
    run = analyze(library(random_program(17, window=fs), tmp_path), "detector", target)
    assert run.alarms == ()
    assert run.functions >= 25
    assert run.assertions == 5


@pytest.mark.slow
@needs("frama-c")
def test_a_state_that_the_proof_excludes_raises_an_alarm(tmp_path: Path) -> None:
    folder = library(random_program(17), tmp_path)
    header = folder / "eva_stream.h"
    wider = re.sub(r"(BEAT_LEVEL_HIGH) \d+", r"\1 2000000000", header.read_text())
    header.write_text(wider)
    assert not analyze(folder, "detector", DETECTOR_TARGETS[0]).ok


@pytest.mark.slow
@needs("frama-c")
def test_accumulators_that_are_said_to_fit_16_bits_raise_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, window=125, bound="tanh")
    lie = {"CONV_BITS": "16", "CONV_LEAST": "-16384", "CONV_GREATEST": "16384"}
    folder = library(program, tmp_path, **lie)
    (folder / "ecgedge_widths.h").write_text("/* What the compiler checks is left out. */\n")
    run = analyze(folder, "network", PLAIN)
    assert not run.ok
    assert run.alarms[0].file == "ecgedge_conv_plain.h"
    assert "signed downcast" in run.alarms[0].text


@pytest.mark.slow
@needs("frama-c")
def test_tokens_that_are_said_to_fit_16_bits_raise_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, window=125)
    row = "{127, 127, 127, 127}"
    layers = f"{{{{{{{row}, {row}, {row}, {row}}}, {row}, 7}}}}"
    bounds = {"TOKEN_LEAST": "-32768", "TOKEN_GREATEST": "32767"}
    lie = {"TOKEN_BITS": "16", "LAYER_LIST": layers, **bounds}
    run = analyze(library(program, tmp_path, **lie), "network", AVR)
    assert run.alarms[0].file == "ecgedge_network.c"
    assert "signed overflow" in run.alarms[0].text


@pytest.mark.slow
@needs("frama-c")
@pytest.mark.parametrize("target", [PLAIN, AVR], ids=lambda target: target.name)
def test_measures_that_are_said_to_fit_16_bits_raise_an_alarm(
    target: Target, tmp_path: Path
) -> None:
    measures = (Measure("level", 0, 60),)
    program = random_program(17, context=0, hidden=2, branches=False, measures=1)
    lie = {"MEASURE_BITS": "16", "MEASURE_LEAST": "-32768", "MEASURE_GREATEST": "32767"}
    folder = library(program.replace(measures=measures), tmp_path, **lie)
    run = analyze(without_promises(folder), "network", target)
    assert run.alarms[0].file == "ecgedge_measures.c"
    assert "signed" in run.alarms[0].text


@pytest.mark.slow
@needs("frama-c")
def test_a_measure_beyond_its_bins_raises_an_alarm(tmp_path: Path) -> None:
    measures = (Measure("change", 20, 40),)
    program = random_program(17, context=0, hidden=2, branches=False, measures=1)
    folder = library(program.replace(measures=measures), tmp_path, MEASURED_BINS="20")
    run = analyze(without_promises(folder), "network", PLAIN)
    assert any(word in alarm.text for alarm in run.alarms for word in ("out of bounds", "valid")), (
        run.alarms
    )


@pytest.mark.slow
@needs("frama-c")
def test_a_pool_that_reaches_beyond_the_window_raises_an_alarm(tmp_path: Path) -> None:
    program = random_program(17, window=125)
    run = analyze(library(program, tmp_path, GLOBAL_POOL="124"), "network", PLAIN)
    assert any("invalid pointer" in alarm.text for alarm in run.alarms)


@pytest.mark.slow
@needs("frama-c")
def test_code_that_does_not_parse_is_one_sentence(tmp_path: Path) -> None:
    folder = library(random_program(17, window=125), tmp_path, CONV_BITS="8")
    with pytest.raises(EcgedgeError, match=r"Frama-C shows nothing of the C library.*correct"):
        analyze(folder, "network", PLAIN)


@pytest.mark.slow
@needs("frama-c")
def test_the_command_shows_every_analysis() -> None:
    result = CliRunner().invoke(cli, ["prove", "beat-150", "--eva", "--json"])
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert content["ok"] is True
    assert content["eva"]["ok"] is True
    assert content["eva"]["alarms"] == 0
    runs = [(run["driver"], run["target"]) for run in content["eva"]["runs"]]
    program = load_program(shipped_bundles()["beat-150"] / "program.json")
    assert runs == [(driver, target.name) for driver, target in analyses(program)]


def test_the_shape_is_analyzed_where_there_is_one() -> None:
    with_shape = random_program(17, **RHYTHM_AND_SHAPE)  # type: ignore[arg-type]
    assert "shape" in {driver for driver, _ in analyses(with_shape)}
    assert "shape" not in {driver for driver, _ in analyses(random_program(17))}


def test_the_prior_is_analyzed_where_there_is_one() -> None:
    program = random_program(17)
    assert "prior" not in {driver for driver, _ in analyses(program)}
    with_one = program.replace(prior=Prior("S", 4, 6))
    assert [t for d, t in analyses(with_one) if d == "prior"] == [PLAIN, AVR]


ONE_ALARM = """[eva:alarm] ecgedge_network.c:82: Warning:
  signed downcast.
  assert a <= 32767;
[eva:summary] ====== ANALYSIS SUMMARY ======
  17 functions analyzed (out of 82): 20% coverage.
  In these functions, 216 statements reached (out of 217): 99% coverage.
  1 alarm generated by the analysis:
"""


def test_an_alarm_ends_the_command_with_an_error_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_frama_c(tmp_path, monkeypatch, ONE_ALARM)
    result = CliRunner().invoke(cli, ["prove", "beat-150", "--eva"])
    assert result.exit_code == 1
    assert (
        "FAILED: Eva: 1 alarm (network, plain kernel, 32-bit int), the first in "
        "ecgedge_network.c:82: signed downcast. assert a <= 32767;" in result.stdout
    )
    found = json.loads(CliRunner().invoke(cli, ["prove", "beat-150", "--eva", "--json"]).stdout)
    assert found["ok"] is found["eva"]["ok"] is False
    assert found["eva"]["alarms"] == len(found["eva"]["runs"]) > 8
    assert found["eva"]["runs"][0]["alarms"][0]["line"] == 82


NEVER_ENDS = """[eva:summary] ====== ANALYSIS SUMMARY ======
  17 functions analyzed (out of 82): 20% coverage.
  In these functions, 216 statements reached (out of 217): 99% coverage.
  No errors or warnings raised during the analysis.
  0 alarms generated by the analysis.
    Assertions        0 valid     0 unknown     0 invalid      0 total
"""


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        ("", "it says nothing"),
        ("[kernel] User Error: cannot find x.h\n", "cannot find x.h"),
        (NEVER_ENDS, "it never reaches the driver's end"),
    ],
)
def test_silence_is_not_taken_for_the_absence_of_alarms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, problem: str
) -> None:
    fake_frama_c(tmp_path, monkeypatch, says)
    folder = library(random_program(17, window=125), tmp_path / "library")
    with pytest.raises(EcgedgeError, match=problem):
        analyze(folder, "network", PLAIN)


def test_a_missing_frama_c_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli, ["prove", "beat-150", "--eva"])
    assert isinstance(result.exception, ToolMissing)
    assert str(result.exception) == (
        "frama-c is not installed; the Debian package frama-c-base brings it."
    )
