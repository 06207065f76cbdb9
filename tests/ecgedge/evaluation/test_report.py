"""Reports on the bundled excerpt, with random programs: what is in them, not how good they are."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ecgedge.evaluation import heldout, pictures, report
from ecgedge.evaluation.page import html
from ecgedge.evaluation.published import PUBLISHED, published
from ecgedge.evaluation.text import markdown, print_report
from firmware_sim.errors import EcgedgeError
from tests.programs import random_program

RESAMPLES = 50


@pytest.fixture(scope="module")
def held(excerpt: Path) -> heldout.HeldOut:
    return heldout.held_out("ds1-ds2", excerpt, task="nsvf")


@pytest.fixture(scope="module")
def rows(held: heldout.HeldOut) -> list[report.Row]:
    programs = [random_program(seed) for seed in range(3)]
    said = tuple(heldout.program_predictions(held, program) for program in programs)
    digests = tuple(program.digest for program in programs)
    return [
        report.Row("program", "student, integer", said, 140, (), digests),
        report.Row("float", "student, float", (said[0], said[1], said[0]), 140),
        report.Row("baseline", "plain student", said[::-1], 140),
        report.Row("teacher", "teacher", said[:1], 964_002),
    ]


@pytest.fixture(scope="module")
def content(held: heldout.HeldOut, rows: list[report.Row]) -> dict[str, Any]:
    return report.build(
        held,
        rows,
        subjects=[{"name": "a run", "kind": "runs"}],
        resamples=RESAMPLES,
        command="ecgedge evaluate 'a run' --test",
    )


def test_only_test_records_of_the_protocol_are_read(held: heldout.HeldOut) -> None:
    split = held.split
    assert set(held.beats.records) == set(split.test)
    assert not set(held.beats.records) & set(split.train)
    assert len(held.y) == len(held.beats)


def test_the_program_itself_decides(held: heldout.HeldOut) -> None:
    program = random_program(4)
    said = heldout.program_predictions(held, program)
    assert np.array_equal(said.predicted, said.scores.argmax(axis=1))
    assert said.scale == program.logit_scale / 2**14


def test_a_program_of_other_classes_is_refused_with_the_reason(
    held: heldout.HeldOut,
) -> None:
    with pytest.raises(EcgedgeError, match="evaluate it on its own task"):
        heldout.program_predictions(held, random_program(0, classes=2))


def test_a_threshold_decides_between_two_classes(excerpt: Path) -> None:
    test = heldout.held_out("replica", excerpt, task="symbol-binary")
    program = replace(random_program(0, classes=2, context=0), labels=("N", "abnormal"))
    said = heldout.program_predictions(test, program)
    difference = said.scores[:, 1] - said.scores[:, 0]
    assert program.threshold is not None
    assert np.array_equal(said.predicted == 1, difference >= program.threshold)
    found = report.build(
        test,
        [report.Row("program", "", (said,), 130, (program.threshold,), (program.digest,))],
        subjects=[{"name": "beat", "kind": "bundle"}],
        resamples=RESAMPLES,
    )
    assert found["program"]["threshold"] == program.threshold
    assert found["main"]["name"] == "f1_abnormal"
    assert found["program_sha256"] == program.digest
    assert found["program"]["f1_abnormal"] == found["program"]["f1"]["abnormal"]
    assert found["macro_f1_nsv"] == {"mean": None, "low": None, "high": None}
    assert found["per_class"]["abnormal"]["f1"] == found["program"]["f1_abnormal"]
    assert [found["per_class"][name] for name in ("S", "V", "F")] == [None, None, None]
    assert found["auroc"]["N_rest"]["mean"] == found["program"]["auroc_n_rest"]
    assert (found["auroc"]["V"], found["auroc"]["S"]) == (None, None)
    assert found["integer_minus_float"] is None
    assert "| * published student |" in markdown({**found, "is_result": True})


def test_figures_on_the_excerpt_are_called_not_results_everywhere(
    content: dict[str, Any],
) -> None:
    assert content["is_result"] is False
    assert content["note"] == report.EXCERPT_NOTE
    assert any("missing" in trap for trap in content["traps"])
    assert report.EXCERPT_NOTE in markdown(content)
    assert report.EXCERPT_NOTE in pictures.note_of(content)
    console = Console(width=160, file=io.StringIO())
    print_report(content, console)
    assert report.EXCERPT_NOTE in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fact", "note"),
    [
        ("interrupted", "Not results: the training of a run was stopped by the user."),
        ("of_excerpt", "Not results: a run learned from the bundled excerpt."),
        (None, None),
    ],
)
def test_figures_of_the_whole_protocol_are_results_of_what_was_trained_to_its_end_on_it(
    held: heldout.HeldOut, rows: list[report.Row], fact: str | None, note: str | None
) -> None:
    whole = replace(held, split=replace(held.split, missing=()))
    subject = {"name": "a run", "kind": "runs", "interrupted": False, "of_excerpt": False}
    subject |= {fact: True} if fact else {}
    found = report.build(whole, rows[:1], subjects=[subject], resamples=RESAMPLES)
    assert (found["is_result"], found["note"]) == (note is None, note)
    text = markdown(found)
    assert ("Sáenz-Cogollo" in text) == (note is None)
    assert note is None or note in text


def test_the_report_is_json_without_nan_and_names_data_hash_and_seeds(
    content: dict[str, Any], rows: list[report.Row]
) -> None:
    text = json.loads(report.to_text(content))
    assert text["program_sha256"] == list(rows[0].digests)
    assert text["n_seeds"] == 3
    assert text["test"]["aami_map"] == "aami"
    assert text["test"]["classes"].keys() == {"N", "S", "V", "F"}
    assert text["bootstrap"]["unit"] == "record"
    assert set(text["program"]) >= {
        "se", "ppv", "f1", "macro_f1_nsv", "macro_f1_nsvf", "accuracy", "auroc_n_rest", "auroc_v",
        "auroc_s", "auprc_n_rest", "auprc_v", "auprc_s", "miss_rate", "false_positive_rate",
        "threshold", "confusion", "intervals", "per_record", "sensitivity", "sd",
    }  # fmt: skip
    assert set(text["rows"]) == {"baseline", "teacher"}


def test_the_headline_repeats_the_program_and_its_distance_to_the_float_student(
    content: dict[str, Any],
) -> None:
    program, student = content["program"], content["float"]
    assert content["macro_f1_nsv"]["mean"] == program["macro_f1_nsv"]
    assert [content["macro_f1_nsv"][k] for k in ("low", "high")] == (
        program["intervals"]["macro_f1_nsv"]
    )
    difference = program["macro_f1_nsv"] - student["macro_f1_nsv"]
    assert content["integer_minus_float"] == pytest.approx(difference)
    assert content["float_minus_program"]["macro_f1_nsv"] == pytest.approx(-difference)
    assert content["per_class"]["V"]["se"] == program["se"]["V"]
    assert set(content["auroc"]) == {"N_rest", "V", "S"}
    assert content["auroc"]["S"]["low"] == program["intervals"]["auroc_s"][0]
    assert 0.5 < content["label_agreement"] < 1


def test_every_two_models_are_compared(content: dict[str, Any]) -> None:
    assert set(content["comparisons"]) == {
        "program - float", "program - baseline", "program - teacher",
        "float - baseline", "float - teacher", "baseline - teacher",
    }  # fmt: skip
    found = content["comparisons"]["program - baseline"]["macro_f1_nsv"]
    assert found["difference"] == pytest.approx(0)
    assert found["verdict"] == "no difference seen"
    first, second = content["program"], content["rows"]["teacher"]
    difference = content["comparisons"]["program - teacher"]["f1.V"]["difference"]
    assert difference == pytest.approx(first["f1"]["V"] - second["f1"]["V"])


def test_verdicts_say_what_the_intervals_say(content: dict[str, Any]) -> None:
    assert "no difference from its baseline was seen" in content["verdict"]
    assert content["verdict"] in markdown(content)
    assert content["verdicts"] == [content["verdict"]]


def test_the_better_of_student_and_logistic_baseline_is_told_by_number(
    held: heldout.HeldOut,
) -> None:
    """A model that is always right beats one that calls every beat normal."""
    always = np.eye(4)[held.y]
    said = [held.predictions(always), held.predictions(np.tile([1.0, 0, 0, 0], (len(held.y), 1)))]
    rows = [
        report.Row("program", "oracle", (said[0],)),
        report.Row("logistic", "sloth", (said[1],)),
    ]
    subjects = [{"name": "x", "trained_on": "all"}]
    told = report.build(held, rows, subjects=subjects, resamples=RESAMPLES)["verdicts"]
    assert len(told) == 1
    assert told[0].startswith("oracle against sloth: better: macro-F1 N,S,V +")
    assert "miss -100.00 points" in told[0].partition("; ")[0]
    swapped = [report.Row("program", "x", (said[1],)), report.Row("logistic", "y", (said[0],))]
    told = report.build(held, swapped, subjects=subjects, resamples=RESAMPLES)["verdicts"]
    assert "better" not in told[0]
    assert "miss +100.00 points" in told[0]


def test_few_seeds_are_a_trap(content: dict[str, Any]) -> None:
    assert any(trap.startswith("3 seeds: a result needs at least 5") for trap in content["traps"])


def test_every_model_has_its_hash_in_the_tables(
    content: dict[str, Any], rows: list[report.Row]
) -> None:
    text = markdown(content)
    assert all(digest in text for digest in rows[0].digests)
    assert content["program"]["sha256"] == list(rows[0].digests)


def test_the_other_aami_map_is_a_row_where_it_matters(held: heldout.HeldOut) -> None:
    other = held.other_map()
    assert other is not None
    name, y = other
    assert name == "bxb"
    changed = y != held.y
    assert set(held.beats.symbol[changed]) <= set("ejn")
    assert set(y[changed]) == {held.labels.index("S")}


def test_the_tables_show_spread_published_figures_and_every_record(
    content: dict[str, Any],
) -> None:
    text = markdown(content)
    assert "±" in text
    assert "Sáenz-Cogollo" not in text
    whole = markdown({**content, "is_result": True, "note": None})
    assert "* Sáenz-Cogollo 2020 | random forest | 0.873" in whole
    other = {**content["test"], "task": "nsvo"}
    assert "Sáenz-Cogollo" not in markdown({**content, "is_result": True, "test": other})
    assert "964,002" in text
    for record in content["program"]["per_record"]:
        assert f"\n| {record} |" in text
    for trap in content["traps"]:
        assert trap in text


def test_every_published_row_belongs_to_a_protocol_and_has_a_figure() -> None:
    assert all(row.protocol in ("ds1-ds2", "replica") and row.values for row in PUBLISHED)
    assert {row.name for row in published("replica")} == {"published student", "published teacher"}


def test_nothing_to_evaluate_is_an_error_with_a_remedy(held: heldout.HeldOut) -> None:
    with pytest.raises(EcgedgeError, match="train one first"):
        report.build(held, [], subjects=[{"name": "x"}])


def test_a_task_without_beats_in_the_test_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="does not exist"):
        heldout.held_out("ds1-ds2", tmp_path / "nowhere", task="nsvf")


@pytest.mark.slow
def test_every_picture_is_written_with_validation_beside_test(
    tmp_path: Path,
    content: dict[str, Any],
    held: heldout.HeldOut,
    rows: list[report.Row],
) -> None:
    beside = {"program": rows[0].seeds[0], "teacher": rows[3].seeds[0]}
    found = pictures.write_pictures(tmp_path, content, held, rows, beside)
    assert {path.name for path in found.values()} == {
        "roc.png", "precision_recall.png", "confusion.png", "reliability.png", "records.png",
        "beats.png", "models.png", "differences.png",
    }  # fmt: skip
    assert all(path.stat().st_size > 10_000 for path in found.values())
    page = html(content, tmp_path, {k: v.relative_to(tmp_path) for k, v in found.items()})
    assert page.count("data:image/png;base64,") == len(found)
    text = markdown(content, {k: v.relative_to(tmp_path) for k, v in found.items()})
    assert "](roc.png)" in text


@pytest.mark.parametrize(
    ("out_of_fold", "title"),
    [(False, "abnormal, validation records"), (True, "abnormal, out-of-fold scores")],
)
def test_the_first_roc_says_how_training_saw_its_beats(
    content: dict[str, Any], rows: list[report.Row], out_of_fold: bool, title: str
) -> None:
    told = content | {"subject": content["subject"] | {"out_of_fold": out_of_fold}}
    models = {"program": rows[0].seeds[0]}
    figure = pictures._roc(told, models, models, "name", "note")
    assert figure.axes[0].get_title(loc="left") == title
    assert figure.axes[1].get_title(loc="left") == f"abnormal, {content['part']} records"


@pytest.mark.database
def test_the_full_database_gives_the_test_beats_of_both_protocols(mitdb: Path) -> None:
    main = heldout.held_out("ds1-ds2", mitdb, task="nsvf")
    assert main.is_result
    assert main.dropped == 7
    assert any("201" in trap for trap in heldout.traps(main))
    replica = heldout.held_out("replica", mitdb, task="symbol-binary")
    assert len(replica.y) == 29_781
