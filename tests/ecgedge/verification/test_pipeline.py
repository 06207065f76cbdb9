"""Recordings through engines: what is right passes, what is wrong is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ecgedge.chips.cores import CORES
from ecgedge.verification.engines import CHIPS, ENGINES
from ecgedge.verification.firmware import beat_type, table_of
from ecgedge.verification.pipeline import (
    PipelineReport,
    first_difference,
    mismatches,
    read_recording,
    verify_pipeline,
)
from ecgedge.zoo import shipped_bundles
from export.bundle import Bundle, read_bundle
from firmware_sim import pipeline
from firmware_sim.errors import EcgedgeError
from tests.tools import needs

Table = NDArray[np.void]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(shipped_bundles()["rhythm-140"])


@pytest.fixture(scope="module")
def expected(bundle: Bundle, excerpt: Path) -> Table:
    return read_recording(bundle.program, excerpt, "222", 60).expected


class Altered:
    """An engine that spoils what the simulator says."""

    def __init__(self, bundle: Bundle, spoil: Callable[[Table], Table]) -> None:
        self.program, self.spoil = bundle.program, spoil

    def __call__(self, *_: object) -> Any:
        raise NotImplementedError

    def pipeline(self, samples: ArrayLike) -> Table:
        return self.spoil(table_of(self.program, pipeline.run(self.program, samples)))


def verified_with(
    bundle: Bundle, excerpt: Path, spoil: Callable[[Table], Table], patch: pytest.MonkeyPatch
) -> PipelineReport:
    patch.setitem(ENGINES, "altered", lambda bundle: Altered(bundle, spoil))
    return verify_pipeline(bundle, excerpt, ["222"], engines=["altered"], seconds=60)["altered"]


def test_the_simulator_sample_by_sample_and_all_at_once(bundle: Bundle, excerpt: Path) -> None:
    report = verify_pipeline(bundle, excerpt, ["208", "222"], engines=["numpy"])["numpy"]
    assert report.ok
    assert (report.mismatches, report.records) == (0, ["208", "222"])
    assert report.samples > 100_000
    assert report.beats > 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs(*CORES[c].needs)) for n, c in CHIPS.items()]
)
def test_every_chip(bundle: Bundle, excerpt: Path, name: str) -> None:
    report = verify_pipeline(bundle, excerpt, ["222"], engines=[name], seconds=200)[name]
    assert report.ok
    assert (report.samples, report.mismatches) == (200 * 360, 0)


@pytest.mark.parametrize(
    "name", beat_type(read_bundle(shipped_bundles()["rhythm-140"]).program).names
)
def test_one_wrong_field_is_found_and_named(
    bundle: Bundle, excerpt: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(table: Table) -> Table:
        value = table[name]
        value[7] = value[7] + 1
        return table

    report = verified_with(bundle, excerpt, spoil, monkeypatch)
    assert not report.ok
    assert report.mismatches == 1
    assert report.first_difference is not None
    assert "beat 7 (R peak at sample" in report.first_difference
    assert f", {name}: expected" in report.first_difference


def test_a_missing_beat_is_found(
    bundle: Bundle, excerpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = verified_with(bundle, excerpt, lambda table: table[:-1], monkeypatch)
    assert report.mismatches == 1
    assert "expected" in str(report.first_difference)


def test_no_beat_at_all_is_no_success(
    bundle: Bundle, excerpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = verified_with(bundle, excerpt, lambda table: table[:0], monkeypatch)
    assert not report.ok
    assert report.mismatches == report.beats > 50


def test_an_engine_that_breaks_is_a_finding(
    bundle: Bundle, excerpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(table: Table) -> Table:
        raise RuntimeError("smoke")

    report = verified_with(bundle, excerpt, spoil, monkeypatch)
    assert not report.ok
    assert report.error == "record 222: smoke"


def test_engines_of_beats_alone_are_refused_by_name(bundle: Bundle, excerpt: Path) -> None:
    with pytest.raises(EcgedgeError, match="ort-int cannot be used with --pipeline"):
        verify_pipeline(bundle, excerpt, ["222"], engines=["ort-int"])


def test_equal_tables_have_no_difference(expected: Table) -> None:
    assert first_difference("222", expected, expected.copy()) is None
    assert mismatches(expected, expected.copy()) == 0


def test_reports_are_json(bundle: Bundle, excerpt: Path) -> None:
    report = verify_pipeline(bundle, excerpt, ["222"], engines=["numpy"], seconds=20)["numpy"]
    content = json.loads(json.dumps(report.json()))
    assert content.keys() >= {"samples", "beats", "mismatches"}
