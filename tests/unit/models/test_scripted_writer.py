"""The fake that writes texts: what its table says, and nothing by chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import AudioError, InputError
from equivoice.models import Decoding, Draw, LanguageBackend, Question
from equivoice.models.registry import load_model
from equivoice.models.scripted_writer import ScriptedWriter

ONE, TWO = Question("a/1", ()), Question("a/2", ())


def test_it_writes_what_its_table_says(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text('utterance_id,text\na/1,"A low, slow voice."\n')
    fake = load_model("scripted-writer", texts=str(table))
    assert isinstance(fake, LanguageBackend)
    (first, again), (silent,) = fake.answer(
        [ONE, TWO], [[Draw(0.0, 1), Draw(2.0, 9)], [Draw(0.0, 1)]], Decoding()
    )
    assert first == again
    assert first.text == "A low, slow voice."
    assert first.finished
    assert (silent.text, silent.reason) == (None, "the script says nothing")


def test_what_is_not_in_the_table_can_have_a_text_of_its_own() -> None:
    fake = ScriptedWriter({}, otherwise="Nothing to say.", cost=0.5)
    ((said,),) = fake.answer([ONE], [[Draw(0.0, 1)]], Decoding())
    assert (said.text, said.cost) == ("Nothing to say.", 0.5)
    assert [each.utterance_id for each in fake.asked] == ["a/1"]


def test_a_broken_sound_breaks_its_batch() -> None:
    fake = ScriptedWriter({"a/2": "Yes."}, fail_on=["a/1"])
    with pytest.raises(AudioError):
        fake.answer([ONE, TWO], [[Draw(0.0, 1)]] * 2, Decoding())


def test_a_table_without_texts_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("utterance_id,words\na/1,b\n")
    with pytest.raises(InputError, match="needs the columns") as caught:
        ScriptedWriter(table)
    assert caught.value.column == "text"


def test_other_texts_are_another_system() -> None:
    one, same, other = (ScriptedWriter({"a": text}).describe() for text in ("x", "x", "y"))
    assert one == same != other
