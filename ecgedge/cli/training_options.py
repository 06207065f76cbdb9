"""Options of `ecgedge train` and `ecgedge distill`, and the configuration that they make."""

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecgedge.cli.given import is_given

if TYPE_CHECKING:
    from ecgedge.training.config import Imbalance, TrainConfig
    from firmware_sim.measures import Measure

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _label_weights(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, float] | None:
    """Read LABEL=W pairs."""
    found = {}
    for value in values:
        label, _, weight = value.partition("=")
        try:
            found[label] = float(weight)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not LABEL=W, for example S=8.") from None
    if len(found) < len(values):
        raise click.BadParameter("a label has two weights; leave one out.")
    return found or None


def _measures(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> "tuple[Measure, ...] | None":
    """Read measures."""
    from firmware_sim.measures import read_measure

    return tuple(map(read_measure, values)) or None


STUDENT: list[Decorator] = [
    click.option(
        "--protocol",
        type=click.Choice(["ds1-ds2", "replica"]),
        default="ds1-ds2",
        show_default=True,
        help="Whose training records are read.",
    ),
    click.option(
        "--task", help="Label map; by default that of the protocol (nsvf, symbol-binary)."
    ),
    click.option(
        "--aami-map",
        type=click.Choice(["aami", "bxb"]),
        default="aami",
        show_default=True,
        help="Escape beats (e, j, n) are N, or S as WFDB's bxb has them.",
    ),
    click.option("--lead", help="Lead by name, or first; by default that of the protocol."),
    click.option("--fs", type=click.IntRange(50, 2000), help="Samples per second [360]."),
    click.option("--depth", type=click.IntRange(1, 3), help="Token layers [segments: 1; beat: 3]."),
    click.option(
        "--student",
        type=click.Choice(["context", "segments", "beat", "measures"]),
        help="What the student sees: rhythm and shape against the beats before; segments of the "
        "beat and RR values; segments of the beat alone; measures of the beat alone [context; two "
        "classes: measures].",
    ),
    click.option(
        "--hidden", type=click.IntRange(1, 32), help="Hidden units [context, measures: 8]."
    ),
    click.option(
        "--measure",
        "measures",
        multiple=True,
        metavar="'KIND START-STOP xGAIN'",
        callback=_measures,
        help="What the student measures on a beat, in place of its own choice, for example "
        "'size 32-48 x2'; may be repeated (docs/arithmetic.md).",
    ),
    click.option(
        "--bound",
        type=click.Choice(["l1", "tanh", "none"]),
        default="l1",
        show_default=True,
        help="Bound of the convolutions; none switches all bounds off and stays float.",
    ),
    click.option(
        "--activation",
        type=click.Choice(["relu", "tanh"]),
        default="relu",
        show_default=True,
        help="tanh stays float, for comparison.",
    ),
]

TRAINING: list[Decorator] = [
    click.option("--restarts", type=click.IntRange(1, 256), help="Starts trained at once [16]."),
    click.option("--epochs", type=click.IntRange(1), help="Float epochs."),
    click.option("--fine-epochs", type=click.IntRange(0), help="Epochs with integer roundings."),
    click.option("--draws", type=click.IntRange(1), help="Beats drawn in an epoch."),
    click.option("--batch", type=click.IntRange(1), help="Beats in a step."),
    click.option("--learning-rate", type=click.FloatRange(0, min_open=True)),
    click.option("--schedule", type=click.Choice(["one-cycle", "plateau", "constant"])),
    click.option("--patience", type=click.IntRange(1), help="Epochs without gain before stopping."),
    click.option("--weight-decay", type=click.FloatRange(0)),
    click.option("--clip", type=click.FloatRange(0, min_open=True), help="Largest gradient norm."),
    click.option(
        "--calibration",
        type=click.Choice(["minmax", "percentile", "mse"]),
        help="How gains follow from the activations of training beats [percentile].",
    ),
    click.option(
        "--validation-share",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Share of the training records that validates [0.3].",
    ),
    click.option("--shift-ms", type=click.FloatRange(0), help="Augmentation: window shift [20]."),
    click.option("--wander", type=click.FloatRange(0), help="Augmentation: baseline wander [0.2]."),
    click.option("--noise", type=click.FloatRange(0), help="Augmentation: white noise [0.03]."),
    click.option("--amplitude", type=click.FloatRange(0), help="Augmentation: gain ripple [0.1]."),
    click.option("--token-dropout", type=click.FloatRange(0, 0.9)),
    click.option("--dropout", type=click.FloatRange(0, 0.9)),
    click.option(
        "--weight-noise",
        type=click.FloatRange(0, 1),
        help="Noise on every weight while training, of a largest weight of 1 [0].",
    ),
    click.option(
        "--context-noise",
        type=click.FloatRange(0),
        help="Augmentation: noise on the context, in 1/128 [context: 6; others: 2].",
    ),
    click.option(
        "--nstdb",
        type=click.FloatRange(0, 1),
        help="Augmentation: share of beats from records with real noise of the database nstdb [0].",
    ),
    click.option(
        "--class-weights/--no-class-weights", default=None, help="Weigh rare classes in the loss."
    ),
    click.option(
        "--weight-power",
        type=click.FloatRange(0, 2),
        help="Of class weights and of the samplers weighted and records: 1 compensates fully, 0 "
        "not at all [context: 0.1; beat, measures: 1; segments, or another --sampler: 0.7].",
    ),
    click.option("--weight-ratio", type=click.FloatRange(1), help="Largest weight."),
    click.option(
        "--class-weight",
        "label_weights",
        multiple=True,
        metavar="LABEL=W",
        callback=_label_weights,
        help="Weight of one label, in place of what its frequency would give; may be repeated.",
    ),
    click.option(
        "--prior",
        metavar="LABEL,GAIN,SHIFT",
        help="What recent decisions add to a label's score, or `none` [context: S,4,6].",
    ),
    click.option(
        "--sampler",
        type=click.Choice(["none", "weighted", "balanced", "records"]),
        help="Draw rare classes more often (weighted, balanced: in place of class weights), or the "
        "rarer classes of each record [segments: none; others: records].",
    ),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto"),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        help="Folder that contains mitdb, or that folder; `excerpt` is the bundled one. "
        "Default: $ECGEDGE_DATA, then the user's cache.",
    ),
    click.option(
        "-o", "--out", type=click.Path(path_type=Path), required=True, help="Run folder to write."
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on with the run in the folder; its settings count, other options are ignored.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output."),
]

_IN_AUGMENTATION = {
    "shift_ms": "shift_ms",
    "wander": "wander",
    "noise": "noise",
    "amplitude": "amplitude",
    "context_noise": "context",
    "nstdb": "nstdb",
}
_IN_IMBALANCE = {
    "class_weights": "class_weights",
    "weight_power": "power",
    "weight_ratio": "ratio",
    "sampler": "sampler",
    "label_weights": "weights",
}


def all_of(options: list[Decorator]) -> Decorator:
    """Put several options on one command."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def refuse_given(names: Collection[str], why: str) -> None:
    """Refuse options of the running command that its user gave, be it with their default.

    Raises
    ------
    click.UsageError
        Naming the first of them, and why.
    """
    for name in names:
        if is_given(name):
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def config_from(values: dict[str, Any], *, inherited: Collection[str] = ()) -> "TrainConfig":
    """Make the configuration from what was given on the command line; the rest is default.

    Parameters
    ----------
    values : dict
        Values of the options by name, None where nothing was given.
    inherited : collection of str
        Options that are not for this model alone, and may do without an effect on it.

    Raises
    ------
    click.UsageError
        When an option would change nothing.
    """
    from dataclasses import replace

    from ecgedge.training.config import for_protocol, prior_of

    given = {name: value for name, value in values.items() if value is not None}
    weights = {_IN_IMBALANCE[n]: given.pop(n) for n in list(given) if n in _IN_IMBALANCE}
    varied = {_IN_AUGMENTATION[n]: given.pop(n) for n in list(given) if n in _IN_AUGMENTATION}
    if "prior" in given:
        given["prior"] = prior_of(given["prior"])
    if "fs" in given:
        given["window"] = given["fs"]
    config = for_protocol(given.pop("protocol"), given.pop("student", None), **given)
    config = replace(
        config,
        imbalance=_imbalance(config.imbalance, weights),
        augmentation=replace(config.augmentation, **varied),
    )
    _check_effects(_chosen(values).difference(inherited), config)
    return config


_SHOWN = ("bound", "activation", "aami_map")
"""Options whose default the help shows; without a word of the user they have that value."""


def _chosen(values: dict[str, Any]) -> set[str]:
    """Return which options have a value of the user's."""
    from ecgedge.training.config import TrainConfig

    default = {name: getattr(TrainConfig, name) for name in _SHOWN}
    return {name for name, value in values.items() if value not in (None, default.get(name))}


def _may_stop_early(config: "TrainConfig") -> bool:
    """Say whether patience can end a phase before its last epoch.

    Under one-cycle each epoch counts as a gain until the rates have settled (`training.loop`).
    """
    settle = config.settle if config.schedule == "one-cycle" else 0.0

    def earliest(epochs: int) -> int:
        gains = max(0, math.ceil(settle * epochs) - 1)
        return max(gains + config.patience, config.min_epochs)

    return any(earliest(epochs) < epochs for epochs in (config.epochs, config.fine_epochs))


def _reads_aami_classes(config: "TrainConfig") -> bool:
    """Say whether the task is about AAMI classes, and not about symbols as they stand."""
    from ecgedge.data.labels import label_map

    return label_map(config.task).source == "aami"


_NEEDS: tuple[tuple[tuple[str, ...], Callable[["TrainConfig"], bool], str], ...] = (
    (
        (
            "depth", "hidden", "measures", "token_dropout", "dropout", "restarts", "fine_epochs",
            "calibration", "weight_noise", "prior", "folds", "bound", "activation",
        ),
        lambda config: config.model == "student",
        "--model student",
    ),
    (
        ("measures",),
        lambda config: not config.branches and not config.context,
        "--student measures",
    ),
    (("depth", "token_dropout"), lambda config: config.branches, "--student segments or beat"),
    (
        ("shift_ms", "wander", "noise", "amplitude", "dropout"),
        lambda config: config.looks,
        "--student segments, beat or measures",
    ),
    (
        ("bound",),
        lambda config: config.branches or config.bound == "none",
        "--student segments or beat",
    ),
    (("aami_map",), _reads_aami_classes, "--task nsvf, nsvo, aami-5 or aami-binary"),
    (
        ("context_noise",),
        lambda config: config.context > 0,
        "--student context or segments",
    ),
    (
        ("weight_power",),
        lambda config: config.imbalance.uses_power,
        "--class-weights or --sampler weighted or records",
    ),
    (("weight_ratio",), lambda config: config.imbalance.class_weights, "--class-weights"),
    (("validation_share", "patience"), lambda config: not config.refits, "--folds 0"),
    (
        ("patience",),
        lambda config: max(config.epochs, config.fine_epochs) > config.min_epochs,
        "more than 25 --epochs",
    ),
    (("patience",), _may_stop_early, "a smaller number, or --schedule plateau or constant,"),
    (
        ("fine_epochs", "calibration"),
        lambda config: config.has_integers,
        "--bound l1 or tanh and --activation relu",
    ),
)  # fmt: skip
"""Options, what a configuration must be for them to have an effect, and the options that make it
so."""


def _check_effects(given: set[str], config: "TrainConfig") -> None:
    """Refuse options that would change nothing: their user expects something of them."""
    for names, holds, wanted in _NEEDS:
        idle = next((name for name in names if name in given), None)
        if idle and not holds(config):
            option = "measure" if idle == "measures" else idle.replace("_", "-")
            if idle in _SHOWN:  # another value of it may have an effect
                option += f" {getattr(config, idle)}"
            raise click.UsageError(
                f"--{option} has an effect with {wanted} only; add that, or leave it out."
            )


def _imbalance(own: "Imbalance", given: dict[str, Any]) -> "Imbalance":
    """Change what a student does about imbalance: a class sampler ends weights, a weight begins."""
    from dataclasses import replace

    from ecgedge.training.config import CLASS_SAMPLERS, Imbalance

    sampler = given.get("sampler", own.sampler)
    weighs = "weights" in given or own.class_weights
    weighs = given.get("class_weights", weighs and sampler not in CLASS_SAMPLERS)
    labels = (own.weights if weighs else {}) | given.get("weights", {})
    power = own.power if sampler == own.sampler else Imbalance.power
    return replace(own, **({"power": power} | given | {"class_weights": weighs, "weights": labels}))
