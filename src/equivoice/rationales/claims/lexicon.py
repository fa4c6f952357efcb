"""The words of the grammar, from ``words.yaml``, ready to be looked up."""

from __future__ import annotations

from collections.abc import Mapping
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
    entries: dict[tuple[str, ...], Roles] = {}

    def add(phrase: str, **changes: Any) -> None:
        key = tuple(phrase.split())
        known = entries.get(key, NO_ROLES)
        if "flag" in changes:
            changes = {"flags": known.flags | {changes["flag"]}}
        if "of" in changes:
            changes["of"] = {**known.of, **changes["of"]}
        entries[key] = replace(known, **changes)

    for family, phrases in raw["subjects"].items():
        for phrase in phrases:
            add(phrase, subject=family)
    for degree, phrases in raw["degrees"].items():
        for phrase in phrases:
            add(phrase, degree=degree)
    for quality in raw["qualities"]:
        _add_quality(quality, add)
    for flag in _FLAGS:
        for phrase in raw[flag]:
            add(phrase, flag=flag)
    voice = {word: meaning for meaning, words in _voice_rows(raw) for word in words}
    meanings = {
        (family, degree): _meaning(pair)
        for family, degrees in raw["meanings"].items()
        for degree, pair in degrees.items()
    }
    unsaid = {family: _meaning(pair) for family, pair in raw["unsaid"].items()}
    longest = max(map(len, entries))
    return Lexicon(entries, longest, meanings, voice, unsaid, raw["opposites"])


def _add_quality(quality: Mapping[str, Any], add: Any) -> None:
    meaning = _meaning(quality["says"])
    for phrase in quality.get("strong", ()):
        add(phrase, strong=meaning)
    for phrase in quality.get("weak", ()):
        add(phrase, weak=meaning)
    for family, phrases in quality.get("of", {}).items():
        for phrase in phrases:
            add(phrase, of={family: meaning})


def _voice_rows(raw: Mapping[str, Any]) -> list[tuple[Meaning, list[str]]]:
    return [(_meaning(row["says"]), row["words"]) for row in raw["of_a_voice"]]


def _meaning(pair: list[str]) -> Meaning:
    measure, direction = pair
    return measure, direction
