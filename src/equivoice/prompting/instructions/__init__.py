"""Instructions as data: what a language model is asked to do with a text.

A :class:`Prompt` asks about an utterance. An :class:`Instruction` asks about something
else: an answer, a word, two reasons. It is read from YAML and has places of its own. Its
name ends in a version, and a wording that was used is never changed, so that the name in
a table says what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from equivoice.errors import ConfigError
from equivoice.prompting.slots import Place, Template, read_template, render_parts
from equivoice.prompting.turns import Role, Turn
from equivoice.written_files import OwnFiles, is_written_file, parse_yaml, read_text

__all__ = ["Instruction", "instruction_names", "load_instruction"]

_KEYS = ("name", "source", "places", "turns")
_ROLES = ("system", "user", "assistant")
_OWN = OwnFiles("instruction", __name__)


@dataclass(frozen=True)
class Instruction:
    """What a language model is asked to do, with places to fill.

    Args:
        name: what tables call it.
        turns: of each turn its role and its text with places.
        places: the names of the places; ``audio``, where it stands, is the sound's.
        source: where the wording comes from.
    """

    name: str
    turns: tuple[tuple[Role, Template], ...]
    places: tuple[str, ...]
    source: str = ""

    @property
    def wording(self) -> str:
        """Turns and places as one text; equal texts ask the same."""
        return "\n".join(f"{role}: {_text(template)}" for role, template in self.turns)

    def render(self, **values: str) -> tuple[Turn, ...]:
        """The conversation, with each place filled.

        What is filled in is never read as a template.

        Raises:
            ConfigError: a place has no value, or a value no place.

        Example:
            >>> asked = load_instruction("cluster_emotion_v1")
            >>> turns = asked.render(word="glee", labels="Angry, Happy")
            >>> turns[1].text.splitlines()[-2:]
            ['Word: glee', 'Class:']
        """
        needed = set(self.places) - {"audio"}
        wrong = sorted(needed ^ set(values))
        if wrong:
            missing = wrong[0] in needed
            raise ConfigError(
                f"{self.name}: {'nothing' if missing else 'no place'} for {wrong[0]!r}",
                choices=sorted(needed),
            )
        return tuple(
            Turn(role, tuple(render_parts(template, values))) for role, template in self.turns
        )


def instruction_names() -> tuple[str, ...]:
    """The names of Equivoice's own instructions.

    Example:
        >>> "extract_emotion_v1" in instruction_names()
        True
    """
    return _OWN.names()


def load_instruction(name_or_path: str | Path) -> Instruction:
    """One of Equivoice's own instructions by name, or one from a YAML file.

    Args:
        name_or_path: a name of :func:`instruction_names`; what has the suffix ``.yaml`` or
            ``.yml``, or a folder in it, is a path.

    Raises:
        ConfigError: no such instruction, or mistakes in the file, all reported together.
        InputError: the file cannot be read.

    Example:
        >>> load_instruction("extract_emotion_v1").places
        ('answer',)
    """
    if is_written_file(name_or_path):
        return _from_file(Path(name_or_path))
    return _own(str(name_or_path))


@cache
def _own(name: str) -> Instruction:
    return _read(_OWN.text(name), f"{name}.yaml", name)


def _from_file(path: Path) -> Instruction:
    made = _read(read_text(path, what="the instruction"), path, path.stem)
    if made.name in instruction_names():
        raise ConfigError("this is the name of one of Equivoice's own", value=made.name, file=path)
    return made


def _read(text: str, file: str | Path, name: str) -> Instruction:
    raw = parse_yaml(text, file=file)
    if not isinstance(raw, dict):
        raise ConfigError("an instruction is a mapping", file=file, choices=_KEYS)
    problems = [f"{key}: unknown key" for key in raw if key not in _KEYS]
    turns = tuple(_turns(raw.get("turns"), problems))
    places = _places(raw.get("places"), turns, problems)
    named, source = (raw.get(key, default) for key, default in (("name", name), ("source", "")))
    problems += [
        f"{key}: {value!r} is not a text"
        for key, value in (("name", named), ("source", source))
        if not isinstance(value, str)
    ]
    if problems:
        raise ConfigError(ConfigError.from_problems(problems).problem, file=file)
    return Instruction(named, turns, places, source)


def _turns(raw: Any, problems: list[str]) -> Iterator[tuple[Role, Template]]:
    entries = raw if isinstance(raw, list) else []
    if not entries:
        problems.append("turns: an instruction needs a list of one turn at least")
    for number, entry in enumerate(entries, start=1):
        if not (isinstance(entry, Mapping) and len(entry) == 1):
            problems.append(f"turn {number}: not of the form 'user: text'")
            continue
        ((role, text),) = entry.items()
        if role not in _ROLES or not isinstance(text, str) or not text.strip():
            problems.append(f"turn {number}: not a text of {', '.join(_ROLES)}")
        else:
            yield cast("Role", role), read_template(text)


def _places(
    raw: Any, turns: tuple[tuple[Role, Template], ...], problems: list[str]
) -> tuple[str, ...]:
    """The declared places, which must be those that stand in the turns."""
    declared = raw if isinstance(raw, list) else []
    if not all(isinstance(name, str) for name in declared):
        problems.append("places: not a list of names")
        return ()
    used = {piece.name for _, template in turns for piece in template if isinstance(piece, Place)}
    problems += [f"places: {name!r} is declared and not used" for name in set(declared) - used]
    problems += [f"places: {name!r} is used and not declared" for name in used - set(declared)]
    return tuple(declared)


def _text(template: Template) -> str:
    return "".join(each if isinstance(each, str) else f"{{{each.name}}}" for each in template)
