import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ecgedge.cli.score import score
from ecgedge.cli.simulate import simulate
from ecgedge.data.record import quiet_wfdb
from ecgedge.simulation import draw, simulate_record
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import save_program
from tests.programs import random_program


@pytest.fixture(scope="module")
def program() -> Program:
    return random_program(7)


@pytest.fixture
def program_file(program: Program, tmp_path: Path) -> Path:
    path = tmp_path / "program.json"
    save_program(program, path)
    return path


def call(*arguments: object) -> str:
    result = CliRunner().invoke(simulate, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return str(result.stdout)


def test_json_is_one_object_with_the_reference_scored(program_file: Path, excerpt: Path) -> None:
    found = json.loads(call(program_file, "208", "--data", excerpt, "--json"))
    assert found["record"] == "208"
    assert found["lead"] == "MLII"
    assert found["beats"] == sum(found["classes"].values())
    reference = found["reference"]
    assert reference["from_s"] == 3, "a short recording is scored from the detector's learning on"
    assert reference["sensitivity"] > 0.95
    assert reference["positive_predictivity"] > 0.95
    rows = reference["classes"].values()
    assert sum(sum(row.values()) for row in rows) == reference["matched"] + reference["missed"]
    assert sum(reference["extra_classes"].values()) == reference["extra"]
    assert 60 < found["heart_rate_bpm"] < 150


def test_people_get_a_table(program_file: Path, excerpt: Path) -> None:
    text = call(program_file, "208", "--data", excerpt)
    assert "208 (MLII)" in text
    assert "against the reference from 3 s on: Se" in text
    assert "missed" in text


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_beats_are_written(
    program: Program, program_file: Path, excerpt: Path, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"beats.{ending}"
    call(program_file, excerpt / "201", "--out", path, "--json")
    expected = simulate_record(program, excerpt, "201").beats
    if ending == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        scores = [tuple(int(s) for s in row["scores"].split()) for row in rows]
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        scores = [tuple(row["scores"]) for row in rows]
    assert [int(row["sample"]) for row in rows] == [b.sample for b in expected]
    assert [row["label"] for row in rows] == [b.label for b in expected]
    assert scores == [b.scores for b in expected]


def test_annotations_are_at_the_rate_of_the_recording(
    excerpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slower = random_program(7, window=250)
    save_program(slower, tmp_path / "slow.json")
    monkeypatch.chdir(tmp_path)
    call(tmp_path / "slow.json", "201", "--data", excerpt, "--annotate", "sim", "--json")
    with quiet_wfdb() as wfdb:
        annotation = wfdb.rdann(str(tmp_path / "201"), "sim")
    beats = simulate_record(slower, excerpt, "201").beats
    assert annotation.sample.tolist() == [round(b.sample * 360 / 250) for b in beats]
    assert annotation.symbol == [b.label for b in beats]


def test_the_annotations_of_many_recordings_go_into_a_folder_and_are_scored(
    program_file: Path, excerpt: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "found"
    told = call(program_file, "208", "201", "--data", excerpt, "--annotations", folder)
    assert [line.split()[0] for line in told.splitlines()] == ["208", "201"]
    assert sorted(path.name for path in folder.iterdir()) == ["201.ecgedge", "208.ecgedge"]
    found = json.loads(call(program_file, "208", "201", "--data", excerpt, "--json"))["records"]
    result = CliRunner().invoke(
        score, [str(excerpt), str(folder), "--start", "3", "--json"], catch_exceptions=False
    )
    scored = json.loads(result.stdout)["records"]
    assert sorted(scored) == ["201", "208"]
    for name, record in scored.items():
        for label in "NSVFQ":
            column = sum(record["matrix"][row + label.lower()] for row in "NSVFQ")
            rows = found[name]["reference"]["classes"].values()
            expected = sum(row.get(label, 0) for row in rows)
            assert 0 <= column - expected <= 2, "but for the last second"


def test_all_recordings_of_a_database(program_file: Path, excerpt: Path, tmp_path: Path) -> None:
    arguments = ("all", "--data", excerpt, "--annotations", tmp_path, "--annotate", "sim", "--json")
    found = json.loads(call(program_file, *arguments))["records"]
    names = sorted((excerpt / "RECORDS").read_text().split())
    assert list(found) == names
    assert sorted(path.stem for path in tmp_path.glob("*.sim")) == names


def test_a_recording_without_beats_has_a_file_without_annotations(
    program_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "flat.csv").write_text("512\n" * 5000)
    call(program_file, tmp_path / "flat.csv", "--rate", 360, "--annotations", tmp_path)
    assert (tmp_path / "flat.ecgedge").read_bytes() == b"\0\0"


def test_a_csv_file_gives_the_beats_of_its_record(
    program: Program, program_file: Path, excerpt: Path, tmp_path: Path
) -> None:
    simulation = simulate_record(program, excerpt, "201")
    path = tmp_path / "201.csv"
    path.write_text("".join(f"{x}\n" for x in simulation.record.counts.tolist()))
    found = json.loads(call(program_file, path, "--rate", 360, "--json"))
    assert found["beats"] == len(simulation.beats)
    assert found["reference"] is None


def test_the_excerpt_stands_in_for_the_database(
    program_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECGEDGE_DATA", raising=False)
    assert json.loads(call(program_file, "119", "--json"))["samples"] == 108_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{program}", "no-such-record", "--data", "{excerpt}"], "no record"),
        (["{program}", "208", "--data", "{excerpt}", "--lead", "V9"], "no lead V9"),
        (["{program}", "208", "--data", "/nowhere"], "/nowhere"),
        (["{program}", "208", "--out", "beats.txt"], "csv nor .jsonl"),
        (["{program}", "208", "--data", "{excerpt}", "--annotate", "atr"], "annotator name"),
        (
            ["{program}", "208", "--data", "{excerpt}", "--annotations", "x", "--annotate", "atr"],
            "annotator name",
        ),
        (["{program}", "208", "201", "--plot", "x.png"], "take one recording"),
        (["{program}", "a/208", "b/208"], "same name"),
        (["{program}", "."], "is a folder"),
        (["{program}", "/"], "is a folder"),
        (["no-such-bundle", "208"], "neither a folder"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], message: str, program_file: Path, excerpt: Path
) -> None:
    places = {"program": str(program_file), "excerpt": str(excerpt)}
    result = CliRunner().invoke(simulate, [a.format(**places) for a in arguments])
    assert isinstance(result.exception, EcgedgeError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_a_csv_file_of_huge_numbers_is_refused(program_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text("1e308\n" * 500)
    result = CliRunner().invoke(simulate, [str(program_file), str(path), "--rate", "360"])
    assert isinstance(result.exception, EcgedgeError)
    assert "beyond 32 bits" in str(result.exception)


@pytest.mark.parametrize("option", ["--rate", "--at"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_numbers_are_finite_and_not_negative(program_file: Path, option: str, value: str) -> None:
    result = CliRunner().invoke(simulate, [str(program_file), "208", option, value])
    assert result.exit_code == 2
    assert option in result.stderr


def test_a_flat_recording_has_no_beats(program_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("512\n" * 5000)
    found = json.loads(call(program_file, path, "--rate", 360, "--json"))
    assert found["beats"] == 0
    assert found["heart_rate_bpm"] is None
    assert np.isclose(found["duration_s"], 5000 / 360, atol=0.001)


def test_a_picture_shows_twenty_seconds_or_says_that_they_are_not_there(
    tmp_path: Path, excerpt: Path
) -> None:
    simulation = simulate_record(random_program(1), excerpt, "233")
    draw(simulation, tmp_path / "strip.png", at_s=20)
    assert (tmp_path / "strip.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(EcgedgeError, match="--at"):
        draw(simulation, tmp_path / "late.png", at_s=5000)
    assert not (tmp_path / "late.png").exists()
