import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgedge.data.labels import label_map
from ecgedge.evaluation import logistic
from ecgedge.evaluation.evaluate import evaluate
from ecgedge.evaluation.features import features_of
from ecgedge.evaluation.metrics import auroc
from ecgedge.training.config import for_protocol
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import measured
from tests.run_folders import VALIDATION, make_run

RECORDS = ("100", "101", "103", "105", "106", "108")


def some_beats(classes: int = 4, n: int = 3000, seed: int = 0) -> logistic.TrainingBeats:
    """Beats whose class shows in the RR interval before them, with noise."""
    random = np.random.default_rng(seed)
    y = random.choice(classes, n, p=[0.7, *[0.3 / (classes - 1)] * (classes - 1)])
    context = random.normal(0, 15, (n, 5))
    context[:, 0] += 40 * y
    return logistic.TrainingBeats(
        q=random.integers(-127, 128, (n, 360)).astype(np.int8),
        context=np.clip(context, -127, 127).astype(np.int8),
        y=y,
        record=random.integers(0, len(RECORDS), n),
        records=RECORDS,
        labels=("N", "S", "V", "F")[:classes] if classes > 2 else ("N", "abnormal"),
        fs=360,
    )


@pytest.fixture(scope="module")
def fitted() -> logistic.Logistic:
    return logistic.fit(some_beats())


def test_ten_features_and_a_bias_for_each_of_four_classes(fitted: logistic.Logistic) -> None:
    assert fitted.parameters == 44
    assert fitted.threshold is None


def test_two_classes_have_a_variant_without_rhythm_and_thresholds() -> None:
    whole, shape = logistic.fit_all(some_beats(2))
    assert (whole.parameters, shape.parameters) == (22, 12)
    assert whole.threshold is not None
    assert shape.threshold is not None
    new = some_beats(2, seed=1)
    with_rhythm, without = (m.logits(new.q, new.context) for m in (whole, shape))
    assert auroc(new.y == 1, with_rhythm[:, 1] - with_rhythm[:, 0]) > 0.9
    assert auroc(new.y == 1, without[:, 1] - without[:, 0]) == pytest.approx(0.5, abs=0.05)
    other = np.zeros_like(new.context)
    assert np.array_equal(shape.logits(new.q, other), without)


def test_it_learns_what_there_is_to_learn(fitted: logistic.Logistic) -> None:
    new = some_beats(seed=1)
    right = fitted.logits(new.q, new.context).argmax(axis=1) == new.y
    assert right.mean() > 0.75


def test_the_fit_is_at_its_minimum() -> None:
    """Doubling every beat changes nothing but the rounding of sums."""
    random = np.random.default_rng(0)
    features, y = random.normal(size=(500, 3)), random.integers(0, 3, 500)
    once = logistic.minimize(features, y, 3)
    twice = logistic.minimize(np.vstack([features] * 2), np.tile(y, 2), 3)
    assert twice.weight == pytest.approx(once.weight, abs=1e-3)
    scaled = logistic.minimize(features * 1000, y, 3)
    assert scaled.weight * 1000 == pytest.approx(once.weight, abs=1e-3)


def test_a_class_without_beats_is_never_given() -> None:
    random = np.random.default_rng(0)
    features, y = random.normal(size=(500, 3)), random.integers(0, 2, 500)
    found = logistic.minimize(features, y, 3)
    assert 2 not in found.logits(features).argmax(axis=1)


def test_out_of_fold_logits_do_not_know_the_labels_of_their_record() -> None:
    """Labels that follow from the record alone are learned, and are of no use out of fold."""
    beats = some_beats(2)
    random = np.random.default_rng(1)
    shift = random.permutation(len(RECORDS))[beats.record] * 20 - 60
    y = (np.isin(beats.record, [0, 2, 4])).astype(np.int64)
    tied = replace(beats, y=y, context=np.repeat(shift[:, None], 5, axis=1).astype(np.int8))
    found = logistic.fit(tied)
    assert sorted(name for records, _ in found.folds for name in records) == sorted(RECORDS)
    held = found.out_of_fold(tied.q, tied.context, tied.record, RECORDS)
    names = logistic.FEATURES["logistic"]
    for records, weights in found.folds:
        own = np.isin(np.asarray(RECORDS)[tied.record], records)
        features = features_of(tied.q[own], tied.context[own], 360, names)
        assert np.array_equal(held[own], weights.logits(features))
        rest = features_of(tied.q[~own], tied.context[~own], 360, names)
        again = logistic.minimize(rest, y[~own], 2)
        assert np.array_equal(again.weight, weights.weight)


def test_folds_are_of_records_and_spread_the_classes() -> None:
    beats = some_beats()
    fold = logistic.folds_of(beats.y, beats.record, 3)
    assert sorted(np.bincount(fold)) == [2, 2, 2]
    for number in range(3):
        assert set(beats.y[fold[beats.record] == number]) == {0, 1, 2, 3}
    assert logistic.folds_of(beats.y, np.zeros_like(beats.record)).tolist() == [0]


def test_it_is_read_back_equal(fitted: logistic.Logistic, tmp_path: Path) -> None:
    both = (fitted, *logistic.fit_all(some_beats(2)))
    logistic.save(both, tmp_path / "logistic.json")
    found = logistic.load(tmp_path / "logistic.json")
    assert [m.digest for m in found] == [m.digest for m in both]
    beats = some_beats(seed=2)
    assert np.array_equal(
        found[0].logits(beats.q, beats.context), fitted.logits(beats.q, beats.context)
    )
    assert logistic.load(tmp_path / "nothing.json") == ()


def test_another_weight_is_another_hash(fitted: logistic.Logistic) -> None:
    moved = fitted.weights.bias + np.array([1e-12, 0, 0, 0])
    other = replace(fitted, weights=replace(fitted.weights, bias=moved))
    assert other.digest != fitted.digest


def damage(content: dict[str, Any], what: str) -> None:
    model = content["models"][0]
    if what == "version":
        content["version"] = 2
    elif what == "shape":
        model["weight"][0].pop()
    elif what == "nan":
        model["bias"][0] = float("nan")
    elif what == "features":
        model["features"].reverse()
    elif what == "threshold":
        model["threshold"] = 0.5
    elif what == "rate":
        model["fs"] = 10**9
    elif what == "many":
        content["models"] *= 100
    elif what == "folds":
        model["folds"] = 3


@pytest.mark.parametrize(
    "what", ["version", "shape", "nan", "features", "threshold", "rate", "many", "folds"]
)
def test_a_damaged_file_is_refused_with_a_remedy(
    what: str, fitted: logistic.Logistic, tmp_path: Path
) -> None:
    path = tmp_path / "logistic.json"
    logistic.save([fitted], path)
    content = json.loads(path.read_text())
    damage(content, what)
    path.write_text(json.dumps(content))
    with pytest.raises(EcgedgeError, match="train the run again"):
        logistic.load(path)


@pytest.mark.parametrize("text", ["", "[]", "[" * 10_000, '{"format": 3}', "\x00"])
def test_what_is_no_such_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "logistic.json"
    path.write_text(text)
    with pytest.raises(EcgedgeError, match="malformed"):
        logistic.load(path)


# In a report


def noisy_baselines(labels: tuple[str, ...], seed: int = 0) -> tuple[logistic.Logistic, ...]:
    """Baselines fitted on noise, each record of the excerpt in a fold of its own."""
    random = np.random.default_rng(seed)
    records = tuple(name for pair in VALIDATION for name in pair)
    n = 400
    return logistic.fit_all(
        logistic.TrainingBeats(
            q=random.integers(-127, 128, (n, 360)).astype(np.int8),
            context=random.integers(-127, 128, (n, 5)).astype(np.int8),
            y=random.integers(0, len(labels), n),
            record=random.integers(0, len(records), n),
            records=records,
            labels=labels,
            fs=360,
        )
    )


def test_the_logistic_baseline_is_one_row_however_many_seeds(tmp_path: Path, excerpt: Path) -> None:
    for seed in range(2):
        path = make_run(tmp_path / "many" / f"seed-{seed}", seed)
        logistic.save(noisy_baselines(label_map("nsvf").labels), path / "logistic.json")
    report = evaluate([tmp_path / "many"], excerpt, test=True, resamples=20).report
    row = report["rows"]["logistic"]
    assert (row["parameters"], row["seeds"], len(row["sha256"])) == (44, 1, 1)
    assert "program - logistic" in report["comparisons"]
    assert any("against logistic regression" in verdict for verdict in report["verdicts"])
    validation = evaluate([tmp_path / "many"], excerpt, test=False, resamples=20).report
    assert validation["rows"]["logistic"]["seeds"] == 2


def test_two_classes_have_a_baseline_that_sees_the_beat_alone(
    tmp_path: Path, excerpt: Path
) -> None:
    path = make_run(tmp_path / "r", 1, task="symbol-binary")
    logistic.save(noisy_baselines(("N", "abnormal")), path / "logistic.json")
    rows = evaluate([path], excerpt, test=True, resamples=20).report["rows"]
    assert rows["logistic"]["parameters"] == 22
    assert rows["logistic_shape"]["parameters"] == 12
    assert rows["logistic_shape"]["threshold"] is not None


def test_what_several_runs_have_in_common_stands_once_and_all_are_held_against_it(
    tmp_path: Path, excerpt: Path
) -> None:
    paths = [make_run(tmp_path / name, seed) for seed, name in enumerate("abc")]
    common, other = (noisy_baselines(label_map("nsvf").labels, seed) for seed in range(2))
    for path, own in zip(paths, (common, common, other), strict=True):
        logistic.save(own, path / "logistic.json")
    both = evaluate(paths[:2], excerpt, test=True, resamples=20).report
    assert list(both["rows"]) == ["b/program", "b/float", "logistic"]
    assert both["rows"]["logistic"]["what"] == logistic.WHAT[logistic.LOGISTIC]
    assert {"program - logistic", "b/program - logistic"} < set(both["comparisons"])
    assert [verdict.partition(" against ")[0] for verdict in both["verdicts"]] == [
        "a: student, integer", "b: student, integer",
    ]  # fmt: skip
    all_three = evaluate(paths, excerpt, test=True, resamples=20).report
    assert list(all_three["rows"])[-2:] == ["c/logistic", "logistic"]
    assert all_three["rows"]["logistic"]["what"].startswith("a: ")
    assert all_three["rows"]["c/logistic"]["what"].startswith("c: ")


def noise(n: int = 300) -> logistic.TrainingBeats:
    """Beats, context and classes that have nothing to do with each other."""
    random = np.random.default_rng(3)
    return logistic.TrainingBeats(
        q=random.integers(-127, 128, (n, 360)).astype(np.int8),
        context=random.integers(-127, 128, (n, 12)).astype(np.int8),
        y=random.integers(0, 2, n),
        record=random.integers(0, 5, n),
        records=tuple("abcde"),
        labels=("N", "abnormal"),
        fs=360,
    )


@pytest.mark.parametrize(
    ("student", "parameters"), [("context", 2 * (12 + 1)), ("measures", 2 * (4 + 1))]
)
def test_one_baseline_sees_what_the_hidden_layer_of_the_student_sees(
    student: str, parameters: int, tmp_path: Path
) -> None:
    beats, config = noise(), for_protocol("replica", student)
    own = logistic.fit_all(beats, config.inputs)[-1]
    assert (own.name, own.parameters) == (logistic.OWN, parameters)
    inputs = (beats.context if config.context else measured(beats.q, config.measures)) / 128
    assert np.array_equal(own.logits(beats.q, beats.context), own.weights.logits(inputs))
    logistic.save([own], tmp_path / "logistic.json")
    (again,) = logistic.load(tmp_path / "logistic.json")
    assert (again.digest, again.features) == (own.digest, config.inputs)


def test_convolutions_have_no_inputs_of_their_own() -> None:
    assert for_protocol("replica", "beat").inputs == ()
    assert [one.name for one in logistic.fit_all(noise())] == ["logistic", "logistic_shape"]


@pytest.mark.parametrize("feature", ["heart rate", "size 36-24", "size 0-61", "sizes 1-9"])
def test_a_file_with_an_unknown_input_is_refused(feature: str, tmp_path: Path) -> None:
    path = tmp_path / "logistic.json"
    logistic.save([logistic.fit(noise(), logistic.OWN, ("size 24-36",))], path)
    content = json.loads(path.read_text())
    content["models"][0]["features"] = [feature]
    path.write_text(json.dumps(content))
    with pytest.raises(EcgedgeError, match="malformed"):
        logistic.load(path)
