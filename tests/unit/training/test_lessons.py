"""How an example is asked and answered."""

from __future__ import annotations

from collections import Counter
from typing import Any

from equivoice.models import Clip
from equivoice.prompting import load_prompt
from equivoice.records import Label, LabelSpace
from equivoice.training.data import Example
from equivoice.training.effective_batches import Item
from equivoice.training.lessons import Lessons

SPACE = LabelSpace("demo", (Label("angry"), Label("fearful", ("fear",)), Label("sad")))


def lessons(prompt: str = "user_labels", **more: Any) -> Lessons:
    return Lessons(load_prompt(prompt), "qwen2_audio", {"demo": SPACE}, **more)


def example(label: str = "sad", name: str = "demo/1", modality: str = "speech") -> Example:
    clip = None if modality == "transcript" else Clip("/a.wav")
    transcript = None if modality == "speech" else "never mind"
    return Example(Item(name, "en", "female", label, 1.0), "demo", modality, clip, transcript)


def test_the_answer_is_the_option_as_displayed() -> None:
    lesson = lessons().lesson(example(), 1)
    assert lesson.answer == "Sad"
    assert "Angry, Fearful, Sad" in lesson.question.turns[-1].text
    assert lesson.question.clip == Clip("/a.wav")
    assert lessons("direct_de").lesson(example("fearful"), 1).answer == "ängstlich"


def test_of_lettered_options_the_answer_is_the_letter() -> None:
    made = lessons("lettered", orders=("alphabetical",))
    assert made.lesson(example("sad"), 1).answer == "C"
    shuffled = lessons("lettered", orders=("shuffled-2",))
    shown = shuffled.options("demo").labels
    assert shuffled.lesson(example("sad"), 1).answer == "ABC"[shown.index("sad")]


def test_the_transcript_is_put_to_the_model_where_the_modality_has_it() -> None:
    asked = lessons().lesson(example(modality="speech+transcript"), 1).question
    assert "never mind" in asked.turns[-1].text
    assert asked.clip is not None
    assert lessons().lesson(example(modality="transcript"), 1).question.clip is None


def test_of_several_orders_each_is_drawn_anew_by_item_and_epoch() -> None:
    made = lessons(orders=("given", "shuffled-1", "shuffled-2"), seed=3)
    examples = [example(name=f"demo/{k}") for k in range(300)]
    drawn = [made.order(each, 1) for each in examples]
    assert drawn == [made.order(each, 1) for each in examples]
    assert drawn != [made.order(each, 2) for each in examples]
    assert all(60 < number < 140 for number in Counter(drawn).values())
    for each in examples[:5]:
        lesson = made.lesson(each, 2)
        shown = ", ".join(made.options("demo", made.order(each, 2)).shown)
        assert shown in lesson.question.turns[-1].text
    # validation is asked in the first one
    assert {made.order(each, None) for each in examples} == {"given"}
    assert made.options("demo").labels == SPACE.names
