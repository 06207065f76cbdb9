from pathlib import Path

from ecgedge.verification.checks import simulator_rate
from ecgedge.verification.inputs import made_sources
from export.bundle import read_bundle


def test_the_simulators_rate_is_measured(whole: Path) -> None:
    bundle = read_bundle(whole)
    assert simulator_rate(bundle, made_sources(bundle, 512)[1]) > 1000
