"""Where the beats come from that verification runs."""

from pathlib import Path

import numpy as np
import pytest

from ecgedge.verification.inputs import Source, database_source, find_recordings
from export.bundle import read_bundle
from firmware_sim.errors import EcgedgeError


def test_the_excerpt_serves_when_there_is_no_database(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGEDGE_DATA", str(tmp_path))
    folder, is_excerpt = find_recordings(None)
    assert is_excerpt
    assert (folder / "RECORDS").is_file()
    source = database_source(read_bundle(whole).program, None)
    assert source.facts["excerpt"] is True
    assert "excerpt" in source.facts["database"]
    assert source.q.shape == (source.facts["beats"], 125)


def test_the_excerpt_is_recognized_however_it_is_named(excerpt: Path) -> None:
    assert find_recordings(Path("excerpt")) == (excerpt, True)
    assert find_recordings(excerpt) == (excerpt, True)


def test_a_named_folder_without_a_database_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EcgedgeError, match="ecgedge data download mitdb"):
        find_recordings(tmp_path)


def test_a_difference_names_record_and_sample() -> None:
    source = Source(
        "database",
        np.zeros((2, 125), np.int8),
        None,
        record=np.array(["100", "208"]),
        sample=np.array([5, 77]),
    )
    assert source.place(1) == {"source": "database", "beat": 1, "record": "208", "sample": 77}
