"""A run, a bundle and the command that evaluates them, quickly."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from calib.quantize import quantize
from ecgedge.cli.evaluate import evaluate as command
from export.bundle import write_bundle
from tests.run_folders import make_run, some_network

QUICK = ("--excerpt", "--no-plots", "--resamples", "20")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "student", 1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "b"
    network = some_network(2)
    write_bundle(path, quantize(network), network)
    return path


def ask(*arguments: object, test: bool = True) -> dict[str, Any]:
    """Run the command with --json and return its object."""
    options = [*QUICK, "--json", *(["--test"] if test else [])]
    result = CliRunner().invoke(command, [*map(str, arguments), *options])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert isinstance(content, dict)
    return content
