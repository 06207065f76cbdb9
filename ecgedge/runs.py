"""What was trained, with what, and how well: reading run folders. Needs no torch.

A run folder holds `config.json`, `log.jsonl` (a line per epoch), `checkpoint.pt`, `metrics.json`
(on validation records), `probabilities.npz`, `plots/`, `logistic.json` (the logistic baseline of
the same records), and, when a student became integers, `float_network.json` and `program.json`. A
run of several seeds holds them as `seed-0`, `seed-1` ... A distilled student holds its `baseline`
and its `teacher`. Evaluation adds `ledger.jsonl`, `evaluation/` (test records) and `validation/`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calib.float_network import FloatNetwork, load_float_network
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program

CONFIG = "config.json"
LOG = "log.jsonl"
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.json"
PROBABILITIES = "probabilities.npz"
FLOAT_NETWORK = "float_network.json"
PROGRAM = "program.json"
PLOTS = "plots"
LOGISTIC = "logistic.json"
BASELINE, TEACHER = "baseline", "teacher"
BESIDE_CONFIG = ("distillation", "data")
"""Keys of `config.json` that are not of the training configuration."""
MAX_JSON_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
class Run:
    """One run folder.

    Attributes
    ----------
    path : Path
    config : dict
        The whole training configuration; with `data`, which beats it was begun with, and with
        `distillation` for distilled students.
    program : Program or None
        None for teachers, and for students that stay floats.
    float_network : FloatNetwork or None
        None for teachers.
    metrics : dict
        On validation records or out of fold; empty while the run is not finished.
    """

    path: Path
    config: dict[str, Any]
    program: Program | None
    float_network: FloatNetwork | None
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def finished(self) -> bool:
        """Whether the run came to its end, or was ended by the user with a result."""
        return bool(self.metrics)

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it early; it can go on."""
        return self.metrics.get("interrupted") is True

    @property
    def score(self) -> float | None:
        """What the run selected by, on validation records or out of fold."""
        value = self.metrics.get("selection", {}).get("score")
        return None if value is None else float(value)

    @property
    def metric(self) -> str | None:
        """Name of `score`."""
        value = self.metrics.get("selection", {}).get("metric")
        return None if value is None else str(value)

    @property
    def has_folds(self) -> bool:
        """Whether folds validated: all records trained, and the metrics are out of fold."""
        return bool(self.metrics.get("folds"))

    @property
    def scored(self) -> str:
        """How `score` was found, in words."""
        return "out of fold" if self.has_folds else "on validation records"

    @property
    def source(self) -> dict[str, Any]:
        """Which beats it was begun with; empty for runs of old versions."""
        noted = self.config.get("data")
        return noted if isinstance(noted, dict) else {}

    @property
    def of_excerpt(self) -> bool:
        """Whether it learned from the bundled excerpt, as far as it says."""
        return self.source.get("excerpt") is True

    @property
    def untaught(self) -> bool:
        """Whether its teacher was worse than the baseline, so that the run is its baseline."""
        return (self.metrics.get("distillation") or {}).get("used") is False

    @property
    def baseline(self) -> "Run | None":
        """The student that was trained without a teacher, if this one had one."""
        return load_run(self.path / BASELINE) if is_run(self.path / BASELINE) else None

    @property
    def teacher(self) -> "Run | None":
        """The teacher that was trained for this student, if one was."""
        return load_run(self.path / TEACHER) if is_run(self.path / TEACHER) else None


def is_run(path: Path) -> bool:
    """Say whether a folder is a run folder."""
    return (Path(path) / CONFIG).is_file()


def seeds_of(path: Path) -> tuple[Path, ...]:
    """Return the run folders `seed-0` ... of a run of several seeds, in order of the seeds."""
    folders = [p for p in Path(path).glob("seed-*") if is_run(p) and p.name[5:].isdigit()]
    return tuple(sorted(folders, key=lambda p: int(p.name[5:])))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run.

    Raises
    ------
    EcgedgeError
        When the file is missing, too large, or no JSON object.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise EcgedgeError(f"{path} is too large for a run; is it the right folder?")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EcgedgeError(f"{path} does not exist; name a folder that training wrote.") from None
    except (ValueError, RecursionError) as error:
        raise EcgedgeError(f"{path} is not JSON ({error}); train again.") from None
    if not isinstance(content, dict):
        raise EcgedgeError(f"{path} is not a JSON object; train again.")
    return content


def load_run(path: Path) -> Run:
    """Read a run folder.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Run

    Raises
    ------
    EcgedgeError
        When it is not a run folder, or a file in it is damaged.
    """
    path = Path(path)
    if not is_run(path):
        seeds = seeds_of(path)
        hint = f"name one of its seeds, for instance {seeds[0]}" if seeds else "train one first"
        raise EcgedgeError(f"{path} is not a run folder; {hint}.")
    metrics = path / METRICS
    return Run(
        path=path,
        config=read_json(path / CONFIG),
        program=load_program(path / PROGRAM) if (path / PROGRAM).is_file() else None,
        float_network=(
            load_float_network(path / FLOAT_NETWORK) if (path / FLOAT_NETWORK).is_file() else None
        ),
        metrics=read_json(metrics) if metrics.is_file() else {},
    )


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the log of a run folder, one mapping an epoch; a last line cut short is left out."""
    file = Path(path) / LOG
    if not file.is_file():
        return []
    rows = []
    for line in file.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def find_runs(folder: Path) -> list[Run]:
    """Return all runs below a folder, the folder itself included, by path.

    Raises
    ------
    EcgedgeError
        When the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EcgedgeError(f"the folder {folder} does not exist; name the folder of your runs.")
    return [load_run(path.parent) for path in sorted(folder.rglob(CONFIG)) if is_run(path.parent)]


def best_run(runs: Sequence[Run]) -> Run:
    """Return the finished run with the best validation score.

    Raises
    ------
    EcgedgeError
        When no run is finished, or they were selected by different metrics and cannot be ranked.
    """
    finished = [run for run in runs if run.score is not None]
    if not finished:
        raise EcgedgeError("no finished run is here; train one first.")
    metrics = {(run.metric, run.config.get("protocol"), run.config.get("task")) for run in finished}
    if len(metrics) > 1:
        raise EcgedgeError(
            "the runs here are of several protocols or tasks and cannot be ranked; "
            "choose with --protocol and --task."
        )
    return max(finished, key=lambda run: run.score or float("-inf"))


def differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the configuration values in which runs differ: dotted name -> one value a run."""
    flat = [_flat(run.config) for run in runs]
    names = dict.fromkeys(name for values in flat for name in values)
    table = {name: [values.get(name) for values in flat] for name in names}
    return {name: row for name, row in table.items() if any(v != row[0] for v in row)}


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
