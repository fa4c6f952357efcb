"""Answers in any words, read as labels: by the lexicon, or by language models in two steps.

The published chain has a language model say which emotion an answer decides on, and another
sort the words into classes. Here both steps are any :class:`~equivoice.models.LanguageBackend`
with instructions of ours, each distinct text asked once and kept; or neither is, and
:mod:`equivoice.prompting.open_form` does both offline.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from equivoice.errors import SchemaError
from equivoice.inference.consulting import Consulted, Consulting, consult
from equivoice.models import LanguageBackend
from equivoice.prompting import Turn, parse, reread
from equivoice.prompting.instructions import Instruction, load_instruction
from equivoice.prompting.normalising import normalise
from equivoice.prompting.open_form import OTHER, read_open_responses
from equivoice.prompting.structured import clean, shorten, without_reasoning
from equivoice.records import Label, LabelSpace

__all__ = ["FORMS", "Form", "FormReading", "Readers", "read_form"]

Form = Literal["open", "closed"]
FORMS: tuple[Form, ...] = ("open", "closed")
"""How a model is asked: in any words, or with options."""

SAID, READ_AS, WHY = "said", "read_as", "read_why"
"""Columns that reading adds: the words it found, the class or "other", and why."""

_LONGEST_WORDS = 60
_LABEL = re.compile(r"^\W*(?:emotion|class|answer)\s*[:：]\s*", re.IGNORECASE)
_NOTHING = frozenset({"", "none", "no emotion named", "n a", "not named", "nothing"})
_OTHERS = frozenset({"other", "others"})
_SCHEMA = {"status": pl.String, "emotion": pl.String, "why": pl.String, SAID: pl.String}


@dataclass(frozen=True)
class Readers:
    """The language models that read answers.

    Args:
        extractor: says which emotion an answer decides on.
        sorter: sorts words into classes; ``None`` for the extractor.
        how: how they are asked.
        extract: the instruction of the first step, with the place ``answer``.
        cluster: the instruction of the second, with the places ``word`` and ``labels``.
    """

    extractor: LanguageBackend
    sorter: LanguageBackend | None = None
    how: Consulting = field(default_factory=Consulting)
    extract: str = "extract_emotion_v1"
    cluster: str = "cluster_emotion_v1"

    def describe(self) -> dict[str, Any]:
        """What a record must know of them, as JSON can hold it."""
        sorter = self.sorter or self.extractor
        return {
            "extractor": {"name": self.extractor.name, **self.extractor.describe()},
            "sorter": {"name": sorter.name, **sorter.describe()},
            "instructions": {
                name: load_instruction(name).wording for name in (self.extract, self.cluster)
            },
            "decoding": vars(self.how.decoding),
            "temperature": self.how.temperature,
            "seed": self.how.seed,
        }


@dataclass(frozen=True)
class FormReading:
    """Answers as they were read.

    Args:
        predictions: the table given, with ``status`` and ``emotion`` as read, and the
            columns ``said``, ``read_as`` (a label, or "other") and ``read_why``.
        counts: how many answers fell where.
        asked: how many questions were put to language models now.
        found: how many of their answers were there from before.
    """

    predictions: pl.DataFrame
    counts: Mapping[str, int]
    asked: int = 0
    found: int = 0

    @property
    def note(self) -> str:
        """What must be known before scores are read, as a sentence."""
        parts = ", ".join(f"{n} {what}" for what, n in self.counts.items() if n)
        return f"Answers were read again: {parts}. What is no label counts as a wrong answer."


def read_form(
    predictions: pl.DataFrame,
    space: LabelSpace,
    form: Form,
    *,
    readers: Readers | None = None,
    watch: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> FormReading:
    """Read the answers of a table as those of one form.

    Args:
        predictions: a table with ``response``; rows without one, and failed ones, keep
            what they have.
        space: the labels.
        form: ``open``: any words, sorted into the labels and "other". ``closed``: the
            options displayed (the column ``options``, else all labels), by the parser.
        readers: language models that read in two steps, whatever the form.
        watch: told the step at work, and how far it is.

    Raises:
        SchemaError: there are no answers in the column ``response``.
        RunError: a language model cannot be asked.

    Example:
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> said = pl.DataFrame({"utterance_id": ["a", "b"],
        ...                      "response": ["She is annoyed.", "He is curious."]})
        >>> read = read_form(said, space, "open")
        >>> read.predictions.select("status", "emotion", "read_as").rows()
        [('parsed', 'angry', 'angry'), ('unparsed', None, 'other')]
    """
    if "response" not in predictions.columns or predictions["response"].is_null().all():
        raise SchemaError(
            "the table holds no answers in words",
            column="response",
            choices=predictions.columns,
            hint="leave the form out, and labels are scored as they stand",
        )
    asked = Consulted((), 0, 0)
    if readers is not None:
        read, asked = _by_models(predictions.get_column("response"), space, readers, watch)
    elif form == "open":
        read = read_open_responses(predictions.get_column("response"), space)
        read = read.with_columns(pl.lit(None, dtype=pl.String).alias(SAID))
    else:
        read = reread(predictions, space).with_columns(pl.lit(None, dtype=pl.String).alias(SAID))
    made = _with_reading(predictions, read, space)
    return FormReading(made, _counts(made), asked.asked, asked.found)


def _with_reading(predictions: pl.DataFrame, read: pl.DataFrame, space: LabelSpace) -> pl.DataFrame:
    """The table with what was read, but for rows that hold no answer."""
    said = pl.col("response").is_not_null()
    if "status" in predictions.columns:
        said = said & pl.col("status").cast(pl.String).ne_missing("failed")
    answered = predictions.select(said.alias("answered")).to_series()
    label = pl.col("emotion").is_in(space.names)
    new = read.select(
        answered.alias("answered"),
        status=pl.when((pl.col("status") == "parsed") & ~label)
        .then(pl.lit("unparsed"))
        .otherwise("status"),
        emotion=pl.when(label).then("emotion"),
        read_as=pl.when(pl.col("status") == "parsed").then("emotion"),
        read_why="why",
        said=SAID,
    )
    columns = []
    for name in ("status", "emotion", "read_as", "read_why", SAID):
        kept = (
            predictions.get_column(name).cast(pl.String)
            if name in ("status", "emotion") and name in predictions.columns
            else pl.Series([None] * predictions.height, dtype=pl.String)
        )
        columns.append(new.get_column(name).zip_with(answered, kept).alias(name))
    others = ("emotions", "probabilities", "outside")
    return predictions.drop(others, strict=False).with_columns(columns)


def _counts(made: pl.DataFrame) -> dict[str, int]:
    read_as = made.get_column("read_as")
    label = made.get_column("emotion").is_not_null() & read_as.is_not_null()
    other = read_as.is_not_null() & ~label
    status = made.get_column("status").filter(read_as.is_null())
    found = {"read as a label": int(label.sum()), "an emotion that is no label": int(other.sum())}
    named = {"unparsed": "without an emotion"}
    for name in ("ambiguous", "refused", "unparsed", "failed"):
        found[named.get(name, name)] = int((status == name).sum())
    return found


# ------------------------------------------------------------------ by language models


def _by_models(
    responses: pl.Series,
    space: LabelSpace,
    readers: Readers,
    watch: Callable[[str, int, int], None],
) -> tuple[pl.DataFrame, Consulted]:
    """Both steps; the counts of what was asked in a :class:`Consulted` without answers."""
    answers = [None if each is None else str(each) for each in responses]
    words, first = _extracted(list(dict.fromkeys(answers)), readers, watch)
    sorted_words, second = _clustered(words.values(), space, readers, watch)
    rows = [_row(words[answer], sorted_words) for answer in answers]
    asked = Consulted((), first.asked + second.asked, first.found + second.found)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row"), asked


@dataclass(frozen=True)
class _Found:
    """What a step found (words, or a class), or why it found nothing."""

    text: str | None
    status: str = "parsed"
    why: str = ""


def _extracted(
    answers: Sequence[str | None], readers: Readers, watch: Callable[[str, int, int], None]
) -> tuple[dict[str | None, _Found], Consulted]:
    """From each answer to the words for its emotion."""
    told = load_instruction(readers.extract)
    texts = {
        answer: without_reasoning(clean(shorten(answer))).strip() if answer else ""
        for answer in answers
    }
    asked = [answer for answer, text in texts.items() if normalise(text)]
    found = consult(
        readers.extractor,
        [told.render(answer=texts[answer]) for answer in asked],
        how=readers.how,
        watch=lambda done, size: watch("extracting", done, size),
    )
    words: dict[str | None, _Found] = {
        answer: _Found(None, "unparsed", "the answer is empty") for answer in answers
    }
    for answer, said in zip(asked, found.answers, strict=True):
        if said.text is None:
            words[answer] = _Found(None, "failed", f"the extractor failed: {said.reason}")
        else:
            words[answer] = _word(said.text)
    return words, found


def _word(said: str) -> _Found:
    """The words in an extractor's answer.

    Example:
        >>> _word("Emotion: **Annoyed**.").text, _word("none").text
        ('Annoyed', None)
    """
    lines = [line.strip() for line in without_reasoning(clean(said)).splitlines() if line.strip()]
    text = _LABEL.sub("", lines[0]).strip(" \t.,;:!?\"'`*<>[]()") if lines else ""
    if normalise(text) in _NOTHING:
        return _Found(None, "unparsed", "the extractor finds no emotion in the answer")
    if len(text) > _LONGEST_WORDS:
        return _Found(None, "unparsed", "the extractor gave a sentence in the place of a word")
    return _Found(text)


def _clustered(
    words: Iterable[_Found],
    space: LabelSpace,
    readers: Readers,
    watch: Callable[[str, int, int], None],
) -> tuple[dict[str, _Found], Consulted]:
    """From each word to its class; the labels' own words need no asking."""
    distinct = {normalise(word.text): word.text for word in words if word.text is not None}
    found: dict[str, _Found] = {}
    for key, text in distinct.items():
        label = space.resolve(key) or space.resolve(text)
        if label is not None:
            found[key] = _Found(label, why=f"{text!r} is a word for the label")
        elif key in _OTHERS:
            found[key] = _Found(OTHER, why="the answer says other")
    left = {key: text for key, text in distinct.items() if key not in found}
    told = load_instruction(readers.cluster)
    consulted = consult(
        readers.sorter or readers.extractor,
        [_sorting(told, text, space) for text in left.values()],
        how=readers.how,
        watch=lambda done, size: watch("sorting", done, size),
    )
    classes = _with_other(space)
    for (key, text), said in zip(left.items(), consulted.answers, strict=True):
        if said.text is None:
            found[key] = _Found(None, "failed", f"the sorter failed: {said.reason}")
            continue
        read = parse(said.text, classes)
        found[key] = _Found(read.label, read.status, f"{text!r} was sorted: {read.why}")
    return found, consulted


def _sorting(told: Instruction, word: str, space: LabelSpace) -> tuple[Turn, ...]:
    shown = ", ".join(name[:1].upper() + name[1:] for name in space.names if name != OTHER)
    return told.render(word=word, labels=shown)


def _with_other(space: LabelSpace) -> LabelSpace:
    if space.resolve(OTHER) is not None:
        return space
    return LabelSpace(f"{space.id} and other", (*space.labels, Label(OTHER)))


def _row(word: _Found, classes: Mapping[str, _Found]) -> tuple[str, str | None, str, str | None]:
    if word.text is None:
        return word.status, None, word.why, None
    read = classes[normalise(word.text)]
    return read.status, read.text, read.why, word.text
