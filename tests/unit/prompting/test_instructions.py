"""Instructions as data: places that are filled once, own files, all mistakes together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError, InputError
from equivoice.prompting import AUDIO
from equivoice.prompting.instructions import Instruction, instruction_names, load_instruction

OWN = ("cluster_emotion_v1", "extract_emotion_v1")


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.yaml"
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize("name", OWN)
def test_own_instructions_are_read(name: str) -> None:
    asked = load_instruction(name)
    assert asked.name == name
    assert name in instruction_names()
    assert asked.source.startswith("ours")
    turns = asked.render(**dict.fromkeys(asked.places, "XYZ"))
    assert [turn.role for turn in turns] == ["system", "user"]
    text = " ".join(turn.text for turn in turns)
    assert text.count("XYZ") == len(asked.places)
    assert "{" not in text


@given(st.text(max_size=60), st.text(alphabet="{}wordlabes ", max_size=20))
def test_nothing_that_is_filled_in_is_read_as_a_template(word: str, labels: str) -> None:
    _, user = load_instruction("cluster_emotion_v1").render(word=word, labels=labels)
    assert user.text.startswith(f"Classes: {labels}, Other\n")
    assert user.text.endswith(f"Word: {word}\nClass:")


def test_a_place_without_value_and_a_value_without_place_are_refused() -> None:
    asked = load_instruction("extract_emotion_v1")
    with pytest.raises(ConfigError, match="nothing for 'answer'"):
        asked.render()
    with pytest.raises(ConfigError, match="no place for 'wird'"):
        asked.render(answer="sad", wird="x")


def test_the_sound_has_its_place_without_a_value(tmp_path: Path) -> None:
    file = write(
        tmp_path, "places: [audio, a]\nturns:\n  - user: 'Listen: {audio} Is {a} right?'\n"
    )
    (turn,) = load_instruction(file).render(a="this")
    assert turn.parts == ("Listen: ", AUDIO, " Is this right?")


def test_the_wording_shows_turns_and_places(tmp_path: Path) -> None:
    made = load_instruction(write(tmp_path, "places: [a]\nturns:\n  - user: 'Is {a} so?'\n"))
    assert made == Instruction("mine", made.turns, ("a",))
    assert made.wording == "user: Is {a} so?"


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "sauce: x\nsource: 3\nplaces: [a, b]\nturns:\n  - user: 'Is {a} or {c}?'\n  - nobody: x\n  - y\n",
    )
    with pytest.raises(ConfigError) as caught:
        load_instruction(file)
    for part in (
        "sauce: unknown key",
        "source: 3 is not a text",
        "'b' is declared and not used",
        "'c' is used and not declared",
        "turn 2: not a text",
        "turn 3: not of the form",
        "mine.yaml",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not YAML"),
        ("- x", "is a mapping"),
        ("places: []", "list of one turn at least"),
        ("places: 3\nturns: [{user: x}]\nname: 4", "name: 4 is not a text"),
        ("places: [3]\nturns: [{user: x}]", "not a list of names"),
        ("turns: [{user: x}]\nname: extract_emotion_v1", "one of Equivoice's own"),
    ],
)
def test_faulty_files_say_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_instruction(write(tmp_path, text))


def test_a_file_that_cannot_be_read_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_instruction(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        load_instruction(tmp_path / "bytes.yaml")
    with pytest.raises(ConfigError, match="unknown instruction"):
        load_instruction("extract_emotion_v0")
