"""Prompts as data: published wordings letter by letter, slots that cannot be escaped, own files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError, InputError
from equivoice.prompting import (
    AUDIO,
    MODALITIES,
    Options,
    Prompt,
    Turn,
    load_prompt,
    make_options,
    prompt_names,
)
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", tuple(Label(name) for name in ("neutral", "happy", "sad", "angry")))
OPTIONS = make_options(SPACE)
FAMILIES = (
    "qwen2_audio",
    "audio_flamingo_3",
    "voxtral",
    "salmonn",
    "qwen2_5_omni",
    "general",
    "openai",
    "text",
)
SER = "You are a highly capable assistant specialized in Speech Emotion Recognition"
SYSTEM_LABELS = (
    "You are a highly capable assistant specialized in Speech Emotion Recognition. You receive audio "
    "input and identify the emotion expressed in the speech. The emotion must be one of the following "
    "categories: Neutral, Happy, Sad, Angry."
)
CLASSIFY = "Classify the speaker's tone in the preceding audio. Options: Neutral, Happy, Sad, Angry. Answer:"

# Typed from shared/reference/papers.md, which holds the wording of FairALM's and ABHINAYA's runs.
GOLDEN = [
    (
        "user_labels",
        "qwen2_audio",
        "speech",
        (Turn("system", (SER,)), Turn("user", (AUDIO, CLASSIFY))),
    ),
    ("user_labels", "audio_flamingo_3", "speech", (Turn("user", (SER, CLASSIFY, AUDIO)),)),
    (
        "user_labels",
        "voxtral",
        "speech",
        (
            Turn(
                "user",
                (
                    AUDIO,
                    (
                        "You are an emotion classifier.\nPossible emotions: Neutral, Happy, Sad, Angry.\n"
                        "From the given audio, classify the emotion. Answer:"
                    ),
                ),
            ),
        ),
    ),
    (
        "user_labels",
        "salmonn",
        "speech",
        (
            Turn(
                "user",
                (
                    AUDIO,
                    (
                        "Classify the emotion in this speech as one of: Neutral, Happy, Sad, Angry. "
                        "Respond with only the emotion label. Answer:"
                    ),
                ),
            ),
        ),
    ),
    (
        "system_labels",
        "qwen2_audio",
        "speech",
        (
            Turn("system", (SYSTEM_LABELS,)),
            Turn(
                "user",
                (AUDIO, "Classify the tone of the speaker in the preceding audio. Answer:"),
            ),
        ),
    ),
    (
        "direct",
        "qwen2_audio",
        "speech",
        (
            Turn(
                "user",
                (
                    AUDIO,
                    (
                        "Listen to the audio and identify the speaker's emotion. "
                        "Choose from: Neutral, Happy, Sad, Angry. Answer:"
                    ),
                ),
            ),
        ),
    ),
    (
        "abhinaya_speech_text",
        "salmonn",
        "speech+transcript",
        (
            Turn(
                "user",
                (AUDIO, "Describe emotion of the speaker in one word <Transcript> I see."),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("name", "family", "modality", "turns"), GOLDEN)
def test_published_prompts_are_letter_by_letter(
    name: str, family: str, modality: str, turns: tuple[Turn, ...]
) -> None:
    prompt = load_prompt(name)
    assert prompt.render(OPTIONS, family=family, modality=modality, transcript="I see.") == turns
    wording, added = prompt.wording(family, modality)
    assert not wording.ours
    assert not added


def test_the_text_prompt_of_abhinaya_is_letter_by_letter() -> None:
    names = ("happy", "angry", "sad", "neutral", "contempt", "disgust", "surprise", "fear")
    prompt = load_prompt("abhinaya_text")
    options = prompt.options(LabelSpace("eight", tuple(Label(name) for name in names)))
    assert prompt.render(options, family="text", modality="transcript", transcript="Go.") == (
        Turn(
            "system",
            (
                (
                    "You are an emotion recognizer capable of understanding the emotion within a text. "
                    "(Your task) Classify the following sentence into one of the 8 emotions: happy, angry, "
                    "sad, neutral, contempt, disgust, surprise, or fear. Reply with only 1 word."
                ),
            ),
        ),
        Turn("user", ("sentence: Go.",)),
    )


def test_what_no_paper_gives_is_marked_as_ours() -> None:
    for family, ours in (("qwen2_audio", False), ("general", True), ("openai", True)):
        assert load_prompt("user_labels").wording(family, "speech")[0].ours is ours
    assert load_prompt("user_labels").wording("qwen2_audio", "transcript")[0].ours


@pytest.mark.parametrize("name", prompt_names())
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("modality", MODALITIES)
def test_every_prompt_renders_for_every_family_or_says_why_not(
    name: str, family: str, modality: str
) -> None:
    prompt = load_prompt(name)
    if modality not in prompt.modalities:
        with pytest.raises(ConfigError, match="has no wording for the family"):
            prompt.render(OPTIONS, family=family, modality=modality, transcript="Well then.")
        return
    turns = prompt.render(OPTIONS, family=family, modality=modality, transcript="Well then.")
    text = " ".join(turn.text for turn in turns)
    assert sum(turn.parts.count(AUDIO) for turn in turns) == (modality != "transcript")
    assert ("Well then." in text) == (modality != "speech")
    assert turns[-1].role == "user"
    assert "{" not in text
    if modality == "transcript":  # nothing may be asked about a sound that is not there
        assert "audio" not in text.lower()
        assert "Listen" not in text
        assert "Aufnahme" not in text


WITHOUT_OPTIONS = {"abhinaya_speech_text", "open_form", "open_form_cot_v1"}


@pytest.mark.parametrize("name", sorted(set(prompt_names()) - WITHOUT_OPTIONS))
def test_every_option_is_displayed(name: str) -> None:
    prompt = load_prompt(name)
    options = prompt.options(SPACE, order="shuffled-1", seed=3)
    modality = "transcript" if "speech" not in prompt.modalities else "speech"
    turns = prompt.render(options, family="general", modality=modality, transcript="x")
    text = " ".join(turn.text for turn in turns)
    places = [text.index(word) for word in options.shown]
    assert places == sorted(places)


def test_a_transcript_stands_before_the_question_wherever_the_sound_is() -> None:
    line = "Transcript of the audio: Oh no.\n"
    direct = load_prompt("direct")
    for family, place in (("qwen2_audio", 1), ("audio_flamingo_3", 0)):
        (turn,) = direct.render(
            OPTIONS, family=family, modality="speech+transcript", transcript="Oh no."
        )
        assert turn.parts[place] == line + next(
            part
            for part in direct.render(OPTIONS, family=family, modality="speech")[0].parts
            if isinstance(part, str)
        )


def test_a_transcript_that_is_missing_is_an_error_and_an_empty_one_is_not() -> None:
    prompt = load_prompt("direct")
    with pytest.raises(InputError, match="needs a transcript"):
        prompt.render(OPTIONS, family="general", modality="transcript")
    assert prompt.render(OPTIONS, family="general", modality="transcript", transcript="")


@given(st.text(max_size=80), st.text(alphabet="{}audiolbestrnc ", min_size=1, max_size=30))
def test_nothing_that_is_filled_in_is_read_as_a_template(transcript: str, word: str) -> None:
    options = Options(SPACE, ("sad", "happy"), (word, f"{word}!"))
    prompt = load_prompt("direct")
    (turn,) = prompt.render(
        options, family="general", modality="speech+transcript", transcript=transcript
    )
    assert turn.parts == (
        AUDIO,
        (
            f"Transcript of the audio: {transcript}\n"
            f"Listen to the audio and identify the speaker's emotion. Choose from: {word}, {word}!. Answer:"
        ),
    )


def test_translated_options_go_with_a_translated_prompt() -> None:
    prompt = load_prompt("direct_de")
    options = prompt.options(SPACE, order="alphabetical")
    assert options.shown == ("fröhlich", "neutral", "traurig", "wütend")
    assert options.labels == ("happy", "neutral", "sad", "angry")


def test_options_with_letters_stand_one_a_line() -> None:
    prompt = load_prompt("lettered")
    assert prompt.lettered
    (turn,) = prompt.render(prompt.options(SPACE), family="general", modality="speech")
    assert "\nA. Neutral\nB. Happy\nC. Sad\nD. Angry\n" in turn.text


def test_more_options_than_letters_are_refused() -> None:
    space = LabelSpace("many", tuple(Label(f"feeling {number}") for number in range(27)))
    with pytest.raises(ConfigError, match="letters for 26 options only"):
        make_options(space, lettered=True)
    assert make_options(space).text


def test_families_are_known_by_other_spellings() -> None:
    prompt = load_prompt("user_labels")
    for name in ("Qwen2-Audio", "qwen2_audio", "QWEN2 AUDIO"):
        assert prompt.wording(name, "speech") == prompt.wording("qwen2_audio", "speech")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown prompt: 'direkt'"):
        load_prompt("direkt")
    with pytest.raises(ConfigError, match=r"unknown modality: 'video'"):
        load_prompt("direct").render(OPTIONS, family="general", modality="video")


# ---------------------------------------------------------------------- own files

OWN = """\
source: me
wordings:
  - turns:
      - system: "Answer as {\\"emotion\\": \\"...\\"}, and {{labels}} is meant literally."
      - user: ["One of {labels}.", "{audio}"]
  - families: [My-Model.2]
    turns:
      - user: "{audio} {transcript} {labels_or} {number}"
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_prompt_from_a_file(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, OWN))
    assert (prompt.name, prompt.source) == ("mine", "me")
    assert prompt == load_prompt(str(tmp_path / "mine.yaml"))
    system, user = prompt.render(OPTIONS, family="anything", modality="speech")
    assert system.text == 'Answer as {"emotion": "..."}, and {labels} is meant literally.'
    assert user.parts == ("One of Neutral, Happy, Sad, Angry.", AUDIO)
    (turn,) = prompt.render(
        OPTIONS, family="my_model_2", modality="speech+transcript", transcript="Hm"
    )
    assert turn.parts == (AUDIO, " Hm Neutral, Happy, Sad, or Angry 4")


def test_a_file_without_a_wording_for_text_says_so(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, OWN))
    with pytest.raises(ConfigError, match="it has wordings for that family with speech"):
        prompt.render(OPTIONS, family="general", modality="transcript", transcript="x")


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """\
name: direct
lettered: 1
colour: red
words: {sad: no, angry: bad, happy: Bad}
wordings:
  - turns:
      - user: "{audio} {label}"
      - assistant: "Sad"
      - system: "be brief"
  - {turn: x}
  - turns: [{user: "What?"}, "what"]
    ours: yes please
  - turns: [{user: "{audio}{audio}"}]
  - turns: [{user: "{audio}"}, {teacher: "a"}, {user: 5}]
    families: qwen
  - 7
""",
    )
    with pytest.raises(ConfigError) as caught:
        load_prompt(file)
    message = str(caught.value)
    assert f"file: {file}" in message
    for mistake in (
        "colour: unknown key",
        "lettered: 1 is neither true nor false",
        "words: 'sad': False is not a text; put it in quotes",
        "words: 'Bad' is displayed for two labels",
        "name: 'direct' is one of Equivoice's own prompts",
        "wording 1: turn 3: a system turn can only be the first",
        (
            "wording 1: unknown slot {label} (choices: audio, transcript, labels, labels_or, number; "
            "write {{label}} for these letters themselves)"
        ),
        "wording 1: the last turn is not the user's",
        "wording 2: turn: unknown key",
        "wording 2: turns: a wording needs a list",
        "wording 3: turn 2: not of the form 'user: text'",
        "wording 3: ours: 'yes please' is neither true nor false",
        "wording 3: neither {audio} nor {transcript}",
        "wording 4: {audio} stands more than once",
        "wording 4: a second wording of speech for all families",
        "wording 5: turn 2: unknown role 'teacher'",
        "wording 5: turn 3: not a text, nor a list of texts",
        "wording 5: families: not a list of names",
        "wording 6: not a mapping with the key turns",
    ):
        assert mistake in message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n- b", "a prompt file is a mapping"),
        ("a: [", "not YAML"),
        ("", "a prompt file is a mapping"),
        ("name: x", "wordings: a prompt needs a list"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_files_that_are_no_prompts(tmp_path: Path, text: str, problem: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_prompt(file)
    assert str(file) in str(caught.value)


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    file.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigError, match="nested too deeply"):
        load_prompt(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_prompt(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"source: \xe9\n")
    with pytest.raises(InputError, match="not UTF-8"):
        load_prompt(tmp_path / "latin.yaml")


def test_prompts_are_plain_values() -> None:
    assert load_prompt("direct") == load_prompt("direct")
    assert isinstance(load_prompt("direct"), Prompt)
