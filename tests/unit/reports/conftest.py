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
