"""Which wording a family is given, in any file: against the rule as the documentation words it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError, InputError
from equivoice.prompting import Options, make_options
from equivoice.prompting.prompt_files import family_name, read_prompt
from equivoice.prompting.prompts import MODALITIES, Prompt, load_prompt
from equivoice.prompting.turns import AUDIO
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("sad")))
OPTIONS = make_options(SPACE)
TEXTS = {
    "speech": "{audio}",
    "transcript": "{transcript}",
    "speech+transcript": "{audio}{transcript}",
}
FAMILIES = (None, "qwen", "voxtral")
KINDS = st.sets(st.tuples(st.sampled_from(FAMILIES), st.sampled_from(sorted(TEXTS))), min_size=1)


def prompt_of(kinds: set[tuple[str | None, str]]) -> Prompt:
    wordings = [
        {
            "families": [family] if family else [],
            "turns": [{"user": f"{TEXTS[modality]}for {family}, {modality}"}],
        }
        for family, modality in sorted(kinds, key=str)
    ]
    text = yaml.safe_dump({"wordings": wordings})
    return Prompt(**read_prompt(text, file="own.yaml", name="own"))


def chosen_by_the_rule(
    kinds: set[tuple[str | None, str]], family: str, modality: str
) -> tuple[str | None, str] | None:
    """One's own before everybody's; among them the very modality, and speech as a stand-in."""
    wanted = [modality] + (["speech"] if modality == "speech+transcript" else [])
    return next(
        ((who, kind) for who in (family, None) for kind in wanted if (who, kind) in kinds), None
    )


@given(KINDS, st.sampled_from(["qwen", "voxtral", "other"]), st.sampled_from(MODALITIES))
def test_the_wording_is_the_one_that_the_rule_names(
    kinds: set[tuple[str | None, str]], family: str, modality: str
) -> None:
    prompt, expected = prompt_of(kinds), chosen_by_the_rule(kinds, family, modality)
    if expected is None:
        with pytest.raises(ConfigError, match="has no wording for the family"):
            prompt.wording(family, modality)
        return
    (turn,) = prompt.render(OPTIONS, family=family, modality=modality, transcript="<said>")
    who, kind = expected
    assert f"for {who}, {kind}" in turn.text
    assert turn.has_audio == (modality != "transcript")
    # the transcript stands there once, in its place or on a line that was added
    assert turn.text.count("<said>") == (modality != "speech")
    added = modality == "speech+transcript" and kind == "speech"
    assert ("Transcript of the audio: <said>\n" in turn.text) == added
    assert prompt.wording(family, modality)[1] == added


@given(KINDS)
def test_the_modalities_of_a_prompt_are_those_it_can_be_rendered_for(
    kinds: set[tuple[str | None, str]],
) -> None:
    prompt = prompt_of(kinds)
    possible = {
        modality
        for modality in MODALITIES
        if any(chosen_by_the_rule(kinds, family, modality) for family in ("qwen", "voxtral", "x"))
    }
    assert prompt.modalities == possible


def test_an_unknown_modality_is_told_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="unknown modality: 'video'") as caught:
        load_prompt("direct").wording("qwen", "video")
    assert caught.value.choices == MODALITIES


def test_a_wording_that_is_missing_is_told_with_those_that_are_there() -> None:
    prompt = prompt_of({("qwen", "speech"), (None, "transcript")})
    with pytest.raises(ConfigError) as caught:
        prompt.wording("voxtral", "speech")
    assert "'voxtral'" in str(caught.value)
    assert "with transcript" in str(caught.value)
    assert "docs/prompts.md" in str(caught.value)


@pytest.mark.parametrize("spelling", ["Qwen2.5-Omni", "qwen2_5_omni", "QWEN2.5 omni"])
def test_spellings_of_a_family_are_one(spelling: str) -> None:
    assert family_name(spelling) == "qwen2_5_omni"


def test_two_spellings_of_a_family_are_one_wording_too_many() -> None:
    turns = [{"user": "{audio}"}]
    text = yaml.safe_dump({"wordings": [{"families": [f], "turns": turns} for f in ("a-b", "A.B")]})
    with pytest.raises(ConfigError, match="wording 2: a second wording of speech for a_b"):
        read_prompt(text, file="own.yaml", name="own")


@pytest.mark.parametrize("modality", ["speech+transcript", "transcript"])
def test_a_transcript_that_is_needed_and_missing_is_told_with_a_way_out(modality: str) -> None:
    prompt = prompt_of({(None, modality)})
    with pytest.raises(InputError, match="needs a transcript") as caught:
        prompt.render(OPTIONS, family="x", modality=modality)
    assert caught.value.column == "transcript"
    assert "leave such utterances out" in str(caught.value)


def test_the_added_line_stands_before_the_question_where_the_sound_is_last() -> None:
    text = yaml.safe_dump({"wordings": [{"turns": [{"user": ["Which?", "{audio}"]}]}]})
    prompt = Prompt(**read_prompt(text, file="own.yaml", name="own"))
    (turn,) = prompt.render(OPTIONS, family="x", modality="speech+transcript", transcript="Hm")
    assert turn.parts == ("Transcript of the audio: Hm\nWhich?", AUDIO)


def test_the_added_line_stands_alone_where_there_is_no_text() -> None:
    prompt = Prompt(
        **read_prompt("wordings: [{turns: [{user: '{audio}'}]}]", file="o.yaml", name="o")
    )
    (turn,) = prompt.render(OPTIONS, family="x", modality="speech+transcript", transcript="Hm")
    assert turn.parts == (AUDIO, "Transcript of the audio: Hm\n")


def test_words_are_found_by_synonyms_and_the_first_word_for_a_label_holds() -> None:
    prompt = Prompt("own", (), words={"anger": "Zorn", "angry": "Wut", "bored": "öd"})
    options = prompt.options(SPACE, order="alphabetical")
    assert options == Options(SPACE, ("sad", "angry"), ("Sad", "Zorn"))


@pytest.mark.parametrize(
    ("shown", "listed"),
    [(("Sad",), "Sad"), (("Sad", "Angry"), "Sad, or Angry"), (tuple("ABC"), "A, B, or C")],
)
def test_the_last_option_has_an_or_and_a_number_counts_them(
    shown: tuple[str, ...], listed: str
) -> None:
    space = LabelSpace("demo", tuple(Label(word.casefold()) for word in shown))
    options = Options(space, space.names, shown)
    text = "wordings: [{turns: [{user: '{audio}{number}: {labels_or}'}]}]"
    prompt = Prompt(**read_prompt(text, file="own.yaml", name="own"))
    (turn,) = prompt.render(options, family="x", modality="speech")
    assert turn.text == f"{len(shown)}: {listed}"


def test_a_path_is_a_path_and_a_name_a_name(tmp_path: Path) -> None:
    text = "wordings: [{turns: [{user: '{audio}'}]}]"
    for name in ("mine.yaml", "mine.yml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert load_prompt(tmp_path / name).name == load_prompt(str(tmp_path / name)).name == "mine"
    with pytest.raises(ConfigError, match="unknown prompt: 'mine'") as caught:
        load_prompt("mine")
    assert "direct" in (caught.value.choices or ())
    with pytest.raises(InputError, match="cannot be read"):
        load_prompt(Path("direct"))
