"""The fake: as right as it is told to be, and as faulty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.errors import ConfigError, InputError, LabelError
from equivoice.models.scripted import ScriptedBaseline, ScriptedRecognizer
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))


def table(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": list(names), "speaker": ["x"] * len(names)})


def chosen(fake: ScriptedRecognizer, *names: str) -> list[str]:
    return [SPACE.names[k] for k in fake.predict(table(*names)).argmax(axis=1)]


def test_it_answers_from_its_table() -> None:
    fake = ScriptedRecognizer(SPACE, {"a/1": "sad", "a/2": "angry"})
    assert chosen(fake, "a/2", "a/1") == ["angry", "sad"]


def test_an_answer_depends_on_seed_and_utterance_only() -> None:
    names = [f"a/{number}" for number in range(100)]
    fake = ScriptedRecognizer(SPACE, seed=1)
    together = chosen(fake, *names)
    assert [chosen(fake, name)[0] for name in names] == together
    assert chosen(ScriptedRecognizer(SPACE, seed=2), *names) != together
    assert set(together) == set(SPACE.names)


@pytest.mark.parametrize("accuracy", [0.0, 0.3, 0.9, 1.0])
def test_it_is_right_as_often_as_it_is_told_to_be(accuracy: float) -> None:
    names = [f"a/{number}" for number in range(4000)]
    fake = ScriptedRecognizer(SPACE, dict.fromkeys(names, "happy"), accuracy=accuracy, seed=3)
    answers = chosen(fake, *names)
    share = np.mean([answer == "happy" for answer in answers])
    assert share == pytest.approx(accuracy, abs=4 * np.sqrt(accuracy * (1 - accuracy) / 4000))
    if accuracy < 1:
        assert set(answers) >= {"angry", "sad"}


def test_it_fails_where_it_is_told_to() -> None:
    fake = ScriptedRecognizer(SPACE, fail_on=frozenset({"a/2"}))
    assert fake.predict(table("a/1")).shape == (1, 3)
    with pytest.raises(InputError, match="a/2"):
        fake.predict(table("a/1", "a/2"))


def test_it_is_silent_where_it_is_told_to() -> None:
    rows = ScriptedRecognizer(SPACE, silent_on=frozenset({"a/1"})).predict(table("a/1", "a/2"))
    assert np.isnan(rows[0]).all()
    assert rows[1].sum() == pytest.approx(1)


def test_a_trap_that_is_not_there_springs_nothing(tmp_path: Path) -> None:
    for trap in (None, str(tmp_path / "none")):
        fake = ScriptedRecognizer(SPACE, kill_at="a/1", wait_at="a/1", trap=trap)
        assert fake.predict(table("a/1")).shape == (1, 3)


def test_one_label_is_certain() -> None:
    alone = LabelSpace("one", (Label("sad"),))
    assert ScriptedRecognizer(alone).predict(table("a/1")).tolist() == [[1.0]]


def test_an_answer_that_is_no_label_is_refused() -> None:
    with pytest.raises(LabelError):
        ScriptedRecognizer(SPACE, {"a/1": "bored"})


def test_the_baseline_reads_its_answers_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("utterance_id,emotion\na/1,sad\na/2,\nb/1,bored\n")
    fitted = ScriptedBaseline(path).fit(table("a/9"), None, label_space=SPACE, seed=0)
    assert dict(fitted.answers) == {"a/1": "sad"}
    assert fitted.selection[0]["speakers"] == ["x"]


def test_a_file_of_answers_needs_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("utterance_id,label\na/1,sad\n")
    with pytest.raises(InputError, match="utterance_id and emotion"):
        ScriptedBaseline(path).fit(table("a/9"), None, label_space=SPACE, seed=0)


@pytest.mark.parametrize("accuracy", [-0.1, 1.1, float("nan")])
def test_accuracy_is_a_share(accuracy: float) -> None:
    with pytest.raises(ConfigError):
        ScriptedBaseline(accuracy=accuracy)
