"""Score plain lists of labels, compare two groups of speakers, print the verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import equivoice

HERE = Path(__file__).parent


def column(file: str, name: str) -> list[str]:
    """One column of a table beside this file."""
    with (HERE / file).open(encoding="utf-8", newline="") as handle:
        return [row[name] for row in csv.DictReader(handle)]


scores = equivoice.score(
    column("predictions.csv", "emotion"),
    column("utterances.csv", "emotion"),
    speakers=column("utterances.csv", "speaker"),
    groups={"gender": column("utterances.csv", "gender")},
    group_by=["gender"],
    replicates=500,
)
print(*equivoice.verdict(scores.estimates), sep="\n")
