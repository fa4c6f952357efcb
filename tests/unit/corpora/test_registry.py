"""Every name has an adapter, third parties included."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from equivoice.corpora import Card, Draft, Request, Source, registry
from equivoice.corpora.cards import card_names
from equivoice.corpora.registry import FORMATS, corpus_names, source_of
from equivoice.errors import CorpusError


@pytest.mark.parametrize("name", [*FORMATS, *card_names()])
def test_every_name_has_an_adapter(name: str) -> None:
    source = source_of(name)
    assert source.card.name == name
    assert callable(source.read)


def test_an_unknown_name_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(CorpusError, match="did you mean 'ravdess'"):
        source_of("RAVDES")
    with pytest.raises(CorpusError, match="corpora list"):
        source_of("zzzzzz")


def mine(request: Request) -> Draft:
    raise NotImplementedError


MINE = Source(Card(name="mine"), mine)
NO_SOURCE = object()


def test_third_parties_bring_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "mine_module:MINE", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: MINE)
    monkeypatch.setattr(registry, "_plugins", lambda: {"mine": entry})
    assert "mine" in corpus_names()
    assert source_of("mine") is MINE


def test_what_is_no_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "mine_module:NO_SOURCE", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: NO_SOURCE)
    monkeypatch.setattr(registry, "_plugins", lambda: {"mine": entry})
    with pytest.raises(CorpusError, match=r"no equivoice\.corpora\.Source"):
        source_of("mine")


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "no_such_module_anywhere:X", registry.GROUP)
    monkeypatch.setattr(registry, "_plugins", lambda: {"mine": entry})
    with pytest.raises(CorpusError, match="no_such_module_anywhere"):
        source_of("mine")
