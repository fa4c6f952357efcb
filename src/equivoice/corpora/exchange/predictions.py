"""Predictions out of the files of lmms-eval, LLaMA-Factory and Inspect."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from equivoice.corpora.exchange.answers import Answer, json_lines
from equivoice.corpora.exchange.inspect_logs import read_inspect
from equivoice.corpora.exchange.joining import join_answers, read_keys
from equivoice.corpora.exchange.json_logs import read_llama_factory, read_lmms_eval
from equivoice.errors import InputError
from equivoice.prompting import parse_responses
from equivoice.records import PREDICTIONS, LabelSpace

__all__ = ["FOREIGN_FORMATS", "Foreign", "foreign_format", "read_foreign"]

FOREIGN_FORMATS: Mapping[str, Callable[..., list[Answer]]] = MappingProxyType(
    {
        "lmms-eval": read_lmms_eval,
        "llama-factory": read_llama_factory,
        "inspect": read_inspect,
    }
)
"""The tools whose answers can be read, by name."""

_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Foreign:
    """Predictions from another tool.

    Args:
        predictions: a table of ``records.PREDICTIONS``.
        format: the tool.
        left_out: how many answers were left out, by reason.
    """

    predictions: pl.DataFrame
    format: str
    left_out: Mapping[str, int]


def foreign_format(path: str | Path) -> str | None:
    """Which tool wrote a file, by its content; ``None`` where none that is known did.

    Raises:
        InputError: the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        return None
    if path.suffix == ".eval" or (path.suffix == ".json" and not zipfile.is_zipfile(path)):
        return "inspect"
    if path.suffix.lower() not in _LINES:
        return None
    first: Mapping[str, Any] = next((row for _, row in islice(json_lines(path), 1)), {})
    if "utterance_id" in first and ("emotion" in first or "response" in first):
        return None
    if "resps" in first or "filtered_resps" in first:
        return "lmms-eval"
    return "llama-factory" if {"prompt", "predict"} <= set(first) else None


def read_foreign(
    path: str | Path,
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    key: str | None = None,
    keys: str | Path | None = None,
    system: str | None = None,
) -> Foreign:
    """Answers of another tool as predictions for a corpus, parsed by our rules.

    Several answers for one utterance are numbered as runs, in the order of the file.

    Args:
        path: the file that the tool wrote.
        utterances: of the corpus.
        labels: what answers are read as.
        format: one of :data:`FOREIGN_FORMATS`; by the file's content where ``None``.
        key: the field that names the utterance, such as ``doc.audio``.
        keys: a file that tells which item is which utterance; see ``read_keys``.
        system: the name of the system, where the file's own is not wanted.

    Raises:
        InputError: the file cannot be read, is of no known tool, or names no utterance.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file", file=path, hint="check the path")
    name = format or foreign_format(path)
    if name is None or name not in FOREIGN_FORMATS:
        raise InputError(
            "no known tool wrote this file", file=path, value=format, choices=FOREIGN_FORMATS
        )
    answers = FOREIGN_FORMATS[name](path, key=key)
    if not answers:
        raise InputError("the file holds no answers", file=path)
    table = None if keys is None else read_keys(keys)
    pairs, left_out = join_answers(answers, utterances, table, file=path)
    named = system or next((a.system for a in answers if a.system), None) or name
    return Foreign(_table(pairs, named, labels), name, dict(left_out))


def _table(pairs: Sequence[tuple[str, Answer]], system: str, labels: LabelSpace) -> pl.DataFrame:
    seen: Counter[tuple[str, float | None]] = Counter()
    rows: list[dict[str, Any]] = []
    for utterance, answer in pairs:
        place = (utterance, answer.temperature)
        rows.append(
            {
                "utterance_id": utterance,
                "system": system,
                "temperature": answer.temperature,
                "run": seen[place],
                "label_space": labels.id,
                "response": answer.text,
                "reason": answer.reason,
            }
        )
        seen[place] += 1
    wanted = ("utterance_id", "system", "temperature", "run", "label_space", "response", "reason")
    types = {name: PREDICTIONS.column(name).dtype for name in wanted}
    frame = pl.DataFrame(rows, schema=types)
    read = parse_responses(frame.get_column("response"), labels)
    failed = pl.col("response").is_null()
    columns = frame.with_columns(read.get_column("status"), read.get_column("emotion"))
    return PREDICTIONS.validate(
        columns.with_columns(
            status=pl.when(failed).then(pl.lit("failed")).otherwise("status"),
            emotion=pl.when(failed).then(None).otherwise("emotion"),
        )
    )
