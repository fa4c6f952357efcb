"""Utterances on which a system sides with a minority."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.corpora.card import Card, Fact
from equivoice.reports.document import Clip, Clips, Text
from equivoice.reports.hardest import Players
from equivoice.reports.minority import minority_blocks

soundfile = pytest.importorskip("soundfile")

FREE = Card(name="c", licence=Fact(value="CC BY 4.0", source="its page"))
CLOSED = Card(name="c", licence=Fact(value="research only", source="its page"))


def table(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """A table of minorities; what a row does not say is usual."""
    base = {
        "utterance_id": "c/1", "system": "model", "said": "happy", "votes_for_it": 2, "votes": 7,
        "crowd_says": "neutral 5, happy 2", "transcript": None, "audio": None,
    }  # fmt: skip
    return pl.DataFrame([base | dict(row) for row in rows], infer_schema_length=None)


def clips_of(
    rows: pl.DataFrame, cards: Mapping[str, Card] | None = None, players: Players = "auto"
) -> list[Clip]:
    """All clips, those of every system."""
    blocks = minority_blocks(rows, cards or {}, players=players)
    return [clip for block in blocks if isinstance(block, Clips) for clip in block.clips]


def texts_of(rows: pl.DataFrame) -> list[str]:
    """The sentences between the clips, without the introduction."""
    blocks = minority_blocks(rows, {}, players="none")
    return [block.text for block in blocks if isinstance(block, Text)][1:]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a second of noise."""
    path = tmp_path_factory.mktemp("home") / "corpora" / "a.wav"
    path.parent.mkdir()
    soundfile.write(path, np.random.default_rng(1).uniform(-0.2, 0.2, 8_000), 16_000)
    return str(path)


def test_nothing_to_show_shows_nothing() -> None:
    assert list(minority_blocks(None, {}, players="none")) == []
    assert list(minority_blocks(table({}).head(0), {}, players="none")) == []


def test_a_clip_says_both_sides_with_their_votes() -> None:
    (clip,) = clips_of(table({"speaker": "m1", "transcript": "Well."}))
    assert clip.name == "c/1"
    assert clip.facts == (
        ("system said", "happy"),
        ("votes for it", "2 of 7"),
        ("the crowd said", "neutral 5, happy 2"),
        ("speaker", "m1"),
        ("transcript", "Well."),
    )


def test_what_is_not_known_is_not_shown() -> None:
    (clip,) = clips_of(table({"speaker": None}))
    assert [name for name, _ in clip.facts] == ["system said", "votes for it", "the crowd said"]


def test_the_order_of_the_table_is_kept() -> None:
    names = ["c/7", "c/1", "c/4"]
    rows = table(*({"utterance_id": name} for name in names))
    assert [clip.name for clip in clips_of(rows)] == names


def test_how_many_there_are_is_told_even_where_few_are_shown() -> None:
    many = table(*({"utterance_id": f"c/{at}"} for at in range(1200)))
    assert texts_of(many) == ["model: 1,200 utterances; 6 of them are shown."]
    assert len(clips_of(many)) == 6
    assert texts_of(table({})) == ["model: 1 utterance."]


@pytest.mark.parametrize(("systems", "each"), [(1, 6), (2, 3), (4, 1), (9, 1)])
def test_systems_share_the_page(systems: int, each: int) -> None:
    rows = table(
        *({"system": f"s{who}", "utterance_id": f"c/{at}"} for who in range(systems)
          for at in range(8))
    )  # fmt: skip
    blocks = list(minority_blocks(rows, {}, players="none"))
    assert [len(block.clips) for block in blocks if isinstance(block, Clips)] == [each] * systems
    assert len(texts_of(rows)) == systems


def test_predictions_without_a_system_have_a_name() -> None:
    (text,) = texts_of(table({"system": None}))
    assert text == "the predictions: 1 utterance."


@pytest.mark.parametrize(
    ("card", "players", "heard"),
    [
        (FREE, "auto", True),
        (FREE, "none", False),
        (CLOSED, "auto", False),
        (CLOSED, "embed", True),
        (None, "auto", False),
    ],
)
def test_sound_is_embedded_only_where_it_may_be(
    sound: str, card: Card | None, players: Players, heard: bool
) -> None:
    cards = {} if card is None else {"c": card}
    (clip,) = clips_of(table({"audio": sound}), cards, players)
    assert (clip.audio is not None) == heard
    assert bool(clip.silent) != heard


def test_no_home_folder_stands_in_a_shared_page(sound: str) -> None:
    (clip,) = clips_of(table({"audio": sound}), {"c": CLOSED})
    assert dict(clip.facts)["file"] == "corpora/a.wav"
    assert str(Path(sound).parent.parent) not in str(clip)


def test_the_corpus_is_that_of_the_table_or_else_of_the_name(sound: str) -> None:
    named = table({"audio": sound, "corpus": "d"})
    assert clips_of(named, {"c": FREE})[0].audio is None
    assert clips_of(named, {"d": FREE})[0].audio is not None
    assert clips_of(table({"audio": sound}), {"c": FREE})[0].audio is not None
