import numpy as np
import pytest

from ecgedge.data.labels import (
    AAMI_CLASSES,
    AAMI_MAPS,
    BEAT_SYMBOLS,
    LABEL_MAPS,
    aami_index,
    count_classes,
    is_beat,
    label_map,
)
from firmware_sim.errors import EcgedgeError

EVERY_BEAT = sorted(BEAT_SYMBOLS)


def classes(symbols: str, aami_map: str = "aami") -> str:
    return "".join(AAMI_CLASSES[i] for i in aami_index(list(symbols), aami_map))


def test_the_aami_classes_are_those_of_ec57() -> None:
    assert classes("NLRej") == "NNNNN"
    assert classes("AaJS") == "SSSS"
    assert classes("VE") == "VV"
    assert classes("F/fQ") == "FQQQ"


def test_bxb_differs_in_the_escape_beats_alone() -> None:
    ours, theirs = AAMI_MAPS["aami"], AAMI_MAPS["bxb"]
    differing = {symbol for symbol in ours if ours[symbol] != theirs[symbol]}
    assert differing == set("ejn")
    assert classes("ejn", "bxb") == "SSS"


def test_both_maps_speak_of_the_same_symbols() -> None:
    assert set(AAMI_MAPS["aami"]) == set(AAMI_MAPS["bxb"])


@pytest.mark.parametrize("symbol", list('+~|"x![]^=pt(u)'))
def test_other_annotations_are_no_beats(symbol: str) -> None:
    assert not is_beat([symbol])[0]
    assert aami_index([symbol])[0] == -1
    assert all(task.apply([symbol])[0] == -1 for task in LABEL_MAPS.values())


def test_symbol_binary_drops_what_is_not_one_of_its_five_symbols() -> None:
    task = LABEL_MAPS["symbol-binary"]
    assert list(task.apply(list("NVSFQ"))) == [0, 1, 1, 1, 1]
    assert set(task.apply(list("LRAaJejE/f"))) == {-1}


@pytest.mark.parametrize(
    ("name", "symbols", "expected"),
    [
        ("aami-binary", "NLAVF/", [0, 0, 1, 1, 1, -1]),
        ("nsvo", "NAVF/", [0, 1, 2, 3, 3]),
        ("aami-5", "NAVF/", [0, 1, 2, 3, 4]),
        ("nsvf", "NAVF/", [0, 1, 2, 3, -1]),
    ],
)
def test_aami_tasks(name: str, symbols: str, expected: list[int]) -> None:
    assert list(label_map(name).apply(list(symbols))) == expected


def test_every_task_names_n_first_and_has_a_group_for_each_label() -> None:
    for task in LABEL_MAPS.values():
        assert task.labels[0] == "N"
        assert len(task.labels) == len(task.groups)


def test_the_aami_map_reaches_the_labels() -> None:
    task = label_map("nsvf")
    assert task.apply(["e"])[0] == 0
    assert task.apply(["e"], "bxb")[0] == 1


def test_labels_keep_the_shape_and_are_small_integers() -> None:
    labels = label_map("nsvf").apply(np.array([["N", "V"], ["A", "+"]]))
    assert labels.dtype == np.int8
    assert labels.tolist() == [[0, 2], [1, -1]]
    assert label_map("nsvf").apply([]).shape == (0,)


def test_counts_add_up_to_the_beats() -> None:
    assert sum(count_classes([*EVERY_BEAT, "+", "~"]).values()) == len(EVERY_BEAT)


def test_unknown_names_are_errors_that_list_the_known_ones() -> None:
    with pytest.raises(EcgedgeError, match="nsvf"):
        label_map("nope")
    with pytest.raises(EcgedgeError, match="bxb"):
        aami_index(["N"], "nope")
    with pytest.raises(EcgedgeError, match="bxb"):
        label_map("symbol-binary").apply(["N"], "nope")
