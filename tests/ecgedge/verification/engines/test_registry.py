from pathlib import Path

from ecgedge.verification.engines import ENGINES, make_engine
from export.bundle import read_bundle


def test_the_registry_names_functions_that_exist(whole: Path) -> None:
    bundle = read_bundle(whole)
    for name in ENGINES:
        assert callable(make_engine(name, bundle)), name
