"""Files that people write: what is wrong with one is named, and no object is ever made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from equivoice.errors import ConfigError
from equivoice.prompting import load_prompt
from equivoice.prompting.instructions import load_instruction
from equivoice.prompting.teacher_prompts import load_teacher_prompt
from equivoice.rating.rubrics import load_rubric
from equivoice.training.recipes import load_recipe
from equivoice.written_files import is_written_file, parse_yaml, read_text, read_yaml


def test_a_file_is_read_as_plain_values(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: [1, 2]\nwörter: 'ja'\n", "utf-8")
    assert read_yaml(file, what="the file") == {"a": [1, 2], "wörter": "ja"}
    assert read_text(file, what="the file").startswith("a: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "not YAML"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
        ("[" * 1_000, "nested too deeply"),
    ],
)
def test_what_is_not_yaml_is_refused_with_the_name_of_the_file(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        parse_yaml(text, file="mine.yaml")
    assert "mine.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), ("ä: 1".encode("latin-1"), "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"the recipe cannot be read: .*{told}") as refused:
        read_yaml(file, what="the recipe")
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("mine", False),
        ("mine.yaml", True),
        ("mine.yml", True),
        ("folder/mine", True),
        (Path("mine"), True),
        ("mine.v2", False),
    ],
)
def test_a_path_is_told_from_a_name(given: str | Path, written: bool) -> None:
    assert is_written_file(given) == written


LOADERS = (load_prompt, load_instruction, load_recipe, load_rubric, load_teacher_prompt)


@pytest.mark.parametrize("load", LOADERS)
def test_what_has_a_folder_in_it_is_never_looked_for_among_our_own(
    load: Callable[[str], object], tmp_path: Path
) -> None:
    """Recipes and rubrics once took it for a name."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(str(tmp_path / "mine"))


@pytest.mark.parametrize("load", LOADERS)
def test_an_unknown_name_is_told_with_those_that_there_are(load: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match=r"unknown .*'mine'") as refused:
        load("mine")
    assert refused.value.choices
    assert "path of a file" in str(refused.value)
