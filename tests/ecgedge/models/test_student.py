import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calib.quantize import quantize
from ecgedge.models import SegmentStudent, StudentConfig
from ecgedge.models.constrained import bounded_l1, round_shift
from ecgedge.models.convert import Purpose, to_float_network
from ecgedge.models.pooling import accumulators, relu_pool
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import rshift
from firmware_sim.network import run

NSVF = Purpose("test", "nsvf", 360, ("N", "S", "V", "F"))


def beats(n: int, window: int = 360, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-127, 128, (n, window), generator=generator).float()


def with_gains(student: SegmentStudent) -> SegmentStudent:
    student.pool_gain += torch.tensor([2.0, 2.0, 1.0, 2.0])
    student.token_gain += 1.0
    student.mean_gain += 1.0
    return student


@pytest.mark.parametrize(("depth", "expected"), [(1, 110), (2, 130), (3, 150)])
def test_parameters_of_two_classes(depth: int, expected: int) -> None:
    student = SegmentStudent(StudentConfig(classes=2, depth=depth), starts=3)
    assert student.parameters_per_start == expected


def test_parameters_of_four_classes_with_context() -> None:
    assert SegmentStudent(StudentConfig(classes=4, context=5)).parameters_per_start == 140


@pytest.mark.parametrize("window", [360, 250, 128])
def test_shapes(window: int) -> None:
    student = SegmentStudent(StudentConfig(window=window, context=5), starts=3)
    logits, features = student(beats(7, window), torch.zeros(7, 5))
    assert logits.shape == (3, 7, 4)
    assert features.shape == (3, 7, 4)


def test_bounds_hold() -> None:
    torch.manual_seed(0)
    student = SegmentStudent(StudentConfig(depth=2), starts=8)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(20)
    for w in (student.bounded(), student.rounded()):
        reach = w.conv.abs().sum(-1) + w.conv_bias.abs()
        assert reach.max() <= 128 * (1 + 1e-6)
        for value in (w.tokens, w.token_bias, w.head, w.head_bias):
            assert value.abs().max() <= 128
    assert (w.conv.abs().sum(-1) + w.conv_bias.abs()).max() <= 128


def test_a_channel_inside_the_bound_is_left_alone() -> None:
    weight, bias = torch.tensor([[0.1, 0.2, -0.3, 0.1]]), torch.tensor([0.2])
    bounded, bounded_bias = bounded_l1(weight, bias)
    assert torch.equal(bounded, weight)
    assert torch.equal(bounded_bias, bias)


@given(st.integers(-(2**22), 2**22), st.integers(0, 12))
def test_round_shift_is_the_programs(a: int, shift: int) -> None:
    exact = round_shift(torch.tensor(float(a)), torch.tensor(float(shift)))
    assert int(exact) == int(rshift(np.array([a]), shift)[0])


def test_masked_pooling_is_convolution_relu_and_sum() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 120).double()
    weight = torch.randn(2, 4, 4).double().requires_grad_()
    bias = torch.randn(2, 4).double().requires_grad_()
    pooled = relu_pool(x, weight, bias, 58, 2)
    plain = torch.stack([accumulators(x, w, b) for w, b in zip(weight, bias, strict=True)])
    plain = torch.relu(plain)[..., :116].view(2, 5, 4, 2, 58).sum(-1).transpose(1, 2)
    torch.testing.assert_close(pooled, plain)
    grad = torch.randn_like(pooled)
    found = torch.autograd.grad(pooled, (weight, bias), grad)
    expected = torch.autograd.grad(plain, (weight, bias), grad)
    torch.testing.assert_close(found, expected)


def test_starts_are_independent() -> None:
    torch.manual_seed(0)
    student = with_gains(SegmentStudent(StudentConfig(), starts=3))
    x = beats(6)
    before = student(x)[0]
    with torch.no_grad():
        student.conv_weight[1] += 0.1
    after = student(x)[0]
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[2], after[2])
    assert not torch.equal(before[1], after[1])


def test_a_prediction_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    student = with_gains(SegmentStudent(StudentConfig())).eval()
    x = beats(50)
    whole = student(x, fixed=True)[0]
    assert torch.equal(whole[:, 7:8], student(x[7:8], fixed=True)[0])


@pytest.mark.parametrize("bound", ["l1", "tanh"])
def test_the_float_network_computes_what_the_student_does(bound: str) -> None:
    torch.manual_seed(1)
    student = with_gains(SegmentStudent(StudentConfig(depth=2, context=5, conv_bound=bound), 2))
    x, context = beats(20), beats(20, 5)
    logits = student(x, context)[0][1] / student.config.logit_scale
    network = to_float_network(student, 1, NSVF)
    found = network.forward(x.numpy() / 128, context.numpy() / 128)
    np.testing.assert_allclose(found, logits.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bound", ["l1", "tanh"])
def test_the_fixed_forward_pass_is_the_quantized_program(bound: str) -> None:
    torch.manual_seed(2)
    student = with_gains(SegmentStudent(StudentConfig(depth=2, context=5, conv_bound=bound), 2))
    x, context = beats(50), beats(50, 5)
    scores = student.trace(x, context, fixed=True)["scores"][1].detach().numpy()
    program = quantize(to_float_network(student, 1, NSVF))
    exact = run(program, x.numpy().astype(np.int8), context.numpy().astype(np.int8)).scores
    assert np.array_equal(scores.astype(np.int64), exact)


def test_gradients_pass_the_roundings() -> None:
    torch.manual_seed(0)
    student = with_gains(SegmentStudent(StudentConfig(depth=2), starts=4))
    logits, _ = student(beats(64), fixed=True)
    torch.autograd.backward(torch.logsumexp(logits, -1).sum())
    for parameter in student.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0


def test_tanh_activations_stay_float() -> None:
    student = SegmentStudent(StudentConfig(activation="tanh"))
    assert student(beats(3))[0].shape == (1, 3, 4)
    with pytest.raises(EcgedgeError, match="relu"):
        student(beats(3), fixed=True)


@pytest.mark.parametrize(
    "wrong", [{"conv_bound": "l2"}, {"activation": "gelu"}, {"depth": 0}, {"context": 3}]
)
def test_what_cannot_be_built_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EcgedgeError):
        StudentConfig(**wrong)  # type: ignore[arg-type]


def test_context_is_asked_for() -> None:
    with pytest.raises(EcgedgeError, match="context"):
        SegmentStudent(StudentConfig(context=5))(beats(3))
