"""The firmware through the command line: a simulated Uno, a live comparison, a self-test."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecgedge.zoo import default_bundle
from firmware_sim.program_file import load_program
from tests.ecgedge.cli.test_live import ECGEDGE, LONG_S, device, events_of, failed, stream
from tests.firmware import TOOLS, shipped_sketch
from tests.tools import needs

pytestmark = [needs(*TOOLS), pytest.mark.usefixtures("environment")]

HEAD_WEIGHT_BIT = 0x10


@pytest.fixture
def environment(excerpt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are those of the excerpt."""
    monkeypatch.setenv("ECGEDGE_DATA", str(excerpt.parent / "nothing here"))


def selftest(port: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*ECGEDGE, "selftest", "--port", port, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)


@contextmanager
def broken(elf: Path, folder: Path) -> Iterator[Path]:
    """A copy of a firmware in which one bit of the known answers' program is wrong."""
    data = bytearray(elf.read_bytes())
    table = head_weights()
    place = data.find(table)
    assert place > 0
    assert data.find(table, place + 1) < 0
    data[place + 2] ^= HEAD_WEIGHT_BIT
    target = folder / "broken.elf"
    target.write_bytes(data)
    yield target


def head_weights() -> bytes:
    from tests.firmware import shipped

    weights: bytes = shipped("rhythm-140").head.weight.tobytes()
    return weights


@pytest.mark.parametrize("name", ["rhythm-150", "rhythm-140", "beat-150"])
def test_labels_from_the_chip_are_the_simulators_live(name: str) -> None:
    options = ["--firmware", name, "--speed", "max", "--seconds", 60]
    with device("208", *options) as (board, port):
        result = stream("--port", port, "--model", name, "--no-reconnect", "--json")
        board.wait(LONG_S)
        assert board.stderr is not None
        assert "21600 samples" in board.stderr.read()
    *events, summary = events_of(result.stdout)
    assert summary["event"] == "summary"
    assert summary["beats"] > 80
    board = summary["board"]
    # all but the beat that may still wait where the recording ends
    assert summary["beats"] - 1 <= board["compared"] <= board["beats"] <= summary["beats"]
    assert board["mismatches"] == 0
    assert summary["lost_samples"] == summary["garbage_bytes"] == 0
    (said,) = [event for event in events if event["event"] == "board"]
    assert said["same_program"] is True
    assert not [event for event in events if event["event"] == "board_differs"]


def test_another_model_is_not_compared() -> None:
    options = ["--firmware", "--speed", "max", "--seconds", 10]
    with device("208", *options) as (_, port):
        result = stream("--port", port, "--model", "beat-150", "--no-reconnect", "--json")
    summary = events_of(result.stdout)[-1]
    assert summary["board"]["beats"] > 0
    assert summary["board"]["compared"] == 0


def test_lead_off_reaches_the_chip() -> None:
    options = ["--firmware", "--speed", "max", "--seconds", 30, "--lead-off", "12,1"]
    with device("208", *options) as (_, port):
        result = stream("--port", port, "--no-reconnect", "--json")
    summary = events_of(result.stdout)[-1]
    assert summary["lead_off"] == 2
    # all but the beat that may still wait where the recording ends
    assert summary["beats"] - 1 <= summary["board"]["compared"] <= summary["beats"]
    assert summary["beats"] > 20
    assert summary["board"]["mismatches"] == 0


def test_the_selftest_of_a_whole_firmware_passes() -> None:
    with device("208", "--firmware", "--seconds", 30) as (_, port):
        result = selftest(port)
        again = selftest(port, "--json")
    assert result.returncode == 0, result.stderr
    default = load_program(default_bundle() / "program.json")
    assert result.stdout.startswith(f"{default.name} {default.digest[:8]}: pass")
    found = json.loads(again.stdout)
    assert found["passed"] is True
    assert found["difference"] is None


def test_a_flipped_bit_in_the_flash_is_found(tmp_path: Path) -> None:
    with (
        broken(shipped_sketch("rhythm-140").elf, tmp_path) as elf,
        device("208", "--firmware", elf, "--seconds", 30) as (_, port),
    ):
        result = selftest(port)
        as_json = selftest(port, "--json")
    assert result.returncode == as_json.returncode == 1
    assert "FAIL" in result.stdout
    assert "first difference: scores, class 0" in result.stdout
    found = json.loads(as_json.stdout)
    assert found["difference"]["where"] == "scores, class 0"
    assert found["difference"]["expected"] != found["difference"]["actual"]


def test_a_stream_whose_board_says_other_beats_ends_with_1(tmp_path: Path) -> None:
    options = ["--speed", "max", "--seconds", 30]
    with (
        broken(shipped_sketch("rhythm-140").elf, tmp_path) as elf,
        device("208", "--firmware", elf, *options) as (_, port),
    ):
        command = ["stream", "--port", port, "--model", "rhythm-140", "--no-reconnect", "--json"]
        result = subprocess.run(
            [*ECGEDGE, *map(str, command)], capture_output=True, text=True, timeout=LONG_S,
            check=False,
        )  # fmt: skip
    assert result.returncode == 1
    assert events_of(result.stdout)[-1]["board"]["mismatches"] > 0


def test_a_program_for_another_processor_is_refused(tmp_path: Path) -> None:
    elf = tmp_path / "other.elf"
    elf.write_bytes(b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + b"\x3e\0" + bytes(100))
    for place, message in ((elf, "another processor"), (tmp_path / "no.elf", "does not exist")):
        command = [*ECGEDGE, "device", "208", f"--firmware={place}"]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=LONG_S, check=False
        )
        assert result.returncode == 1
        assert message in result.stderr


def test_a_board_without_our_firmware_does_not_answer() -> None:
    with device("208", "--loop") as (_, port):
        assert "does not answer" in failed(selftest(port, "--timeout", 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "csv"], "--format"),
        (["--unplug", "3,1"], "--unplug"),
        (["--garbage", "1"], "--garbage"),
        (["--loop"], "--loop"),
        (["--no-wait-reader"], "--no-wait-reader"),
        (["--rate", "250"], "--rate"),
    ],
)
def test_options_of_the_replaying_board_are_refused(options: list[str], message: str) -> None:
    command = [*ECGEDGE, "device", "208", "--firmware", "auto", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]


def test_a_firmware_that_is_not_there_is_one_line() -> None:
    command = [*ECGEDGE, "device", "208", "--firmware", "nowhere.elf"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)
    failed(result)
