"""What was said, as tables: votes and items, gold answers, and how raters fared.

A comparison's vote is about what was on the page: an item that raters saw in both orders is
two rows of the items table, ``x | ab`` and ``x | ba``, and ``a`` is the one shown first. So
a liking for the first place can be told from a liking for a system, for people as for
judges. Other questions' votes are on the item itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.errors import StorageError
from equivoice.rating.app.ballot_box import Answer, Ballot
from equivoice.rating.app.open_study import OpenStudy
from equivoice.rating.study_files import SIDES, Question
from equivoice.rating.study_items import StudyItem
from equivoice.records import ITEMS, VOTES, replace_file, write_table

__all__ = [
    "QUESTIONS",
    "comments_frame",
    "gold_frame",
    "groups_frame",
    "items_frame",
    "raters_frame",
    "states_rows",
    "votes_frame",
    "write_export",
]

QUESTIONS = "questions.json"
_ORDERS = ("ab", "ba")
_OTHER = dict(zip(SIDES, reversed(SIDES), strict=True))
_RATERS = {
    "rater": pl.String(),
    "consented": pl.Boolean(),
    "withdrawn": pl.Boolean(),
    "items": pl.Int64(),
    "answered": pl.Int64(),
    "checks": pl.Int64(),
    "checks_passed": pl.Int64(),
    "gold": pl.Int64(),
    "gold_right": pl.Int64(),
}


def votes_frame(study: OpenStudy, *, attentive: bool = False) -> pl.DataFrame:
    """The votes of all raters who did not withdraw, without those on checks of attention.

    Args:
        study: whose votes.
        attentive: only of raters who passed every check of attention that they came to.
    """
    kept = None
    if attentive:
        raters = raters_frame(study)
        kept = set(raters.filter(pl.col("checks_passed") == pl.col("checks"))["rater"])
    swapped = _swapped(study)
    rows = [
        {"channel": study.items[item].channel, "rater": rater, "kind": "person", "count": 1} | vote
        for rater, item, ballot in study.box.ballots()
        if item in study.items and (kept is None or rater in kept)
        for vote in _votes(study, item, ballot, swapped=(rater, item) in swapped)
    ]
    schema = {column.name: column.dtype for column in VOTES.columns}
    return VOTES.validate(pl.DataFrame(rows, schema=schema))


def items_frame(study: OpenStudy) -> pl.DataFrame:
    """What was shown: each item, and with comparisons each of its orders."""
    rows = []
    for item in study.items.values():
        if any(question.kind != "comparison" for question in study.definition.questions):
            rows.append(_item(item, item.item, swapped=False))
        if study.definition.compares:
            rows += [
                _item(item, _ordered(item.item, swapped=swapped), swapped=swapped)
                for swapped in (False, True)
            ]
    schema = {column.name: column.dtype for column in ITEMS.columns}
    return ITEMS.validate(pl.DataFrame(rows, schema=schema))


def gold_frame(study: OpenStudy) -> pl.DataFrame:
    """The right answers that are known: ``item``, ``question``, ``value``; in both orders.

    Several right answers are joined by ``|``.
    """
    rows: list[tuple[str, str, str]] = []
    for item in study.items.values():
        for name, value in item.gold.items():
            if study.by_name[name].kind == "comparison":
                rows.append((_ordered(item.item, swapped=False), name, value))
                rows.append((_ordered(item.item, swapped=True), name, _OTHER.get(value, value)))
            else:
                rows.append((item.item, name, value))
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("item", "question", "value"), pl.String), orient="row"
    )


def groups_frame(study: OpenStudy) -> pl.DataFrame:
    """What items are counted by: ``item`` and the columns of the study's ``balance``."""
    rows = [
        {"item": name, **item.groups}
        for item in study.items.values()
        for name in (
            item.item,
            _ordered(item.item, swapped=False),
            _ordered(item.item, swapped=True),
        )[: 3 if study.definition.compares else 1]
    ]
    columns = ("item", *study.definition.balance)
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def raters_frame(study: OpenStudy) -> pl.DataFrame:
    """How far each rater is, and how many checks and gold answers were right."""
    marks: dict[str, dict[str, int]] = {}
    for rater, item, ballot in study.box.ballots():
        own = marks.setdefault(rater, dict.fromkeys(list(_RATERS)[5:], 0))
        check = study.checks.get(item)
        if check is not None:
            own["checks"] += 1
            own["checks_passed"] += _as_gold(ballot.answers.get(check.question)) == check.value
            continue
        for name, value in study.items[item].gold.items():
            own["gold"] += 1
            own["gold_right"] += _as_gold(ballot.answers.get(name)) == value
    none = dict.fromkeys(list(_RATERS)[5:], 0)
    rows = [
        {
            "rater": state.rater.name,
            "consented": state.rater.consented,
            "withdrawn": state.rater.withdrawn,
            "items": state.places,
            "answered": state.done,
            **marks.get(state.rater.name, none),
        }
        for state in study.box.states()
    ]
    return pl.DataFrame(rows, schema=_RATERS)


def states_rows(study: OpenStudy) -> list[dict[str, Any]]:
    """The rows of :func:`raters_frame`, for a page of JSON."""
    return raters_frame(study).to_dicts()


def comments_frame(study: OpenStudy) -> pl.DataFrame:
    """What raters wrote: ``item``, ``rater``, ``comment``."""
    rows = [
        (item, rater, ballot.comment)
        for rater, item, ballot in study.box.ballots()
        if ballot.comment
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("item", "rater", "comment"), pl.String), orient="row"
    )


def write_export(study: OpenStudy, folder: str | Path, *, attentive: bool = False) -> list[Path]:
    """Write the votes and what belongs to them.

    ``votes.parquet``, ``items.parquet``, ``gold.csv``, ``groups.csv``, ``raters.csv``,
    ``comments.csv``, and ``questions.json`` with what was asked.

    Args:
        study: whose votes.
        folder: made where it does not exist; its tables are replaced.
        attentive: as for :func:`votes_frame`.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}") from error
    plain = {
        "gold.csv": gold_frame(study),
        "groups.csv": groups_frame(study),
        "raters.csv": raters_frame(study),
        "comments.csv": comments_frame(study),
    }
    return [
        write_table(votes_frame(study, attentive=attentive), folder / "votes.parquet", VOTES),
        write_table(items_frame(study), folder / "items.parquet", ITEMS),
        *(
            replace_file(folder / name, lambda place, table=frame: table.write_csv(place))  # type: ignore[misc]
            for name, frame in plain.items()
        ),
        replace_file(folder / QUESTIONS, lambda place: _write_questions(study, place)),
    ]


def _write_questions(study: OpenStudy, place: Path) -> None:
    questions = [question.model_dump(mode="json") for question in study.definition.questions]
    content = {"title": study.definition.title, "questions": questions}
    place.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def _votes(
    study: OpenStudy, item: str, ballot: Ballot, *, swapped: bool
) -> Iterator[dict[str, Any]]:
    """The rows of one ballot; a question that was left open has none."""
    for name, answer in ballot.answers.items():
        question = study.by_name[name]
        if answer is None:
            continue
        row = {"item": item, "question": name, "value": None, "number": None}
        if question.kind == "scale":
            yield row | {"number": float(str(answer))}
        elif question.kind == "comparison":
            shown = _OTHER.get(str(answer), str(answer)) if swapped else str(answer)
            yield row | {"item": _ordered(item, swapped=swapped), "value": shown}
        else:
            yield from (row | {"value": value} for value in _values(answer, question))


def _values(answer: Answer, question: Question) -> tuple[str, ...]:
    given = answer if isinstance(answer, tuple) else (str(answer),)
    return tuple(value for value in question.values if value in given)


def _swapped(study: OpenStudy) -> set[tuple[str, str]]:
    return study.box.swapped() if study.definition.compares else set()


def _ordered(item: str, *, swapped: bool) -> str:
    return f"{item} | {_ORDERS[swapped]}"


def _item(item: StudyItem, name: str, *, swapped: bool) -> dict[str, Any]:
    sides = item.sides[::-1] if swapped else item.sides
    systems = [side.system for side in sides]
    return {
        "item": name,
        "utterance_id": item.utterance_id or (item.item if name != item.item else None),
        "channel": item.channel,
        "system_a": systems[0],
        "system_b": systems[1] if len(systems) > 1 else None,
        "shown": item.shown(swapped=swapped),
    }


def _as_gold(answer: Answer) -> str:
    return "|".join(answer) if isinstance(answer, tuple) else str(answer)
