"""The word file: every list is read, and entries gather their roles."""

from __future__ import annotations

from importlib import resources

import yaml

from equivoice.rationales.claims.lexicon import lexicon


def test_every_entry_of_the_file_is_text_and_is_found() -> None:
    text = (resources.files("equivoice.rationales.claims") / "words.yaml").read_text("utf-8")
    raw = yaml.safe_load(text)
    known = lexicon().roles
    for name, content in raw.items():
        if isinstance(content, list) and name not in ("qualities", "of_a_voice"):
            assert all(isinstance(word, str) for word in content), name  # yes, no, on and off
            assert all(tuple(word.split()) in known for word in content), name


def test_a_word_keeps_all_its_roles() -> None:
    roles = lexicon().roles
    assert roles[("above",)].degree == "up"
    assert "comparing" in roles[("above",)].flags
    assert roles[("clear",)].degree == "good"
    assert roles[("clear",)].of == {"voice": ("clarity", "high")}
    assert roles[("monotone",)].strong == ("pitch_range", "flat")


def test_every_meaning_is_of_a_subject_and_a_degree_that_exist() -> None:
    words = lexicon()
    families = {roles.subject for roles in words.roles.values()}
    degrees = {roles.degree for roles in words.roles.values()}
    assert {family for family, _ in words.meanings} <= families
    assert {degree for _, degree in words.meanings} <= degrees
