"""Models that were trained on what they are tested on, as far as it is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from importlib import resources
from typing import Any

import yaml

__all__ = ["Contact", "contacts"]

_UNKNOWN = (
    "Nothing is on record about what this model was trained on with respect to this corpus. That "
    "is not the same as clean."
)


@dataclass(frozen=True)
class Contact:
    """What is known about a model and a corpus.

    Args:
        model: the model.
        corpus: the corpus.
        kind: ``fine-tuned``, or ``unknown``.
        what: in a sentence.
        source: where it is said; ``None`` where nothing is.
    """

    model: str
    corpus: str
    kind: str
    what: str
    source: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The note as JSON can hold it."""
        return asdict(self)


def contacts(model: str, corpus: str) -> list[Contact]:
    """What is on record about a model and a corpus; that nothing is, where nothing is.

    Args:
        model: a hub id, or a folder whose last part is the model's name.
        corpus: the name of a corpus.

    Example:
        >>> contacts("emotion2vec/emotion2vec_plus_large", "ravdess")[0].kind
        'fine-tuned'
        >>> contacts("my/model", "ravdess")[0].kind
        'unknown'
    """
    found = [
        Contact(model, corpus, each["kind"], each["what"], each["source"])
        for each in _table()
        if _is_named(model, each["models"]) and corpus in each["corpora"]
    ]
    return found or [Contact(model, corpus, "unknown", _UNKNOWN)]


def _is_named(model: str, patterns: list[str]) -> bool:
    folded = model.rstrip("/").casefold()
    last = folded.rpartition("/")[2]
    return any(
        fnmatch(folded, pattern.casefold()) or fnmatch(last, pattern.casefold().rpartition("/")[2])
        for pattern in patterns
    )


def _table() -> list[dict[str, Any]]:
    text = (resources.files(__package__) / "contamination.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text))
