"""Counting what reader and grammar agree on."""

from __future__ import annotations

from equivoice.rationales.claims.scoring import missed_and_unread, score_reasons

READ = {"reason": "It is loud and the pitch may be low.", "claims": [
    ["loudness", "high", "loud"], ["pitch", "low", "pitch may be low", "hedged"],
]}  # fmt: skip


def test_agreement() -> None:
    assert missed_and_unread(READ) == ([], [])
    assert score_reasons([READ]).recall == 1.0


def test_a_flag_a_direction_or_a_place_that_differs_is_a_miss() -> None:
    for other in (["loudness", "low", "loud"], ["loudness", "high", "loud", "negated"],
                  ["loudness", "high", "pitch"]):  # fmt: skip
        lost, unread = missed_and_unread({**READ, "claims": [other, READ["claims"][1]]})
        assert lost == [other]
        assert [claim.text for claim in unread] == ["loud"]


def test_one_found_claim_answers_for_one_read_claim() -> None:
    twice = {"reason": "It is loud.", "claims": [["loudness", "high", "loud"]] * 2}
    score = score_reasons([twice])
    assert (score.read, score.found, score.matched) == (2, 1, 1)
    assert (score.recall, score.precision) == (0.5, 1.0)


def test_nothing_to_find_is_found_whole() -> None:
    score = score_reasons([{"reason": "Sad words.", "claims": []}])
    assert (score.recall, score.precision) == (1.0, 1.0)
