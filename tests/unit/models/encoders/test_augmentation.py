"""Changed copies of speech."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.encoders.augmentation import Augmentation, augmented, generator_for
from equivoice.models.encoders.log_mel import SILENCE

NONE = Augmentation.none()


def spectrum(frames: int = 40, bands: int = 20) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((frames, bands)).astype(np.float32)


def test_nothing_is_nothing() -> None:
    assert np.array_equal(augmented(spectrum(), NONE, generator_for(1, "a")), spectrum())
    assert NONE.speed(generator_for(1, "a")) == 1.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**62), name=st.text(max_size=8), frames=st.integers(1, 60))
def test_what_is_hidden_stays_within_its_limits(seed: int, name: str, frames: int) -> None:
    how = Augmentation((1.0,), 0.0, 1, 4, 1, 9)
    given_ = spectrum(frames)
    found = augmented(given_, how, generator_for(seed, name))
    same = found == given_
    hidden_bands = (~same).all(axis=0).sum()
    hidden_frames = (~same).all(axis=1).sum()
    assert found.shape == given_.shape
    assert hidden_bands <= 4
    assert (hidden_frames <= max(9, 0) and hidden_frames <= max(frames // 4, 0)) or frames < 4
    assert np.isfinite(found).all()


def test_what_is_hidden_has_the_mean() -> None:
    how = Augmentation((1.0,), 0.0, 3, 8, 3, 9)
    found = augmented(spectrum(), how, generator_for(3, "a"))
    changed = found[found != spectrum()]
    np.testing.assert_allclose(changed, spectrum().mean(), rtol=1e-5)


def test_level_in_decibels() -> None:
    how = Augmentation((1.0,), 4.0, 0, 0, 0, 0)
    loud = np.abs(spectrum())
    shifts = [
        float((augmented(loud, how, generator_for(seed, "a")) - loud).mean()) for seed in range(200)
    ]
    # 4 dB are 0.4 in log10 of the power, over 4; silence cannot fall below its floor
    assert max(map(abs, shifts)) <= 0.1 + 1e-6
    assert max(shifts) > 0.08
    assert min(shifts) < -0.08
    silent = np.full((3, 4), SILENCE, dtype=np.float32)
    assert augmented(silent, how, generator_for(1, "quiet")).min() >= SILENCE


def test_the_given_spectrum_is_left_alone() -> None:
    given_ = spectrum()
    augmented(given_, Augmentation(), generator_for(0, "a"))
    assert np.array_equal(given_, spectrum())


def test_draws_follow_seed_and_name_alone() -> None:
    first = generator_for(5, "a").random(3).tolist()
    assert generator_for(5, "a").random(3).tolist() == first
    assert generator_for(6, "a").random(3).tolist() != first
    assert generator_for(5, "b").random(3).tolist() != first


def test_all_speeds_are_drawn() -> None:
    how = Augmentation()
    drawn = [how.speed(generator_for(seed, "a")) for seed in range(500)]
    counts = {speed: drawn.count(speed) for speed in how.speeds}
    assert set(drawn) == set(how.speeds)
    # 100 each on average, standard deviation 9
    assert all(60 < count < 140 for count in counts.values())


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Augmentation((3.0,), -1.0, -1, -2, 0, 0)
    message = str(caught.value)
    assert "4 problems" in message
    for name in ("speeds", "gain", "band_masks: -1", "band_width: -2"):
        assert name in message
