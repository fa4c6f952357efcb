"""Questions of any kind, put to a language system batch by batch.

What asks about emotions with options goes through :mod:`equivoice.inference.asking`. What
asks anything else (a judge, a teacher, a reader of answers) goes through here: batches
follow from all that is asked and not from what remains, so that a resumed run forms the
same ones; a question that cannot be asked costs one answer and not its batch.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from equivoice.errors import ConfigError, RunError
from equivoice.inference.faults import FAULTS, raise_if_hopeless, reason_of
from equivoice.models.language import Decoding, Draw, LanguageBackend, Question, Said

__all__ = ["Asked", "Wanted", "ask_questions"]


@dataclass(frozen=True)
class Wanted:
    """One answer that is wanted.

    Args:
        key: names it among all that are asked; no two are alike.
        question: what is asked.
        draw: at which temperature, by which seed.
    """

    key: str
    question: Question
    draw: Draw


@dataclass(frozen=True)
class Asked:
    """What came of one batch.

    Args:
        answers: those that were not there before, each with what it answers.
        seconds: how long the batch took.
    """

    answers: tuple[tuple[Wanted, Said], ...]
    seconds: float


def ask_questions(
    backend: LanguageBackend,
    wanted: Sequence[Wanted],
    decoding: Decoding,
    *,
    batch_size: int = 8,
    done: Collection[str] = (),
) -> Iterator[Asked]:
    """Ask batch by batch; the caller stores each batch before the next is asked.

    Args:
        backend: the system.
        wanted: all that is asked, also what was answered before.
        decoding: how answers are sampled.
        batch_size: how many questions the system is given at once.
        done: the keys of those that were answered before.

    Yields:
        each batch that is not answered yet.

    Raises:
        ConfigError: a batch size below 1, or a key that stands twice.
        RunError: the system breaks its protocol, or fails on each question of the first
            batch of all, so that nothing is to be had from going on.

    Example:
        >>> from equivoice.models.scripted_language import ScriptedServer
        >>> from equivoice.prompting.turns import Turn
        >>> question = Question("a/1", (Turn("user", ("Happy, or sad?",)),))
        >>> wanted = [Wanted("a/1", question, Draw(0.0, seed=1))]
        >>> (batch,) = ask_questions(ScriptedServer({"a/1": "sad"}), wanted, Decoding())
        >>> batch.answers[0][1].text
        'sad'
    """
    if batch_size < 1:
        raise ConfigError("a batch holds at least 1 question", value=batch_size)
    keys = [each.key for each in wanted]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError("one key names two questions", value=twice)
    known = set(done)
    fresh = known.isdisjoint(keys)
    for start in range(0, len(wanted), batch_size):
        batch = wanted[start : start + batch_size]
        missing = [each.key not in known for each in batch]
        if not any(missing):
            continue
        begun = time.perf_counter()
        said = _asked(backend, batch, decoding)
        if fresh and start == 0:
            _refuse_total_failure(backend, said)
        answers = zip(batch, said, strict=True)
        new = tuple(pair for pair, is_new in zip(answers, missing, strict=True) if is_new)
        yield Asked(new, time.perf_counter() - begun)


def _asked(backend: LanguageBackend, batch: Sequence[Wanted], decoding: Decoding) -> list[Said]:
    """One answer a question; after a fault each question is asked alone."""
    try:
        rows = backend.answer(
            [each.question for each in batch], [[each.draw] for each in batch], decoding
        )
    except FAULTS as error:
        raise_if_hopeless(error)
        if len(batch) == 1:
            return [Said(None, reason_of(error))]
        return [said for each in batch for said in _asked(backend, [each], decoding)]
    if [len(row) for row in rows] != [1] * len(batch):
        given = [len(row) for row in rows]
        raise RunError(
            f"the system {backend.name!r} broke its protocol: it gave {given} answers where one "
            f"was due for each of {len(batch)} questions"
        )
    return [row[0] for row in rows]


def _refuse_total_failure(backend: LanguageBackend, said: Sequence[Said]) -> None:
    if len(said) > 1 and all(each.text is None for each in said):
        raise RunError(
            f"{backend.name} failed on each of the first {len(said)} questions; "
            f"the first failure: {said[0].reason}"
        )
