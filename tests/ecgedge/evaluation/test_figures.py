import io
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from ecgedge.evaluation import metrics, style
from ecgedge.evaluation.confusion import confusion_matrices
from ecgedge.evaluation.forest import Bar, forest
from ecgedge.evaluation.gallery import Example, gallery, pick_examples
from ecgedge.evaluation.ranking import (
    MAX_CURVE_POINTS,
    Ranking,
    precision_recall,
    ranking,
    roc,
)
from ecgedge.evaluation.record_strips import record_strips
from ecgedge.evaluation.reliability import reliability
from ecgedge.evaluation.training_curves import training_curves

LABELS = ("N", "S", "V", "F")


def some_beats(labels: tuple[str, ...] = LABELS, n: int = 300) -> metrics.Predictions:
    random = np.random.default_rng(0)
    y = random.integers(0, len(labels), n)
    scores = random.normal(size=(n, len(labels)))
    scores[np.arange(n), y] += 1
    names = ("100", "103", "105")
    return metrics.predictions(labels, y, scores, random.integers(0, 3, n), names)


def texts(figure: Figure) -> str:
    """Everything that is written in a figure, after drawing it once."""
    figure.savefig(io.BytesIO(), format="png")

    return "\n".join(item.get_text() for item in figure.findobj(Text))


def test_a_panel_for_each_quantity_with_training_and_validation_together() -> None:
    history = [
        {"epoch": i, "train_loss": 1 / (i + 1), "validation_loss": 1.0, "validation_macro_f1": 0.5,
         "lr": 0.1 ** (i + 1), "seconds": 2.0, "phase": "float"}
        for i in range(4)
    ]  # fmt: skip
    figure = training_curves(history, best_epoch=2, title="Run", note="a note")
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]
    assert titles == ["loss", "macro f1", "lr"]
    assert [len(axis.get_lines()) for axis in figure.axes] == [3, 2, 2]
    assert figure.axes[2].get_yscale() == "log"
    assert "a note" in texts(figure)


def test_a_value_that_a_log_line_lacks_is_a_gap_not_an_error() -> None:
    history: list[dict[str, object]] = [
        {"epoch": 0, "train_loss": 1.0},
        {"epoch": 1, "train_loss": None, "val_loss": 2},
        {"epoch": 2, "train_loss": 0.5, "val_loss": True},
    ]
    texts(training_curves(history))
    texts(training_curves([]))


def test_roc_panels_stand_side_by_side_and_name_the_area_of_every_model() -> None:
    beats = some_beats()
    curve = ranking(beats)
    area = metrics.auroc(curve.positive, curve.score)
    figure = roc({"validation": {"baseline": curve}, "test": {"baseline": curve, "teacher": curve}})
    assert len(figure.axes) == 2
    assert texts(figure).count(f"{area:.3f}") == 3


def test_the_dot_of_a_model_lies_where_it_decides() -> None:
    beats = some_beats(("N", "abnormal"))
    matrix = metrics.confusion(beats.y, beats.predicted, 2)
    point = ranking(beats).point
    assert point is not None
    assert point == pytest.approx(
        (float(metrics.false_positive_rate(matrix)), 1 - float(metrics.miss_rate(matrix)))
    )


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    score = np.random.default_rng(0).normal(size=50_000)
    figure = roc({"test": {"m": Ranking(score > 0.2, score)}})
    curve = np.asarray(figure.axes[0].get_lines()[1].get_xydata())
    assert len(curve) <= MAX_CURVE_POINTS
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]


def test_confusion_cells_hold_counts_and_shares_also_for_a_class_that_is_not_there() -> None:
    figure = confusion_matrices({"model": ([[1500, 500], [0, 0]], ("N", "abnormal"))})
    written = texts(figure)
    assert "1,500\n75.0%" in written
    assert "0\n0.0%" in written


def test_precision_recall_and_reliability_draw_every_model() -> None:
    beats = some_beats()
    curves = {"V": {"a": ranking(beats, "V"), "b": ranking(beats, "V")}}
    assert "AUPRC" in texts(precision_recall(curves))
    assert "ECE" in texts(reliability({"a": beats, "b": beats}))


def test_the_bare_logits_are_drawn_where_a_model_has_a_logit_scale() -> None:
    scaled = replace(some_beats(), scale=8.0, logit_scale=8.0)
    bare = metrics.calibration_error(*metrics.confidence(some_beats()))
    assert f"without logit scale: ECE {bare:.3f}" in texts(reliability({"a": scaled}))
    assert "without" not in texts(reliability({"a": some_beats()}))


def test_the_legend_of_the_bare_logits_hides_no_curve_and_no_panel() -> None:
    scaled = replace(some_beats(), scale=8.0, logit_scale=8.0)
    figure = reliability(dict.fromkeys("abcd", scaled))
    figure.savefig(io.BytesIO(), format="png")
    seen = [axis for axis in figure.axes if axis.get_visible()]
    boxes = [axis.get_window_extent() for axis in seen]
    boxes += [axis.xaxis.label.get_window_extent() for axis in seen if axis.get_xlabel()]
    legends = figure.findobj(Legend)
    assert len(legends) == 4
    for legend in legends:
        assert not any(legend.get_window_extent().overlaps(box) for box in boxes)


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_panels_of_many_models_are_broken_over_lines(count: int) -> None:
    names = [f"model {i}" for i in range(count)]
    beats = some_beats()
    matrix = metrics.confusion(beats.y, beats.predicted, 4)
    for figure in (
        confusion_matrices(dict.fromkeys(names, (matrix, LABELS))),
        reliability(dict.fromkeys(names, beats)),
    ):
        titles = [a.get_title(loc="left").split("\n")[0] for a in figure.axes if a.get_visible()]
        assert [title for title in titles if title] == names
        assert figure.get_size_inches()[0] < 13


def test_a_forest_marks_the_differences_that_exclude_zero() -> None:
    bars = {"sure": Bar(0.2, 0.1, 0.3), "unsure": Bar(0.1, -0.1, 0.3, (0.0, 0.2))}
    figure = forest({"F1 V": bars, "F1 S": bars}, zero=True)
    lines = figure.axes[0].get_lines()
    colors = [line.get_color() for line in lines if np.size(line.get_xdata()) == 2]
    assert colors.count(style.VERMILION) == 1
    assert style.GREY in colors
    assert "unsure" in texts(figure)


def test_the_gallery_takes_turns_among_records_and_keeps_right_and_wrong_apart() -> None:
    beats = some_beats()
    for label, (right, wrong) in enumerate(pick_examples(beats, 3)):
        assert {int(beats.record[i]) for i in right} == {0, 1, 2}
        assert all(beats.y[i] == label == beats.predicted[i] for i in right)
        assert all(beats.y[i] == label != beats.predicted[i] for i in wrong)


def test_the_gallery_says_none_where_there_is_no_beat() -> None:
    beat = Example(np.sin(np.arange(360) / 20), "V", "N", "232 12:03.4")
    written = texts(gallery([("N", [beat], []), ("V", [], [beat, beat])], 360))
    assert "V → N  232 12:03.4" in written
    assert "none" in written


def test_the_strip_names_the_worst_record_and_leaves_out_what_does_not_exist() -> None:
    by_record = {str(i): {"Se V": 0.9 + i / 1000, "miss": i / 1000} for i in range(9)}
    by_record["232"] = {"Se V": 0.1, "miss": 0.8}
    by_record["101"] = {"Se V": np.nan, "miss": np.nan}
    written = texts(record_strips(by_record, {"Se V": 0.8, "miss": 0.1}, {"Se V": (0.6, 0.95)}))
    assert written.count("232") == 2
    assert "101" not in written


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(mpl.rcParams)
    texts(reliability({"a": some_beats()}))
    assert dict(mpl.rcParams) == before


def test_a_saved_figure_is_a_png(tmp_path: Path) -> None:
    path = style.save(reliability({"a": some_beats()}), tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]
