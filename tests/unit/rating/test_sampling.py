"""Drawing what is judged: the same prediction, so many an emotion, nobody's name."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError, InputError
from equivoice.rating.sampling import (
    Sampled,
    sample_pairs,
    sample_reasons,
    shown_texts,
)

EMOTIONS = ("angry", "sad", "happy")


def answers(count: int, *, by: str = "ours", wrong: int = 10**6, mute: int = 10**6) -> pl.DataFrame:
    """Answers; each ``wrong``-th names the next emotion, each ``mute``-th gives no reason."""
    rows = [
        {
            "utterance_id": f"demo/{at:03d}",
            "system": by,
            "emotion": EMOTIONS[(at + (at % wrong == wrong - 1)) % 3],
            "reason": None if at % mute == mute - 1 else f"because {by} {at}",
        }
        for at in range(count)
    ]
    return pl.DataFrame(rows)


def counted(found: Sampled) -> dict[str, int]:
    return dict(found.groups.group_by("emotion").len().sort("emotion").rows())


def test_pairs_are_of_one_prediction_and_so_many_an_emotion() -> None:
    found = sample_pairs(
        {"ours": answers(90), "q2a": answers(90, by="q2a", wrong=5)}, per_emotion=7
    )
    assert counted(found) == {"angry": 14, "happy": 14, "sad": 14}  # both orders
    assert found.left_out == {"the systems predict different labels": 18, "not drawn": 72 - 21}
    for row in found.items.iter_rows(named=True):
        texts = shown_texts(row["shown"])
        assert set(texts) == {"emotion", "reason_a", "reason_b"}
        number = int(row["utterance_id"][-3:])
        assert texts["reason_a"] == f"because {row['system_a']} {number}"
        assert texts["reason_b"] == f"because {row['system_b']} {number}"
        assert texts["emotion"] == EMOTIONS[number % 3]
        assert number % 5 != 4


def test_both_orders_show_each_pair_exchanged() -> None:
    found = sample_pairs({"ours": answers(6), "q2a": answers(6, by="q2a")}, per_emotion=None)
    assert found.items.height == 12
    firsts = found.items.group_by("utterance_id").agg(pl.col("system_a").sort())
    assert firsts.get_column("system_a").to_list() == [["ours", "q2a"]] * 6


def test_one_order_is_drawn_about_evenly_or_is_as_given() -> None:
    given_ = {"ours": answers(400), "q2a": answers(400, by="q2a")}
    drawn = sample_pairs(given_, per_emotion=None, order="random")
    assert drawn.items.height == 400
    assert 160 < drawn.items.filter(system_a="ours").height < 240
    assert set(sample_pairs(given_, order="given").items.get_column("system_a")) == {"ours"}


def test_a_larger_draw_contains_a_smaller_and_another_seed_draws_others() -> None:
    given_ = {"ours": answers(120), "q2a": answers(120, by="q2a")}
    few, more, other = (
        set(sample_pairs(given_, per_emotion=n, seed=seed).items.get_column("item"))
        for n, seed in ((5, 1), (9, 1), (5, 2))
    )
    assert few < more
    assert few != other


def test_the_draw_does_not_depend_on_the_order_of_rows() -> None:
    one, two = answers(60), answers(60, by="q2a")
    mixed = one.sample(fraction=1.0, shuffle=True, seed=3)
    assert sample_pairs({"ours": one, "q2a": two}, per_emotion=4).items.equals(
        sample_pairs({"ours": mixed, "q2a": two}, per_emotion=4).items
    )


def test_what_is_not_judged_is_counted() -> None:
    ours = answers(30, mute=6)
    theirs = answers(27, by="q2a").with_columns(
        emotion=pl.when(pl.col("utterance_id") == "demo/000").then(None).otherwise("emotion")
    )
    found = sample_pairs({"ours": ours, "q2a": theirs}, per_emotion=None)
    assert found.left_out == {"not answered by both systems": 3, "no label": 1, "no reason": 4}
    assert found.items.height == 2 * (30 - 3 - 1 - 4)


def test_the_reason_of_a_failed_prediction_is_no_reason() -> None:
    failed = answers(3).with_columns(
        status=pl.Series(["failed", "parsed", "parsed"]),
        reason=pl.Series(["AudioError: broken", " ", "slow"]),
    )
    found = sample_reasons(failed, system="ours")
    assert found.items.get_column("utterance_id").to_list() == ["demo/002"]
    assert found.left_out == {"no reason": 2}


def test_emotions_with_too_few_are_named() -> None:
    found = sample_pairs({"ours": answers(8), "q2a": answers(8, by="q2a")}, per_emotion=3)
    assert found.short == {"happy": 2}


def test_single_reasons_match_the_reference_or_do_not() -> None:
    reference = answers(60).select("utterance_id", "emotion")
    found = sample_reasons(
        answers(60, wrong=2), system="ours", reference=reference, matching=9, not_matching=6
    )
    sides = dict(found.groups.group_by("match").len().sort("match").rows())
    assert sides == {"match": 9, "no match": 6}
    for side, each in (("match", 3), ("no match", 2)):
        own = found.groups.filter(match=side).group_by("emotion").len().get_column("len")
        assert own.to_list() == [each] * 3  # spread evenly over emotions
    truth = dict(reference.iter_rows())
    for row in found.items.join(found.groups, on="item").iter_rows(named=True):
        matches = truth[row["utterance_id"]] == row["emotion"]
        assert row["match"] == ("match" if matches else "no match")
        assert row["system_b"] is None
        assert "ours" not in shown_texts(row["shown"]).values()


def test_utterances_without_reference_are_left_out_and_short_sides_named() -> None:
    reference = answers(10).select("utterance_id", "emotion")
    found = sample_reasons(
        answers(12), system="ours", reference=reference, matching=20, not_matching=5
    )
    assert found.short == {"match": 10, "no match": 0}
    assert found.left_out == {"no reference label": 2}


def test_systems_are_put_together_with_their_names() -> None:
    one = sample_reasons(answers(6, mute=3), system="ours")
    two = sample_reasons(answers(4, by="q2a"), system="q2a", per_emotion=2)
    both = Sampled.together({"ours": one, "q2a": two})
    assert both.items.height == both.groups.height == one.items.height + two.items.height
    assert both.left_out == {"ours: no reason": 2}
    assert both.short == {"q2a: happy": 1, "q2a: sad": 1}
    assert Sampled.together({"ours": one}) is one


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_pairs({"ours": answers(3)}), "pairs are of two systems"),
        (lambda: sample_pairs({"a": answers(3), "b": answers(3)}, per_emotion=0), "at least 1"),
        (
            lambda: sample_pairs({"a": answers(3), "b": answers(3)}, order="odd"),  # type: ignore[arg-type]
            "unknown order",
        ),
        (lambda: sample_reasons(answers(3), system="a", matching=2), "need a reference"),
        (
            lambda: sample_reasons(
                answers(3), system="a", reference=answers(3), matching=2, per_emotion=1
            ),
            "need a reference",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ConfigError, match=message):
        call()


def test_a_system_that_answers_twice_or_never_is_refused() -> None:
    twice = pl.concat([answers(3), answers(1)])
    with pytest.raises(InputError, match="several times"):
        sample_pairs({"a": answers(3), "b": twice})
    with pytest.raises(InputError, match="share no prediction"):
        sample_pairs({"a": answers(3), "b": answers(3, mute=1)})
    with pytest.raises(InputError, match="no reason"):
        sample_reasons(answers(3, mute=1), system="ours")


@pytest.mark.parametrize("shown", ["", "[]", "{", '{"reason": 3}', "[" * 9000])
def test_texts_that_are_none_are_refused(shown: str) -> None:
    with pytest.raises(InputError):
        shown_texts(shown)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(2, 6), st.integers(2, 6), st.integers(1, 9))
def test_every_utterance_is_judged_or_counted(
    count: int, wrong: int, mute: int, per_emotion: int
) -> None:
    given_ = {"ours": answers(count, mute=mute + 1), "q2a": answers(count, by="q2a", wrong=wrong)}
    found = sample_pairs(given_, per_emotion=per_emotion)
    judged = found.items.get_column("utterance_id").n_unique()
    assert judged + sum(found.left_out.values()) == count
    assert max(counted(found).values()) <= 2 * per_emotion
