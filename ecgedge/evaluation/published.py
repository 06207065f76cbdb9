"""What others report on the same data, to stand next to our figures.

Only figures of inter-patient tests are here: a figure from a split by beat, where beats of one
heart are on both sides, cannot be compared with any of these.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Published:
    """One published row.

    Attributes
    ----------
    name : str
        Authors and year, or what it is.
    protocol : str
        Split that it was tested on.
    reads : str
        What the classifier is given.
    size : str
        Parameters, or what is known of the size; empty when nothing is.
    values : dict of str to float
        By the flat names of `metrics.rates` and `metrics.score_metrics`.
    note : str
        What limits the comparison.
    """

    name: str
    protocol: str
    reads: str
    size: str
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""


PUBLISHED = (
    Published(
        "de Chazal 2004",
        "ds1-ds2",
        "shape + RR, two leads",
        "",
        {"f1.S": 0.51, "f1.V": 0.80, "macro_f1_nsv": 0.75},
        "about",
    ),
    Published(
        "Mondéjar-Guerra 2019",
        "ds1-ds2",
        "shape + RR, one lead",
        "SVM ensemble",
        {"f1.S": 0.61, "f1.V": 0.94, "accuracy": 0.945},
        "F1 about",
    ),
    Published(
        "Sáenz-Cogollo 2020",
        "ds1-ds2",
        "six features",
        "random forest",
        {"f1.S": 0.731, "f1.V": 0.909, "macro_f1_nsv": 0.873, "accuracy": 0.961},
    ),
    Published(
        "Farag 2023",
        "ds1-ds2",
        "matched-filter CNN, RR",
        "15 KB",
        {"accuracy": 0.982, "macro_f1": 0.922},
        "macro-F1 as published",
    ),
    Published(
        "logistic regression",
        "ds1-ds2",
        "5 RR + 5 shape features",
        "44",
        {"f1.S": 0.375, "f1.V": 0.835, "macro_f1_nsv": 0.725, "auroc_n_rest": 0.973},
        "measured, not published",
    ),
    Published(
        "published student",
        "replica",
        "beat only",
        "150",
        {
            "f1_abnormal": 0.861,
            "miss_rate": 0.0875,
            "false_positive_rate": 0.0385,
            "auroc_n_rest": 0.969,
        },
        "tuned on its test records",
    ),
    Published(
        "published teacher",
        "replica",
        "beat only",
        "964002",
        {"miss_rate": 0.098},
    ),
)


def published(protocol: str) -> tuple[Published, ...]:
    """Return the published rows of one protocol."""
    return tuple(row for row in PUBLISHED if row.protocol == protocol)
