"""Reasons held against the sound and the words: an outcome for each claim.

The claims come from :mod:`equivoice.rationales.claims`, the measurements from
:mod:`equivoice.rationales.measurements`, the lines from
:mod:`equivoice.rationales.verdicts`. No model and no person judges: what a
reason says of the sound is true of the sound, or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.errors import InputError
from equivoice.rationales.claims import Claim, find_claims
from equivoice.rationales.measurements import Standing, standing
from equivoice.rationales.quoted import similarity_to_transcript
from equivoice.rationales.verdicts import (
    CHECKS,
    GroundingRules,
    outcome_of,
    strengths,
    value_and_share,
)
from equivoice.records import CLAIMS

__all__ = ["Ground", "ground_reasons", "make_ground", "reasons_of"]

_CONDITIONS = ("prompt", "temperature", "modality", "fold", "run", "seed")


@dataclass(frozen=True)
class Ground:
    """What reasons are held against.

    Args:
        found: where each utterance stands.
        transcripts: from utterance_id to what was said, where that is known.
        faults: from utterance_id to why its sound could not be measured.
        rules: where the lines are drawn.
    """

    found: Standing
    transcripts: Mapping[str, str]
    faults: Mapping[str, str]
    rules: GroundingRules

    def strength(self, measure: str, direction: str) -> NDArray[np.float64] | None:
        """The strength of a kind of claim in each utterance; ``None`` where there is no check."""
        check = CHECKS.get((measure, direction))
        return None if check is None else strengths(self.found, check, self.rules)


def make_ground(
    measured: pl.DataFrame, utterances: pl.DataFrame, rules: GroundingRules | None = None
) -> Ground:
    """What reasons are held against, from measurements and transcripts.

    Args:
        measured: of :func:`~.measurements.measure_utterances`.
        utterances: with ``utterance_id``, and ``transcript`` where it is known.
        rules: where the lines are drawn.

    Raises:
        InputError: an utterance stands in the measurements twice.
    """
    rules = rules or GroundingRules()
    known = measured.filter(pl.col("fault").is_not_null())
    faults = dict(known.select("utterance_id", "fault").iter_rows())
    transcripts: dict[str, str] = {}
    if "transcript" in utterances.columns:
        written = utterances.filter(pl.col("transcript").is_not_null())
        transcripts = dict(written.select("utterance_id", "transcript").iter_rows())
    return Ground(standing(measured, fewest=rules.fewest), transcripts, faults, rules)


def reasons_of(table: pl.DataFrame, *, every: bool = False) -> pl.DataFrame:
    """The reasons of a table of predictions or rationales: one row a system and utterance.

    Where a system was asked under several conditions (prompt, temperature, run
    …), each is a system of its own, with what tells them apart in its name.

    Args:
        table: with ``utterance_id``, ``reason`` and ``system`` or ``teacher``.
        every: also reasons that a filter dropped.

    Returns:
        ``utterance_id``, ``system``, ``reason``; rows without a reason are left out.

    Raises:
        InputError: a column is missing, or one condition stands there twice.
    """
    name = "system" if "system" in table.columns else "teacher"
    for column in ("utterance_id", "reason", name):
        if column not in table.columns:
            raise InputError(
                "a table of reasons lacks a column", column=column, choices=table.columns
            )
    table = table.filter(pl.col("reason").is_not_null())
    if name == "teacher" and "status" in table.columns and not every:
        table = table.filter(pl.col("status") == "kept")
    rows = [
        {"utterance_id": row["utterance_id"], "system": system, "reason": row["reason"]}
        for row, system in zip(table.iter_rows(named=True), _systems(table, name), strict=True)
    ]
    reasons = pl.DataFrame(
        rows, schema={"utterance_id": pl.String, "system": pl.String, "reason": pl.String}
    )
    twice = reasons.filter(pl.struct("utterance_id", "system").is_duplicated())
    if twice.height:
        raise InputError(
            "a system gave two reasons for an utterance under the same conditions",
            column="utterance_id",
            value=twice.item(0, "utterance_id"),
        )
    return reasons


def _systems(table: pl.DataFrame, name: str) -> Iterator[str]:
    """The system of each row, with the conditions that differ within the system."""
    differing: dict[Any, list[str]] = {}
    for system in table.get_column(name).unique().to_list():
        own = table.filter(pl.col(name).eq_missing(system))
        twice = own.get_column("utterance_id").is_duplicated().any()
        differing[system] = [
            column
            for column in _CONDITIONS
            if twice and column in own.columns and own.get_column(column).n_unique() > 1
        ]
    for row in table.iter_rows(named=True):
        system = row[name]
        parts = [str(system)] + [f"{column} {row[column]}" for column in differing[system]]
        yield " · ".join(parts)


def ground_reasons(reasons: pl.DataFrame, ground: Ground) -> pl.DataFrame:
    """The claims of reasons, each with its outcome.

    Args:
        reasons: of :func:`reasons_of`.
        ground: what they are held against.

    Returns:
        a table of ``records.CLAIMS``; a reason without claims has no row.
    """
    known: dict[tuple[str, str], NDArray[np.float64] | None] = {}
    rows = []
    for utterance, system, reason in reasons.select("utterance_id", "system", "reason").rows():
        for number, claim in enumerate(find_claims(reason)):
            row = {
                "utterance_id": utterance,
                "system": system,
                "claim": number,
                "kind": claim.kind,
                "measure": claim.measure,
                "direction": claim.direction,
                "text": claim.text,
                "start": claim.start,
                "end": claim.end,
                "hedged": claim.hedged,
                "negated": claim.negated,
            }
            judged = _lexical if claim.kind == "lexical" else _acoustic
            rows.append(row | judged(claim, utterance, ground, known))
    return CLAIMS.validate(pl.DataFrame(rows, schema_overrides=_TYPES) if rows else CLAIMS.empty())


_TYPES = {column.name: column.dtype for column in CLAIMS.columns}
_Known = dict[tuple[str, str], NDArray[np.float64] | None]


def _untestable(why: str) -> dict[str, Any]:
    return {"outcome": "not testable", "value": None, "reference": None, "scope": None, "why": why}


def _lexical(claim: Claim, utterance: str, ground: Ground, _: _Known) -> dict[str, Any]:
    transcript = ground.transcripts.get(utterance)
    if transcript is None:
        return _untestable("what was said is not known")
    found = similarity_to_transcript(claim.text, transcript)
    said = found >= ground.rules.quote
    return {
        "outcome": "supported" if said != claim.negated else "contradicted",
        "value": found,
        "reference": None,
        "scope": None,
        "why": "the words are in the transcript" if said else "the words are not in the transcript",
    }


def _acoustic(claim: Claim, utterance: str, ground: Ground, known: _Known) -> dict[str, Any]:
    key = (claim.measure, claim.direction)
    if key not in CHECKS:
        return _untestable("nothing measures this")
    row = ground.found.rows.get(utterance)
    if row is None:
        return _untestable("the utterance was not measured")
    if utterance in ground.faults:
        return _untestable(f"the sound cannot be used: {ground.faults[utterance]}")
    if key not in known:
        known[key] = ground.strength(*key)
    check, every = CHECKS[key], known[key]
    strength = float("nan") if every is None else float(every[row])
    if np.isnan(strength):
        return _untestable("too little voice to measure it, or nobody to compare with")
    outcome = outcome_of(-strength if claim.negated else strength)
    value, share = value_and_share(ground.found, row, check.measure)
    of_speaker = bool(ground.found.of_speaker[row])
    return {
        "outcome": outcome,
        "value": value,
        "reference": None if np.isnan(share) else share,
        "scope": "speaker" if of_speaker else "corpus",
        "why": _place(check.course, value, share, of_speaker=of_speaker)
        + (": too close to call" if outcome == "not testable" else ""),
    }


def _place(course: bool, value: float, share: float, *, of_speaker: bool) -> str:
    if course:
        return f"{value:+.1f} from start to end"
    others = "this speaker's other utterances" if of_speaker else "the corpus's other utterances"
    return f"above {share:.0%} of {others}"
