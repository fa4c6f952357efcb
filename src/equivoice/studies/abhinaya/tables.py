"""The paper's tables for what was run, the printed numbers beside, as frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from equivoice.evaluation import Ensemble
from equivoice.evaluation.ensemble.agreement import scores_of
from equivoice.records import WithInterval
from equivoice.studies.abhinaya.measuring import Compared, Votes
from equivoice.studies.published.ensembles import PublishedEnsemble

__all__ = ["WHOLE", "ZERO_SHOT", "AbhinayaTables", "make_tables"]

WHOLE = "ABHINAYA"
_VOTE = "majority vote"
ZERO_SHOT = "zero-shot"
_SCORE = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "undefined": pl.String}


@dataclass(frozen=True)
class AbhinayaTables:
    """The tables; values are fractions of 1, printed ones too.

    Args:
        table_1: a row a member and a vote: score, interval, what was printed.
        table_2: a row a system and loss, with the difference from the system's first loss.
        table_3: a row an emotion and system.
        table_4: a row a subset of the members.
        figure_2: a row a zero-shot model.
    """

    table_1: pl.DataFrame
    table_2: pl.DataFrame
    table_3: pl.DataFrame
    table_4: pl.DataFrame
    figure_2: pl.DataFrame

    @property
    def named(self) -> Mapping[str, pl.DataFrame]:
        """The tables that have rows, by name."""
        every = {
            "table_1": self.table_1,
            "table_2": self.table_2,
            "table_3": self.table_3,
            "table_4": self.table_4,
            "figure_2": self.figure_2,
        }
        return {name: table for name, table in every.items() if not table.is_empty()}


def make_tables(
    votes: Votes | None, compared: Sequence[Compared], paper: PublishedEnsemble
) -> AbhinayaTables:
    """Lay the findings out as in the paper."""
    losses = [each for each in compared if each.block != ZERO_SHOT]
    models = [each for each in compared if each.block == ZERO_SHOT]
    return AbhinayaTables(
        pl.DataFrame() if votes is None else _table_1(votes, paper),
        _compared(losses, {name: dict(row) for name, row in paper.losses.items()}),
        pl.DataFrame() if votes is None else _table_3(votes.paper, paper),
        pl.DataFrame() if votes is None else _table_4(votes.paper, paper),
        _compared(models, {ZERO_SHOT: dict(paper.zero_shot)}),
    )


def _table_1(votes: Votes, paper: PublishedEnsemble) -> pl.DataFrame:
    rows = []
    for name in votes.paper.findings.members:
        printed = paper.systems.get(name)
        rows.append(
            {
                "system": name,
                "tie": None,
                **_of(votes.paper, name),
                "printed_for": None if printed is None else printed.name,
                "printed_validation": _share(None if printed is None else printed.validation),
                "printed_test": _share(None if printed is None else printed.test),
            }
        )
    known = paper.combination(votes.paper.findings.members)
    for made in (votes.paper, votes.ours):
        rows.append(
            {
                "system": _VOTE,
                "tie": made.findings.tie,
                **_of(made, _VOTE),
                "printed_for": None if known is None else known.name,
                "printed_validation": _share(None if known is None else known.validation),
                "printed_test": _share(None if known is None else known.test),
            }
        )
    texts = {"system": pl.String, "tie": pl.String, "printed_for": pl.String}
    numbers = {"n": pl.Int64, "printed_validation": pl.Float64, "printed_test": pl.Float64}
    return pl.DataFrame(rows, schema_overrides={**texts, **_SCORE, **numbers})


def _table_3(made: Ensemble, paper: PublishedEnsemble) -> pl.DataFrame:
    """F1 of each emotion by members and vote; the vote's printed numbers are of all five."""
    whole = set(made.findings.members) == set(paper.systems)
    f1 = made.estimates.filter(
        (pl.col("quantity") == "score") & (pl.col("metric") == "f1") & pl.col("class").is_not_null()
    )
    pooled = f1.filter(pl.col("fold").fill_null("all") == "all")
    f1 = f1 if pooled.is_empty() else pooled
    rows = []
    for row in f1.iter_rows(named=True):
        system = row["system"]
        name = WHOLE if system == _VOTE and whole else system
        printed = paper.by_emotion.get(row["class"], {}).get(name)
        rows.append(
            {
                "emotion": row["class"],
                "system": system,
                "value": row["value"],
                "low": row["low"],
                "high": row["high"],
                "undefined": row["undefined"],
                "n": row["n"],
                "printed": _share(printed),
            }
        )
    types = {"emotion": pl.String, "system": pl.String, "n": pl.Int64, "printed": pl.Float64}
    return pl.DataFrame(rows, schema={**types, **_SCORE})


def _table_4(made: Ensemble, paper: PublishedEnsemble) -> pl.DataFrame:
    rows = []
    for subset in made.findings.subsets:
        known = paper.combination(subset.members) if len(subset.members) > 1 else None
        rows.append(
            {
                "members": " + ".join(subset.members),
                "size": len(subset.members),
                "breaker": subset.breaker if len(subset.members) > 1 else None,
                **_plain(subset.scores["macro_f1"]),
                "ties": subset.ties,
                "printed_as": None if known is None else known.name,
                "printed_breaker": None if known is None else known.breaker,
                "printed_validation": _share(None if known is None else known.validation),
                "printed_test": _share(None if known is None else known.test),
            }
        )
    texts = dict.fromkeys(("members", "breaker", "printed_as", "printed_breaker"), pl.String)
    counts = dict.fromkeys(("size", "ties"), pl.Int64)
    numbers = dict.fromkeys(("printed_validation", "printed_test"), pl.Float64)
    return pl.DataFrame(rows, schema={**texts, **counts, **_SCORE, **numbers})


def _compared(
    compared: Sequence[Compared], printed: Mapping[str, Mapping[str, float]]
) -> pl.DataFrame:
    rows = [
        {
            "system": each.block,
            "label": each.label,
            **_plain(each.macro_f1),
            "n": each.n,
            "against": each.against,
            "difference": None if each.difference is None else each.difference.value,
            "difference_low": None if each.difference is None else each.difference.low,
            "difference_high": None if each.difference is None else each.difference.high,
            "p_value": each.p_value,
            "printed": _share(printed.get(each.block, {}).get(each.label)),
        }
        for each in compared
    ]
    texts = dict.fromkeys(("system", "label", "against"), pl.String)
    numbers = dict.fromkeys(
        ("difference", "difference_low", "difference_high", "p_value", "printed"), pl.Float64
    )
    return pl.DataFrame(rows, schema={**texts, "n": pl.Int64, **_SCORE, **numbers})


def _of(made: Ensemble, system: str) -> dict[str, float | int | str | None]:
    own = made.estimates.filter(system=system)
    n = own.filter(quantity="score", metric="macro_f1").get_column("n").max()
    return {**_plain(scores_of(own)["macro_f1"]), "n": None if n is None else int(str(n))}


def _plain(found: WithInterval) -> dict[str, float | int | str | None]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "undefined": found.undefined,
    }


def _share(printed: float | None) -> float | None:
    return None if printed is None else printed / 100
