"""People as systems against plain counting: every vote left out, every half, groups and gaps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import f1_score

from equivoice.annotators import STRATA, is_human
from equivoice.errors import ConfigError, LabelError, VotesError
from equivoice.evaluation.listeners import listener_estimates
from equivoice.evaluation.scores import Scores
from equivoice.records import ESTIMATES, Label, LabelSpace
from oracles import crowds
from oracles.panels import (
    LABELS,
    NOBODY,
    SPACE,
    Cells,
    Heard,
    accuracy,
    added,
    f1,
    left_out,
    macro_f1_of_sets,
    mean_over_labels,
    one_listener,
    random_panel,
    recall,
    sets_of_left_out,
    the_plurality,
    utterances_of,
    votes_of,
)

LISTENER, PLURALITY = "one listener", "the crowd's plurality"
LEFT_OUT, HALF = "one listener, left out", "half the crowd"
PANEL = random_panel(speakers=12, each=5, votes=(1, 7), seed=11)
GROUPS = (None, "female", "male")


def people(panel: Sequence[Heard] = PANEL, votes: pl.DataFrame | None = None, **how: Any) -> Scores:
    table = votes_of(panel) if votes is None else votes
    options: dict[str, Any] = {"replicates": 0, "group_by": ("gender",), **how}
    return listener_estimates(table, utterances_of(panel), SPACE, **options)


def rows(found: Scores, **where: object) -> list[dict[str, Any]]:
    table = found.estimates
    for name, value in where.items():
        table = table.filter(pl.col(name).eq_missing(pl.lit(value)))
    return table.to_dicts()


def row(found: Scores, system: str, metric: str, **where: object) -> Mapping[str, Any]:
    group = where.pop("group", None)
    wanted: dict[str, object] = {"quantity": "score", "group_by": None, "groups": None}
    if group is not None:
        wanted = {"quantity": "group_score", "group_by": "gender", "groups": group}
    wanted |= {"class": None, **where}
    (only,) = rows(found, system=system, metric=metric, **wanted)
    return only


def of_group(group: str | None, panel: Sequence[Heard] = PANEL) -> list[Heard]:
    return [each for each in panel if group in (None, each.gender)]


def assert_scores(found: Scores, system: str, cells: Cells, group: str | None) -> None:
    """Accuracy, recall, unweighted accuracy, F1 and macro-F1 are those of a table of fractions."""
    expected = {
        "accuracy": accuracy(cells),
        "unweighted_accuracy": mean_over_labels(cells, recall),
        "macro_f1": mean_over_labels(cells, f1),
    }
    for metric, value in expected.items():
        assert row(found, system, metric, group=group)["value"] == pytest.approx(value), metric
    for label in LABELS:
        of_class = {"class": label, "group": group}
        assert row(found, system, "recall", **of_class)["value"] == pytest.approx(
            recall(cells, label)
        )
        assert row(found, system, "f1", **of_class)["value"] == pytest.approx(f1(cells, label))


# ------------------------------------------------------------------------ against given labels


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    ("system", "counted"), [(LISTENER, one_listener), (PLURALITY, the_plurality)]
)
def test_recognition_of_what_was_intended(
    system: str, counted: Callable[[Heard], Cells], group: str | None
) -> None:
    found = people()
    cells = added(counted(each) for each in of_group(group))
    assert_scores(found, system, cells, group)
    one = row(found, system, "accuracy", group=group)
    assert (one["reference"], one["convention"]) == ("given", "equivoice")
    assert one["n"] == len(of_group(group))
    assert one["left_out"] is None


def test_the_confusion_is_the_share_of_votes() -> None:
    found = people()
    cells = added(one_listener(each) for each in PANEL)
    for truth in LABELS:
        own = sum(cells.get((truth, answer), Fraction(0)) for answer in LABELS)
        for answer in LABELS:
            share = row(
                found, LISTENER, "confusion", quantity="confusion", predicted_class=answer,
                **{"class": truth},
            )  # fmt: skip
            assert share["value"] == pytest.approx(float(cells.get((truth, answer), 0) / own))
            assert share["n"] == round(cells.get((truth, answer), 0))


def test_a_gap_of_people_is_the_difference_of_their_scores_and_only_three_metrics_have_one() -> (
    None
):
    found = people(replicates=100, permutations=99)
    gaps = rows(found, quantity="pair_gap", system=LISTENER)
    assert {each["metric"] for each in gaps} == {"accuracy", "unweighted_accuracy", "macro_f1"}
    for gap in gaps:
        female, male = (
            row(found, LISTENER, gap["metric"], group=each)["value"] for each in ("female", "male")
        )
        assert gap["value"] == pytest.approx(female - male)
        assert gap["low"] < gap["value"] < gap["high"]
        assert 0 < gap["p_value"] <= 1
    unsigned = rows(found, quantity="gap", system=LISTENER, group_aggregator="max")
    assert len(unsigned) == 3
    assert all(each["value"] >= 0 for each in unsigned)


def test_intervals_are_over_speakers_and_shrink_to_nothing_without_replicates() -> None:
    drawn = row(people(replicates=100), LISTENER, "accuracy")
    assert drawn["low"] < drawn["value"] < drawn["high"]
    assert (drawn["unit"], drawn["clusters"], drawn["level"]) == ("speaker", 12, 0.95)
    plain = row(people(), LISTENER, "accuracy")
    assert plain["low"] is None
    assert plain["undefined"].startswith("interval: not asked for")


def test_utterances_without_votes_or_without_a_label_are_counted() -> None:
    panel = [
        *PANEL,
        Heard("unheard", "s1", "female", "sad", ()),
        Heard("unlabelled", "s2", "male", None, ("sad", "sad")),
    ]
    found = people(panel)
    one = row(found, LISTENER, "accuracy")
    assert one["n"] == len(PANEL)
    assert json.loads(one["left_out"]) == {
        "utterance without vote": 1,
        "reference without label": 1,
    }
    assert one["value"] == pytest.approx(accuracy(added(one_listener(each) for each in PANEL)))


def test_synonyms_are_labels_and_strange_labels_are_refused() -> None:
    changed = [
        Heard(
            e.name, e.speaker, e.gender, "Anger" if e.emotion == "angry" else e.emotion, e.answers
        )
        for e in PANEL
    ]
    assert row(people(changed), LISTENER, "macro_f1") == row(people(), LISTENER, "macro_f1")
    strange = [*PANEL, Heard("x", "s1", "female", "bored", ("sad", "sad"))]
    with pytest.raises(LabelError, match="not in label space"):
        people(strange)


@pytest.mark.parametrize("how", ["not asked for", "no labels"])
def test_people_are_not_held_against_labels_that_are_not_there_or_not_wanted(how: str) -> None:
    if how == "no labels":
        found = people([Heard(e.name, e.speaker, e.gender, None, e.answers) for e in PANEL])
    else:
        found = people(against_given=False)
    assert set(found.estimates["system"]) == {LEFT_OUT, HALF}
    assert "given" not in set(found.estimates["reference"])
    assert row(found, LEFT_OUT, "accuracy")["value"] == row(people(), LEFT_OUT, "accuracy")["value"]


# ------------------------------------------------------------------------ one listener left out


@pytest.mark.parametrize("rule", ["majority", "plurality"])
@pytest.mark.parametrize("group", GROUPS)
def test_a_left_out_listener_vote_by_vote(rule: str, group: str | None) -> None:
    found = people(rule=rule)
    tables = [left_out(each, rule) for each in of_group(group)]
    assert_scores(found, LEFT_OUT, added(table for table, _ in tables), group)
    one = row(found, LEFT_OUT, "accuracy", group=group)
    assert one["reference"] == "other listeners"
    assert one["n"] == sum(bool(table) for table, _ in tables)


def test_listeners_whose_others_give_no_label_are_counted() -> None:
    lost = sum(left_out(each, "plurality")[1] for each in PANEL)
    said = json.loads(row(people(), LEFT_OUT, "accuracy")["left_out"])
    reason = "the other listeners give no label (expected number, within n)"
    assert said == {reason: round(lost)}
    assert round(lost) > 1


@pytest.mark.parametrize("rule", ["majority", "plurality"])
def test_annotator_aware_scores_of_a_left_out_listener(rule: str) -> None:
    found = people(rule=rule)
    for group in GROUPS:
        cells = added(left_out(each, rule, credited=True)[0] for each in of_group(group))
        for metric, value in (
            ("annotator_aware_accuracy", accuracy(cells)),
            ("annotator_aware_macro_f1", mean_over_labels(cells, f1)),
        ):
            one = row(found, LEFT_OUT, metric, group=group)
            assert one["value"] == pytest.approx(value)
            assert (one["reference"], one["convention"]) == ("other listeners", "credited")


@pytest.mark.parametrize(("rule", "right"), [("plurality", 2 / 5), ("majority", 2 / 2)])
def test_an_answer_that_nobody_shares_is_held_against_the_rules_label(
    rule: str, right: float
) -> None:
    space = LabelSpace("four", tuple(Label(name) for name in ("angry", "bored", "calm", "sad")))
    panel = [Heard("a", "s1", "female", None, ("angry", "bored", "bored", "calm", "sad"))]
    found = listener_estimates(
        votes_of(panel), utterances_of(panel), space, rule=rule, replicates=0
    )
    # without angry, the others say bored in two of four votes: a plurality and no majority
    one = row(found, LEFT_OUT, "annotator_aware_accuracy")
    assert one["value"] == pytest.approx(right)


def test_votes_for_none_of_the_labels_are_wrong_answers_where_they_count() -> None:
    panel = random_panel(others=0.3, votes=(2, 6), seed=3)
    found = people(panel, other="count")
    cells = added(one_listener(each) for each in panel)
    assert any(answer == NOBODY for _, answer in cells)
    assert row(found, LISTENER, "accuracy")["value"] == pytest.approx(accuracy(cells))
    answered = {cell: weight for cell, weight in cells.items() if cell[1] != NOBODY}
    dropped = people(panel, other="count", unparsed="drop")
    one = row(dropped, LISTENER, "accuracy")
    assert one["value"] == pytest.approx(accuracy(answered))
    assert one["convention"] == "equivoice, unparsed=drop"
    ignored = added(
        one_listener(Heard(e.name, e.speaker, e.gender, e.emotion, named))
        for e in panel
        if (named := tuple(answer for answer in e.answers if answer != NOBODY))
    )
    assert row(people(panel), LISTENER, "accuracy")["value"] == pytest.approx(accuracy(ignored))


# ------------------------------------------------------------------------ sets and distributions


@pytest.mark.parametrize(
    ("threshold", "above"),
    [("1/C", Fraction(1, 3)), ("0.5", Fraction(1, 2)), ("1/(C-1)", Fraction(1, 2))],
)
def test_label_sets_of_a_left_out_listener(threshold: str, above: Fraction) -> None:
    found = people()
    for group in GROUPS:
        sets = sets_of_left_out(of_group(group), above)
        at = {"reference": f"votes > {threshold}", "group": group}
        one = row(found, LEFT_OUT, "multilabel_macro_f1", **at)
        assert one["value"] == pytest.approx(macro_f1_of_sets(sets))
        several = [each for each in of_group(group) if len(each.answers) > 1]
        assert one["n"] == len(several)
        exact = sum(weight for weight, held, own in sets if held == own)
        assert row(found, LEFT_OUT, "exact_match", **at)["value"] == pytest.approx(
            float(exact / len(several))
        )


def test_any_vote_scores_of_a_left_out_listener() -> None:
    found = people()
    sets = sets_of_left_out(PANEL, None)
    one = row(found, LEFT_OUT, "any_vote_macro_f1")
    assert one["value"] == pytest.approx(macro_f1_of_sets(sets))
    assert (one["reference"], one["convention"]) == ("other listeners", "multilabel")
    both = sum(weight * len(held & own) for weight, held, own in sets)
    sizes = sum(weight * (len(held) + len(own)) for weight, held, own in sets)
    micro = row(found, LEFT_OUT, "any_vote_micro_f1")["value"]
    assert micro == pytest.approx(float(2 * both / sizes))
    alone = sum(len(each.answers) == 1 for each in PANEL)
    reason = "utterance with one vote (nobody to compare with)"
    assert json.loads(one["left_out"]) == {reason: alone}


def shares(answers: Sequence[str]) -> list[float]:
    return [answers.count(label) / len(answers) for label in LABELS]


def test_distances_of_a_left_out_listener_from_the_others_votes() -> None:
    distances, variations, briers = [], [], []
    for each in PANEL:
        own: list[tuple[float, float, float]] = []
        for place, answer in enumerate(each.answers):
            others = each.answers[:place] + each.answers[place + 1 :]
            if others:
                p, q = np.array(shares(others)), np.array(shares([answer]))
                apart = float(np.nan_to_num(jensenshannon(p, q))) ** 2
                own.append((apart, np.abs(p - q).sum() / 2, ((p - q) ** 2).sum()))
        if own:
            for values, mean in zip(
                (distances, variations, briers), np.mean(own, axis=0), strict=True
            ):
                values.append(mean)
    found = people()
    for metric, values in (
        ("jsd", distances),
        ("total_variation", variations),
        ("soft_brier", briers),
    ):
        one = row(found, LEFT_OUT, metric)
        assert one["value"] == pytest.approx(np.mean(values))
        assert one["reference"] == "other listeners"


def test_the_divergence_of_one_answer_from_many_has_no_bound_and_says_so() -> None:
    one = row(people(), LEFT_OUT, "kld")
    assert one["value"] is None
    assert one["undefined"].startswith("a label that people chose had probability 0")


def test_smoothing_moves_the_votes_and_no_decision() -> None:
    plain, smooth = people(), people(smoothing=0.05)
    assert row(plain, LEFT_OUT, "jsd")["value"] != row(smooth, LEFT_OUT, "jsd")["value"]
    of_sets = {"reference": "votes > 1/C"}
    name = "multilabel_macro_f1"
    assert row(plain, LEFT_OUT, name, **of_sets) == row(smooth, LEFT_OUT, name, **of_sets)


def test_where_other_votes_count_shares_are_no_distribution_over_the_labels() -> None:
    found = people(random_panel(others=0.3, votes=(2, 6), seed=3), other="count")
    assert not rows(found, metric="jsd")
    assert rows(found, metric="multilabel_macro_f1", system=HALF)
    assert any("distribution" in note for note in found.notes)


def test_sets_and_distances_have_gaps_with_intervals_and_no_tests() -> None:
    found = people(replicates=100, permutations=99)
    for metric in ("multilabel_macro_f1", "jsd", "any_vote_macro_f1"):
        gaps = rows(found, quantity="pair_gap", metric=metric, system=LEFT_OUT)
        assert gaps
        for gap in gaps:
            assert gap["low"] < gap["value"] < gap["high"]
            assert gap["p_value"] is None


# ------------------------------------------------------------------------ half the crowd


def half_tables(panel: Sequence[Heard]) -> Cells:
    found: Cells = {}
    for each in panel:
        answers = [LABELS.index(answer) for answer in each.answers]
        for (reference, answer), weight in crowds.half_table(answers, "plurality")[0].items():
            cell = (LABELS[reference], LABELS[answer])
            found[cell] = found.get(cell, Fraction(0)) + weight
    return found


def test_half_the_crowd_is_near_the_mean_over_all_halves() -> None:
    found = people()
    for group in GROUPS:
        exact = accuracy(half_tables(of_group(group)))
        one = row(found, HALF, "accuracy", group=group)
        assert one["value"] == pytest.approx(exact, abs=0.03)
        assert one["reference"] == "the other half"
    alone = sum(len(each.answers) == 1 for each in PANEL)
    assert row(found, HALF, "jsd")["n"] == len(PANEL) - alone


def test_halves_that_always_agree_score_everything() -> None:
    panel = [
        Heard(e.name, e.speaker, e.gender, e.emotion, (str(e.emotion),) * (2 + k % 4))
        for k, e in enumerate(PANEL)
    ]
    found = people(panel)
    for system in (LISTENER, PLURALITY, LEFT_OUT, HALF):
        assert row(found, system, "macro_f1")["value"] == 1.0
    assert row(found, HALF, "jsd")["value"] == 0.0
    assert row(found, LEFT_OUT, "multilabel_macro_f1", reference="votes > 0.5")["value"] == 1.0
    assert row(found, HALF, "kld")["value"] == 0.0


def test_two_listeners_who_always_differ_score_nothing_against_each_other() -> None:
    panel = [Heard(e.name, e.speaker, e.gender, e.emotion, ("sad", "calm")) for e in PANEL]
    found = people(panel)
    assert row(found, HALF, "accuracy")["value"] == 0.0
    assert row(found, LEFT_OUT, "accuracy")["value"] == 0.0
    assert row(found, HALF, "jsd")["value"] == pytest.approx(np.log(2))


# ------------------------------------------------------------------------ expected scores


def simulated(panel: Sequence[Heard], draws: int) -> np.ndarray:
    """Macro-F1 of listeners drawn one an utterance, by scikit-learn."""
    rng = np.random.default_rng(8)
    truth = [str(each.emotion) for each in panel]
    scores = []
    for _ in range(draws):
        said = [each.answers[rng.integers(len(each.answers))] for each in panel]
        scores.append(f1_score(truth, said, labels=LABELS, average="macro", zero_division=0.0))
    return np.array(scores)


def stated_error(one: Mapping[str, Any]) -> float:
    begin = "interval: mean of 100 simulations, Monte-Carlo error "
    assert one["undefined"].startswith(begin)
    return float(one["undefined"].removeprefix(begin))


def test_the_expected_score_of_sampled_listeners_stands_beside_that_of_the_expected_table() -> None:
    found = people()
    one = row(found, LISTENER, "expected_macro_f1")
    error = stated_error(one)
    scores = simulated(PANEL, 400)
    assert error == pytest.approx(scores.std() / 10, rel=0.3)
    assert abs(one["value"] - scores.mean()) < 4 * np.hypot(error, scores.std() / 20)
    assert one["low"] is one["high"] is None
    table = row(found, LISTENER, "macro_f1")["value"]
    assert table == pytest.approx(mean_over_labels(added(map(one_listener, PANEL)), f1))
    assert one["value"] != table


def test_the_expected_score_of_few_utterances_is_that_of_all_ways_to_answer() -> None:
    panel = [
        Heard("a", "s1", "female", "sad", ("sad", "sad", "calm")),
        Heard("b", "s1", "female", "calm", ("calm", "sad")),
        Heard("c", "s2", "male", "angry", ("angry", "angry", "angry", "calm")),
    ]
    tables = []
    for each in panel:
        cells = one_listener(each).items()
        tables.append({(LABELS.index(t), LABELS.index(a)): w for (t, a), w in cells})
    exact = sum(
        float(likely) * f1_score(truth, said, labels=[0, 1, 2], average="macro", zero_division=0.0)
        for likely, truth, said in crowds.outcomes(tables)
    )
    found = people(panel)
    one = row(found, LISTENER, "expected_macro_f1")
    assert abs(one["value"] - exact) < 4 * stated_error(one)
    expected_table = row(found, LISTENER, "macro_f1")["value"]
    assert abs(expected_table - exact) > 0.01


def test_left_out_listeners_and_halves_have_an_expected_score_too() -> None:
    found = people()
    for system in (PLURALITY, LEFT_OUT, HALF):
        one = row(found, system, "expected_macro_f1")
        assert "Monte-Carlo error" in one["undefined"]
        assert one["value"] == pytest.approx(row(found, system, "macro_f1")["value"], abs=0.05)


# ------------------------------------------------------------------------ strata


def test_scores_by_how_far_listeners_agree() -> None:
    panel = [each for each in PANEL if len(each.answers) > 2]
    found = people(panel)
    own = rows(found, group_by="agreement", system=LISTENER, metric="accuracy")
    for each in own:
        stratum = [heard for heard in panel if crowds_stratum(heard) == each["groups"]]
        assert each["value"] == pytest.approx(accuracy(added(map(one_listener, stratum))))
        assert each["n"] == len(stratum)
    assert [each["groups"] for each in own] == [
        name for name in STRATA if name in {crowds_stratum(each) for each in panel}
    ]
    strata = found.estimates.filter(pl.col("group_by") == "agreement")
    assert set(strata["quantity"]) == {"group_score"}
    assert strata["class"].null_count() == strata.height


def crowds_stratum(each: Heard) -> str:
    (_, many), *rest = Counter(each.answers).most_common()
    share = Fraction(many, len(each.answers))
    if share == 1:
        return "all agree"
    if share >= Fraction(2, 3):
        return "two thirds or more"
    if share > Fraction(1, 2):
        return "more than half"
    return "a tie" if rest and rest[0][1] == many else "a plurality"


# ------------------------------------------------------------------------ channels, corpora, options


def both_channels() -> tuple[pl.DataFrame, list[Heard]]:
    seen = [
        Heard(each.name, each.speaker, each.gender, each.emotion, other.answers)
        for each, other in zip(
            PANEL, random_panel(speakers=12, each=5, votes=(1, 7), seed=12), strict=True
        )
    ]
    return pl.concat([votes_of(seen, "face"), votes_of(PANEL, "voice")]), seen


def test_every_channel_has_its_own_people_and_one_of_them_has_all_scores() -> None:
    votes, seen = both_channels()
    found = people(votes=votes)
    for channel, panel in (("voice", PANEL), ("face", seen)):
        cells = added(map(one_listener, panel))
        name = f"{LISTENER} ({channel})"
        assert row(found, name, "accuracy")["value"] == pytest.approx(accuracy(cells))
    assert rows(found, system=f"{HALF} (voice)")
    assert not rows(found, system=f"{HALF} (face)")
    assert not rows(found, system=f"{LEFT_OUT} (face)", metric="annotator_aware_macro_f1")
    other = people(votes=votes, full="face")
    assert rows(other, system=f"{HALF} (face)")
    assert not rows(other, system=f"{HALF} (voice)")
    assert rows(other, system=f"{LISTENER} (voice)")


def test_one_channel_alone() -> None:
    votes, _ = both_channels()
    found = people(votes=votes, channel="face")
    assert {name.rsplit(" ", 1)[1] for name in found.estimates["system"]} == {"(face)"}
    assert rows(found, system=f"{HALF} (face)")
    with pytest.raises(VotesError, match="channel"):
        people(votes=votes, channel="both")
    with pytest.raises(ConfigError, match="no votes in this channel"):
        people(votes=votes, full="both")


def test_each_corpus_has_people_of_its_own() -> None:
    second = [
        Heard(f"x{e.name}", e.speaker, e.gender, e.emotion, e.answers, "second")
        for e in random_panel(seed=2)
    ]
    found = people([*PANEL, *second])
    for name, panel in (("demo", PANEL), ("second", second)):
        value = row(found, LISTENER, "accuracy", corpus=name)["value"]
        assert value == pytest.approx(accuracy(added(map(one_listener, panel))))


def test_votes_that_could_not_be_counted_are_said() -> None:
    votes = pl.concat([votes_of(PANEL), votes_of([Heard("else", "s", None, None, ("sad",))])])
    assert people(votes=votes).left_out == {"votes: vote for an unknown utterance": 1}
    assert people().left_out == {}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (None, "is the plurality of their votes."),
        ("majority", "is the majority of their votes."),
        ("all_inclusive", "(all_inclusive does not elect by counts alone)"),
        ("dawid_skene", "(dawid_skene does not elect by counts alone)"),
    ],
)
def test_notes_say_which_label_others_have_and_what_intervals_do_not_hold(
    rule: str | None, said: str
) -> None:
    notes = people(rule=rule).notes
    assert any(said in note for note in notes)
    assert any("do not contain the sampling of listeners" in note for note in notes)
    assert any("Monte-Carlo" in note for note in notes)


def test_rows_are_of_people_and_follow_the_schema() -> None:
    found = people(replicates=50, permutations=20)
    ESTIMATES.validate(found.estimates)
    assert all(map(is_human, found.estimates["system"]))
    assert found.estimates["reference"].null_count() == 0
    assert found.estimates["convention"].null_count() == 0


def test_models_are_no_listeners_where_people_voted() -> None:
    models = votes_of(random_panel(speakers=12, each=5, seed=99)).with_columns(kind=pl.lit("model"))
    votes = pl.concat([votes_of(PANEL).with_columns(kind=pl.lit("person")), models])
    found = people(votes=votes)
    assert row(found, LISTENER, "accuracy")["value"] == row(people(), LISTENER, "accuracy")["value"]
    assert any("votes of models" in note for note in found.notes)
    assert not any("votes of models" in note for note in people().notes)


def test_no_votes_on_emotions_give_no_people_and_no_notes() -> None:
    found = people(votes=votes_of(PANEL).with_columns(question=pl.lit("level"), value=None))
    assert found.estimates.is_empty()
    assert found.notes == ()


def test_one_vote_an_utterance_leaves_nobody_to_compare_with() -> None:
    panel = [Heard(e.name, e.speaker, e.gender, e.emotion, e.answers[:1]) for e in PANEL]
    found = people(panel)
    assert set(found.estimates["system"]) == {LISTENER, PLURALITY}


@pytest.mark.parametrize("convention", ["equivoice", "fairalm_paper", "fairalm_code"])
def test_conventions_are_followed_and_named(convention: str) -> None:
    found = people(convention=convention)
    one = row(found, LISTENER, "accuracy")
    assert one["convention"] == convention
    assert row(found, LISTENER, "accuracy", group="female")["value"] is not None


def test_wrong_options_are_refused_with_their_choices() -> None:
    with pytest.raises(ConfigError, match="unknown rule"):
        people(rule="loudest")
    with pytest.raises(ConfigError, match="unknown convention"):
        people(convention="mine")
    with pytest.raises(ConfigError, match="votes for none of the labels"):
        people(other="forget")


def test_the_seed_decides_and_not_the_order_of_the_work() -> None:
    once, again = (people(replicates=40, permutations=20, seed=5) for _ in range(2))
    assert once.estimates.equals(again.estimates)
    other = people(replicates=40, permutations=20, seed=6)
    assert not once.estimates.equals(other.estimates)


def test_without_speakers_utterances_are_resampled() -> None:
    table = utterances_of(PANEL).drop("speaker")
    found = listener_estimates(votes_of(PANEL), table, SPACE, replicates=50)
    assert set(found.estimates["unit"].drop_nulls()) == {"utterance"}
