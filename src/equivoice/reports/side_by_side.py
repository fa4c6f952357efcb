"""Runs side by side: only those that answered the same questions share a table.

Two scores can be read beside each other where the same utterances were held
against the same reference. Runs that differ in either stand apart, and the report
says so before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from equivoice.annotators.names import is_human
from equivoice.reports.cautions import Statement
from equivoice.reports.formatting import count
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.kinds import of_labels
from equivoice.reports.references import references
from equivoice.reports.rows import POOLED, Estimate, in_order, pooled
from equivoice.reports.terms import GIVEN, reference

__all__ = ["Apart", "kept_apart", "set_apart"]

Run = tuple[ReportInputs, tuple[Estimate, ...]]
_NOTHING_ABOUT_SYSTEMS = (
    "Their scores stand in separate tables: a difference between them says nothing about the "
    "systems."
)


@dataclass(frozen=True)
class Apart:
    """The runs on one corpus, in sets that may stand in one table.

    Args:
        corpus: the corpus.
        sets: titles of runs; one set where all may stand together.
        told: for each run its title, and against what it held how many utterances.
        relabelled: whether the utterances are the same, and only their labels differ.
    """

    corpus: str
    sets: tuple[tuple[str, ...], ...]
    told: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    relabelled: bool = False

    @property
    def separate(self) -> bool:
        """Whether some runs must not stand in one table."""
        return len(self.sets) > 1

    def name(self, title: str) -> str:
        """What the set of a run is called; empty where all stand together."""
        if not self.separate:
            return ""
        own = next(each for each in self.sets if title in each)
        return f"run {own[0]}" if len(own) == 1 else f"runs {', '.join(own)}"

    @property
    def statement(self) -> Statement:
        """Loudly, that these runs are not to be compared, and why."""
        place = f" on {self.corpus}" if self.corpus not in ("", POOLED) else ""
        held = {tuple(name for name, _ in scored) for _, scored in self.told}
        what = "on the same utterances" if len(held) == 1 else "against the same reference"
        if self.relabelled:
            what = "against the same labels of their utterances"
        runs = "; ".join(f"{title}: {_listed(scored)}" for title, scored in self.told)
        text = (
            f"These runs were not scored {what}{place}, and must not be compared. {runs}. "
            f"{_NOTHING_ABOUT_SYSTEMS}"
        )
        return Statement(False, text, "Runs that cannot be compared", "test sets")


def kept_apart(runs: Sequence[Run]) -> list[Apart]:
    """For each corpus, which runs may stand in one table; nothing of a single run."""
    if len(runs) < 2:
        return []
    corpora = in_order(row.corpus or "" for _, rows in runs for row in rows)
    return [_on(corpus, runs) for corpus in corpora]


def set_apart(apart: Sequence[Apart], corpus: str, title: str) -> str:
    """What the set of a run on a corpus is called; empty where nothing stands apart."""
    return next((each.name(title) for each in apart if each.corpus == corpus), "")


def _on(corpus: str, runs: Sequence[Run]) -> Apart:
    sets: dict[tuple[object, ...], list[str]] = {}
    utterances = set()
    told = []
    for each, rows in runs:
        own = [row for row in of_labels(pooled(rows)) if (row.corpus or "") == corpus]
        own = [row for row in own if row.quantity == "score" and row.label is None]
        own = [row for row in own if not is_human(row.system)] or own
        if not own:
            continue
        scored = tuple((name, _number(own, name)) for name in sorted(references(own)))
        labels = {name: _scored(each, corpus, name) for name, _ in scored}
        key = tuple((name, labels[name] or number) for name, number in scored)
        sets.setdefault(key, []).append(each.title)
        utterances.add(
            tuple((name, frozenset(dict(labels[name] or ())) or number) for name, number in scored)
        )
        told.append((each.title, scored))
    relabelled = len(sets) > len(utterances) == 1
    return Apart(corpus, tuple(tuple(titles) for titles in sets.values()), tuple(told), relabelled)


def _number(rows: Sequence[Estimate], name: str) -> int:
    """How many utterances were held against a reference."""
    own = [row for row in rows if (row.reference or GIVEN) == name]
    return max((row.n or 0 for row in own), default=0)


def _scored(run: ReportInputs, corpus: str, name: str) -> frozenset[tuple[str, str]] | None:
    """The utterances that were scored, each with its label; ``None`` where the run has no labels."""
    known = run.utterances if name == GIVEN else run.labels
    if known is None or run.utterances is None or known.is_empty():
        return None
    if corpus not in ("", POOLED) and "corpus" in run.utterances.columns:
        own = run.utterances.filter(pl.col("corpus") == corpus)
        known = known.join(own.select("utterance_id"), on="utterance_id", how="semi")
    if "emotion" not in known.columns:
        known = known.with_columns(emotion=pl.lit(""))
    known = known.filter(pl.col("emotion").is_not_null())
    if run.predictions is not None and not run.predictions.is_empty():
        known = known.join(run.predictions.select("utterance_id"), on="utterance_id", how="semi")
    return frozenset(known.select("utterance_id", pl.col("emotion").cast(pl.String)).iter_rows())


def _listed(scored: Sequence[tuple[str, int]]) -> str:
    return " and ".join(
        f"{count(number, 'utterance')} held against {reference(name)}" for name, number in scored
    )
