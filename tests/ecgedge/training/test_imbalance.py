import pytest
import torch

from ecgedge.training.config import Imbalance, for_protocol
from ecgedge.training.imbalance import class_weights, draw
from firmware_sim.errors import EcgedgeError

LABELS = ("N", "S", "V", "F")
COUNTS = torch.tensor([10_000, 100, 2_500, 0])


def test_weights_grow_over_the_warm_up_to_their_bound() -> None:
    how = Imbalance(power=0.5, ratio=8, warmup_epochs=3)
    assert class_weights(COUNTS, how, 3, LABELS).tolist() == [1, 8, 2, 1]
    assert class_weights(COUNTS, how, 0, LABELS).tolist() == [1, 2.75, 1.25, 1]
    assert class_weights(COUNTS, Imbalance(class_weights=False), 9, LABELS).tolist() == [1, 1, 1, 1]


def test_a_label_may_have_a_weight_of_its_own() -> None:
    how = Imbalance(power=0.5, ratio=8, warmup_epochs=0, weights={"S": 3})
    assert class_weights(COUNTS, how, 0, LABELS).tolist() == [1, 3, 2, 1]


def test_without_a_sampler_no_beat_is_drawn_twice() -> None:
    y = torch.zeros(100, dtype=torch.int64)
    drawn = draw(y, y, torch.tensor([100]), Imbalance(), 60)
    assert len(drawn) == len(set(drawn.tolist())) == 60


def test_a_balanced_sampler_draws_all_classes_alike() -> None:
    torch.manual_seed(0)
    y = torch.cat([torch.zeros(9_900), torch.ones(100)]).long()
    counts = torch.bincount(y)
    one = torch.zeros_like(y)
    share = {
        name: y[draw(y, one, counts, Imbalance(False, power=0.5, sampler=name), 10_000)]
        .float()
        .mean()
        for name in ("none", "weighted", "balanced")
    }
    assert abs(share["none"] - 0.01) < 0.001
    assert 0.05 < share["weighted"] < 0.2
    assert abs(share["balanced"] - 0.5) < 0.03


def test_the_sampler_of_records_gives_every_record_the_same_say_in_a_class() -> None:
    torch.manual_seed(0)
    # Class 1: 90 beats of record 0, ten of record 2; class 0: half and half of records 1 and 2.
    y = torch.cat([torch.ones(100), torch.zeros(9_900)]).long()
    record = torch.cat([torch.zeros(90), torch.full((10,), 2), torch.ones(4_950)]).long()
    record = torch.cat([record, torch.full((4_950,), 2)])
    counts = torch.bincount(y)

    def shares(power: float) -> list[float]:
        how = Imbalance(False, power=power, sampler="records")
        drawn = draw(y, record, counts, how, 10_000)
        group = record[drawn] * 2 + y[drawn]
        return [float((group == one).float().mean()) for one in (1, 5, 2, 4)]

    assert shares(1.0) == pytest.approx([0.25] * 4, abs=0.02)
    full, half = 90**0.5 + 10**0.5 + 2 * 4_950**0.5, [90**0.5, 10**0.5, 4_950**0.5, 4_950**0.5]
    assert shares(0.5) == pytest.approx([one / full for one in half], abs=0.02)
    assert shares(0.0) == pytest.approx([0.009, 0.001, 0.495, 0.495], abs=0.02)


def test_a_weight_for_a_label_that_the_task_lacks_is_refused() -> None:
    with pytest.raises(EcgedgeError, match="no label Q"):
        for_protocol("ds1-ds2", imbalance=Imbalance(weights={"Q": 2}))
    with pytest.raises(EcgedgeError, match="above 0"):
        Imbalance(weights={"S": 0})
