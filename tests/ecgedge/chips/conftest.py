from collections.abc import Callable
from pathlib import Path

import pytest

from ecgedge.chips import Built, Core, build

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def programs() -> Path:
    """Folder of the C programs that the tests compile."""
    return PROGRAMS


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Built]:
    """Builds a program of that folder for a core."""

    def make(core: Core, name: str, *, optimize: str | None = None, **defines: int) -> Built:
        folder = tmp_path / f"{name}-{core.name}"
        return build(core, [PROGRAMS / f"{name}.c"], [], defines, folder, optimize=optimize)

    return make
