"""What is recorded stays, is never overwritten, and can be replayed to the same beats."""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ecgedge.stream.events import BeatEvent, GapEvent, SamplesEvent, StartEvent
from ecgedge.stream.formats import wire_format
from ecgedge.stream.options import Options
from ecgedge.stream.recorder import AppendedFile, Recorder
from ecgedge.stream.replay import FileReplay, RecordReplay, open_replay
from ecgedge.stream.session import Session
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import Pipeline
from firmware_sim.program import Program

LABELS = ("N", "V")


def beat(time_s: float) -> BeatEvent:
    return BeatEvent(time_s, round(time_s * 360), "N", (5, -5), None, "good")


def test_a_recording_is_three_files_that_other_tools_open(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a" / "rec", LABELS)
    recorder.take(SamplesEvent((0.0, 0.002778), (512, 513.5), False))
    recorder.take(SamplesEvent((1.0,), (514,), True))
    recorder.take(beat(0.5))
    recorder.take(GapEvent(1.0, 0.9, "clock"))
    recorder.close()
    assert (
        recorder.samples.read_text() == "time_us,value,gap\n0,512,0\n2778,513.5,0\n1000000,514,1\n"
    )
    assert recorder.beats.read_text() == (
        "time_s,sample,label,score_N,score_V,rr_s,quality\n0.500000,180,N,5,-5,,good\n"
    )
    events = [json.loads(line) for line in recorder.events.read_text().splitlines()]
    assert [event["event"] for event in events] == ["beat", "gap"]


def test_what_was_taken_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, LABELS)
    recorder.take(SamplesEvent((0.0,), (512,), False))
    assert recorder.samples.read_text().endswith("0,512,0\n")
    recorder.close()


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    for expected in ("samples.csv", "samples-2.csv", "samples-3.csv"):
        recorder = Recorder(tmp_path, LABELS)
        assert recorder.samples.name == expected
        recorder.take(SamplesEvent((0.0,), (512,), False))
        recorder.close()
    (tmp_path / "beats-4.csv").write_text("somebody's notes")
    recorder = Recorder(tmp_path, LABELS)
    assert recorder.samples.name == "samples-5.csv"
    recorder.close()
    assert (tmp_path / "beats-4.csv").read_text() == "somebody's notes"


def test_a_recording_without_a_sample_leaves_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a" / "rec", LABELS)
    recorder.take(StartEvent("x", "p", "0", LABELS, 360))
    recorder.close()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "rec").mkdir()
    Recorder(tmp_path / "rec", LABELS).close()
    assert list((tmp_path / "rec").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EcgedgeError, match=r"cannot be written.*--out"):
        Recorder(tmp_path / "file" / "rec", LABELS)


def test_a_full_disk_is_one_error_and_keeps_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path, LABELS)
    recorder.take(SamplesEvent((0.0,), (512,), False))
    room = [10]
    write = os.write

    def limited(handle: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[: room[0]]
        room[0] -= len(part)
        return write(handle, part)

    monkeypatch.setattr(os, "write", limited)
    with pytest.raises(EcgedgeError, match=r"the disk is full.*up to 0\.0 s.*--out"):
        recorder.take(SamplesEvent((1.0, 2.0), (513, 514), False))
    monkeypatch.setattr(os, "write", write)
    recorder.close()
    assert recorder.samples.read_text() == "time_us,value,gap\n0,512,0\n"


def test_an_appended_file_must_be_new(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(FileExistsError):
        AppendedFile(tmp_path / "x")


def live(program: Program, pieces: Sequence[bytes], recorder: Recorder) -> list[BeatEvent]:
    session = Session(program, Pipeline, Options("port", rate_hz=360))
    events = [event for piece in pieces for event in session.feed(piece, 0.0)]
    events += session.finish()
    for event in events:
        recorder.take(event)
    recorder.close()
    return [event for event in events if isinstance(event, BeatEvent)]


@pytest.mark.parametrize("name", ["csv", "sparkfun", "ecgedge"])
def test_a_recording_replays_to_the_same_beats(
    name: str, program: Program, counts: list[int], tmp_path: Path
) -> None:
    encoder = wire_format(name).encoder(360)
    lines = [encoder.sample(value, i) for i, value in enumerate(counts)]
    for i in (3000, *range(9000, 9500)):
        lines[i] = encoder.lead_off(i) if name != "ecgedge" else b""
    seen = live(program, [encoder.start(), b"".join(lines), encoder.finish()], Recorder(
        tmp_path, program.labels
    ))  # fmt: skip
    replay = open_replay(tmp_path)
    assert isinstance(replay, FileReplay)
    session = Session(program, Pipeline, Options("file", live=False, strict=True))
    events = [event for data in replay.chunks() for event in session.feed(data, 0.0)]
    again = [event for event in events + session.finish() if isinstance(event, BeatEvent)]
    assert len(again) > 30
    assert [(b.sample, b.label, b.scores, b.rr_s) for b in again] == [
        (b.sample, b.label, b.scores, b.rr_s) for b in seen
    ]
    assert [b.time_s for b in again] == pytest.approx([b.time_s for b in seen], abs=2e-6)


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_a_wfdb_record_is_replayed_by_any_of_its_names(
    ending: str, excerpt: Path, counts: list[int]
) -> None:
    replay = open_replay(excerpt / f"208{ending}")
    assert isinstance(replay, RecordReplay)
    assert replay.rate_hz == 360
    assert list(replay.counts[: len(counts)]) == counts
    assert sum(len(chunk) for chunk in replay.chunks()) == len(replay.counts)


def test_a_replay_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="there is no file"):
        open_replay(tmp_path / "none.csv")
    with pytest.raises(EcgedgeError, match=r"holds no samples\.csv"):
        open_replay(tmp_path)
