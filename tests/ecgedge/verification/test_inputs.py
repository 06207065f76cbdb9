"""Where the beats come from that verification runs."""

from pathlib import Path

import numpy as np
import pytest

from ecgedge.verification.inputs import (
    Source,
    database_source,
    find_recordings,
    made_sources,
)
from export.bundle import read_bundle
from firmware_sim.errors import EcgedgeError
from firmware_sim.network import hidden_sums
from firmware_sim.prove import prove
from tests.networks import small_bundle
from tests.programs import random_program


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


@pytest.mark.parametrize("size", [0, 5, 12])
def test_a_program_gets_as_many_context_values_as_it_takes(excerpt: Path, size: int) -> None:
    source = database_source(random_program(0, window=125, context=size), excerpt)
    if not size:
        assert source.context is None
        return
    assert source.context is not None
    assert source.context.shape == (len(source.q), size)
    assert source.context.any(axis=0).all()


def test_extremes_drive_a_hidden_layer_to_its_bounds(tmp_path: Path) -> None:
    small_bundle(tmp_path / "bundle", context=12, hidden=8, branches=False)
    bundle = read_bundle(tmp_path / "bundle")
    extremes = next(s for s in made_sources(bundle, 8) if s.name == "extremes")
    assert extremes.context is not None
    assert bundle.program.hidden is not None
    sums = hidden_sums(extremes.context.astype(np.int64), bundle.program.hidden)
    for reach in prove(bundle.program).layers:
        if reach.name == "hidden":
            seen = sums[:, reach.channel]
            assert (seen.min(), seen.max()) == (reach.min, reach.max)


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
