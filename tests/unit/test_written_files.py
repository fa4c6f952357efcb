"""Files that people write: what is wrong with one is named, and no object is ever made."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import ConfigError
from equivoice.written_files import parse_yaml, read_text, read_yaml


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
