"""Replies as rows: each answer one, each temperature's option scores one, nothing invented."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.inference import OPTIONS_SUFFIX, Cell
from equivoice.inference.replies import OptionScore, Reply, reply_rows
from equivoice.models import FloatArray, Said
from equivoice.prompting import Options
from equivoice.prompting.explained import read_target
from equivoice.records import PREDICTIONS, Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad"), Label("calm")))
# another order than the space's, and not all of its labels
OPTIONS = Options(SPACE, ("sad", "angry", "happy"), ("Sad", "Angry", "Happy"))
CELL = Cell("llm", "demo", "2", "direct", "given", "speech")
NOTHING = "the system gave no probabilities of its options"


def rows(
    *replies: Reply, temperatures: Sequence[float] = (0.5,), runs: int = 1, scored: bool = False
) -> pl.DataFrame:
    seeds = {
        reply.utterance_id: [
            [100 * t + run for run in range(runs)] for t in range(len(temperatures))
        ]
        for reply in replies
    }
    return reply_rows(
        replies,
        CELL,
        OPTIONS,
        temperatures=temperatures,
        seeds=seeds,
        parser="equivoice",
        scored=scored,
    )


def scores(
    *chances: Sequence[float], outside: Sequence[float], order: FloatArray | None = None
) -> OptionScore:
    with np.errstate(divide="ignore"):
        logprobs = np.log(np.array(chances, dtype=float))
    return OptionScore(logprobs, np.array(outside), logprobs if order is None else order)


def option_row(score: OptionScore | None, reason: str | None = None) -> dict[str, object]:
    reply = Reply("demo/1", [[Said("sad")]] if reason is None else (), score, reason)
    table = rows(reply, scored=True)
    assert table.get_column("system").to_list() == ["llm", f"llm{OPTIONS_SUFFIX}"]
    return table.row(1, named=True)


# ------------------------------------------------------------------------------- answers


def test_each_answer_is_a_row_with_its_own_temperature_run_and_seed() -> None:
    said = [[Said("sad"), Said("I think happy")], [Said("angry"), Said("who knows")]]
    table = rows(Reply("demo/1", said), temperatures=(0.0, 1.0), runs=2)
    columns = ("temperature", "run", "seed", "response", "status", "emotion")
    assert table.select(columns).rows() == [
        (0.0, 0, 0, "sad", "parsed", "sad"),
        (0.0, 1, 1, "I think happy", "parsed", "happy"),
        (1.0, 0, 100, "angry", "parsed", "angry"),
        (1.0, 1, 101, "who knows", "unparsed", None),
    ]


def test_a_row_says_under_which_conditions_it_was_asked() -> None:
    row = rows(Reply("demo/1", [[Said("sad")]])).row(0, named=True)
    assert row["options"] == ["Sad", "Angry", "Happy"]
    assert (row["system"], row["prompt"], row["fold"], row["modality"], row["label_space"]) == (
        "llm",
        "direct",
        "2",
        "speech",
        "demo",
    )
    assert row["probabilities"] is row["outside"] is row["reason"] is None


@given(
    st.lists(
        st.lists(st.none() | st.text(max_size=12), min_size=6, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_any_answers_make_a_sound_table_with_every_row_once(
    texts: list[list[str | None]],
) -> None:
    replies = [
        Reply(f"demo/{place}", [[Said(text) for text in each[:3]], [Said(t) for t in each[3:]]])
        for place, each in enumerate(texts)
    ]
    table = rows(*replies, temperatures=(0.0, 0.7), runs=3)
    assert PREDICTIONS.validate(table).height == 6 * len(texts)
    assert table.get_column("response").to_list() == [text for each in texts for text in each]
    for row in table.iter_rows(named=True):
        assert (row["emotion"] is not None) == (row["status"] == "parsed")
        assert (row["status"] == "failed") == (row["response"] is None)
        explained = read_target(row["response"])
        if row["response"] is not None:  # else it says why there is none
            assert (row["transcript"], row["reason"]) == (explained.transcript, explained.reason)
        else:
            assert row["reason"] is not None


def test_an_empty_answer_is_an_answer_and_no_failure() -> None:
    row = rows(Reply("demo/1", [[Said("")]])).row(0, named=True)
    assert (row["response"], row["status"], row["reason"]) == ("", "unparsed", None)


def test_an_answer_that_is_missing_has_its_reason_or_the_usual_one() -> None:
    said = [[Said(None, "time-out"), Said(None), Said("sad", "left over")]]
    table = rows(Reply("demo/1", said), runs=3)
    assert table.get_column("reason").to_list() == ["time-out", "the system gave no answer", None]
    assert table.get_column("status").to_list() == ["failed", "failed", "parsed"]


def test_an_utterance_that_failed_has_all_its_rows_all_the_same() -> None:
    table = rows(Reply("demo/1", reason="no sound"), temperatures=(0.0, 1.0), runs=2, scored=True)
    assert table.height == 2 * 2 + 2
    assert set(table.get_column("status")) == {"failed"}
    assert set(table.get_column("reason")) == {"no sound"}
    assert table.get_column("seed").null_count() == 2  # option scores draw nothing


def test_a_convention_that_was_chosen_is_the_one_that_reads() -> None:
    reply = Reply("demo/1", [[Said("not angry but happy")]])
    seeds = {"demo/1": [[1]]}
    read = {
        parser: reply_rows(
            [reply], CELL, OPTIONS, temperatures=(1.0,), seeds=seeds, parser=parser, scored=False
        ).row(0, named=True)
        for parser in ("equivoice", "fairalm_code", "exact")
    }
    assert {name: row["emotion"] for name, row in read.items()} == {
        "equivoice": "happy",
        "fairalm_code": "angry",
        "exact": None,
    }


# ------------------------------------------------------------------------- option scores


def test_probabilities_stand_in_the_order_of_the_space_and_not_of_the_display() -> None:
    row = option_row(scores([0.1, 0.2, 0.6], outside=[0.1]))
    assert row["probabilities"] == pytest.approx([0.2, 0.6, 0.1, 0.0])
    assert row["outside"] == pytest.approx(0.1)
    assert (row["status"], row["emotion"], row["run"], row["response"]) == (
        "parsed",
        "happy",
        None,
        None,
    )


def test_each_temperature_has_a_row_of_its_own() -> None:
    score = scores([0.0, 0.0, 1.0], [0.5, 0.25, 0.25], outside=[0.0, 0.0])
    table = rows(
        Reply("demo/1", [[Said("sad")], [Said("sad")]], score),
        temperatures=(0.0, 1.0),
        scored=True,
    ).tail(2)
    assert table.select("temperature", "emotion").rows() == [(0.0, "happy"), (1.0, "sad")]


def test_of_equal_options_the_one_that_the_space_names_first_is_taken() -> None:
    """And not the one displayed first, or the order of display would decide."""
    assert option_row(scores([0.3, 0.3, 0.3], outside=[0.1]))["emotion"] == "angry"


def test_where_the_settings_allow_no_option_the_models_own_order_decides() -> None:
    own = np.log(np.array([[0.1, 0.02, 0.05]]))
    row = option_row(scores([0.0, 0.0, 0.0], outside=[1.0], order=own))
    assert (row["status"], row["emotion"]) == ("parsed", "sad")
    # what is stated is still what the settings leave
    assert row["probabilities"] == [0.0, 0.0, 0.0, 0.0]
    assert row["outside"] == 1.0


def test_where_no_option_is_possible_at_all_none_is_taken() -> None:
    row = option_row(scores([0.0, 0.0, 0.0], outside=[1.0]))
    assert (row["status"], row["emotion"], row["reason"]) == ("unparsed", None, None)


@pytest.mark.parametrize(
    ("chances", "outside"),
    [
        ([0.3, 0.3, 0.3], 0.2),
        ([0.3, 0.3, 0.3], 0.0),
        ([np.nan, 0.5, 0.5], 0.0),
        ([0.3, 0.3, 0.3], np.nan),
        ([0.9, 0.9, 0.9], -1.7),  # the sum is right, and nothing else
    ],
)
def test_numbers_that_are_no_probabilities_are_a_failure_and_not_a_label(
    chances: list[float], outside: float
) -> None:
    row = option_row(scores(chances, outside=[outside]))
    assert (row["status"], row["emotion"], row["probabilities"]) == ("failed", None, None)
    assert row["reason"] == "the probabilities of the options are none"


def test_a_rest_that_rounding_made_negative_is_none() -> None:
    row = option_row(scores([0.5, 0.25, 0.25 + 5e-4], outside=[-5e-4]))
    assert (row["status"], row["outside"]) == ("parsed", 0.0)


def test_scores_that_are_missing_are_a_failure_with_a_reason() -> None:
    assert option_row(None)["reason"] == NOTHING
    assert option_row(None, "too long")["reason"] == "too long"


@given(st.lists(st.floats(1e-6, 1), min_size=4, max_size=4))
def test_the_most_probable_option_is_taken_whatever_the_numbers(weights: list[float]) -> None:
    shares = np.array(weights) / sum(weights)
    row = option_row(scores(shares[:3].tolist(), outside=[float(shares[3])]))
    given = dict(zip(("sad", "angry", "happy"), np.exp(np.log(shares[:3])), strict=True))
    assert given[str(row["emotion"])] == max(given.values())
    table = row["probabilities"]
    assert isinstance(table, list)
    assert sum(table) + float(str(row["outside"])) == pytest.approx(1)


# ---------------------------------------------------------------------- failure and cost


def test_one_answer_among_failures_is_no_failure() -> None:
    said = [[Said(None, "a"), Said(None, "b")], [Said("sad"), Said(None, "c")]]
    assert Reply("demo/1", said).failure is None


def test_the_first_reason_is_the_one_that_is_told() -> None:
    assert Reply("demo/1", [[Said(None), Said(None, "b")], [Said(None, "c")]]).failure == "b"
    assert Reply("demo/1", [[Said(None)]]).failure == "the system gave no answer"
    assert Reply("demo/1", reason="no sound").failure == "no sound"


def test_a_greedy_answer_that_stands_for_all_runs_is_paid_once() -> None:
    greedy = Said("sad", cost=0.25)
    said = [[greedy] * 3, [Said("sad", cost=0.25), Said("sad", cost=0.5), Said("sad")]]
    assert Reply("demo/1", said).cost == 1.0


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    assert Reply("demo/1", [[Said("sad")]]).cost is None
    assert Reply("demo/1", [[Said("sad", cost=0.0)]]).cost == 0.0
