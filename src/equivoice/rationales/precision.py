"""How much of what reasons claim is true: precision with intervals, by system, measure and group.

Precision is supported over supported plus contradicted. Claims of one speaker
are not independent, so speakers are resampled. Beside it stands what shuffled
sound gives: the same reasons, each held against another utterance (of the same
speaker, where claims are relative to the speaker), which keeps what a system
likes to claim and takes away that it heard anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.fairness import group_items
from equivoice.metrics import CodedStatistics
from equivoice.rationales.grounding import Ground
from equivoice.rationales.quoted import similarity_to_transcript
from equivoice.records import ESTIMATES
from equivoice.uncertainty import (
    FEWEST_UNITS,
    bootstrap_sums,
    clustered_sums,
    deviations,
    percentile_interval,
    stretch,
)

__all__ = ["PRECISION", "SHUFFLED", "PrecisionSettings", "claim_precision", "shuffled_support"]

FloatArray = NDArray[np.float64]

PRECISION = "claim_precision"
"""Supported over supported plus contradicted claims."""
SHUFFLED = "claim_precision_shuffled"
"""The same with the sound shuffled between utterances: what a deaf system would reach."""

_TABLE = np.array([[0.0, 1.0], [1.0, 1.0]])  # contradicted, supported: (supported, tested)


@dataclass(frozen=True)
class PrecisionSettings:
    """How precision is estimated.

    Args:
        group_by: groupings of speakers, such as ``gender``.
        replicates: of the bootstrap.
        shuffles: of the sound; 0 for none.
        level: of the intervals.
        seed: of both.
    """

    group_by: tuple[str, ...] = ("gender",)
    replicates: int = 2000
    shuffles: int = 200
    level: float = 0.95
    seed: int = 0


def claim_precision(
    claims: pl.DataFrame,
    utterances: pl.DataFrame,
    ground: Ground,
    settings: PrecisionSettings | None = None,
) -> pl.DataFrame:
    """Precision of claims of each system: of all, by kind, by measure, and by group of speakers.

    Args:
        claims: of :func:`~.grounding.ground_reasons`.
        utterances: with ``utterance_id``, ``speaker`` where known, and what is grouped by.
        ground: what they were held against; its sound is shuffled.
        settings: how.

    Returns:
        a table of ``records.ESTIMATES``: ``class`` is the kind or measure, null for
        all claims; ``left_out`` counts claims that were not testable. The p-value
        is that of precision against shuffled sound, one-sided.

    Raises:
        InputError: there is no such attribute to group by.
    """
    settings = settings or PrecisionSettings()
    attributes = [name for name in utterances.columns if name not in claims.columns]
    joined = claims.join(
        utterances.select("utterance_id", *attributes), on="utterance_id", how="left"
    )
    rows: list[dict[str, Any]] = []
    for system in sorted(joined.get_column("system").unique().to_list()):
        own = joined.filter(pl.col("system") == system)
        for name, part in _parts(own):
            rows += _of_part(system, name, part, ground, settings)
            for grouping in settings.group_by if name is None else ():
                rows += _by_group(system, part, grouping, settings)
    return ESTIMATES.validate(
        pl.DataFrame(rows, infer_schema_length=None) if rows else ESTIMATES.empty()
    )


def _parts(claims: pl.DataFrame) -> Iterable[tuple[str | None, pl.DataFrame]]:
    """All claims, those about the sound and about the words, and each measure's."""
    yield None, claims
    for column in ("kind", "measure"):
        for name in sorted(claims.get_column(column).unique().to_list()):
            yield name, claims.filter(pl.col(column) == name)


def _of_part(
    system: str, name: str | None, part: pl.DataFrame, ground: Ground, settings: PrecisionSettings
) -> list[dict[str, Any]]:
    tested = _tested(part)
    row = _row(system, name, part, tested) | _interval(tested, settings)
    if not tested.height or not settings.shuffles:
        return [row]
    drawn = shuffled_support(tested, ground, shuffles=settings.shuffles, seed=settings.seed)
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return [row]
    as_good = int((known >= row["value"] - 1e-12).sum())
    row |= {"p_value": (1 + as_good) / (1 + len(known)), "p_floor": 1 / (1 + len(known))}
    low, high = np.quantile(known, [(1 - settings.level) / 2, (1 + settings.level) / 2])
    base = row | {
        "metric": SHUFFLED,
        "value": float(known.mean()),
        "low": float(low),
        "high": float(high),
        "level": settings.level,
        "method": f"{len(known)} shuffles of the sound within its pool",
        "unit": "utterance",
        "clusters": None,
        "p_value": None,
        "p_floor": None,
        "undefined": None,
    }
    return [row, base]


def _tested(claims: pl.DataFrame) -> pl.DataFrame:
    return claims.filter(pl.col("outcome") != "not testable")


def _row(system: str, name: str | None, part: pl.DataFrame, tested: pl.DataFrame) -> dict[str, Any]:
    supported = int((tested.get_column("outcome") == "supported").sum())
    return {
        "quantity": "score",
        "metric": PRECISION,
        "system": system,
        "class": name,
        "value": supported / tested.height if tested.height else None,
        "n": tested.height,
        "left_out": json.dumps({"not testable": part.height - tested.height}),
        "undefined": None if tested.height else "no claim could be tested",
    }


def _interval(tested: pl.DataFrame, settings: PrecisionSettings) -> dict[str, Any]:
    """The interval of the precision of these claims, over speakers."""
    if not tested.height:
        return {}
    groups = np.zeros(tested.height, dtype=np.int64)
    values, units, unit = _resampled(tested, groups, 1, settings)
    return _ends(_supported_share(tested), values[0], int(units[0]), unit, settings)


def _supported_share(tested: pl.DataFrame) -> float:
    """The share of tested claims that are supported."""
    return tested.filter(pl.col("outcome") == "supported").height / max(tested.height, 1)


def _resampled(
    tested: pl.DataFrame, groups: NDArray[np.int64], n_groups: int, settings: PrecisionSettings
) -> tuple[FloatArray, NDArray[np.int64], str]:
    """Precision of each group in each replicate: (groups, R), with units and what they are."""
    codes = (tested.get_column("outcome") == "supported").cast(pl.Int64).to_numpy()
    unit, names = _units(tested)
    units = np.unique(names, return_inverse=True)[1].astype(np.int64)
    sample = clustered_sums(CodedStatistics(codes, _TABLE), groups, n_groups, units)
    sums = bootstrap_sums(sample, settings.replicates, seed=settings.seed)
    with np.errstate(invalid="ignore"):
        values = np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)
    return np.ascontiguousarray(values.T), sample.units(), unit


def _units(tested: pl.DataFrame) -> tuple[str, NDArray[Any]]:
    if "speaker" in tested.columns and tested.get_column("speaker").null_count() == 0:
        return "speaker", tested.get_column("speaker").to_numpy()
    return "utterance", tested.get_column("utterance_id").to_numpy()


def _ends(
    value: float, replicates: FloatArray, units: int, unit: str, settings: PrecisionSettings
) -> dict[str, Any]:
    known = {"unit": unit, "clusters": units, "level": settings.level}
    if units < FEWEST_UNITS:
        return known | {"undefined": f"too few {unit}s for an interval"}
    noise = deviations(replicates, units) * stretch(units - 1, settings.level)
    low, high = percentile_interval(np.asarray(value), noise, level=settings.level)
    if not np.isfinite(low):
        return known | {"undefined": "most replicates hold no claim that could be tested"}
    return known | {
        "low": max(float(low), 0.0),
        "high": min(float(high), 1.0),
        "method": f"bootstrap of {unit}s",
    }


def _by_group(
    system: str, claims: pl.DataFrame, grouping: str, settings: PrecisionSettings
) -> list[dict[str, Any]]:
    """Precision in each group, and the signed difference of each pair."""
    tested = _tested(claims)
    if not tested.height:
        return []
    found = group_items(tested, grouping)
    if not found.groups:
        return []
    values, units, unit = _resampled(tested, found.codes, len(found.groups), settings)
    rows, points = [], []
    every = group_items(claims, grouping)
    for code, group in enumerate(found.groups):
        own = tested.filter(pl.Series(found.codes == code))
        whole = claims.filter(pl.Series(every.codes == every.groups.index(group)))
        points.append(_supported_share(own))
        ends = _ends(points[-1], values[code], int(units[code]), unit, settings)
        rows.append(
            _row(system, None, whole, own)
            | {"quantity": "group_score", "group_by": found.name, "groups": group}
            | ends
        )
    for first in range(len(found.groups)):
        for second in range(first + 1, len(found.groups)):
            pair = (first, second)
            rows.append(_gap(rows, pair, points, values, units, settings))
    return rows


def _gap(
    rows: Sequence[dict[str, Any]],
    pair: tuple[int, int],
    points: Sequence[float],
    values: FloatArray,
    units: NDArray[np.int64],
    settings: PrecisionSettings,
) -> dict[str, Any]:
    first, second = pair
    fewest = int(min(units[first], units[second]))
    row = {
        **rows[first],
        "quantity": "pair_gap",
        "groups": f"{rows[first]['groups']} − {rows[second]['groups']}",
        "value": points[first] - points[second],
        "n": rows[first]["n"] + rows[second]["n"],
        "low": None,
        "high": None,
        "undefined": None,
        "clusters": int(units[first] + units[second]),
    }
    if fewest < FEWEST_UNITS:
        return row | {"undefined": "too few speakers in a group for an interval"}
    noise = deviations(values[first], int(units[first])) - deviations(
        values[second], int(units[second])
    )
    noise = noise * stretch(fewest - 1, settings.level)
    low, high = percentile_interval(np.asarray(row["value"]), noise, level=settings.level)
    return row | {"low": float(low), "high": float(high)}


def shuffled_support(
    tested: pl.DataFrame, ground: Ground, *, shuffles: int, seed: int
) -> FloatArray:
    """The precision of claims when each utterance's sound is another's.

    Utterances change places within their pool: with others of the speaker where
    claims are relative to the speaker, with others of the corpus else. Claims
    that become too close to call count neither way. Transcripts go with the sound.

    Args:
        tested: claims whose outcome is known.
        ground: what they are held against.
        shuffles: how often.
        seed: of the places.

    Returns:
        (shuffles,) precisions; NaN where nothing could be tested.
    """
    rng = np.random.default_rng(seed)
    found = ground.found
    acoustic = tested.filter(pl.col("kind") == "acoustic")
    quoted = tested.filter(pl.col("kind") == "lexical")
    strength, columns, signs = _strength_table(acoustic, ground)
    rows = np.array([found.rows[name] for name in acoustic.get_column("utterance_id")], dtype=int)
    said = _said_table(quoted, ground)
    result = np.full(shuffles, np.nan)
    for turn in range(shuffles):
        places = _shuffled(found.pools, rng)
        held = strength[columns, places[rows]] * signs if len(rows) else np.zeros(0)
        supported = int((held >= 1 - 1e-9).sum())
        tried = supported + int((held <= -1 + 1e-9).sum())
        for row, negated, by_row in said:
            supported += by_row[places[row]] != negated
            tried += 1
        if tried:
            result[turn] = supported / tried
    return result


def _strength_table(
    claims: pl.DataFrame, ground: Ground
) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Strength by (check, utterance), and for each claim its check and its sign."""
    keys = claims.select("measure", "direction").rows()
    known = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    every = [ground.strength(*key) for key in known]
    table = np.array([each for each in every if each is not None], dtype=np.float64)
    signs = np.where(claims.get_column("negated").to_numpy().astype(bool), -1.0, 1.0)
    return table, np.array([known[key] for key in keys], dtype=np.int64), signs


def _said_table(quoted: pl.DataFrame, ground: Ground) -> list[tuple[int, bool, NDArray[np.bool_]]]:
    """For each quotation its utterance, and in which utterances of the pool it was said."""
    names = list(ground.found.rows)
    table = []
    for utterance, text, negated in quoted.select("utterance_id", "text", "negated").rows():
        row = ground.found.rows.get(utterance)
        if row is None:
            continue
        said = np.zeros(len(names), dtype=bool)
        for other in np.flatnonzero(ground.found.pools == ground.found.pools[row]):
            transcript = ground.transcripts.get(names[other], "")
            said[other] = similarity_to_transcript(text, transcript) >= ground.rules.quote
        table.append((row, bool(negated), said))
    return table


def _shuffled(pools: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each utterance the one whose sound it is given, of the same pool."""
    order = np.lexsort((rng.random(len(pools)), pools))
    plain = np.argsort(pools, kind="stable")
    places = np.empty(len(pools), dtype=np.int64)
    places[plain] = order
    return places
