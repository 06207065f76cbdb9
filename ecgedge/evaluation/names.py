"""What people call the numbers of a report, and how one is written."""

from collections.abc import Mapping
from typing import Any

MISSING = "–"
PERCENT = ("miss_rate", "false_positive_rate")
TITLES = {
    "macro_f1": "macro-F1",
    "macro_f1_nsv": "macro-F1 N,S,V",
    "macro_f1_nsvf": "macro-F1 N,S,V,F",
    "f1_abnormal": "F1 abnormal",
    "accuracy": "accuracy",
    "miss_rate": "miss",
    "false_positive_rate": "FPR",
    "auroc_n_rest": "AUROC N/rest",
    "auroc_v": "AUROC V",
    "auroc_s": "AUROC S",
    "auprc_n_rest": "AUPRC N/rest",
    "auprc_v": "AUPRC V",
    "auprc_s": "AUPRC S",
    "calibration_error": "calibration error",
    "calibration_error_unscaled": "calibration error without logit scale",
}
_RATES = {"se": "Se", "ppv": "+P", "f1": "F1"}


def title_of(name: str) -> str:
    """Return what people call a number: `f1.V` is "F1 V"."""
    rate, _, label = name.partition(".")
    return f"{_RATES[rate]} {label}" if label else TITLES.get(name, name)


def value_of(numbers: Mapping[str, Any], name: str) -> Any:
    """Look a flat name up in nested numbers; None when it is not there."""
    value: Any = numbers
    for part in name.split(".", 1):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def show(value: float | None, name: str = "") -> str:
    """Write one number: three places, rates of errors in percent."""
    if value is None:
        return MISSING
    return f"{100 * value:.2f} %" if name in PERCENT else f"{value:.3f}"


def show_difference(value: float | None, name: str = "") -> str:
    """Write a difference with its sign: three places, rates of errors in points."""
    if value is None:
        return MISSING
    return f"{100 * value:+.2f} points" if name in PERCENT else f"{value:+.3f}"


def show_limits(limits: Any, name: str = "") -> str:
    """Write an interval, a pair of numbers or of None."""
    low, high = limits or (None, None)
    if low is None or high is None:
        return MISSING
    return f"{show(low, name).removesuffix(' %')} to {show(high, name)}"
