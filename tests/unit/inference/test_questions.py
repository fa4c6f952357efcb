"""Questions of any kind: batches, resuming, faults that cost one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from equivoice.errors import AudioError, ConfigError, MissingDependencyError, RunError
from equivoice.inference.questions import Asked, Wanted, ask_questions
from equivoice.models import Decoding, Draw, Question, Said
from equivoice.models.scripted_language import ScriptedServer
from equivoice.prompting.turns import Turn


@dataclass
class Echo(ScriptedServer):
    """Says the question's name; fails on some, and keeps what each call was given."""

    broken: Sequence[str] = ()
    error: Exception = field(default_factory=lambda: AudioError("broken"))
    extra: int = 0
    calls: list[list[str]] = field(default_factory=list)

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        del decoding
        names = [question.utterance_id for question, _ in zip(questions, draws, strict=True)]
        self.calls.append(names)
        if set(names) & set(self.broken):
            raise self.error
        return [[Said(name)] * (1 + self.extra) for name in names]


def wanted(count: int) -> list[Wanted]:
    turns = (Turn("user", ("?",)),)
    return [Wanted(f"k{at}", Question(f"u{at}", turns), Draw(0.0, at)) for at in range(count)]


def answered(batches: Sequence[Asked]) -> dict[str, str | None]:
    return {each.key: said.text for batch in batches for each, said in batch.answers}


def test_each_question_gets_its_answer_batch_by_batch() -> None:
    echo = Echo()
    batches = list(ask_questions(echo, wanted(5), Decoding(), batch_size=2))
    assert echo.calls == [["u0", "u1"], ["u2", "u3"], ["u4"]]
    assert answered(batches) == {f"k{at}": f"u{at}" for at in range(5)}
    assert all(batch.seconds >= 0 for batch in batches)
    assert list(ask_questions(echo, [], Decoding())) == []


def test_nothing_is_asked_ahead_of_what_is_stored() -> None:
    echo = Echo()
    batches = ask_questions(echo, wanted(4), Decoding(), batch_size=2)
    next(batches)
    assert echo.calls == [["u0", "u1"]]


def test_a_resumed_run_forms_the_same_batches_and_gives_only_what_is_new() -> None:
    echo = Echo()
    done = {"k0", "k1", "k2"}
    batches = list(ask_questions(echo, wanted(6), Decoding(), batch_size=2, done=done))
    assert echo.calls == [["u2", "u3"], ["u4", "u5"]]
    assert answered(batches) == {"k3": "u3", "k4": "u4", "k5": "u5"}


def test_a_fault_costs_one_answer() -> None:
    echo = Echo(broken=["u1"])
    found = answered(list(ask_questions(echo, wanted(3), Decoding(), batch_size=3)))
    assert found == {"k0": "u0", "k1": None, "k2": "u2"}
    (batch,) = ask_questions(Echo(broken=["u1"]), wanted(3), Decoding())
    assert batch.answers[1][1].reason == "broken"


def test_a_first_batch_that_fails_whole_ends_the_work_and_a_later_one_does_not() -> None:
    with pytest.raises(RunError, match="failed on each of the first 2 questions"):
        list(ask_questions(Echo(broken=["u0", "u1"]), wanted(4), Decoding(), batch_size=2))
    later = Echo(broken=["u2", "u3"])
    found = answered(list(ask_questions(later, wanted(4), Decoding(), batch_size=2)))
    assert found["k2"] is found["k3"] is None
    resumed = Echo(broken=["u0", "u1"])
    assert answered(
        list(ask_questions(resumed, wanted(2), Decoding(), batch_size=2, done={"other", "k0"}))
    ) == {"k1": None}


def test_faults_of_the_machine_end_the_work() -> None:
    missing = MissingDependencyError("torch", extra="models", purpose="this test")
    with pytest.raises(MissingDependencyError):
        list(ask_questions(Echo(broken=["u1"], error=missing), wanted(2), Decoding()))
    mistake = TypeError("a mistake in a program")
    with pytest.raises(TypeError):
        list(ask_questions(Echo(broken=["u1"], error=mistake), wanted(2), Decoding()))


def test_a_broken_protocol_is_named() -> None:
    with pytest.raises(RunError, match="broke its protocol"):
        list(ask_questions(Echo(extra=1), wanted(2), Decoding()))


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        list(ask_questions(Echo(), wanted(1), Decoding(), batch_size=0))
    with pytest.raises(ConfigError, match="one key names two"):
        list(ask_questions(Echo(), wanted(1) * 2, Decoding()))
