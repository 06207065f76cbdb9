"""Networks by name: bounded students and large teachers. Importing this needs torch."""

from collections.abc import Callable

from torch import nn

from ecgedge.models.student import SegmentStudent, StudentConfig
from ecgedge.models.teachers import ResNet1d18

STUDENTS: dict[str, type[SegmentStudent]] = {"student": SegmentStudent}
"""Built from a StudentConfig and a number of starts; they become integer programs."""

TEACHERS: dict[str, Callable[..., nn.Module]] = {"resnet18": ResNet1d18}
"""Built from classes and context; they stay floats."""

MODELS = (*STUDENTS, *TEACHERS)
"""Every name that `ecgedge train --model` takes."""

__all__ = ["MODELS", "STUDENTS", "TEACHERS", "ResNet1d18", "SegmentStudent", "StudentConfig"]
