"""The tables of hand-labelled answers, as tests and benchmarks read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from equivoice.corpora.labels import label_space
from equivoice.prompting import Options

FOLDER = Path(__file__).parent


class Answer(NamedTuple):
    """One row: what was displayed, what was answered, and what a careful reader makes of it."""

    kind: str
    options: Options
    response: str
    status: str
    label: str | None


def read_answers(name: str) -> list[Answer]:
    """The rows of a table, in order."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_answer(json.loads(line)) for line in lines]


def _answer(row: dict[str, Any]) -> Answer:
    labels = tuple(row["labels"])
    options = Options(label_space(labels), labels, tuple(row["shown"]), row["lettered"])
    return Answer(row["kind"], options, row["response"], row["status"], row["label"])
