"""A study's votes analysed: each kind of question, gold left out, sums by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest

from equivoice.errors import VotesError
from equivoice.rating.analysis import Uncertainty
from equivoice.rating.study_analysis import StudyVotes, study_estimates
from equivoice.rating.study_files import Choice, Question
from equivoice.records import ITEMS, VOTES

QUICK = Uncertainty(replicates=50)
ACCEPT = Question(
    name="acceptance",
    kind="single",
    ask="?",
    choices=(Choice(value="accept"), Choice(value="reject")),
)
EMOTION = Question(
    name="emotion", kind="single", ask="?", choices=tuple(Choice(value=v) for v in ("sad", "fear"))
)
EMOTIONS = Question(name="emotions", kind="multiple", ask="?", choices=EMOTION.choices)
FITS = Question(name="fits", kind="scale", ask="?", low=1, high=5)
PAIR = Question(name="better", kind="comparison", ask="?", ties=True)


def study(
    question: Question,
    said: list[tuple[str, str, Any]],
    *,
    gold: dict[str, str] | None = None,
    groups: dict[str, str] | None = None,
    systems: tuple[str | None, str | None] = ("ours", None),
) -> StudyVotes:
    column = "number" if question.kind == "scale" else "value"
    votes = [
        {"item": item, "rater": rater, "kind": "person", "question": question.name, column: value}
        for item, rater, value in said
    ]
    items = []
    for item in dict.fromkeys(item for item, _, _ in said):
        ordered = systems[::-1] if item.endswith("ba") else systems
        items.append(
            {"item": item, "utterance_id": item[:1], "system_a": ordered[0], "system_b": ordered[1]}
        )
    known = [
        {"item": item, "question": question.name, "value": v} for item, v in (gold or {}).items()
    ]
    counted = [{"item": item, "match": value} for item, value in (groups or {}).items()]
    return StudyVotes(
        [question],
        VOTES.validate(pl.DataFrame(votes)),
        ITEMS.validate(pl.DataFrame(items)),
        pl.DataFrame(known) if known else None,
        pl.DataFrame(counted) if counted else None,
    )


def value_of(frame: pl.DataFrame, **wanted: Any) -> float:
    found = frame
    for name, value in wanted.items():
        found = found.filter(pl.col(name).eq_missing(pl.lit(value)))
    assert found["value"].n_unique() == 1, found
    return float(found["value"][0])


def test_acceptance_is_a_share_overall_and_by_group() -> None:
    said = [
        (item, rater, "accept" if (item, rater) != ("y", "s") else "reject")
        for item, rater in product("xy", "rs")
    ]
    found = study_estimates(study(ACCEPT, said, groups={"x": "yes", "y": "no"}), uncertainty=QUICK)[
        "acceptance"
    ]
    assert value_of(found, metric="acceptance", group_by=None) == 0.75
    assert value_of(found, metric="acceptance", groups="no") == 0.5
    assert set(found.filter(metric="acceptance")["unit"]) == {"item", "rater", "rater x item"}
    assert "krippendorff_alpha" in set(found["metric"])
    assert set(found.filter(metric="acceptance")["system"]) == {"ours"}


def test_each_choice_has_a_share() -> None:
    said = [("x", "r", "sad"), ("y", "r", "fear"), ("x", "s", "sad"), ("y", "s", "sad")]
    found = study_estimates(study(EMOTION, said), uncertainty=QUICK)["emotion"]
    assert value_of(found, metric="chosen", **{"class": "sad"}) == 0.75
    assert value_of(found, metric="chosen", **{"class": "fear"}) == 0.25


def test_several_choices_are_shares_of_raters_who_chose_them() -> None:
    said = [("x", "r", "sad"), ("x", "r", "fear"), ("x", "s", "sad"), ("y", "r", "fear")]
    found = study_estimates(study(EMOTIONS, said), uncertainty=QUICK)["emotions"]
    assert value_of(found, **{"class": "sad"}) == pytest.approx(2 / 3)
    assert value_of(found, **{"class": "fear"}) == pytest.approx(2 / 3)


def test_scales_have_means_and_agreement() -> None:
    said = [("x", "r", 1), ("y", "r", 5), ("x", "s", 1), ("y", "s", 5)]
    found = study_estimates(study(FITS, said), uncertainty=QUICK)["fits"]
    assert value_of(found, metric="mean fits") == 3.0
    assert value_of(found, metric="krippendorff_alpha_interval") == 1.0


def test_a_liking_for_the_first_place_is_no_liking_for_a_system() -> None:
    said = [(item, rater, "a") for item, rater in product(("x | ab", "y | ba"), "rs")]
    found = study_estimates(study(PAIR, said, systems=("ours", "theirs")), uncertainty=QUICK)
    assert value_of(found["better"], metric="win_rate", **{"class": None}) == 0.5
    assert value_of(found["better"], metric="first_chosen") == 1.0


def test_a_liking_for_a_system_is_found_in_either_place() -> None:
    said = [("x | ab", "r", "a"), ("y | ba", "r", "b"), ("x | ab", "s", "a"), ("y | ba", "s", "b")]
    found = study_estimates(study(PAIR, said, systems=("ours", "theirs")), uncertainty=QUICK)
    assert value_of(found["better"], metric="win_rate", system="ours", **{"class": None}) == 1.0


def test_known_answers_count_for_raters_and_not_for_systems() -> None:
    said = [("x", "r", "accept"), ("g", "r", "reject"), ("x", "s", "accept"), ("g", "s", "accept")]
    found = study_estimates(study(ACCEPT, said, gold={"g": "reject"}), uncertainty=QUICK)
    assert value_of(found["acceptance"], metric="acceptance") == 1.0
    assert value_of(found["gold"], metric="gold_accuracy", groups=None) == 0.5
    assert value_of(found["gold"], metric="gold_accuracy", groups="r") == 1.0


def test_questions_without_votes_are_passed_over() -> None:
    plain = study(ACCEPT, [("x", "r", "accept"), ("x", "s", "accept")])
    both = StudyVotes([ACCEPT, FITS], plain.votes, plain.items)
    assert list(study_estimates(both, uncertainty=QUICK)) == ["acceptance"]


def test_a_study_without_votes_is_told() -> None:
    with pytest.raises(VotesError, match="no votes yet"):
        study_estimates(StudyVotes([ACCEPT], VOTES.empty(), ITEMS.empty()))


def test_a_comparison_without_systems_is_told() -> None:
    said = [("x | ab", "r", "a"), ("x | ab", "s", "b")]
    with pytest.raises(VotesError, match="the items name no two systems"):
        study_estimates(study(PAIR, said, systems=(None, None)), uncertainty=QUICK)
