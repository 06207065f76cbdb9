from dataclasses import replace

import torch

from ecgedge.training.augment import augmented, normalize, shifted
from ecgedge.training.config import Augmentation
from ecgedge.training.train import Data

NOTHING = Augmentation(shift_ms=0, wander=0, noise=0, amplitude=0, context=0)
CPU = torch.device("cpu")


def test_without_variation_beats_are_what_the_program_gets(data: Data) -> None:
    index = torch.arange(len(data.train))
    q, context = augmented(data.train, index, NOTHING, CPU)
    # The program rounds the mean to whole counts first; training does not have to.
    assert (q - data.train.q.float()).abs().max() <= 2
    assert torch.equal(context, data.train.context.float())


def test_varied_beats_stay_whole_numbers_in_range(data: Data) -> None:
    torch.manual_seed(0)
    q, context = augmented(data.train, torch.arange(200), Augmentation(), CPU)
    for value in (q, context):
        assert torch.equal(value, value.round())
        assert value.abs().max() <= 127
    assert (q.abs().amax(1) == 127).all()


def test_each_variation_changes_the_beat(data: Data) -> None:
    torch.manual_seed(0)
    plain, rhythm = augmented(data.train, torch.arange(50), NOTHING, CPU)
    for change in ({"shift_ms": 30}, {"wander": 0.5}, {"noise": 0.1}, {"amplitude": 0.5}):
        varied, _ = augmented(data.train, torch.arange(50), replace(NOTHING, **change), CPU)
        assert not torch.equal(varied, plain), change
    _, varied = augmented(data.train, torch.arange(50), replace(NOTHING, context=5), CPU)
    assert not torch.equal(varied, rhythm)


def test_a_shift_moves_the_window_within_its_margins() -> None:
    rows = torch.arange(20).repeat(100, 1)
    torch.manual_seed(0)
    found = shifted(rows, 10, 3)
    assert set(found[:, 0].tolist()) == set(range(2, 9))
    assert (found.diff(dim=1) == 1).all()


def test_a_flat_line_becomes_zero() -> None:
    assert not normalize(torch.full((2, 10), 7.0)).any()
