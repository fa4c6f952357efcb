"""Channels: none is used twice, all fit, and what has no room is said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.small_start import Layout

WIDE = {"bands": 80, "width": 384, "heads": 6, "inner": 4096, "text_width": 128, "text_heads": 4}


def config(layers: int = 1, **changed: int) -> SimpleNamespace:
    size = WIDE | changed
    return SimpleNamespace(
        audio_config=SimpleNamespace(
            num_mel_bins=size["bands"],
            d_model=size["width"],
            encoder_attention_heads=size["heads"],
            encoder_ffn_dim=size["inner"],
            encoder_layers=layers,
        ),
        text_config=SimpleNamespace(
            hidden_size=size["text_width"], num_attention_heads=size["text_heads"]
        ),
    )


def encoder_channels(layout: Layout) -> list[int]:
    parts = [layout.positions, layout.mean, layout.brought, layout.scores]
    channels = [channel for part in parts for channel in range(part.start, part.stop)]
    return [*range(2 * layout.content), *channels, layout.zero, layout.plus, layout.minus]


def test_the_wide_model_is_laid_out_by_hand() -> None:
    found = Layout.of(config(), 8)
    assert (found.head, found.content, found.timing, found.neighbour) == (64, 60, 32, 34)
    assert found.compared == 80
    assert (found.positions, found.mean) == (slice(120, 152), slice(152, 212))
    assert (found.brought, found.scores) == (slice(212, 348), slice(348, 356))
    assert (found.zero, found.plus, found.minus) == (381, 382, 383)
    assert (found.heard, found.answers) == (slice(0, 8), slice(8, 16))
    assert (found.constant, found.last) == (16, 17)
    assert (found.room, found.text_room) == (33, 32)


@given(
    head=st.integers(8, 80),
    heads=st.integers(5, 8),
    bands=st.integers(8, 128),
    labels=st.integers(2, 40),
    text_head=st.integers(4, 64),
)
def test_no_channel_has_two_uses(
    head: int, heads: int, bands: int, labels: int, text_head: int
) -> None:
    layout = Layout(bands, head * heads, heads, 64, 2 * text_head, 2, labels)
    try:
        layout.check(1)
    except ConfigError:
        assert layout.room < labels or layout.text_room < labels
        return
    used = encoder_channels(layout)
    assert len(set(used)) == len(used)
    assert min(used) == 0
    assert max(used) == layout.width - 1
    text = [*range(layout.labels), *range(layout.answers.start, layout.answers.stop)]
    text += [layout.constant, layout.last]
    assert len(set(text)) == len(text)
    assert max(text) < layout.text_width
    assert layout.timing % 2 == 0
    assert max(layout.content, layout.timing, layout.neighbour) <= layout.head


def test_few_bands_make_few_components() -> None:
    assert Layout.of(config(bands=8), 4).content == 40


@pytest.mark.parametrize(
    ("wrong", "labels", "said"),
    [
        ({"heads": 4}, 8, "heads: 4, and 5 are needed"),
        ({"inner": 1}, 8, "inner: 1 units, and 2 or more are needed"),
        ({}, 34, "width: 384 has room for 33 labels of 34"),
        ({"text_width": 16}, 8, "text_width: 16 has room for 4 labels of 8"),
        ({"layers": 2}, 8, "layers: 2 in the encoder, and one is set"),
    ],
)
def test_what_has_no_room_is_said(wrong: dict[str, int], labels: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Layout.of(config(**wrong), labels)
    assert "size='wide' can" in str(caught.value)


def test_all_that_is_missing_is_said_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Layout.of(config(layers=3, inner=1), 60)
    said = str(caught.value)
    assert all(word in said for word in ("layers: 3", "inner: 1", "width: 384", "text_width: 128"))
