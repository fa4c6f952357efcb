"""Consulting a model about texts: each question once, kept for ever, failures asked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError, LockedRunError, RunError, StorageError
from equivoice.inference.consulting import JOURNAL, Consulting, consult
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.prompting import AUDIO, Turn
from equivoice.store.lock import FolderLock


@dataclass
class Echo:
    """Answers with the question, reversed; fails where it is told to."""

    name: str = "echo"
    family: str = "general"
    modalities: frozenset[str] = frozenset({"transcript"})
    description: Mapping[str, Any] = field(default_factory=lambda: {"model": "echo-1"})
    fails: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    asked: list[list[str]] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)

    def describe(self) -> Mapping[str, Any]:
        return self.description

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        texts = [question.turns[-1].text for question in questions]
        assert decoding.max_new_tokens > 1
        self.asked.append(texts)
        self.draws += [draw for each in draws for draw in each]
        if self.fails & set(texts):
            raise ValueError("cannot")
        return [[Said(None if text in self.silent else text[::-1])] for text in texts]


def asked(*texts: str) -> list[tuple[Turn, ...]]:
    return [(Turn("user", (text,)),) for text in texts]


@pytest.fixture
def how(tmp_path: Path) -> Consulting:
    return Consulting(batch=2, cache=tmp_path / "cache")


def test_answers_come_in_order_and_equal_questions_are_put_once(how: Consulting) -> None:
    echo = Echo()
    found = consult(echo, asked("ab", "cd", "ab", "ef"), how=how)
    assert [said.text for said in found.answers] == ["ba", "dc", "ba", "fe"]
    assert (found.asked, found.found) == (3, 0)
    assert echo.asked == [["ab", "cd"], ["ef"]]


def test_what_was_answered_is_not_asked_again(how: Consulting) -> None:
    consult(Echo(), asked("ab", "cd"), how=how)
    echo = Echo()
    found = consult(echo, asked("cd", "xy"), how=how)
    assert [said.text for said in found.answers] == ["dc", "yx"]
    assert (found.asked, found.found) == (1, 1)
    assert consult(echo, [], how=how).answers == ()


@pytest.mark.parametrize(
    "other",
    [
        {"backend": Echo(description={"model": "echo-2"})},
        {"backend": Echo(name="other")},
        {"decoding": Decoding(max_new_tokens=7)},
        {"temperature": 0.5},
    ],
)
def test_another_model_or_another_way_of_answering_is_asked_anew(
    how: Consulting, other: dict[str, Any]
) -> None:
    consult(Echo(), asked("ab"), how=how)
    backend = other.pop("backend", Echo())
    again = consult(backend, asked("ab"), how=Consulting(cache=how.cache, **other))
    assert (again.asked, again.found) == (1, 0)


@pytest.mark.parametrize("said", ["listed", "optimisations", "encoder_passes", "clips"])
def test_what_a_model_says_anew_each_time_changes_nothing(how: Consulting, said: str) -> None:
    for number in (1, 2):
        echo = Echo(description={"model": "m", said: {"so far": number}})
        found = consult(echo, asked("ab"), how=how)
    assert found.found == 1


def test_the_seed_counts_where_answers_are_drawn_and_only_there(how: Consulting) -> None:
    for seed, temperature, found in ((0, 0.0, 0), (1, 0.0, 1), (0, 1.0, 0), (1, 1.0, 0)):
        way = Consulting(cache=how.cache, seed=seed, temperature=temperature)
        assert consult(Echo(), asked("ab"), how=way).found == found
    first, second = Echo(), Echo()
    for echo in (first, second):
        consult(echo, asked("new"), how=Consulting(cache=how.cache, temperature=1.0, seed=5))
    assert first.draws[0].temperature == 1.0
    assert second.draws == []


def test_a_failure_costs_one_answer_and_is_asked_again(how: Consulting) -> None:
    echo = Echo(fails=frozenset({"cd"}), silent=frozenset({"ef"}))
    found = consult(echo, asked("ab", "cd", "ef", "gh"), how=how)
    assert [said.text for said in found.answers] == ["ba", None, None, "hg"]
    assert found.answers[1].reason == "ValueError: cannot"
    assert found.answers[2].reason == "the model gave no answer"
    mended = Echo()
    assert [s.text for s in consult(mended, asked("ab", "cd", "ef", "gh"), how=how).answers] == [
        "ba",
        "dc",
        "fe",
        "hg",
    ]


def test_a_model_that_fails_throughout_ends_the_work(how: Consulting) -> None:
    with pytest.raises(RunError, match="failed on each of the first 2 questions"):
        consult(Echo(silent=frozenset({"ab", "cd"})), asked("ab", "cd", "ef"), how=how)


def test_what_was_answered_before_an_interruption_is_kept(how: Consulting) -> None:
    class Stopped(Echo):
        def answer(self, questions: Any, draws: Any, decoding: Any) -> list[list[Said]]:
            if len(self.asked) == 1:
                raise KeyboardInterrupt
            return super().answer(questions, draws, decoding)

    with pytest.raises(KeyboardInterrupt):
        consult(Stopped(), asked("ab", "cd", "ef"), how=how)
    found = consult(Echo(), asked("ab", "cd", "ef"), how=how)
    assert (found.asked, found.found) == (1, 2)


def test_a_torn_line_of_the_journal_is_asked_again(how: Consulting) -> None:
    consult(Echo(), asked("ab", "cd"), how=how)
    assert how.cache is not None
    (journal,) = how.cache.rglob(JOURNAL)
    journal.write_bytes(journal.read_bytes()[:-5])
    assert consult(Echo(), asked("ab", "cd"), how=how).found == 1


def test_two_at_once_are_told_apart(how: Consulting) -> None:
    consult(Echo(), asked("ab"), how=how)
    assert how.cache is not None
    (journal,) = how.cache.rglob(JOURNAL)
    lock = FolderLock(journal.parent)
    lock.take()
    try:
        with pytest.raises(LockedRunError, match="is in use by"):
            consult(Echo(), asked("ab"), how=how)
    finally:
        lock.release()


def test_progress_is_told(how: Consulting) -> None:
    told: list[tuple[int, int]] = []
    consult(Echo(), asked("ab", "cd", "ef"), how=how, watch=lambda *numbers: told.append(numbers))
    assert told == [(0, 3), (2, 3), (3, 3)]


def test_sound_and_impossible_numbers_are_refused(how: Consulting) -> None:
    with pytest.raises(ConfigError, match="holds a sound"):
        consult(Echo(), [(Turn("user", (AUDIO, "x")),)], how=how)
    with pytest.raises(ConfigError) as caught:
        Consulting(batch=0, temperature=-1)
    assert "batch" in str(caught.value)
    assert "temperature" in str(caught.value)


def test_answers_are_kept_below_the_cache_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path))
    consult(Echo(), asked("ab"))
    assert list((tmp_path / "answers").rglob(JOURNAL))


# ------------------------------------------------------------------ what is kept, and where


def test_each_model_and_way_of_answering_has_a_folder_of_its_own(how: Consulting) -> None:
    assert how.cache is not None
    for number, model in enumerate(("one", "two"), start=1):
        consult(Echo(description={"model": model}), asked("ab"), how=how)
        assert len(list(how.cache.rglob(JOURNAL))) == number
    consult(Echo(description={"model": "one"}), asked("cd"), how=how)
    assert len(list(how.cache.rglob(JOURNAL))) == 2


def test_the_roles_of_turns_and_their_borders_tell_questions_apart(how: Consulting) -> None:
    questions = [
        (Turn("user", ("ab", "cd")),),
        (Turn("user", ("abcd",)),),
        (Turn("system", ("ab",)), Turn("user", ("cd",))),
        (Turn("user", ("ab",)), Turn("user", ("cd",))),
    ]
    found = consult(Echo(), questions, how=how)
    assert (found.asked, found.found) == (4, 0)
    assert consult(Echo(), questions[::-1], how=how).found == 4


def test_answers_of_any_text_come_back_as_they_were(how: Consulting) -> None:
    odd = ['"quoted"\n\tand\\slashed', "多い", "a\u2028b", "  spaces  ", "{}"]
    first = consult(Echo(), asked(*odd), how=how)
    again = consult(Echo(fails=frozenset(odd)), asked(*odd), how=how)
    assert [said.text for said in again.answers] == [text[::-1] for text in odd]
    assert again.answers == first.answers


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(StorageError, match="cannot keep answers"):
        consult(Echo(), asked("ab"), how=Consulting(cache=file))
