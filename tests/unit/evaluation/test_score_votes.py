"""Scores against votes, each number computed again one utterance after the other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from equivoice.errors import ConfigError, InputError, VotesError
from equivoice.evaluation import Scores, score
from oracles.held_against import (
    LABELS,
    SPACE,
    Spoken,
    above,
    accuracy,
    credited,
    divergences,
    label_by,
    macro_f1,
    predictions,
    rated,
    set_scores,
    spoken_world,
    tallied,
    utterances,
    votes,
)

WORLD = spoken_world()
QUICK: dict[str, Any] = {"replicates": 60, "permutations": 40, "label_space": SPACE}
SYSTEM = {"system": "S", "quantity": "score"}


def scored(world: Sequence[Spoken] = WORLD, **options: Any) -> Scores:
    given = {
        "votes": votes(world),
        "group_by": ["gender"],
        "listeners": False,
        **QUICK,
        **options,
    }
    said = given.pop("said", predictions(world))
    return score(said, given.pop("truth", utterances(world)), **given)


def value(found: Scores, metric: str, **where: Any) -> float:
    return float(row(found, metric, **where)["value"])


def row(found: Scores, metric: str, **where: Any) -> Mapping[str, Any]:
    wanted = {"metric": metric, "class": None, **SYSTEM, **where}
    rows = found.estimates.filter(
        pl.all_horizontal(pl.col(name).eq_missing(pl.lit(each)) for name, each in wanted.items())
    )
    assert rows.height == 1, rows.select("metric", "reference", "convention", "groups")
    return rows.row(0, named=True)


@pytest.fixture(scope="module")
def by_majority() -> Scores:
    return scored(rule="majority", said=predictions(WORLD, probabilities=True))


class TestGiven:
    def test_rows_against_given_labels_are_those_without_votes(self, by_majority: Scores) -> None:
        alone = scored(votes=None, listeners=True, said=predictions(WORLD, probabilities=True))
        beside = by_majority.estimates.filter(
            (pl.col("reference") == "given") & pl.col("group_by").ne_missing("agreement")
        )
        assert_frame_equal(beside, alone.estimates)

    def test_without_votes_there_is_no_word_of_them(self) -> None:
        alone = scored(votes=None, listeners=True)
        assert set(alone.estimates["reference"]) == {"given"}
        assert not any("vote" in note.lower() for note in alone.notes)


class TestRules:
    @pytest.mark.parametrize("rule", ["majority", "plurality"])
    def test_scores_are_those_against_labels_written_into_the_reference(self, rule: str) -> None:
        found = scored(rule=rule)
        labels = [label_by(one, rule) for one in WORLD]
        by_hand = utterances(WORLD).with_columns(emotion=pl.Series(labels, dtype=pl.String))
        other = scored(votes=None, truth=by_hand, listeners=True)
        rows = found.estimates.filter(
            (pl.col("reference") == rule) & pl.col("group_by").ne_missing("agreement")
        )
        ignored = ["reference", "left_out"]
        assert_frame_equal(rows.drop(ignored), other.estimates.drop(ignored))
        lost = sum(label is None for label in labels)
        counts = json.loads(row(found, "accuracy", reference=rule)["left_out"])
        assert counts[f"no label by {rule}"] == lost == found.left_out[f"no label by {rule}"]

    def test_values_by_hand(self, by_majority: Scores) -> None:
        pairs = [(label_by(one, "majority"), one.said) for one in WORLD]
        known = [(truth, said) for truth, said in pairs if truth is not None]
        where = {"reference": "majority"}
        assert value(by_majority, "accuracy", **where) == pytest.approx(accuracy(known))
        assert value(by_majority, "macro_f1", **where) == pytest.approx(macro_f1(known))
        assert row(by_majority, "accuracy", **where)["n"] == len(known)

    def test_plurality_keeps_what_majority_keeps(self) -> None:
        few, many = (
            row(scored(rule=rule), "accuracy", reference=rule)["n"]
            for rule in ("majority", "plurality")
        )
        assert few < many < len(rated(WORLD))

    def test_all_inclusive_takes_the_most_frequent_label_and_says_so(self) -> None:
        found = scored(rule="all_inclusive")
        same = scored(rule="plurality")
        assert value(found, "macro_f1", reference="all_inclusive") == pytest.approx(
            value(same, "macro_f1", reference="plurality")
        )
        assert any("most frequent label" in note for note in found.notes)

    def test_dawid_skene_needs_names_of_raters(self) -> None:
        named = scored(rule="dawid_skene")
        assert row(named, "accuracy", reference="dawid_skene")["n"] == len(rated(WORLD))
        with pytest.raises(VotesError, match="raters"):
            scored(rule="dawid_skene", votes=votes(WORLD, raters=False))

    def test_votes_for_none_of_the_labels_count_where_they_are_to(self) -> None:
        found = scored(rule="majority", other="count")
        labels = []
        for one in WORLD:
            most = max(LABELS, key=one.count)
            kept = 2 * one.count(most) > len(one.votes)
            labels.append(most if kept else None)
        pairs = [(t, one.said) for t, one in zip(labels, WORLD, strict=True) if t is not None]
        assert value(found, "accuracy", reference="majority") == pytest.approx(accuracy(pairs))
        assert any("count in rules" in note for note in found.notes)


class TestCredited:
    @pytest.mark.parametrize(
        ("policy", "rule"), [("leave_out", "majority"), ("plurality", "plurality")]
    )
    def test_an_answer_that_anybody_gave_is_right(self, policy: str, rule: str) -> None:
        found = scored(no_consensus=policy)
        pairs, lost = credited(WORLD, rule)
        where = {"reference": "votes", "convention": "credited"}
        assert value(found, "annotator_aware_macro_f1", **where) == pytest.approx(macro_f1(pairs))
        assert value(found, "annotator_aware_accuracy", **where) == pytest.approx(accuracy(pairs))
        told = json.loads(row(found, "annotator_aware_accuracy", **where)["left_out"])
        assert told["no label of the crowd, and an answer that nobody gave"] == lost > 0
        assert told["utterance without votes"] == len(WORLD) - len(rated(WORLD))

    def test_by_chance_among_the_tied_nothing_is_left_out(self) -> None:
        found = scored()
        own = row(found, "annotator_aware_accuracy", reference="votes", convention="credited")
        known = rated(WORLD)
        assert own["n"] == len(known)
        right = sum(one.said in one.votes for one in known if one.said) / len(known)
        assert own["value"] == pytest.approx(right)  # whatever the tied label is, it is wrong
        again = scored(seed=5)
        assert (
            row(again, "annotator_aware_accuracy", convention="credited")["value"] == (own["value"])
        )

    def test_by_group_and_as_a_gap(self) -> None:
        found = scored(no_consensus="plurality")
        parts = {}
        for gender in ("female", "male"):
            own = [one for one in WORLD if one.gender == gender]
            pairs, _ = credited(own, "plurality")
            parts[gender] = macro_f1(pairs)
            where = {"quantity": "group_score", "groups": gender, "convention": "credited"}
            assert value(found, "annotator_aware_macro_f1", **where) == pytest.approx(parts[gender])
        gap = row(
            found,
            "annotator_aware_macro_f1",
            quantity="pair_gap",
            groups="female − male",
            convention="credited",
        )
        assert gap["value"] == pytest.approx(parts["female"] - parts["male"])
        assert gap["low"] <= gap["value"] <= gap["high"]
        assert 0 < gap["p_value"] <= 1
        assert (gap["unit"], gap["clusters"]) == ("speaker", 24)

    def test_the_score_is_never_below_that_against_the_crowds_label(self) -> None:
        found = scored(rule="plurality", no_consensus="plurality")
        strict = value(found, "accuracy", reference="plurality")
        assert value(found, "annotator_aware_accuracy", convention="credited") >= strict

    def test_as_sets_of_all_labels_that_anybody_gave(self) -> None:
        found = scored()
        pairs = [(set(tallied(one)), {one.said} if one.said else set()) for one in rated(WORLD)]
        expected = set_scores(pairs)
        where = {"reference": "votes", "convention": "multilabel"}
        for name in ("macro_f1", "micro_f1"):
            assert value(found, f"any_vote_{name}", **where) == pytest.approx(
                expected[f"multilabel_{name}"]
            )

    def test_notes_say_that_it_is_a_reconstruction_and_supports_differ(self) -> None:
        told = " ".join(scored().notes)
        assert "reconstruction" in told
        assert "supports differ between systems" in told
        assert "do not contain the sampling of raters" in told

    def test_an_unknown_policy_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="no_consensus") as caught:
            scored(no_consensus="toss")
        assert caught.value.choices == ("random", "plurality", "leave_out")


class TestSets:
    @pytest.mark.parametrize(
        ("name", "threshold"),
        [("1/C", Fraction(1, 4)), ("0.5", Fraction(1, 2)), ("1/(C-1)", Fraction(1, 3))],
    )
    def test_labels_above_a_threshold(
        self, by_majority: Scores, name: str, threshold: Fraction
    ) -> None:
        pairs = [
            (
                above(one.share, threshold),
                above(lambda label, one=one: one.probabilities[LABELS.index(label)], threshold),
            )
            for one in rated(WORLD)
        ]
        for metric, expected in set_scores(pairs).items():
            found = value(by_majority, metric, reference=f"votes > {name}")
            assert found == pytest.approx(expected), metric

    def test_sets_that_a_system_gives(self) -> None:
        sets = [sorted(set(one.votes[:2]) & set(LABELS)) for one in WORLD]
        said = (
            predictions(WORLD)
            .select("utterance_id", "system")
            .with_columns(emotions=pl.Series(sets, dtype=pl.List(pl.String)))
        )
        found = scored(said=said)
        pairs = [
            (above(one.share, Fraction(1, 4)), set(own))
            for one, own in zip(WORLD, sets, strict=True)
            if tallied(one)
        ]
        expected = set_scores(pairs)
        assert value(found, "multilabel_macro_f1", reference="votes > 1/C") == pytest.approx(
            expected["multilabel_macro_f1"]
        )
        assert not found.estimates.filter(metric="macro_f1").height  # nobody asked for one label
        assert not found.estimates.filter(metric="any_vote_macro_f1").height

    def test_a_label_alone_is_a_set_of_one(self) -> None:
        pairs = [
            (above(one.share, Fraction(1, 2)), {one.said} if one.said else set())
            for one in rated(WORLD)
        ]
        found = value(scored(), "exact_match", reference="votes > 0.5")
        assert found == pytest.approx(set_scores(pairs)["exact_match"])


class TestDistributions:
    def test_distances_are_means_over_utterances(self, by_majority: Scores) -> None:
        sums: Counter[str] = Counter()
        known = rated(WORLD)
        for one in known:
            human = [float(one.share(label)) for label in LABELS]
            for name, distance in divergences(human, one.probabilities).items():
                sums[name] += distance / len(known)
        for name, expected in sums.items():
            assert value(by_majority, name, reference="votes") == pytest.approx(expected), name

    def test_calibration_takes_the_share_of_votes_as_right(self, by_majority: Scores) -> None:
        known = rated(WORLD)
        over = 0.0
        for one in known:
            best = max(range(4), key=lambda k: one.probabilities[k])
            over += one.probabilities[best] - float(one.share(LABELS[best]))
        found = value(by_majority, "overconfidence", reference="votes")
        assert found == pytest.approx(over / len(known))
        assert value(by_majority, "brier", reference="votes") == pytest.approx(
            value(by_majority, "soft_brier", reference="votes")
        )
        ece = row(by_majority, "ece", reference="votes")
        assert ece["low"] is None
        assert "chance alone" in ece["undefined"]

    def test_smoothing_moves_distributions_and_nothing_else(self) -> None:
        said = predictions(WORLD, probabilities=True)
        plain, smooth = (scored(said=said, smoothing=e) for e in (0.0, 0.05))
        kl = 0.0
        for one in rated(WORLD):
            human = [float(p) * 0.95 + (1 - float(p)) * 0.05 / 3 for p in map(one.share, LABELS)]
            kl += divergences(human, one.probabilities)["kld"] / len(rated(WORLD))
        assert value(smooth, "kld", reference="votes") == pytest.approx(kl)
        moved = ["kld", "jsd", "cross_entropy", "soft_brier", "total_variation"]
        same = [found.estimates.filter(~pl.col("metric").is_in(moved)) for found in (plain, smooth)]
        assert_frame_equal(*same)
        assert any("ε = 0.05" in note for note in smooth.notes)

    def test_a_label_that_people_chose_with_probability_0_has_no_bound(self) -> None:
        world = [replace(one, probabilities=(1.0, 0.0, 0.0, 0.0)) for one in WORLD]
        found = scored(said=predictions(world, probabilities=True))
        told = row(found, "kld", reference="votes")
        assert told["value"] is None
        assert "probability 0" in told["undefined"]
        assert value(found, "jsd", reference="votes") > 0

    def test_probabilities_over_other_labels_are_refused(self) -> None:
        said = predictions(WORLD).with_columns(probabilities=pl.lit([0.5, 0.5]))
        with pytest.raises(InputError, match="not shares of 1 over the 4 labels"):
            scored(said=said)

    def test_predictions_without_probabilities_are_counted(self) -> None:
        said = predictions(WORLD, probabilities=True).with_columns(
            probabilities=pl.when(pl.int_range(pl.len()) >= 20).then("probabilities")
        )
        told = json.loads(row(scored(said=said), "jsd", reference="votes")["left_out"])
        assert told["prediction without probabilities"] == len(rated(WORLD[:20]))


class TestStrata:
    def test_scores_where_listeners_agree_more_and_less(self, by_majority: Scores) -> None:
        rows = by_majority.estimates.filter(group_by="agreement")
        assert set(rows["quantity"]) == {"group_score"}  # how far people agree is no group
        one_label = [one for one in rated(WORLD) if len(tallied(one)) == 1 and one.given]
        pairs = [(one.given or "", one.said) for one in one_label]
        where = {"quantity": "group_score", "groups": "all agree", "reference": "given"}
        assert value(by_majority, "accuracy", **where) == pytest.approx(accuracy(pairs))
        assert row(by_majority, "accuracy", **where)["n"] == len(pairs)

    def test_strata_are_none_of_the_groupings_asked_for(self, by_majority: Scores) -> None:
        assert set(by_majority.estimates["group_by"]) == {None, "gender", "agreement"}
        tied = by_majority.estimates.filter(group_by="agreement", reference="majority")
        assert set(tied["groups"]) <= {"all agree", "two thirds or more", "more than half"}


class TestChannels:
    def both(self) -> pl.DataFrame:
        seen = [replace(one, votes=one.votes[::-1][:3]) for one in WORLD]
        return pl.concat([votes(seen, channel="face"), votes(WORLD, channel="voice")])

    def test_systems_are_held_against_the_voice_where_no_channel_is_named(self) -> None:
        found = scored(votes=self.both(), rule="majority")
        alone = scored(votes=votes(WORLD, channel="voice"), rule="majority", channel="voice")
        assert_frame_equal(found.estimates, alone.estimates)
        assert "Systems are held against the votes on the channel voice." in found.notes
        assert not any("on the channel" in note for note in alone.notes)

    def test_a_channel_by_name(self) -> None:
        found = scored(votes=self.both(), rule="majority", channel="face")
        pairs = [
            (label_by(replace(one, votes=one.votes[::-1][:3]), "majority"), one.said)
            for one in WORLD
        ]
        known = [(truth, said) for truth, said in pairs if truth is not None]
        assert value(found, "accuracy", reference="majority") == pytest.approx(accuracy(known))

    def test_an_unknown_channel_names_the_choices(self) -> None:
        with pytest.raises(VotesError) as caught:
            scored(votes=self.both(), channel="text")
        assert set(caught.value.choices or ()) == {"face", "voice"}


@pytest.fixture(scope="module")
def found() -> Scores:
    return scored(listeners=True, rule="majority")


class TestListeners:
    def test_people_stand_beside_systems(self, found: Scores) -> None:
        assert {"S", "one listener", "listeners", None} <= set(found.estimates["system"])
        known = [one for one in rated(WORLD) if one.given]
        right = sum(float(one.share(one.given or "")) for one in known) / len(known)
        where = {"system": "one listener", "reference": "given"}
        assert value(found, "accuracy", **where) == pytest.approx(right)

    def test_a_listener_left_out_is_held_against_the_others(self, found: Scores) -> None:
        right = weight = 0.0
        for one in WORLD:
            own = [vote for vote in one.votes if vote in LABELS]
            for place, vote in enumerate(own):
                others = replace(one, votes=tuple(own[:place] + own[place + 1 :]))
                label = label_by(others, "majority") if others.votes else None
                if label is not None:
                    weight += 1 / len(own)
                    right += (label == vote) / len(own)
        where = {"system": "one listener, left out", "reference": "other listeners"}
        assert value(found, "accuracy", **where) == pytest.approx(right / weight)

    def test_what_one_listener_scores_is_said_beside_credited_scores(self, found: Scores) -> None:
        own = row(
            found,
            "annotator_aware_macro_f1",
            system="one listener, left out",
            convention="credited",
        )
        floor = [note for note in found.notes if note.startswith("One random listener")]
        assert f"{100 * own['value']:.1f}%" in floor[0]

    def test_rules_keep_what_they_keep(self, found: Scores) -> None:
        for rule in ("majority", "plurality"):
            kept = sum(label_by(one, rule) is not None for one in WORLD)
            own = row(found, "kept", system=None, reference=rule)
            assert own["value"] * own["n"] == pytest.approx(kept)
            assert own["n"] == len(WORLD)

    def test_groups_of_people_and_systems_are_cut_alike(self) -> None:
        ages = pl.Series("age", [20.0 + int(one.speaker[1:]) for one in WORLD])
        found = scored(
            listeners=True, truth=utterances(WORLD).with_columns(ages), group_by=["age"],
            said=predictions(WORLD[:60]),
        )  # fmt: skip
        cut = found.estimates.filter(pl.col("group_by").is_in(["agreement"]).not_())
        assert cut["group_by"].n_unique() == 1
        assert cut["group_by"][0].startswith("age[")

    def test_listeners_alone(self) -> None:
        found = scored(said=None, listeners=True)
        assert "S" not in set(found.estimates["system"])
        assert found.estimates.filter(system="one listener", metric="macro_f1").height
        assert not any("Annotator-aware" in note for note in found.notes)

    def test_labels_made_of_the_votes_are_not_held_against_those_who_voted(self) -> None:
        found = scored(said=None, listeners=True, labels_from_votes=True)
        assert "given" not in set(found.estimates["reference"])
        assert any("made of votes" in note for note in found.notes)

    def test_without_listeners_nobody_is_one(self) -> None:
        assert set(scored().estimates["system"]) == {"S"}


class TestTables:
    def test_the_order_of_rows_changes_nothing(self) -> None:
        said, truth, voted = predictions(WORLD, probabilities=True), utterances(WORLD), votes(WORLD)
        first = scored(said=said, rule="plurality")
        again = scored(
            said=said.sample(fraction=1, shuffle=True, seed=1),
            truth=truth.sample(fraction=1, shuffle=True, seed=2),
            votes=voted.sample(fraction=1, shuffle=True, seed=3),
            rule="plurality",
        )
        key = ["quantity", "metric", "reference", "convention", "group_by", "groups", "class"]
        key += ["predicted_class", "group_aggregator", "class_aggregator"]
        one, other = (found.estimates.sort(key) for found in (first, again))
        assert_frame_equal(one, other, abs_tol=1e-9)

    def test_counts_without_raters_are_as_good(self) -> None:
        counted = votes(WORLD).group_by("item", "value", "question").len("count")
        counted = counted.with_columns(pl.col("count").cast(pl.Int64))
        first, again = scored(rule="majority"), scored(votes=counted, rule="majority")
        assert_frame_equal(first.estimates, again.estimates)

    def test_votes_on_unknown_utterances_are_counted(self) -> None:
        stray = votes(WORLD[:3]).with_columns(item=pl.lit("x/") + pl.col("item"))
        found = scored(votes=pl.concat([votes(WORLD), stray]))
        assert found.left_out["votes: vote for an unknown utterance"] == stray.height
        assert_frame_equal(found.estimates, scored().estimates)

    def test_votes_on_nothing_but_unknown_utterances_are_refused(self) -> None:
        stray = votes(WORLD).with_columns(item=pl.lit("x/") + pl.col("item"))
        with pytest.raises(VotesError, match="no vote is on an utterance of the reference"):
            scored(votes=stray)

    def test_models_that_voted_are_no_listeners(self) -> None:
        models = votes(WORLD).with_columns(value=pl.lit("sad"), kind=pl.lit("model"))
        found = scored(votes=pl.concat([votes(WORLD), models]), rule="majority")
        assert_frame_equal(found.estimates, scored(rule="majority").estimates)

    def test_a_reference_without_labels_is_scored_by_its_votes(self) -> None:
        truth = utterances(WORLD).with_columns(emotion=pl.lit(None, pl.String))
        found = scored(truth=truth, rule="majority", label_space=None)
        same = scored(rule="majority")
        assert value(found, "macro_f1", reference="majority") == pytest.approx(
            value(same, "macro_f1", reference="majority")
        )
        assert "given" not in set(found.estimates["reference"])

    def test_folds_and_runs_have_their_spread(self) -> None:
        said = predictions(WORLD).with_columns(fold=(pl.int_range(pl.len()) % 3).cast(pl.String))
        found = scored(said=said)
        own = row(found, "annotator_aware_accuracy", convention="credited")
        by_fold = [
            accuracy(credited([one for at, one in enumerate(WORLD) if at % 3 == k], "plurality")[0])
            for k in range(3)
        ]
        mean = sum(by_fold) / 3
        spread = (sum((each - mean) ** 2 for each in by_fold) / 2) ** 0.5
        assert own["fold"] == "all"
        assert own["sd_folds"] == pytest.approx(spread, abs=0.02)  # at ties labels are drawn


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"votes": None, "rule": "majority"}, "rule"),
        ({"votes": None, "channel": "voice"}, "channel"),
        ({"votes": None, "smoothing": 0.1}, "smoothing"),
        ({"votes": None, "said": None, "listeners": True}, "nothing to score"),
        ({"said": None, "listeners": False}, "nothing to score"),
        ({"rule": "mayority"}, "unknown rule"),
        ({"smoothing": 0.9}, "smoothing"),
        ({"other": "drop"}, "none of the labels"),
    ],
)
def test_options_that_cannot_be_heeded_are_refused(options: dict[str, Any], says: str) -> None:
    if options.get("votes", 1) is None and "listeners" not in options:
        options = {**options, "listeners": True}
    with pytest.raises(ConfigError, match=says):
        scored(**options)


def test_sequences_of_labels_can_have_votes_too() -> None:
    table = pl.DataFrame(
        {"item": ["item/0", "item/1"], "question": ["emotion"] * 2, "value": ["sad", "sad"]}
    )
    found = score(
        ["sad", "angry"], ["angry", "sad"], votes=table, rule="majority", replicates=0,
        listeners=False,
    )  # fmt: skip
    own = found.estimates.filter(metric="accuracy", quantity="score", reference="majority")
    assert own["value"].to_list() == [0.5]
    with pytest.raises(InputError, match="must be a table"):
        score(None, ["sad"], votes=table)
