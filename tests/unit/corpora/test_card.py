"""Cards: a fact has a source, or is unknown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from equivoice.corpora import Card, Fact, card_names, card_of
from equivoice.corpora.card import FACTS
from equivoice.corpora.cards import emobox_names
from equivoice.corpora.labels import lexicon
from equivoice.errors import CorpusError

EIGHT = ("ravdess", "emovo", "urdu", "cremad", "meld", "iemocap", "emovdb", "nemo")


def test_a_fact_without_a_source_cannot_be_written_down() -> None:
    with pytest.raises(ValidationError, match="source"):
        Fact(value="CC BY 4.0")


def test_a_source_without_a_value_is_no_fact() -> None:
    with pytest.raises(ValidationError):
        Fact(source="somewhere")


@pytest.mark.parametrize("given", [None, "unknown"])
def test_unknown_is_a_statement(given: str | None) -> None:
    fact = Card.model_validate({"name": "x", "licence": given}).licence
    assert not fact.known
    assert str(fact) == "unknown"


@pytest.mark.parametrize(
    ("value", "shown"), [(["a", "b"], "a, b"), ({"k": "v"}, "k = v"), (3, "3")]
)
def test_facts_are_shown_in_words(value: object, shown: str) -> None:
    assert str(Fact.model_validate({"value": value, "source": "s"})) == shown


def test_unknown_keys_on_a_card_are_refused() -> None:
    with pytest.raises(ValidationError):
        Card.model_validate({"name": "x", "licence_type": "free"})


@pytest.mark.parametrize("name", card_names())
def test_every_fact_that_is_stated_has_a_source(name: str) -> None:
    card = card_of(name)
    assert card.name == name
    assert list(card.facts()) == list(FACTS)
    for fact in (*card.facts().values(), *card.traps):
        assert bool(fact.source) == fact.known
    assert all(trap.known for trap in card.traps)


@pytest.mark.parametrize("name", card_names())
def test_label_maps_lead_to_canonical_labels_and_cover_the_own_names(name: str) -> None:
    card = card_of(name)
    assert set(card.label_map.values()) <= set(lexicon().names)
    if card.label_map:
        assert set(card.label_names.value or ()) == set(card.label_map)


@pytest.mark.parametrize("name", EIGHT)
def test_the_corpora_that_were_looked_up_say_licence_and_place(name: str) -> None:
    card = card_of(name)
    assert card.licence.known
    assert card.obtain.known
    assert card.language_tags
    assert card.label_map


def test_emobox_has_its_32_corpora_and_nothing_is_invented_for_the_rest() -> None:
    assert len(emobox_names()) == 32
    assert set(emobox_names()) <= set(card_names())
    rest = set(emobox_names()) - set(EIGHT) - {"ased"}
    assert all(not card_of(name).licence.known for name in rest)
    assert all("EmoBox" in (card_of(name).title.source or "") for name in rest)


def test_a_mixed_language_corpus_states_no_language() -> None:
    assert card_of("esd").language_tags == ()
    assert str(card_of("mer2023").speakers) == "unknown"


@pytest.mark.parametrize(
    ("name", "own", "label"),
    [
        ("ravdess", "Fearful", "fear"),
        ("emovo", "gio", "happy"),
        ("iemocap", "exc", "happy"),
        ("meld", "joy", "happy"),
        ("nemo", "surprised", "surprise"),
        ("ased", "S", "sad"),
    ],
)
def test_own_names_are_mapped_explicitly(name: str, own: str, label: str) -> None:
    assert card_of(name).label_map[own] == label


def test_an_unknown_card_names_those_there_are() -> None:
    with pytest.raises(CorpusError, match="ravdess") as caught:
        card_of("ravdes")
    assert caught.value.value == "ravdes"
