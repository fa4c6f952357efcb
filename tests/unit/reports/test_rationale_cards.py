"""Cards of reasons: claims marked by line, sign and word; nothing that a reason says is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora.card import Card, Fact
from equivoice.records import CLAIMS, ESTIMATES
from equivoice.reports.rationale_cards import cards_section, marked, precision_section
from equivoice.reports.render import render_page

OUTCOMES = ("supported", "contradicted", "not testable")


def claim(start: int, end: int, outcome: str = "supported", **more: Any) -> dict[str, Any]:
    row = {
        "utterance_id": "a/1", "system": "m", "claim": start, "kind": "acoustic",
        "measure": "pitch_range", "direction": "flat", "text": "words", "start": start, "end": end,
        "hedged": False, "negated": False, "outcome": outcome, "value": 1.0, "reference": 0.2,
        "scope": "speaker", "why": "above 20% of others",
    }  # fmt: skip
    return row | more


def page_of(reason: str, claims: list[dict[str, Any]], **more: Any) -> str:
    reasons = pl.DataFrame({"utterance_id": ["a/1"], "system": ["m"], "reason": [reason]})
    utterances = pl.DataFrame(
        {"utterance_id": ["a/1"], "corpus": ["a"], "audio": [more.pop("audio", None)],
         "transcript": ["<b>oh</b>"]},
        schema_overrides={"audio": pl.String},
    )  # fmt: skip
    cards = {"a": Card(name="a", licence=Fact(value="CC BY 4.0", source="test"))}
    table = CLAIMS.validate(pl.DataFrame(claims))
    section = cards_section(reasons, table, utterances, cards, **more)
    return render_page("Cards", [section])


class Marks(HTMLParser):
    """The classes and texts of ``mark`` elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "mark":
            self._inside = True
            self.found.append((str(dict(attrs)["class"]), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "mark"

    def handle_data(self, data: str) -> None:
        if self._inside:
            kind, text = self.found[-1]
            self.found[-1] = kind, text + data


def test_each_outcome_has_a_line_a_sign_and_a_word() -> None:
    reason = "high and loud and clear"
    claims = [
        claim(0, 4),
        claim(9, 13, "contradicted"),
        claim(18, 23, "not testable"),
    ]
    page = page_of(reason, claims, players="none")
    assert Marks(page).found == [
        ("claim supported", "high✓1"),
        ("claim contradicted", "loud✗2"),
        ("claim untested", "clear?3"),
    ]
    for word in ("✓ supported", "✗ contradicted", "? not testable", "pitch range flat"):
        assert word in page


def test_claims_that_overlap_are_cut_where_they_do() -> None:
    pieces = marked("abcdef", [claim(0, 4), claim(2, 6, "contradicted")])
    assert [(piece.text, piece.outcome, piece.marks) for piece in pieces] == [
        ("ab", "supported", ()),
        ("cd", "mixed", ("✓1",)),
        ("ef", "contradicted", ("✗2",)),
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_pieces_are_the_text_and_every_claim_ends_once(data: st.DataObject) -> None:
    reason = data.draw(st.text(min_size=1, max_size=30))
    claims = []
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(reason) - 1))
        end = data.draw(st.integers(start + 1, len(reason)))
        claims.append(claim(start, end, data.draw(st.sampled_from(OUTCOMES))))
    pieces = marked(reason, claims)
    assert "".join(piece.text for piece in pieces) == reason
    assert sum(len(piece.marks) for piece in pieces) == len(claims)


def test_a_reason_and_a_transcript_are_text_and_no_markup() -> None:
    reason = "<script>alert(1)</script> loud"
    page = page_of(reason, [claim(0, len(reason))], players="none")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>oh" not in page


def test_hedged_and_denied_claims_say_so() -> None:
    page = page_of("loud", [claim(0, 4, negated=True, hedged=True)], players="none")
    assert "pitch range flat (negated, hedged)" in page


def test_reasons_with_most_contradicted_claims_stand_first() -> None:
    reasons = pl.DataFrame(
        {"utterance_id": ["a/1", "a/2"], "system": ["m", "m"], "reason": ["loud", "loud"]}
    )
    table = pl.DataFrame([claim(0, 4), claim(0, 4, "contradicted", utterance_id="a/2")])
    section = cards_section(
        reasons, CLAIMS.validate(table), reasons.select("utterance_id"), {}, most=1
    )
    page = render_page("Cards", [section])
    assert "a/2" in page
    assert "a/1" not in page
    assert "No player: the table names no sound file." in page


def test_without_reasons_there_is_no_section() -> None:
    empty = pl.DataFrame(
        schema={"utterance_id": pl.String, "system": pl.String, "reason": pl.String}
    )
    assert cards_section(empty, CLAIMS.empty(), empty.select("utterance_id"), {}).empty


def test_a_card_has_a_player_and_a_picture_where_the_licence_allows(tmp_path: Path) -> None:
    pytest.importorskip("parselmouth")
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    times = np.arange(8000) / 16_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 200 * times), 16_000)
    page = page_of("loud", [claim(0, 4)], audio=str(path))
    assert "data:audio/flac;base64," in page
    assert "median 200 Hz" in page
    silent = page_of("loud", [claim(0, 4)], audio=str(path), players="none")
    assert "data:audio" not in silent
    assert "median 200 Hz" not in silent


def test_precision_stands_beside_shuffled_sound() -> None:
    row = {"quantity": "score", "metric": "claim_precision", "system": "m", "value": 0.75, "n": 8,
           "low": 0.5, "high": 0.9, "level": 0.95, "p_value": 0.005}  # fmt: skip
    shuffled = row | {"metric": "claim_precision_shuffled", "value": 0.5, "p_value": None}
    group = row | {"quantity": "group_score", "group_by": "gender", "groups": "female"}
    none = {"quantity": "score", "metric": "claim_precision", "system": "m", "class": "quote",
            "n": 0, "undefined": "no claim could be tested"}  # fmt: skip
    table = ESTIMATES.validate(pl.DataFrame([row, shuffled, group, none], infer_schema_length=None))
    page = render_page("Precision", [precision_section(table)])
    for text in (
        "Claims of m",
        "75.0",
        "50.0",
        "0.005",
        "gender: female",
        "no claim could be tested",
    ):
        assert text in page
    assert precision_section(ESTIMATES.empty()).empty
