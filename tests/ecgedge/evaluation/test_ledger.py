import json
from dataclasses import replace
from pathlib import Path

import pytest

from ecgedge.evaluation import ledger
from ecgedge.evaluation.evaluate import evaluate
from ecgedge.evaluation.rows import Scorer
from firmware_sim.errors import EcgedgeError
from tests.ecgedge.evaluation.conftest import ask
from tests.run_folders import make_run

ENTRY = ledger.Entry(
    time="2026-01-02T03:04:05Z",
    subject="rhythm",
    models={"program": ("a" * 64, "b" * 64), "float": ("c" * 64,)},
    protocol="ds1-ds2",
    task="nsvf",
    aami_map="aami",
    records=22,
    beats=49_680,
    whole=True,
)


def test_a_line_is_added_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.jsonl"
    ledger.append(path, ENTRY)
    before = path.read_bytes()
    ledger.append(path, replace(ENTRY, protocol="replica"))
    assert path.read_bytes().startswith(before)
    lines = ledger.read(path)
    assert [line["protocol"] for line in lines] == ["ds1-ds2", "replica"]
    assert lines[0]["models"]["program"] == ["a" * 64, "b" * 64]
    assert lines[0]["ecgedge"]


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, ENTRY)
    with path.open("ab") as file:
        file.write(b'{"time": "2026')
    ledger.append(path, ENTRY)
    assert len(ledger.read(path)) == 2
    assert len(path.read_bytes().splitlines()) == 3


def test_what_is_no_entry_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'[1]\n\xff\xfe\n\n{"a": 1}\n' + b"[" * 5000 + b"\n")
    assert ledger.read(path) == [{"a": 1}]
    assert ledger.read(tmp_path / "none") == []


def test_looks_are_found_by_the_hash_of_any_model(tmp_path: Path) -> None:
    other = json.loads(json.dumps({"models": {"program": ["d" * 64]}}))
    odd: list[dict[str, object]] = [{"models": [1]}, {"models": {"program": "a" * 64}}, {}]
    own = {"models": {"float": ["c" * 64]}}
    assert ledger.looks_at([other, *odd, own], ["c" * 64]) == [own]


def test_a_ledger_that_cannot_be_written_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EcgedgeError, match="-o or \\$ECGEDGE_LEDGER"):
        ledger.append(tmp_path / "file" / "ledger.jsonl", ENTRY)


def test_the_folder_of_bundles_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ledger.VARIABLE, str(tmp_path))
    assert ledger.user_ledger() == tmp_path / "ledger.jsonl"
    monkeypatch.delenv(ledger.VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert ledger.user_ledger().name == "ledger.jsonl"


def test_the_time_is_utc_to_the_second() -> None:
    assert len(ledger.now()) == len(ENTRY.time)
    assert ledger.now().endswith("Z")


# Looks


def test_every_look_is_a_line_of_the_ledger_with_time_and_hashes(tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    reports = [ask(path), ask(path, "--aami-map", "bxb", "-o", tmp_path / "elsewhere")]
    lines = ledger.read(path / ledger.LEDGER)
    assert [line["aami_map"] for line in lines] == ["aami", "bxb"]
    assert lines[0]["models"]["program"] == [reports[0]["program_sha256"]]
    assert lines[0]["records"] == reports[0]["test"]["records"]
    assert lines[0]["beats"] == reports[0]["test"]["beats"]
    assert lines[0]["whole"] is False
    assert [len(report["ledger"]) for report in reports] == [1, 2]


def test_a_look_at_one_seed_is_a_look_at_the_run_of_all(tmp_path: Path) -> None:
    for seed in range(2):
        make_run(tmp_path / "many" / f"seed-{seed}", seed)
    ask(tmp_path / "many" / "seed-1")
    found = ask(tmp_path / "many")["ledger"]
    assert {line["subject"] for line in found} == {"seed-1", "many"}
    assert len(ask(tmp_path / "many" / "seed-0")["ledger"]) == 2


def test_the_look_is_entered_before_a_model_is_asked(tmp_path: Path, excerpt: Path) -> None:
    path = make_run(tmp_path / "t", 1, task="symbol-binary", model="resnet18")

    def load(_: Path) -> Scorer:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        evaluate([path], excerpt, test=True, resamples=20, load_scorer=load)
    assert len(ledger.read(path / ledger.LEDGER)) == 1


def test_without_a_ledger_no_model_is_asked(run: Path, excerpt: Path, tmp_path: Path) -> None:
    path = make_run(tmp_path / "r", 1)
    (path / ledger.LEDGER).mkdir()
    with pytest.raises(EcgedgeError, match="ledger"):
        evaluate([path], excerpt, test=True, resamples=20)


def test_the_ledger_of_a_bundle_survives_its_report(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    for looks in (1, 2):
        found = ask(bundle, "-o", out)
        assert len(found["ledger"]) == looks
        assert len(ledger.read(out / ledger.LEDGER)) == looks
    ask(bundle)
    assert len(ledger.read(out / ledger.LEDGER)) == 2
    assert ledger.read(ledger.user_ledger())[-1]["subject"] == found["subject"]["name"]


def test_a_comparison_of_seeds_is_a_look_at_the_run_of_all(tmp_path: Path) -> None:
    seeds = [make_run(tmp_path / "many" / f"seed-{seed}", seed) for seed in range(2)]
    ask(*seeds)
    found = ask(tmp_path / "many")["ledger"]
    assert [line["subject"] for line in found] == ["seed-0", "seed-1", "many"]


def test_looks_are_found_from_within_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(2):
        make_run(tmp_path / "many" / f"seed-{seed}", seed)
    ask(tmp_path / "many")
    monkeypatch.chdir(tmp_path / "many" / "seed-0")
    assert len(ask(".")["ledger"]) == 2


def test_a_look_at_a_baseline_is_one_at_its_student_and_its_seeds(tmp_path: Path) -> None:
    for seed in range(2):
        path = make_run(tmp_path / "many" / f"seed-{seed}", seed)
        make_run(path / "baseline", seed + 2)
    ask(path / "baseline")
    assert [line["subject"] for line in ask(path)["ledger"]] == ["baseline", "seed-1"]
    of_all = [line["subject"] for line in ask(path.parent)["ledger"]]
    assert sorted(of_all) == ["baseline", "many", "seed-1"]
    assert len(ask(path / "baseline")["ledger"]) == 4
