"""Answers in the JSON lines of lmms-eval and of LLaMA-Factory.

lmms-eval (``--log_samples``) writes one object an item with ``doc_id``, ``target``,
``resps`` and ``filtered_resps``. It drops the item itself, so that mostly ``doc_id``
alone, the place in the task's data set, tells which utterance it was.

LLaMA-Factory (``generated_predictions.jsonl``) writes ``prompt``, ``predict`` and
``label`` in the order of the data set, and no name of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equivoice.corpora.exchange.answers import Answer, json_lines, key_of
from equivoice.errors import InputError

__all__ = ["read_llama_factory", "read_lmms_eval"]


def read_lmms_eval(path: Path, *, key: str | None = None) -> list[Answer]:
    """The answers in a file ``*_samples_*.jsonl``; several of one item follow each other.

    Raises:
        InputError: the file cannot be read, or a line holds no answer.
    """
    found: list[Answer] = []
    for number, item in json_lines(path):
        given = item.get("resps", item.get("filtered_resps"))
        texts = _texts(given)
        if not texts or _many_requests(given):
            raise InputError(
                "a line has no free answer in 'resps' or 'filtered_resps'",
                file=path,
                row=number,
                hint="run a task that generates text, with --log_samples",
            )
        name = key_of(item, key)
        place = item.get("doc_id")
        row = place if isinstance(place, int) else number - 1
        found += [Answer(name, row, text, label=_text(item.get("target"))) for text in texts]
    return found


def _texts(value: Any) -> list[str]:
    """Answers out of the nested lists that lmms-eval writes, one a repeat."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    return [text for each in value for text in _texts(each)]


def _many_requests(value: Any) -> bool:
    """Whether an item was asked option by option: those are likelihoods and no answers."""
    return isinstance(value, list) and len(value) > 1 and any(isinstance(v, list) for v in value)


def read_llama_factory(path: Path, *, key: str | None = None) -> list[Answer]:
    """The answers in a file ``generated_predictions.jsonl``.

    Raises:
        InputError: the file cannot be read, or a line holds no ``predict``.
    """
    found: list[Answer] = []
    for number, item in json_lines(path):
        text = item.get("predict")
        if not isinstance(text, str):
            raise InputError(
                "a line has no answer", file=path, row=number, column="predict", choices=list(item)
            )
        found.append(Answer(key_of(item, key), len(found), text, label=_label(item)))
    return found


def _label(item: Mapping[str, Any]) -> str | None:
    return _text(item.get("label"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
