from pathlib import Path

import pytest

from ecgedge.chips.cores import CORES
from ecgedge.verification.engines import BEATS_AT_MOST, CHIPS, COMPILED, ENGINES, make_engine
from ecgedge.verification.engines.wasm import NEEDS as WASM_NEEDS
from export.bundle import read_bundle
from tests.networks import small_bundle
from tests.tools import needs

TOOLS = {name: CORES[core].needs for name, core in CHIPS.items()} | {"wasm": WASM_NEEDS}


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in COMPILED])
def test_the_registry_names_functions_that_exist(whole: Path, name: str) -> None:
    assert callable(make_engine(name, read_bundle(whole)))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs(*tools)) for name, tools in TOOLS.items()]
)
def test_every_compiled_engine_is_made(tmp_path: Path, name: str) -> None:
    small_bundle(tmp_path / "bundle", window=125)
    assert callable(make_engine(name, read_bundle(tmp_path / "bundle")))


def test_what_needs_tools_is_known() -> None:
    assert TOOLS.keys() == set(COMPILED)


def test_limits_are_of_engines_that_exist() -> None:
    assert BEATS_AT_MOST.keys() <= ENGINES.keys()
