import pytest
import torch

from ecgedge.training.losses import Batch, Distillation, DistillationLoss, LabelLoss
from firmware_sim.errors import EcgedgeError


def batch(n: int = 30, classes: int = 3) -> Batch:
    torch.manual_seed(0)
    y = torch.randint(0, classes, (n,))
    return Batch(
        torch.arange(n), torch.zeros(n, 360), torch.zeros(n, 5), y, torch.ones(classes), 1 << 20
    )


def loss_of(teacher: torch.Tensor, how: Distillation, b: Batch) -> DistillationLoss:
    torch.manual_seed(1)
    return DistillationLoss(how, teacher, torch.randn(len(teacher), 32), b.y, starts=2)


def test_starts_have_their_own_loss() -> None:
    b = batch()
    logits = torch.randn(2, 30, 3)
    found = LabelLoss()(logits, torch.zeros(2, 30, 4), b)
    for i in range(2):
        expected = torch.nn.functional.cross_entropy(logits[i], b.y)
        torch.testing.assert_close(found[i], expected)


def test_only_right_and_sure_answers_of_the_teacher_count() -> None:
    b = batch()
    sure = 5 * torch.nn.functional.one_hot(b.y, 3).float()
    sure[:10] *= 0  # not sure
    sure[10:20] = sure[10:20].roll(1, dims=1)  # wrong
    loss = loss_of(sure, Distillation(gamma=0), b)
    assert loss.trusted.tolist() == [False] * 20 + [True] * 10


def test_a_student_that_says_what_the_teacher_says_pays_for_labels_alone() -> None:
    b = batch()
    teacher = 5 * torch.nn.functional.one_hot(b.y, 3).float()
    loss = loss_of(teacher, Distillation(gamma=0), b)
    logits = teacher.expand(2, -1, -1)
    features = torch.rand(2, 30, 4)
    torch.testing.assert_close(loss(logits, features, b), LabelLoss()(logits, features, b))
    other = logits.roll(1, dims=2)
    assert (loss(other, features, b) > LabelLoss()(other, features, b) + 0.1).all()


def test_the_teacher_is_heard_more_as_the_warm_up_goes_on() -> None:
    from dataclasses import replace

    b = batch()
    teacher = 5 * torch.nn.functional.one_hot(b.y, 3).float()
    loss = loss_of(teacher, Distillation(), b)
    logits, features = torch.randn(2, 30, 3), torch.rand(2, 30, 4)
    early, late = (loss(logits, features, replace(b, epoch=e)) for e in (0, 9))
    assert (early < late).all()


def test_features_are_pulled_towards_the_teachers() -> None:
    b = batch()
    teacher = 5 * torch.nn.functional.one_hot(b.y, 3).float()
    loss = loss_of(teacher, Distillation(alpha=0, beta=0, gamma=1), b)
    features = torch.rand(2, 30, 4, requires_grad=True)
    loss(torch.zeros(2, 30, 3), features, b).sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert loss.projection.grad is not None


def test_weights_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(EcgedgeError, match="finite"):
        Distillation(alpha=float("nan"))


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_teacher_without_a_say_is_refused(alpha: float) -> None:
    with pytest.raises(EcgedgeError, match="give one of them a weight above 0"):
        Distillation(alpha=alpha, beta=0, gamma=0)
