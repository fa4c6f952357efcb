"""Transcripts of systems against what was said: does a model that explains still transcribe?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from equivoice.errors import InputError
from equivoice.evaluation.additive import Additive, Certainty, rows_of
from equivoice.evaluation.answers import as_estimates
from equivoice.evaluation.gap_tests import scalar_measures
from equivoice.evaluation.matching import CONDITIONS, unit_codes
from equivoice.evaluation.rows import Row
from equivoice.fairness import group_items
from equivoice.metrics.transcription import transcript_metrics, transcript_statistics
from equivoice.prompting.explained import read_target
from equivoice.records import PREDICTIONS, UTTERANCES

__all__ = ["gives_transcripts", "transcript_scores", "with_transcripts"]

_SAID, _HEARD = "(said)", "(heard)"
_MISSING = "answer without a transcript (all words count as left out)"


def gives_transcripts(predictions: pl.DataFrame) -> bool:
    """Whether any system gave a transcript, in its column or in the tags of an answer.

    Example:
        >>> gives_transcripts(pl.DataFrame({"response": ["<asr>oh</asr> <answer>sad</answer>"]}))
        True
    """
    return _heard(predictions).null_count() < predictions.height


def with_transcripts(predictions: pl.DataFrame) -> pl.DataFrame:
    """The table with the transcripts that stand in the tags of answers.

    Example:
        >>> said = pl.DataFrame({"response": ["<asr>oh no</asr>", "sad"]})
        >>> with_transcripts(said).get_column("transcript").to_list()
        ['oh no', None]
    """
    return predictions.with_columns(_heard(predictions).alias("transcript"))


def transcript_scores(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    group_by: Sequence[str] = (),
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Word error rates of every system that gives transcripts, overall and by group of speakers.

    Rates are over all words of a corpus, with speakers as units. An answer of such a system
    without a transcript has all words left out: who stops transcribing must not look good.

    Args:
        predictions: a PREDICTIONS table with ``transcript``, or answers with ``<asr>`` tags;
            answers that failed are left out and counted.
        reference: an UTTERANCES table with ``transcript``; its language decides what a word is.
        group_by: groupings, as for :func:`~equivoice.evaluation.score`.
        replicates: bootstrap replicates; 0 for values without intervals.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Returns:
        An ESTIMATES table; empty where no system gives transcripts.

    Raises:
        InputError: transcripts, and no utterance of theirs has a reference transcript.
        MissingDependencyError: jiwer is not installed.

    Example:
        >>> said = pl.DataFrame({"utterance_id": ["a"], "transcript": ["oh well"]})
        >>> truth = pl.DataFrame({"utterance_id": ["a"], "transcript": ["Oh, hell yes!"]})
        >>> rows = transcript_scores(said, truth, replicates=0)
        >>> rows.filter(metric="word_error_rate")["value"].round(3).to_list()
        [0.667]
    """
    certainty = Certainty(replicates, permutations, level, seed)
    rows: list[Row] = []
    for cell, left_out, conditions in _cells(predictions, reference):
        units, unit = unit_codes(cell)
        metrics = transcript_metrics()
        heard = cell.get_column(_HEARD)
        made = Additive(
            transcript_statistics(
                cell.get_column(_SAID).to_list(),
                heard.fill_null("").to_list(),
                cell.get_column("language").to_list(),
            ),
            metrics,
            units,
            unit,
            tuple(group_items(cell, grouping) for grouping in group_by),
            left_out=left_out | ({_MISSING: heard.null_count()} if heard.null_count() else {}),
            measures=scalar_measures(metrics),
        )
        rows += [conditions | {"reference": "given"} | row for row in rows_of(made, certainty)]
    return as_estimates(rows)


def _cells(
    predictions: pl.DataFrame, reference: pl.DataFrame
) -> list[tuple[pl.DataFrame, dict[str, int], Row]]:
    """Transcripts beside what was said, condition by condition, and what was left out."""
    given = PREDICTIONS.validate(predictions)
    answers = given.select(*PREDICTIONS.key, "status", _heard(given).alias(_HEARD)).filter(
        pl.col(_HEARD).is_not_null().any().over("system")
    )
    truth = UTTERANCES.validate(reference)
    said = truth.rename({"transcript": _SAID}).drop("emotion")
    shared = [n for n in said.columns if n == "utterance_id" or n not in answers.columns]
    joined = answers.join(said.select(shared), on="utterance_id", maintain_order="left")
    found = []
    for key, cell in joined.group_by(CONDITIONS, maintain_order=True):
        failed = cell.get_column("status").eq_missing(pl.Series(["failed"]))
        silent = cell.get_column(_SAID).is_null() & ~failed
        lost = {
            "answer failed": int(failed.sum()),
            "utterance without transcript": int(silent.sum()),
        }
        kept = cell.filter(~failed & ~silent)
        if kept.height:
            counts = {why: n for why, n in lost.items() if n}
            found.append((kept, counts, dict(zip(CONDITIONS, key, strict=True))))
    if answers.height and not found:
        raise InputError(
            "the systems give transcripts, and no utterance of theirs has one to compare with",
            column="transcript",
            hint="add transcripts to the reference",
        )
    return found


def _heard(predictions: pl.DataFrame) -> pl.Series:
    """(n,) the transcript of each answer: its column's, else what stands in its tags."""
    empty = pl.Series([None] * predictions.height, dtype=pl.String)
    own = predictions.get_column("transcript") if "transcript" in predictions.columns else empty
    if "response" not in predictions.columns:
        return own.cast(pl.String)
    responses = predictions.get_column("response").cast(pl.String)
    read: Mapping[str, str | None] = {
        text: read_target(text).transcript
        for text in responses.drop_nulls().unique()
        if "<" in text
    }
    tagged = pl.Series([read.get(text) for text in responses], dtype=pl.String)
    return own.cast(pl.String).zip_with(own.is_not_null(), tagged)
