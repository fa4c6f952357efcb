"""Reasons as cards: the recording, its pitch, and each claim marked by what became of it.

The outcome of a claim is told three times: by the colour and kind of the line
below its words, by a sign behind them (✓ supported, ✗ contradicted, ? not
testable), and by a row of a table with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from equivoice.audio.decode import decode
from equivoice.audio.prosody import pitch_contour_semitones
from equivoice.errors import AudioError, MissingDependencyError
from equivoice.reports.cells import bracketed
from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Cards,
    Cell,
    Figure,
    Piece,
    RationaleCard,
    Section,
    Table,
    Text,
)
from equivoice.reports.formatting import percent
from equivoice.reports.hardest import Players, sound_of
from equivoice.reports.rows import read_estimates
from equivoice.reports.voice_picture import voice_picture

__all__ = ["MOST_CARDS", "cards_section", "marked", "precision_section"]

MOST_CARDS = 12
_RATE = 16_000
_SIGNS = {"supported": "✓", "contradicted": "✗", "not testable": "?"}
_CLASSES = {"supported": "supported", "contradicted": "contradicted", "not testable": "untested"}
_PRECISION, _SHUFFLED = "claim_precision", "claim_precision_shuffled"


def marked(reason: str, claims: Sequence[Mapping[str, Any]]) -> tuple[Piece, ...]:
    """A reason in pieces, each with the claims that it is part of.

    Args:
        reason: the text.
        claims: with ``start``, ``end`` and ``outcome``; they may overlap.

    Returns:
        pieces that together are the text; a claim's sign and number (from 1)
        stand behind the piece that ends it.

    Example:
        >>> claim = {"start": 4, "end": 8, "outcome": "supported"}
        >>> [(piece.text, piece.outcome, piece.marks) for piece in marked("It is loud.", [claim])]
        [('It i', '', ()), ('s lo', 'supported', ('✓1',)), ('ud.', '', ())]
    """
    edges = sorted({0, len(reason), *(claim[end] for claim in claims for end in ("start", "end"))})
    pieces = []
    for start, end in pairwise(edges):
        here = {
            _CLASSES[claim["outcome"]]
            for claim in claims
            if claim["start"] <= start and claim["end"] >= end
        }
        ends = tuple(
            f"{_SIGNS[claim['outcome']]}{number}"
            for number, claim in enumerate(claims, start=1)
            if claim["end"] == end
        )
        outcome = "" if not here else here.pop() if len(here) == 1 else "mixed"
        pieces.append(Piece(reason[start:end], outcome, ends if outcome else ()))
    return tuple(pieces)


def cards_section(
    reasons: pl.DataFrame,
    claims: pl.DataFrame,
    utterances: pl.DataFrame,
    cards: Mapping[str, Any],
    *,
    players: Players = "auto",
    most: int = MOST_CARDS,
) -> Section:
    """Some reasons as cards: those with most claims that the sound contradicts first.

    Args:
        reasons: ``utterance_id``, ``system``, ``reason``.
        claims: a table of ``records.CLAIMS``.
        utterances: a table of ``records.UTTERANCES``.
        cards: corpus cards by corpus.
        players: whether recordings may be heard and drawn.
        most: how many cards.
    """
    counts = claims.group_by("utterance_id", "system").agg(
        (pl.col("outcome") == "contradicted").sum().alias("contradicted"), pl.len().alias("claims")
    )
    order = ["contradicted", "claims", "utterance_id", "system"]
    chosen = (
        reasons.join(counts, on=["utterance_id", "system"])
        .sort(order, descending=[True, True, False, False])
        .head(most)
    )
    known = {row["utterance_id"]: row for row in utterances.iter_rows(named=True)}
    made = []
    for row in chosen.iter_rows(named=True):
        own = claims.filter(
            (pl.col("utterance_id") == row["utterance_id"]) & (pl.col("system") == row["system"])
        ).sort("claim")
        utterance = known.get(row["utterance_id"], {"utterance_id": row["utterance_id"]})
        card = cards.get(utterance.get("corpus") or "")
        made.append(_card(row, own, utterance, card, players))
    intro = Text(
        "A claim with a straight line and ✓ is supported by the recording, one with a wavy line and "
        "✗ is contradicted, one with a dotted line and ? could not be tested. Reasons with most "
        "contradicted claims stand first, so this is no fair sample.",
        quiet=True,
    )
    blocks: tuple[Block, ...] = (intro, Cards(tuple(made))) if made else ()
    return Section("Reasons and what became of their claims", "reasons", blocks)


def _card(
    row: Mapping[str, Any],
    claims: pl.DataFrame,
    utterance: Mapping[str, Any],
    card: Any,
    players: Players,
) -> RationaleCard:
    rows = list(claims.iter_rows(named=True))
    audio, silent = sound_of(utterance, card, players)
    facts = [("reason by", row["system"])]
    for name in ("emotion", "speaker", "gender", "transcript"):
        if utterance.get(name) is not None:
            facts.append((name, str(utterance[name])))
    return RationaleCard(
        row["utterance_id"],
        tuple(facts),
        marked(row["reason"], rows),
        _claims_table(rows),
        audio,
        silent,
        _picture(utterance) if audio else None,
    )


def _claims_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    lines = tuple(
        (
            Cell(str(number)),
            Cell(row["text"]),
            Cell(_meaning(row)),
            Cell(f"{_SIGNS[row['outcome']]} {row['outcome']}"),
            Cell(row["why"] or ""),
        )
        for number, row in enumerate(rows, start=1)
    )
    columns = ("Claim", "Words", "Read as", "Outcome", "Why")
    return Table("Claims", columns, (Body(lines),))


def _meaning(row: Mapping[str, Any]) -> str:
    words = f"{row['measure'].replace('_', ' ')} {row['direction']}"
    notes = [word for word in ("negated", "hedged") if row[word]]
    return f"{words} ({', '.join(notes)})" if notes else words


def _picture(utterance: Mapping[str, Any]) -> Figure | None:
    try:
        samples = decode(
            utterance["audio"],
            start=utterance.get("start"),
            end=utterance.get("end"),
            rate=_RATE,
        )
        return voice_picture(samples, _RATE, pitch_contour_semitones(samples))
    except (AudioError, MissingDependencyError):
        return None


def precision_section(estimates: pl.DataFrame) -> Section:
    """How much of what reasons claim the recordings support, by system and measure.

    Args:
        estimates: of :func:`~equivoice.rationales.precision.claim_precision`.
    """
    rows = read_estimates(estimates)
    shuffled = {(row.system, row.label): row for row in rows if row.metric == _SHUFFLED}
    tables = []
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system and row.metric == _PRECISION]
        lines = [_line(row, shuffled.get((system, row.label))) for row in own]
        columns = ("", "Supported, %", "Tested", "Shuffled sound, %", "p")
        tables.append(Table(f"Claims of {system}", columns, (Body(tuple(lines)),)))
    notes = Bullets(
        (
            (None, "Supported: of the claims that the recording supports or contradicts."),
            (
                None,
                (
                    "Shuffled sound: the same claims held against other recordings of the same "
                    "speaker. A system that hears nothing reaches about this."
                ),
            ),
            (
                None,
                "Intervals (95 %) are over speakers. A claim about the sound can be true by chance.",
            ),
        )
    )
    blocks: Iterable[Block] = [*tables, notes] if tables else ()
    return Section("What the recordings support", "support", tuple(blocks))


def _line(row: Any, base: Any) -> tuple[Cell, ...]:
    if row.groups:
        name = f"{row.group_by}: {row.groups}"
    else:
        name = (row.label or "all claims").replace("_", " ")
    if row.value is None:
        return (Cell(name), Cell(row.undefined or "undefined", quiet=True), *[Cell("")] * 3)
    drawn = Cell("") if base is None or row.groups else Cell(percent(base.value), number=True)
    p = "" if row.p_value is None else f"{row.p_value:.3f}"
    return (
        Cell(name),
        Cell(percent(row.value), number=True, small=bracketed(row) or ""),
        Cell(str(row.n), number=True),
        drawn,
        Cell(p, number=True),
    )
