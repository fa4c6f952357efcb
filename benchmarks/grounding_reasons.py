"""How well the grammar of claims finds what a reader found in committed reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from equivoice.rationales.claims import Claim, find_claims


@dataclass(frozen=True)
class ReasonsScore:
    """Counts over some reasons."""

    reasons: int
    expected: int
    found: int
    matched: int


def scored_reasons(paths: Iterable[Path]) -> ReasonsScore:
    """Found claims against read ones, over files of reasons."""
    reasons = expected = found = matched = 0
    for path in paths:
        for entry in yaml.safe_load(path.read_text("utf-8")):
            claims = list(find_claims(entry["reason"]))
            reasons += 1
            expected += len(entry["claims"])
            found += len(claims)
            matched += len(entry["claims"]) - len(missed(entry, claims))
    return ReasonsScore(reasons, expected, found, matched)


def missed(entry: dict[str, Any], claims: list[Claim]) -> list[list[str]]:
    """The read claims that were not found; each found claim answers for one."""
    left = list(claims)
    lost = []
    for read in entry["claims"]:
        answer = next((claim for claim in left if answers(claim, read, entry["reason"])), None)
        if answer is None:
            lost.append(read)
        else:
            left.remove(answer)
    return lost


def answers(claim: Claim, read: list[str], reason: str) -> bool:
    """Whether a found claim is the one that was read: same meaning and flags, same place."""
    measure, direction, words, *flags = read
    same = (claim.measure, claim.direction) == (measure, direction)
    reserve = (claim.hedged, claim.negated) == ("hedged" in flags, "negated" in flags)
    places = [at for at in range(len(reason)) if reason.startswith(words, at)]
    return (
        same and reserve and any(claim.start < at + len(words) and at < claim.end for at in places)
    )
