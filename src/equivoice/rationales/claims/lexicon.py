"""The words of the grammar, from ``words.yaml``, ready to be looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

__all__ = ["ANY_WORD", "NO_ROLES", "Lexicon", "Meaning", "Roles", "lexicon"]

Meaning = tuple[str, str]
"""A measure and a direction."""

ANY_WORD = "*"
"""Stands for any one word in an entry of several."""

_FLAGS = (
    "less",
    "growing",
    "hedges",
    "negations",
    "affirmations",
    "interpreting",
    "imagined",
    "asserting",
    "relative",
    "comparing",
    "turning",
    "joining",
    "determiners",
    "persons",
    "speaking",
    "linking",
    "prepositions",
    "functions",
    "degree_adverbs",
    "labelling",
    "quoting",
)


@dataclass(frozen=True)
class Roles:
    """What a word or phrase can be in a sentence.

    Args:
        subject: the family of what it names, such as ``pitch``.
        degree: what it says of a subject, such as ``up``.
        strong: what it claims wherever it stands.
        weak: what it claims of a voice or of one who speaks.
        of: what it claims of subjects of a family, by family.
        flags: names of the word lists that it stands in.
    """

    subject: str | None = None
    degree: str | None = None
    strong: Meaning | None = None
    weak: Meaning | None = None
    of: Mapping[str, Meaning] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()

    @property
    def describes(self) -> bool:
        """Whether it can describe a sound."""
        return bool(self.degree or self.strong or self.weak or self.of)

    @property
    def known(self) -> bool:
        """Whether the grammar knows the word at all."""
        return bool(self.describes or self.subject or self.flags)


NO_ROLES = Roles()


@dataclass(frozen=True)
class Lexicon:
    """All words and the tables between them.

    Args:
        roles: by the words of an entry.
        longest: how many words the longest entry has.
        meanings: what a degree says of a family: (family, degree) to a claim.
        voice: what a word says of a voice.
        unsaid: what a subject claims where no degree stands by it.
        opposites: from a direction to the one that "less" makes of it.
    """

    roles: Mapping[tuple[str, ...], Roles]
    longest: int
    meanings: Mapping[tuple[str, str], Meaning]
    voice: Mapping[str, Meaning]
    unsaid: Mapping[str, Meaning]
    opposites: Mapping[str, str]


@cache
def lexicon() -> Lexicon:
    """The lexicon of ``words.yaml``; read once.

    Example:
        >>> lexicon().meanings["pitch", "up"]
        ('pitch', 'high')
    """
    text = (resources.files("equivoice.rationales.claims") / "words.yaml").read_text("utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    entries = _entries(raw)
    voice = {word: meaning for meaning, words in _voice_rows(raw) for word in words}
    meanings = {
        (family, degree): _meaning(pair)
        for family, degrees in raw["meanings"].items()
        for degree, pair in degrees.items()
    }
    unsaid = {family: _meaning(pair) for family, pair in raw["unsaid"].items()}
    longest = max(map(len, entries))
    return Lexicon(entries, longest, meanings, voice, unsaid, raw["opposites"])


def _entries(raw: Mapping[str, Any]) -> dict[tuple[str, ...], Roles]:
    """The roles of each entry of the file, gathered from all lists that it stands in."""
    entries: dict[tuple[str, ...], Roles] = {}
    for phrase, changes in _mentions(raw):
        key = tuple(phrase.split())
        known = entries.get(key, NO_ROLES)
        merged = {
            name: {**known.of, **value} if name == "of" else known.flags | value
            for name, value in changes.items()
            if name in ("of", "flags")
        }
        entries[key] = replace(known, **{**changes, **merged})
    return entries


def _mentions(raw: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each phrase of each list, with what the list makes of it."""
    for role in ("subject", "degree"):
        for name, phrases in raw[f"{role}s"].items():
            yield from ((phrase, {role: name}) for phrase in phrases)
    for quality in raw["qualities"]:
        meaning = _meaning(quality["says"])
        for strength in ("strong", "weak"):
            yield from ((phrase, {strength: meaning}) for phrase in quality.get(strength, ()))
        for family, phrases in quality.get("of", {}).items():
            yield from ((phrase, {"of": {family: meaning}}) for phrase in phrases)
    for flag in _FLAGS:
        yield from ((phrase, {"flags": frozenset({flag})}) for phrase in raw[flag])


def _voice_rows(raw: Mapping[str, Any]) -> list[tuple[Meaning, list[str]]]:
    return [(_meaning(row["says"]), row["words"]) for row in raw["of_a_voice"]]


def _meaning(pair: list[str]) -> Meaning:
    measure, direction = pair
    return measure, direction
