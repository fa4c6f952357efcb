"""Settings of what follows an encoder."""

from __future__ import annotations

import pytest

from equivoice.errors import ConfigError
from equivoice.models.classifiers.settings import HeadSettings


def test_defaults_are_those_of_abhinaya() -> None:
    settings = HeadSettings()
    assert (settings.pooling, settings.head_width, settings.head_dropout) == (
        "attentive",
        1024,
        0.5,
    )
    assert settings.projector == 0


def test_a_projector_below_nought_is_refused() -> None:
    with pytest.raises(ConfigError, match="projector is below 0"):
        HeadSettings(projector=-1)
