"""A listening study in one YAML file: what is heard, what is asked, of how many people.

::

    study: reasons                     # a short name
    title: Do these explanations fit?
    about: |                           # the first page, above the consent
      You will hear short recordings and read why a program named an emotion.
    consent:
      text: |
        Taking part is voluntary. Your answers are stored under a number ...
      agree: I have read this and want to take part
    contact: the.team@example.org
    items: items.csv                   # what is judged: docs/listening_studies.md
    show: [sound, transcript, answer, reason]
    questions:
      - use: accept                    # a set of questions that comes with Equivoice
      - name: natural                  # or one of your own
        kind: scale
        ask: How natural does the voice sound?
        low: 1
        high: 5
        ends: [not at all, completely]
    raters: 10
    per_rater: 32
    balance: [correct]
    attention: 2
    break_every: 20

All mistakes in a file are reported together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from equivoice.errors import ConfigError
from equivoice.rating.rubrics import TIE
from equivoice.written_files import read_yaml

__all__ = [
    "SHOWN",
    "SIDES",
    "Choice",
    "Consent",
    "Question",
    "StudyFile",
    "TakenFrom",
    "page_words",
    "question_sets",
    "read_study_file",
    "study_from",
]

Kind = Literal["single", "multiple", "scale", "comparison"]
Shown = Literal["sound", "transcript", "text", "answer", "reason"]
SHOWN: tuple[Shown, ...] = ("sound", "transcript", "text", "answer", "reason")
SIDES = ("a", "b")

_NAME = r"^[a-z][a-z0-9_]{0,39}$"
_DOCS = "see docs/listening_studies.md"
_MOST_STEPS = 101


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Part):
    """One of the answers to choose among.

    Args:
        value: what a vote says.
        text: what a rater reads; the value where it is not given.
    """

    value: str = Field(min_length=1, max_length=80)
    text: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, str) else given

    @property
    def shown(self) -> str:
        """What a rater reads."""
        return self.text or self.value


class Question(_Part):
    """What is asked of every item.

    Args:
        name: the question of the votes.
        kind: ``single`` (one choice), ``multiple`` (any number of choices), ``scale``
            (whole numbers from ``low`` to ``high``) or ``comparison`` (A or B).
        ask: the question in words.
        help: a further line below it.
        choices: of ``single`` and ``multiple``.
        low: the first number of a scale.
        high: its last number.
        ends: what the first and the last number mean.
        ties: whether a comparison may end without a preference.
        optional: whether it may be left open.
        order: ``given``, or ``random``: another order of choices for each rater, the
            same one throughout, so that no choice is favoured by its place.
    """

    name: str = Field(pattern=_NAME)
    kind: Kind
    ask: str = Field(min_length=1)
    help: str = ""
    choices: tuple[Choice, ...] = ()
    low: int = 1
    high: int = 5
    ends: tuple[str, str] = ("", "")
    ties: bool = False
    optional: bool = False
    order: Literal["given", "random"] = "given"

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Question:
        needs = self.kind in ("single", "multiple")
        if needs and len(self.choices) < 2:
            raise ValueError(f"{self.kind} questions need two choices or more")
        if not needs and self.choices:
            raise ValueError(f"{self.kind} questions have no choices")
        if len({choice.value for choice in self.choices}) < len(self.choices):
            raise ValueError("a choice stands there twice")
        if not 0 < self.high - self.low < _MOST_STEPS:
            raise ValueError(f"high must lie 1 to {_MOST_STEPS - 1} above low")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """All that may be answered, as text."""
        if self.kind == "comparison":
            return (*SIDES, TIE) if self.ties else SIDES
        if self.kind == "scale":
            return tuple(str(number) for number in range(self.low, self.high + 1))
        return tuple(choice.value for choice in self.choices)


class Consent(_Part):
    """What a rater agrees to before the first item.

    Args:
        text: paragraphs, an empty line between them.
        agree: the sentence beside the box to tick.
    """

    text: str = Field(min_length=1)
    agree: str = "I have read this, and I agree to take part."


class TakenFrom(_Part):
    """Where items come from, and how many of them.

    Args:
        table: a table of items (CSV, TSV, JSON lines, Parquet).
        corpus: a prepared corpus: the utterances are the items, or give sound,
            transcript and reference label to the items of a table or of predictions.
        predictions: tables of predictions; their answers and reasons are judged.
        systems: which system's predictions, in this order: one, or two to be compared;
            all that the tables hold where not given.
        keep: only items with these values, such as ``{same: true}``.
        sample: how many items are drawn; all where not given.
        balance: columns whose combinations are drawn equally often.
    """

    table: Path | None = None
    corpus: Path | None = None
    predictions: tuple[Path, ...] = ()
    systems: tuple[str, ...] = Field((), max_length=2)
    keep: dict[str, str | bool | int | float] = Field(default_factory=dict)
    sample: int | None = Field(None, ge=1)
    balance: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: Any) -> Any:
        if isinstance(given, (str, Path)):
            return {"table": given}
        if isinstance(given, Mapping):
            return {
                name: [value]
                if name in ("predictions", "systems", "balance") and _word(value)
                else value
                for name, value in given.items()
            }
        return given

    @model_validator(mode="after")
    def _from_somewhere(self) -> TakenFrom:
        if self.table is not None and self.predictions:
            raise ValueError("items come from a table or from predictions, not from both")
        if self.table is None and not self.predictions and self.corpus is None:
            raise ValueError("name a table, predictions or a corpus")
        if self.predictions and self.corpus is None:
            raise ValueError("predictions need the corpus whose sound is heard")
        return self


class StudyFile(_Part):
    """A listening study as its file describes it.

    Args:
        study: a short name of letters, digits and underscores.
        title: what raters read above all pages.
        about: what the study is about and what to do; paragraphs.
        consent: what raters agree to.
        contact: whom raters can ask.
        language: of all texts, as BCP 47 tag.
        items: what is judged.
        show: what of an item is shown, in this order.
        questions: asked on each page.
        raters: how many links are made.
        per_rater: how many items each rater judges; all where not given.
        gold_per_rater: how many of them have a known right answer; as they come where
            not given.
        balance: columns of the items; each rater gets their combinations in the
            proportions of all items.
        attention: how many checks of attention each rater gets, which no one who reads
            can fail.
        break_every: after how many items a break is offered; 0 for never.
        comments: whether each page has a field for a comment.
        must_listen: whether an item counts only after its sound was asked for.
        thanks: what stands on the last page, such as a completion code.
        words: the app's own words in another language, by the names of
            :func:`page_words`.
        seed: of all that is drawn.
    """

    study: str = Field(pattern=_NAME)
    title: str = Field(min_length=1)
    about: str = ""
    consent: Consent
    contact: str = ""
    language: str = "en"
    items: TakenFrom
    show: tuple[Shown, ...] = SHOWN
    questions: tuple[Question, ...] = Field(min_length=1)
    raters: int = Field(10, ge=1, le=10_000)
    per_rater: int | None = Field(None, ge=1)
    gold_per_rater: int | None = Field(None, ge=0)
    balance: tuple[str, ...] = ()
    attention: int = Field(0, ge=0, le=50)
    break_every: int = Field(20, ge=0)
    comments: bool = False
    must_listen: bool = True
    thanks: str = ""
    words: dict[str, str] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)

    @field_validator("questions", mode="before")
    @classmethod
    def _expand_sets(cls, given: Any) -> Any:
        if not isinstance(given, Sequence) or isinstance(given, str):
            return given
        return [question for each in given for question in _questions_of(each)]

    @field_validator("balance", mode="before")
    @classmethod
    def _one_column(cls, given: Any) -> Any:
        return [given] if _word(given) else given

    @field_validator("words")
    @classmethod
    def _known_words(cls, given: dict[str, str]) -> dict[str, str]:
        known = page_words()
        for name, text in given.items():
            if name not in known:
                close = get_close_matches(name, known, n=1)
                raise ValueError(
                    f"no word is called {name!r}" + (f"; {close[0]!r}?" if close else "")
                )
            strange = _places_in(text) - _places_in(known[name])
            if strange:
                raise ValueError(f"{name}: nothing is filled in at {{{strange.pop()}}}")
        return given

    @model_validator(mode="after")
    def _hangs_together(self) -> StudyFile:
        names = [question.name for question in self.questions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two questions are called {twice[0]!r}")
        if self.attention and not any(each.kind != "comparison" for each in self.questions):
            raise ValueError("attention checks need a question other than a comparison")
        return self

    @property
    def compares(self) -> bool:
        """Whether two sides are shown."""
        return any(question.kind == "comparison" for question in self.questions)

    def question(self, name: str) -> Question:
        """The question of this name; ``KeyError`` where there is none."""
        return {question.name: question for question in self.questions}[name]


def question_sets() -> dict[str, tuple[dict[str, Any], ...]]:
    """The sets of questions that come with Equivoice, by the name that ``use`` gives.

    Example:
        >>> [question["name"] for question in question_sets()["msp-podcast"]]
        ['emotion', 'emotions', 'valence', 'arousal', 'dominance']
    """
    folder = files("equivoice.rating") / "questions"
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")),
        key=lambda entry: entry.name,
    )
    return {
        entry.name.removesuffix(".yaml"): tuple(yaml.safe_load(entry.read_text("utf-8")))
        for entry in found
    }


@cache
def page_words() -> dict[str, str]:
    """The words of the app's own pages, by name.

    Example:
        >>> page_words()["item"]
        'Item {place} of {places}'
    """
    text = (files("equivoice.rating") / "words.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))


def read_study_file(path: str | Path) -> StudyFile:
    """The study that a file describes; its paths are taken from the file's folder.

    Raises:
        ConfigError: the file cannot be read; all mistakes in it together.
    """
    path = Path(path)
    return study_from(read_yaml(path, what="the study"), folder=path.resolve().parent, file=path)


def study_from(raw: Any, *, folder: str | Path = ".", file: str | Path | None = None) -> StudyFile:
    """The study that a mapping describes.

    Args:
        raw: as YAML gives it.
        folder: where relative paths start.
        file: named in errors.

    Raises:
        ConfigError: all mistakes together.

    Example:
        >>> study = study_from({"study": "demo", "title": "Demo", "consent": {"text": "Yes?"},
        ...                     "items": "items.csv", "questions": [{"use": "accept"}]})
        >>> study.questions[0].values
        ('accept', 'reject')
    """
    if not isinstance(raw, Mapping):
        raise ConfigError("a study file holds 'key: value' lines", file=file, hint=_DOCS)
    try:
        study = StudyFile.model_validate(dict(raw))
    except ValidationError as error:
        problems = [_sentence(fault) for fault in error.errors()]
        raise ConfigError(
            ConfigError.from_problems(problems).problem, file=file, hint=_DOCS
        ) from error
    return study.model_copy(update={"items": _placed(study.items, Path(folder))})


def _placed(items: TakenFrom, folder: Path) -> TakenFrom:
    """The paths as seen from the file's folder."""
    return items.model_copy(
        update={
            "table": items.table and folder / items.table,
            "corpus": items.corpus and folder / items.corpus,
            "predictions": tuple(folder / path for path in items.predictions),
        }
    )


def _questions_of(given: Any) -> list[Any]:
    """A question as it stands, or those of the set that it names, with what it changes."""
    if not isinstance(given, Mapping) or "use" not in given:
        return [given]
    sets = question_sets()
    name = given["use"]
    if name not in sets:
        raise ValueError(f"no set of questions is called {name!r}; there are {', '.join(sets)}")
    changes = {key: value for key, value in given.items() if key != "use"}
    if changes and len(sets[name]) > 1:
        raise ValueError(f"{name!r} has several questions: write out those that you change")
    return [{**question, **changes} for question in sets[name]]


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{where}: needed"
    if fault["type"] == "extra_forbidden":
        known = list(_keys_beside(fault["loc"]))
        close = get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    given = fault["input"]
    shown = "" if isinstance(given, (Mapping, list)) else f", not {given!r}"
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}" if where else message


def _keys_beside(location: Sequence[Any]) -> tuple[str, ...]:
    """The keys that may stand where an unknown one was found."""
    parts: dict[str, type[BaseModel]] = {
        "consent": Consent,
        "items": TakenFrom,
        "questions": Choice if "choices" in location else Question,
    }
    model = parts.get(str(location[0]), StudyFile) if len(location) > 1 else StudyFile
    return tuple(model.model_fields)


def _places_in(text: str) -> set[str]:
    """What a text leaves to be filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _word(given: Any) -> bool:
    return isinstance(given, (str, Path))
