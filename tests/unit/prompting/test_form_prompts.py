"""The prompts of the open and the closed form: published letter by letter, ours unchanged."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import pytest

from equivoice.corpora.labels import label_space
from equivoice.errors import ConfigError
from equivoice.prompting import (
    AUDIO,
    Turn,
    load_prompt,
    make_options,
    options_as_shown,
    parse,
    prompt_names,
)
from equivoice.prompting.instructions import instruction_names
from equivoice.records import Label, LabelSpace

# the order of the MSP-Podcast card's label names, A S H U F D C N, is the paper's
MSP = label_space(
    ["angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral"], id="msp"
)
OPTIONS = load_prompt("closed_form").options(MSP)

# Typed from papers/rationale_speechlm.txt, section 3.1.
OPEN = "What emotion do you think the audio expresses?"
CLOSED = (
    "What emotion do you think the audio expresses? Choose one from the following options:\n"
    "A. Angry\nB. Sad\nC. Happy\nD. Surprise\nE. Fear\nF. Disgust\nG. Contempt\nH. Neutral\nI. Other"
)

# Results name the prompt: a wording that was used must never change under its name.
WORDINGS = {
    "prompts/closed_form.yaml": "0d3572ad5c7ab9b3",
    "prompts/closed_form_cot_v1.yaml": "9df8768eca4c4eb9",
    "prompts/open_form.yaml": "e8b6926acfb27e2e",
    "prompts/open_form_cot_v1.yaml": "8eca9404fe670e70",
    "instructions/cluster_emotion_v1.yaml": "64e13cf32c80d9b1",
    "instructions/extract_emotion_v1.yaml": "862cf95b9bc170e6",
}


@pytest.mark.parametrize("family", ["qwen2_audio", "qwen2_5_omni", "salmonn", "general"])
def test_published_forms_are_letter_by_letter(family: str) -> None:
    for name, text in (("open_form", OPEN), ("closed_form", CLOSED)):
        prompt = load_prompt(name)
        turns = prompt.render(prompt.options(MSP), family=family, modality="speech")
        assert turns == (Turn("user", (AUDIO, text)),)
        assert not prompt.wording(family, "speech")[0].ours


@pytest.mark.parametrize("name", ["open_form_cot_v1", "closed_form_cot_v1"])
def test_prompts_with_chain_of_thought_are_ours_and_ask_the_same_question(name: str) -> None:
    prompt = load_prompt(name)
    (turn,) = prompt.render(prompt.options(MSP), family="qwen2_audio", modality="speech")
    assert prompt.wording("qwen2_audio", "speech")[0].ours
    assert turn.text.startswith(CLOSED if name.startswith("closed") else OPEN)
    assert "step by step" in turn.text
    assert turn.text.splitlines()[-1].startswith("Answer: the ")


@pytest.mark.parametrize("place", sorted(WORDINGS))
def test_a_wording_that_was_used_is_never_changed(place: str) -> None:
    content = (resources.files("equivoice.prompting") / place).read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == WORDINGS[place], "give it a new number"


def test_every_versioned_wording_is_held() -> None:
    named = {f"prompts/{name}.yaml" for name in prompt_names() if "_v" in name}
    named |= {f"instructions/{name}.yaml" for name in ("extract_emotion_v1", "cluster_emotion_v1")}
    assert named <= set(WORDINGS)
    assert {"extract_emotion_v1", "cluster_emotion_v1"} <= set(instruction_names())


# ------------------------------------------------------------------ "Other", which is no label


def test_other_is_displayed_and_is_no_label() -> None:
    assert OPTIONS.beside == ("Other",)
    assert OPTIONS.labels == MSP.names
    assert OPTIONS.displayed[-1] == "Other"
    assert "Other" not in OPTIONS.shown


@pytest.mark.parametrize("order", ["alphabetical", "shuffled-3"])
def test_other_stands_last_in_every_order(order: str) -> None:
    options = load_prompt("closed_form").options(MSP, order=order, seed=1)
    assert options.text.splitlines()[-1] == "I. Other"
    assert options.text.startswith(f"A. {options.shown[0]}\n")


@pytest.mark.parametrize(
    "answer", ["I", "I.", "(I)", "I. Other", "Other", "The answer is I.", "Answer: I"]
)
def test_who_takes_other_names_no_label(answer: str) -> None:
    read = parse(answer, OPTIONS)
    assert read.status != "parsed"
    again = parse(answer, options_as_shown(MSP, list(OPTIONS.shown), lettered=True))
    assert again.status == read.status


@pytest.mark.parametrize(
    ("answer", "label"), [("G", "contempt"), ("A. Angry", "angry"), ("Answer: D", "surprise")]
)
def test_letters_of_labels_are_read_beside_other(answer: str, label: str) -> None:
    assert parse(answer, OPTIONS).label == label


def test_a_corpus_with_the_label_other_displays_it_once() -> None:
    space = LabelSpace("nine", (*MSP.labels, Label("other")))
    options = load_prompt("closed_form").options(space)
    assert options.beside == ()
    assert options.text.splitlines()[-1] == "I. Other"
    assert parse("I", options).label == "other"


def test_words_beside_count_in_the_number_of_options_and_of_letters(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "beside: [None of these]\nwordings: [{turns: [{user: '{audio}{number}: {labels_or}'}]}]\n"
    )
    mine = load_prompt(file)
    (turn,) = mine.render(
        mine.options(label_space(["sad", "angry"])), family="x", modality="speech"
    )
    assert turn.text == "3: Sad, Angry, or None of these"
    letters = LabelSpace("many", tuple(Label(f"label {n}") for n in range(26)))
    assert len(make_options(letters, lettered=True).displayed) == 26
    with pytest.raises(ConfigError, match="letters for 26 options"):
        make_options(letters, lettered=True, beside=["Other"])


def test_words_beside_that_are_no_words_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("beside: [no]\nwordings: [{turns: [{user: '{audio}{labels}'}]}]\n")
    with pytest.raises(ConfigError, match="beside: not a list of words"):
        load_prompt(file)


def test_a_word_beside_that_is_displayed_as_an_option_is_refused() -> None:
    space = LabelSpace("demo", (Label("x"), Label("sad")))
    with pytest.raises(Exception, match="one word of its own"):
        make_options(space, words={"x": "Other"}, beside=["Other"])
