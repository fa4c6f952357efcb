"""A teacher's answers through the filters: what is kept, what each filter dropped, of whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.errors import InputError
from equivoice.prompting.vocabulary import vocabulary_of
from equivoice.rationales.cleaning import clean_reason
from equivoice.rationales.filters import FILTERS, Draft, EvidenceWords, FilterRules, evidence_words
from equivoice.records import RATIONALES, LabelSpace

__all__ = ["KEPT", "Filtered", "apply_filters", "kept_by"]

KEPT = "kept"
FAILED = "failed"
_ALONE = "alone"


@dataclass(frozen=True)
class Filtered:
    """Reasons, and what became of them.

    Args:
        rationales: a table of ``records.RATIONALES``.
        dropped: a row a rule, in their order: ``filter``, ``doc``, ``dropped`` (it was the
            first that the reason broke), ``alone`` (how many break it, whatever else they
            break), ``share`` of all answers that it dropped. ``failed`` comes first (no
            answer), ``kept`` last.
    """

    rationales: pl.DataFrame
    dropped: pl.DataFrame


def apply_filters(
    answers: pl.DataFrame,
    transcripts: Mapping[str, str | None],
    space: LabelSpace,
    rules: FilterRules | None = None,
) -> Filtered:
    """Clean and judge a teacher's answers.

    Args:
        answers: ``utterance_id``, ``emotion``, ``response``, ``teacher``; where they are
            known ``why`` (of a failure), ``finished``, ``prompt``, ``temperature``, ``seed``.
        transcripts: from utterance to what is said.
        space: the labels, whose synonyms count as the label's word.
        rules: which filters, and their thresholds.

    Raises:
        InputError: an emotion is not in the label space.

    Example:
        >>> from equivoice.records import Label
        >>> told = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "emotion": ["sad"] * 2,
        ...     "teacher": ["t"] * 2, "response": ["The words say no, in a low voice.",
        ...     "The sadness of the words is in the low voice."]})
        >>> made = apply_filters(told, {}, LabelSpace("demo", (Label("sad"),)),
        ...                      FilterRules(min_words=5))
        >>> made.rationales["status"].to_list()
        ['kept', 'label_word']
    """
    rules = rules or FilterRules()
    words = evidence_words(rules.words)
    shown = _label_words(answers.get_column("emotion").to_list(), space)
    rows: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for row in answers.iter_rows(named=True):
        found, verdict = _judged(row, transcripts, shown, rules, words)
        rows.append({name: row.get(name) for name in RATIONALES.names} | verdict)
        broken.append(found)
    types = {column.name: column.dtype for column in RATIONALES.columns}
    table = RATIONALES.validate(pl.DataFrame(rows, schema=types))
    return Filtered(table, _dropped(table, broken, rules.filters))


def _judged(
    row: Mapping[str, Any],
    transcripts: Mapping[str, str | None],
    label_words: Mapping[str, frozenset[str]],
    rules: FilterRules,
    words: EvidenceWords,
) -> tuple[dict[str, str], dict[str, str | None]]:
    """Which rules an answer breaks, and what its row says of that."""
    response = row["response"]
    if response is None:
        return {}, {"reason": None, "status": FAILED, "why": row.get("why")}
    reason = response.strip()
    if rules.clean:
        reason = clean_reason(response, openings=words.openings, invitations=words.invitations)
    draft = Draft(
        reason,
        transcripts.get(row["utterance_id"]),
        label_words[row["emotion"]],
        row.get("finished"),
        rules,
        words,
    )
    checked = {name: FILTERS[name].found(draft) for name in rules.filters}
    found = {name: why for name, why in checked.items() if why is not None}
    status = next(iter(found), KEPT)
    return found, {"reason": reason or None, "status": status, "why": found.get(status)}


def _label_words(emotions: Sequence[str], space: LabelSpace) -> dict[str, frozenset[str]]:
    """From each label to all words and phrases that a reader takes for it."""
    vocabulary = vocabulary_of(space)
    found: dict[str, set[str]] = {name: set() for name in space.names}
    for word, label in vocabulary.words.items():
        found[label].add(word)
    foreign = sorted(set(emotions) - set(found))
    if foreign:
        raise InputError(
            "the teacher was told a label that is not in the label space",
            column="emotion",
            value=foreign[0],
            choices=space.names,
        )
    return {label: frozenset(each) for label, each in found.items()}


def _dropped(
    table: pl.DataFrame, broken: Sequence[Mapping[str, str]], names: Sequence[str]
) -> pl.DataFrame:
    statuses = table.get_column("status").to_list()
    docs = {FAILED: "the teacher gave no answer", KEPT: "learnt from"}
    rows = [
        {
            "filter": name,
            "doc": docs.get(name) or FILTERS[name].doc,
            "dropped": statuses.count(name),
            _ALONE: None if name in docs else sum(name in found for found in broken),
            "share": statuses.count(name) / len(statuses) if statuses else None,
        }
        for name in (FAILED, *names, KEPT)
    ]
    types = {
        "filter": pl.String(),
        "doc": pl.String(),
        "dropped": pl.Int64(),
        _ALONE: pl.Int64(),
        "share": pl.Float64(),
    }
    return pl.DataFrame(rows, schema=types)


def kept_by(rationales: pl.DataFrame, utterances: pl.DataFrame, attribute: str) -> pl.DataFrame:
    """How many reasons of each group are kept: a filter may thin out one group's speech.

    Args:
        rationales: a table of ``records.RATIONALES``.
        utterances: with ``utterance_id`` and the attribute.
        attribute: a column, such as ``gender`` or ``emotion``.

    Returns:
        A row a group with ``group``, ``n``, ``kept`` and ``share``; unknown ones as null.

    Example:
        >>> made = pl.DataFrame({"utterance_id": ["a", "b"], "status": ["kept", "too_short"]})
        >>> kept_by(made, pl.DataFrame({"utterance_id": ["a", "b"], "gender": ["f", "m"]}), "gender").rows()
        [('f', 1, 1, 1.0), ('m', 1, 0, 0.0)]
    """
    if attribute not in utterances.columns:
        raise InputError(
            "the utterances have no such column", column=attribute, choices=utterances.columns
        )
    whose = utterances.select("utterance_id", group=pl.col(attribute).cast(pl.String))
    joined = rationales.select("utterance_id", "status").join(whose, on="utterance_id", how="left")
    return (
        joined.group_by("group")
        .agg(n=pl.len().cast(pl.Int64), kept=(pl.col("status") == KEPT).sum().cast(pl.Int64))
        .with_columns(share=pl.col("kept") / pl.col("n"))
        .sort("group", nulls_last=True)
    )
