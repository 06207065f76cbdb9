import numpy as np
import pytest
import torch

from calib.ranges import calibrate
from ecgedge.models import SegmentStudent, StudentConfig
from ecgedge.models.convert import Purpose, to_float_network
from ecgedge.training.gains import calibrate_gains
from ecgedge.training.train import Data

PURPOSE = Purpose("test", "nsvf", 360, ("N", "S", "V", "F"))


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_gains_are_those_of_calib_for_every_start(data: Data, method: str) -> None:
    torch.manual_seed(0)
    student = SegmentStudent(StudentConfig(depth=2, context=5), starts=3)
    q, context = data.train.q[:300].float(), data.train.context[:300].float()
    calibrate_gains(student, q, context, method)
    assert student.pool_gain.sum() > 0
    for start in range(3):
        network = to_float_network(student, start, PURPOSE)
        plain = network.replace(pool_gain=(0,) * 4, token_gain=(0, 0), mean_gain=0)
        expected = calibrate(plain, np.asarray(q) / 128, np.asarray(context) / 128, method)
        assert network.pool_gain == expected.pool_gain
        assert network.token_gain == expected.token_gain
        assert network.mean_gain == expected.mean_gain
