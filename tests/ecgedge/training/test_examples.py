from dataclasses import replace

import numpy as np
import pytest

from ecgedge.training.config import TrainConfig
from ecgedge.training.examples import validation_records
from ecgedge.training.train import Data
from firmware_sim.errors import EcgedgeError


def test_validation_is_by_record_with_every_class_on_both_sides(data: Data) -> None:
    train, validation = data.train, data.validation
    named = [{e.records[i] for i in e.record.tolist()} for e in (train, validation)]
    assert not named[0] & named[1]
    assert (train.class_counts(4) > 0).all()
    assert (validation.class_counts(4) > 0).all()


def test_no_test_record_is_read(data: Data, quick: TrainConfig) -> None:
    from ecgedge.data.splits import DS2

    assert not set(data.train.records) & set(DS2)


def test_the_seed_decides_the_validation_records() -> None:
    rng = np.random.default_rng(0)
    record, y = np.repeat(np.arange(12), 50), rng.integers(0, 3, 600)
    first = validation_records(y, record, 0.3, 1)
    assert np.array_equal(first, validation_records(y, record, 0.3, 1))
    assert any(not np.array_equal(first, validation_records(y, record, 0.3, s)) for s in range(9))
    assert first.sum() == 4


def test_a_class_in_one_record_cannot_be_validated() -> None:
    with pytest.raises(EcgedgeError, match="two training records"):
        validation_records(np.array([0, 0, 1]), np.array([0, 1, 1]), 0.5, 0)


def test_the_digest_is_of_these_beats_and_labels(data: Data, quick: TrainConfig) -> None:
    beats = data.train
    assert replace(beats).digest == beats.digest
    other = beats.y.clone()
    other[0] = (other[0] + 1) % 2
    assert replace(beats, y=other).digest != beats.digest
    assert replace(beats, twin=replace(beats)).digest != beats.digest
    assert replace(beats, records=beats.records[::-1]).digest != beats.digest
