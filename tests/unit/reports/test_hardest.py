"""The hardest utterances, and when they may be heard."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.corpora.card import Card, Fact
from equivoice.records import PREDICTIONS, UTTERANCES
from equivoice.reports.hardest import Players, hardest, hardest_clips, may_embed

soundfile = pytest.importorskip("soundfile")


def card(**facts: str) -> Card:
    """A card with some facts."""
    return Card(name="c", **{name: Fact(value=value, source="s") for name, value in facts.items()})


FREE = card(licence="CC BY 4.0")
CLOSED = card(licence="research only")


def answers(rows: list[tuple[str, str | None, list[float] | None]]) -> pl.DataFrame:
    """Predictions from (utterance, label, probabilities)."""
    frame = pl.DataFrame(
        [
            {
                "utterance_id": f"c/{name}",
                "run": number,
                "status": "refused" if label is None else "parsed",
                "emotion": label,
                "probabilities": probabilities,
            }
            for number, (name, label, probabilities) in enumerate(rows)
        ],
        schema_overrides={"emotion": pl.String, "probabilities": pl.List(pl.Float64)},
    )
    return PREDICTIONS.validate(frame)


def references(names: str, **columns: Any) -> pl.DataFrame:
    """Utterances named by single letters, all of them sad."""
    frame = pl.DataFrame(
        {"utterance_id": [f"c/{name}" for name in names], "corpus": "c", "emotion": "sad"}
    )
    return UTTERANCES.validate(
        frame.with_columns(pl.lit(value).alias(name) for name, value in columns.items())
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["sad", "happy", None]),
            st.floats(0.5, 1.0).map(lambda p: [p, 1 - p]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_order_agrees_with_counting_by_hand(
    rows: list[tuple[str, str | None, list[float] | None]],
) -> None:
    expected = []
    for name in {row[0] for row in rows}:
        wrong = [row for row in rows if row[0] == name and row[1] != "sad"]
        if wrong:
            sure = max(max(row[2]) for row in wrong if row[2] is not None)
            expected.append((-len(wrong), -sure, f"c/{name}"))
    found = hardest(answers(rows), references("abcdef"), most=4)
    assert found["utterance_id"].to_list() == [name for _, _, name in sorted(expected)[:4]]


def test_answers_without_probabilities_come_last_among_equals() -> None:
    rows = [("a", "happy", None), ("b", "happy", [0.6, 0.4])]
    found = hardest(answers(rows), references("ab"), most=2)
    assert found["utterance_id"].to_list() == ["c/b", "c/a"]


def test_unanswered_counts_as_wrong_and_says_its_status() -> None:
    found = hardest(answers([("a", None, None)]), references("a"), most=1)
    assert found["given"].to_list() == ["refused"]


def test_right_answers_and_unlabelled_utterances_are_not_listed() -> None:
    utterances = references("ab").with_columns(
        pl.when(pl.col("utterance_id") == "c/b").then(None).otherwise("emotion").alias("emotion")
    )
    found = hardest(answers([("a", "sad", None), ("b", "happy", None)]), utterances, most=3)
    assert found.height == 0


@pytest.mark.parametrize(
    ("given_card", "allowed"),
    [
        (card(licence="CC BY-NC-SA 4.0"), True),
        (card(licence="CC0 1.0"), True),
        (card(licence="Creative Commons Attribution 4.0"), True),
        (card(licence="https://creativecommons.org/licenses/by/4.0/"), True),
        (card(licence="not under CC BY"), False),
        (card(licence="ACCESS on request"), False),
        (card(licence="ODbL (database), DbCL (contents)"), False),
        (card(recording="synthetic: voices built into Praat"), True),
        (card(recording="acted, nothing synthetic"), False),
        (Card(name="c"), False),
        (None, False),
    ],
)
def test_who_may_be_heard(given_card: Card | None, allowed: bool) -> None:
    assert may_embed(given_card) is allowed


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of stereo noise at 48 kHz."""
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (48_000, 2))
    soundfile.write(path, noise, 48_000)
    return path


def one_clip(audio: str | None, given_card: Card | None, players: Players) -> Any:
    """The clip of one utterance that was answered wrongly."""
    utterances = references("a", audio=audio)
    cards = {} if given_card is None else {"c": given_card}
    (clip,) = hardest_clips(
        answers([("a", "happy", [0.9, 0.1])]), utterances, cards, players=players
    ).clips
    return clip


def test_free_sound_is_embedded_and_can_be_read_back(sound: Path) -> None:
    clip = one_clip(str(sound), FREE, "auto")
    head, _, data = clip.audio.partition(",")
    assert head == "data:audio/flac;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert (samples.shape, rate) == ((16_000,), 16_000)
    assert "file" not in dict(clip.facts)


@pytest.mark.parametrize(
    ("given_card", "players", "heard"),
    [
        (CLOSED, "auto", False),
        (None, "auto", False),
        (CLOSED, "embed", True),
        (FREE, "none", False),
    ],
)
def test_the_caller_may_decide(
    sound: Path, given_card: Card | None, players: Players, heard: bool
) -> None:
    clip = one_clip(str(sound), given_card, players)
    assert (clip.audio is not None) is heard
    assert heard or clip.silent.startswith("No player:")


def test_without_a_player_the_end_of_the_path_is_shown(sound: Path) -> None:
    clip = one_clip(str(sound), CLOSED, "auto")
    assert dict(clip.facts)["file"] == f"{sound.parent.name}/a.wav"
    assert str(sound.parent.parent) not in str(clip)


@pytest.mark.parametrize("content", [b"", b"no sound at all", None])
def test_sound_that_cannot_be_read_is_a_reason_and_no_failure(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "broken.wav"
    if content is not None:
        path.write_bytes(content)
    clip = one_clip(str(path), FREE, "auto")
    assert clip.audio is None
    assert clip.silent.startswith("No player:")


def test_long_sound_is_not_embedded(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8_000 * 30), 8_000)
    assert "too long" in one_clip(str(path), FREE, "auto").silent


def test_no_file_named_is_said() -> None:
    assert "names no sound file" in one_clip(None, FREE, "auto").silent
