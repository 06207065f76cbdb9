from pathlib import Path

import pytest

from ecgedge.data.annotations import write_beat_annotations
from ecgedge.ec57.mit_format import read_annotations
from firmware_sim.errors import EcgedgeError


def test_beats_with_labels_and_rate_are_read_again(tmp_path: Path) -> None:
    path = write_beat_annotations(tmp_path, "100", "sim", [70, 5000], 360, ["N", "V"], ["", "x"])
    found = read_annotations(path)
    beats = [(s, m) for s, m in zip(found.samples, found.symbols, strict=True) if m in ("N", "V")]
    assert beats == [(70, "N"), (5000, "V")]
    assert found.fs == 360


def test_without_beats_there_is_a_file_without_annotations(tmp_path: Path) -> None:
    path = write_beat_annotations(tmp_path, "100", "sim", [], 360)
    assert path.name == "100.sim"
    assert len(read_annotations(path)) == 0


def test_the_reference_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="annotator name"):
        write_beat_annotations(tmp_path, "100", "atr", [], 360)
    assert list(tmp_path.iterdir()) == []
