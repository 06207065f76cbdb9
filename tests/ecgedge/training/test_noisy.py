"""The noisy twin of training beats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgedge.data.beats import BeatSet, prepare_beats
from ecgedge.data.noise import NOISES, Noise
from ecgedge.data.record import Record
from ecgedge.training.augment import augmented
from ecgedge.training.config import Augmentation, for_protocol
from ecgedge.training.examples import Examples, to_examples, training_examples
from ecgedge.training.noisy import noisy_beats
from firmware_sim.errors import EcgedgeError

CPU = torch.device("cpu")
NOTHING = Augmentation(shift_ms=0, wander=0, noise=0, amplitude=0, context=0)
RECORDS = ("119", "208")


@pytest.fixture(scope="module")
def noise() -> Noise:
    """White noise of 30 s in the place of nstdb."""
    random = np.random.default_rng(0)
    return {
        name: Record(
            name=name,
            database="made",
            fs=360.0,
            lead="noise",
            lead_is_fallback=False,
            counts=random.integers(-500, 500, 30 * 360).astype(np.int32),
            gain=200.0,
            baseline=0,
            beat_samples=np.zeros(0, np.int64),
            beat_symbols=np.zeros(0, "<U1"),
        )
        for name in NOISES
    }


@pytest.fixture(scope="module")
def clean(excerpt: Path) -> BeatSet:
    return prepare_beats(excerpt, RECORDS)


@pytest.fixture(scope="module")
def twin(excerpt: Path, clean: BeatSet, noise: Noise) -> BeatSet:
    return noisy_beats(excerpt, clean, noise)


@pytest.fixture(scope="module")
def both(clean: BeatSet, twin: BeatSet) -> Examples:
    return replace(to_examples(clean, "nsvf"), twin=to_examples(twin, "nsvf"))


def test_the_twin_is_the_same_beats_with_other_counts(clean: BeatSet, twin: BeatSet) -> None:
    assert np.array_equal(twin.sample, clean.sample)
    assert np.array_equal(twin.symbol, clean.symbol)
    for name in ("counts", "q", "context"):
        changed = (getattr(twin, name) != getattr(clean, name)).any(axis=1)
        assert changed.mean() > 0.9, name
    assert np.array_equal(twin.context[:, :8], clean.context[:, :8]), "R peaks stay: the rhythm too"


def test_every_run_sees_the_same_twin(
    excerpt: Path, clean: BeatSet, twin: BeatSet, noise: Noise
) -> None:
    assert np.array_equal(noisy_beats(excerpt, clean, noise).counts, twin.counts)
    alone = noisy_beats(excerpt, prepare_beats(excerpt, RECORDS[1:]), noise)
    assert np.array_equal(alone.counts, twin.counts[twin.record == 1])


def test_a_share_of_the_beats_is_drawn_from_the_twin(both: Examples) -> None:
    assert both.twin is not None
    index = torch.arange(len(both))
    torch.manual_seed(0)
    q, context = augmented(both, index, replace(NOTHING, nstdb=0.3), CPU, beats=False)
    noisy = (q == both.twin.q.float()).all(1) & (context == both.twin.context.float()).all(1)
    plain = (q == both.q.float()).all(1) & (context == both.context.float()).all(1)
    assert (noisy | plain).all(), "beat and context are of the same record"
    assert 0.2 < noisy.float().mean() < 0.4
    torch.manual_seed(0)
    windows, _ = augmented(both, index, replace(NOTHING, nstdb=1.0), CPU)
    assert (windows - both.twin.q.float()).abs().max() <= 2


def test_without_a_share_nothing_is_drawn(both: Examples) -> None:
    torch.manual_seed(0)
    q, _ = augmented(both, torch.arange(len(both)), NOTHING, CPU, beats=False)
    assert torch.equal(q, both.q.float())
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))


def test_records_are_chosen_together_with_their_twins(both: Examples) -> None:
    part = both.of_records(("208",))
    assert part.twin is not None
    assert len(part.twin) == len(part)
    assert both.twin is not None
    assert torch.equal(part.twin.q, both.twin.q[both.record == 1])


def test_noise_that_is_not_there_is_asked_for(
    excerpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGEDGE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = for_protocol("ds1-ds2")
    config = replace(config, augmentation=replace(config.augmentation, nstdb=0.3))
    with pytest.raises(EcgedgeError, match="download nstdb"):
        training_examples(excerpt, config)


@pytest.mark.database
def test_the_database_of_noise_beside_that_of_records_is_used(data_folder: Path) -> None:
    folder = data_folder / "mitdb"
    clean = prepare_beats(folder, ("101",))
    twin = noisy_beats(folder, clean)
    assert len(twin) == len(clean)
    assert (twin.q != clean.q).any(axis=1).mean() > 0.9
