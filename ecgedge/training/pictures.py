"""Pictures of a run, made from its folder."""

from pathlib import Path
from typing import Any

import numpy as np

from ecgedge import runs
from ecgedge.evaluation.metrics import Predictions, confusion, predictions


def history_of(path: Path) -> list[dict[str, Any]]:
    """Return the log as training curves want it: epochs counted through, numbers by side."""
    rows = []
    for i, line in enumerate(runs.read_log(path), start=1):
        row: dict[str, Any] = {"epoch": i, "train_loss": line["loss"]}
        for name, value in line["details"].items():
            row[f"validation_{name}"] = value
        row["learning_rate"] = line["learning_rate"]
        rows.append(row)
    return rows


def validation_of(path: Path) -> Predictions:
    """Return what a run said about its validation beats."""
    with np.load(path / runs.PROBABILITIES, allow_pickle=False) as file:
        return predictions(
            tuple(str(n) for n in file["labels"]),
            file["y"],
            file["scores"],
            file["record"],
            tuple(str(n) for n in file["records"]),
            predicted=file["predicted"],
        )


def draw(path: Path) -> list[Path]:
    """Draw training curves, and ROC and confusion on validation records, into `plots/`.

    A distilled run shows its baseline and its teacher beside it.

    Returns
    -------
    list of Path
        The files.
    """
    from ecgedge.evaluation import plots, style

    run = runs.load_run(path)
    target = run.path / runs.PLOTS
    target.mkdir(exist_ok=True)
    made = []
    if history := history_of(run.path):
        figure = plots.training_curves(history, title=run.name)
        made.append(style.save(figure, target / "training.png"))
    models = {
        name: validation_of(one.path)
        for name, one in (("distilled" if run.baseline else run.name, run),
                          ("baseline", run.baseline), ("teacher", run.teacher))
        if one is not None and one.finished
    }  # fmt: skip
    note = f"Validation records only: {', '.join(run.metrics.get('validation_records', []))}."
    curves = {name: plots.ranking(beats) for name, beats in models.items()}
    made.append(style.save(plots.roc({"validation": curves}, note=note), target / "roc.png"))
    matrices = {
        name: (confusion(beats.y, beats.predicted, len(beats.labels)), beats.labels)
        for name, beats in models.items()
    }
    figure = plots.confusion_matrices(matrices, note=note)
    made.append(style.save(figure, target / "confusion.png"))
    return made
