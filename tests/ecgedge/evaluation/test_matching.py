from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgedge.data.record import read_record
from ecgedge.evaluation.matching import Matching, flutter_periods, match_beats
from firmware_sim.detector import detect

FS = 100  # the window is 15 samples


def match(reference: list[int], detected: list[int], **options: object) -> Matching:
    return match_beats(reference, detected, FS, **{"start_s": 0.0, **options})  # type: ignore[arg-type]


def test_beats_within_150_ms_are_one_beat() -> None:
    m = match([100, 200, 300], [115, 185, 316])
    assert m.reference.tolist() == [0, 1]
    assert m.detected.tolist() == [0, 1]
    assert m.missed.tolist() == [2]
    assert m.extra.tolist() == [2]
    assert m.sensitivity == m.positive_predictivity == 2 / 3


def test_the_nearer_of_two_detections_is_the_partner() -> None:
    m = match([100], [90, 102])
    assert (m.detected.tolist(), m.extra.tolist()) == ([1], [0])


def test_the_nearer_of_two_references_is_the_partner() -> None:
    m = match([90, 102], [100])
    assert (m.reference.tolist(), m.missed.tolist()) == ([1], [0])


def test_extra_beats_during_flutter_do_not_count() -> None:
    m = match([100, 500], [100, 200, 300, 400, 500], excluded=[(200, 300)])
    assert m.extra.tolist() == [3]


def test_the_first_five_minutes_are_for_learning() -> None:
    beats = [29_000, 29_990, 30_000, 31_000]
    m = match_beats(beats, beats[1:], FS)
    assert m.reference.tolist() == [2, 3]
    assert not len(m.missed)
    assert not len(m.extra)


def test_a_detection_just_before_the_start_is_the_partner_of_a_beat_just_after_it() -> None:
    m = match_beats([30_005, 30_100], [29_995, 30_100], FS)
    assert m.detected.tolist() == [0, 1]


def test_a_detection_just_after_the_start_may_belong_to_a_beat_before_it() -> None:
    m = match_beats([29_995, 30_100], [30_003, 30_100], FS)
    assert m.detected.tolist() == [1]
    assert not len(m.extra)


def test_nothing_is_scored_after_the_stop() -> None:
    m = match([100, 200, 300], [100, 250, 301, 350], stop_s=3.0)
    assert m.reference.tolist() == [0]
    assert m.missed.tolist() == [1]
    assert m.extra.tolist() == [1]


def test_without_beats_there_is_no_rate() -> None:
    assert np.isnan(match([], []).sensitivity)
    assert match([100], []).sensitivity == 0


beats = st.lists(st.integers(0, 3000), unique=True).map(sorted)


@given(reference=beats, detected=beats)
def test_every_beat_is_paired_once_or_alone(reference: list[int], detected: list[int]) -> None:
    m = match(reference, detected)
    assert sorted([*m.reference, *m.missed]) == list(range(len(reference)))
    used = sorted([*m.detected, *m.extra])
    assert used == sorted(set(used))
    assert set(range(len(detected))) - set(used) <= {0}, "only one at the start may be passed over"
    gaps = [abs(reference[i] - detected[j]) for i, j in zip(m.reference, m.detected, strict=True)]
    assert all(gap <= 15 for gap in gaps)


def test_without_a_reference_there_is_no_flutter(tmp_path: Path) -> None:
    assert flutter_periods(tmp_path, "100", 1000) == []


@pytest.mark.database
def test_record_207_has_six_periods_of_flutter(mitdb: Path) -> None:
    periods = flutter_periods(mitdb, "207", 650_000)
    assert len(periods) == 6
    assert all(a < b for a, b in periods)


@pytest.mark.database
@pytest.mark.slow
def test_detector_reaches_its_figures_on_all_records(mitdb: Path) -> None:
    pairs = missed = extra = 0
    offsets, delays = [], []
    for name in (mitdb / "RECORDS").read_text().split():
        record = read_record(mitdb, name)
        found = detect(record.counts, 360)
        samples = np.array([d.sample for d in found])
        m = match_beats(
            record.beat_samples,
            samples,
            360,
            excluded=flutter_periods(mitdb, name, len(record.counts)),
        )
        pairs, missed = pairs + len(m.reference), missed + len(m.missed)
        extra += len(m.extra)
        reference = record.beat_samples[m.reference]
        offsets.append(np.abs(samples[m.detected] - reference))
        found_at = np.array([d.found_at for d in found])
        delays.append(found_at[m.detected] - reference)
    assert pairs + missed == 91_285, "the beats that EC57 counts"
    assert missed <= 163
    assert extra <= 160
    assert np.mean(np.concatenate(offsets) <= 0.020 * 360) >= 0.975
    assert np.mean(np.concatenate(delays) <= 0.300 * 360) >= 0.996
