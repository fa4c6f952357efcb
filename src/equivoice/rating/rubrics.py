"""Rubrics as data: what a judge is asked about reasons, and what it may answer.

A :class:`Rubric` is read from YAML: one of Equivoice's own by name, or a user's file by
path. A pairwise rubric shows two reasons for the same emotion as A and B; a pointwise one
shows a single reason. The same rubric can be worded for judges that hear and for judges
that read the transcript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from equivoice.errors import ConfigError, InputError
from equivoice.prompting.prompt_files import Wording
from equivoice.prompting.slots import read_template, render_parts
from equivoice.prompting.turns import Turn
from equivoice.written_files import OwnFiles, is_written_file, parse_yaml, read_text

__all__ = ["TIE", "Rubric", "load_rubric", "rubric_names"]

Kind = Literal["pairwise", "pointwise"]

TIE = "tie"
"""The choice of a pairwise rubric that prefers neither."""

_OWN = OwnFiles("rubric", "equivoice.rating", "rubric_files")
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "pairwise": ("reason_a", "reason_b"),
    "pointwise": ("reason",),
}
_ROLES = ("system", "user")


@dataclass(frozen=True)
class Rubric:
    """A question about reasons.

    Args:
        name: what tables call it.
        version: raised when its wording changes.
        kind: ``pairwise`` or ``pointwise``.
        question: under which votes are stored, such as ``preference``.
        about: the question in one sentence, for people.
        wordings: one a modality.
        choices: from each choice to the words that stand for it; empty with a scale.
        low: the lowest point of the scale; ``None`` where there are choices.
        high: the highest point.
        source: where it was published, or who wrote it.
    """

    name: str
    version: int
    kind: Kind
    question: str
    about: str
    wordings: tuple[Wording, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    source: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """What a judge can be given: ``speech``, ``transcript``, ``speech+transcript``."""
        return tuple(wording.modality for wording in self.wordings)

    @property
    def title(self) -> str:
        """Name and version, such as ``pairwise 1``."""
        return f"{self.name} {self.version}"

    def render(self, shown: Mapping[str, str], *, modality: str) -> tuple[Turn, ...]:
        """The conversation about one item.

        What is filled in is never read as a template, and the marks around a reason cannot
        be closed from inside it.

        Args:
            shown: ``emotion`` and, by kind, ``reason`` or ``reason_a`` and ``reason_b``;
                ``transcript`` where the modality has one.
            modality: one of :attr:`modalities`.

        Raises:
            ConfigError: there is no wording for this modality.
            InputError: something that the wording shows is missing.

        Example:
            >>> rubric = load_rubric("acceptance")
            >>> shown = {"emotion": "sad", "reason": "It is slow.", "transcript": "It is over."}
            >>> "sounds sad" in rubric.render(shown, modality="transcript")[-1].text
            True
        """
        found = [wording for wording in self.wordings if wording.modality == modality]
        if not found:
            raise ConfigError(
                f"the rubric {self.name!r} has no wording for this modality",
                value=modality,
                choices=self.modalities,
            )
        wording = found[0]
        missing = [name for name in wording.places if name != "audio" and name not in shown]
        if missing:
            raise InputError(
                f"the rubric {self.name!r} shows {missing[0]!r}, and this item has none",
                column=missing[0],
                hint="add transcripts to the corpus, or choose another modality",
            )
        values = {name: _quoted(text) for name, text in shown.items()}
        return tuple(
            Turn(role, tuple(part for each in templates for part in render_parts(each, values)))
            for role, templates in wording.turns
        )


def _quoted(text: str) -> str:
    """A text that cannot close the marks that stand around it."""
    return text.strip().replace('"""', '"')


@cache
def rubric_names() -> tuple[str, ...]:
    """The names of Equivoice's own rubrics.

    Example:
        >>> rubric_names()
        ('acceptance', 'pairwise', 'plausibility')
    """
    return _OWN.names()


def load_rubric(name_or_path: str | Path) -> Rubric:
    """One of Equivoice's own rubrics by name, or a rubric from a YAML file.

    Args:
        name_or_path: a name of :func:`rubric_names`; what ends in ``.yaml`` or ``.yml``,
            or has a folder in it, is a path.

    Raises:
        ConfigError: no such rubric, or mistakes in the file, all reported together.
        InputError: the file cannot be read.

    Example:
        >>> load_rubric("pairwise").question
        'preference'
    """
    if is_written_file(name_or_path):
        return _from_file(Path(name_or_path))
    return _own_rubric(str(name_or_path))


@cache
def _own_rubric(name: str) -> Rubric:
    return _read(_OWN.text(name), name=name, file=f"{name}.yaml")


def _from_file(path: Path) -> Rubric:
    text = read_text(path, what="the rubric file")
    if path.stem in rubric_names():
        raise ConfigError(
            "a rubric file bears the name of one of Equivoice's own",
            file=path,
            hint="call it otherwise, so that its votes are not taken for those of another",
        )
    return _read(text, name=path.stem, file=path)


# ------------------------------------------------------------------ reading a file


class _Scale(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float
    high: float


class _Turns(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    turns: tuple[dict[str, str | tuple[str, ...]], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_be_asked(self) -> _Turns:
        if any(len(turn) != 1 or set(turn) - set(_ROLES) for turn in self.turns):
            raise ValueError(f"a turn is written 'user: text', with one of {', '.join(_ROLES)}")
        if "user" not in self.turns[-1]:
            raise ValueError("the last turn is not the user's, and the judge answers next")
        return self

    @property
    def wording(self) -> Wording:
        made = []
        for turn in self.turns:
            ((role, texts),) = turn.items()
            parts = (texts,) if isinstance(texts, str) else texts
            made.append((role, tuple(read_template(part) for part in parts)))
        return Wording(tuple(made))  # type: ignore[arg-type]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=1, ge=1)
    source: str = ""
    kind: Kind
    question: str = Field(min_length=1)
    about: str = ""
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    scale: _Scale | None = None
    wordings: tuple[_Turns, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> _File:
        problems = [*self._about_choices(), *self._about_places()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _about_choices(self) -> list[str]:
        problems = []
        if bool(self.choices) == (self.scale is not None):
            problems.append("a rubric has either choices or a scale")
        if self.kind == "pairwise" and not {"a", "b"} <= set(self.choices):
            problems.append("a pairwise rubric has the choices a and b (and tie, if it may)")
        if self.choices and len(self.choices) < 2:
            problems.append("one choice is none")
        words = [word.casefold() for each in self.choices.values() for word in each]
        problems += [
            f"the word {w!r} stands for two choices" for w in set(words) if words.count(w) > 1
        ]
        problems += [
            f"choice {name!r} has no word" for name, each in self.choices.items() if not each
        ]
        if self.scale is not None and not self.scale.low < self.scale.high:
            problems.append("the scale's low is not below its high")
        return problems

    def _about_places(self) -> list[str]:
        needed = _SHOWN[self.kind]
        allowed = {*needed, "emotion", "transcript", "audio"}
        problems = []
        for number, each in enumerate(self.wordings, start=1):
            places = each.wording.places
            problems += [
                f"wording {number} shows no {{{name}}}" for name in needed if name not in places
            ]
            problems += [
                f"wording {number} has an unknown place {{{name}}}"
                for name in places
                if name not in allowed
            ]
            if places.count("audio") > 1:
                problems.append(f"wording {number} has {{audio}} more than once")
            if not {"audio", "transcript"} & set(places):
                problems.append(f"wording {number} shows neither {{audio}} nor {{transcript}}")
        modalities = [each.wording.modality for each in self.wordings]
        if len(set(modalities)) < len(modalities):
            problems.append("two wordings are for one modality")
        return problems


def _read(text: str, *, name: str, file: str | Path) -> Rubric:
    raw = parse_yaml(text, file=file)
    try:
        read = _File.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc'])) or 'rubric'}: {each['msg']}"
            for each in error.errors()
        ]
        raise ConfigError(
            ConfigError.from_problems(problems).problem, file=file, hint="see docs/judging.md"
        ) from error
    return Rubric(
        name=name,
        version=read.version,
        kind=read.kind,
        question=read.question,
        about=read.about,
        wordings=tuple(each.wording for each in read.wordings),
        choices=read.choices,
        low=None if read.scale is None else read.scale.low,
        high=None if read.scale is None else read.scale.high,
        source=read.source,
    )
