"""The whole chain on the bundled excerpt: each stage is a command that the user can type too."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgedge.data.locate import excerpt
from ecgedge.data.record import read_record
from ecgedge.runs import METRICS, read_json
from firmware_sim.errors import EcgedgeError
from firmware_sim.files import write_atomic
from firmware_sim.pipeline import Beat
from firmware_sim.pipeline import run as simulate
from firmware_sim.program_file import load_program

MARKER = "demo.txt"
"""Says that a folder is a demo, finished or not, and may be replaced by another."""
PROTOCOL = "ds1-ds2"
STREAMED_RECORD = "233"
"""A test record of the protocol with N, V and F beats."""
STREAMED_S = 60
STRIP_S = 20
TRAINING = (
    "--restarts", "12", "--epochs", "20", "--fine-epochs", "5", "--draws", "8000",
    "--teacher-epochs", "10",
)  # fmt: skip
WAIT_S = 120
"""A stage of the stream that takes longer than this has failed."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """One command of the chain and what it printed.

    Attributes
    ----------
    title : str
    command : str
        As a user would type it.
    seconds : float
    output : dict
        Its JSON.
    """

    title: str
    command: str
    seconds: float
    output: dict[str, Any]


def _ecgedge(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ecgedge", *arguments]


def _typed(arguments: Sequence[str]) -> str:
    return " ".join(["ecgedge", *(a for a in arguments if a != "--json")])


def _call(title: str, arguments: Sequence[str], say: Say) -> Stage:
    """Run one command; its progress goes to the terminal, its JSON, if any, is kept."""
    say(f"\n[bold]{title}[/bold]\n  $ {_typed(arguments)}")
    began = time.monotonic()
    to = subprocess.PIPE if "--json" in arguments else sys.stderr
    done = subprocess.run(_ecgedge(*arguments), stdout=to, text=True, env=_environment())
    if done.returncode:
        raise EcgedgeError(
            f"`{_typed(arguments)}` ended with code {done.returncode}; its message is above."
        )
    return Stage(
        title, _typed(arguments), time.monotonic() - began, json.loads(done.stdout or "{}")
    )


def _environment() -> dict[str, str]:
    """The demo is about the excerpt, whatever database the machine has."""
    return {k: v for k, v in os.environ.items() if k != "ECGEDGE_DATA"}


def _stream(out: Path, say: Say) -> tuple[Stage, list[dict[str, Any]]]:
    """Replay a minute through the virtual board, faster than real time, and classify it live."""
    port = out / "board"
    board = (
        "device", STREAMED_RECORD, "--data", "excerpt", "--seconds", str(STREAMED_S),
        "--format", "csv", "--speed", "max", "--link", str(port),
    )  # fmt: skip
    client = (
        "stream", "--port", str(port), "--wait", "--no-reconnect", "--model", str(out / "bundle"),
        "--out", str(out / "recording"), "--json",
    )  # fmt: skip
    say(f"\n[bold]Stream[/bold]\n  $ {_typed(board)} &\n  $ {_typed(client)}")
    began = time.monotonic()
    device = subprocess.Popen(
        _ecgedge(*board), stdout=subprocess.DEVNULL, env=_environment(), text=True
    )
    try:
        done = subprocess.run(
            _ecgedge(*client),
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
            timeout=WAIT_S,
        )
    except subprocess.TimeoutExpired:
        raise EcgedgeError(
            f"the stream took more than {WAIT_S} s; run its two commands by hand to see why."
        ) from None
    finally:
        device.terminate()
        device.wait()
    if done.returncode:
        raise EcgedgeError(f"`{_typed(client)}` ended with code {done.returncode}; see above.")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    beats = [event for event in events if event["event"] == "beat"]
    summary: dict[str, Any] = next((e for e in reversed(events) if e["event"] == "summary"), {})
    return Stage("Stream", _typed(client), time.monotonic() - began, summary), beats


def _simulated(out: Path) -> list[Beat]:
    """What the simulator says of the same minute, read from the record itself."""
    program = load_program(out / "bundle" / "program.json")
    record = read_record(excerpt(), STREAMED_RECORD)
    return simulate(program, record.counts[: STREAMED_S * program.fs])


def _same(streamed: Sequence[dict[str, Any]], simulated: Sequence[Beat]) -> bool:
    """Positions, labels and scores, beat for beat."""
    return [(b["sample"], b["label"], tuple(b["scores"])) for b in streamed] == [
        (b.sample, b.label, tuple(b.scores)) for b in simulated
    ]


def _draw(out: Path, beats: Sequence[dict[str, Any]]) -> Path:
    """Draw the first seconds of what was streamed, with labels and reference."""
    from ecgedge.evaluation.strip import draw_strip
    from ecgedge.evaluation.style import save

    record = read_record(excerpt(), STREAMED_RECORD)
    last = int(STRIP_S * record.fs)
    reference = [
        (int(sample), str(symbol))
        for sample, symbol in zip(record.beat_samples, record.beat_symbols, strict=True)
        if sample < last
    ]
    figure = draw_strip(
        record.millivolts[:last],
        record.fs,
        [(b["sample"], b["label"]) for b in beats if b["sample"] < last],
        title=f"MIT-BIH record {STREAMED_RECORD}, streamed through a virtual board",
        reference=reference,
    )
    return save(figure, out / "strip.png")


def run_demo(out: Path, say: Say, training: Sequence[str] = TRAINING) -> dict[str, Any]:
    """Run the chain and write everything into a folder.

    Parameters
    ----------
    out : Path
        Folder to fill; must exist, with nothing but the marker in it.
    say : callable
        Shows a line of rich markup.
    training : sequence of str
        Options of `ecgedge distill` that keep it short.

    Returns
    -------
    dict
        The summary: figures, stages with their commands and seconds, pictures.

    Raises
    ------
    EcgedgeError
        When a stage fails, or the stream says something else than the simulator.
    """
    began = time.monotonic()
    run, bundle = str(out / "run"), str(out / "bundle")
    data = _call("Data", ("data", "info", "excerpt", "--split", PROTOCOL, "--json"), say)
    trained = _call(
        "Baseline, teacher, distilled student",
        ("distill", "--protocol", PROTOCOL, "--data", "excerpt", *training, "-o", run),
        say,
    )
    report = _call("Evaluation", ("evaluate", run, "--test", "--excerpt", "--json"), say)
    exported = _call("Bundle", ("export", run, "-o", bundle, "--json"), say)
    proof = _call("Proof", ("prove", bundle, "--json"), say)
    checked = _call("Verification", ("verify", bundle, "--data", "excerpt", "--json"), say)
    streamed, beats = _stream(out, say)
    if not _same(beats, _simulated(out)):
        raise EcgedgeError(
            f"the stream and the simulator differ; compare {out / 'recording'} with "
            f"`ecgedge simulate {bundle} {STREAMED_RECORD}`."
        )
    strip = _draw(out, beats)
    stages = [data, trained, report, exported, proof, checked, streamed]
    distillation = read_json(out / "run" / METRICS)["distillation"]
    summary = _summary(stages, beats, distillation, time.monotonic() - began)
    summary["pictures"] = [str(strip), *sorted(str(p) for p in out.glob("run/**/*.png"))]
    write_atomic(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return summary


def _summary(
    stages: Sequence[Stage],
    beats: Sequence[dict[str, Any]],
    distillation: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    data, _, report, exported, proof, checked, _ = (stage.output for stage in stages)
    labels: dict[str, int] = {}
    for beat in beats:
        labels[beat["label"]] = labels.get(beat["label"], 0) + 1
    return {
        "data": "bundled excerpt of the MIT-BIH Arrhythmia Database",
        "is_result": False,
        "train": data["train"],
        "test": data["test"],
        "distillation": distillation,
        "parameters": exported["parameters"],
        "program": report["program"],
        "float": report.get("float"),
        "proof": {"ok": proof["ok"], "accumulators": len(proof["layers"])},
        "verification": {"ok": checked["ok"], "beats": checked["beats"], **checked["bounds"]},
        "engines": checked["engines"],
        "streamed": {"record": STREAMED_RECORD, "beats": len(beats), "labels": labels},
        "stream_equals_simulator": True,
        "seconds": round(seconds, 1),
        "stages": [
            {"title": s.title, "command": s.command, "seconds": round(s.seconds, 1)} for s in stages
        ],
    }
