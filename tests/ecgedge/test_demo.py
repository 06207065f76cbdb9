import json

import pytest
from click.testing import CliRunner

from ecgedge.cli.main import cli
from ecgedge.demo import MARKER, run_demo
from firmware_sim.errors import EcgedgeError

SHORT = (
    "--restarts", "2", "--epochs", "2", "--fine-epochs", "1", "--draws", "1000",
    "--teacher-epochs", "1",
)  # fmt: skip


@pytest.mark.slow
def test_the_whole_chain_runs_on_the_excerpt(tmp_path):
    lines = []
    summary = run_demo(tmp_path, lines.append, SHORT)
    assert summary["verification"]["ok"]
    assert summary["verification"]["beats"] > 5000
    assert summary["proof"]["ok"]
    assert summary["streamed"]["beats"] > 80
    assert summary["stream_equals_simulator"]
    assert not summary["is_result"]
    assert all(e["mismatches"] == 0 for e in summary["engines"].values() if "skipped" not in e)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert (tmp_path / "strip.png").stat().st_size > 10_000
    assert any("ecgedge distill" in line for line in lines)


def test_a_folder_that_is_no_demo_is_never_replaced(tmp_path):
    (tmp_path / "mine").write_text("1")
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path), "--overwrite"])
    assert isinstance(result.exception, EcgedgeError)
    assert (tmp_path / "mine").read_text() == "1"


def test_a_demo_that_was_broken_off_is_replaced_when_asked(tmp_path, monkeypatch):
    (tmp_path / MARKER).write_text("1")
    (tmp_path / "run").mkdir()
    monkeypatch.setattr("ecgedge.demo.run_demo", lambda out, say: {})
    refused = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path), "--json"])
    assert "--overwrite" in str(refused.exception)
    assert (tmp_path / "run").is_dir()
    done = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path), "--overwrite", "--json"])
    assert done.exit_code == 0
    assert [p.name for p in tmp_path.iterdir()] == [MARKER]
