"""Faults by hand on every shape of program, recordings with faults, and sweeps."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecgedge.cli.simulate import simulate
from ecgedge.data.beats import prepare_beats
from ecgedge.data.record import read_record
from ecgedge.evaluation import ledger
from ecgedge.fault_sweep import choose, sweep
from ecgedge.faults import (
    KINDS,
    WEIGHTS,
    Fault,
    coarse,
    faulty_inputs,
    faulty_program,
    faulty_record,
)
from ecgedge.simulation import simulate_record
from firmware_sim.beat import cut_windows, normalize
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import run
from firmware_sim.prior import Prior
from firmware_sim.program import Program
from firmware_sim.program_file import save_program
from firmware_sim.rhythm import IRREGULARITY
from tests.programs import random_program
from tests.run_folders import make_run, trained_with_folds

SHAPES: list[dict[str, Any]] = [
    {"context": 0, "classes": 2},
    {"context": 5},
    {"context": 12, "hidden": 8, "branches": False},
    {"context": 12, "hidden": 8, "branches": False, "measures": 7},
]


def weights(program: Program) -> NDArray[np.int64]:
    """Every weight and bias, one after the other."""
    arrays = [array for part in program.parts for array in (part.weight, part.bias)]
    return np.concatenate([array.ravel() for array in arrays]).astype(np.int64)


def program_of_task(seed: int = 1, **shape: Any) -> Program:
    """A random program with the labels of a task."""
    task, labels = ("nsvf", ("N", "S", "V", "F"))
    return random_program(seed, classes=4, **shape).replace(task=task, labels=labels)


# Weights


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.where == WEIGHTS])
def test_every_weight_of_every_shape_can_suffer(kind: str, shape: dict[str, Any]) -> None:
    program = random_program(1, **shape)
    least, worst = KINDS[kind].levels[0], KINDS[kind].limits[0 if kind == "weight-bits" else 1]
    assert faulty_program(program, [Fault(kind, least)], (0, 0)) == program
    found = faulty_program(program, [Fault(kind, worst)], (0, 0))
    assert (weights(found) != weights(program)).mean() > 0.4
    assert [p.bias.shape for p in found.parts] == [p.bias.shape for p in program.parts]
    assert found.threshold == program.threshold
    assert found.measures == program.measures


def test_faults_hang_on_their_seed_alone() -> None:
    program, faults = random_program(1), [Fault("flip", 0.05), Fault("dead", 0.1)]
    first, again, other = (faulty_program(program, faults, (s, 0)) for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_noise_is_as_strong_as_it_says_and_ends_at_127() -> None:
    zero = np.zeros((8, 12), np.int8)
    program = random_program(1, context=12, hidden=8, branches=False)
    assert program.hidden is not None
    program = program.replace(hidden=type(program.hidden)(zero, zero[:, 0], 7))
    found = [faulty_program(program, [Fault("weight-noise", 0.1)], (s, 0)) for s in range(40)]
    noise = np.concatenate([one.hidden.weight.ravel() for one in found if one.hidden])
    assert noise.std() == pytest.approx(12.8, rel=0.05)
    loud = faulty_program(program, [Fault("weight-noise", 1)], (0, 0))
    assert np.abs(weights(loud)).max() == 127


def test_a_severer_fault_is_the_same_fault_severer() -> None:
    program = random_program(1)
    mild, severe = (
        weights(faulty_program(program, [Fault("dead", s)], (0, 0))) == 0 for s in (0.1, 0.3)
    )
    assert (severe | ~mild).all()
    assert mild.sum() < severe.sum()


def test_bits_are_those_of_twos_complement() -> None:
    program = random_program(1)
    flipped = weights(faulty_program(program, [Fault("flip", 1)], (0, 0)))
    expected = -1 - weights(program)  # every bit of it
    assert np.array_equal(flipped, np.maximum(expected, -127)), "-128 becomes -127"
    stuck = weights(faulty_program(program, [Fault("stuck", 1)], (0, 0)))
    assert abs(np.corrcoef(stuck, weights(program))[0, 1]) < 0.3, "nothing is left"
    ones = np.unpackbits(stuck.astype(np.int8).view(np.uint8)).mean()
    assert ones == pytest.approx(0.5, abs=0.05)


def test_the_share_of_flipped_bits_is_the_severity() -> None:
    program = random_program(1)
    before = np.unpackbits(weights(program).astype(np.int8).view(np.uint8))
    shares = []
    for trial in range(30):
        found = weights(faulty_program(program, [Fault("flip", 0.03)], (trial, 0)))
        shares.append((np.unpackbits(found.astype(np.int8).view(np.uint8)) != before).mean())
    assert np.mean(shares) == pytest.approx(0.03, rel=0.1)


def test_drift_takes_its_share_of_every_weight() -> None:
    program = random_program(1)
    old, new = weights(program), weights(faulty_program(program, [Fault("drift", 0.2)], (0, 0)))
    assert (new * np.sign(old) >= 0).all(), "no weight changes its sign"
    large = np.abs(old) > 60
    assert (new[large] / old[large]).mean() == pytest.approx(0.8, abs=0.03)
    assert (new[large] / old[large]).std() == pytest.approx(0.06, abs=0.03)


@given(st.integers(2, 8), st.integers(-127, 127))
def test_fewer_bits_are_the_nearest_of_fewer_levels(bits: int, value: int) -> None:
    found = int(coarse(np.array([value]), bits)[0])
    step, most = 1 << (8 - bits), (1 << (bits - 1)) - 1
    levels = [step * k for k in range(-most, most + 1)]
    assert found in levels
    assert abs(found - value) == min(abs(level - value) for level in levels)


# Converters and inputs


def test_a_coarser_converter_loses_its_low_bits(excerpt: Path) -> None:
    record = read_record(excerpt, "208")
    assert np.array_equal(faulty_record(record, [Fault("adc-bits", 11)]).counts, record.counts)
    counts = faulty_record(record, [Fault("adc-bits", 8)]).counts
    assert (counts % 8 == 0).all()
    assert ((record.counts - counts >= 0) & (record.counts - counts < 8)).all()
    assert faulty_record(record, [Fault("dead", 0.5)]) is record


def test_a_recording_with_coarse_inputs_is_that_of_the_network(excerpt: Path) -> None:
    program = program_of_task(context=5)
    clean = simulate_record(program, excerpt, "208")
    faults = [Fault("input-bits", 4)]
    found = simulate_record(program, excerpt, "208", faults=faults)
    assert [beat.sample for beat in found.beats] == [beat.sample for beat in clean.beats]
    assert {value % 16 for beat in found.beats for value in beat.context} == {0}
    beats = prepare_beats(excerpt, ["208"])
    both = {int(s): i for i, s in enumerate(beats.sample)}
    shared = [beat for beat in found.beats if beat.sample in both]
    assert len(shared) > 100
    q = faulty_inputs(beats.q[[both[beat.sample] for beat in shared]], faults)
    context = np.array([beat.context for beat in shared], np.int8)
    assert run(program, q, context).scores.tolist() == [list(beat.scores) for beat in shared]
    same = simulate_record(program, excerpt, "208", faults=[Fault("input-bits", 8)])
    assert same.beats == clean.beats


def test_coarse_inputs_enter_the_prior_as_they_are_decided(excerpt: Path) -> None:
    program = program_of_task(3, context=12, hidden=8, branches=False, prior=Prior("S", 9, 4))
    found = simulate_record(program, excerpt, "208", faults=[Fault("input-bits", 4)]).beats
    counts = read_record(excerpt, "208").counts
    q = normalize(cut_windows(counts, np.array([beat.sample for beat in found]), program.window))
    context = np.array([beat.context for beat in found], np.int8)
    assert program.prior is not None
    share, own = 0, program.labels.index("S")
    bonuses = set()
    clean = simulate_record(program, excerpt, "208").beats
    rows = run(program, q, context).scores.tolist()
    for beat, known, scores in zip(found, clean, rows, strict=True):
        if known.context[IRREGULARITY] < 64:  # the rhythm is not an input of the network alone
            bonuses.add(program.prior.bonus(share))
            scores[own] += program.prior.bonus(share)
        assert list(beat.scores) == scores
        assert beat.label_index == scores.index(max(scores))
        assert beat.label == program.labels[beat.label_index]
        share = program.prior.after(share, beat.label)
    assert len(bonuses) > 5
    same = simulate_record(program, excerpt, "208", faults=[Fault("input-bits", 8)])
    assert same.beats == simulate_record(program, excerpt, "208").beats


@pytest.mark.parametrize(
    ("kind", "severity", "message"),
    [
        ("rust", 0.1, "unknown fault 'rust'"),
        ("flip", 1.5, "from 0 to 1"),
        ("flip", float("nan"), "from 0 to 1"),
        ("weight-bits", 4.5, "a whole number from 2 to 8"),
        ("adc-bits", float("inf"), "a whole number from 2 to 11"),
        ("input-bits", 1, "from 2 to 8"),
    ],
)
def test_impossible_faults_are_refused(kind: str, severity: float, message: str) -> None:
    with pytest.raises(EcgedgeError, match=message):
        Fault(kind, severity)


# Sweeps


def swept(program: Program, excerpt: Path, *names: str, **options: Any) -> dict[str, Any]:
    levels = {"flip": (0.0, 0.2), "input-bits": (8.0, 2.0), "adc-bits": (11.0, 4.0)}
    return sweep(
        choose([program], names, excerpt), excerpt, levels, trials=3, **options
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_without_a_fault_nothing_is_lost(excerpt: Path, shape: dict[str, Any]) -> None:
    found = swept(program_of_task(**shape), excerpt, "208", "119")
    for kind in found["faults"].values():
        numbers = kind["severities"][0]["numbers"]
        for name, spread in numbers.items():
            assert spread["mean"] == pytest.approx(found["clean"][name]["mean"], abs=1e-12)
        assert kind["severities"][1]["numbers"] != numbers
    flip = found["faults"]["flip"]["severities"][1]["numbers"]["auroc_n_rest"]
    assert flip["sd"] > 0
    assert flip["min"] < flip["mean"] < flip["max"]
    assert found["faults"]["adc-bits"]["trials"] == 1, "chance has no part in it"


def test_clean_figures_are_those_of_the_beats(excerpt: Path) -> None:
    program = program_of_task(context=5)
    found = swept(program, excerpt, "208")
    beats = prepare_beats(excerpt, ["208"])
    labels = [program.labels[i] for i in run(program, beats.q, beats.context).label_index]
    pairs = [(s, b) for s, b in zip(beats.symbol, labels, strict=True) if s != "Q"]
    hits = sum(s == b == "V" for s, b in pairs)
    total = sum(s == "V" for s, _ in pairs) + sum(b == "V" for _, b in pairs)
    assert found["clean"]["f1.V"]["mean"] == pytest.approx(2 * hits / total)


def test_test_records_need_to_be_asked_for(
    excerpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ledger.VARIABLE, str(tmp_path))
    program = program_of_task(context=5)
    for names in (("all",), ("test",), ("208", "100")):
        with pytest.raises(EcgedgeError, match="add --test"):
            swept(program, excerpt, *names)
    assert not (tmp_path / ledger.LEDGER).exists()
    found = swept(program, excerpt, "100", test=True)
    (line,) = ledger.read(tmp_path / ledger.LEDGER)
    assert line["models"] == {"program": [program.digest]}
    assert (line["records"], line["beats"], line["whole"]) == (1, found["beats"], False)
    assert found["test_records"] == ["100"]
    swept(program, excerpt, "train")
    assert len(ledger.read(tmp_path / ledger.LEDGER)) == 1


def test_each_seed_of_a_run_is_asked_about_its_own_validation_records(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_run(tmp_path / "run" / f"seed-{seed}", seed)
    found = json.loads(call(tmp_path / "run", "validation", "--fault", "dead", "--trials", 2))
    assert found["records"] == ["106", "119", "208", "223"]
    assert found["n_seeds"] == 2
    each = [
        json.loads(call(tmp_path / "run" / f"seed-{s}", "validation", "--fault", "dead"))
        for s in (0, 1)
    ]
    mean = np.mean([one["clean"]["f1.V"]["mean"] for one in each])
    assert found["clean"]["f1.V"]["mean"] == pytest.approx(mean)


def test_a_run_with_folds_has_no_validation_records(tmp_path: Path) -> None:
    place = trained_with_folds(tmp_path / "student")
    words = [str(place), "validation", "--data", "excerpt", "--fault", "flip"]
    result = CliRunner().invoke(simulate, words)
    assert isinstance(result.exception, EcgedgeError)
    assert "has no validation records; name train, or test with --test" in str(result.exception)
    found = json.loads(call(place, "train", "--fault", "dead", "--trials", 1))
    assert found["test_records"] == []


def test_a_teacher_has_no_weights_to_suffer(tmp_path: Path) -> None:
    place = make_run(tmp_path / "teacher", 1, model="resnet18")
    words = [str(place), "validation", "--data", "excerpt", "--fault", "flip"]
    result = CliRunner().invoke(simulate, words)
    assert isinstance(result.exception, EcgedgeError)
    assert "no integer program" in str(result.exception)


def test_the_picture_is_a_png_in_a_folder_that_exists(tmp_path: Path) -> None:
    words = ["rhythm-150", "train", "--data", "excerpt", "--fault", "dead", "--plot"]
    for name, reason in (("curve.svg", "ends in .png"), ("nowhere/curve.png", "does not exist")):
        result = CliRunner().invoke(simulate, [*words, str(tmp_path / name)])
        assert isinstance(result.exception, EcgedgeError)
        assert reason in str(result.exception)
    assert not list(tmp_path.iterdir())


# The command


def call(*arguments: object) -> str:
    options = ["--data", "excerpt", "--json"]
    result = CliRunner().invoke(simulate, [*map(str, arguments), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    path = tmp_path / "program.json"
    save_program(program_of_task(context=12, hidden=8, branches=False), path)
    return path


def test_one_recording_with_faults(program_file: Path) -> None:
    faults = ["--fault", "weight-noise=0.3", "--fault", "adc-bits=7"]
    found = json.loads(call(program_file, "208", *faults, "--seed", 3))
    assert found["faults"] == {"weight-noise": 0.3, "adc-bits": 7}
    assert found["seed"] == 3
    assert found["classes"] != json.loads(call(program_file, "208"))["classes"]
    assert found == json.loads(call(program_file, "208", *faults, "--seed", 3))


def test_a_sweep_of_several_faults_names_the_command_that_makes_it_again(
    program_file: Path,
) -> None:
    words = [str(program_file), "208", "--fault", "flip", "--fault", "dead", "--trials", "1"]
    found = json.loads(call(*words))
    assert shlex.split(found["command"]) == [
        "ecgedge", "simulate", str(program_file), "208", "--data", "excerpt",
        "--fault", "flip", "--fault", "dead", "--trials", "1", "--json",
    ]  # fmt: skip


def test_a_sweep_is_printed_and_drawn(program_file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.png"
    arguments = [
        program_file, "208", "--data", "excerpt", "--fault", "flip", "--severities", "0.01,0.1",
        "--trials", 2, "--plot", picture,
    ]  # fmt: skip
    result = CliRunner().invoke(simulate, [str(a) for a in arguments], catch_exceptions=False)
    assert "flipped bits" in result.stdout
    assert "none of them a test record" in result.stdout
    assert "none " in result.stdout, "without a fault, for no severity is 0"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["208", "--fault", "rust"], "unknown fault"),
        (["208", "--fault", "flip=much"], "is no number"),
        (["208", "--fault", "flip=2"], "from 0 to 1"),
        (["208", "--fault", "flip=0.1", "--fault", "dead"], "do not go together"),
        (["208", "--fault", "flip=0.1", "--fault", "flip=0.2"], "flip is given twice"),
        (["208", "--fault", "flip", "--fault", "dead", "--severities", "0"], "of one fault"),
        (["208", "--fault", "flip", "--severities", "0,,1"], "is no number"),
        (["208", "--fault", "flip", "--severities", "0,2"], "from 0 to 1"),
        (["208", "--fault", "flip", "--out", "x.csv"], "--out is for recordings"),
        (["208", "--fault", "flip", "--plot", "/nowhere/x.png"], "/nowhere does not exist"),
        (["208", "--severities", "0"], "--severities is for a sweep; add --fault KIND"),
        (["208", "--test"], "--test is for a sweep; add --fault KIND"),
        (["208", "--trials", "4"], "--trials is for a sweep; add --fault KIND"),
        (["208", "--fault", "flip=0.01", "--severities", "0,1"], "or write --fault flip."),
        (["208", "--fault", "flip=0.01", "--trials", "20"], "leave --trials out"),
        (["208", "--seed", "3"], "add --fault KIND=SEVERITY, or leave it out"),
        (["100", "--fault", "flip"], "add --test"),
        (["999", "--fault", "flip"], "no record 999"),
        (["train", "208", "--fault", "flip"], "do not go together"),
        (["validation", "--fault", "flip"], "only runs have validation records"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], message: str, program_file: Path) -> None:
    words = [str(program_file), *arguments, "--data", "excerpt"]
    result = CliRunner().invoke(simulate, words)
    assert isinstance(result.exception, EcgedgeError), result.output
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
