import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecgedge.chips.simavr import simulator
from ecgedge.data import locate
from tests.tools import needs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(folder))
    return folder


@needs("gcc", "libsimavr")
def test_it_is_compiled_once(cache: Path) -> None:
    program = simulator("stream")
    first = program.stat()
    assert os.access(program, os.X_OK)
    assert simulator("stream") == program
    assert program.stat().st_ino == first.st_ino


@needs("gcc", "libsimavr")
def test_several_may_compile_it_at_once(cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        programs = list(pool.map(lambda _: simulator("stream"), range(4)))
    assert len(set(programs)) == 1
    assert [path.name for path in (cache / "simavr").iterdir()] == [programs[0].name]
