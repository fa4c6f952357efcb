"""Score against worst gap: values by plain counting, intervals against scoring, pairs that cancel."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.errors import ConfigError, InputError, LabelError
from equivoice.evaluation.score import score
from equivoice.evaluation.trade_off import TrainedRun, trade_off
from equivoice.records import ESTIMATES
from oracles.trained import CELLS, GROUPS, LABELS, answers, trained_runs, utterances


def compared(runs: list[TrainedRun], reference: pl.DataFrame, **options: Any) -> pl.DataFrame:
    given = {"label_space": LABELS, "replicates": 200, "metric": "accuracy"} | options
    return trade_off(runs, reference, **given)


def one(table: pl.DataFrame, **wanted: Any) -> dict[str, Any]:
    found = rows(table, **wanted)
    assert len(found) == 1, found
    return found[0]


def rows(table: pl.DataFrame, **wanted: Any) -> list[dict[str, Any]]:
    for name, value in wanted.items():
        table = table.filter(pl.col(name).is_null() if value is None else pl.col(name) == value)
    return table.to_dicts()


def share_right(predictions: pl.DataFrame, reference: pl.DataFrame, **where: str) -> float:
    """Accuracy by counting one row after the other."""
    said = dict(predictions.select("utterance_id", "emotion").iter_rows())
    own = [
        row
        for row in reference.iter_rows(named=True)
        if all(row[name] == value for name, value in where.items())
    ]
    return sum(said[row["utterance_id"]] == row["emotion"] for row in own) / len(own)


# ------------------------------------------------------------------------- values


def test_scores_and_gaps_are_those_of_plain_counting() -> None:
    reference = utterances()
    said = answers(reference, right=0.6, gap=0.3, seed=4)
    table = compared([TrainedRun("ERM", said)], reference)
    by_cell = {cell: share_right(said, reference, language=cell) for cell in CELLS}
    overall = one(table, quantity="score", run=None)
    assert overall["value"] == pytest.approx(np.mean(list(by_cell.values())))
    gaps = {}
    for cell in CELLS:
        both = [share_right(said, reference, language=cell, gender=g) for g in GROUPS]
        gaps[cell] = both[0] - both[1]
        signed = one(table, quantity="pair_gap", groups=f"{cell} x female − {cell} x male")
        assert signed["value"] == pytest.approx(gaps[cell])
        for group, value in zip(GROUPS, both, strict=True):
            row = one(table, quantity="group_score", groups=f"{cell} x {group}")
            assert row["value"] == pytest.approx(value)
    sizes = np.abs(list(gaps.values()))
    expected = {"max": sizes.max(), "mean": sizes.mean(), "rms": np.sqrt((sizes**2).mean())}
    for name, value in expected.items():
        assert one(table, quantity="gap", class_aggregator=name)["value"] == pytest.approx(value)
    worst = max(gaps, key=lambda cell: abs(gaps[cell]))
    named = one(table, quantity="gap", class_aggregator="max")["groups"]
    assert named == f"{worst} x female − {worst} x male"


def test_counts_are_of_utterances_and_speakers() -> None:
    reference = utterances(speakers=6, each=4)
    table = compared([TrainedRun("ERM", answers(reference, right=0.6, gap=0.0))], reference)
    overall = one(table, quantity="score", run=None)
    assert (overall["n"], overall["clusters"], overall["unit"]) == (144, 36, "speaker")
    assert overall["group_by"] == "language"
    assert (
        one(table, quantity="gap", class_aggregator="max")["group_by"] == "gender within language"
    )
    women = one(table, quantity="group_score", groups="en x female")
    assert (women["n"], women["clusters"]) == (24, 6)
    ESTIMATES.validate(table)


def test_a_method_is_the_mean_over_its_seeds_of_scores_and_of_worst_gaps() -> None:
    runs, reference = trained_runs(seeds=3)
    runs = [run for run in runs if run.name == "ERM"]
    table = compared(runs, reference)
    scores, worst = [], []
    for run in runs:
        by_cell = [share_right(run.predictions, reference, language=cell) for cell in CELLS]
        scores.append(np.mean(by_cell))
        worst.append(
            max(
                abs(
                    share_right(run.predictions, reference, language=cell, gender="female")
                    - share_right(run.predictions, reference, language=cell, gender="male")
                )
                for cell in CELLS
            )
        )
    score_row = one(table, quantity="score", run=None)
    gap_row = one(table, quantity="gap", run=None, class_aggregator="max")
    assert score_row["value"] == pytest.approx(np.mean(scores))
    assert score_row["sd_runs"] == pytest.approx(np.std(scores, ddof=1))
    assert gap_row["value"] == pytest.approx(np.mean(worst))
    assert gap_row["sd_runs"] == pytest.approx(np.std(worst, ddof=1))
    for seed in range(3):
        single = one(table, quantity="gap", run=str(seed))
        assert single["value"] == pytest.approx(worst[seed])
        assert single["undefined"] == "interval: not given for a single seed"


def test_differences_between_methods_are_those_of_their_values() -> None:
    runs, reference = trained_runs(seeds=2)
    table = compared(runs, reference)
    names = list(dict.fromkeys(run.name for run in runs))
    for first, second in itertools.combinations(names, 2):
        for quantity, column in (("score", {}), ("gap", {"class_aggregator": "max"})):
            values = [
                one(table, quantity=quantity, system=name, run=None, **column)["value"]
                for name in (first, second)
            ]
            grouping = "language" if quantity == "score" else "gender within language"
            row = one(table, quantity="comparison", system=f"{first} − {second}", group_by=grouping)
            assert row["value"] == pytest.approx(values[0] - values[1])


def test_many_methods_are_held_against_the_first() -> None:
    reference = utterances(speakers=5, each=4)
    runs = [
        TrainedRun(name, answers(reference, right=0.5, gap=0.1, seed=at))
        for at, name in enumerate("abcd")
    ]
    systems = {row["system"] for row in rows(compared(runs, reference), quantity="comparison")}
    assert systems == {"a − b", "a − c", "a − d"}


# ---------------------------------------------------------------------- intervals


def test_one_cell_and_one_seed_have_the_intervals_of_ordinary_scoring() -> None:
    reference = utterances(speakers=12).filter(pl.col("language") == "ja")
    said = answers(reference, right=0.6, gap=0.3, seed=2)
    table = compared([TrainedRun("ERM", said)], reference, replicates=4_000)
    known = score(
        said, reference, label_space=LABELS, group_by="gender", replicates=4_000, permutations=20
    ).estimates.filter(metric="accuracy")
    pairs = [
        (one(table, quantity="score"), one(known, quantity="score")),
        (one(table, quantity="pair_gap"), one(known, quantity="pair_gap")),
        (
            one(table, quantity="gap", class_aggregator="max"),
            one(known, quantity="gap", group_aggregator="max"),
        ),
    ]
    for ours, theirs in pairs:
        assert ours["value"] == pytest.approx(theirs["value"])
        assert ours["low"] == pytest.approx(theirs["low"], abs=0.02)
        assert ours["high"] == pytest.approx(theirs["high"], abs=0.02)
    ours, theirs = pairs[2]
    assert ours["noise_floor"] == pytest.approx(theirs["noise_floor"], abs=0.02)


def test_equal_answers_differ_by_nothing_and_have_no_interval() -> None:
    reference = utterances()
    said = answers(reference, right=0.6, gap=0.3)
    table = compared([TrainedRun("a", said), TrainedRun("b", said)], reference)
    for row in rows(table, quantity="comparison"):
        assert row["value"] == 0.0
        assert "all resamples gave the same value" in row["undefined"]


def test_what_is_hard_for_both_cancels_in_the_paired_difference() -> None:
    reference = utterances(speakers=10)
    generator = np.random.default_rng(1)
    hard = {speaker: generator.random() < 0.5 for speaker in reference["speaker"].unique().sort()}
    right = [not hard[speaker] for speaker in reference["speaker"]]
    said = reference.select("utterance_id", "emotion").with_columns(
        emotion=pl.when(pl.Series(right)).then("emotion").otherwise(pl.lit("angry"))
    )
    # the second one errs further on every 16th utterance of each speaker
    worse = said.with_columns(
        emotion=pl.when(pl.int_range(pl.len()) % 16 == 1).then(pl.lit("angry")).otherwise("emotion")
    )
    table = compared([TrainedRun("a", said), TrainedRun("b", worse)], reference)
    alone = one(table, quantity="score", system="a")
    paired = one(table, quantity="comparison", group_by="language")
    assert paired["high"] - paired["low"] < (alone["high"] - alone["low"]) / 4
    assert paired["low"] > 0.0


def test_seeds_that_differ_widen_the_interval() -> None:
    reference = utterances()
    base = answers(reference, right=0.6, gap=0.2, seed=1)
    other = answers(reference, right=0.3, gap=0.2, seed=2)
    alike = compared([TrainedRun("m", base, 0), TrainedRun("m", base, 1)], reference)
    apart = compared([TrainedRun("m", base, 0), TrainedRun("m", other, 1)], reference)
    widths = [
        row["high"] - row["low"]
        for row in (one(each, quantity="score", run=None) for each in (alike, apart))
    ]
    assert widths[1] > 3 * widths[0]
    row = one(apart, quantity="score", run=None)
    assert row["method"].endswith("; normal deviates over seeds, stretched by t")


def test_seeds_are_paired_where_both_methods_have_the_same() -> None:
    reference = utterances()
    levels = (0.3, 0.5, 0.7)
    first = [answers(reference, right=level, gap=0.0, seed=at) for at, level in enumerate(levels)]
    # each seed of the second method is the first's with one language spoilt
    second = [
        said.with_columns(
            emotion=pl.when(pl.col("utterance_id").str.starts_with("tri/en-female-0"))
            .then(pl.lit("angry"))
            .otherwise("emotion")
        )
        for said in first
    ]
    together = [TrainedRun("a", said, at) for at, said in enumerate(first)]
    paired = [*together, *(TrainedRun("b", said, at) for at, said in enumerate(second))]
    loose = [*together, *(TrainedRun("b", said, at + 10) for at, said in enumerate(second))]
    ends = [
        one(compared(runs, reference), quantity="comparison", group_by="language")
        for runs in (paired, loose)
    ]
    assert ends[0]["value"] == pytest.approx(ends[1]["value"])
    assert ends[0]["high"] - ends[0]["low"] < (ends[1]["high"] - ends[1]["low"]) / 5
    assert ends[0]["sd_runs"] is not None
    assert ends[1]["sd_runs"] is None


def _seeds_apart() -> tuple[list[TrainedRun], pl.DataFrame]:
    """Two seeds of two methods: of ``a``, one seed has no gap and one the widest of all."""
    reference = utterances()
    runs = [
        TrainedRun("a", answers(reference, right=0.5, gap=0.0, seed=1), 0),
        TrainedRun("a", answers(reference, right=0.5, gap=1.0, seed=2), 1),
        TrainedRun("b", answers(reference, right=0.9, gap=0.0, seed=3), 0),
        TrainedRun("b", answers(reference, right=0.2, gap=0.0, seed=4), 1),
    ]
    return runs, reference


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_intervals_over_two_seeds_end_where_the_metric_ends(metric: str) -> None:
    """By t with one degree of freedom they would be many times as long as the metric's range."""
    runs, reference = _seeds_apart()
    table = compared(runs, reference, metric=metric)
    gap = one(table, quantity="gap", system="a", run=None, class_aggregator="max")
    error = gap["sd_runs"] / np.sqrt(2)
    assert gap["value"] + 12.7 * error > 3  # what t alone would give
    assert (gap["low"], gap["high"]) == (0.0, 1.0)
    for quantity, least in (("score", 0), ("group_score", 0), ("gap", 0), ("pair_gap", -1)):
        found = [row for row in rows(table, quantity=quantity, run=None) if row["low"] is not None]
        assert found
        assert all(least <= row["low"] <= row["value"] <= row["high"] <= 1 for row in found)
    for row in rows(table, quantity="comparison"):
        assert (row["low"], row["high"]) == (-1.0, 1.0)
        assert row["detectable"] == 1.0  # no difference that there can be would have been seen


def test_intervals_within_the_range_are_not_touched() -> None:
    """What is subtracted lies between minus the range and the range, not between its ends."""
    reference = utterances()
    low = TrainedRun("low", answers(reference, right=0.1, gap=0.0, seed=1))
    high = TrainedRun("high", answers(reference, right=0.9, gap=0.0, seed=2))
    row = one(compared([low, high], reference), quantity="comparison", group_by="language")
    assert row["low"] < row["value"] < row["high"] < -0.7
    assert row["low"] > -0.9


def test_too_few_speakers_are_counted_cell_by_cell() -> None:
    reference = utterances(speakers=3)
    table = compared([TrainedRun("ERM", answers(reference, right=0.6, gap=0.2))], reference)
    gap = one(table, quantity="gap", class_aggregator="max")
    assert gap["low"] is None
    assert "en x female: 3" in gap["undefined"]
    assert "(at least 5 each are needed)" in gap["undefined"]
    # in a cell, women and men together are enough
    assert one(table, quantity="score")["low"] is not None


def test_a_group_that_a_cell_lacks_is_left_out_of_the_gap_and_counted() -> None:
    reference = utterances().filter((pl.col("language") != "de") | (pl.col("gender") == "male"))
    table = compared([TrainedRun("ERM", answers(reference, right=0.6, gap=0.2))], reference)
    lone = one(table, quantity="pair_gap", groups="de x female − de x male")
    assert lone["undefined"] == "nothing of de x female"
    gap = one(table, quantity="gap", class_aggregator="max")
    assert json.loads(gap["left_out"]) == {"undefined cells": 1}
    assert gap["groups"].startswith("ja") or gap["groups"].startswith("en")
    assert not rows(table, quantity="group_score", groups="de x female")


def test_one_group_alone_has_no_gap_and_says_why() -> None:
    reference = utterances().filter(pl.col("gender") == "male")
    table = compared([TrainedRun("ERM", answers(reference, right=0.6, gap=0.2))], reference)
    for name in ("max", "mean", "rms"):
        gap = one(table, quantity="gap", class_aggregator=name)
        assert (gap["value"], gap["undefined"]) == (None, "no cell has two groups")


def test_utterances_of_unknown_group_count_in_the_score_only() -> None:
    reference = utterances()
    unknown = pl.col("speaker").str.ends_with("-0")
    hidden = reference.with_columns(gender=pl.when(unknown).then(None).otherwise("gender"))
    said = answers(reference, right=0.6, gap=0.3)
    whole, part = (compared([TrainedRun("m", said)], each) for each in (reference, hidden))
    assert one(whole, quantity="score")["value"] == one(part, quantity="score")["value"]
    assert one(part, quantity="group_score", groups="en x female")["clusters"] == 7


def test_the_seed_of_the_resampling_decides_all() -> None:
    runs, reference = trained_runs(seeds=2)
    first, again = (compared(runs, reference, seed=3) for _ in range(2))
    assert first.equals(again)
    assert not first.equals(compared(runs, reference, seed=4))


def test_the_order_of_rows_and_of_runs_changes_nothing() -> None:
    runs, reference = trained_runs(seeds=2)
    turned = [
        TrainedRun(run.name, run.predictions.sample(fraction=1.0, shuffle=True, seed=at), run.seed)
        for at, run in enumerate(runs)
    ]
    first = compared(runs, reference)
    assert compared(turned, reference.reverse()).equals(first)
    backwards = compared(turned[::-1], reference)
    for row in rows(first, quantity="gap", run=None):
        same = one(
            backwards,
            quantity="gap",
            run=None,
            system=row["system"],
            class_aggregator=row["class_aggregator"],
        )
        assert same == row


# ------------------------------------------------------------- cells, bad input


def test_modalities_can_be_cells_with_an_answer_each() -> None:
    reference = utterances(speakers=6)
    said = [
        answers(reference, right=right, gap=0.2, seed=at).with_columns(modality=pl.lit(name))
        for at, (name, right) in enumerate((("speech", 0.5), ("speech+transcript", 0.8)))
    ]
    run = TrainedRun("m", pl.concat(said))
    table = compared([run], reference, cell="language x modality")
    cells = [
        row["groups"] for row in rows(table, quantity="group_score", group_by="language x modality")
    ]
    assert "en x speech" in cells
    assert "ja x speech+transcript" in cells
    assert len(cells) == 6
    with pytest.raises(InputError, match="answered an utterance more than once"):
        compared([run], reference)


def test_runs_are_scored_on_what_all_of_them_answered() -> None:
    reference = utterances()
    said = answers(reference, right=0.6, gap=0.2)
    table = compared([TrainedRun("a", said), TrainedRun("b", said.head(700))], reference)
    row = one(table, quantity="score", system="a")
    assert row["n"] == 700
    assert json.loads(row["left_out"]) == {"utterance that not all runs answered": 68}


def test_what_cannot_be_compared_is_refused() -> None:
    reference = utterances(speakers=5, each=4)
    said = answers(reference, right=0.6, gap=0.2)
    with pytest.raises(InputError, match="no run"):
        compared([], reference)
    with pytest.raises(InputError, match="same name and seed: a, seed 0"):
        compared([TrainedRun("a", said), TrainedRun("a", said)], reference)
    with pytest.raises(InputError, match="no utterance in common"):
        compared([TrainedRun("a", said.head(3)), TrainedRun("b", said.tail(3))], reference)
    with pytest.raises(ConfigError, match="no metric with one value"):
        compared([TrainedRun("a", said)], reference, metric="recall")
    with pytest.raises(InputError, match="no such attribute"):
        compared([TrainedRun("a", said)], reference, attribute="accent")
    with pytest.raises(LabelError):
        compared([TrainedRun("a", said.with_columns(emotion=pl.lit("bored")))], reference)


# ------------------------------------------------------------------------ coverage


@pytest.mark.slow
@pytest.mark.parametrize(("gaps", "least"), [((0.3, 0.1), 0.85), ((0.0, 0.0), 0.9)])
def test_intervals_cover_what_was_planted(gaps: tuple[float, float], least: float) -> None:
    """Forty studies of three seeds: speakers and seeds are drawn anew in each."""
    reference = utterances(speakers=8, each=16)
    hits = {"gap": 0, "comparison": 0}
    studies = 40
    for study in range(studies):
        generator = np.random.default_rng(study)
        people = dict(
            zip(
                reference["speaker"].unique().sort(),
                generator.normal(0, 0.05, reference["speaker"].n_unique()),
                strict=True,
            )
        )
        runs = [
            TrainedRun(name, _drawn(reference, people, gap, generator), seed)
            for name, gap in zip("ab", gaps, strict=True)
            for seed in range(3)
        ]
        table = compared(runs, reference, seed=study)
        gap = one(table, quantity="gap", run=None, system="a", class_aggregator="max")
        hits["gap"] += gap["low"] <= gaps[0] <= gap["high"]
        row = one(table, quantity="comparison", group_by="gender within language")
        hits["comparison"] += row["low"] <= gaps[0] - gaps[1] <= row["high"]
    assert {name: count / studies >= least for name, count in hits.items()} == {
        "gap": True,
        "comparison": True,
    }


def _drawn(
    reference: pl.DataFrame, people: dict[str, float], gap: float, generator: np.random.Generator
) -> pl.DataFrame:
    """Answers with a gap in one language, for these speakers."""
    said = []
    for row in reference.iter_rows(named=True):
        shift = gap / 2 if row["language"] == "ja" else 0.0
        chance = 0.6 + people[row["speaker"]] + (shift if row["gender"] == "male" else -shift)
        wrong = "angry" if row["emotion"] != "angry" else "sad"
        said.append(row["emotion"] if generator.random() < chance else wrong)
    return reference.select("utterance_id").with_columns(emotion=pl.Series(said))
