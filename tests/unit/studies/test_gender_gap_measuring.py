"""Scores, gaps and changes: held against scikit-learn, fairlearn, ``score`` and plain counting."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.evaluation import score
from equivoice.studies.gender_gap.measuring import CHANGE, measure
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES, SPEECH, Answers, GapSettings
from equivoice.studies.gender_gap.sums import blocks_of
from equivoice.studies.gender_gap.values import AGGREGATORS, MEASURES, SCORES
from oracles.three_languages import (
    EMOTIONS,
    LANGUAGES,
    by_other_packages,
    over_languages,
    random_answers,
)

QUICK = GapSettings(replicates=100, permutations=50)
NUMBERS = (*SCORES, *MEASURES)
CLOSE = 1e-12


def uneven(language: str, gender: str, modality: str) -> float:
    """Women are heard worse in German, less so with the transcript."""
    fall = {"de": 0.4, "en": 0.1, "ja": 0.0}[language] if gender == "female" else 0.0
    return 0.8 - (fall / 2 if modality == BOTH else fall)


@pytest.fixture(scope="module")
def answers() -> Answers:
    return random_answers(3, right=uneven)


@pytest.fixture(scope="module")
def rows(answers: Answers) -> list[dict[str, Any]]:
    return measure(answers, QUICK)


def find(rows: Sequence[Mapping[str, Any]], **wanted: Any) -> Mapping[str, Any]:
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def number(rows: Sequence[Mapping[str, Any]], **wanted: Any) -> float:
    return float(find(rows, **wanted)["value"])


def part(answers: Answers, cell: str, modality: str) -> pl.DataFrame:
    return answers.frame.filter((pl.col("cell") == cell) & (pl.col("modality") == modality))


# --------------------------------------------------------------------------------- values


@pytest.mark.parametrize("seed", range(4))
def test_every_language_agrees_with_scikit_learn_and_fairlearn(seed: int) -> None:
    answers = random_answers(seed, right=uneven, shared=bool(seed % 2), unread=0.1 * seed)
    rows = measure(answers, QUICK)
    for cell, modality in itertools.product(LANGUAGES, MODALITIES):
        theirs = by_other_packages(part(answers, cell, modality), EMOTIONS)
        for name in NUMBERS:
            ours = number(rows, cell=cell, modality=modality, metric=name)
            assert ours == pytest.approx(theirs[name], abs=CLOSE), (cell, modality, name)


@pytest.mark.parametrize("seed", range(2))
def test_all_languages_agree_with_the_aggregators_written_out(seed: int) -> None:
    answers = random_answers(seed, right=uneven)
    rows = measure(answers, QUICK)
    for modality in MODALITIES:
        by_cell = [by_other_packages(part(answers, c, modality), EMOTIONS) for c in LANGUAGES]
        for aggregator in AGGREGATORS:
            theirs = over_languages(by_cell, aggregator)
            for name in MEASURES:
                ours = number(
                    rows, cell="all", modality=modality, metric=name, aggregator=aggregator
                )
                assert ours == pytest.approx(theirs[name], abs=CLOSE), (modality, aggregator, name)
        for name in SCORES:
            ours = number(rows, cell="all", modality=modality, metric=name)
            assert ours == pytest.approx(over_languages(by_cell, "mean")[name], abs=CLOSE)


def test_avg_is_the_mean_of_the_four_gaps_in_every_row(rows: list[dict[str, Any]]) -> None:
    averages = [row for row in rows if row["metric"] == "avg_gap"]
    assert len(averages) == 3 * (3 + 3)  # modalities and change; three aggregators, three languages
    for average in averages:
        same = {name: average[name] for name in ("modality", "cell", "aggregator")}
        four = [number(rows, metric=name, **same) for name in MEASURES[:4]]
        assert average["value"] == pytest.approx(sum(four) / 4)


def test_rms_is_between_mean_and_maximum(rows: list[dict[str, Any]]) -> None:
    for modality, name in itertools.product(MODALITIES, MEASURES):
        mean, rms, largest = (
            number(rows, cell="all", modality=modality, metric=name, aggregator=how)
            for how in AGGREGATORS
        )
        assert mean < rms < largest


def test_a_change_is_the_difference_of_the_modalities(rows: list[dict[str, Any]]) -> None:
    changes = [row for row in rows if row["modality"] == CHANGE]
    assert len(changes) == len(rows) / 3
    for row in changes:
        same = {name: row[name] for name in ("cell", "metric", "aggregator")}
        with_, without = (number(rows, modality=m, **same) for m in (BOTH, SPEECH))
        assert row["value"] == pytest.approx(with_ - without, abs=CLOSE)


def test_gaps_and_intervals_are_those_of_score(answers: Answers) -> None:
    """The verb ``score`` on one language in one modality: same values, intervals but for draws."""
    settings = GapSettings(replicates=2_000, permutations=400)
    rows = measure(answers, settings)
    own = part(answers, "de", SPEECH)
    said = own.select("utterance_id", emotion="predicted")
    truth = own.select("utterance_id", "speaker", "corpus", gender="group", emotion="reference")
    scored = score(
        said,
        truth,
        label_space=answers.labels,
        group_by="gender",
        replicates=2_000,
        permutations=400,
        seed=5,
    ).estimates
    for name in NUMBERS:
        quantity = "gap" if name in MEASURES else "score"
        wanted = scored.filter(
            (pl.col("metric") == name)
            & (pl.col("quantity") == quantity)
            & (pl.col("group_aggregator").is_null() | (pl.col("group_aggregator") == "mean"))
            & (pl.col("class_aggregator").is_null() | (pl.col("class_aggregator") == "mean"))
        )
        theirs = wanted.row(0, named=True)
        ours = find(rows, cell="de", modality=SPEECH, metric=name)
        assert ours["value"] == pytest.approx(theirs["value"], abs=CLOSE)
        assert ours["low"] == pytest.approx(theirs["low"], abs=0.02)
        assert ours["high"] == pytest.approx(theirs["high"], abs=0.02)
        assert ours["n"] == theirs["n"]
        assert ours["clusters"] == theirs["clusters"]
        if quantity == "gap":
            assert ours["noise_floor"] == pytest.approx(theirs["noise_floor"], rel=0.1)
            assert ours["p_value"] == pytest.approx(theirs["p_value"], abs=0.05)


def test_an_answer_without_a_label_is_wrong() -> None:
    answers = random_answers(0, right=lambda *_: 1.0, unread=0.0)
    frame = answers.frame
    lost = frame.with_columns(
        predicted=pl.when(pl.col("group") == "female").then(None).otherwise(pl.col("predicted"))
    )
    rows = measure(replace(answers, frame=lost), QUICK)
    for name in ("tpr_gap", "w_f1_gap", "acc_gap"):
        assert number(rows, cell="en", modality=SPEECH, metric=name) == pytest.approx(1.0)
    assert number(rows, cell="en", modality=SPEECH, metric="fpr_gap") == 0.0
    assert number(rows, cell="en", modality=SPEECH, metric="avg_gap") == pytest.approx(0.75)


def test_three_groups_are_compared_pair_by_pair() -> None:
    """The gap of several groups is the mean over pairs, as in FairALM's Eq. 4."""
    share = {"female": 1.0, "male": 0.5, "nonbinary": 0.0}
    answers = random_answers(
        1, genders=tuple(share), each=4, right=lambda _, g, __: share[g], unread=0.0
    )
    frame = answers.frame
    accuracy = [
        float((own["reference"] == own["predicted"]).mean())
        for _, own in part(answers, "de", SPEECH).sort("group").group_by("group")
    ]
    expected = np.mean([abs(a - b) for a, b in itertools.combinations(accuracy, 2)])
    rows = measure(answers, QUICK)
    assert number(rows, cell="de", modality=SPEECH, metric="acc_gap") == pytest.approx(expected)
    assert frame["group"].n_unique() == 3


def test_one_language_has_nothing_to_combine() -> None:
    rows = measure(random_answers(0, languages=("en",)), QUICK)
    assert {row["cell"] for row in rows} == {"en"}
    assert {row["aggregator"] for row in rows} == {None}


def test_one_modality_has_no_change() -> None:
    rows = measure(random_answers(0, modalities=(SPEECH,)), QUICK)
    assert {row["modality"] for row in rows} == {SPEECH}


# --------------------------------------------------------------------------- intervals and tests


def test_counts_are_of_answers_and_of_speakers(rows: list[dict[str, Any]]) -> None:
    assert find(rows, cell="de", modality=SPEECH, metric="accuracy")["n"] == 12 * 8
    assert find(rows, cell="de", modality=SPEECH, metric="accuracy")["clusters"] == 12
    whole = find(rows, cell="all", modality=BOTH, metric="avg_gap", aggregator="max")
    assert (whole["n"], whole["clusters"], whole["unit"]) == (36 * 8, 36, "speaker")


def test_a_speaker_of_three_languages_is_one_cluster() -> None:
    rows = measure(random_answers(0, shared=True), QUICK)
    whole = find(rows, cell="all", modality=SPEECH, metric="avg_gap", aggregator="mean")
    assert whole["clusters"] == 12


def test_intervals_hold_the_value_and_a_gap_that_is_there_is_told(
    rows: list[dict[str, Any]],
) -> None:
    for row in rows:
        if row["metric"] in SCORES:
            assert row["low"] < row["value"] < row["high"]
            assert 0 <= row["low"] or row["modality"] == CHANGE
    planted = find(rows, cell="de", modality=SPEECH, metric="acc_gap")
    assert planted["low"] > 0.1
    assert planted["p_value"] == pytest.approx(1 / 51)
    none = find(rows, cell="ja", modality=SPEECH, metric="acc_gap")
    assert none["low"] == 0.0
    assert none["p_value"] > 0.05


def test_methods_are_named(rows: list[dict[str, Any]]) -> None:
    method = {(row["modality"] == CHANGE, row["metric"] in MEASURES): row["method"] for row in rows}
    assert method == {
        (False, False): "cluster bootstrap, expanded percentile",
        (False, True): "cluster bootstrap, test inversion",
        (True, False): "paired cluster bootstrap, expanded percentile",
        (True, True): "paired cluster bootstrap, test inversion",
    }


def test_the_transcript_that_takes_a_gap_away_is_told() -> None:
    def right(_: str, gender: str, modality: str) -> float:
        return 0.3 if gender == "female" and modality == SPEECH else 0.8

    rows = measure(random_answers(2, right=right, speakers=10), QUICK)
    change = find(rows, cell="all", modality=CHANGE, metric="acc_gap", aggregator="mean")
    assert change["high"] < -0.3
    assert change["p_value"] == pytest.approx(1 / 51)
    score_ = find(rows, cell="all", modality=CHANGE, metric="accuracy")
    assert score_["low"] > 0.1


def test_a_transcript_that_changes_nothing_has_p_1_and_no_interval() -> None:
    answers = random_answers(4, modalities=(SPEECH,))
    both = answers.frame.with_columns(modality=pl.lit(BOTH))
    rows = measure(replace(answers, frame=pl.concat([answers.frame, both])), QUICK)
    for row in (each for each in rows if each["modality"] == CHANGE):
        assert row["value"] == 0.0
        assert row["p_value"] == 1.0
        assert row["low"] is None
        assert "all resamples gave the same value" in row["undefined"]


def test_few_speakers_have_values_and_no_intervals() -> None:
    rows = measure(random_answers(0, speakers=3), QUICK)
    for row in rows:
        if row["metric"] in MEASURES:
            assert row["low"] is None
            assert row["value"] is not None
            assert "too few speakers" in row["undefined"]
    german = find(rows, cell="de", modality=SPEECH, metric="avg_gap")
    assert german["undefined"] == (
        "interval: too few speakers: female: 3, male: 3 (at least 5 each are needed)"
    )
    # 3 against 3 speakers have 20 arrangements, of which two are the same partition
    assert german["p_floor"] == pytest.approx(0.1)
    change = find(rows, cell="de", modality=CHANGE, metric="avg_gap")
    assert change["p_floor"] == pytest.approx(1 / 51)  # all 18 speakers can swap


def test_the_language_with_too_few_speakers_is_named() -> None:
    answers = random_answers(0)
    few = answers.frame.filter(
        ~((pl.col("cell") == "ja") & pl.col("speaker").str.contains("-f[3-9]"))
    )
    rows = measure(replace(answers, frame=few), QUICK)
    assert find(rows, cell="de", modality=SPEECH, metric="avg_gap")["low"] is not None
    whole = find(rows, cell="all", modality=SPEECH, metric="avg_gap", aggregator="rms")
    assert "ja female: 3 (at least 5 each are needed)" in whole["undefined"]
    assert find(rows, cell="all", modality=SPEECH, metric="accuracy")["low"] is not None


def test_a_language_without_one_group_leaves_its_gap_undefined() -> None:
    answers = random_answers(0)
    men = answers.frame.filter(~((pl.col("cell") == "ja") & (pl.col("group") == "female")))
    rows = measure(replace(answers, frame=men), QUICK)
    missing = find(rows, cell="ja", modality=SPEECH, metric="acc_gap")
    assert missing["value"] is None
    assert missing["p_value"] is None
    assert missing["undefined"]
    assert number(rows, cell="ja", modality=SPEECH, metric="accuracy") > 0


def test_equal_seeds_give_equal_rows(answers: Answers, rows: list[dict[str, Any]]) -> None:
    assert measure(answers, QUICK) == rows
    assert measure(answers, replace(QUICK, seed=1)) != rows


def test_the_order_of_the_answers_does_not_matter(
    answers: Answers, rows: list[dict[str, Any]]
) -> None:
    shuffled = replace(answers, frame=answers.frame.sample(fraction=1.0, shuffle=True, seed=1))
    again = measure(shuffled, QUICK)
    for one, other in zip(rows, again, strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=CLOSE)
        assert one["low"] == pytest.approx(other["low"], abs=1e-9)
        assert one["p_value"] == other["p_value"]


# ----------------------------------------------------------------------------------- sums


def test_speakers_are_drawn_within_group_and_language(answers: Answers) -> None:
    blocks = blocks_of(answers)
    for_gaps, for_scores = (blocks.resampled(within_groups=each) for each in (True, False))
    assert [stratum.units for stratum in for_gaps.strata] == [6] * (2 * 3)
    assert [stratum.units for stratum in for_scores.strata] == [12] * 3
    assert blocks.speakers.tolist() == [[6] * 3] * 2


def test_languages_that_share_speakers_are_drawn_from_together() -> None:
    blocks = blocks_of(random_answers(0, shared=True))
    sample = blocks.resampled(within_groups=True)
    assert [stratum.units for stratum in sample.strata] == [6, 6]
    assert all(stratum.groups == (0, 1) for stratum in sample.strata)
    assert [each.units for each in blocks.resampled(within_groups=False).strata] == [12]


def test_resampling_loses_no_answer(answers: Answers) -> None:
    blocks = blocks_of(answers)
    for within_groups in (True, False):
        sample = blocks.resampled(within_groups=within_groups)
        assert np.array_equal(sample.totals(), blocks.by_modality.totals())
    counted = blocks.shaped(blocks.by_modality.totals())
    k = len(EMOTIONS)
    # references a class: two takes of each emotion, six speakers, in every block
    assert (counted[..., k : 2 * k] == 12).all()


def test_the_groups_of_a_modality_hold_its_sums(answers: Answers) -> None:
    blocks = blocks_of(answers)
    for modality in (0, 1):
        by_group = blocks.by_group(modality).totals().reshape(2, 3, blocks.size)
        assert np.array_equal(by_group, blocks.shaped(blocks.by_modality.totals())[modality])
