"""The cards that come with Equivoice: one YAML file a corpus, and EmoBox's table."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ValidationError

from equivoice.corpora.card import Card, Fact
from equivoice.errors import CorpusError

__all__ = ["EMOBOX", "card_names", "card_of", "did_you_mean", "emobox_names"]

EMOBOX = "emobox"


@cache
def card_names() -> tuple[str, ...]:
    """The names of all corpora that have a card, in alphabetical order.

    Example:
        >>> len(card_names()) >= 33 and "ravdess" in card_names()
        True
    """
    return tuple(sorted({*_emobox_rows(), *_files()}))


@cache
def card_of(name: str) -> Card:
    """The card of a corpus: its own file first, EmoBox's table for what that leaves open.

    Raises:
        CorpusError: there is no such card.

    Example:
        >>> card_of("emovo").label_map["gio"]
        'happy'
        >>> str(card_of("tess").licence)
        'unknown'
    """
    if name not in card_names():
        raise CorpusError(
            "there is no card of this corpus",
            value=name,
            choices=card_names(),
            hint=did_you_mean(name, card_names()),
        )
    facts: dict[str, Any] = _emobox_facts(name)
    if name in _files():
        facts |= yaml.safe_load(_text(f"{name}.yaml"))
    try:
        return Card.model_validate({"name": name, **facts})
    except ValidationError as error:
        raise CorpusError(f"the card of {name} is not in order: {error}") from error


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A hint at the name that was probably meant; ``None`` where none is close.

    Example:
        >>> did_you_mean("ravdes", ["ravdess", "emovo"])
        "did you mean 'ravdess'?"
    """
    close = get_close_matches(name.casefold(), list(names), n=1)
    return f"did you mean {close[0]!r}?" if close else None


@cache
def _files() -> frozenset[str]:
    folder = resources.files("equivoice.corpora.cards")
    stems = (entry.name.removesuffix(".yaml") for entry in folder.iterdir() if _is_yaml(entry.name))
    return frozenset(stems) - {EMOBOX}


def _is_yaml(name: str) -> bool:
    return name.endswith(".yaml")


def _text(name: str) -> str:
    return resources.files("equivoice.corpora.cards").joinpath(name).read_text("utf-8")


@cache
def _emobox_table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_text(f"{EMOBOX}.yaml"))
    return table


def _emobox_rows() -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = _emobox_table()["corpora"]
    return rows


def emobox_names() -> tuple[str, ...]:
    """The 32 corpora for which EmoBox publishes metadata.

    Example:
        >>> len(emobox_names())
        32
    """
    return tuple(_emobox_rows())


def _emobox_facts(name: str) -> dict[str, Any]:
    row = _emobox_rows().get(name)
    if row is None:
        return {}
    title, recording, languages, emotions, speakers, utterances, hours, where = row
    source = str(_emobox_table()["source"])
    size = f"{utterances:,} utterances, {hours} h, {emotions} emotions"
    given = {
        "title": title,
        "recording": recording,
        "languages": languages,
        "speakers": None if speakers is None else str(speakers),
        "size": size,
        "obtain": where,
    }
    return {
        key: Fact(value=value, source=source) for key, value in given.items() if value is not None
    }
