"""How an explained example is asked and answered, in each order, prompt and language."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.errors import InputError
from equivoice.models import Clip
from equivoice.prompting import load_prompt
from equivoice.prompting.explained import TARGET_FORMS, TargetForm, read_target
from equivoice.records import Label, LabelSpace
from equivoice.training.data import Example
from equivoice.training.effective_batches import Item
from equivoice.training.explanations import Explanation
from equivoice.training.lessons import Lessons

SPACE = LabelSpace("demo", (Label("angry"), Label("fearful", ("fear",)), Label("sad")))
SAID, WHY = "Never mind.", "The voice falls."


def lessons(
    prompt: str = "direct", form: TargetForm | None = "label_first", **more: Any
) -> Lessons:
    return Lessons(load_prompt(prompt), "qwen2_audio", {"demo": SPACE}, form=form, **more)


def example(
    label: str = "sad",
    *,
    transcript: str | None = SAID,
    reason: str | None = WHY,
    modality: str = "speech",
) -> Example:
    item = Item("demo/1", "en", "female", label, 1.0)
    given = None if modality == "speech" else transcript
    told = Explanation(transcript, reason)
    return Example(item, "demo", modality, Clip("/a.wav"), given, explanation=told)


def test_the_three_orders() -> None:
    answers = {form: lessons(form=form).lesson(example(), 1).answer for form in TARGET_FORMS}
    heard = f"<asr>{SAID}</asr>"
    label = "<answer>I think the emotion is sad</answer>"
    assert answers == {
        "label_first": f"{heard} {label} <reason>{WHY}</reason>",
        "reason_first": f"{heard} <reason>{WHY}</reason> {label}",
        "label_only": f"{heard} {label}",
    }


def test_without_a_form_an_explanation_changes_nothing() -> None:
    assert lessons(form=None).lesson(example(), 1).answer == "Sad"


@pytest.mark.parametrize("form", TARGET_FORMS)
def test_an_example_without_a_reason_has_its_label_alone(form: TargetForm) -> None:
    answer = lessons(form=form).lesson(example(reason=None), 1).answer
    assert read_target(answer)[:3] == (SAID, "sad", None)


def test_an_example_without_a_transcript_begins_with_what_follows() -> None:
    answer = lessons().lesson(example(transcript=None), 1).answer
    assert answer.startswith("<answer>")
    turned = lessons(form="reason_first").lesson(example(transcript=None), 1).answer
    assert turned.startswith("<reason>")
    bare = Example(Item("demo/1", "en", None, "sad", 1.0), "demo", "speech", Clip("/a.wav"), None)
    assert lessons().lesson(bare, 1).answer == "<answer>I think the emotion is sad</answer>"


def test_the_label_is_a_word_also_where_options_have_letters() -> None:
    made = lessons("lettered", orders=("shuffled-2",))
    assert read_target(made.lesson(example("fearful"), 1).answer).answer == "fearful"
    german = lessons("direct_de").lesson(example("fearful"), 1)
    assert read_target(german.answer).answer == "ängstlich"


def test_the_question_is_the_same_with_and_without_reasons() -> None:
    plain = lessons(form=None).lesson(example(), 1).question
    for form in TARGET_FORMS:
        assert lessons(form=form).lesson(example(), 1).question == plain
    # what is heard is learnt, and not given
    assert SAID not in plain.turns[-1].text


def test_where_the_transcript_is_given_it_is_learnt_all_the_same() -> None:
    lesson = lessons().lesson(example(modality="speech+transcript"), 1)
    assert SAID in lesson.question.turns[-1].text
    assert read_target(lesson.answer).transcript == SAID


def test_orders_of_options_change_the_question_and_not_the_answer() -> None:
    several = lessons(orders=("given", "shuffled-1", "shuffled-2"), seed=3)
    made = [several.lesson(example(), epoch) for epoch in range(1, 20)]
    assert len({each.question.turns for each in made}) > 1
    assert len({each.answer for each in made}) == 1


def test_a_tag_in_what_is_learnt_is_an_error_and_no_lesson() -> None:
    with pytest.raises(InputError, match="holds a tag"):
        lessons().lesson(example(reason="See <answer>."), 1)
