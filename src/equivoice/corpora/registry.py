"""Which corpora there are, and by which adapter each is read.

To add a corpus: a card under ``cards/``, an adapter module under ``adapters/``
with its test, and a line here. Packages of third parties offer a
:class:`~equivoice.corpora.source.Source` under the entry point group
``equivoice.corpora`` instead.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from equivoice.corpora.card import Card
from equivoice.corpora.cards import card_names, card_of, did_you_mean, emobox_names
from equivoice.corpora.source import Source
from equivoice.errors import CorpusError

__all__ = ["FORMATS", "corpus_names", "source_of"]

GROUP = "equivoice.corpora"
_ADAPTERS = "equivoice.corpora.adapters"

# Formats that any corpus may come in.
FORMATS = {
    "table": "table:read_plain",
    "audformat": "audformat:read_audformat",
    "datasets": "hf_datasets:read_datasets",
    "emo_superb": "emo_superb:read_emo_superb",
}
# Corpora that have a reader of their own.
_READERS = {
    "emotionlines": "emotionlines:read_emotionlines",
    "meld_st": "meld_st:read_meld_st",
    "msp_podcast": "msp_podcast:read_msp_podcast",
    "nemo": "nemo:read_nemo",
}
# What file names and extra files add to EmoBox's metadata.
_COMPLETIONS = {
    "ased": "ased:complete",
    "cremad": "cremad:complete",
    "emovdb": "emovdb:complete",
    "emovo": "emovo:complete",
    "iemocap": "iemocap:complete",
    "meld": "meld:complete",
    "ravdess": "ravdess:complete",
    "urdu": "urdu:complete",
}


def corpus_names() -> tuple[str, ...]:
    """All corpora that can be prepared by name, those of third parties included.

    Example:
        >>> {"ravdess", "nemo", "tess"} <= set(corpus_names())
        True
    """
    return tuple(sorted({*card_names(), *_plugins()}))


def source_of(name: str) -> Source:
    """The card and the adapter of a corpus, or of a format (table, audformat, datasets).

    Raises:
        CorpusError: nobody offers that corpus, or what a package offers is no source.

    Example:
        >>> source_of("ravdess").card.label_map["Fearful"]
        'fear'
    """
    if name in FORMATS:
        return Source(Card(name=name), _load(FORMATS[name]))
    if name in _plugins():
        return _from_plugin(name)
    if name in _READERS:
        return Source(card_of(name), _load(_READERS[name]))
    if name in emobox_names():
        complete = _COMPLETIONS.get(name)
        return Source(
            card_of(name),
            _load("emobox:read_emobox"),
            None if complete is None else _load(complete),
        )
    raise CorpusError(
        "no corpus or format of this name",
        value=name,
        choices=(*FORMATS, *corpus_names()),
        hint=did_you_mean(name, (*FORMATS, *corpus_names()))
        or "'equivoice corpora list' shows what there is",
    )


def _load(place: str) -> Any:
    module, _, function = place.partition(":")
    return getattr(import_module(f"{_ADAPTERS}.{module}"), function)


@cache
def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _from_plugin(name: str) -> Source:
    entry = _plugins()[name]
    try:
        source = entry.load()
    except (ImportError, AttributeError) as error:
        raise CorpusError(
            f"the corpus {name!r} of {entry.value} cannot be loaded: {error}"
        ) from error
    if not isinstance(source, Source):
        raise CorpusError(
            f"the entry point {name!r} is no equivoice.corpora.Source", value=entry.value
        )
    return source
