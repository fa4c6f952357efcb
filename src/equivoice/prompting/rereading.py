"""Read the answers of a predictions table again, by any convention."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from equivoice.errors import LabelError, SchemaError
from equivoice.prompting.options import Options
from equivoice.prompting.parsing import parse_responses
from equivoice.prompting.prompts import load_prompt, prompt_names
from equivoice.prompting.vocabulary import emotion_of
from equivoice.records import LabelSpace

__all__ = ["options_as_shown", "reread"]

_LETTER = re.compile(r"\(?([A-Z])[.):]\s+(.+)")
_ROW = "row"


def options_as_shown(space: LabelSpace, shown: Sequence[str], *, lettered: bool = False) -> Options:
    """Options out of the words displayed, which may be translated.

    Args:
        space: the labels.
        shown: the words in the order displayed; letters before them (``A. Sad``) are
            understood.
        lettered: whether they had letters, where the words do not show it.

    Raises:
        LabelError: a word stands for no label, or two words for one.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> options_as_shown(space, ["traurig", "wütend"]).labels
        ('sad', 'angry')
        >>> options_as_shown(space, ["A. Sad", "B. Angry"]).lettered
        True
    """
    letters = [_LETTER.fullmatch(word.strip()) for word in shown]
    if shown and all(m and m[1] == chr(65 + i) for i, m in enumerate(letters)):
        shown = [match[2] for match in letters if match]
        lettered = True
    labels = tuple(_label_of(word, space) for word in shown)
    if len(set(labels)) < len(labels):
        raise LabelError("two options stand for one label", value=list(shown))
    return Options(space, labels, tuple(shown), lettered)


def _label_of(word: str, space: LabelSpace) -> str:
    label = space.resolve(word)
    emotion = emotion_of(word) if label is None else None
    if emotion is not None:
        label = space.resolve(emotion)
    if label is None:
        raise LabelError(
            f"an option stands for no label of {space.id!r}", value=word, choices=space.names
        )
    return label


def reread(
    predictions: pl.DataFrame,
    space: LabelSpace,
    *,
    convention: str = "equivoice",
    lettered: bool | None = None,
) -> pl.DataFrame:
    """Read answers again, each with the options that were displayed with it.

    Args:
        predictions: a table with ``response``; with ``options`` (the words displayed, in
            order) where they were kept, else all labels of the space count as displayed.
        space: the labels.
        convention: how answers are read; one of ``equivoice.prompting.CONVENTIONS``.
        lettered: whether options had letters; ``None`` for what the prompts named in
            the column ``prompt`` say, where they are Equivoice's own.

    Returns:
        A table of as many rows in the same order with ``status``, ``emotion`` and
        ``why``. A row without a response, or whose status is ``failed``, keeps the status
        and emotion that it has.

    Raises:
        SchemaError: there is no column ``response``, or ``options`` holds no words.
        LabelError: an option stands for no label.
        ConfigError: an unknown convention.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> table = pl.DataFrame({"response": ["not angry but sad", "B"],
        ...                       "options": [["Angry", "Sad"], ["A. Angry", "B. Sad"]]})
        >>> reread(table, space)["emotion"].to_list()
        ['sad', 'sad']
        >>> reread(table, space, convention="fairalm_code")["emotion"].to_list()
        ['angry', None]
    """
    if "response" not in predictions.columns:
        raise SchemaError(
            "the table lacks the column 'response'", column="response", choices=predictions.columns
        )
    kept = _kept(predictions)
    keys = {
        "shown": _shown(predictions),
        "lettered": _lettered(predictions, lettered),
        "answered": _answered(predictions),
    }
    asked = predictions.select(response=pl.col("response").cast(pl.String), **keys)
    parts = [kept.filter(~asked.get_column("answered"))]
    answered = asked.with_row_index(_ROW).filter("answered")
    for (shown, letters), part in answered.group_by("shown", "lettered", maintain_order=True):
        words = space.names if shown is None else json.loads(str(shown))
        options = options_as_shown(space, words, lettered=bool(letters))
        read = parse_responses(part.get_column("response"), options, convention=convention)
        parts.append(part.select(_ROW).hstack(read))
    return pl.concat(parts).sort(_ROW).drop(_ROW)


def _answered(predictions: pl.DataFrame) -> pl.Series:
    said = predictions.get_column("response").is_not_null()
    if "status" not in predictions.columns:
        return said
    # what stands as the response of a failed answer is why it failed
    return said & predictions.get_column("status").cast(pl.String).ne_missing("failed")


def _kept(predictions: pl.DataFrame) -> pl.DataFrame:
    """What each row says already, for those that hold no answer to read."""

    def column(name: str, default: str | None) -> pl.Expr:
        if name in predictions.columns:
            return pl.col(name).cast(pl.String).alias(name)
        return pl.lit(default, dtype=pl.String).alias(name)

    return predictions.with_row_index(_ROW).select(
        _ROW,
        column("status", "unparsed"),
        column("emotion", None),
        why=pl.lit("there is no answer to read"),
    )


def _shown(predictions: pl.DataFrame) -> pl.Series:
    """The options displayed, as JSON text: lists and CSV's texts alike."""
    if "options" not in predictions.columns:
        return pl.Series([None] * predictions.height, dtype=pl.String)
    options = predictions.get_column("options")
    distinct: dict[Any, str | None] = {}
    texts = []
    for row, value in enumerate(options.to_list(), start=1):
        key = tuple(value) if isinstance(value, list) else value
        if key not in distinct:
            distinct[key] = _as_json(value, row)
        texts.append(distinct[key])
    return pl.Series(texts, dtype=pl.String)


def _as_json(value: Any, row: int) -> str | None:
    if value is None:
        return None
    try:
        words = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        words = [word.strip() for word in str(value).split(",")]
    if not isinstance(words, list) or not all(isinstance(w, str) and w for w in words) or not words:
        raise SchemaError(
            "options are no list of words", row=row, column="options", value=value,
            hint='write them as JSON: ["Happy", "Sad"]',
        )  # fmt: skip
    return json.dumps(words, ensure_ascii=False)


def _lettered(predictions: pl.DataFrame, given: bool | None) -> pl.Series:
    if given is not None or "prompt" not in predictions.columns:
        return pl.Series([bool(given)] * predictions.height, dtype=pl.Boolean)
    prompts = predictions.get_column("prompt").cast(pl.String)
    ours = [name for name in prompt_names() if load_prompt(name).lettered]
    return prompts.is_in(ours).fill_null(value=False)
