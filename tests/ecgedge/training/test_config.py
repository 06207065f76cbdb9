import json

import pytest

from ecgedge.training.config import (
    STUDENTS,
    Imbalance,
    TrainConfig,
    for_protocol,
    from_json,
    prior_of,
    student_of,
    to_json,
)
from firmware_sim.errors import EcgedgeError
from firmware_sim.prior import Prior


def test_a_configuration_survives_json() -> None:
    config = for_protocol("replica", seed=3, imbalance=Imbalance(power=0.7))
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_a_prior_survives_json_and_its_absence_too() -> None:
    config = for_protocol("ds1-ds2", prior=Prior("V", 2, 5))
    assert from_json(json.loads(json.dumps(to_json(config)))).prior == Prior("V", 2, 5)
    old = {name: value for name, value in to_json(TrainConfig()).items() if name != "prior"}
    assert from_json(old).prior is None


def test_only_students_of_context_with_many_labels_start_with_a_prior() -> None:
    assert for_protocol("ds1-ds2").prior == Prior("S", 4, 6)
    assert for_protocol("ds1-ds2", "segments").prior is None
    assert for_protocol("ds1-ds2", "context", task="aami-binary").prior is None
    assert for_protocol("replica").prior is None


def test_a_prior_is_read_from_text() -> None:
    assert prior_of("S,4,6") == Prior("S", 4, 6)
    assert prior_of("none") is None


@pytest.mark.parametrize("wrong", ["S", "S,4", "S,a,6", "S,4,6,1", "S,0,6", "S,4,9", ""])
def test_a_prior_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(EcgedgeError, match="prior"):
        prior_of(wrong)


def test_protocols_bring_task_lead_and_student() -> None:
    main, replica = for_protocol("ds1-ds2"), for_protocol("replica")
    assert (main.task, main.lead, main.branches, main.context) == ("nsvf", "MLII", False, 12)
    assert (replica.task, replica.lead) == ("symbol-binary", "first")
    assert (replica.branches, replica.context, len(replica.measures)) == (False, 0, 4)


def test_students_have_names() -> None:
    for name in STUDENTS:
        config = for_protocol("ds1-ds2", name)
        measures = bool(config.measures)
        assert student_of(config.branches, config.context, measures=measures) == name
    with pytest.raises(EcgedgeError, match="context, segments, beat, measures"):
        for_protocol("ds1-ds2", "forest")


def test_the_imbalance_is_corrected_once() -> None:
    with pytest.raises(EcgedgeError, match="twice"):
        Imbalance(class_weights=True, sampler="balanced")


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "cosine"},
        {"device": "tpu"},
        {"epochs": 0},
        {"validation_share": 1.0},
        {"task": "nsvx"},
        {"protocol": "ds3"},
        {"seed": -5},
        {"seed": 2**31},
        {"learning_rate": float("nan")},
        {"learning_rate": 0.0},
        {"weight_decay": float("inf")},
        {"prior": Prior("X", 4, 6)},
        {"prior": Prior("S", 4, 6), "task": "aami-binary"},
    ],
)
def test_what_cannot_be_trained_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EcgedgeError):
        TrainConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"ratio": float("nan")}, {"power": float("inf")}])
def test_weights_that_are_no_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(EcgedgeError, match="finite"):
        Imbalance(**wrong)  # type: ignore[arg-type]


def test_a_configuration_with_unknown_keys_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="not a training configuration"):
        from_json(to_json(TrainConfig()) | {"colour": "blue"})
