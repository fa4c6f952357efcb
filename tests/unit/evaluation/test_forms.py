"""Open and closed form side by side: four readings by hand and by sklearn, paired differences."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from equivoice.corpora.labels import label_space
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.forms import COLUMNS, FormEntry, FormScores, score_forms
from equivoice.evaluation.reference_votes import ReferenceVotes, gather_votes

NAMES = ("angry", "sad", "happy", "neutral")
SPACE = label_space(NAMES, id="four")
N = 144
IDS = [f"demo/{n:03}" for n in range(N)]


def made_votes(rng: np.random.Generator) -> dict[str, list[str]]:
    return {
        name: [NAMES[n % 4] if rng.random() < 0.6 else str(rng.choice(NAMES)) for _ in range(5)]
        for n, name in enumerate(IDS)
    }


RNG = np.random.default_rng(8)
VOTED = made_votes(RNG)
TRUTH = pl.DataFrame(
    {
        "utterance_id": IDS,
        "corpus": "demo",
        "speaker": [f"s{n % 12}" for n in range(N)],
        "emotion": [NAMES[n % 4] if n % 9 else None for n in range(N)],
    }
)


@pytest.fixture(scope="module")
def votes() -> ReferenceVotes:
    rows = [
        (name, f"r{k}", "emotion", value)
        for name, values in VOTED.items()
        for k, value in enumerate(values)
    ]
    table = pl.DataFrame(rows, schema=["item", "rater", "question", "value"], orient="row")
    return gather_votes(table, SPACE, IDS)


def answers(seed: int, share: float, silent: int = 11) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    said = [
        None if n % silent == 0 else NAMES[n % 4] if rng.random() < share else rng.choice(NAMES)
        for n in range(N)
    ]
    return pl.DataFrame({"utterance_id": IDS, "emotion": pl.Series(said, dtype=pl.String)})


ENTRIES = [
    FormEntry("base", "open", answers(1, 0.3)),
    FormEntry("better", "open", answers(2, 0.8)),
    FormEntry("base", "closed", answers(3, 0.4)),
    FormEntry("alone", "closed", answers(4, 0.5)),
]


@pytest.fixture(scope="module")
def found(votes: ReferenceVotes) -> FormScores:
    return score_forms(
        ENTRIES, TRUTH, SPACE, votes=votes, baseline="base", no_consensus="leave_out",
        replicates=60, permutations=40,
    )  # fmt: skip


def row(found: FormScores, **where: Any) -> dict[str, Any]:
    return found.table.row(
        by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in where.items()), named=True
    )


def majority(name: str) -> str | None:
    (label, number), *_ = Counter(VOTED[name]).most_common(1)
    return label if number > 2.5 else None


def by_hand(predictions: pl.DataFrame, subset: str, labels: str) -> tuple[list[str], list[str]]:
    """References and answers, word by word; "-" for an answer without a label."""
    truth, said = [], []
    rows = zip(IDS, TRUTH["emotion"], predictions["emotion"], strict=True)
    for name, given, answer in rows:
        own = majority(name)
        if subset != "all" and own is None:
            continue
        reference = given if labels == "majority" else answer if answer in VOTED[name] else own
        if reference is not None:
            truth.append(reference)
            said.append(answer or "-")
    return truth, said


@pytest.mark.parametrize("subset", ["all", "agreement > 0.5"])
@pytest.mark.parametrize("labels", ["majority", "all"])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.system} {e.form}")
def test_scores_are_those_of_sklearn(
    found: FormScores, entry: FormEntry, subset: str, labels: str
) -> None:
    truth, said = by_hand(entry.predictions, subset, labels)
    where = {"system": entry.system, "form": entry.form, "subset": subset, "labels": labels}
    own = row(found, quantity="score", metric="macro_f1", **where)
    scores = f1_score(truth, said, labels=NAMES, average="macro", zero_division=0)
    assert own["value"] == pytest.approx(scores)
    assert own["n"] == len(truth)
    assert own["low"] <= own["value"] <= own["high"]
    assert (own["unit"], own["clusters"]) == ("speaker", 12)
    accuracy = row(found, quantity="score", metric="accuracy", **where)["value"]
    assert accuracy == pytest.approx(accuracy_score(truth, said))


def test_any_label_of_a_rater_helps_and_agreement_leaves_fewer(found: FormScores) -> None:
    for entry in ENTRIES:
        where = {
            "quantity": "score", "metric": "accuracy", "system": entry.system, "form": entry.form,
        }  # fmt: skip
        one = row(found, **where, subset="agreement > 0.5", labels="majority")["value"]
        any_of = row(found, **where, subset="agreement > 0.5", labels="all")["value"]
        assert any_of >= one
        assert row(found, **where, subset="all", labels="all")["value"] >= any_of - 0.25


def test_what_is_left_out_is_counted(found: FormScores) -> None:
    own = row(
        found, quantity="score", system="base", form="open", subset="all", labels="majority",
        metric="accuracy",
    )  # fmt: skip
    left_out = json.loads(own["left_out"])
    assert left_out["reference without label"] == 16
    kept = [n for n in range(N) if n % 9]
    assert left_out["unparsed (counted as wrong)"] == sum(n % 11 == 0 for n in kept)


def test_differences_are_those_of_scores_form_by_form(found: FormScores) -> None:
    differences = found.table.filter(pl.col("quantity") == "difference")
    assert set(differences.select("system", "other", "form").rows()) == {
        ("better", "base", "open"),
        ("alone", "base", "closed"),
    }
    for each in differences.iter_rows(named=True):
        where = {name: each[name] for name in ("form", "subset", "labels", "metric")}
        first, second = (
            row(found, quantity="score", system=each[side], **where)["value"]
            for side in ("system", "other")
        )
        # both answered everything; in the reading of all labels each has its own references
        if each["labels"] == "majority":
            assert each["value"] == pytest.approx(first - second)
        assert each["low"] <= each["value"] <= each["high"]
        assert 0 < each["p_floor"] <= each["p_value"] <= 1


def test_mcnemar_counts_utterances_on_which_one_is_right(found: FormScores) -> None:
    own = row(
        found, quantity="difference", system="better", subset="all", labels="majority",
        metric="accuracy",
    )  # fmt: skip
    rows = [
        (given == a, given == b)
        for given, a, b in zip(
            TRUTH["emotion"], answers(2, 0.8)["emotion"], answers(1, 0.3)["emotion"], strict=True
        )
        if given is not None
    ]
    first, second = rows.count((True, False)), rows.count((False, True))
    assert own["p_mcnemar"] == pytest.approx(binomtest(first, first + second).pvalue)
    assert own["p_value"] < 0.1
    macro = row(
        found, quantity="difference", system="better", subset="all", labels="majority",
        metric="macro_f1",
    )  # fmt: skip
    assert macro["p_mcnemar"] is None


def test_notes_say_what_all_labels_are(found: FormScores) -> None:
    assert any("reconstruction" in note for note in found.notes)
    agreed = sum(majority(name) is not None for name in IDS)
    assert any(f"on {agreed} utterances" in note for note in found.notes)
    assert found.table.columns == list(COLUMNS)


def test_without_votes_there_is_one_reading() -> None:
    only = score_forms(ENTRIES[:1], TRUTH, SPACE, replicates=0)
    assert set(only.table.select("subset", "labels").rows()) == {("all", "majority")}
    assert "no votes" in only.notes[0]


def test_without_labels_the_plurality_of_votes_stands(votes: ReferenceVotes) -> None:
    bare = TRUTH.drop("emotion")
    made = score_forms(ENTRIES[:1], bare, SPACE, votes=votes, replicates=0)
    own = row(made, quantity="score", subset="all", labels="majority", metric="accuracy")
    truth, said = [], []
    for name, answer in zip(IDS, ENTRIES[0].predictions["emotion"], strict=True):
        best = Counter(VOTED[name]).most_common(2)
        if len(best) == 1 or best[0][1] > best[1][1]:
            truth.append(best[0][0])
            said.append(answer or "-")
    assert own["value"] == pytest.approx(accuracy_score(truth, said))
    with pytest.raises(InputError, match="neither labels nor votes"):
        score_forms(ENTRIES[:1], bare, SPACE)


def test_labels_in_other_words_and_answers_that_are_not_parsed(votes: ReferenceVotes) -> None:
    said = answers(1, 0.3)
    words = {"angry": "Anger", "sad": "Sadness", "happy": "joy", "neutral": "neutral"}
    other = said.with_columns(
        emotion=pl.col("emotion").replace_strict(words, default=None),
        status=pl.when(pl.col("emotion") == "sad")
        .then(pl.lit("ambiguous"))
        .otherwise(pl.lit("parsed")),
    )
    plain = said.with_columns(emotion=pl.when(pl.col("emotion") != "sad").then("emotion"))
    tables = [
        score_forms([FormEntry("a", "open", each)], TRUTH, SPACE, votes=votes, replicates=0).table
        for each in (other, plain)
    ]
    assert tables[0].get_column("value").to_list() == tables[1].get_column("value").to_list()


def test_what_cannot_be_scored_is_refused(votes: ReferenceVotes) -> None:
    with pytest.raises(ConfigError, match="nothing to score"):
        score_forms([], TRUTH, SPACE)
    with pytest.raises(ConfigError, match="stands twice in the open form"):
        score_forms([ENTRIES[0]] * 2, TRUTH, SPACE)
    with pytest.raises(ConfigError, match="no such system to compare with"):
        score_forms(ENTRIES, TRUTH, SPACE, votes=votes, baseline="nobody")
    with pytest.raises(ConfigError, match="unknown form"):
        FormEntry("a", "ajar", answers(1, 0.3))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="answers 144 utterances several times"):
        FormEntry("a", "open", pl.concat([answers(1, 0.3)] * 2))
