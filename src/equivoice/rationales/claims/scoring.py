"""How well the grammar finds what a reader found in reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from equivoice.rationales.claims.claim import Claim
from equivoice.rationales.claims.grammar import find_claims

__all__ = ["ReasonsScore", "missed_and_unread", "score_reasons"]


@dataclass(frozen=True)
class ReasonsScore:
    """Counts over some reasons.

    Args:
        reasons: how many.
        read: claims that the reader found.
        found: claims that the grammar found.
        matched: claims that both found.
    """

    reasons: int
    read: int
    found: int
    matched: int

    @property
    def recall(self) -> float:
        """The share of read claims that were found; 1 where nothing was to be found."""
        return self.matched / self.read if self.read else 1.0

    @property
    def precision(self) -> float:
        """The share of found claims that were read; 1 where nothing was found."""
        return self.matched / self.found if self.found else 1.0


def score_reasons(entries: Iterable[Mapping[str, Any]]) -> ReasonsScore:
    """Found claims against read ones.

    Args:
        entries: each with ``reason`` and ``claims``; a read claim is measure,
            direction, the words it rests on, and ``hedged`` or ``negated``.

    Example:
        >>> score_reasons([{"reason": "It is loud.", "claims": [["loudness", "high", "loud"]]}])
        ReasonsScore(reasons=1, read=1, found=1, matched=1)
    """
    reasons = read = found = matched = 0
    for entry in entries:
        lost, unread = missed_and_unread(entry)
        reasons += 1
        read += len(entry["claims"])
        matched += len(entry["claims"]) - len(lost)
        found += len(entry["claims"]) - len(lost) + len(unread)
    return ReasonsScore(reasons, read, found, matched)


def missed_and_unread(entry: Mapping[str, Any]) -> tuple[list[Sequence[str]], list[Claim]]:
    """Read claims that were not found, and found ones that were not read.

    A found claim answers for one read claim: measure, direction and both flags
    are equal, and it overlaps the words.
    """
    left = list(find_claims(entry["reason"]))
    lost = []
    for read in entry["claims"]:
        answer = next((claim for claim in left if _answers(claim, read, entry["reason"])), None)
        if answer is None:
            lost.append(read)
        else:
            left.remove(answer)
    return lost, left


def _answers(claim: Claim, read: Sequence[str], reason: str) -> bool:
    measure, direction, words, *flags = read
    if (claim.measure, claim.direction) != (measure, direction):
        return False
    if (claim.hedged, claim.negated) != ("hedged" in flags, "negated" in flags):
        return False
    places = [at for at in range(len(reason)) if reason.startswith(words, at)]
    return any(claim.start < at + len(words) and at < claim.end for at in places)
