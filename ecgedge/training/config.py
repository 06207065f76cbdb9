"""Everything that decides a training run, in frozen dataclasses that are saved whole."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ecgedge.data.labels import label_map
from ecgedge.data.splits import get_split
from firmware_sim.context import CONTEXT_NAMES, CONTEXT_SIZE, RR_SIZE
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure, check_measures, read_measure
from firmware_sim.prior import Prior
from firmware_sim.program import LIMITS

SCHEDULES = ("one-cycle", "plateau", "constant")
SAMPLERS = ("none", "weighted", "balanced", "records")
CLASS_SAMPLERS = ("weighted", "balanced")
"""Those that weigh the classes and nothing else."""
MAX_WEIGHT = 1000
DEVICES = ("auto", "cpu", "cuda", "mps")
MAX_SEED = 2**31 - 1


def check_finite(settings: object) -> None:
    """Refuse a dataclass in which a number is infinite or not a number.

    Raises
    ------
    EcgedgeError
        Naming the field.
    """
    for name, value in vars(settings).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise EcgedgeError(f"{name} is {value}; it must be a finite number.")


@dataclass(frozen=True)
class Augmentation:
    """How training beats are varied, on counts, before mean removal and scaling.

    Attributes
    ----------
    shift_ms : float
        Largest shift of the window either way; detectors are not exact.
    wander : float
        Largest amplitude of a slow sine, as a share of the beat's largest deviation.
    noise : float
        Largest standard deviation of white noise, as the same share.
    amplitude : float
        Largest relative ripple of the gain within the beat. A constant gain would cancel in the
        scaling.
    context : float
        Standard deviation of noise on the context, in 1/128.
    nstdb : float
        Share of the beats that are taken from noisy records (`ecgedge.training.noisy`).
    """

    shift_ms: float = 20.0
    wander: float = 0.2
    noise: float = 0.03
    amplitude: float = 0.1
    context: float = 2.0
    nstdb: float = 0.0


@dataclass(frozen=True)
class Imbalance:
    """What is done about rare classes, and about records that have many beats of a class.

    Attributes
    ----------
    class_weights : bool
        Weigh the loss by (most frequent / own frequency)^power.
    ratio : float
        Largest weight.
    power : float
        0 means no weights, 1 full compensation. Also the power of the samplers "weighted" and
        "records".
    warmup_epochs : int
        Epochs in which weights grow linearly from 1.
    sampler : str
        "none", "weighted" (draw beats by their class's frequency to the -power), "balanced" (all
        classes alike), or "records" (by the frequency of the class within the record to the
        -power: a patient with hundreds of beats of a class would otherwise be the class).
    weights : dict of str to float
        Weights of single labels, in place of what their frequency would give.
    """

    class_weights: bool = True
    ratio: float = 20.0
    power: float = 0.7
    warmup_epochs: int = 3
    sampler: str = "none"
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_finite(self)
        if self.sampler not in SAMPLERS:
            raise EcgedgeError(
                f"sampler {self.sampler!r} is unknown; choose one of {', '.join(SAMPLERS)}."
            )
        if self.class_weights and self.sampler in CLASS_SAMPLERS:
            raise EcgedgeError(
                f"class weights and the sampler {self.sampler} would correct the imbalance twice; "
                "use --no-class-weights with it, or --sampler none with them."
            )
        if self.weights and not self.class_weights:
            raise EcgedgeError(
                "a weight of a label needs class weights; add --class-weights, with --sampler none "
                "or records."
            )
        if not all(0 < weight <= MAX_WEIGHT for weight in self.weights.values()):
            raise EcgedgeError(f"the weight of a label must be above 0 and at most {MAX_WEIGHT}.")
        if self.ratio < 1 or not 0 <= self.power <= 2:
            raise EcgedgeError("the weight ratio must be 1 or more and the power within 0 to 2.")

    @property
    def uses_power(self) -> bool:
        """Whether `power` has a say."""
        return self.class_weights or self.sampler in ("weighted", "records")


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes
    ----------
    protocol : str
        Split of records; only its training records are read.
    task, aami_map : str
        Label map.
    model : str
        "student" or a teacher.
    fs, window : int
        Samples per second; samples in a beat.
    lead : str
        Lead by name, or "first".
    depth, context, branches, hidden, bound, activation, token_dropout, dropout, logit_scale
        See `ecgedge.models.StudentConfig`.
    restarts : int
        Students trained side by side; validation picks one.
    epochs, fine_epochs : int
        Float epochs, then epochs with the integer roundings.
    draws : int
        Beats drawn per epoch.
    batch : int
        Beats in a step.
    learning_rate, fine_learning_rate, weight_decay, clip : float
        Adam's; the largest gradient norm of each start.
    schedule : str
        "one-cycle", "plateau" or "constant".
    patience, min_epochs : int
        Stop when no start improved for that many epochs, but not before.
    settle : float
        With one-cycle, the share of the epochs after which the best state of each start is kept;
        until then the newest one stands. On few validation records the best of all epochs is the
        luckiest: in trials on training records it was four points of macro-F1 worse than the last.
    validation_share : float
        Share of the training records that is kept for validation.
    folds : int
        0: validation records pick epoch, start and threshold. 2 or more: the student is trained on
        all training records, and what is chosen comes from so many folds (`training.refit`).
        Models that stay floats have no folds.
    calibration : str
        How gains follow from activations: see `calib.ranges`.
    weight_noise : float
        Standard deviation of Gaussian noise that is added to every weight and bias in each step,
        drawn anew, where 1 is the largest weight there can be: for hardware that holds its weights
        as analog or optical values.
    prior : Prior or None
        How decisions of the past enter the next one; of the program, and not trained.
    measures : tuple of Measure
        What a student without branches measures on a beat.
    seed : int
        Within 0 to 2^31 - 1.
    device : str
        "auto" takes CUDA, then MPS, then the processor.
    """

    protocol: str = "ds1-ds2"
    task: str = "nsvf"
    aami_map: str = "aami"
    model: str = "student"
    fs: int = 360
    window: int = 360
    lead: str = "MLII"
    depth: int = 1
    context: int = RR_SIZE
    branches: bool = True
    hidden: int = 0
    bound: str = "l1"
    activation: str = "relu"
    token_dropout: float = 0.0
    dropout: float = 0.0
    logit_scale: int = 8
    restarts: int = 16
    epochs: int = 60
    fine_epochs: int = 10
    draws: int = 20_000
    batch: int = 256
    learning_rate: float = 1e-2
    fine_learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    clip: float = 1.0
    schedule: str = "one-cycle"
    patience: int = 25
    min_epochs: int = 25
    settle: float = 0.9
    validation_share: float = 0.3
    folds: int = 0
    calibration: str = "percentile"
    weight_noise: float = 0.0
    prior: Prior | None = None
    measures: tuple[Measure, ...] = ()
    seed: int = 0
    device: str = "auto"
    augmentation: Augmentation = field(default_factory=Augmentation)
    imbalance: Imbalance = field(default_factory=Imbalance)

    def __post_init__(self) -> None:
        check_finite(self)
        check_finite(self.augmentation)
        get_split(self.protocol)
        label_map(self.task)
        check_measures(self.measures, self.window)
        if self.schedule not in SCHEDULES:
            raise EcgedgeError(
                f"schedule {self.schedule!r} is unknown; choose one of {', '.join(SCHEDULES)}."
            )
        if self.device not in DEVICES:
            raise EcgedgeError(
                f"device {self.device!r} is unknown; choose one of {', '.join(DEVICES)}."
            )
        if self.prior is not None and (
            len(self.labels) == 2 or self.prior.label not in self.labels
        ):
            raise EcgedgeError(
                f"the task {self.task} has no use for a prior of {self.prior.label}; leave it out."
            )
        unknown = sorted(set(self.imbalance.weights) - set(self.labels))
        if unknown:
            raise EcgedgeError(
                f"the task {self.task} has no label {unknown[0]}; it has {', '.join(self.labels)}."
            )
        for name in ("restarts", "epochs", "draws", "batch"):
            if getattr(self, name) < 1:
                raise EcgedgeError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 <= self.seed <= MAX_SEED:
            raise EcgedgeError(f"the seed {self.seed} must lie within 0 to {MAX_SEED}.")
        if min(self.learning_rate, self.fine_learning_rate) <= 0:
            raise EcgedgeError("a learning rate must be above 0.")
        if not 0 <= self.settle <= 1:
            raise EcgedgeError("the share of epochs to settle must lie within 0 to 1.")
        if not 0 <= self.weight_noise <= 1:
            raise EcgedgeError("the weight noise must lie within 0 to 1.")
        if self.folds < 0 or self.folds == 1:
            raise EcgedgeError("there are 0 folds (validation records instead), or 2 and more.")
        if not 0 < self.validation_share < 1:
            raise EcgedgeError("the validation share must lie between 0 and 1.")

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names of the task."""
        return label_map(self.task).labels

    @property
    def looks(self) -> bool:
        """Whether the model looks at beats, and not at their context alone."""
        return self.branches or bool(self.measures) or self.model != "student"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the student's hidden layer sees; empty for convolutions and teachers."""
        if self.model != "student" or self.branches:
            return ()
        return (*map(str, self.measures), *CONTEXT_NAMES[: self.context])

    @property
    def context_values(self) -> int:
        """Context values that training varies: the RR values always, also for those that see none.

        Random numbers are drawn for them too, and runs of earlier versions can be made again.
        """
        return max(RR_SIZE, self.context)

    @property
    def refits(self) -> bool:
        """Whether it is trained on all training records; only students with integers are."""
        return self.folds > 0 and self.has_integers

    @property
    def has_integers(self) -> bool:
        """Whether the result becomes an integer program."""
        return self.model == "student" and self.bound != "none" and self.activation == "relu"


FUSION_WEIGHT = {"F": 2.0}
"""Of `segments`: fusion beats are too few to be learned, their full weight would only cost N."""

BEAT_MEASURES = tuple(
    read_measure(text)
    for text in ("size 24-36 x2", "high 26-34", "level 28-36 x2", "change 1-9 x4")
)
"""Chosen by forward selection over folds of the training records of `replica` (docs/accuracy.md):
size, maximum and level of the QRS complex, and how much changes 500 to 350 ms before the R peak,
where a premature beat has the end of the beat before it."""

CONTEXT, SEGMENTS, BEAT, MEASURES = "context", "segments", "beat", "measures"
STUDENTS: dict[str, dict[str, Any]] = {
    CONTEXT: {
        "branches": False,
        "context": CONTEXT_SIZE,
        "hidden": 8,
        "logit_scale": 4,
        "learning_rate": 2e-2,
        "draws": 25_000,
        "batch": 512,
        "epochs": 48,
        "fine_epochs": 4,
        "augmentation": Augmentation(context=6.0),
        "folds": 4,
        "imbalance": Imbalance(class_weights=False, sampler="records", power=0.1),
    },
    SEGMENTS: {"context": RR_SIZE},
    BEAT: {
        "depth": 3,
        "context": 0,
        "epochs": 30,
        "imbalance": Imbalance(class_weights=False, sampler="records", power=1.0),
    },
    MEASURES: {
        "branches": False,
        "context": 0,
        "measures": BEAT_MEASURES,
        "hidden": 8,
        "learning_rate": 2e-2,
        "batch": 512,
        "epochs": 12,
        "folds": 4,
        "imbalance": Imbalance(class_weights=False, sampler="records", power=1.0),
    },
}
"""Students by name: what they see, and the training that suits them (docs/accuracy.md)."""
CONTEXT_PRIOR = Prior("S", gain=4, shift=6)
"""Chosen by cross-validation over DS1 (docs/accuracy.md), like the power of the sampler."""


def usual_prior(task: str, student: str) -> Prior | None:
    """Return the prior that a task and a student start from."""
    labels = label_map(task).labels
    known = student == CONTEXT and len(labels) > 2 and CONTEXT_PRIOR.label in labels
    return CONTEXT_PRIOR if known else None


def prior_of(text: str) -> Prior | None:
    """Read `LABEL,GAIN,SHIFT`, or `none`.

    Raises
    ------
    EcgedgeError
        When it is neither.
    """
    if text == "none":
        return None
    try:
        label, gain, shift = text.split(",")
        prior = Prior(label, int(gain), int(shift))
    except ValueError:
        raise EcgedgeError(f"the prior {text!r} is not like S,4,6 (label, gain, shift).") from None
    for name in ("gain", "shift"):
        low, high = LIMITS[f"prior {name}"]
        if not low <= getattr(prior, name) <= high:
            raise EcgedgeError(f"the prior's {name} must lie within {low} to {high}.")
    return prior


def usual_student(task: str) -> str:
    """Return the student that a task starts from: two classes are told from the beat alone."""
    return MEASURES if len(label_map(task).labels) == 2 else CONTEXT


def student_of(branches: bool, context: int, *, measures: bool = False) -> str:
    """Name the student that has branches, measures or neither, and so many context values."""
    if not branches:
        return MEASURES if measures else CONTEXT
    return SEGMENTS if context else BEAT


def for_protocol(protocol: str, student: str | None = None, **changes: Any) -> TrainConfig:
    """Return the configuration that fits a protocol and a student, with changes.

    Without a task of its own, a protocol brings its lead and task; without a student, the task
    brings the one that suits it.

    Raises
    ------
    EcgedgeError
        When the student is unknown.
    """
    split = get_split(protocol)
    task = changes.setdefault("task", split.task)
    student = student or usual_student(task)
    if student not in STUDENTS:
        raise EcgedgeError(f"student {student!r} is unknown; choose one of {', '.join(STUDENTS)}.")
    weights = dict(FUSION_WEIGHT) if "F" in label_map(task).labels else {}
    defaults: dict[str, Any] = {
        "lead": split.lead,
        "prior": usual_prior(task, student),
        "imbalance": Imbalance(weights=weights),
        **STUDENTS[student],
    }
    return TrainConfig(protocol=protocol, **(defaults | changes))


def to_json(config: TrainConfig) -> dict[str, Any]:
    """Return every field as JSON values."""
    return asdict(config)


def from_json(content: dict[str, Any]) -> TrainConfig:
    """Read what `to_json` wrote; unknown keys are refused.

    Raises
    ------
    EcgedgeError
        When the content is not a training configuration.
    """
    values = dict(content)
    try:
        values["augmentation"] = Augmentation(**values["augmentation"])
        values["imbalance"] = Imbalance(**values["imbalance"])
        if values.get("prior") is not None:
            values["prior"] = Prior(**values["prior"])
        values["measures"] = tuple(Measure(**item) for item in values.get("measures", ()))
        return TrainConfig(**values)
    except (KeyError, TypeError) as error:
        raise EcgedgeError(
            f"this is not a training configuration of this version ({error}); train again."
        ) from None
