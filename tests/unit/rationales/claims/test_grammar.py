"""The grammar on reasons that were read before it was written, and on single rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.rationales.claims import Claim, find_claims
from equivoice.rationales.claims.lexicon import lexicon
from equivoice.rationales.claims.scoring import missed_and_unread, score_reasons
from equivoice.records.rationales import CLAIM_DIRECTIONS, CLAIM_MEASURES

REASONS = Path(__file__).parents[1] / "reasons"
HELD_OUT = REASONS / "heldout.yaml"


def entries(*paths: Path) -> list[dict[str, Any]]:
    return [entry for path in paths for entry in yaml.safe_load(path.read_text("utf-8"))]


FIRST = entries(*sorted(set(REASONS.glob("*.yaml")) - {HELD_OUT}))


def told(reason: str) -> list[tuple[str, str]]:
    return [(claim.measure, claim.direction) for claim in find_claims(reason)]


def test_the_reasons_are_many_and_hold_the_papers_own() -> None:
    assert len(FIRST) >= 60
    assert sum(entry["id"].startswith("paper-") for entry in FIRST) == 3
    words = [(entry["reason"], claim[2]) for entry in FIRST for claim in entry["claims"]]
    assert all(each in reason for reason, each in words)


@pytest.mark.parametrize("entry", FIRST, ids=[entry["id"] for entry in FIRST])
def test_what_a_reader_found_is_found(entry: dict[str, Any]) -> None:
    assert missed_and_unread(entry) == ([], [])


def test_reasons_of_others_are_mostly_read_as_a_reader_did() -> None:
    score = score_reasons(entries(HELD_OUT))
    assert score.reasons == 38
    assert score.recall >= 0.94
    assert score.precision >= 0.94


def test_a_claim_is_what_is_written() -> None:
    reason = "I hear that the pitch of her voice is quite HIGH today."
    (claim,) = find_claims(reason)
    assert claim == Claim("pitch", "high", "pitch of her voice is quite HIGH", 16, 48)
    assert reason[claim.start : claim.end] == claim.text
    assert claim.kind == "acoustic"


def test_a_quotation_is_a_lexical_claim() -> None:
    (claim,) = find_claims("He says “not so loud”.")
    assert (claim.kind, claim.text, claim.direction) == ("lexical", "not so loud", "present")


@pytest.mark.parametrize(
    ("reason", "claims"),
    [
        ("The speech is not slow but fast.", [("rate", "low", True), ("rate", "high", False)]),
        ("No tremor is heard, and it is a loud voice.",
         [("tremor", "present", True), ("loudness", "high", False)]),
        ("Not only loud but also fast, the speaker goes on.",
         [("loudness", "high", False), ("rate", "high", False)]),
        ("The voice is never loud or harsh.",
         [("loudness", "high", True), ("harshness", "present", True)]),
        ("There is no doubt that the voice is loud.", [("loudness", "high", False)]),
    ],
)  # fmt: skip
def test_denial_reaches_its_clause_and_no_further(
    reason: str, claims: list[tuple[str, str, bool]]
) -> None:
    found = [(claim.measure, claim.direction, claim.negated) for claim in find_claims(reason)]
    assert found == claims


@pytest.mark.parametrize(
    ("reason", "hedged"),
    [
        ("The pitch might be high.", True),
        ("The high pitch might indicate joy.", False),
        ("A high pitch, which could very well suggest joy.", False),
        ("Perhaps the pitch is high.", True),
        ("The mood might be bad, but the pitch is high.", False),
    ],
)
def test_reserve_is_about_the_sound_or_about_its_meaning(reason: str, hedged: bool) -> None:
    (claim,) = find_claims(reason)
    assert (claim.measure, claim.direction, claim.hedged) == ("pitch", "high", hedged)


@pytest.mark.parametrize(
    "reason",
    [
        "A sad speaker would have a low pitch.",
        "If the voice were loud, it would be anger.",
        "Unlike joy, which has a high pitch, this is sorrow.",
        "The loud party went on.",
        "She took the fast train.",
        "His hopes are high.",
        "The pitch is known and the mood is low.",
        "The pitch shows that she is high.",
        "He is clearly upset.",
        "",
        "....",
    ],
)
def test_what_is_imagined_or_said_of_other_things_is_no_claim(reason: str) -> None:
    assert find_claims(reason) == ()


@pytest.mark.parametrize(
    ("reason", "claims"),
    [
        ("The variation in volume is large.", [("loudness", "varied")]),
        ("There is little variation in her pitch.", [("pitch_range", "flat")]),
        ("The voice is getting louder.", [("loudness", "rising")]),
        ("Speech that grows slower.", [("rate", "falling")]),
        ("The voice is less breathy.", [("breathiness", "absent")]),
        ("The tempo is less varied.", [("rate", "flat")]),
        ("A deep voice.", [("pitch", "low")]),
        ("The voice cracks.", [("tremor", "present")]),
        ("The voice lowers.", []),
        ("She lowers her voice.", [("loudness", "low")]),
    ],
)  # fmt: skip
def test_words_mean_what_their_subject_makes_of_them(
    reason: str, claims: list[tuple[str, str]]
) -> None:
    assert told(reason) == claims


def test_the_lexicon_says_nothing_that_a_table_of_claims_would_refuse() -> None:
    words = lexicon()
    said = [*words.meanings.values(), *words.voice.values(), *words.unsaid.values()]
    for roles in words.roles.values():
        said += [each for each in (roles.strong, roles.weak, *roles.of.values()) if each]
    assert {measure for measure, _ in said} <= set(CLAIM_MEASURES)
    assert {direction for _, direction in said} <= set(CLAIM_DIRECTIONS)
    assert all(words.opposites[words.opposites[each]] == each for each in words.opposites)


_MARKS = (",", ".", ";", "“", "”", "'", '"', ":", "(", "voice", "Xyz", "\n", "é", "話")
_WORDS = st.sampled_from(
    [*sorted({word for entry in lexicon().roles for word in entry} - {"*"}), *_MARKS]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_WORDS, max_size=25).map(" ".join) | st.text(max_size=80))
def test_any_text_has_claims_or_none_and_each_is_a_piece_of_it(reason: str) -> None:
    claims = find_claims(reason)
    assert list(claims) == sorted(claims, key=lambda claim: claim.start)
    for claim in claims:
        assert 0 <= claim.start < claim.end <= len(reason)
        assert reason[claim.start : claim.end] == claim.text
        assert claim.measure in CLAIM_MEASURES
        assert claim.direction in CLAIM_DIRECTIONS
    assert find_claims(reason) == claims
