import json
from dataclasses import replace

import numpy as np
import pytest

from ecgedge.evaluation import bootstrap, metrics, numbers

LABELS = ("N", "S", "V", "F")
RECORDS = ("202", "213", "232", "233", "234")


def some_beats(seed: int, skill: float = 1.5, n: int = 800) -> metrics.Predictions:
    truth, noise = np.random.default_rng(7), np.random.default_rng(seed)
    y = truth.choice(4, size=n, p=[0.6, 0.15, 0.15, 0.1])
    record = truth.integers(0, 4, n)
    scores = noise.normal(size=(n, 4))
    scores[np.arange(n), y] += skill
    return metrics.predictions(LABELS, y, scores, record, RECORDS)


@pytest.fixture(scope="module")
def weights() -> metrics.Ints:
    return bootstrap.record_weights(5, 300)


def test_one_seed_has_its_own_values_and_no_spread(weights: metrics.Ints) -> None:
    beats = some_beats(0)
    found = numbers.measure([beats], weights)
    assert found.values == pytest.approx(metrics.gross(beats))
    assert found.sd == {}


def test_several_seeds_have_the_mean_and_the_standard_deviation(weights: metrics.Ints) -> None:
    seeds = [some_beats(seed) for seed in range(4)]
    found = numbers.measure(seeds, weights)
    each = [metrics.gross(beats)["f1.V"] for beats in seeds]
    assert found.values["f1.V"] == pytest.approx(np.mean(each))
    assert found.sd["f1.V"] == pytest.approx(np.std(each, ddof=1))
    assert found.counts.sum() == 4 * 800
    assert numbers.as_json(found)["by_seed"]["f1"]["V"] == pytest.approx(each)  # type: ignore[index]


def test_every_rate_and_area_has_an_interval_around_it(weights: metrics.Ints) -> None:
    found = numbers.measure([some_beats(0)], weights)
    for name in (
        "se.S", "ppv.V", "macro_f1_nsv", "auroc_v", "auprc_s", "miss_rate", "calibration_error",
    ):  # fmt: skip
        limits = found.interval(name)
        assert limits.low <= found.values[name] <= limits.high, name
    assert np.isnan(found.interval("nothing of that name").low)


def test_a_record_without_beats_of_the_task_is_left_out(weights: metrics.Ints) -> None:
    found = numbers.measure([some_beats(0)], weights)
    assert set(found.per_record) == set(RECORDS) - {"234"}
    assert sum(row["beats"] for row in found.per_record.values()) == 800


def test_the_better_model_is_told_apart_and_equal_ones_are_not(weights: metrics.Ints) -> None:
    weak, strong = numbers.measure([some_beats(0)], weights), some_beats(1, skill=4)
    better = numbers.compare(weak, numbers.measure([strong], weights))
    assert better["macro_f1_nsv"].verdict == "higher"
    assert better["miss_rate"].verdict == "lower"
    same = numbers.compare(weak, weak)
    assert {item.verdict for item in same.values()} == {"no difference seen"}
    assert list(numbers.compare(weak, weak, ["f1.V", "nothing"])) == ["f1.V"]


def test_seeds_may_speak_of_different_records(weights: metrics.Ints) -> None:
    beats = some_beats(0)
    halves = [beats.where(beats.record < 2), beats.where(beats.record >= 2)]
    found = numbers.measure(halves, weights)
    each = [metrics.gross(half)["accuracy"] for half in halves]
    assert found.values["accuracy"] == pytest.approx(np.mean(each))
    assert set(found.per_record) == {"202", "213", "232", "233"}
    own = numbers.measure([beats], weights).per_record
    assert found.per_record["213"] == own["213"]
    assert found.per_record["232"] == own["232"]


def test_sensitivity_rows_leave_out_the_records_that_decide() -> None:
    beats = some_beats(0)
    rows = numbers.sensitivity([beats], 200)
    assert set(rows) == {"without_202", "S_without_232", "F_without_213"}
    without = metrics.gross(beats.without("202"))
    for name, (value, limits) in rows["without_202"].items():
        assert value == without[name]
        assert limits.low <= value <= limits.high
    assert rows["S_without_232"]["f1.S"][0] == metrics.gross(beats.without("232"))["f1.S"]
    assert "f1.V" not in rows["S_without_232"]


def test_records_on_which_inputs_were_chosen_are_left_out_where_others_remain() -> None:
    y, right = [0, 1] * 3, [[1.0, 0.0], [0.0, 1.0]] * 3
    beats = metrics.predictions(
        ("N", "abnormal"), y, right[:4] + right[1::-1], [0, 0, 1, 1, 2, 2], ("106", "124", "233")
    )
    rows = numbers.sensitivity([beats], 20)
    assert set(rows) == {"without_ds1"}
    assert rows["without_ds1"]["miss_rate"][0] == 1  # 233 alone, whose labels are all wrong
    of_ds1 = beats.without("233")
    assert numbers.sensitivity([replace(of_ds1, records=("106", "124"))], 20) == {}


def test_no_resample_draws_the_record_that_is_left_out() -> None:
    y = [0, 1] * 50
    right = [[1.0, 0.0] if label == 0 else [0.0, 1.0] for label in y]
    wrong = right[1:] + right[:1]
    beats = metrics.predictions(
        ("N", "V"), y * 2, right + wrong, [0] * 50 + [1] * 50 + [2] * 100, ("100", "103", "202")
    )
    value, limits = numbers.sensitivity([beats], 300)["without_202"]["f1.V"]
    assert (value, limits.low, limits.high) == (1, 1, 1)


def test_the_other_aami_map_judges_the_same_labels_by_another_reference() -> None:
    beats = some_beats(0)
    other = np.where(beats.y == 0, 1, beats.y)
    rows = numbers.sensitivity([beats], 50, other_map=("bxb", other))
    hits = np.sum((other == 1) & (beats.predicted == 1))
    assert rows["aami_map_bxb"]["se.S"][0] == pytest.approx(hits / np.sum(other == 1))


def test_sensitivity_rows_exist_only_where_the_records_and_classes_do() -> None:
    beats = metrics.predictions(("N", "V"), [0, 1], [[1, 0], [0, 1]], [0, 0], ("100",))
    assert numbers.sensitivity([beats], 5) == {}


def test_json_has_one_key_a_number_and_null_for_what_does_not_exist(weights: metrics.Ints) -> None:
    only_normal = some_beats(0).where(some_beats(0).y == 0)
    content = numbers.as_json(numbers.measure([only_normal], weights))
    text = json.loads(json.dumps(content, allow_nan=False))
    assert text["se"]["V"] is None
    assert text["auroc_v"] is None
    assert text["miss_rate"] is None
    assert text["intervals"]["se"]["V"] == [None, None]
    assert len(text["intervals"]["se"]["N"]) == 2
    assert (
        np.sum(text["confusion"])
        == text["beats"]
        == sum(record["beats"] for record in text["per_record"].values())
    )


def test_nesting_follows_the_dot() -> None:
    flat = {"f1.N": 0.5, "f1.V": float("nan"), "accuracy": 1.0}
    assert numbers.nest(flat) == {"f1": {"N": 0.5, "V": None}, "accuracy": 1.0}
