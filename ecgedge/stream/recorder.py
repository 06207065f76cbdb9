"""Writes a stream down while it runs: samples and beats as CSV, everything else as JSON lines.

Every block goes to the operating system at once and to the disk every few seconds, so a crash
costs nothing and a power cut costs seconds. A recording is never overwritten: when the folder
holds one, the files of the next have numbers. A recording that ends before its first sample leaves
nothing behind.
"""

import contextlib
import errno
import json
import os
from itertools import count
from pathlib import Path

from ecgedge.stream.events import BeatEvent, Event, SamplesEvent, SignalEvent, SummaryEvent, as_json
from firmware_sim.errors import EcgedgeError

SYNC_EVERY_S = 2.0


class AppendedFile:
    """A new file that only grows, by whole lines.

    Parameters
    ----------
    path : Path
        Must not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._handle: int | None = os.open(path, flags, 0o644)
        self._size = 0

    def write(self, text: str) -> None:
        """Append whole lines; when the system refuses, nothing of them stays.

        Raises
        ------
        OSError
            As the system says.
        """
        if self._handle is None:
            return
        data = text.encode()
        done = 0
        try:
            while done < len(data):
                done += os.write(self._handle, data[done:])
        except OSError:
            whole = data.rfind(b"\n", 0, done) + 1
            os.ftruncate(self._handle, self._size + whole)
            raise
        self._size += len(data)

    def sync(self) -> None:
        """Bring it to the disk."""
        if self._handle is not None:
            os.fsync(self._handle)

    def close(self) -> None:
        """Close it; once is enough."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


class Recorder:
    """Records events into a folder.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    labels : tuple of str
        Class names, for the columns of the scores.

    Attributes
    ----------
    samples, beats, events : Path
        The files: ``samples.csv`` (time in us since the first sample, value as on the wire, 1 where
        a row does not join on to the one before), ``beats.csv`` and ``events.jsonl``.

    Raises
    ------
    EcgedgeError
        When the folder cannot be written, or the disk is full; what was written stays.
    """

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self._folder = Path(folder)
        self._files: list[AppendedFile] = []
        self._synced_s: float | None = None
        self._until_s: float | None = None
        self._holds_something = False
        self._made = [p for p in (self._folder, *self._folder.parents) if not p.exists()]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_files()
            self._samples.write("time_us,value,gap\n")
            scores = ",".join(f"score_{label}" for label in labels)
            self._beats.write(f"time_s,sample,label,{scores},rr_s,quality\n")
        except OSError as error:
            self.close()
            raise self._refused(error) from None

    def _make_files(self) -> None:
        for number in count(1):
            suffix = f"-{number}" if number > 1 else ""
            names = (f"samples{suffix}.csv", f"beats{suffix}.csv", f"events{suffix}.jsonl")
            if any((self._folder / name).exists() for name in names):
                continue
            try:
                self._files = [AppendedFile(self._folder / name) for name in names]
            except FileExistsError:
                continue
            break
        self._samples, self._beats, self._events = self._files
        self.samples, self.beats, self.events = (file.path for file in self._files)

    def take(self, event: Event) -> None:
        """Write one event down."""
        try:
            if isinstance(event, SamplesEvent):
                self._samples.write(_sample_rows(event))
                self._until_s = event.times_s[-1]
                self._holds_something = True
            elif not isinstance(event, SignalEvent):
                self._events.write(json.dumps(as_json(event)) + "\n")
                self._holds_something |= isinstance(event, SummaryEvent)
                if isinstance(event, BeatEvent):
                    self._beats.write(_beat_row(event))
        except OSError as error:
            raise self._refused(error) from None

    def refresh(self, now_s: float) -> None:
        """Bring everything to the disk, now and then."""
        if self._synced_s is None:
            self._synced_s = now_s
        elif now_s - self._synced_s >= SYNC_EVERY_S:
            self._synced_s = now_s
            self._sync()

    def close(self) -> None:
        """Bring all to the disk and close the files; keep none without a sample or an end."""
        try:
            self._sync()
        finally:
            for file in self._files:
                file.close()
            if not self._holds_something:
                self._discard()

    def _discard(self) -> None:
        """Remove the files, and the folders that were made for them."""
        for file in self._files:
            file.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else put something there
            for folder in self._made:
                folder.rmdir()

    def _sync(self) -> None:
        try:
            for file in self._files:
                file.sync()
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> EcgedgeError:
        kept = ""
        if self._until_s is not None:
            kept = f"; what was recorded up to {self._until_s:.1f} s is kept"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return EcgedgeError(
                f"the disk is full, recording into {self._folder} stopped{kept}; free some space "
                "or choose another folder with --out."
            )
        return EcgedgeError(
            f"{self._folder} cannot be written ({error.strerror}){kept}; choose another folder "
            "with --out."
        )


def _sample_rows(event: SamplesEvent) -> str:
    rows = [
        f"{round(time_s * 1e6)},{value},0\n"
        for time_s, value in zip(event.times_s, event.values, strict=True)
    ]
    if event.after_gap:
        rows[0] = rows[0][:-2] + "1\n"
    return "".join(rows)


def _beat_row(event: BeatEvent) -> str:
    scores = ",".join(map(str, event.scores))
    rr = "" if event.rr_s is None else f"{event.rr_s:.6f}"
    return f"{event.time_s:.6f},{event.sample},{event.label},{scores},{rr},{event.quality}\n"
