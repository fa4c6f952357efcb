"""Which of a teacher's reasons are learnt from: small rules by name, each of which says why.

The constraints are those of Explainable SpeechLM: a reason neither states nor paraphrases
the label, speaks of content and of sound, and ends without an open question. The paper
gives no thresholds, no lists of words and no order; those here are ours, and all can be
changed. A reason is cleaned first (:mod:`equivoice.rationales.cleaning`), then the first
rule that it breaks drops it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from equivoice.errors import ConfigError
from equivoice.prompting.explained import has_target_tags
from equivoice.prompting.normalising import normalise
from equivoice.rationales.cleaning import last_sentence, opens_with
from equivoice.written_files import parse_yaml, read_text

__all__ = ["FILTERS", "Draft", "EvidenceWords", "Filter", "FilterRules", "evidence_words"]

_QUOTED = re.compile(r"“([^”]{1,500})”|\"([^\"]{1,500})\"|‘([^’]{1,500})’")
_ENDS = re.compile(r"[.!?…。！？][\"'”’)\]]*\Z")
_LOOP = 6  # so many words, three times over, are no reason any more


class FilterRules(BaseModel):
    """How reasons are cleaned and filtered.

    Args:
        filters: the rules by name, in the order in which they are applied.
        clean: strip disallowed openings, and questions to the reader at the end, first.
        min_words: fewer are too short. Ours: the paper gives no number.
        max_words: more are too long. Ours.
        quoted_label: whether the label's word may stand in words quoted from the transcript.
        words: a file with the lists of words; ``None`` for Equivoice's own (English).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    filters: tuple[str, ...] = Field(default_factory=lambda: tuple(FILTERS))
    clean: bool = True
    min_words: int = Field(default=12, ge=1)
    max_words: int = Field(default=250, ge=1)
    quoted_label: bool = False
    words: Path | None = None

    @field_validator("filters", mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        if isinstance(given, str):
            return [part.strip() for part in given.split(",") if part.strip()]
        return given

    @field_validator("filters")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in given if name not in FILTERS]
        if unknown:
            raise ValueError(f"no filter {unknown[0]!r} (choices: {', '.join(FILTERS)})")
        return tuple(dict.fromkeys(given))

    @model_validator(mode="after")
    def _room(self) -> FilterRules:
        if self.min_words > self.max_words:
            raise ValueError("min_words is more than max_words")
        return self


@dataclass(frozen=True)
class EvidenceWords:
    """Lists of words, normalised.

    Args:
        sound: words that speak of the sound; a star stands for any ending.
        content: words that speak of what is said.
        openings: phrases that may not open a reason.
        invitations: phrases that a last sentence may not hold.
    """

    sound: tuple[str, ...]
    content: tuple[str, ...]
    openings: tuple[str, ...]
    invitations: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A reason that is to be judged, with what it must not say.

    Args:
        reason: cleaned.
        transcript: what is said, where it is known.
        label_words: the label, its synonyms and its other forms, normalised.
        finished: whether the teacher ended by itself; ``None`` where unknown.
        rules: thresholds.
        words: lists of words.
    """

    reason: str
    transcript: str | None
    label_words: frozenset[str]
    finished: bool | None
    rules: FilterRules
    words: EvidenceWords

    @cached_property
    def said(self) -> list[str]:
        """Its words, normalised."""
        return normalise(self.reason).split()


@dataclass(frozen=True)
class Filter:
    """A rule.

    Args:
        name: what the table of rationales calls it.
        doc: what it drops, in a phrase.
        found: what it finds in a draft, in words; ``None`` where the draft keeps the rule.
    """

    name: str
    doc: str
    found: Callable[[Draft], str | None]


def evidence_words(file: Path | None = None) -> EvidenceWords:
    """The lists of words of a file, or Equivoice's own.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it holds something else than the four lists.

    Example:
        >>> "pitch*" in evidence_words().sound
        True
    """
    if file is None:
        return _own_words()
    return _words(read_text(file, what="the file of words"), file)


@cache
def _own_words() -> EvidenceWords:
    entry = resources.files("equivoice.rationales") / "evidence.yaml"
    return _words(entry.read_text("utf-8"), Path("evidence.yaml"))


def _words(text: str, file: Path) -> EvidenceWords:
    names = tuple(EvidenceWords.__dataclass_fields__)
    raw = parse_yaml(text, file=file)
    lists = raw if isinstance(raw, dict) else {}
    right = all(
        isinstance(each, list) and all(isinstance(word, str) for word in each)
        for each in lists.values()
    )
    if set(lists) != set(names) or not right:
        raise ConfigError("a file of words holds four lists of words", file=file, choices=names)
    return EvidenceWords(**{name: tuple(map(_starred, lists[name])) for name in names})


def _starred(word: str) -> str:
    return normalise(word) + ("*" if word.endswith("*") else "")


# ----------------------------------------------------------------------------- rules


def _empty(draft: Draft) -> str | None:
    return None if draft.said else "no word is left"


def _tags(draft: Draft) -> str | None:
    return "a tag of the target stands in it" if has_target_tags(draft.reason) else None


def _cut_off(draft: Draft) -> str | None:
    if draft.finished is False:
        return "the teacher was cut off"
    if _ENDS.search(draft.reason) is None:
        return f"it ends in {draft.reason[-20:]!r}"
    return None


def _opening(draft: Draft) -> str | None:
    """One word opens wrongly only where a mark follows: "Well-paced speech" is none."""
    found = opens_with(draft.reason, draft.words.openings)
    if found is None:
        return None
    behind = draft.reason.strip()[len(found) :].lstrip()
    return f"it opens with {found!r}" if " " in found or behind[:1] in set(",.:;!") else None


def _question(draft: Draft) -> str | None:
    last = last_sentence(draft.reason)
    if last.endswith(("?", "？")):
        return f"it ends with a question: {last[-60:]!r}"
    said = f" {normalise(last)} "
    held = [each for each in draft.words.invitations if f" {each} " in said]
    return f"it ends with {held[0]!r}" if held else None


def _label_word(draft: Draft) -> str | None:
    text = draft.reason
    if draft.rules.quoted_label and draft.transcript is not None:
        spoken = f" {normalise(draft.transcript)} "
        text = _QUOTED.sub(
            lambda quote: " " if f" {normalise(_inner(quote))} " in spoken else quote[0], text
        )
    said = f" {normalise(text)} "
    held = sorted(word for word in draft.label_words if f" {word} " in said)
    return f"the label's word {held[0]!r}" if held else None


def _inner(quote: re.Match[str]) -> str:
    return next(part for part in quote.groups() if part is not None)


def _short(draft: Draft) -> str | None:
    number = len(draft.said)
    return f"{number} words" if number < draft.rules.min_words else None


def _long(draft: Draft) -> str | None:
    number = len(draft.said)
    return f"{number} words" if number > draft.rules.max_words else None


def _repeats(draft: Draft) -> str | None:
    runs = [tuple(draft.said[at : at + _LOOP]) for at in range(len(draft.said) - _LOOP + 1)]
    counts: dict[tuple[str, ...], int] = {}
    for run in runs:
        counts[run] = counts.get(run, 0) + 1
        if counts[run] == 3:
            return f"three times {' '.join(run)!r}"
    return None


def _no_content(draft: Draft) -> str | None:
    if _speaks_of(draft.said, draft.words.content) or _quotes(draft):
        return None
    return "no word of what is said, nor about it"


def _no_sound(draft: Draft) -> str | None:
    return None if _speaks_of(draft.said, draft.words.sound) else "no word about the sound"


def _speaks_of(said: Sequence[str], listed: Sequence[str]) -> bool:
    whole = {word for word in listed if not word.endswith("*")}
    stems = tuple(word[:-1] for word in listed if word.endswith("*"))
    return any(word in whole or word.startswith(stems) for word in said)


def _quotes(draft: Draft) -> bool:
    """Whether two words of the transcript stand in it side by side (its only one, of one)."""
    spoken = normalise(draft.transcript or "").split()
    pairs = {tuple(spoken[at : at + 2]) for at in range(max(1, len(spoken) - 1))} - {()}
    size = min(2, len(spoken))
    held = {tuple(draft.said[at : at + size]) for at in range(len(draft.said))}
    return bool(pairs & held)


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        each.name: each
        for each in (
            Filter("empty", "nothing is left of it", _empty),
            Filter("holds_tags", "it holds tags of the target", _tags),
            Filter("cut_off", "its last sentence has no end", _cut_off),
            Filter("forbidden_opening", "it opens with a phrase that is not allowed", _opening),
            Filter("trailing_question", "it ends with a question or an invitation", _question),
            Filter("label_word", "the label, a synonym or another form stands in it", _label_word),
            Filter("too_short", "it has fewer words than min_words", _short),
            Filter("too_long", "it has more words than max_words", _long),
            Filter("repeats", f"a run of {_LOOP} words stands in it three times", _repeats),
            Filter("no_content", "it does not speak of what is said", _no_content),
            Filter("no_sound", "it does not speak of the sound", _no_sound),
        )
    }
)
"""The rules by name, in the order in which they are applied by default."""
