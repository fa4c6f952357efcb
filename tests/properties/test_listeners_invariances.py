"""What must not matter to agreement and to people's scores, and what must follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.evaluation.agreement import agreement_estimates
from equivoice.evaluation.listeners import listener_estimates
from equivoice.records import LabelSpace
from oracles.panels import LABELS, NOBODY, SPACE, Heard, utterances_of, votes_of

EXAMPLES = settings(max_examples=10, deadline=None, derandomize=True)
SAID = ["quantity", "metric", "reference", "system", "group_by", "groups", "class", "value", "n"]


@st.composite
def panels(draw: st.DrawFn, *, fewest: int = 0) -> list[Heard]:
    """Two to eight utterances of three speakers, with few votes or none, some without a label."""
    words = st.sampled_from((*LABELS, NOBODY))
    found = []
    for place in range(draw(st.integers(2, 8))):
        speaker = draw(st.integers(0, 2))
        answers = draw(st.lists(words, min_size=fewest, max_size=5))
        emotion = draw(st.sampled_from((*LABELS, None)))
        gender = ("female", "male", None)[speaker]
        found.append(Heard(f"u{place}", f"s{speaker}", gender, emotion, tuple(answers)))
    return found


def scored(
    panel: list[Heard], votes: pl.DataFrame | None = None, space: LabelSpace = SPACE, **how: Any
) -> pl.DataFrame:
    """Agreement and people in one table, without what is simulated."""
    table = votes_of(panel) if votes is None else votes
    options: dict[str, Any] = {"group_by": ("gender",), "replicates": 0, **how}
    heard = utterances_of(panel)
    people = listener_estimates(table, heard, space, **options).estimates
    agreement = agreement_estimates(table, heard, space, **options)
    simulated = pl.col("system").str.starts_with("half").fill_null(value=False)
    found = pl.concat([agreement.select(SAID), people.select(SAID)])
    return found.filter(~simulated, pl.col("metric") != "expected_macro_f1").sort(SAID)


def same(first: pl.DataFrame, second: pl.DataFrame) -> None:
    """The same rows, with values alike but for rounding."""
    keys = [name for name in SAID if name != "value"]
    first, second = (table.sort(keys) for table in (first, second))
    assert first.select(keys).equals(second.select(keys), null_equal=True)
    left, right = (table["value"].fill_null(np.nan).to_numpy() for table in (first, second))
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-9, equal_nan=True)


@EXAMPLES
@given(panels(), st.sampled_from(["leave_out", "count"]), st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter_nor_whether_they_are_added_up(
    panel: list[Heard], other: Any, random: Any
) -> None:
    votes = votes_of(panel)
    order = list(range(votes.height))
    random.shuffle(order)
    alone = scored(panel, votes, other=other)
    same(alone, scored(panel, votes[order], other=other))
    added = votes.group_by("item", "channel", "rater", "question", "value").agg(count=pl.len())
    same(alone, scored(panel, added.with_columns(pl.col("count").cast(pl.Int64)), other=other))


@EXAMPLES
@given(panels())
def test_the_order_of_labels_and_of_utterances_does_not_matter(panel: list[Heard]) -> None:
    backwards = LabelSpace("panel", SPACE.labels[::-1])
    one = scored(panel)
    classless = pl.col("quantity") != "confusion"
    same(one.filter(classless), scored(panel, space=backwards).filter(classless))
    same(one, scored(panel[::-1]))


@EXAMPLES
@given(panels())
def test_what_is_said_of_a_group_is_what_is_said_of_its_utterances_alone(
    panel: list[Heard],
) -> None:
    found = scored(panel).filter(
        pl.col("quantity") == "group_score", pl.col("group_by") == "gender"
    )
    for gender in ("female", "male"):
        own = [each for each in panel if each.gender == gender]
        group = found.filter(pl.col("groups") == gender)
        alone = scored(own, group_by=()) if own else found.clear()
        whole = alone.filter(pl.col("quantity") == "score")
        keys = ["metric", "reference", "system", "class"]
        both = group.join(whole, on=keys, how="left", nulls_equal=True, suffix="_alone")
        # where nobody in the group has votes there are no rows of its own to compare with
        both = both.filter(pl.col("n_alone").is_not_null())
        np.testing.assert_allclose(
            both["value"].fill_null(np.nan).to_numpy(),
            both["value_alone"].fill_null(np.nan).to_numpy(),
            rtol=0,
            atol=1e-9,
            equal_nan=True,
        )
        per_rule = both.filter(pl.col("metric") == "kept")
        assert per_rule["n"].to_list() == per_rule["n_alone"].to_list()


@EXAMPLES
@given(panels(), st.sampled_from(["leave_out", "count"]))
def test_all_inclusive_keeps_the_most_and_plurality_no_less_than_majority(
    panel: list[Heard], other: Any
) -> None:
    found = scored(panel, other=other).filter(
        pl.col("metric") == "kept", pl.col("quantity").is_in(["score", "group_score"])
    )
    keys = ["quantity", "group_by", "groups", "class"]
    by_rule = found.pivot("reference", index=keys, values="value")
    if by_rule.is_empty():
        return
    known = by_rule.drop_nulls("majority")
    assert (known["all_inclusive"] >= known["plurality"] - 1e-12).all()
    assert (known["plurality"] >= known["majority"] - 1e-12).all()


@EXAMPLES
@given(panels(fewest=2))
def test_credit_never_lowers_how_often_a_left_out_listener_is_right(panel: list[Heard]) -> None:
    people = [
        Heard(
            each.name, each.speaker, each.gender, each.emotion,
            tuple(answer for answer in each.answers if answer != NOBODY),
        )
        for each in panel
    ]  # fmt: skip
    found = scored(people).filter(pl.col("quantity") == "score", pl.col("class").is_null())
    credited = found.filter(pl.col("metric") == "annotator_aware_accuracy")["value"]
    plain = found.filter(pl.col("metric") == "accuracy", pl.col("reference") == "other listeners")
    for value in plain["value"].drop_nulls():
        assert credited.item() >= value - 1e-12


@EXAMPLES
@given(panels(), st.integers(2, 4))
def test_a_crowd_many_times_as_large_and_of_one_mind_scores_the_same_against_given_labels(
    panel: list[Heard], times: int
) -> None:
    larger = [
        Heard(each.name, each.speaker, each.gender, each.emotion, each.answers * times)
        for each in panel
    ]
    given_only = pl.col("reference") == "given"
    same(scored(panel).filter(given_only), scored(larger).filter(given_only))
    kept = pl.col("metric") == "kept"
    same(scored(panel).filter(kept), scored(larger).filter(kept))


def test_the_crowd_is_no_worse_than_one_of_its_listeners_where_most_are_right() -> None:
    rng = np.random.default_rng(0)
    panel = []
    for place in range(200):
        truth = LABELS[place % 3]
        answers = [truth if rng.random() < 0.6 else LABELS[rng.integers(3)] for _ in range(9)]
        panel.append(Heard(f"u{place}", f"s{place % 10}", "female", truth, tuple(answers)))
    found = scored(panel).filter(pl.col("quantity") == "score", pl.col("metric") == "accuracy")
    values = dict(found.select("system", "value").iter_rows())
    chance = 0.6 + 0.4 / 3
    assert values["one listener"] == pytest.approx(chance, abs=0.04)
    assert values["the crowd's plurality"] > values["one listener"] + 0.15
