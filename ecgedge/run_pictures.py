"""Pictures of runs, made from their folders. Needs matplotlib, not torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ecgedge import runs
from ecgedge.evaluation.metrics import Predictions, confusion, predictions
from firmware_sim.errors import EcgedgeError


def history_of(run: runs.Run) -> list[dict[str, Any]]:
    """Return the log as training curves want it: epochs counted through, numbers by side.

    With folds the numbers of an epoch are those of the training beats themselves.
    """
    side = "train" if run.has_folds else "validation"
    rows = []
    for i, line in enumerate(runs.read_log(run.path), start=1):
        row: dict[str, Any] = {"epoch": i, "train_loss": line["loss"]}
        for name, value in line["details"].items():
            row[f"{side}_{name}"] = value
        row["learning_rate"] = line["learning_rate"]
        rows.append(row)
    return rows


def validation_of(path: Path) -> Predictions:
    """Return what a run said about its validation beats, or out of fold about its training beats.

    Raises
    ------
    EcgedgeError
        When the run is not finished or the file is damaged.
    """
    file = Path(path) / runs.PROBABILITIES
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
            return predictions(
                tuple(str(n) for n in content["labels"]),
                content["y"],
                content["scores"],
                content["record"],
                tuple(str(n) for n in content["records"]),
                predicted=content["predicted"],
            )
    except FileNotFoundError:
        raise EcgedgeError(f"{path} is not finished; go on with its run by --resume.") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise EcgedgeError(f"{file} is damaged ({type(error).__name__}); train again.") from None


def _side_by_side(run: runs.Run) -> dict[str, Predictions]:
    """Return a run's validation beats; a distilled run's with its baseline and teacher."""
    if run.baseline is None:
        return {run.name: validation_of(run.path)}
    named = {"distilled": run, "baseline": run.baseline, "teacher": run.teacher}
    if run.untaught:
        named = {"student (teacher not used)": run, "teacher": run.teacher}
    return {name: validation_of(one.path) for name, one in named.items() if one and one.finished}


def _roc(models: Mapping[str, Predictions], panel: str, note: str, file: Path) -> Path:
    from ecgedge.evaluation.ranking import ranking, roc
    from ecgedge.evaluation.style import save

    curves = {name: ranking(beats) for name, beats in models.items()}
    return save(roc({panel: curves}, note=note), file)


def _panel(chosen: Sequence[runs.Run]) -> str:
    """Name what the scores of runs are from."""
    kinds = {run.has_folds: "out of fold" if run.has_folds else "validation" for run in chosen}
    return " or ".join(kinds[has_folds] for has_folds in sorted(kinds))


def _note(run: runs.Run) -> str:
    if run.has_folds:
        return f"Training records, each beat out of fold ({run.metrics['folds']} folds)."
    return f"Validation records only: {', '.join(run.metrics.get('validation_records', []))}."


def draw_run(path: Path) -> list[Path]:
    """Draw training curves, ROC and confusion into the run's `plots/`.

    ROC and confusion are on validation records, or on training records out of fold.

    Returns
    -------
    list of Path
        The files.
    """
    from ecgedge.evaluation.confusion import confusion_matrices
    from ecgedge.evaluation.style import save
    from ecgedge.evaluation.training_curves import training_curves

    run = runs.load_run(path)
    models = _side_by_side(run)
    target = run.path / runs.PLOTS
    target.mkdir(exist_ok=True)
    note, made = _note(run), []
    if history := history_of(run):
        inside = "Every record trains: the curves are of training beats." if run.has_folds else None
        figure = training_curves(history, title=run.name, note=inside)
        made.append(save(figure, target / "training.png"))
    made.append(_roc(models, _panel([run]), note, target / "roc.png"))
    matrices = {
        name: (confusion(beats.y, beats.predicted, len(beats.labels)), beats.labels)
        for name, beats in models.items()
    }
    figure = confusion_matrices(matrices, note=note)
    made.append(save(figure, target / "confusion.png"))
    return made


def draw_several(paths: Sequence[Path], file: Path) -> Path:
    """Draw the ROC of several runs, N against the rest, each on the beats that validated it."""
    chosen = [runs.load_run(path) for path in paths]
    models = {str(run.path): validation_of(run.path) for run in chosen}
    file.parent.mkdir(parents=True, exist_ok=True)
    note = "Each run on its own validation records, with folds on its training records out of fold."
    return _roc(models, _panel(chosen), note, file)
