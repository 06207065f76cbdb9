"""From a run folder to a bundle: what the card says comes from the run's own files."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge import __version__
from ecgedge.data.beats import prepare_beats
from ecgedge.data.locate import excerpt, listed_records
from ecgedge.data.splits import get_split
from ecgedge.evaluation.bootstrap import RESAMPLES
from ecgedge.runs import Run, load_run, read_json, read_log
from ecgedge.training.config import for_protocol, student_of, to_json, usual_student
from ecgedge.zoo import find_bundle
from export.bundle import read_bundle, write_bundle
from export.card import Provenance, Result
from export.golden import Golden, make_golden
from firmware_sim.context import RR_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.program import Program
from firmware_sim.program_file import load_program
from firmware_sim.proof.certificate import certificate, what_is_wrong
from firmware_sim.prove import prove

FIRMWARE = {
    "c": "export.c_library:write_c",
    "arduino": "export.arduino_library:write_arduino",
    "wasm": "ecgedge.page:write_wasm",
}
"""Target -> module and function of its writer."""
REPORT = Path("evaluation") / "report.json"
GOLDEN_BEATS_PER_SYMBOL = 4
TRAINING_FACTS = {
    "protocol": "split of records",
    "task": "task",
    "aami_map": "map of annotations to classes",
    "lead": "lead",
    "bound": "bound of the convolutions",
    "depth": "token layers",
    "restarts": "starts trained side by side",
    "epochs": "epochs with floats",
    "fine_epochs": "epochs with the integer roundings",
    "seed": "seed",
}
"""Key of the run's configuration -> what the card calls it."""
OPTIONS = (
    "aami_map", "lead", "fs", "depth", "hidden", "bound", "restarts", "epochs", "fine_epochs",
    "draws", "batch", "learning_rate", "schedule", "patience", "token_dropout", "dropout",
    "validation_share", "weight_noise", "folds",
)  # fmt: skip
"""Keys of the run's configuration that are options of `ecgedge train` by the same name."""
IMBALANCE_OPTIONS = {
    "power": "--weight-power",
    "ratio": "--weight-ratio",
    "sampler": "--sampler",
}
AREAS = {
    "auroc_n_rest": "AUROC, N against the rest",
    "auroc_v": "AUROC, V",
    "auroc_s": "AUROC, S",
}
RATES = {
    "macro_f1_nsv": "macro-F1 over N, S, V",
    "macro_f1_nsvf": "macro-F1 over N, S, V, F",
    "f1_abnormal": "F1",
    "miss_rate": "miss rate",
    "false_positive_rate": "false-positive rate",
    "accuracy": "accuracy",
    **AREAS,
}
CLASS_RATES = {"se": "Se", "ppv": "+P", "f1": "F1"}


def golden_of(program: Program) -> Golden:
    """Make golden vectors: real beats of every annotation symbol, extremes, noise.

    The real beats come from the bundled excerpt, a few of each symbol, evenly over its records.
    """
    folder = excerpt()
    beats = prepare_beats(folder, listed_records(folder), fs=program.fs, window=program.window)
    chosen: list[int] = []
    for symbol in sorted(set(beats.symbol.tolist())):
        found = np.flatnonzero(beats.symbol == symbol)
        at = np.linspace(0, len(found) - 1, min(GOLDEN_BEATS_PER_SYMBOL, len(found)))
        chosen += found[at.astype(int)].tolist()
    index: NDArray[np.int64] = np.array(sorted(chosen), dtype=np.int64)
    context = beats.context[index] if program.context else None
    return make_golden(program, beats.q[index], context)


def report_of(run: Run) -> dict[str, Any] | None:
    """Return the run's evaluation, if it is of this very program, and of its protocol and map."""
    path = run.path / REPORT
    if run.program is None or not path.is_file():
        return None
    report = read_json(path)
    found = (
        report.get("program_sha256"),
        report.get("protocol"),
        (report.get("test") or {}).get("aami_map", "aami"),
    )
    own = run.program.digest, run.config.get("protocol"), run.config.get("aami_map", "aami")
    return report if found == own else None


def _result(name: str, value: object, limits: object) -> Result | None:
    if not isinstance(value, int | float):
        return None
    low, high = limits if isinstance(limits, list) and len(limits) == 2 else (None, None)
    return Result(name, float(value), low, high)


def results_of(report: Mapping[str, Any]) -> tuple[Result, ...]:
    """Return the figures of the integer program from an evaluation report."""
    numbers = report.get("program", {})
    intervals = numbers.get("intervals", {})
    found = [_result(text, numbers.get(k), intervals.get(k)) for k, text in RATES.items()]
    for label in report.get("classes", ()):
        for key, text in CLASS_RATES.items():
            value = (numbers.get(key) or {}).get(label)
            found.append(_result(f"{label}: {text}", value, (intervals.get(key) or {}).get(label)))
    return tuple(result for result in found if result is not None)


def _evaluated_on(report: Mapping[str, Any]) -> str:
    test = report.get("test", {})
    text = (
        f"the test records of {report.get('protocol')}: {test.get('beats')} beats of "
        f"{test.get('records')} records of {test.get('database')}, lead {test.get('lead')}"
    )
    resamples = (report.get("bootstrap") or {}).get("resamples", RESAMPLES)
    if resamples != RESAMPLES:
        text += f"; intervals of {resamples} resamples, not of the usual {RESAMPLES}"
    note = report.get("note")
    return f"{text}. {note.rstrip('.')}" if note else text


def _training(run: Run) -> list[tuple[str, str]]:
    """What the program was trained on and how, from configuration and metrics."""
    config, metrics = run.config, run.metrics
    left_out = () if config.get("branches", True) else ("bound", "depth")
    facts = [
        (text, str(config[key]))
        for key, text in TRAINING_FACTS.items()
        if key in config and key not in left_out
    ]
    beats, missing = metrics.get("beats") or {}, metrics.get("missing_records") or []
    if beats:
        count = f"{beats.get('train')}, and {beats.get('validation')} to choose by"
        if metrics.get("folds"):
            count = f"{beats.get('train')}, all there are; {metrics['folds']} folds to choose by"
        facts.append(("training beats", count))
    if missing:
        facts.append(("missing", f"{len(missing)} records of the split: not the protocol's data"))
    if run.interrupted:
        facts.append(("stopped by the user", _stopped(run)))
    if run.score is not None:
        facts.append((f"{run.metric} {run.scored}", f"{run.score:.3f}"))
    teacher = metrics.get("distillation") or {}
    facts.append(("distilled", "from a large teacher" if teacher.get("used") else "no"))
    excerpted = " (bundled excerpt)" if run.of_excerpt else ""
    return [("data", f"MIT-BIH Arrhythmia Database{excerpted}"), *facts]


def _stopped(run: Run) -> str:
    """Say how far a run came that the user ended early; it may have no log any more."""
    done = {(row.get("phase"), row.get("epoch")) for row in read_log(run.path)}
    wanted = sum(run.config.get(key, 0) for key in ("epochs", "fine_epochs"))
    return f"after {len(done)} of {wanted} epochs" if done and wanted else "yes"


def _options(config: Mapping[str, Any]) -> list[str]:
    """Command-line options of what differs from the defaults of the protocol."""
    measures = [Measure(**item) for item in config.get("measures", ())]
    branches, context = config.get("branches", True), config.get("context", RR_SIZE)
    student = student_of(branches, context, measures=bool(measures))
    wanted = for_protocol(str(config["protocol"]), student, task=config["task"])
    if config.get("distillation"):
        wanted = replace(wanted, folds=0)  # `ecgedge distill` has no folds
    default = to_json(wanted)
    found = [f"--protocol {config['protocol']}"]
    if student != usual_student(wanted.task):
        found.append(f"--student {student}")
    for key in OPTIONS:
        if key in config and config[key] != default[key]:
            found.append(f"--{key.replace('_', '-')} {config[key]}")
    if tuple(measures) != wanted.measures:
        found += [f"--measure '{measure}'" for measure in measures]
    if config.get("task") != get_split(wanted.protocol).task:
        found.append(f"--task {config['task']}")
    weights = {**default["imbalance"], **(config.get("imbalance") or {})}
    if weights["class_weights"] != default["imbalance"]["class_weights"]:
        found.append("--class-weights" if weights["class_weights"] else "--no-class-weights")
    for key, option in IMBALANCE_OPTIONS.items():
        if weights[key] != default["imbalance"][key]:
            found.append(f"{option} {weights[key]}")
    for label, weight in weights["weights"].items():
        if default["imbalance"]["weights"].get(label) != weight:
            found.append(f"--class-weight {label}={weight:g}")
    varied = {**default["augmentation"], **(config.get("augmentation") or {})}
    for key, value in varied.items():
        if default["augmentation"][key] != value:
            option = "context-noise" if key == "context" else key.replace("_", "-")
            found.append(f"--{option} {value:g}")
    if config.get("prior") != default["prior"]:
        found.append(f"--prior {_prior_text(config.get('prior'))}")
    return [*found, f"--seed {config.get('seed', 0)}"]


def _prior_text(prior: Mapping[str, Any] | None) -> str:
    """Write a prior as `ecgedge train --prior` reads it."""
    return "none" if prior is None else f"{prior['label']},{prior['gain']},{prior['shift']}"


def _command(run: Run, name: str | None) -> str:
    """How to train and export it again; empty when the configuration is of another version.

    A name is told when it is another than that of the run.
    """
    verb = "distill" if run.config.get("distillation") else "train"
    try:
        options = " ".join(_options(run.config))
    except (EcgedgeError, KeyError, TypeError):
        return ""
    named = "" if name is None else f" --name {quote(name)}"
    data, test = (" --data excerpt", " --excerpt") if run.of_excerpt else ("", "")
    steps = (
        f"{verb} {options}{data} -o RUN",
        f"evaluate RUN --test{test}",
        f"export RUN{named} -o BUNDLE",
    )
    return "\n".join(f"ecgedge {step}" for step in steps)


def provenance(run: Run, name: str | None = None) -> Provenance:
    """Collect what the card says about where a program comes from.

    Parameters
    ----------
    run : Run
    name : str, optional
        What the program is called, when that is not what the run calls it.
    """
    report = report_of(run)
    return Provenance(
        training=_training(run),
        evaluated_on=_evaluated_on(report) if report else "",
        results=results_of(report) if report else (),
        command=_command(run, name),
    )


def export_run(
    path: Path, output: Path, *, name: str | None = None, overwrite: bool = False
) -> Program:
    """Write a run as a bundle.

    Parameters
    ----------
    path : Path
        Run folder.
    output : Path
        Bundle folder to make.
    name : str, optional
        Name of the program; the run's own unless given.
    overwrite : bool
        Replace a bundle that is there.

    Returns
    -------
    Program
        As it is in the bundle.

    Raises
    ------
    EcgedgeError
        When the run holds no integer program, or the folder exists; with `overwrite`, when it is
        no bundle or contains the run.
    """
    source, target = Path(path).resolve(), Path(output).resolve()
    if target == source or target in source.parents:
        raise EcgedgeError(f"{output} contains the run {path}; choose another folder with -o.")
    run = load_run(path)
    if run.program is None or run.float_network is None:
        raise EcgedgeError(
            f"the run {path} holds no integer program; export a finished student with a bound."
        )
    program = run.program if name is None else run.program.replace(name=name)
    write_bundle(
        output,
        program,
        run.float_network,
        golden=golden_of(program),
        origin=provenance(run, None if program.name == run.program.name else program.name),
        made_by=f"ecgedge {__version__}",
        trained_on=run.config.get("protocol"),
        overwrite=overwrite,
    )
    return program


def program_of(source: str) -> Program:
    """Return the program of a run, a bundle, a shipped model or a program.json.

    Raises
    ------
    EcgedgeError
        When there is none, or the certificate of a bundle is not the proof of its program.
    """
    path = Path(source)
    if path.is_dir() and not (path / "bundle.json").is_file():
        run = load_run(path)
        if run.program is None:
            raise EcgedgeError(
                f"the run {path} holds no integer program; export a finished student with a bound."
            )
        return run.program
    place = find_bundle(source)
    if place.is_file():
        return load_program(place)
    bundle = read_bundle(place)
    wrong = what_is_wrong(bundle.proof, certificate(prove(bundle.program)))
    if wrong is not None:
        raise EcgedgeError(
            f"{place / 'proof.json'} is not the proof of its program ({wrong}); export the bundle "
            "again."
        )
    return bundle.program


def export_firmware(
    source: str,
    target: str,
    output: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
    record: str | None = None,
) -> Program:
    """Write a program as firmware.

    Parameters
    ----------
    source : str
        As `program_of`.
    target : str
        A key of `FIRMWARE`.
    output : Path
        Folder to make.
    name : str, optional
        Name of the program; its own unless given.
    overwrite : bool
        Replace what an earlier export wrote.
    record : str, optional
        For ``wasm``: the recording on its page, as `ecgedge.page.page_recording`.

    Raises
    ------
    EcgedgeError
        When there is no program, or the writer refuses it or the folder.
    """
    path, folder = Path(source).resolve(), Path(output).resolve()
    if folder == path or folder in path.parents:
        raise EcgedgeError(f"{output} contains {source}; choose another folder with -o.")
    program = program_of(source)
    program = program if name is None else program.replace(name=name)
    module, function = FIRMWARE[target].split(":")
    write = getattr(import_module(module), function)
    options = {} if record is None else {"record": record}
    write(output, program, made_by=f"ecgedge {__version__}", overwrite=overwrite, **options)
    return program
