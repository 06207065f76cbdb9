"""Fixtures that every package's tests share: where the recordings are, and a cache of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ecgedge.data import locate
from ecgedge.evaluation import ledger

settings.register_profile("no deadline", deadline=None)  # no test asserts on a clock
settings.load_profile("no deadline")

BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prepared beats of one run of the tests; the user's own cache and ledger are left alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(locate.CACHE_VARIABLE, str(folder))
        patch.setenv(ledger.VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def excerpt() -> Path:
    """Folder of the bundled excerpt."""
    return locate.excerpt()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder that holds the full databases; skips where there is none."""
    chosen = os.environ.get(locate.DATA_VARIABLE)
    for folder in (Path(chosen) if chosen else None, BESIDE_THE_REPOSITORY):
        if folder is not None and locate.is_database(folder / "mitdb"):
            return folder
    pytest.skip(f"the full database is not here; set ${locate.DATA_VARIABLE}")


@pytest.fixture(scope="session")
def mitdb(data_folder: Path) -> Path:
    """Folder of the full MIT-BIH Arrhythmia Database; skips where there is none."""
    return data_folder / "mitdb"
