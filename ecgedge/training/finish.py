"""From the best state of a fit to results: network, program, threshold, validation numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from calib.float_network import FloatNetwork, save_float_network
from calib.quantize import quantize
from calib.thresholds import Threshold, choose_threshold
from ecgedge import runs
from ecgedge.evaluation.metrics import NSV, Predictions, gross, predictions, softmax
from ecgedge.models.convert import Purpose, to_float_network
from ecgedge.models.student import SegmentStudent
from ecgedge.training import folder
from ecgedge.training.config import TrainConfig
from ecgedge.training.examples import Examples
from ecgedge.training.loop import Fit
from ecgedge.training.validation import COLLAPSED_SHARE, logits_of
from firmware_sim.network import run
from firmware_sim.prior import in_sequence
from firmware_sim.program import Program
from firmware_sim.program_file import save_program

SCORE_ONE = 1 << 14


@dataclass(frozen=True, eq=False)
class Result:
    """What a run came to.

    Attributes
    ----------
    program : Program or None
    network : FloatNetwork or None
        The float student that the program was rounded from.
    threshold : Threshold or None
        Two classes: chosen on the validation records.
    validation : Predictions
        Of the program where there is one, of the float model otherwise.
    float_validation : Predictions or None
        Of the float student beside its program.
    """

    program: Program | None
    network: FloatNetwork | None
    threshold: Threshold | None
    validation: Predictions
    float_validation: Predictions | None


def selection_metric(labels: tuple[str, ...]) -> str:
    """Name what training selects by."""
    if len(labels) == 2:
        return "auroc_n_rest"
    return "macro_f1_nsv" if set(NSV) <= set(labels) else "macro_f1"


def _predictions(
    examples: Examples,
    labels: tuple[str, ...],
    scores: NDArray[Any],
    threshold: float | None,
    scale: float = 1.0,
) -> Predictions:
    return predictions(
        labels,
        examples.y.numpy(),
        scores,
        examples.record.numpy(),
        examples.records,
        threshold=threshold,
        scale=scale,
    )


def _threshold(scores: NDArray[np.integer], beats: Examples) -> Threshold | None:
    if scores.shape[1] != 2:
        return None
    margin = scores[:, 1].astype(np.int64) - scores[:, 0]
    return choose_threshold(margin, beats.y.numpy() == 1, beats.record.numpy())


def _whole(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Float scores on the scale of the integer program's, rounded."""
    return np.round(scores.astype(np.float64) * SCORE_ONE).astype(np.int64)


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What students that had not seen a beat's record say of it.

    Attributes
    ----------
    scores : (n, classes) int64
        Of integer programs.
    logits : (n, classes) float64
        Of the float students behind them, without the logit scale.
    """

    scores: NDArray[np.int64]
    logits: NDArray[np.float64]


def conclude(
    fit: Fit,
    validation: Examples,
    config: TrainConfig,
    name: str,
    held: OutOfFold | None = None,
) -> Result:
    """Turn the best start into a result; records that did not train it choose the threshold.

    Parameters
    ----------
    fit : Fit
        Its model is left at the best state of each start.
    validation : Examples
    config : TrainConfig
    name : str
        Of the program.
    held : OutOfFold, optional
        What counts in place of the student's own answers, when it was trained on these records.
    """
    fit.model.load_state_dict(fit.best.state)
    fit.model.eval()
    labels = config.labels
    device = next(fit.model.parameters()).device
    logits = logits_of(fit.model, validation, device)[fit.best.start].numpy()
    if not isinstance(fit.model, SegmentStudent):
        chosen = _threshold(_whole(logits), validation)
        unit = chosen.value / SCORE_ONE if chosen else None
        return Result(None, None, chosen, _predictions(validation, labels, logits, unit), None)
    purpose = Purpose(name, config.task, config.fs, labels, config.prior)
    network = to_float_network(fit.model, fit.best.start, purpose)
    scores = logits / config.logit_scale
    record, known = validation.record.numpy(), validation.context.numpy()
    if not config.has_integers:
        scores = in_sequence(config, scores, record, known, one=1.0)
        chosen = _threshold(_whole(scores), validation)
        network = _with_threshold(network, chosen)
        floats = _predictions(validation, labels, scores, network.threshold, config.logit_scale)
        return Result(None, network, chosen, floats, None)
    program = quantize(network)
    context = known if config.context else None
    if held is None:
        integers = run(program, validation.q.numpy(), context).scores.astype(np.int64)
    else:
        integers, scores = held.scores, held.logits
    integers = in_sequence(config, integers, record, known)
    scores = in_sequence(config, scores, record, known, one=1.0)
    chosen = _threshold(integers, validation)
    if chosen is not None:
        program = program.replace(threshold=chosen.value)
        network = _with_threshold(network, chosen)  # what differs is what rounding costs
    return Result(
        program,
        network,
        chosen,
        _predictions(
            validation, labels, integers, program.threshold, config.logit_scale / SCORE_ONE
        ),
        _predictions(validation, labels, scores, network.threshold, config.logit_scale),
    )


def _with_threshold(network: FloatNetwork, chosen: Threshold | None) -> FloatNetwork:
    return network if chosen is None else network.replace(threshold=chosen.value / SCORE_ONE)


def _collapsed(beats: Predictions) -> str | None:
    """Name the class that (almost) every beat got, if there is one."""
    share = np.bincount(beats.predicted, minlength=len(beats.labels)) / len(beats.predicted)
    return beats.labels[int(share.argmax())] if share.max() >= COLLAPSED_SHARE else None


def write_result(path: Path, result: Result, fit: Fit, extra: dict[str, Any]) -> dict[str, Any]:
    """Write the results of a run into its folder and return the metrics.

    Parameters
    ----------
    path : Path
        Run folder.
    result : Result
    fit : Fit
    extra : dict
        What else belongs into `metrics.json`.
    """
    beats, chosen = result.validation, result.threshold
    if result.network is not None:
        save_float_network(result.network, path / runs.FLOAT_NETWORK)
    if result.program is not None:
        save_program(result.program, path / runs.PROGRAM)
    folder.write_probabilities(
        path,
        y=beats.y,
        record=beats.record,
        records=np.asarray(beats.records),
        scores=beats.scores,
        predicted=beats.predicted,
        probabilities=softmax(beats.scores * beats.scale),
        labels=np.asarray(beats.labels),
    )
    names = np.asarray(beats.records)
    metric, figures = selection_metric(beats.labels), gross(beats)
    held = figures[metric] if extra.get("folds") else float(fit.best.score.max())
    metrics: dict[str, Any] = {
        "selection": {
            "metric": metric,
            "score": held,
            "start": fit.best.start,
            "epoch": int(fit.best.epoch[fit.best.start]),
            "scores": fit.best.score.tolist(),
        },
        "parameters": _parameters(fit),
        "program": result.program.digest if result.program is not None else None,
        "threshold": None
        if chosen is None
        else {
            "value": chosen.value,
            "miss_rate": chosen.miss_rate,
            "false_positive_rate": chosen.false_positive_rate,
            "within_limits": chosen.within_limits,
        },
        "collapsed_to": _collapsed(beats),
        "validation": figures,
        "validation_float": None
        if result.float_validation is None
        else gross(result.float_validation),
        "validation_records": []
        if extra.get("folds")
        else [str(n) for n in names[np.unique(beats.record)]],
        **extra,
    }
    folder.write_json(path / runs.METRICS, metrics)
    return metrics


def _parameters(fit: Fit) -> int:
    with torch.no_grad():
        return sum(p.numel() for p in fit.model.parameters()) // len(fit.best.score)
