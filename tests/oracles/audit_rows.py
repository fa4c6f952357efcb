"""Rows of the audit's tables, written by hand."""

from __future__ import annotations

from typing import Any

import polars as pl

from equivoice.studies.zero_shot.tables import AuditTables, Chosen

_HEAD: dict[str, Any] = {
    "corpus": "ravdess",
    "system": "llm",
    "model": "",
    "prompt": "user_labels",
    "modality": "speech",
    "temperature": 0.0,
    "convention": "equivoice",
}
_NUMBERS: dict[str, Any] = {
    "value": 0.6,
    "low": 0.5,
    "high": 0.7,
    "level": 0.95,
    "method": "bootstrap",
    "unit": "speaker",
    "n": 100,
    "clusters": 24,
    "noise_floor": None,
    "p_value": None,
    "p_floor": None,
    "sd_folds": 0.02,
    "sd_runs": None,
    "sd_orders": None,
    "left_out": None,
    "undefined": None,
}
_PRINTED: dict[str, Any] = {
    "printed": None,
    "printed_sd": None,
    "printed_for": None,
    "same_model": False,
}
_NONE: dict[str, Any] = {"low": None, "high": None}


def score(**given: Any) -> dict[str, Any]:
    """A row of Table II; averages of the published conventions have no interval."""
    bare = {} if given.get("convention", "equivoice") == "equivoice" else _NONE
    return _HEAD | _NUMBERS | _PRINTED | {"mark": ""} | bare | given


def gap(measure: str, value: float | None, **given: Any) -> dict[str, Any]:
    """A row of Table IV."""
    own = {"attribute": "gender", "groups": "gender", "measure": measure, "value": value}
    bare = {} if given.get("convention", "equivoice") == "equivoice" else _NONE
    return _HEAD | own | _NUMBERS | {"value": value} | _PRINTED | {"mark": ""} | bare | given


def point(temperature: float, value: float | None, **given: Any) -> dict[str, Any]:
    """A point of Figure 2."""
    own = {"group_by": None, "metric": "macro_f1"}
    return _HEAD | own | _NUMBERS | {"temperature": temperature, "value": value} | given


def corpus(**given: Any) -> dict[str, Any]:
    """A row of Table I."""
    counts = {"utterances": 1440, "speakers": 24, "women": 12, "men": 12, "emotions": 8}
    printed = {f"printed_{name}": counts[name] for name in ("speakers", "women", "men", "emotions")}
    return {"corpus": "ravdess", **counts, **printed, "slip": ""} | given


def tables(
    *,
    corpora: list[dict[str, Any]] | None = None,
    scores: list[dict[str, Any]] | None = None,
    parsers: list[dict[str, Any]] | None = None,
    gaps: list[dict[str, Any]] | None = None,
    curves: list[dict[str, Any]] | None = None,
    chosen: tuple[Chosen, ...] = (),
) -> AuditTables:
    """The tables of an audit out of rows."""
    frames = [
        pl.DataFrame(rows or [], infer_schema_length=None)
        for rows in (corpora, scores, parsers, gaps, curves)
    ]
    return AuditTables(*frames, chosen)
