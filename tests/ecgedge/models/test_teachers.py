import torch

from ecgedge.models import ResNet1d18


def test_parameters() -> None:
    assert ResNet1d18(classes=2).parameters_per_start == 964_002


def test_logits_and_embedding() -> None:
    teacher = ResNet1d18(classes=4, context=5).eval()
    logits, embedding = teacher(torch.zeros(3, 250), torch.zeros(3, 5))
    assert logits.shape == (1, 3, 4)
    assert embedding.shape == (1, 3, 256)


def test_context_reaches_the_logits() -> None:
    torch.manual_seed(0)
    teacher = ResNet1d18(classes=4, context=5).eval()
    x = torch.randn(2, 360)
    assert not torch.equal(teacher(x, torch.zeros(2, 5))[0], teacher(x, torch.ones(2, 5))[0])
