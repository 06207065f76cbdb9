"""From a run folder to a bundle."""

import json
from pathlib import Path
from typing import Any

import pytest

from calib.float_network import save_float_network
from ecgedge.exporting import export_firmware, export_run, golden_of, provenance
from ecgedge.runs import load_run
from ecgedge.training.config import for_protocol, to_json
from export.bundle import read_bundle, write_sums
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import save_program
from tests.networks import network_of, small_bundle
from tests.programs import random_program

CONFIG = {
    "protocol": "ds1-ds2",
    "task": "nsvf",
    "bound": "l1",
    "restarts": 16,
    "seed": 3,
    "lead": "MLII",
}


def write_run(folder: Path, program: Program, report: dict[str, Any] | None = None) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "metrics.json").write_text(json.dumps({"selection": {"score": 0.7}}))
    save_program(program, folder / "program.json")
    save_float_network(network_of(program), folder / "float_network.json")
    if report is not None:
        (folder / "evaluation").mkdir()
        (folder / "evaluation" / "report.json").write_text(json.dumps(report))
    return folder


def report_for(program: Program, **changes: Any) -> dict[str, Any]:
    return {
        "protocol": "ds1-ds2",
        "program_sha256": program.digest,
        "classes": ["N", "S", "V", "F"],
        "note": None,
        "test": {"beats": 49000, "records": 22, "database": "mitdb", "lead": "MLII"},
        "program": {
            "macro_f1_nsv": 0.761,
            "accuracy": None,
            "f1": {"V": 0.9, "S": 0.5},
            "intervals": {"macro_f1_nsv": [0.7, 0.8], "f1": {"V": [0.8, 0.95]}},
        },
        **changes,
    }


def test_a_run_becomes_a_bundle(tmp_path: Path) -> None:
    program = random_program(0, window=125)
    run = write_run(tmp_path / "run", program)
    assert export_run(run, tmp_path / "bundle") == program
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.program == program
    assert "Not evaluated" in bundle.card
    assert "ecgedge train --protocol ds1-ds2 --student segments --seed 3 -o RUN" in bundle.card


def test_the_name_can_be_chosen(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", random_program(0, window=125))
    assert export_run(run, tmp_path / "bundle", name="other").name == "other"
    assert read_bundle(tmp_path / "bundle").name == "other"


@pytest.mark.parametrize(
    ("name", "option"),
    [(None, ""), ("ds1-ds2-nsvf", ""), ("other", " --name other"), ("my own", " --name 'my own'")],
)
def test_the_card_exports_again_by_the_name_that_was_chosen(
    tmp_path: Path, name: str | None, option: str
) -> None:
    program = random_program(0, window=125).replace(name="ds1-ds2-nsvf")
    export_run(write_run(tmp_path / "run", program), tmp_path / "bundle", name=name)
    lines = read_bundle(tmp_path / "bundle").card.splitlines()
    assert f"ecgedge export RUN{option} -o BUNDLE" in lines


def test_the_card_takes_figures_and_intervals_from_the_report(tmp_path: Path) -> None:
    program = random_program(0, window=125)
    run = write_run(tmp_path / "run", program, report_for(program))
    export_run(run, tmp_path / "bundle")
    card = read_bundle(tmp_path / "bundle").card
    assert "| macro-F1 over N, S, V | 0.761 | 0.700 to 0.800 |" in card
    assert "| V: F1 | 0.900 | 0.800 to 0.950 |" in card
    assert "| S: F1 | 0.500 |  |" in card
    assert "49000 beats of 22 records" in card


def test_figures_that_are_not_results_say_so(tmp_path: Path) -> None:
    program = random_program(0, window=125)
    report = report_for(program, note="Not results: made on a part of the database.")
    run = load_run(write_run(tmp_path / "run", program, report))
    assert "Not results" in provenance(run).evaluated_on


def test_a_report_of_another_program_is_not_used(tmp_path: Path) -> None:
    other = random_program(9, window=125)
    run = write_run(tmp_path / "run", random_program(0, window=125), report_for(other))
    assert provenance(load_run(run)).results == ()


@pytest.mark.parametrize(
    "changes", [{"protocol": "replica"}, {"test": {"aami_map": "bxb", "beats": 1, "records": 22}}]
)
def test_a_report_of_another_protocol_or_map_is_not_used(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    program = random_program(0, window=125)
    run = load_run(write_run(tmp_path / "run", program, report_for(program, **changes)))
    assert (provenance(run).results, provenance(run).evaluated_on) == ((), "")


def test_the_card_tells_another_number_of_resamples(tmp_path: Path) -> None:
    program = random_program(0, window=125)
    for resamples, told in ((2000, False), (1, True)):
        report = report_for(program, bootstrap={"resamples": resamples})
        run = load_run(write_run(tmp_path / str(resamples), program, report))
        assert ("intervals of 1 resamples" in provenance(run).evaluated_on) == told


def test_the_card_of_a_training_that_was_stopped_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", random_program(0, window=125))
    assert "stopped by the user" not in dict(provenance(load_run(folder)).training)
    (folder / "metrics.json").write_text(json.dumps({"interrupted": True}))
    assert dict(provenance(load_run(folder)).training)["stopped by the user"] == "yes"
    (folder / "config.json").write_text(json.dumps(CONFIG | {"epochs": 40, "fine_epochs": 20}))
    lines = [json.dumps({"phase": "float", "epoch": epoch}) for epoch in (1, 2, 3, 3)]
    (folder / "log.jsonl").write_text("\n".join(lines))
    told = dict(provenance(load_run(folder)).training)["stopped by the user"]
    assert told == "after 3 of 60 epochs"


def test_a_run_without_integers_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", random_program(0, window=125))
    (run / "program.json").unlink()
    with pytest.raises(EcgedgeError, match="holds no integer program"):
        export_run(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_golden_vectors_hold_real_beats_of_every_symbol() -> None:
    golden = golden_of(random_program(0, window=125))
    made = golden_of(random_program(0, window=125))
    assert len(golden.q) > 20
    assert (golden.q == made.q).all()


def test_golden_vectors_have_the_context_that_a_program_takes() -> None:
    short = golden_of(random_program(0, window=125))
    whole = golden_of(random_program(0, window=125, context=12, hidden=8, branches=False))
    assert short.context is not None
    assert whole.context is not None
    assert (short.context.shape[1], whole.context.shape[1]) == (5, 12)
    real = 20
    assert (short.q[:real] == whole.q[:real]).all()
    assert (short.context[:real] == whole.context[:real, :5]).all()
    assert whole.context[:real, 9:].any(axis=0).all()


def test_the_command_gives_what_differs_from_the_defaults(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", random_program(0, window=125))
    changes = {
        "task": "aami-binary",
        "restarts": 4,
        "context": 5,
        "imbalance": {"class_weights": False, "sampler": "balanced"},
        "distillation": {"alpha": 1.0},
    }
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    command = provenance(load_run(folder)).command.splitlines()[0]
    assert command == (
        "ecgedge distill --protocol ds1-ds2 --student segments --restarts 4 --task aami-binary "
        "--no-class-weights --sampler balanced --seed 3 -o RUN"
    )


@pytest.mark.parametrize(
    ("prior", "option"),
    [
        ({"label": "S", "gain": 4, "shift": 6}, ""),
        ({"label": "V", "gain": 2, "shift": 5}, " --prior V,2,5"),
        (None, " --prior none"),
    ],
)
def test_the_command_gives_noise_and_another_prior(
    tmp_path: Path, prior: dict[str, object] | None, option: str
) -> None:
    folder = write_run(tmp_path / "run", random_program(0, window=125))
    usual = to_json(for_protocol("ds1-ds2"))
    noisy = usual["augmentation"] | {"nstdb": 0.5}
    config = usual | {"prior": prior, "augmentation": noisy}
    (folder / "config.json").write_text(json.dumps(config))
    command = provenance(load_run(folder)).command.splitlines()[0]
    assert command == f"ecgedge train --protocol ds1-ds2 --nstdb 0.5{option} --seed 0 -o RUN"


def test_a_run_on_the_excerpt_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", random_program(0, window=125))
    config = to_json(for_protocol("ds1-ds2")) | {"data": {"excerpt": True, "beats_sha256": ""}}
    (folder / "config.json").write_text(json.dumps(config))
    told = provenance(load_run(folder))
    assert told.command.splitlines()[:2] == [
        "ecgedge train --protocol ds1-ds2 --seed 0 --data excerpt -o RUN",
        "ecgedge evaluate RUN --test --excerpt",
    ]
    assert dict(told.training)["data"] == "MIT-BIH Arrhythmia Database (bundled excerpt)"


def test_missing_training_records_are_on_the_card(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", random_program(0, window=125))
    metrics = {
        "beats": {"train": 1952, "validation": 711},
        "missing_records": ["101", "108"],
        "distillation": {"used": True},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    facts = dict(provenance(load_run(folder)).training)
    assert facts["training beats"] == "1952, and 711 to choose by"
    assert facts["missing"].startswith("2 records of the split")
    assert facts["distilled"] == "from a large teacher"


@pytest.mark.parametrize("target", ["c", "arduino"])
def test_firmware_is_not_made_of_a_bundle_with_a_wrong_certificate(
    tmp_path: Path, target: str
) -> None:
    small_bundle(tmp_path / "bundle", window=125)
    export_firmware(str(tmp_path / "bundle"), target, tmp_path / "right")
    place = tmp_path / "bundle" / "proof.json"
    content = json.loads(place.read_text())
    content["layers"][0]["max"] += 1
    place.write_text(json.dumps(content))
    write_sums(tmp_path / "bundle")
    with pytest.raises(EcgedgeError, match=r"proof.json is not the proof of its program"):
        export_firmware(str(tmp_path / "bundle"), target, tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()
