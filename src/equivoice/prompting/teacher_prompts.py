"""What a teacher is asked: prompts that tell it the label, so that it explains it.

They stand apart from the questions of :mod:`equivoice.prompting.prompts` and have one
place more, ``{emotion}``. A question with that place is refused everywhere else, since a
model would be told what it is to find out.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from equivoice.errors import ConfigError
from equivoice.prompting.prompt_files import read_prompt
from equivoice.prompting.prompts import Prompt
from equivoice.prompting.slots import SLOTS
from equivoice.written_files import OwnFiles, is_written_file, read_text

__all__ = ["TEACHER_SLOTS", "load_teacher_prompt", "teacher_prompt_names"]

TEACHER_SLOTS = {**SLOTS, "emotion": "the label of the utterance"}
"""The places that a teacher's prompt may hold."""

_OWN = OwnFiles("prompt for a teacher", "equivoice.prompting", "teachers")


@cache
def teacher_prompt_names() -> tuple[str, ...]:
    """The names of the teachers' prompts that come with Equivoice.

    Example:
        >>> teacher_prompt_names()
        ('grounded', 'published')
    """
    return _OWN.names()


def load_teacher_prompt(name_or_path: str | Path) -> Prompt:
    """A teacher's prompt by name, or from a YAML file.

    Args:
        name_or_path: a name of :func:`teacher_prompt_names`; what has the suffix
            ``.yaml`` or ``.yml``, or a folder in it, is a path.

    Raises:
        ConfigError: no such prompt; mistakes in the file; a wording without ``{emotion}``
            or without ``{audio}``.
        InputError: the file cannot be read.

    Example:
        >>> load_teacher_prompt("published").wordings[0].places[:3]
        ('audio', 'transcript', 'emotion')
    """
    if is_written_file(name_or_path):
        path = Path(name_or_path)
        return _read(read_text(path, what="the prompt file"), path, path.stem)
    own = str(name_or_path)
    return _read(_OWN.text(own), Path(f"{own}.yaml"), own)


def _read(text: str, file: Path, name: str) -> Prompt:
    prompt = Prompt(**read_prompt(text, file=file, name=name, slots=TEACHER_SLOTS))
    for number, wording in enumerate(prompt.wordings, start=1):
        missing = sorted({"audio", "emotion"} - set(wording.places))
        if missing:
            raise ConfigError(
                f"wording {number} of a teacher's prompt has no place {{{missing[0]}}}",
                file=file,
                hint="a teacher hears the utterance and is told its label (docs/rationales.md)",
            )
    return prompt
