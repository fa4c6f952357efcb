"""One draw of items, judged by a model and by people: votes of one kind, analysed together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.models.scripted_judge import ScriptedJudge
from equivoice.rating.analysis import (
    Uncertainty,
    choice_agreement,
    choice_shares,
    comparison_votes,
    gold_accuracy,
    judge_agreement,
    read_comparisons,
    win_rates,
)
from equivoice.rating.judge import Judging, judge
from equivoice.rating.rubrics import load_rubric
from equivoice.rating.sampling import Sampled, sample_pairs, sample_reasons, shown_texts
from equivoice.store.judging_folder import JudgingFolder

FEW = Uncertainty(replicates=60)
NAMES = [f"demo/{at:02d}" for at in range(20)]
EMOTIONS = [("angry", "sad")[at % 2] for at in range(20)]
UTTERANCES = pl.DataFrame({"utterance_id": NAMES, "transcript": NAMES, "emotion": EMOTIONS})
GOOD, POOR = "The pitch is low.", "It feels so."
PEOPLE = ("ann", "bo", "cy")


def answers(good: int) -> pl.DataFrame:
    """Of ten reasons, so many name the voice."""
    reasons = [f"{GOOD if at % 10 < good else POOR} {at}" for at in range(20)]
    return pl.DataFrame({"utterance_id": NAMES, "emotion": EMOTIONS, "reason": reasons})


def judged(sampled: Sampled, rubric: str, folder: Path) -> pl.DataFrame:
    with JudgingFolder.open(folder) as place:
        asking = Judging(load_rubric(rubric), "transcript")
        return judge(ScriptedJudge(), sampled, UTTERANCES, asking, place)


def people(votes: pl.DataFrame, *, slips: dict[str, int]) -> pl.DataFrame:
    """People who say what the judge says, but for each so-many-th item."""
    other = {"accept": "reject", "reject": "accept", "a": "b", "b": "a", "tie": "tie"}
    parts = []
    for rater, each in slips.items():
        said = [
            other[value] if each and at % each == each - 1 else value
            for at, value in enumerate(votes.get_column("value"))
        ]
        parts.append(
            votes.with_columns(
                rater=pl.lit(rater),
                kind=pl.lit("person"),
                value=pl.Series(said),
                channel=pl.lit("voice"),
            )
        )
    return pl.concat(parts)


def test_the_judge_stands_beside_people_on_the_same_items(tmp_path: Path) -> None:
    sampled = sample_reasons(answers(6), system="ours")
    model = judged(sampled, "acceptance", tmp_path)
    crowd = people(model, slips={"ann": 0, "bo": 10, "cy": 5})
    both = pl.concat([model, crowd])
    found = judge_agreement(both, question="acceptance", choices=["accept", "reject"])
    kappas = dict(found.select("groups", "value").iter_rows())
    assert kappas["scripted-judge"] > kappas["people"]  # it slips never
    shares = choice_shares(crowd, uncertainty=FEW).filter(unit="rater")
    accepted = (crowd.get_column("value") == "accept").mean()
    assert shares.get_column("value")[0] == pytest.approx(accepted)
    assert shares.get_column("clusters")[0] == 3
    alphas = choice_agreement(
        crowd, question="acceptance", choices=["accept", "reject"], uncertainty=FEW
    )
    alpha = alphas.filter(metric="krippendorff_alpha").row(0, named=True)
    assert 0.4 < alpha["value"] < 1.0
    assert alpha["low"] < alpha["value"] < alpha["high"]


def test_acceptance_by_match_adds_up_to_the_whole(tmp_path: Path) -> None:
    reference = UTTERANCES.with_columns(
        emotion=pl.when(pl.int_range(20) < 8).then(pl.lit("sad")).otherwise("emotion")
    )
    sampled = sample_reasons(answers(6), system="ours", reference=reference)
    crowd = people(judged(sampled, "acceptance", tmp_path), slips=dict.fromkeys(PEOPLE, 4))
    found = choice_shares(crowd, groups=sampled.groups, uncertainty=FEW).filter(unit="item")
    whole = found.filter(pl.col("group_by").is_null()).row(0, named=True)
    for column in ("match", "emotion"):
        parts = found.filter(group_by=column)
        assert parts.get_column("n").sum() == whole["n"]
        weighted = (parts["value"] * parts["n"]).sum() / whole["n"]
        assert weighted == pytest.approx(whole["value"])


def test_preferences_of_people_and_judge_are_counted_in_the_same_way(tmp_path: Path) -> None:
    sampled = sample_pairs({"ours": answers(8), "theirs": answers(3)}, order="random")
    model = judged(sampled, "pairwise", tmp_path)
    crowd = people(model, slips={"ann": 0, "bo": 7})
    of_model, of_ann = (
        win_rates(read_comparisons(votes, sampled.items, systems=["ours"]), uncertainty=FEW).filter(
            metric="win_rate", unit="item"
        )
        for votes in (model, crowd.filter(rater="ann"))
    )
    assert of_model.get_column("value").to_list() == of_ann.get_column("value").to_list()
    # ours alone names the voice in half of the pairs; elsewhere both do or neither
    assert of_model.get_column("value")[0] == pytest.approx(0.75)
    read = read_comparisons(pl.concat([model, crowd]), sampled.items, systems=["ours"])
    found = win_rates(read, uncertainty=FEW).filter(metric="win_rate")
    assert found.filter(unit="rater").get_column("clusters")[0] == 3
    assert found.filter(unit="rater x item").get_column("low").null_count() == 0
    alike = judge_agreement(
        comparison_votes(read), question="preference", choices=["ours", "theirs", "tie"]
    )
    assert set(alike.get_column("groups")) == {"people", "scripted-judge"}


def test_gold_items_tell_attentive_raters_and_count_for_nothing_else(tmp_path: Path) -> None:
    sampled = sample_reasons(answers(6), system="ours")
    model = judged(sampled, "acceptance", tmp_path)
    crowd = people(model, slips={"ann": 0, "bo": 2})
    first = model.head(6)
    gold = first.select("item", "question", "value")
    accuracy = gold_accuracy(crowd, gold)
    by_rater = dict(accuracy.drop_nulls("groups").select("groups", "value").iter_rows())
    assert by_rater == {"ann": 1.0, "bo": 0.5}
    rest = choice_shares(crowd, exclude=gold.get_column("item").to_list(), uncertainty=FEW)
    assert rest.get_column("n")[0] == 2 * (20 - 6)


def test_what_people_would_read_is_what_the_judge_read(tmp_path: Path) -> None:
    """The items tell both kinds of raters the same, and neither whose it is."""
    sampled = sample_pairs({"ours": answers(8), "theirs": answers(3)})
    judged(sampled, "pairwise", tmp_path)
    kept = JudgingFolder.read(tmp_path).table("items")
    assert kept.get_column("shown").to_list() == sampled.items.get_column("shown").to_list()
    for shown in kept.get_column("shown"):
        texts = shown_texts(shown)
        assert not {"ours", "theirs"} & set(texts.values())
    rng = np.random.default_rng(0)
    votes = kept.select(
        "item",
        rater=pl.lit("ann"),
        question=pl.lit("preference"),
        value=pl.Series(rng.choice(["a", "b"], kept.height).tolist()),
    )
    found = win_rates(read_comparisons(votes, kept), uncertainty=FEW)
    assert not found.filter(metric="longer_chosen").is_empty()
