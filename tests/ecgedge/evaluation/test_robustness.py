"""Conditions by hand, their counts against the metrics of a report, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ecgedge.cli.robustness import robustness as command
from ecgedge.data.beats import cut_record
from ecgedge.data.locate import DATA_VARIABLE
from ecgedge.data.noise import NOISES
from ecgedge.data.record import Record, quiet_wfdb, read_record, resample_record
from ecgedge.evaluation import conditions, ledger
from ecgedge.evaluation.changed import Setting, ask, cut_beats, measured, names_of, rates_of
from ecgedge.evaluation.conditions import CLEAN, DETECTOR, Condition, detected
from ecgedge.evaluation.evaluate import evaluate
from ecgedge.evaluation.robustness import robustness
from ecgedge.evaluation.robustness_report import write_robustness
from export.bundle import write_bundle
from firmware_sim.errors import EcgedgeError
from tests.programs import random_program
from tests.run_folders import make_run, some_network, trained_with_folds

QUICK = ("--data", "excerpt", "--no-plots", "--resamples", "20")
NAMES = ("208", "119")


@pytest.fixture(autouse=True)
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the folder that a test names has nstdb, so that a machine's data play no part."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def records(excerpt: Path) -> list[Record]:
    return [read_record(excerpt, name) for name in NAMES]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "student", 1)


def setting(fs: int = 360) -> Setting:
    return Setting(("N", "S", "V", "F"), "nsvf", "aami", fs, fs, NAMES)


def change(key: str, record: Record, fs: int = 360, seed: int = 0) -> Record:
    """The record that a condition makes."""
    one = next(c for c in conditions.conditions(fs, None) if c.key == key)
    return one.change(record, np.random.default_rng(seed))


# The conditions


def test_jitter_moves_every_beat_a_little_and_keeps_their_order(records: list[Record]) -> None:
    moved = change("jitter", records[0])
    steps = moved.beat_samples - records[0].beat_samples
    assert (steps.min(), steps.max()) == (-7, 7), "20 ms at 360 Hz"
    assert abs(steps.mean()) < 1
    assert (np.diff(moved.beat_samples) > 0).all()
    assert not np.array_equal(moved.beat_samples, change("jitter", records[0], seed=1).beat_samples)


def test_jitter_keeps_neighbouring_beats_apart() -> None:
    crowd = Record(
        "crowd", "", 360.0, "MLII", False, np.zeros(40, np.int32), 200.0, 1024,
        np.arange(40), np.full(40, "N"),
    )  # fmt: skip
    for seed in range(5):
        assert change("jitter", crowd, seed=seed).beat_samples.tolist() == list(range(40))


def test_gains_act_about_zero_millivolts_and_end_at_the_rails(records: list[Record]) -> None:
    record = records[0]
    half, double = change("gain_half", record), change("gain_double", record)
    assert np.abs(half.millivolts - record.millivolts / 2).max() * record.gain < 0.501
    free = np.abs(record.millivolts) < 2.5
    assert np.allclose(double.millivolts[free], 2 * record.millivolts[free])
    loud = replace(record, counts=np.full(100, 2000, np.int32))
    assert change("gain_double", loud).counts.max() == 2047


def test_inversion_twice_is_nothing(records: list[Record]) -> None:
    once = change("inverted", records[0])
    assert np.array_equal(once.millivolts, -records[0].millivolts)
    assert np.array_equal(change("inverted", once).counts, records[0].counts)


def test_a_program_of_250_hz_has_no_row_for_its_own_rate(records: list[Record]) -> None:
    keys = [one.key for one in conditions.conditions(250, None)]
    assert "fs_250" not in keys
    assert change("fs_250", records[0]).fs == 250


def test_the_detectors_peaks_bear_the_symbols_of_their_partners(records: list[Record]) -> None:
    record = records[0]
    found, missed = detected(record)
    assert len(missed) < 20
    known = found.beat_symbols != conditions.EXTRA
    assert known.sum() + len(missed) == len(record.beat_samples)
    partners = np.delete(record.beat_samples, missed)
    assert np.abs(found.beat_samples[known] - partners).max() <= 54, "150 ms"
    assert found.beat_symbols[known].tolist() == np.delete(record.beat_symbols, missed).tolist()


def test_without_a_signal_every_beat_is_missed(records: list[Record]) -> None:
    flat = replace(records[0], counts=np.full_like(records[0].counts, 1024))
    one = next(c for c in conditions.conditions(360, None) if c.key == DETECTOR)
    cut = cut_beats([flat, flat], one, setting(), 0)
    whole = cut_record(flat, 360, 360, 0)
    symbols = setting().index(whole.symbol[whole.inside])
    assert len(cut.y) == 0
    assert cut.missed[0].tolist() == np.bincount(symbols[symbols >= 0], minlength=4).tolist()
    program = random_program(1)
    weights = np.ones((1, 2), np.int64)
    said = ask(program, cut, setting(), own=np.ones(2, np.bool_), weights=weights)
    values = measured([said], setting(), weights).values
    assert values["f1.V"] == 0
    assert np.isnan(values["auroc_n_rest"])


# The counts


def test_missed_and_extra_beats_count_as_they_are_said_to() -> None:
    counts = np.array([[90, 5, 5], [2, 6, 2], [3, 1, 0]])  # N, abnormal, none
    found = rates_of(counts, ("N", "abnormal"))
    assert found["f1_abnormal"] == pytest.approx(2 * 6 / (10 + 12))
    assert found["f1.N"] == pytest.approx(2 * 90 / (100 + 95))
    assert found["miss_rate"] == pytest.approx(4 / 10), "two called normal, two not found"
    assert found["false_positive_rate"] == pytest.approx(5 / 100)


def test_clean_figures_are_those_of_the_evaluation(run: Path, excerpt: Path) -> None:
    report = evaluate([run], excerpt, test=False, resamples=30).report
    found = robustness(run, excerpt, test=False, resamples=30).report
    clean = found["conditions"][CLEAN]["numbers"]
    program = report["program"]
    assert clean["macro_f1_nsv"]["mean"] == program["macro_f1_nsv"]
    assert clean["f1.V"]["mean"] == program["f1"]["V"]
    assert clean["auroc_n_rest"]["mean"] == pytest.approx(program["auroc_n_rest"], abs=1e-12)
    low, high = program["intervals"]["macro_f1_nsv"]
    assert (clean["macro_f1_nsv"]["low"], clean["macro_f1_nsv"]["high"]) == (low, high)


def test_beats_of_a_changed_record_are_cut_anew(records: list[Record]) -> None:
    inverted = next(c for c in conditions.conditions(360, None) if c.key == "inverted")
    clean = Condition(CLEAN, "clean", conditions.unchanged)
    first, second = (cut_beats(records, one, setting(), 0) for one in (clean, inverted))
    assert np.array_equal(first.y, second.y)
    assert np.abs(first.q.astype(int) + second.q).max() <= 1
    expected = cut_record(records[0], 360, 360, 0)
    own = first.record == 0
    kept = expected.inside & (setting().index(expected.symbol) >= 0)
    assert np.array_equal(first.context[own], expected.context[kept])
    slow = cut_beats(records, clean, setting(250), 0)
    assert slow.q.shape[1] == 250
    assert resample_record(records[0], 250).fs == 250


@pytest.mark.parametrize("labels", [("N", "abnormal"), ("N", "S", "V", "F"), ("N", "S", "V", "O")])
def test_every_task_has_four_numbers(labels: tuple[str, ...]) -> None:
    assert len(names_of(labels)) == 4
    size = len(labels) + 1
    known = rates_of(np.ones((size, size)), labels)
    assert set(names_of(labels)) - set(known) == {"auroc_n_rest"}


# The command


def call(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(command, [*map(str, arguments), *QUICK, "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert isinstance(content, dict)
    return content


def test_validation_records_need_no_ledger(run: Path) -> None:
    found = call(run)
    assert found["part"] == "validation"
    assert found["beats"]["record_names"] == ["119", "223"]
    assert not (run / ledger.LEDGER).exists()
    assert json.loads((run / "robustness-validation" / "report.json").read_text()) == found
    text = (run / "robustness-validation" / "report.md").read_text()
    assert "detector's R peaks" in text
    assert "AUROC N/rest" in text


def test_a_look_at_test_records_is_entered(run: Path) -> None:
    found = call(run, "--test")
    lines = ledger.read(run / ledger.LEDGER)
    assert [line["models"] for line in lines] == [{"program": found["program_sha256"]}]
    assert found["ledger"] == lines
    assert found["is_result"] is False, "the excerpt is no test of the protocol"
    assert (run / "robustness" / "report.json").is_file()


def test_a_training_that_was_stopped_gives_no_results(tmp_path: Path) -> None:
    path = make_run(tmp_path / "seed-0", 0)
    metrics = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps(metrics | {"interrupted": True}))
    note = call(path, "--test")["note"]
    assert note == "Not results: the training of seed-0 was stopped by the user."


def test_a_ledger_that_cannot_be_written_ends_it(run: Path) -> None:
    (run / ledger.LEDGER).mkdir()
    result = CliRunner().invoke(command, [str(run), "--test", *QUICK])
    assert isinstance(result.exception, EcgedgeError)
    assert "ledger" in str(result.exception)
    assert not (run / "robustness").exists()


def test_a_bundle_has_no_validation_records(tmp_path: Path) -> None:
    from calib.quantize import quantize

    network = some_network(2)
    write_bundle(tmp_path / "b", quantize(network), network)
    result = CliRunner().invoke(command, [str(tmp_path / "b"), *QUICK])
    assert isinstance(result.exception, EcgedgeError)
    assert "add --test" in str(result.exception)


def test_a_run_with_folds_has_no_validation_records(tmp_path: Path) -> None:
    place = trained_with_folds(tmp_path / "student")
    result = CliRunner().invoke(command, [str(place), *QUICK])
    assert isinstance(result.exception, EcgedgeError)
    assert "has no validation records" in str(result.exception)
    assert "Add --test" in str(result.exception)
    assert not (place / "robustness-validation").exists()


def test_a_teacher_has_no_program(tmp_path: Path) -> None:
    place = make_run(tmp_path / "teacher", 1, model="resnet18")
    result = CliRunner().invoke(command, [str(place), *QUICK])
    assert isinstance(result.exception, EcgedgeError)
    assert "no integer program" in str(result.exception)


def test_two_classes_have_their_own_numbers(tmp_path: Path) -> None:
    found = call(make_run(tmp_path / "binary", 1, task="symbol-binary"), "--test")
    assert found["numbers"] == ["f1_abnormal", "miss_rate", "false_positive_rate", "auroc_n_rest"]
    jitter = found["conditions"]["jitter"]
    assert jitter["draws"] == 5
    assert jitter["numbers"]["auroc_n_rest"]["sd"] > 0


def test_without_nstdb_the_noise_is_left_out_in_a_sentence(run: Path, excerpt: Path) -> None:
    found = robustness(run, excerpt, test=False, resamples=5).report
    assert not any(item["noise"] for item in found["conditions"].values())
    assert found["skipped"][0].startswith("Noise is left out: ")
    assert "ecgedge data download nstdb" in found["skipped"][0]


def test_noise_costs_more_the_louder_it_is(run: Path, excerpt: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    place = tmp_path / "data" / "nstdb"
    place.mkdir(parents=True)
    with quiet_wfdb() as wfdb:
        for name in NOISES:
            wfdb.wrsamp(
                name, fs=360, units=["mV"], sig_name=["noise1"], fmt=["16"], adc_gain=[200.0],
                baseline=[0], d_signal=random.integers(-200, 200, (36000, 1)), write_dir=str(place),
            )  # fmt: skip
    found = robustness(
        run, excerpt, test=False, resamples=20, noise_folder=tmp_path / "data"
    ).report  # fmt: skip
    levels = {
        item["snr_db"]: item["minus_clean"]["auroc_n_rest"]["difference"]
        for item in found["conditions"].values()
        if item["noise"] == "mix"
    }
    assert list(levels) == [24, 18, 12, 6, 0, -6]
    assert found["skipped"] == []
    assert abs(levels[24]) < abs(levels[-6])
    place = write_robustness(found, tmp_path / "report")
    assert sorted(path.name for path in place.iterdir()) == [
        "differences.png", "noise.png", "report.json", "report.md",
    ]  # fmt: skip
    assert "![Real noise](noise.png)" in (place / "report.md").read_text()
