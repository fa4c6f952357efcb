"""Agreement and what rules keep, against plain counting: overall, by class, by group, with gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from equivoice.errors import LabelError, VotesError
from equivoice.evaluation.agreement import agreement_estimates
from equivoice.records import ESTIMATES, Label, LabelSpace
from oracles.crowds import alpha
from oracles.panels import (
    LABELS,
    NOBODY,
    SPACE,
    Heard,
    random_panel,
    utterances_of,
    votes_of,
    winner,
)

PANEL = random_panel(speakers=12, each=5, seed=4)
BY_GENDER = {
    gender: [each for each in PANEL if each.gender == gender] for gender in ("female", "male")
}


def estimates(
    panel: Sequence[Heard] = PANEL, votes: pl.DataFrame | None = None, **how: Any
) -> pl.DataFrame:
    table = votes_of(panel) if votes is None else votes
    options: dict[str, Any] = {"replicates": 0, "group_by": ("gender",), **how}
    return agreement_estimates(table, utterances_of(panel), SPACE, **options)


def rows(found: pl.DataFrame, **where: object) -> list[dict[str, Any]]:
    for name, value in where.items():
        found = found.filter(pl.col(name).eq_missing(pl.lit(value)))
    return found.to_dicts()


def row(found: pl.DataFrame, metric: str, **where: object) -> Mapping[str, Any]:
    wanted = {"quantity": "score", "group_by": None, "groups": None, "class": None, **where}
    (only,) = rows(found, metric=metric, **wanted)
    return only


def in_group(found: pl.DataFrame, metric: str, group: str, **where: object) -> Mapping[str, Any]:
    wanted = {"quantity": "group_score", "group_by": "gender", "groups": group, **where}
    return row(found, metric, **wanted)


def units(panel: Sequence[Heard]) -> list[list[int]]:
    return [[LABELS.index(answer) for answer in each.answers] for each in panel]


# ------------------------------------------------------------------------ agreement


def test_alpha_is_that_of_all_pairs_of_votes_over_everybody_and_in_each_group() -> None:
    found = estimates()
    assert row(found, "krippendorff_alpha")["value"] == pytest.approx(alpha(units(PANEL)))
    for gender, own in BY_GENDER.items():
        value = in_group(found, "krippendorff_alpha", gender)["value"]
        assert value == pytest.approx(alpha(units(own)))


@pytest.mark.parametrize("label", LABELS)
def test_alpha_of_a_class_and_its_share_of_the_votes(label: str) -> None:
    found = estimates()
    code = LABELS.index(label)
    for own, at in (
        (PANEL, {}),
        (BY_GENDER["male"], {"quantity": "group_score", "group_by": "gender", "groups": "male"}),
    ):
        one = row(found, "class_alpha", **{"class": label}, **at)
        assert one["value"] == pytest.approx(alpha(units(own), of=code))
        shares = [Fraction(each.answers.count(label), len(each.answers)) for each in own]
        share = row(found, "vote_share", **{"class": label}, **at)
        assert share["value"] == pytest.approx(float(sum(shares) / len(shares)))


def test_top_share_and_entropy_by_hand() -> None:
    panel = [
        Heard("a", "s1", "female", None, ("sad", "sad", "sad", "calm")),
        Heard("b", "s2", "male", None, ("sad", "calm")),
    ]
    found = estimates(panel)
    assert row(found, "top_share")["value"] == pytest.approx((0.75 + 0.5) / 2)
    entropies = (-0.75 * np.log(0.75) - 0.25 * np.log(0.25), np.log(2))
    assert row(found, "vote_entropy")["value"] == pytest.approx(np.mean(entropies))
    assert in_group(found, "vote_entropy", "male")["value"] == pytest.approx(np.log(2))


def test_rows_of_agreement_say_whose_they_are_and_against_what() -> None:
    found = estimates(votes=votes_of(PANEL, "voice"))
    own = found.filter(pl.col("metric") != "kept")
    assert set(own["system"]) == {"listeners (voice)"}
    assert set(own["reference"]) == {"votes"}
    assert set(found["corpus"]) == {"demo"}
    assert set(found["quantity"]) == {"score", "group_score", "pair_gap", "gap"}
    ESTIMATES.validate(found)


def test_a_gap_is_the_difference_of_its_groups() -> None:
    found = estimates()
    for metric in ("krippendorff_alpha", "vote_entropy", "top_share"):
        gap = row(found, metric, quantity="pair_gap", group_by="gender", groups="female − male")
        female, male = (in_group(found, metric, each)["value"] for each in ("female", "male"))
        assert gap["value"] == pytest.approx(female - male)
        (unsigned,) = rows(found, metric=metric, quantity="gap", group_aggregator="max")
        assert unsigned["value"] == pytest.approx(abs(female - male))


def test_intervals_are_over_speakers_and_only_scalars_are_tested() -> None:
    found = estimates(replicates=200, permutations=99)
    whole = row(found, "krippendorff_alpha")
    assert whole["low"] < whole["value"] < whole["high"]
    assert (whole["unit"], whole["clusters"], whole["n"]) == ("speaker", 12, 60)
    gaps = found.filter(pl.col("quantity") == "pair_gap", pl.col("reference") == "votes")
    tested = gaps.filter(pl.col("p_value").is_not_null())
    assert set(tested["metric"]) == {"krippendorff_alpha", "vote_entropy", "top_share"}
    assert set(gaps["metric"]) - set(tested["metric"]) == {"class_alpha", "vote_share"}
    assert tested["class"].null_count() == tested.height


def test_of_many_groups_one_test_is_made_and_none_of_each_pair() -> None:
    places = {each.name: ("north", "south", "west")[k % 3] for k, each in enumerate(PANEL)}
    table = utterances_of(PANEL).with_columns(
        place=pl.col("utterance_id").replace_strict(places, return_dtype=pl.String)
    )
    found = agreement_estimates(
        votes_of(PANEL), table, SPACE, group_by=("place",), replicates=50, permutations=49
    )
    pairs = found.filter(pl.col("quantity") == "pair_gap")
    assert set(pairs["groups"]) == {"north − south", "north − west", "south − west"}
    assert pairs["p_value"].null_count() == pairs.height
    by_place = {f"s{k}": ("north", "south", "west")[k % 3] for k in range(12)}
    table = table.with_columns(place=pl.col("speaker").replace_strict(by_place))
    found = agreement_estimates(
        votes_of(PANEL), table, SPACE, group_by=("place",), replicates=50, permutations=49
    )
    gaps = rows(found, quantity="gap", metric="krippendorff_alpha")
    assert all(each["p_value"] is not None for each in gaps)
    pairs = found.filter(pl.col("quantity") == "pair_gap")
    assert pairs["p_value"].null_count() == pairs.height


def test_fleiss_kappa_is_defined_where_all_have_as_many_votes() -> None:
    unequal = row(estimates(), "fleiss_kappa")
    assert unequal["value"] is None
    assert "numbers of votes differ" in unequal["undefined"]
    assert not rows(estimates(), metric="fleiss_kappa", quantity="pair_gap")
    panel = random_panel(votes=(4, 4), seed=1)
    agree, chosen = Fraction(0), dict.fromkeys(LABELS, 0)
    for each in panel:
        for label in LABELS:
            many = each.answers.count(label)
            agree += Fraction(many * (many - 1), 4 * 3)
            chosen[label] += many
    chance = sum(Fraction(many, 4 * len(panel)) ** 2 for many in chosen.values())
    kappa = (agree / len(panel) - chance) / (1 - chance)
    assert row(estimates(panel), "fleiss_kappa")["value"] == pytest.approx(float(kappa))
    assert rows(estimates(panel), metric="fleiss_kappa", quantity="pair_gap")


def test_what_says_nothing_of_agreement_is_counted() -> None:
    panel = [
        *PANEL,
        Heard("alone", "s1", "female", "sad", ("sad",)),
        Heard("unheard", "s1", "female", "sad", ()),
        Heard("unheard too", "s2", "male", "sad", ()),
    ]
    votes = pl.concat(
        [votes_of(panel), votes_of([Heard("else", "s9", None, None, ("sad", "calm"))])]
    )
    found = estimates(panel, votes)
    whole = row(found, "krippendorff_alpha")
    assert whole["n"] == len(PANEL) + 1
    assert json.loads(whole["left_out"]) == {
        "vote for an unknown utterance": 2,
        "utterance without vote": 2,
        "utterance with one vote (it says nothing of agreement)": 1,
    }
    assert whole["value"] == pytest.approx(alpha(units(PANEL)))


def test_votes_for_none_of_the_labels_are_one_more_answer_where_they_count() -> None:
    panel = random_panel(others=0.3, votes=(3, 7), seed=2)
    for other in ("leave_out", "count"):
        named = (*LABELS, NOBODY) if other == "count" else LABELS
        coded = [
            [named.index(answer) for answer in each.answers if answer in named] for each in panel
        ]
        found = row(estimates(panel, other=other), "krippendorff_alpha")
        assert found["value"] == pytest.approx(alpha(coded))


# ------------------------------------------------------------------------ raters with names


def test_without_names_there_is_no_cohens_kappa_and_the_row_says_why() -> None:
    found = row(estimates(), "cohen_kappa")
    assert found["value"] is None
    assert found["undefined"] == "raters have no names: only counts are known"
    assert not rows(estimates(), metric="cohen_kappa", quantity="group_score")


def test_cohens_kappa_of_two_named_raters_is_scikit_learns() -> None:
    panel = random_panel(votes=(2, 2), speakers=14, seed=5)
    found = estimates(panel, votes_of(panel, named=True), replicates=100, permutations=49)
    first, second = zip(*(each.answers for each in panel), strict=True)
    whole = row(found, "cohen_kappa")
    assert whole["value"] == pytest.approx(cohen_kappa_score(first, second))
    assert whole["low"] < whole["value"] < whole["high"]
    for gender in ("female", "male"):
        own = [each.answers for each in panel if each.gender == gender]
        first, second = zip(*own, strict=True)
        value = in_group(found, "cohen_kappa", gender)["value"]
        assert value == pytest.approx(cohen_kappa_score(first, second))
    assert rows(found, metric="cohen_kappa", quantity="pair_gap")[0]["p_value"] is not None


def test_the_mean_over_many_pairs_of_raters_has_no_interval() -> None:
    panel = random_panel(votes=(11, 11), speakers=8, seed=6)
    found = row(estimates(panel, votes_of(panel, named=True), replicates=50), "cohen_kappa")
    pairs = [
        cohen_kappa_score([each.answers[a] for each in panel], [each.answers[b] for each in panel])
        for a in range(11)
        for b in range(a)
    ]
    assert len(pairs) == 55
    assert found["value"] == pytest.approx(np.mean(pairs))
    assert found["undefined"] == "interval: there are more than 45 pairs of raters"
    assert found["n"] == len(panel)


def test_the_mean_over_a_few_pairs_of_raters_has_an_interval_and_groups() -> None:
    panel = random_panel(votes=(4, 4), speakers=12, seed=6)
    alone = [Heard(f"alone {k}", "s1", "female", "sad", ("sad",)) for k in range(3)]
    votes = votes_of([*panel, *alone], named=True)
    found = estimates([*panel, *alone], votes, replicates=50, permutations=20)
    whole = row(found, "cohen_kappa")
    assert whole["low"] < whole["value"] < whole["high"]
    assert whole["n"] == len(panel)
    assert in_group(found, "cohen_kappa", "female")["n"] == len(panel) / 2


def test_a_pair_of_raters_who_always_say_the_same_word_is_left_out_of_the_mean() -> None:
    rest = random_panel(votes=(2, 2), speakers=6, seed=6)
    panel = [
        Heard(e.name, e.speaker, e.gender, e.emotion, (*e.answers, "sad", "sad")) for e in rest
    ]
    found = row(estimates(panel, votes_of(panel, named=True)), "cohen_kappa")
    first, second = zip(*(each.answers for each in rest), strict=True)
    kappas = [cohen_kappa_score(first, second), 0.0, 0.0, 0.0, 0.0]
    assert found["value"] == pytest.approx(np.mean(kappas))
    assert json.loads(found["left_out"]) == {
        "both raters gave one and the same label throughout": 1
    }


def test_raters_with_few_shared_utterances_are_counted_and_leave_no_kappa() -> None:
    panel = random_panel(votes=(2, 2), speakers=3, each=3, seed=5)
    found = row(estimates(panel, votes_of(panel, named=True)), "cohen_kappa")
    assert found["value"] is None
    assert found["undefined"] == "no pair of raters shares 10 utterances"
    assert json.loads(found["left_out"]) == {
        "pair of raters with fewer than 10 shared utterances": 1
    }


# ------------------------------------------------------------------------ what the rules keep


@pytest.mark.parametrize("rule", ["majority", "plurality"])
@pytest.mark.parametrize("other", ["leave_out", "count"])
def test_kept_is_counted_by_rule_class_and_group(rule: str, other: Any) -> None:
    panel = random_panel(others=0.2, votes=(1, 6), seed=7)
    found = estimates(panel, other=other)

    def kept(each: Heard) -> bool:
        return winner(each.answers, rule, count_other=other == "count") is not None

    whole = row(found, "kept", reference=rule)
    assert whole["n"] == len(panel)
    assert round(whole["value"] * whole["n"]) == sum(map(kept, panel)) < len(panel)
    assert sum(json.loads(whole["left_out"]).values()) == len(panel) - sum(map(kept, panel))
    for gender in ("female", "male"):
        for label in (None, *LABELS):
            own = [
                each
                for each in panel
                if each.gender == gender and (label is None or each.emotion == label)
            ]
            at = in_group(found, "kept", gender, reference=rule, **{"class": label})
            assert at["n"] == len(own)
            assert at["value"] == pytest.approx(sum(map(kept, own)) / len(own))
            dropped = sum(json.loads(at["left_out"] or "{}").values())
            assert dropped == sum(not kept(each) for each in own)


def test_why_a_rule_drops_what_it_drops() -> None:
    panel = [
        Heard("tie", "s1", "female", "sad", ("sad", "calm")),
        Heard("half", "s1", "female", "sad", ("sad", "sad", "calm", "angry")),
        Heard("clear", "s2", "male", "sad", ("sad", "sad")),
        Heard("none", "s2", "male", "calm", (NOBODY,)),
        Heard("unheard", "s2", "male", "calm", ()),
    ]
    found = estimates(panel)

    def left_out(rule: str, **at: object) -> Any:
        return json.loads(row(found, "kept", reference=rule, **at)["left_out"] or "{}")

    silent = {"no vote": 1, "only votes for none of the labels": 1}
    assert left_out("majority") == {**silent, "no label above half": 2}
    assert left_out("plurality") == {**silent, "tie": 1}
    assert left_out("all_inclusive") == silent
    assert row(found, "kept", reference="all_inclusive")["value"] == pytest.approx(3 / 5)
    by_gender = {"quantity": "group_score", "group_by": "gender"}
    assert left_out("majority", groups="male", **by_gender) == silent
    assert left_out("plurality", groups="female", **by_gender) == {"tie": 1}
    of_class = {"class": "calm"}
    assert left_out("plurality", **of_class) == silent
    pair = {"quantity": "pair_gap", "group_by": "gender", "groups": "female − male"}
    assert left_out("plurality", **pair) == {**silent, "tie": 1}


def test_kept_has_gaps_and_intervals_where_a_rule_drops_anything() -> None:
    found = estimates(replicates=100, permutations=49)
    for rule in ("majority", "plurality"):
        whole = row(found, "kept", reference=rule)
        assert whole["low"] <= whole["value"] <= whole["high"]
        gap = row(
            found, "kept", reference=rule, quantity="pair_gap", group_by="gender",
            groups="female − male",
        )  # fmt: skip
        female, male = (
            in_group(found, "kept", each, reference=rule)["value"] for each in ("female", "male")
        )
        assert gap["value"] == pytest.approx(female - male)
        assert gap["p_value"] is not None
        assert rows(found, metric="kept", reference=rule, quantity="gap")
    assert not rows(found, metric="kept", reference="all_inclusive", quantity="pair_gap")


def test_the_class_of_an_utterance_is_its_label_or_else_the_plurality() -> None:
    panel = [
        Heard("given", "s1", "female", "calm", ("sad", "sad")),
        Heard("voted", "s1", "female", None, ("sad", "sad", "calm")),
        Heard("neither", "s2", "male", None, ("sad", "calm")),
    ]
    found = estimates(panel)
    asked = {
        label: row(found, "kept", reference="majority", **{"class": label}) for label in LABELS
    }
    assert {label: each["n"] for label, each in asked.items()} == {
        "angry": 0,
        "calm": 1,
        "sad": 1,
    }
    assert asked["angry"]["value"] is None
    assert asked["angry"]["undefined"] == "no utterance with this label"


def test_where_other_votes_count_they_can_win_and_then_there_is_no_plurality() -> None:
    panel = [Heard("a", "s1", "female", None, ("sad", NOBODY, NOBODY))]
    asked = {"reference": "all_inclusive", "class": "sad"}
    assert row(estimates(panel), "kept", **asked)["n"] == 1
    assert row(estimates(panel, other="count"), "kept", **asked)["n"] == 0


def test_dawid_skene_needs_names_and_says_so() -> None:
    unnamed = row(estimates(), "kept", reference="dawid_skene")
    assert unnamed["value"] is None
    assert unnamed["undefined"] == "raters have no names: only counts are known"
    panel = random_panel(votes=(3, 3), seed=8)
    named = estimates(panel, votes_of(panel, named=True))
    assert row(named, "kept", reference="dawid_skene")["value"] > 0.8
    assert in_group(named, "kept", "male", reference="dawid_skene")["n"] == len(panel) / 2


# ------------------------------------------------------------------------ channels and corpora


def test_each_channel_is_said_apart() -> None:
    seen = random_panel(seed=9)
    votes = pl.concat([votes_of(PANEL, "voice"), votes_of(seen, "face")])
    table = pl.concat([utterances_of(PANEL), utterances_of(seen)]).unique(
        "utterance_id", maintain_order=True
    )
    found = agreement_estimates(votes, table, SPACE, replicates=0)
    for panel, channel in ((PANEL, "voice"), (seen, "face")):
        own = row(found, "krippendorff_alpha", system=f"listeners ({channel})")
        assert own["value"] == pytest.approx(alpha(units(panel)))
        kept = row(found, "kept", reference="majority", system=f"listeners ({channel})")
        assert kept["n"] == len(table)
    only = agreement_estimates(votes, table, SPACE, channel="face", replicates=0)
    assert set(only["system"]) == {"listeners (face)"}
    with pytest.raises(VotesError, match="no votes with this channel"):
        agreement_estimates(votes, table, SPACE, channel="both", replicates=0)


def test_with_one_channel_what_is_kept_has_no_system() -> None:
    found = estimates(votes=votes_of(PANEL, "voice"))
    assert {each["system"] for each in rows(found, metric="kept")} == {None}


def test_each_corpus_has_a_crowd_of_its_own_and_those_without_votes_are_passed_over() -> None:
    first = random_panel(seed=1)
    second = [
        Heard(f"x{each.name}", each.speaker, each.gender, each.emotion, each.answers, "second")
        for each in random_panel(seed=2)
    ]
    silent = [Heard("silent", "s1", "female", "sad", (), "silent")]
    found = estimates([*first, *second, *silent])
    assert set(found["corpus"]) == {"demo", "second"}
    for name, panel in (("demo", first), ("second", second)):
        own = row(found, "krippendorff_alpha", corpus=name)
        assert own["value"] == pytest.approx(alpha(units(panel)))
        assert own["n"] == len(panel)
        assert row(found, "kept", corpus=name, reference="majority")["n"] == len(panel)


def test_models_are_no_listeners_where_people_voted() -> None:
    people = votes_of(PANEL).with_columns(kind=pl.lit("person"))
    models = votes_of(random_panel(speakers=12, each=5, seed=99)).with_columns(kind=pl.lit("model"))
    found = estimates(votes=pl.concat([people, models]))
    assert row(found, "krippendorff_alpha")["value"] == pytest.approx(alpha(units(PANEL)))
    assert row(estimates(votes=models), "krippendorff_alpha")["value"] is not None


def test_no_vote_on_the_question_gives_an_empty_table() -> None:
    elsewhere = votes_of(PANEL).with_columns(question=pl.lit("arousal"), value=None)
    found = estimates(votes=elsewhere)
    assert found.is_empty()
    ESTIMATES.validate(found)
    unknown = votes_of([Heard("nowhere", "s", None, None, ("sad",))])
    assert estimates(votes=unknown).is_empty()


def test_given_labels_are_read_with_their_synonyms_and_strange_ones_refused() -> None:
    panel = [Heard("a", "s1", "female", "anger", ("angry", "angry")), *PANEL]
    found = estimates(panel)
    angry = sum(each.emotion == "angry" for each in PANEL)
    assert row(found, "kept", reference="majority", **{"class": "angry"})["n"] == angry + 1
    strange = [Heard("a", "s1", "female", "bored", ("angry", "angry")), *PANEL]
    with pytest.raises(LabelError, match="not in label space 'panel'") as error:
        estimates(strange)
    assert "bored" in str(error.value)


def test_labels_that_nobody_chose_are_undefined_not_zero() -> None:
    space = LabelSpace("wide", (*SPACE.labels, Label("bored")))
    found = agreement_estimates(votes_of(PANEL), utterances_of(PANEL), space, replicates=0)
    bored = row(found, "class_alpha", **{"class": "bored"})
    assert bored["value"] is None
    assert "this label has none" in bored["undefined"]
    assert row(found, "vote_share", **{"class": "bored"})["value"] == 0.0


def test_an_attribute_that_is_nowhere_known_gives_no_group() -> None:
    panel = [Heard(e.name, e.speaker, None, e.emotion, e.answers) for e in PANEL]
    found = estimates(panel, replicates=50)
    assert not rows(found, quantity="group_score")
    assert row(found, "krippendorff_alpha")["value"] == pytest.approx(alpha(units(PANEL)))


def test_without_speakers_utterances_are_resampled() -> None:
    table = utterances_of(PANEL).drop("speaker")
    found = agreement_estimates(votes_of(PANEL), table, SPACE, replicates=50)
    whole = row(found, "krippendorff_alpha")
    assert (whole["unit"], whole["clusters"]) == ("utterance", len(PANEL))


def test_the_seed_decides_and_nothing_else() -> None:
    once, again = (estimates(replicates=60, permutations=30, seed=3) for _ in range(2))
    assert once.equals(again)
    assert not once.equals(estimates(replicates=60, permutations=30, seed=4))
