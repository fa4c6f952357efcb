"""Scores against what stands in the reference table: labels, and values on scales."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from equivoice.evaluation.by_label import Settings, label_rows
from equivoice.evaluation.matching import match
from equivoice.evaluation.rows import Row
from equivoice.evaluation.scales import has_scales, scale_rows
from equivoice.evaluation.scores import Part
from equivoice.metrics import ATTRIBUTES

__all__ = ["given_part", "speaker_notes", "with_labels"]

_NO_SPEAKERS = (
    "No speakers are known: intervals treat utterances as independent and are too short where "
    "several come from one speaker."
)
_SOME_SPEAKERS = "predictions have no speaker; each counts as a speaker of its own."
_WORDS = ("emotion", "status", "response", "probabilities")
_OTHER_ANSWERS = ("emotions", *ATTRIBUTES)


def given_part(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    settings: Settings,
    *,
    strata: Mapping[str, str | None] | None = None,
) -> Part:
    """Systems against the labels and values of the reference.

    Args:
        predictions: a PREDICTIONS table.
        reference: an UTTERANCES table.
        settings: how to score.
        strata: from utterances to how far listeners agree on them; adds scores by that.

    Raises:
        InputError: nothing to score.
    """
    scales = has_scales(predictions, reference)
    labelled = with_labels(predictions)
    without = reference.get_column("emotion").null_count() == reference.height
    rows: list[Row] = []
    left_out: Mapping[str, int] = {}
    frame = reference
    if not (scales and (without or labelled.is_empty())):
        matched = match(labelled, reference, settings.labels, expected=settings.expected)
        rows += label_rows(matched, settings, "given", strata=strata)
        left_out, frame = matched.left_out, matched.frame
    if scales:
        rows += scale_rows(predictions, reference, settings, "given")
    return Part(rows, left_out, speaker_notes(frame))


def with_labels(predictions: pl.DataFrame) -> pl.DataFrame:
    """The predictions of systems that name one emotion, or were asked to.

    A system whose rows hold nothing but sets of labels or numbers on scales has not failed
    to name an emotion: nobody asked it for one.

    Example:
        >>> said = pl.DataFrame({"system": ["a", "b"], "emotion": ["sad", None],
        ...                      "valence": [None, 3.0]})
        >>> with_labels(said).get_column("system").to_list()
        ['a']
    """
    named = [name for name in _WORDS if name in predictions.columns]
    others = [name for name in _OTHER_ANSWERS if name in predictions.columns]
    if not others:
        return predictions
    asked, other = (
        pl.any_horizontal(
            [pl.lit(value=False), *(pl.col(name).is_not_null() for name in names)]
        ).any()
        for names in (named, others)
    )
    if "system" in predictions.columns:
        asked, other = asked.over("system"), other.over("system")
    return predictions.filter(asked | ~other)


def speaker_notes(frame: pl.DataFrame) -> tuple[str, ...]:
    """What must be said of speakers that are not known."""
    speakers = frame.get_column("speaker") if "speaker" in frame.columns else pl.Series([None])
    if speakers.is_null().all():
        return (_NO_SPEAKERS,)
    unknown = speakers.null_count()
    return (f"{unknown} {_SOME_SPEAKERS}",) if unknown else ()
