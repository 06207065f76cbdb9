"""`ecgedge device` and `ecgedge stream` as programs: what they print, and how they end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial

from ecgedge.data.record import read_record
from firmware_sim.pipeline import run
from firmware_sim.program import Program
from firmware_sim.program_file import load_program, save_program
from tests.programs import random_program

ECGEDGE = [sys.executable, "-m", "ecgedge"]
LONG_S = 120


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that a stream can run."""
    path = tmp_path_factory.mktemp("model") / "program.json"
    save_program(random_program(7), path)
    return path


@pytest.fixture
def environment(excerpt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are those of the excerpt."""
    monkeypatch.setenv("ECGEDGE_DATA", str(excerpt.parent / "nothing here"))


@contextmanager
def device(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a virtual board; yield it and its port."""
    command = [*ECGEDGE, "device", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as board:
        try:
            assert board.stdout is not None
            port = board.stdout.readline().strip()
            assert port, board.stderr and board.stderr.read()
            yield board, port
        finally:
            board.terminate()
            board.wait(LONG_S)


def stream(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a stream to its end."""
    command = [*ECGEDGE, "stream", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)


def failed(result: subprocess.CompletedProcess[str]) -> str:
    """One line on standard error, nothing on standard output but events, a code that is not 0."""
    assert result.returncode not in (0, None)
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.startswith("error: ")
    return result.stderr


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def beats_of(events: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (e["sample"], e["label"], tuple(e["scores"]), e["rr_s"], e["quality"])
        for e in events
        if e["event"] == "beat"
    ]


def simulated(program: Program, folder: Path, name: str, seconds: int) -> list[tuple[object, ...]]:
    counts = read_record(folder, name).counts[: seconds * 360]
    return [
        (b.sample, b.label, b.scores, None if b.rr_s is None else round(b.rr_s, 6), b.quality)
        for b in run(program, counts)
    ]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("wire", "options"), [("csv", []), ("sparkfun", ["--rate", 360]), ("ecgedge", [])]
)
def test_a_recording_through_device_and_stream_has_the_simulators_labels(
    wire: str, options: list[object], model: Path, excerpt: Path
) -> None:
    with device("208", "--format", wire, "--speed", "max", "--seconds", 90) as (board, port):
        result = stream("--port", port, "--model", model, "--no-reconnect", "--json", *options)
        assert board.wait(LONG_S) == 0
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    events = events_of(result.stdout)
    assert [e["event"] for e in events][:3] == (
        ["start", "format", "rate"] if wire != "ecgedge" else ["start", "format", "board"]
    )
    assert events[1] == {"event": "format", "format": wire, "recognized": True}
    assert beats_of(events) == simulated(load_program(model), excerpt, "208", 90)
    assert len(beats_of(events)) > 100
    assert events[-1]["event"] == "summary"
    assert events[-1]["samples"] == 90 * 360
    assert events[-1]["gaps"] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("environment")
def test_unplugged_and_replugged_under_the_same_link(
    model: Path, excerpt: Path, tmp_path: Path
) -> None:
    link = tmp_path / "board"
    board_options = ["--link", link, "--speed", "max", "--unplug", "30,10", "--seconds", 60]
    with device("208", *board_options) as (_, port):
        assert port == str(link)
        result = stream(
            "--port", link, "--model", model, "--json", "--duration", 55, "--out", tmp_path / "rec"
        )
    assert result.returncode == 0, result.stderr
    events = events_of(result.stdout)
    kinds = [e["event"] for e in events if e["event"] not in ("beat", "start")]
    assert kinds == ["format", "rate", "unplugged", "reconnect", "gap", "summary"]
    (gap,) = (e for e in events if e["event"] == "gap")
    assert gap["seconds"] == pytest.approx(10, abs=0.01)
    counts = read_record(excerpt, "208").counts
    program = load_program(model)
    first = [b.sample for b in run(program, counts[: 30 * 360])]
    second = [30 * 360 + b.sample for b in run(program, counts[40 * 360 : 55 * 360])]
    assert [e["sample"] for e in events if e["event"] == "beat"] == first + second
    replayed = stream("--replay", tmp_path / "rec", "--model", model, "--json")
    assert beats_of(events_of(replayed.stdout)) == beats_of(events)


@pytest.mark.usefixtures("environment")
def test_ctrl_c_ends_with_a_summary(model: Path) -> None:
    with device("208", "--speed", 4, "--lead-off", "3,1") as (board, port):
        command = [*ECGEDGE, "stream", "--port", port, "--model", str(model)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            seen = []
            while not any("leads on" in line for line in seen):
                seen.append(running.stdout.readline())
            running.send_signal(signal.SIGINT)
            rest = running.stdout.read()
            assert running.wait(LONG_S) == 0
        assert "format: csv (recognized)" in "".join(seen)
        assert "beats in" in rest.splitlines()[-1]
        assert "lead off 1" in rest.splitlines()[-1]
        board.send_signal(signal.SIGINT)
        assert board.wait(LONG_S) == 0


@pytest.mark.usefixtures("environment")
def test_a_reader_that_had_enough_ends_the_stream_quietly(model: Path) -> None:
    command = f"{' '.join(ECGEDGE)} stream --replay 208 --model {model} --json | head -2"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True, text=True, timeout=LONG_S, check=False,
        cwd=Path(read_record.__code__.co_filename).parent / "excerpt",
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert len(events_of(result.stdout)) == 2


def test_a_port_that_does_not_exist(model: Path) -> None:
    message = failed(stream("--port", "/dev/ttyNONE", "--model", model, "--json"))
    assert "no serial port /dev/ttyNONE" in message


def test_a_port_that_is_busy(model: Path) -> None:
    master, slave = os.openpty()
    with serial.Serial(os.ttyname(slave), exclusive=True):
        message = failed(stream("--port", os.ttyname(slave), "--model", model))
    assert "in use by another program" in message
    os.close(slave)
    os.close(master)


def test_a_stream_of_garbage(model: Path) -> None:
    master, slave = os.openpty()
    command = [*ECGEDGE, "stream", "--port", os.ttyname(slave), "--model", str(model)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        os.set_blocking(master, False)
        while running.poll() is None:
            try:
                os.write(master, b"\xff\xfe\x80no sense\r\n" * 20)
            except BlockingIOError:
                os.sched_yield()
        stdout, stderr = running.communicate()
    message = failed(subprocess.CompletedProcess(command, running.returncode, stdout, stderr))
    assert "make no sense as sparkfun, csv, teleplot, chords, healthypi, ecgedge" in message
    os.close(slave)
    os.close(master)


def test_nan_in_a_csv_names_the_line_and_leaves_nothing_half_written(
    model: Path, tmp_path: Path
) -> None:
    rows = [f"{2778 * i},{500 + i % 50}" for i in range(2000)]
    rows[1500] = f"{2778 * 1500},NaN"
    (tmp_path / "x.csv").write_text("time_us,ecg\n" + "\n".join(rows) + "\n")
    message = failed(stream("--replay", tmp_path / "x.csv", "--model", model))
    assert "x.csv, line 1502" in message


@pytest.mark.parametrize("content", ["", "what\n" * 100, "0,1\n1,2\n2,NaN\n", "512\n" * 5000])
def test_a_replay_without_a_usable_sample_leaves_no_recording(
    model: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "x.csv").write_text(content)
    place = tmp_path / "rec"
    failed(stream("--replay", tmp_path / "x.csv", "--model", model, "--out", place))
    assert not place.exists()


def test_a_full_disk_keeps_what_was_written(model: Path, excerpt: Path, tmp_path: Path) -> None:
    command = ["bash", "-c", 'ulimit -f 64; exec "$@"', "-", *ECGEDGE, "stream", "--replay",
               str(excerpt / "208"), "--model", str(model), "--out", str(tmp_path / "rec"),
               "--json"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert "the disk is full" in failed(result)
    samples = (tmp_path / "rec" / "samples.csv").read_text()
    assert 40_000 < len(samples) <= 65536
    assert samples.endswith(",0\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stream"],
        ["stream", "--port", "x", "--replay", "y"],
        ["stream", "--port", "x", "--speed", "2"],
        ["stream", "--replay", "x", "--speed", "fast"],
        ["device"],
        ["device", "208", "--csv", "x.csv"],
        ["device", "208", "--unplug", "5"],
        ["device", "208", "--lead-off", "5,-1"],
        ["device", "208", "--speed", "0"],
        ["device", "208", "--garbage", "nan"],
        ["device", "208", "--start", "inf"],
        ["stream", "--port", "x", "--rate", "nan"],
    ],
)
def test_options_that_make_no_sense_are_explained(arguments: list[str]) -> None:
    result = subprocess.run(
        [*ECGEDGE, *arguments], capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert result.returncode == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["999"], "no record 999"),
        (["208", "--lead", "V9"], "no lead V9"),
        (["208", "--data", "/none"], "/none"),
        (["208", "--start", "5000"], "--start"),
        (["--csv", "/none.csv"], "/none.csv"),
        (["208", "--link", "/none/port"], "--link"),
    ],
)
def test_a_board_that_cannot_start_says_why(arguments: list[str], message: str) -> None:
    result = subprocess.run(
        [*ECGEDGE, "device", *arguments], capture_output=True, text=True, timeout=LONG_S,
        check=False,
    )  # fmt: skip
    assert message in failed(result)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize("wire", ["csv", "sparkfun"])
@pytest.mark.parametrize("record", ["102", "208", "232"])
def test_whole_recordings_through_device_and_stream(
    record: str, wire: str, model: Path, mitdb: Path
) -> None:
    options = ["--format", wire, "--speed", "max", "--data", mitdb]
    with device(record, *options) as (board, port):
        rate = ["--rate", 360] if wire == "sparkfun" else []
        result = stream("--port", port, "--model", model, "--no-reconnect", "--json", *rate)
        assert board.wait(LONG_S) == 0
    beats = beats_of(events_of(result.stdout))
    assert beats == simulated(load_program(model), mitdb, record, 1806)
    assert len(beats) > 1700
