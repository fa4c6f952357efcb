"""Every kind of number that a run stores, computed again from its stored answers by other means.

The oracles are scikit-learn and plain loops; nothing of the scoring is used.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from equivoice.corpora import Corpus, label_space
from equivoice.corpora.folds import make_folds
from equivoice.evaluation import benchmark
from equivoice.evaluation.answers import answer_shares
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.store import RunFolder

LABELS = ("angry", "happy", "sad")
NONE = "no label"
TEMPERATURES = (0.0, 1.0)
ORDERS = ("given", "shuffled-1", "shuffled-3")
CONDITION = ("system", "prompt", "temperature", "modality")
Score = Callable[[list[str], list[str]], float]


def macro_f1(truth: list[str], said: list[str]) -> float:
    return float(f1_score(truth, said, labels=LABELS, average="macro", zero_division=0))


def unweighted(truth: list[str], said: list[str]) -> float:
    return float(recall_score(truth, said, labels=LABELS, average="macro", zero_division=0))


def accuracy(truth: list[str], said: list[str]) -> float:
    return float(accuracy_score(truth, said))


def coverage(truth: list[str], said: list[str]) -> float:
    return sum(label != NONE for label in said) / len(truth)


METRICS: Mapping[str, Score] = {
    "macro_f1": macro_f1,
    "unweighted_accuracy": unweighted,
    "accuracy": accuracy,
    "coverage": coverage,
}


def corpus() -> Corpus:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "audio": f"/sound/{speaker}-{number}.wav",
            "duration": 1.0 + number % 4,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(12)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    made = Corpus("demo", label_space(LABELS), table)
    return replace(made, folds=make_folds(table, n_folds=3, seed=0))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two temperatures, three label orders, two prompts, three runs, three folds."""
    made = corpus()
    labels = dict(made.utterances.select("utterance_id", "emotion").iter_rows())
    hard = [name for name in labels if int(name.partition("/")[2].partition("-")[0]) % 2]
    model = ScriptedLanguageModel(
        labels,
        accuracy=0.8,
        hard_on=hard,
        hard_accuracy=0.45,
        confidence=0.6,
        first_bias=0.8,
        wordings={"exact": 0.7, "sentence": 0.15, "refusal": 0.1, "gibberish": 0.05},
    )
    return benchmark(
        model,
        made,
        out=tmp_path_factory.mktemp("recomputed") / "run",
        prompts=("user_labels", "direct"),
        label_orders=ORDERS,
        temperatures=TEMPERATURES,
        runs=3,
        group_by=("gender",),
        replicates=20,
        permutations=10,
    )


@pytest.fixture(scope="module")
def answers(run: RunFolder) -> pl.DataFrame:
    """The stored answers in words beside their reference."""
    truth = run.utterances().select("utterance_id", "speaker", "gender", truth="emotion")
    said = run.predictions().filter(pl.col("response").is_not_null())
    return said.join(truth, on="utterance_id").with_columns(
        said=pl.col("emotion").fill_null(NONE), order=pl.col("options").list.join("|")
    )


@pytest.fixture(scope="module")
def scored(run: RunFolder) -> pl.DataFrame:
    return run.estimates()


def labels_of(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    return frame["truth"].to_list(), frame["said"].to_list()


def conditions(answers: pl.DataFrame) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    return [
        (dict(zip(CONDITION, key, strict=True)), part)
        for key, part in answers.group_by(CONDITION, maintain_order=True)
    ]


def stored(scored: pl.DataFrame, **where: Any) -> dict[str, Any]:
    rows = scored.filter(**where)
    assert rows.height == 1, (where, rows.height)
    return rows.row(0, named=True)


def test_the_grid_is_as_large_as_it_was_asked_for(answers: pl.DataFrame) -> None:
    assert answers.height == 72 * 2 * 2 * 3 * 3
    assert len(conditions(answers)) == 2 * 2
    assert answers["order"].n_unique() == 3
    assert set(answers["said"]) == {*LABELS, NONE}


@pytest.mark.parametrize("metric", METRICS)
def test_scores_over_everything(metric: str, answers: pl.DataFrame, scored: pl.DataFrame) -> None:
    for condition, part in conditions(answers):
        row = stored(scored, quantity="score", metric=metric, fold="all", **condition)
        assert row["value"] == pytest.approx(METRICS[metric](*labels_of(part)))
        assert (row["label_order"], row["run"]) == ("all", "all")
        assert row["n"] == 72 * 3 * 3
        assert row["clusters"] == 12


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("over", "column"), [("fold", "sd_folds"), ("run", "sd_runs"), ("order", "sd_orders")]
)
def test_spread_over_folds_runs_and_orders(
    metric: str, over: str, column: str, answers: pl.DataFrame, scored: pl.DataFrame
) -> None:
    """Each is the standard deviation of the scores of its own parts, pooled over the others."""
    for condition, part in conditions(answers):
        values = [METRICS[metric](*labels_of(own)) for _, own in part.group_by(over)]
        assert len(values) == 3
        row = stored(scored, quantity="score", metric=metric, fold="all", **condition)
        assert row[column] == pytest.approx(statistics.stdev(values), abs=1e-12)


def test_runs_of_temperature_0_are_alike_and_the_others_are_not(
    answers: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, _ in conditions(answers):
        row = stored(scored, quantity="score", metric="macro_f1", fold="all", **condition)
        assert (row["sd_runs"] == 0.0) == (condition["temperature"] == 0.0)
        assert row["sd_orders"] > 0  # the bias to the option displayed first


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
def test_scores_of_each_fold(metric: str, answers: pl.DataFrame, scored: pl.DataFrame) -> None:
    for condition, part in conditions(answers):
        for (fold,), own in part.group_by("fold"):
            row = stored(scored, quantity="score", metric=metric, fold=fold, **condition)
            assert row["value"] == pytest.approx(METRICS[metric](*labels_of(own)))
            assert row["n"] == own.height


@pytest.mark.parametrize("metric", METRICS)
def test_groups_and_their_difference(
    metric: str, answers: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, part in conditions(answers):
        values = {
            gender: METRICS[metric](*labels_of(own)) for (gender,), own in part.group_by("gender")
        }
        where = {"metric": metric, "fold": "all", "group_by": "gender", **condition}
        groups = scored.filter(quantity="group_score", **where)
        assert dict(groups.select("groups", "value").iter_rows()) == pytest.approx(values)
        pair = stored(scored, quantity="pair_gap", **where)
        first, second = pair["groups"].split(" − ")
        assert {first, second} == {"female", "male"}
        assert pair["value"] == pytest.approx(values[first] - values[second])
        gap = stored(scored, quantity="gap", group_aggregator="mean", **where)
        assert gap["value"] == pytest.approx(abs(values["female"] - values["male"]))


def test_recall_of_each_class_and_the_confusion_table(
    answers: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, part in conditions(answers):
        table = confusion_matrix(*labels_of(part), labels=[*LABELS, NONE])[:3]
        shares = table / table.sum(-1, keepdims=True)
        cells = scored.filter(
            pl.col("group_by").is_null(), quantity="confusion", fold="all", **condition
        )
        found = {(row["class"], row["predicted_class"]): row for row in cells.to_dicts()}
        for (i, truth), (j, said) in itertools.product(enumerate(LABELS), enumerate(LABELS)):
            assert found[truth, said]["value"] == pytest.approx(shares[i, j])
            assert found[truth, said]["n"] == table[i, j]
        recalls = scored.filter(
            pl.col("group_by").is_null(),
            quantity="score",
            metric="recall",
            fold="all",
            **condition,
        )
        assert dict(recalls.select("class", "value").iter_rows()) == pytest.approx(
            {name: shares[i, i] for i, name in enumerate(LABELS)}
        )


def test_equal_opportunity_is_the_mean_over_classes_of_the_gap_of_recall(
    answers: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, part in conditions(answers):
        recalls = {
            gender: recall_score(*labels_of(own), labels=LABELS, average=None, zero_division=0)
            for (gender,), own in part.group_by("gender")
        }
        row = stored(
            scored,
            quantity="gap",
            metric="equal_opportunity",
            fold="all",
            group_by="gender",
            group_aggregator="mean",
            class_aggregator="mean",
            **condition,
        )
        expected = np.abs(recalls["female"] - recalls["male"]).mean()
        assert row["value"] == pytest.approx(expected)


# ------------------------------------------------------------------- option scores


@pytest.fixture(scope="module")
def options(run: RunFolder) -> pl.DataFrame:
    truth = run.utterances().select("utterance_id", truth="emotion")
    return (
        run.predictions()
        .filter(pl.col("probabilities").is_not_null())
        .join(truth, on="utterance_id")
    )


def test_option_scores_by_their_most_probable_label(
    options: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, part in conditions(options):
        shares = np.array(part["probabilities"].to_list())
        said = [
            LABELS[code] if row.max() > 0 else NONE
            for row, code in zip(shares, shares.argmax(-1), strict=True)
        ]
        assert said == part["emotion"].fill_null(NONE).to_list()
        row = stored(scored, quantity="score", metric="macro_f1", fold="all", **condition)
        assert row["value"] == pytest.approx(macro_f1(part["truth"].to_list(), said))


def test_expected_tables_are_sums_of_probabilities(
    options: pl.DataFrame, scored: pl.DataFrame
) -> None:
    for condition, part in conditions(options):
        shares = np.array(part["probabilities"].to_list())
        truth = np.array([LABELS.index(name) for name in part["truth"]])
        expected = condition | {"system": condition["system"].replace("/options", "/expected")}
        where = {"quantity": "score", "fold": "all", **expected}
        table = np.stack([shares[truth == code].sum(0) for code in range(3)])
        counts = np.bincount(truth, minlength=3)
        assert stored(scored, metric="accuracy", **where)["value"] == pytest.approx(
            np.trace(table) / len(truth)
        )
        f1 = 2 * np.diag(table) / (counts + table.sum(0))
        assert stored(scored, metric="macro_f1", **where)["value"] == pytest.approx(f1.mean())
        assert stored(scored, metric="unweighted_accuracy", **where)["value"] == pytest.approx(
            (np.diag(table) / counts).mean()
        )


def test_brier_and_the_mass_outside(options: pl.DataFrame, scored: pl.DataFrame) -> None:
    for condition, part in conditions(options):
        shares = np.array(part["probabilities"].to_list())
        mass = shares.sum(-1)
        where = {"quantity": "score", "fold": "all", **condition}
        outside = stored(scored, metric="outside", **where)
        assert outside["value"] == pytest.approx(1 - mass.mean())
        kept = mass > 0
        if not kept.any():
            continue
        truth = np.array([LABELS.index(name) for name in part["truth"]])[kept]
        inside = shares[kept] / mass[kept, np.newaxis]
        brier = ((inside - np.eye(3)[truth]) ** 2).sum(-1).mean()
        assert stored(scored, metric="brier", **where)["value"] == pytest.approx(brier)


def test_the_probabilities_are_those_that_the_answers_were_drawn_from(
    answers: pl.DataFrame, options: pl.DataFrame
) -> None:
    """At temperature 1, over 1,296 answers: each share within four standard errors."""
    said = answers.filter(temperature=1.0)
    shares = np.array(options.filter(temperature=1.0)["probabilities"].to_list()).mean(0)
    for name, share in zip(LABELS, shares, strict=True):
        # an option is the word alone; a sentence with the word in it is another answer
        got = (said["response"].str.to_lowercase() == name).mean()
        assert 0.1 < share < 0.5
        assert abs(got - share) < 4 * np.sqrt(share * (1 - share) / said.height), name


# -------------------------------------------------------------------- what became of them


def test_shares_of_statuses_by_group(run: RunFolder, answers: pl.DataFrame) -> None:
    shares = answer_shares(run.predictions(), run.utterances(), group_by=("gender",), replicates=0)
    for condition, part in conditions(answers):
        for status in ("parsed", "refused", "unparsed"):
            row = stored(shares, quantity="score", metric=status, **condition)
            assert row["value"] == pytest.approx((part["status"] == status).mean())
            groups = shares.filter(quantity="group_score", metric=status, **condition)
            expected = {
                gender: float((own["status"] == status).mean())
                for (gender,), own in part.group_by("gender")
            }
            assert dict(groups.select("groups", "value").iter_rows()) == pytest.approx(expected)


def test_notes_and_record_say_how_it_was_made(run: RunFolder) -> None:
    notes = json.loads((Path(run.path) / "notes.json").read_text("utf-8"))
    assert notes[0] == "demo: its own folds (3)."
    assert any("It is not the expected score of sampled answers" in note for note in notes)
    record = run.record
    assert record.finished is not None
    assert record.left_out == {}
    assert set(record.seeds) == {"root"}  # no folds were made
    assert {"prompt user_labels", "prompt direct"} <= set(record.inputs)
