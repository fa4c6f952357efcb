"""Consulting a language model about texts: one answer each, asked once and kept.

What reads answers asks a model about texts, not about utterances, and many texts are
alike. Each question is known by a hash of the model, of what it is asked and of how it
answers; what was answered before is not asked again, also not after an interruption or in
another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.errors import ConfigError, StorageError
from equivoice.inference.questions import Wanted, ask_questions
from equivoice.inference.seeds import seed_for
from equivoice.models.language import Decoding, Draw, LanguageBackend, Question, Said
from equivoice.prompting.turns import Turn
from equivoice.records import Column, Schema
from equivoice.store.cache import cache_folder
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.lock import FolderLock

__all__ = ["JOURNAL", "Consulted", "Consulting", "consult"]

JOURNAL = "answers.jsonl"
"""The file in which answers are kept, in a folder for each model and way of answering."""

_SCHEMA = Schema(
    "answers",
    1,
    (
        Column("key", pl.String(), "what it depends on", required=True, nullable=False),
        Column("text", pl.String(), "the answer", required=True, nullable=False),
    ),
)
_NO_ANSWER = "the model gave no answer"
_PASSING = frozenset(
    {
        *("listed", "kind_known_from"),  # what a server says anew each time
        *("optimisations", "encoder_passes", "clips"),  # exact, or counted while a model works
    }
)
"""What a description says that answers to texts do not depend on, and that changes by itself."""


@dataclass(frozen=True)
class Consulting:
    """How a model is consulted.

    Args:
        decoding: how it answers; the temperature apart.
        temperature: 0 takes the most probable token at each step.
        seed: the root of the seeds at temperatures above 0.
        batch: how many questions are put together.
        cache: the folder in which answers are kept; ``None`` for the one that all runs
            share, below :func:`~equivoice.store.cache.cache_folder`.

    Raises:
        ConfigError: a batch below 1, or a negative temperature.
    """

    decoding: Decoding = field(default_factory=lambda: Decoding(max_new_tokens=32))
    temperature: float = 0.0
    seed: int = 0
    batch: int = 16
    cache: Path | None = None

    def __post_init__(self) -> None:
        wrong = {
            f"batch: {self.batch} is below 1": self.batch < 1,
            f"temperature: {self.temperature} is negative": self.temperature < 0,
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)


@dataclass(frozen=True)
class Consulted:
    """What came of it.

    Args:
        answers: (n,) in the order asked; where the text is ``None``, ``reason`` says why.
        asked: how many questions were put to the model now; equal ones once.
        found: how many answers were there from before.
    """

    answers: tuple[Said, ...]
    asked: int
    found: int


def consult(
    backend: LanguageBackend,
    questions: Sequence[tuple[Turn, ...]],
    *,
    how: Consulting | None = None,
    watch: Callable[[int, int], None] = lambda _, __: None,
) -> Consulted:
    """The model's answers to questions about texts; each distinct question is asked once.

    A question that fails is not kept, so that it is asked again next time.

    Args:
        backend: any language model.
        questions: n conversations without sound; the model answers next.
        how: how it is asked.
        watch: told how many of the distinct questions are answered, and of how many.

    Raises:
        ConfigError: a question leaves a place for sound.
        RunError: the model fails on each question of the first batch, or cannot go on.
        LockedRunError: another process consults the same model with the same folder.
        StorageError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> from equivoice.models.scripted_language import ScriptedServer
        >>> asked = [(Turn("user", ("Sad or Happy?",)),)] * 2
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     how = Consulting(cache=Path(folder))
        ...     first, again = (consult(ScriptedServer(), asked, how=how) for _ in range(2))
        >>> (first.asked, first.found), (again.asked, again.found)
        ((1, 0), (0, 1))
        >>> first.answers == again.answers
        True
    """
    how = how or Consulting()
    if any(turn.has_audio for turns in questions for turn in turns):
        raise ConfigError("a model is consulted about texts, and a question holds a sound")
    identity = _identity(backend, how)
    keys = [_key(identity, turns) for turns in questions]
    distinct = dict(zip(keys, questions, strict=True))
    root = cache_folder() / "answers" if how.cache is None else Path(how.cache)
    folder = root / hashlib.sha256(identity.encode()).hexdigest()[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot keep answers in {root}: {error.strerror or error}") from error
    lock = FolderLock(folder)
    lock.take()
    try:
        known = _known(folder / JOURNAL, distinct)
        found = len(known)
        failed = _ask(backend, distinct, known, how, folder / JOURNAL, watch)
    finally:
        lock.release()
    answers = tuple(Said(known[key]) if key in known else failed[key] for key in keys)
    return Consulted(answers, len(distinct) - found, found)


def _ask(
    backend: LanguageBackend,
    distinct: Mapping[str, tuple[Turn, ...]],
    known: dict[str, str],
    how: Consulting,
    journal: Path,
    watch: Callable[[int, int], None],
) -> dict[str, Said]:
    """Ask what is not known, and keep it batch by batch; returns what failed."""
    failed: dict[str, Said] = {}
    wanted = [
        Wanted(key, Question(key, turns), Draw(how.temperature, seed_for(how.seed, "consult", key)))
        for key, turns in distinct.items()
    ]
    watch(len(known), len(wanted))
    for batch in ask_questions(
        backend, wanted, how.decoding, batch_size=how.batch, done=tuple(known)
    ):
        texts = {one.key: said.text for one, said in batch.answers if said.text is not None}
        append_rows(journal, _frame(texts), _SCHEMA)
        known |= texts
        failed |= {
            one.key: Said(None, said.reason or _NO_ANSWER)
            for one, said in batch.answers
            if said.text is None
        }
        watch(len(known) + len(failed), len(wanted))
    return failed


def _identity(backend: LanguageBackend, how: Consulting) -> str:
    """The model and its way of answering, as a text."""
    described: dict[str, Any] = {
        "name": backend.name,
        "model": {k: v for k, v in backend.describe().items() if k not in _PASSING},
        "decoding": vars(how.decoding),
        "temperature": how.temperature,
        "seed": how.seed if how.temperature > 0 else None,
    }
    return json.dumps(described, sort_keys=True, default=str, ensure_ascii=False)


def _key(identity: str, turns: tuple[Turn, ...]) -> str:
    asked = [[turn.role, list(turn.parts)] for turn in turns]
    text = json.dumps([identity, asked], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _known(journal: Path, distinct: Mapping[str, Any]) -> dict[str, str]:
    rows = read_rows(journal, _SCHEMA).iter_rows()
    return {key: text for key, text in rows if key in distinct}


def _frame(rows: Mapping[str, str | None]) -> pl.DataFrame:
    types = {column.name: column.dtype for column in _SCHEMA.columns}
    return pl.DataFrame({"key": list(rows), "text": list(rows.values())}, schema=types)
