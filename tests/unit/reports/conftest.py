"""Runs to report on: simulated answers of systems, scored by the real scoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.corpora.card import Card, Fact
from equivoice.evaluation.score import score
from equivoice.records import RunRecord
from equivoice.reports import ReportInputs

EMOTIONS = ["neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"]
FOLDS = 6


def simulated_utterances(
    *, speakers: int = 24, each: int = 16, corpus: str = "ravdess"
) -> pl.DataFrame:
    """Utterances of women and men in turn; every emotion as often as the others."""
    rows = []
    for speaker in range(speakers):
        for take in range(each):
            rows.append(
                {
                    "utterance_id": f"{corpus}/{speaker:02d}-{take:02d}",
                    "corpus": corpus,
                    "speaker": f"actor {speaker:02d}",
                    "gender": "female" if speaker % 2 else "male",
                    "age": float(20 + 3 * (speaker % 5)),
                    "transcript": "Kids are talking by the door.",
                    "emotion": EMOTIONS[take % len(EMOTIONS)],
                }
            )
    return pl.DataFrame(rows)


def simulated_predictions(
    utterances: pl.DataFrame,
    *,
    system: str = "acoustic",
    right: float = 0.5,
    gap: float = 0.0,
    unparsed: float = 0.0,
    seed: int = 1,
) -> pl.DataFrame:
    """Answers that are right more often for men by ``gap``; folds by speaker."""
    generator = np.random.default_rng(seed)
    rows = []
    for row in utterances.iter_rows(named=True):
        speaker = int(row["speaker"].split()[-1])
        chance = right + (gap / 2 if row["gender"] == "male" else -gap / 2)
        emotion = row["emotion"]
        if generator.random() > chance:
            emotion = EMOTIONS[generator.integers(len(EMOTIONS))]
        lost = generator.random() < unparsed
        probabilities = generator.dirichlet(np.full(len(EMOTIONS), 0.6)) * 0.4
        probabilities[EMOTIONS.index(emotion)] += 0.6
        rows.append(
            {
                "utterance_id": row["utterance_id"],
                "system": system,
                # Fold 1 holds women only, as the second official fold of RAVDESS does.
                "fold": str(1 if speaker in (1, 3, 5, 7) else 2 + speaker % (FOLDS - 1)),
                "status": "unparsed" if lost else "parsed",
                "emotion": None if lost else emotion,
                "probabilities": None if lost else probabilities.tolist(),
            }
        )
    return pl.DataFrame(rows, schema_overrides={"emotion": pl.String})


def simulated_inputs(
    *,
    title: str = "Acoustic baseline on RAVDESS",
    systems: dict[str, dict[str, Any]] | None = None,
    group_by: tuple[str, ...] = ("gender",),
    speakers: int = 24,
    each: int = 16,
    replicates: int = 200,
) -> ReportInputs:
    """A whole run: utterances, answers, estimates, record, card, findings."""
    utterances = simulated_utterances(speakers=speakers, each=each)
    chosen = systems or {"acoustic": {"gap": 0.12, "unparsed": 0.02}}
    predictions = pl.concat(
        simulated_predictions(utterances, system=name, **options)
        for name, options in chosen.items()
    )
    scores = score(
        predictions, utterances, group_by=group_by, replicates=replicates, permutations=200, seed=7
    )
    record = RunRecord(
        verb="benchmark",
        config={"systems": list(chosen), "corpora": ["ravdess"], "group_by": list(group_by)},
        command="equivoice benchmark --system acoustic --corpus ravdess --group gender --out runs/a",
        versions={"equivoice": "0.1.0.dev0", "python": "3.11.9", "polars": "2.1.0"},
        git_revision="3fb23fc",
        inputs={"ravdess/utterances.parquet": "9f" * 32},
        seeds={"root": 0, "bootstrap": 7},
        host={"machine": "x86_64", "cores": "2"},
        started="2026-11-21T08:00:00Z",
        finished="2026-11-21T08:05:12Z",
        selection=[{"what": "classifier", "chosen": "svm C=10", "split": "train", "speakers": 20}],
        left_out={"audio file missing": 3},
    )
    return ReportInputs(
        title=title,
        record=record,
        estimates=scores.estimates,
        predictions=predictions,
        utterances=utterances,
        cards={"ravdess": ravdess_card()},
        findings=[
            Finding("note", "single-group fold", "fold 1: the test split holds women only", 1),
            Finding("warning", "duplicate", "2 utterances have the same sound", 2),
        ],
        left_out=scores.left_out,
        notes=scores.notes,
    )


class Finding:
    """What a check of a corpus found, as far as a report looks at it."""

    def __init__(self, severity: str, code: str, message: str, count: int) -> None:
        self.severity = severity
        self.code = code
        self.message = message
        self.count = count


def ravdess_card() -> Card:
    """A card with a Creative Commons licence."""
    source = "https://zenodo.org/records/1188976"
    return Card(
        name="ravdess",
        title=Fact(value="RAVDESS", source=source),
        licence=Fact(value="CC BY-NC-SA 4.0", source=source),
        citation=Fact(value="Livingstone SR, Russo FA (2018). PLoS ONE 13(5)", source=source),
        traps=(Fact(value="One pair of recordings is identical.", source=source),),
    )


@pytest.fixture(scope="session")
def make_inputs() -> Callable[..., ReportInputs]:
    """Makes a whole run to report on."""
    return simulated_inputs


@pytest.fixture(scope="session")
def inputs() -> ReportInputs:
    """One system on one corpus, 24 speakers, six folds."""
    return simulated_inputs()


@pytest.fixture(scope="session")
def two_systems() -> ReportInputs:
    """Two systems on one corpus, grouped by gender and by gender and age."""
    return simulated_inputs(
        title="Two systems on RAVDESS",
        systems={"acoustic": {"gap": 0.12}, "prior": {"right": 0.2, "seed": 5}},
        group_by=("gender", "gender x age[25]"),
    )


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sound files and pages."""
    return tmp_path_factory.mktemp("pages")


CLASSES = ("neutral", "happy", "angry")
STRATA = ("all agree", "two thirds or more", "more than half", "a plurality")
LISTENERS = "listeners (voice)"


def estimate(metric: str, value: float | None = 0.5, **given: Any) -> dict[str, Any]:
    """A row of estimates about the overall score of somebody, 480 utterances of 24 speakers."""
    ends: dict[str, Any] = {}
    if value is not None:
        ends = {"low": value - 0.04, "high": value + 0.04}
    base = {
        "quantity": "score", "metric": metric, "corpus": "crowd", "fold": "all", "value": value,
        "level": 0.95, "unit": "speaker", "n": 480, "clusters": 24, "method": "bootstrap",
    }  # fmt: skip
    return base | ends | given


def by_gender(metric: str, women: float, men: float, **given: Any) -> list[dict[str, Any]]:
    """The scores of two groups, their signed difference, and the largest gap."""
    by = {"group_by": "gender"} | given
    gap = women - men
    tested = {"p_value": 0.01, "p_floor": 0.001, "detectable": 0.05}
    return [
        estimate(metric, women, quantity="group_score", groups="female", n=240, clusters=12, **by),
        estimate(metric, men, quantity="group_score", groups="male", n=240, clusters=12, **by),
        estimate(metric, gap, quantity="pair_gap", groups="female − male", **tested, **by),
        estimate(metric, abs(gap), quantity="gap", group_aggregator="max", noise_floor=0.01, **by),
    ]


def scored(system: str, reference: str, main: float, gap: float) -> list[dict[str, Any]]:
    """Somebody's scores of labels: overall, by gender, and by agreement of the listeners."""
    who = {"system": system, "reference": reference}
    rows = [
        estimate("macro_f1", main, **who),
        estimate("accuracy", main + 0.02, **who),
        estimate("coverage", 1.0, low=None, high=None, **who),
        *by_gender("macro_f1", main + gap / 2, main - gap / 2, **who),
    ]
    for at, stratum in enumerate(STRATA):
        at_stratum = {"quantity": "group_score", "group_by": "agreement", "groups": stratum}
        rows.append(estimate("macro_f1", main + 0.2 - at / 10, n=120, **at_stratum, **who))
    return rows


def crowd_rows() -> list[dict[str, Any]]:
    """All kinds of rows that a run with votes has: a system, people, listeners, scales."""
    votes = {"system": LISTENERS, "reference": "votes"}
    rows = [
        *scored("model", "majority", 0.62, -0.12),
        *scored("one listener, left out (voice)", "other listeners", 0.5, 0.03),
        *scored("one listener (voice)", "majority", 0.55, 0.02),
        estimate("krippendorff_alpha", 0.412, **votes),
        estimate("fleiss_kappa", None, undefined="numbers of votes differ", **votes),
        estimate("vote_entropy", 0.8, **votes),
        estimate("top_share", 0.66, **votes),
        *by_gender("krippendorff_alpha", 0.45, 0.37, **votes),
    ]
    for at, label in enumerate(CLASSES):
        rows.append(estimate("class_alpha", 0.5 - at / 10, **{"class": label}, **votes))
        rows.append(estimate("vote_share", 0.5 - at / 6, **{"class": label}, **votes))
    for rule, share in (("majority", 0.75), ("plurality", 0.95), ("all_inclusive", 1.0)):
        rows.append(
            estimate("kept", share, reference=rule, left_out='{"no label above half": 120}')
        )
        rows += by_gender("kept", share - 0.08, share, reference=rule)
        rows += [estimate("kept", share, reference=rule, **{"class": c}) for c in CLASSES]
    for system, value in (("model", 0.7), ("one listener, left out (voice)", 0.6)):
        who = {"system": system}
        rows.append(
            estimate(
                "annotator_aware_macro_f1", value, reference="votes", convention="credited", **who
            )
        )
        rows += by_gender("annotator_aware_macro_f1", value, value, reference="votes", **who)
        for threshold in ("votes > 1/C", "votes > 0.5", "votes > 1/(C-1)"):
            rows.append(estimate("multilabel_macro_f1", value - 0.1, reference=threshold, **who))
            rows.append(
                estimate("multilabel_f1", value, reference=threshold, **{"class": "sad"}, **who)
            )
        rows.append(estimate("jsd", 0.2, reference="votes", **who))
    rows += [
        estimate("kld", None, undefined="probability 0", reference="votes", system="model"),
        estimate("brier", 0.6, reference="votes", system="model"),
        estimate("valence_ccc", 0.51, reference="given", system="model"),
        estimate("valence_rmse", 0.934, reference="given", system="model"),
    ]
    return rows


def minority_table(system: str = "model", *, many: int = 9) -> pl.DataFrame:
    """Utterances on which a system sides with a minority."""
    return pl.DataFrame(
        {
            "utterance_id": [f"crowd/{at}" for at in range(many)],
            "system": [system] * many,
            "said": ["happy"] * many,
            "votes_for_it": [4] * many,
            "votes": [10] * many,
            "crowd_says": ["neutral 6, happy 4"] * many,
            "transcript": ["I would say so."] * many,
            "audio": pl.Series([None] * many, dtype=pl.String),
        }
    )


@pytest.fixture(scope="session")
def crowd() -> ReportInputs:
    """A run with votes: one system beside people, made by hand."""
    return ReportInputs(
        title="A model against the crowd",
        record=RunRecord(verb="score", config={}),
        estimates=pl.DataFrame(crowd_rows(), infer_schema_length=None),
        minority=minority_table(),
    )
