"""Compilers and emulators in tests: skipped with the reason on a user's machine, never in CI."""

import os

import pytest

from ecgedge.chips import CORES, missing

CORTEX = ("cortex-m0", "cortex-m3", "cortex-m4")
EMULATED = (*CORTEX, "avr")


def needs(*tools: str) -> pytest.MarkDecorator:
    """Mark a test that needs tools of `ecgedge.chips.tools.PACKAGES`.

    With CI=true in the environment the test runs anyway, and fails for want of the tool.
    """
    problem = missing(*tools)
    skip = problem is not None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(skip, reason=str(problem))


def cores(*names: str) -> list[object]:
    """Parameters for a test that runs on cores, all of them or the named ones."""
    chosen = [core for core in CORES.values() if not names or core.name in names]
    return [pytest.param(core, id=core.name, marks=needs(*core.needs)) for core in chosen]
