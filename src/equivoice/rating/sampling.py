"""Which reasons are judged, as items: drawn by hash, so that a larger draw contains a smaller.

- :func:`sample_pairs`: two systems' reasons for the *same* prediction, so many an emotion,
  as the paper's win rates are made (50 an emotion).
- :func:`sample_reasons`: single reasons; with a reference, half of them for predictions
  that match it and half for those that do not, spread over emotions (the paper's Test I).

An item is a row of ``records.ITEMS``: who is shown first stands in ``system_a``, and
``shown`` is a JSON object with the texts. Nothing in an item's texts names a system.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.records import ITEMS, PREDICTIONS

__all__ = [
    "ORDERS",
    "Order",
    "Sampled",
    "pair_name",
    "sample_pairs",
    "sample_reasons",
    "shown_texts",
]

Order = Literal["both", "random", "given"]
ORDERS: tuple[Order, ...] = ("both", "random", "given")
"""How pairs are displayed: in both orders, in one that is drawn, or the first system first."""

_NO_REASON = "no reason"
_NO_LABEL = "no label"
_OTHER_LABEL = "the systems predict different labels"
_NOT_BOTH = "not answered by both systems"
_NOT_DRAWN = "not drawn"
_NO_REFERENCE = "no reference label"


@dataclass(frozen=True)
class Sampled:
    """What is judged.

    Args:
        items: a table of ``records.ITEMS``, in the order of its names.
        groups: from each item to what it is counted by: ``item``, ``emotion`` (the
            prediction) and, with a reference, ``match`` (``match`` or ``no match``).
        left_out: utterances that are not judged, by reason.
        short: from an emotion (or emotion and match) with fewer than were asked for to how
            many it has.
    """

    items: pl.DataFrame
    groups: pl.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)
    short: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Mapping[str, Sampled]) -> Sampled:
        """The items of several systems; what was left out of each bears its name.

        Args:
            parts: by system, what was drawn of it.
        """
        if len(parts) == 1:
            return next(iter(parts.values()))
        return cls(
            pl.concat([part.items for part in parts.values()]).sort("item"),
            pl.concat([part.groups for part in parts.values()], how="diagonal").sort("item"),
            {
                f"{name}: {why}": n
                for name, part in parts.items()
                for why, n in part.left_out.items()
            },
            {
                f"{name}: {what}": n
                for name, part in parts.items()
                for what, n in part.short.items()
            },
        )


def pair_name(utterance: str, first: str, second: str) -> str:
    """The name of an item that shows two systems' reasons in this order.

    Example:
        >>> pair_name("a/1", "ours", "q2a")
        'a/1 | ours | q2a'
    """
    return f"{utterance} | {first} | {second}"


def shown_texts(shown: str) -> dict[str, str]:
    """The texts of an item, as :func:`sample_pairs` and :func:`sample_reasons` write them.

    Raises:
        InputError: it is no JSON object of texts.

    Example:
        >>> shown_texts('{"emotion": "sad", "reason": "It is slow."}')["reason"]
        'It is slow.'
    """
    try:
        read = json.loads(shown)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "what an item shows is no JSON object", column="shown", value=shown
        ) from error
    if not isinstance(read, dict) or not all(isinstance(text, str) for text in read.values()):
        raise InputError("what an item shows is no object of texts", column="shown", value=shown)
    return read


def sample_pairs(
    predictions: Mapping[str, pl.DataFrame],
    *,
    per_emotion: int | None = 50,
    order: Order = "both",
    seed: int = 0,
) -> Sampled:
    """Pairs of reasons that two systems gave for the same prediction.

    Args:
        predictions: from the names of exactly two systems to their predictions, with an
            utterance at most once and the columns ``emotion`` and ``reason``.
        per_emotion: how many pairs of each emotion; ``None`` for all.
        order: ``both`` shows each pair twice, the second time exchanged.
        seed: of the draw.

    Raises:
        ConfigError: not two systems, a number below 1, or an unknown order.
        InputError: a system answers an utterance twice, or there is no pair.

    Example:
        >>> import polars as pl
        >>> rows = {"utterance_id": ["a/1", "a/2"], "emotion": ["sad", "angry"]}
        >>> ours = pl.DataFrame({**rows, "reason": ["slow", "loud"]})
        >>> theirs = pl.DataFrame({**rows, "emotion": ["sad", "sad"], "reason": ["low", "low"]})
        >>> found = sample_pairs({"ours": ours, "theirs": theirs})
        >>> found.items["item"].to_list()
        ['a/1 | ours | theirs', 'a/1 | theirs | ours']
        >>> found.left_out
        {'the systems predict different labels': 1}
    """
    if len(predictions) != 2:
        raise ConfigError(
            "pairs are of two systems", value=list(predictions), hint="name two systems"
        )
    _check_number(per_emotion)
    if order not in ORDERS:
        raise ConfigError("unknown order of display", value=order, choices=ORDERS)
    (first, one), (second, two) = predictions.items()
    both, left_out = _joined(_answers(one, first), _answers(two, second))
    drawn, short = _drawn(both, ["emotion"], per_emotion, seed, f"{first}\n{second}")
    if drawn.height < both.height:
        left_out[_NOT_DRAWN] = both.height - drawn.height
    if drawn.is_empty():
        raise InputError(
            f"{first} and {second} share no prediction for which both give a reason",
            hint="; ".join(f"{why}: {count}" for why, count in left_out.items()) or None,
        )
    rows = [
        _pair(row, (first, second), exchanged)
        for row in drawn.iter_rows(named=True)
        for exchanged in _exchanged(order, row["utterance_id"], seed)
    ]
    return _sampled(rows, left_out, short)


def sample_reasons(
    predictions: pl.DataFrame,
    *,
    system: str,
    reference: pl.DataFrame | None = None,
    per_emotion: int | None = None,
    matching: int | None = None,
    not_matching: int | None = None,
    seed: int = 0,
) -> Sampled:
    """Single reasons of one system.

    Args:
        predictions: of the system, with an utterance at most once.
        system: its name.
        reference: a table with ``utterance_id`` and ``emotion``: whether a prediction
            matches it becomes a group.
        per_emotion: how many of each predicted emotion; ``None`` for all.
        matching: with a reference, how many predictions that match it, spread over the
            emotions as evenly as there are; in place of ``per_emotion``.
        not_matching: the same of those that do not match.
        seed: of the draw.

    Raises:
        ConfigError: numbers below 1, or ``matching`` without a reference or beside
            ``per_emotion``.
        InputError: the system answers an utterance twice, or gives no reason at all.

    Example:
        >>> import polars as pl
        >>> rows = {"utterance_id": ["a/1", "a/2", "a/3"], "emotion": ["sad", "sad", "angry"]}
        >>> answers = pl.DataFrame({**rows, "reason": ["slow", None, "loud"]})
        >>> found = sample_reasons(answers, system="ours")
        >>> found.items["item"].to_list(), found.left_out
        (['a/1 | ours', 'a/3 | ours'], {'no reason': 1})
    """
    for number in (per_emotion, matching, not_matching):
        _check_number(number)
    split = matching is not None or not_matching is not None
    if split and (reference is None or per_emotion is not None):
        raise ConfigError(
            "matching and not_matching need a reference, and exclude per_emotion",
            hint="name the corpus, or leave them out",
        )
    answers, left_out = _with_reasons(_answers(predictions, system))
    if reference is not None:
        answers, unknown = _against(answers, reference)
        left_out |= {_NO_REFERENCE: unknown} if unknown else {}
    if split:
        drawn, short = _split(answers, {"match": matching, "no match": not_matching}, seed, system)
    else:
        drawn, short = _drawn(answers, ["emotion"], per_emotion, seed, system)
    if drawn.height < answers.height:
        left_out[_NOT_DRAWN] = answers.height - drawn.height
    if drawn.is_empty():
        raise InputError(f"{system} gives no reason that could be judged")
    return _sampled([_single(row, system) for row in drawn.iter_rows(named=True)], left_out, short)


# ------------------------------------------------------------------------- inside


def _check_number(number: int | None) -> None:
    if number is not None and number < 1:
        raise ConfigError("at least 1 item is judged", value=number)


def _answers(table: pl.DataFrame, system: str) -> pl.DataFrame:
    wanted = ("utterance_id", "emotion", "reason", "status")
    known = [name for name in wanted if name in table.columns]
    names = table.get_column("utterance_id")
    if names.is_duplicated().any():
        raise InputError(
            f"{system} answers an utterance several times, and one reason is judged",
            value=names.filter(names.is_duplicated())[0],
            hint="keep one condition (prompt, temperature, run) of it",
        )
    rows = PREDICTIONS.validate(table.select(known)).select(wanted)
    # the reason of a failed prediction says why it failed
    failed = (pl.col("status") == "failed").fill_null(value=False)
    said = pl.col("reason").str.strip_chars()
    reason = pl.when(~failed & (said != "")).then(said)
    return rows.select("utterance_id", "emotion", reason=reason)


def _with_reasons(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    labelled = rows.drop_nulls("emotion")
    reasoned = labelled.drop_nulls("reason")
    lost = {_NO_LABEL: rows.height - labelled.height, _NO_REASON: labelled.height - reasoned.height}
    return reasoned, {why: count for why, count in lost.items() if count}


def _joined(one: pl.DataFrame, two: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Utterances for which both gave a reason for the same label, and what became of the rest."""
    everybody = one.join(two, on="utterance_id", how="full", coalesce=True, suffix="_two")
    answered = one.join(two, on="utterance_id", how="inner", suffix="_two")
    labelled = answered.drop_nulls(["emotion", "emotion_two"])
    same = labelled.filter(pl.col("emotion") == pl.col("emotion_two"))
    reasoned = same.drop_nulls(["reason", "reason_two"])
    steps = (everybody, answered, labelled, same, reasoned)
    names = (_NOT_BOTH, _NO_LABEL, _OTHER_LABEL, _NO_REASON)
    lost = {
        name: steps[at].height - steps[at + 1].height
        for at, name in enumerate(names)
        if steps[at].height > steps[at + 1].height
    }
    return reasoned, lost


def _against(rows: pl.DataFrame, reference: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    right = reference.select("utterance_id", right="emotion").drop_nulls().unique("utterance_id")
    known = rows.join(right, on="utterance_id", how="inner")
    same = pl.col("emotion") == pl.col("right")
    match = pl.when(same).then(pl.lit("match")).otherwise(pl.lit("no match"))
    return known.with_columns(match=match), rows.height - known.height


def _drawn(
    rows: pl.DataFrame, by: list[str], most: int | None, seed: int, salt: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """At most so many rows of each group, by hash; and the groups that have fewer."""
    if most is None:
        return rows.sort("utterance_id"), {}
    ranked = _ranked(rows, seed, salt)
    drawn = ranked.filter(pl.col("rank").rank("ordinal").over(by) <= most)
    sizes = drawn.group_by(by).len().sort(by)
    short = {", ".join(map(str, row[:-1])): row[-1] for row in sizes.rows() if row[-1] < most}
    return drawn.drop("rank").sort("utterance_id"), short


def _split(
    rows: pl.DataFrame, wanted: Mapping[str, int | None], seed: int, salt: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """So many of each side, the emotions in turn; and the sides that have fewer."""
    parts, short = [], {}
    for side, most in wanted.items():
        own = _ranked(rows.filter(pl.col("match") == side), seed, salt)
        turn = pl.col("rank").rank("ordinal").over("emotion")
        drawn = own.with_columns(turn=turn).sort("turn", "rank").head(most or 0)
        if most is not None and drawn.height < most:
            short[side] = drawn.height
        parts.append(drawn.drop("rank", "turn"))
    return pl.concat(parts).sort("utterance_id"), short


def _ranked(rows: pl.DataFrame, seed: int, salt: str) -> pl.DataFrame:
    names = rows.get_column("utterance_id").to_list()
    ranks = [_hash(seed, salt, name) for name in names]
    return rows.with_columns(pl.Series("rank", ranks, dtype=pl.UInt64))


def _hash(seed: int, *parts: str) -> int:
    text = json.dumps([seed, *parts])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _exchanged(order: Order, utterance: str, seed: int) -> tuple[bool, ...]:
    if order == "both":
        return (False, True)
    return (order == "random" and _hash(seed, "order", utterance) % 2 == 1,)


def _pair(row: Mapping[str, Any], names: tuple[str, str], exchanged: bool) -> dict[str, Any]:
    reasons = (row["reason"], row["reason_two"])
    if exchanged:
        names, reasons = names[::-1], reasons[::-1]
    shown = {"emotion": row["emotion"], "reason_a": reasons[0], "reason_b": reasons[1]}
    return {
        "item": pair_name(row["utterance_id"], *names),
        "utterance_id": row["utterance_id"],
        "system_a": names[0],
        "system_b": names[1],
        "shown": json.dumps(shown, ensure_ascii=False),
        "emotion": row["emotion"],
    }


def _single(row: Mapping[str, Any], system: str) -> dict[str, Any]:
    shown = {"emotion": row["emotion"], "reason": row["reason"]}
    made = {
        "item": f"{row['utterance_id']} | {system}",
        "utterance_id": row["utterance_id"],
        "system_a": system,
        "shown": json.dumps(shown, ensure_ascii=False),
        "emotion": row["emotion"],
    }
    return made | ({"match": row["match"]} if "match" in row else {})


def _sampled(
    rows: list[dict[str, Any]], left_out: Mapping[str, int], short: Mapping[str, int]
) -> Sampled:
    frame = pl.DataFrame(rows, infer_schema_length=None).sort("item")
    groups = [name for name in ("emotion", "match") if name in frame.columns]
    items = ITEMS.validate(frame.drop(groups))
    return Sampled(items, frame.select("item", *groups), dict(left_out), dict(short))
