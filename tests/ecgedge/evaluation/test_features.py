import numpy as np
import pytest
from numpy.typing import NDArray

from ecgedge.evaluation import features

FS = 360


def beat(width_ms: float, *, p: float = 0.0, t: float = 0.0) -> NDArray[np.int8]:
    """A triangle of some width as QRS complex, with bumps where P and T waves are."""
    time_ms = (np.arange(FS) - FS // 2) * 1000 / FS
    wave = np.clip(1 - np.abs(time_ms) / width_ms, 0, 1)
    wave += p * np.exp(-(((time_ms + 170) / 20) ** 2))
    wave += t * np.exp(-(((time_ms - 260) / 50) ** 2))
    return np.asarray(np.round(127 * wave / wave.max()), np.int8)


def named(wave: NDArray[np.int8]) -> dict[str, float]:
    return dict(zip(features.SHAPE, features.shape_of(wave[None], FS)[0], strict=True))


def test_a_wide_complex_is_less_steep_for_a_longer_time() -> None:
    narrow, wide = named(beat(40)), named(beat(120))
    assert narrow["steepness"] == pytest.approx(3 * wide["steepness"], rel=0.15)
    assert wide["steep_share"] == pytest.approx(3 * narrow["steep_share"], rel=0.15)


def test_p_and_t_waves_show_in_their_own_measures_alone() -> None:
    plain, with_p, with_t = named(beat(40)), named(beat(40, p=0.2)), named(beat(40, t=0.3))
    assert with_p["p_size"] > plain["p_size"] + 0.02
    assert with_p["t_size"] == plain["t_size"] == 0
    assert with_t["t_size"] > plain["t_size"] + 0.05
    assert with_t["p_size"] == plain["p_size"]


def test_the_pr_level_is_that_just_before_the_complex() -> None:
    wave = beat(40)
    wave[FS // 2 - 36 : FS // 2 - 14] = -64
    assert named(wave)["pr_level"] == pytest.approx(-0.5, abs=0.02)


def test_measures_hardly_change_with_the_rate() -> None:
    coarse = beat(60, p=0.2, t=0.3)[::2]
    fine = features.shape_of(beat(60, p=0.2, t=0.3)[None], FS)[0]
    assert features.shape_of(coarse[None], FS // 2)[0] == pytest.approx(fine, rel=0.15, abs=0.01)


def test_a_window_too_short_for_a_stretch_gives_zero_not_an_error() -> None:
    found = features.shape_of(np.full((2, 8), 100, np.int8), FS)
    assert found.shape == (2, 5)
    assert np.isfinite(found).all()
    assert (found[:, 2:] == 0).all()


def test_the_five_rr_values_come_first_whatever_else_there_is() -> None:
    context = np.arange(16, dtype=np.int8).reshape(2, 8)
    found = features.features_of(np.zeros((2, FS), np.int8), context, FS, features.RR)
    assert np.array_equal(found * 128, context[:, :5])
