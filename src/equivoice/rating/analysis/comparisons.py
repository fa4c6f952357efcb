"""Votes between two systems: win rates, and what else moves a vote than the systems.

A vote says ``a``, ``b`` or ``tie`` of an item; the items table says which system was shown
as A. A *pair* is an utterance with two systems; a rater may see it in both orders, which
are two items. What a rater says of a pair is the mean over the orders that the rater saw:
1 won, 0.5 tied, 0 lost. A rater who saw pairs in both orders counts only for those of
which both votes could be read, so that a liking for a place cancels out.

Beside the win rate: how often the one shown first is chosen (one half without a liking for
a place), how often both orders end alike, and how often the longer text is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from scipy import stats

from equivoice.errors import ConfigError, VotesError
from equivoice.rating.analysis.rows import Uncertainty, estimate_table, mean_rows
from equivoice.rating.sampling import shown_texts
from equivoice.records import ITEMS, VOTES

__all__ = ["Comparisons", "Ties", "opinions", "read_comparisons", "win_rates"]

Ties = Literal["half", "leave_out"]
"""A tie counts half for each system, or is no decision and left out."""

_TIE = "tie"
_SIDES = {"a": 0, "b": 1, _TIE: 2}
_NO_VALUE = "vote without an answer"
_NO_PAIR = "vote on an item without two systems"
_ONE_ORDER = "pair of which one order could not be read"
_TIED = "tie"


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Votes on pairs, one row a vote.

    Args:
        frame: ``item``, ``pair`` (the utterance with both systems in the order of
            ``systems``), ``utterance_id``, ``rater``, ``kind``, ``first`` and ``second``
            (systems as shown), ``chosen`` (a system, or ``tie``), ``longer`` (the system
            whose text is longer; null where unknown or equal).
        systems: by pair of systems, which one's wins are counted, and against whom.
        left_out: votes that do not count, by reason.
    """

    frame: pl.DataFrame
    systems: tuple[tuple[str, str], ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_comparisons(
    votes: pl.DataFrame,
    items: pl.DataFrame,
    *,
    question: str = "preference",
    systems: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Comparisons:
    """Votes joined with what was shown.

    Args:
        votes: a table of ``records.VOTES``; values are ``a``, ``b`` and ``tie``.
        items: a table of ``records.ITEMS`` with the systems.
        question: which question compares.
        systems: whose wins are counted first: of two systems that meet, the one that
            stands earlier here, or else that is first in the alphabet.
        exclude: items that do not count, such as gold items.

    Raises:
        VotesError: another value, a count above 1, a rater who voted twice on an item, or
            votes on items that the table does not hold.

    Example:
        >>> items = {"item": ["x"], "utterance_id": ["a/1"], "system_a": ["q2a"],
        ...          "system_b": ["ours"], "shown": [None]}
        >>> votes = {"item": ["x"], "rater": ["r"], "question": ["preference"], "value": ["b"]}
        >>> found = read_comparisons(pl.DataFrame(votes), pl.DataFrame(items), systems=["ours"])
        >>> found.systems, found.frame["chosen"].to_list()
        ((('ours', 'q2a'),), ['ours'])
    """
    asked = VOTES.validate(votes).filter(
        (pl.col("question") == question) & ~pl.col("item").is_in(list(exclude))
    )
    said = asked.filter(pl.col("value").is_not_null() & (pl.col("count").fill_null(1) > 0))
    _check_votes(said, question)
    shown = ITEMS.validate(items)
    _check_items(said, shown)
    joined = said.select("item", "rater", "kind", "value").join(
        shown.drop("channel"), on="item", how="inner", maintain_order="left"
    )
    paired = joined.drop_nulls(["system_a", "system_b"])
    counts = {_NO_VALUE: asked.height - said.height, _NO_PAIR: joined.height - paired.height}
    rows = [_comparison(row, systems) for row in paired.iter_rows(named=True)]
    frame = pl.DataFrame(rows, schema=_COLUMNS)
    met = frame.select("system", "against").unique(maintain_order=True).rows()
    left_out = {why: count for why, count in counts.items() if count}
    return Comparisons(frame, tuple(sorted(met)), left_out)


def opinions(comparisons: Comparisons) -> tuple[pl.DataFrame, int]:
    """What each rater says of each pair, over the orders that the rater saw.

    Returns:
        a table with ``item`` (the pair), ``utterance_id``, ``system``, ``against``,
        ``rater``, ``kind``, ``value`` (1 won, 0.5 tied, 0 lost) and ``votes``; and how many
        pairs were left out because one of two orders could not be read.
    """
    value = (
        pl.when(pl.col("chosen") == pl.col("system"))
        .then(1.0)
        .when(pl.col("chosen") == _TIE)
        .then(0.5)
        .otherwise(0.0)
    )
    whole = (
        comparisons.frame.with_columns(value=value)
        .group_by("pair", "utterance_id", "system", "against", "rater", "kind", maintain_order=True)
        .agg(pl.col("value").mean(), pl.col("first").n_unique().alias("votes"))
        .rename({"pair": "item"})
    )
    most = pl.col("votes").max().over("rater", "system", "against")
    kept = whole.filter(pl.col("votes") == most)
    return kept, whole.height - kept.height


def win_rates(
    comparisons: Comparisons,
    *,
    groups: pl.DataFrame | None = None,
    ties: Ties = "half",
    uncertainty: Uncertainty | None = None,
) -> pl.DataFrame:
    """How often a system is preferred, overall and by emotion, with what else moves votes.

    Args:
        comparisons: the votes.
        groups: a table with ``item`` and columns to count by, such as ``emotion``.
        ties: ``half``: a tie is half a win for each; ``leave_out``: a pair that is tied over
            all its orders is no decision.
        uncertainty: how intervals are made.

    Returns:
        rows of ``records.ESTIMATES``: metrics ``win_rate``, ``tie_rate``, ``first_chosen``,
        ``same_in_both_orders`` and ``longer_chosen``; ``system`` with ``group_by`` =
        ``against`` and the other system in ``groups``; ``class`` is the emotion where one
        is counted alone. Each once for items, raters and both as the units.

    Raises:
        ConfigError: an unknown choice for ``ties``.

    Example:
        >>> items = {"item": ["x", "y"], "utterance_id": ["a/1"] * 2, "system_a": ["p", "q"],
        ...          "system_b": ["q", "p"], "shown": [None] * 2}
        >>> votes = {"item": ["x", "y"], "rater": ["r"] * 2, "question": ["preference"] * 2,
        ...          "value": ["a", "tie"]}
        >>> read = read_comparisons(pl.DataFrame(votes), pl.DataFrame(items))
        >>> win_rates(read).filter(metric="win_rate", unit="item")["value"].to_list()
        [0.75]
    """
    if ties not in ("half", "leave_out"):
        raise ConfigError("unknown choice for ties", value=ties, choices=("half", "leave_out"))
    how = uncertainty or Uncertainty()
    said, halves = opinions(comparisons)
    emotions = _by_pair(comparisons, groups)
    rows: list[dict[str, Any]] = []
    for system, against in comparisons.systems:
        named = {"system": system, "group_by": "against", "groups": against}
        met = (pl.col("system") == system) & (pl.col("against") == against)
        own, votes = said.filter(met), comparisons.frame.filter(met)
        left_out = {**comparisons.left_out, **({_ONE_ORDER: halves} if halves else {})}
        rows += _rates(own, emotions, ties, left_out, how, named)
        rows += _place_rows(votes, how, named)
        rows += _length_rows(votes, how, named)
    return estimate_table(rows)


# ------------------------------------------------------------------------- reading

_COLUMNS = dict.fromkeys(
    ("item", "pair", "utterance_id", "system", "against", "rater", "kind", "first", "second"),
    pl.String,
) | {"chosen": pl.String, "longer": pl.String}


def _check_votes(votes: pl.DataFrame, question: str) -> None:
    folded = votes.get_column("value").str.to_lowercase()
    wrong = (~folded.is_in(list(_SIDES))).arg_true()
    if len(wrong):
        raise VotesError(
            f"a vote on {question!r} says neither a nor b nor tie",
            row=int(wrong[0]) + 1,
            column="value",
            value=votes.get_column("value")[int(wrong[0])],
            choices=tuple(_SIDES),
        )
    many = (votes.get_column("count").fill_null(1) > 1).arg_true()
    twice = votes.select("item", "rater").is_duplicated().arg_true()
    for rows, what in ((many, "a row of several votes"), (twice, "a rater's second vote")):
        if len(rows):
            raise VotesError(
                f"{what} on one item, and comparisons count one a rater",
                row=int(rows[0]) + 1,
                column="item",
                value=votes.get_column("item")[int(rows[0])],
                hint="give each rater a name, and keep one vote an item",
            )


def _check_items(votes: pl.DataFrame, items: pl.DataFrame) -> None:
    unknown = votes.join(items, on="item", how="anti")
    if not unknown.is_empty():
        raise VotesError(
            f"{unknown.height} votes are on items that the table of items does not hold",
            column="item",
            value=unknown.get_column("item")[0],
            hint="give the items that belong to these votes",
        )


def _comparison(row: Mapping[str, Any], systems: Sequence[str]) -> dict[str, Any]:
    shown = (row["system_a"], row["system_b"])
    rank = {name: place for place, name in enumerate(systems)}
    system, against = sorted(shown, key=lambda name: (rank.get(name, len(rank)), name))
    side = _SIDES[row["value"].lower()]
    about = row["utterance_id"] if row["utterance_id"] is not None else row["item"]
    return {
        "item": row["item"],
        "pair": f"{about} | {system} | {against}",
        "utterance_id": row["utterance_id"],
        "system": system,
        "against": against,
        "rater": row["rater"],
        "kind": row["kind"],
        "first": shown[0],
        "second": shown[1],
        "chosen": (*shown, _TIE)[side],
        "longer": _longer(row["shown"], shown),
    }


def _longer(shown: str | None, systems: tuple[str, str]) -> str | None:
    """The system whose reason has more words; none where the texts are not told or equal."""
    if not shown or not shown.lstrip().startswith("{"):
        return None
    texts = shown_texts(shown)
    if not {"reason_a", "reason_b"} <= set(texts):
        return None
    lengths = [len(texts[name].split()) for name in ("reason_a", "reason_b")]
    if lengths[0] == lengths[1]:
        return None
    return systems[lengths[1] > lengths[0]]


def _by_pair(comparisons: Comparisons, groups: pl.DataFrame | None) -> pl.DataFrame | None:
    if groups is None or "emotion" not in groups.columns:
        return None
    known = comparisons.frame.select("item", "pair").join(groups, on="item", how="inner")
    return known.select(item="pair", emotion="emotion").drop_nulls().unique("item")


# -------------------------------------------------------------------------- rating


def _rates(
    said: pl.DataFrame,
    emotions: pl.DataFrame | None,
    ties: Ties,
    left_out: Mapping[str, int],
    how: Uncertainty,
    named: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Win and tie rates: overall, and of each emotion."""
    tied = said.with_columns(value=(pl.col("value") == 0.5).cast(pl.Float64))
    won, lost = said, dict(left_out)
    if ties == "leave_out":
        won = said.filter(pl.col("value") != 0.5)
        lost |= {_TIED: said.height - won.height} if won.height < said.height else {}
    convention = {"half": "ties half", "leave_out": "ties left out"}[ties]
    told = {**named, "metric": "win_rate", "convention": convention}
    rows = mean_rows(won, how, left_out=lost, **told)
    rows += mean_rows(tied, how, metric="tie_rate", **named)
    if emotions is None:
        return rows
    by_emotion = won.join(emotions, on="item", how="inner")
    for (emotion,), own in sorted(by_emotion.partition_by("emotion", as_dict=True).items()):
        rows += mean_rows(own, how, **told, **{"class": emotion})
    return rows


def _place_rows(
    votes: pl.DataFrame, how: Uncertainty, named: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """How often the first shown is chosen, and how often both orders end alike."""
    decided = votes.filter(pl.col("chosen") != _TIE)
    first = decided.select(
        "rater", item="pair", value=(pl.col("chosen") == pl.col("first")).cast(pl.Float64)
    )
    told = {**named, "metric": "first_chosen"}
    if votes.get_column("first").n_unique() < 2:
        why = "one system was always shown first: its place cannot be told from its quality"
        return [{"quantity": "score", **told, "value": None, "n": 0, "undefined": why}]
    rows = mean_rows(first, how, **told)
    both = _both_orders(votes)
    if both.is_empty():
        return rows
    if both.get_column("rater").n_unique() == 1:  # the test takes pairs as independent
        rows = [{**row, "p_value": _place_test(both)} for row in rows]
    alike = both.select(
        "rater", item="pair", value=(pl.col("chosen") == pl.col("other")).cast(pl.Float64)
    )
    return rows + mean_rows(alike, how, **named, metric="same_in_both_orders")


def _both_orders(votes: pl.DataFrame) -> pl.DataFrame:
    """A row a rater and pair seen in both orders: what was chosen in each."""
    one = votes.filter(pl.col("first") == pl.col("system"))
    two = votes.filter(pl.col("first") != pl.col("system"))
    other = two.select("pair", "rater", other="chosen")
    return one.join(other, on=["pair", "rater"], how="inner", nulls_equal=True)


def _place_test(both: pl.DataFrame) -> float | None:
    """Exact test of no liking for a place, on pairs that were decided otherwise in each order.

    Where the choice changed with the order, the first place or the second was chosen twice;
    without a liking both are as likely (McNemar's exact test).
    """
    changed = both.filter(
        (pl.col("chosen") != pl.col("other"))
        & (pl.col("chosen") != _TIE)
        & (pl.col("other") != _TIE)
    )
    if changed.is_empty():
        return None
    firsts = int((changed.get_column("chosen") == changed.get_column("system")).sum())
    return float(stats.binomtest(firsts, changed.height).pvalue)


def _length_rows(
    votes: pl.DataFrame, how: Uncertainty, named: Mapping[str, Any]
) -> list[dict[str, Any]]:
    known = votes.filter((pl.col("chosen") != _TIE) & pl.col("longer").is_not_null())
    if known.is_empty():
        return []
    longer = known.select(
        "rater", item="pair", value=(pl.col("chosen") == pl.col("longer")).cast(pl.Float64)
    )
    return mean_rows(longer, how, **named, metric="longer_chosen")
