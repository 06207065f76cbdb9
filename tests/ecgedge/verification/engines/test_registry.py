from pathlib import Path

import pytest

from ecgedge.chips.cores import CORES
from ecgedge.verification.engines import BEATS_AT_MOST, CHIPS, ENGINES, make_engine
from export.bundle import read_bundle
from tests.networks import small_bundle
from tests.tools import needs


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in CHIPS])
def test_the_registry_names_functions_that_exist(whole: Path, name: str) -> None:
    assert callable(make_engine(name, read_bundle(whole)))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs(*CORES[core].needs)) for n, core in CHIPS.items()]
)
def test_every_core_is_an_engine(tmp_path: Path, name: str) -> None:
    small_bundle(tmp_path / "bundle", window=125)
    assert callable(make_engine(name, read_bundle(tmp_path / "bundle")))


def test_limits_are_of_engines_that_exist() -> None:
    assert BEATS_AT_MOST.keys() <= ENGINES.keys()
