"""No vote is lost without being counted, and how a table is written does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.annotators.checks import check_votes
from equivoice.annotators.counts import ReadVotes, channels, read_votes
from equivoice.errors import VotesError
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy"), Label("sad")))
STEADY = settings(deadline=None, derandomize=True)
ITEMS = ("a", "b", "c", "d")
SCHEMA = {
    "item": pl.String,
    "channel": pl.String,
    "rater": pl.String,
    "kind": pl.String,
    "question": pl.String,
    "value": pl.String,
    "count": pl.Int64,
}


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


MESSY = st.fixed_dictionaries(
    {
        "item": one_of(*ITEMS, "z"),
        "channel": one_of("voice", "face", None),
        "rater": one_of("r1", "r2", "r3", None, ""),
        "kind": one_of("person", "model", None),
        "question": one_of("emotion", "emotions", "valence", "loudness"),
        "value": one_of("angry", "Anger", "happy", "sad", "other", "Other-x", "bad", None, " "),
        "count": one_of(None, 0, 1, 2, 5),
    }
)
SOUND = st.fixed_dictionaries(
    {
        "item": one_of(*ITEMS),
        "channel": st.just("voice"),
        "rater": st.none(),
        "kind": st.just("person"),
        "question": st.just("emotion"),
        "value": one_of("angry", "happy", "sad", "other"),
        "count": st.integers(0, 4),
    }
)


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA)


def cells(read: ReadVotes) -> np.ndarray:
    counts = read.ratings.counts()
    return np.concatenate([counts.counts, counts.other[:, None]], axis=1)


def votes_in(frame: pl.DataFrame) -> int:
    return int(frame.get_column("count").fill_null(1).sum())


@STEADY
@given(
    st.lists(MESSY, min_size=1, max_size=12),
    one_of("emotion", "emotions", "loudness"),
    one_of("voice", None),
    one_of("person", "model", None),
    one_of("first", "keep"),
    one_of(None, ITEMS, ("c",), ()),
)
def test_votes_counted_left_out_and_elsewhere_are_all_the_votes(
    rows: list[dict[str, Any]],
    question: str,
    channel: str | None,
    kind: str | None,
    repeated: str,
    items: tuple[str, ...] | None,
) -> None:
    frame = table(rows)
    try:
        read = read_votes(
            frame,
            SPACE,
            items=items,
            question=question,
            channel=channel,
            kind=kind,
            unknown="other",
            repeated=repeated,  # type: ignore[arg-type]
        )
    except VotesError as error:
        if "no votes with" in error.problem or "several channels" in error.problem:
            return
        raise
    counted = int(cells(read).sum())
    assert counted == int(read.ratings.count.sum())
    assert counted + sum(read.left_out.values()) + sum(read.elsewhere.values()) == votes_in(frame)
    assert sum(read.others.values()) == int(read.ratings.counts().other.sum())
    assert all(n > 0 for n in [*read.left_out.values(), *read.elsewhere.values()])


@STEADY
@given(st.lists(MESSY, min_size=1, max_size=12))
def test_the_channels_share_the_votes_out(rows: list[dict[str, Any]]) -> None:
    frame = table(rows)
    asked = frame.filter(pl.col("question") == "emotion")
    total = 0
    for channel in channels(frame):
        read = read_votes(frame, SPACE, channel=channel, unknown="other", repeated="first")
        total += int(cells(read).sum()) + sum(read.left_out.values())
    assert total == votes_in(asked)


@STEADY
@given(st.lists(SOUND, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_count_is_as_good_as_rows_repeated_and_in_any_order(
    rows: list[dict[str, Any]], random: Any
) -> None:
    long = [{**row, "count": None} for row in rows for _ in range(row["count"])]
    random.shuffle(long)
    short = read_votes(table(rows), SPACE, items=ITEMS)
    if not long:
        assert not cells(short).any()
        return
    np.testing.assert_array_equal(cells(read_votes(table(long), SPACE, items=ITEMS)), cells(short))


@STEADY
@given(st.lists(SOUND, min_size=1, max_size=12), st.permutations(ITEMS), st.permutations((0, 1, 2)))
def test_items_and_labels_in_another_order_move_the_same_votes(
    rows: list[dict[str, Any]], items: list[str], places: list[int]
) -> None:
    space = LabelSpace("moved", tuple(SPACE.labels[i] for i in places))
    plain = read_votes(table(rows), SPACE, items=ITEMS)
    moved = read_votes(table(rows), space, items=items)
    order = [ITEMS.index(item) for item in items]
    np.testing.assert_array_equal(cells(moved), cells(plain)[order][:, [*places, 3]])


@STEADY
@given(st.lists(MESSY, min_size=1, max_size=12))
def test_checking_any_votes_raises_nothing_and_foretells_what_reading_refuses(
    rows: list[dict[str, Any]],
) -> None:
    frame = table(rows)
    found = check_votes(frame, SPACE, pl.DataFrame({"utterance_id": ITEMS}))
    assert all(one.count > 0 for one in found)
    errors = {one.code for one in found if one.severity == "error"}
    refused = set()
    for channel in channels(frame):
        try:
            read_votes(frame, SPACE, channel=channel)
        except VotesError as error:
            refused.add("repeated-vote" if "further vote" in error.problem else "unknown-label")
    assert refused <= errors


@STEADY
@given(st.lists(MESSY, min_size=1, max_size=12))
def test_first_keeps_one_vote_of_each_rater_and_item(rows: list[dict[str, Any]]) -> None:
    frame = table(rows)
    for channel in channels(frame):
        read = read_votes(frame, SPACE, channel=channel, unknown="other", repeated="first").ratings
        named = read.rater >= 0
        pairs = list(zip(read.item[named].tolist(), read.rater[named].tolist(), strict=True))
        assert len(set(pairs)) == len(pairs)
        assert (read.count[named] == 1).all()
        assert (read.count > 0).all()
