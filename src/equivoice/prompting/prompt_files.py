"""Read a prompt's YAML; all mistakes are reported together, with the file's name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from equivoice.errors import ConfigError
from equivoice.prompting.slots import SLOTS, Place, Template, read_template
from equivoice.prompting.turns import Role
from equivoice.written_files import parse_yaml

__all__ = ["MODALITIES", "Wording", "family_name", "read_prompt"]

MODALITIES = ("speech", "speech+transcript", "transcript")
"""What a model is given of an utterance."""

_KEYS = ("name", "source", "language", "lettered", "words", "beside", "wordings")
_WORDING_KEYS = ("families", "ours", "source", "turns")
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Wording:
    """One way to put the question.

    Args:
        turns: of each turn its role and its texts with places.
        families: the model families that it is for; empty for all the others.
        ours: whether Equivoice wrote it because none is published for these families.
        source: where this wording comes from, where that is not the prompt's source.
    """

    turns: tuple[tuple[Role, tuple[Template, ...]], ...]
    families: tuple[str, ...] = ()
    ours: bool = False
    source: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its places, in order, repeats included."""
        pieces = [p for _, templates in self.turns for template in templates for p in template]
        return tuple(piece.name for piece in pieces if isinstance(piece, Place))

    @property
    def modality(self) -> str:
        """What it asks about, told by its places for sound and transcript."""
        if "audio" not in self.places:
            return "transcript"
        return "speech+transcript" if "transcript" in self.places else "speech"


def family_name(family: str) -> str:
    """A model family as prompts name it.

    Example:
        >>> family_name("Qwen2.5-Omni")
        'qwen2_5_omni'
    """
    return family.casefold().replace("-", "_").replace(".", "_").replace(" ", "_")


def read_prompt(
    text: str,
    *,
    file: str | Path,
    name: str,
    taken: tuple[str, ...] = (),
    slots: Collection[str] = tuple(SLOTS),
) -> dict[str, Any]:
    """The fields of a prompt.

    Args:
        text: YAML.
        file: named in errors.
        name: of the prompt, where the file gives none.
        taken: names that it may not have.
        slots: the places that it may hold.

    Raises:
        ConfigError: all mistakes together.
    """
    raw = parse_yaml(text, file=file)
    if not isinstance(raw, dict):
        raise ConfigError(
            "a prompt file is a mapping", file=file, choices=_KEYS, hint="see docs/prompts.md"
        )
    problems: list[str] = []
    fields = _fields(raw, problems, name, taken, slots)
    if problems:
        raise ConfigError(
            ConfigError.from_problems(problems).problem, file=file, hint="see docs/prompts.md"
        )
    return fields


def _fields(
    raw: Mapping[Any, Any],
    problems: list[str],
    name: str,
    taken: tuple[str, ...],
    slots: Collection[str],
) -> dict[str, Any]:
    _refuse_unknown(raw, _KEYS, "", problems)
    fields: dict[str, Any] = {
        "name": _text(raw, "name", name, problems),
        "source": _text(raw, "source", "", problems),
        "language": _text(raw, "language", "en", problems),
        "lettered": _flag(raw, "lettered", "", problems),
        "words": _words(raw.get("words") or {}, problems),
        "beside": _beside(raw.get("beside") or [], problems),
        "wordings": tuple(_wordings(raw.get("wordings"), problems, slots)),
    }
    if fields["name"] in taken:
        problems.append(f"name: {fields['name']!r} is one of Equivoice's own prompts")
    return fields


def _refuse_unknown(
    raw: Mapping[Any, Any], known: tuple[str, ...], where: str, problems: list[str]
) -> None:
    problems += [
        f"{where}{key}: unknown key (choices: {', '.join(known)})"
        for key in raw
        if key not in known
    ]


def _text(raw: Mapping[Any, Any], key: str, default: str, problems: list[str]) -> str:
    value = raw.get(key, default)
    if isinstance(value, str) and (value.strip() or not default):
        return value.strip()
    problems.append(f"{key}: {value!r} is not a text")
    return default


def _flag(raw: Mapping[Any, Any], key: str, where: str, problems: list[str]) -> bool:
    value = raw.get(key, False)
    if isinstance(value, bool):
        return value
    problems.append(f"{where}{key}: {value!r} is neither true nor false")
    return False


def _words(raw: Any, problems: list[str]) -> dict[str, str]:
    if not isinstance(raw, dict):
        problems.append("words: not a mapping from a label to the word displayed for it")
        return {}
    words: dict[str, str] = {}
    for label, word in raw.items():
        # YAML reads a bare no or 5 as something else than text
        if not (isinstance(label, str) and isinstance(word, str) and word.strip()):
            problems.append(f"words: {label!r}: {word!r} is not a text; put it in quotes")
        elif word.strip().casefold() in map(str.casefold, words.values()):
            problems.append(f"words: {word!r} is displayed for two labels")
        else:
            words[label] = word.strip()
    return words


def _beside(raw: Any, problems: list[str]) -> tuple[str, ...]:
    if isinstance(raw, list) and all(isinstance(word, str) and word.strip() for word in raw):
        return tuple(word.strip() for word in raw)
    problems.append("beside: not a list of words that are displayed and stand for no label")
    return ()


def _wordings(raw: Any, problems: list[str], slots: Collection[str]) -> Iterator[Wording]:
    if not isinstance(raw, list) or not raw:
        problems.append("wordings: a prompt needs a list of one wording at least")
        return
    seen: set[tuple[str | None, str]] = set()
    for number, entry in enumerate(raw, start=1):
        where = f"wording {number}: "
        if not isinstance(entry, dict):
            problems.append(f"{where}not a mapping with the key turns")
            continue
        wording = _wording(entry, where, problems)
        _check_places(wording, where, problems, slots)
        for family in wording.families or (None,):
            if (family, wording.modality) in seen:
                problems.append(
                    f"{where}a second wording of {wording.modality} for {family or 'all families'}"
                )
            seen.add((family, wording.modality))
        yield wording


def _wording(raw: Mapping[Any, Any], where: str, problems: list[str]) -> Wording:
    _refuse_unknown(raw, _WORDING_KEYS, where, problems)
    families = raw.get("families") or []
    if not (isinstance(families, list) and all(isinstance(f, str) and f for f in families)):
        problems.append(f"{where}families: not a list of names")
        families = []
    source = raw.get("source", "")
    if not isinstance(source, str):
        problems.append(f"{where}source: {source!r} is not a text")
        source = ""
    return Wording(
        tuple(_turns(raw.get("turns"), where, problems)),
        tuple(family_name(family) for family in families),
        _flag(raw, "ours", where, problems),
        source,
    )


def _turns(
    raw: Any, where: str, problems: list[str]
) -> Iterator[tuple[Role, tuple[Template, ...]]]:
    if not isinstance(raw, list) or not raw:
        problems.append(f"{where}turns: a wording needs a list of one turn at least")
        return
    for number, entry in enumerate(raw, start=1):
        place = f"{where}turn {number}: "
        if not (isinstance(entry, dict) and len(entry) == 1):
            problems.append(f"{place}not of the form 'user: text'")
            continue
        ((role, texts),) = entry.items()
        parts = [texts] if isinstance(texts, str) else texts
        if role not in _ROLES:
            problems.append(f"{place}unknown role {role!r} (choices: {', '.join(_ROLES)})")
        elif not (
            isinstance(parts, list) and parts and all(isinstance(p, str) and p for p in parts)
        ):
            problems.append(f"{place}not a text, nor a list of texts")
        elif role == "system" and number > 1:
            problems.append(f"{place}a system turn can only be the first")
        else:
            yield cast("Role", role), tuple(read_template(part) for part in parts)


def _check_places(
    wording: Wording, where: str, problems: list[str], slots: Collection[str]
) -> None:
    if not wording.turns:
        return
    problems += [
        f"{where}unknown slot {{{name}}} (choices: {', '.join(slots)}; "
        f"write {{{{{name}}}}} for these letters themselves)"
        for name in dict.fromkeys(wording.places)
        if name not in slots
    ]
    if not {"audio", "transcript"} & set(wording.places):
        problems.append(f"{where}neither {{audio}} nor {{transcript}}: nothing is asked about")
    if wording.places.count("audio") > 1:
        problems.append(f"{where}{{audio}} stands more than once, and an utterance has one sound")
    if wording.turns[-1][0] != "user":
        problems.append(f"{where}the last turn is not the user's, and the model answers next")
