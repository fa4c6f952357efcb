"""A chain without a model and without sound: answers and measurements written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.evaluation.open_answers import Form
from equivoice.prompting.explained import write_target
from equivoice.rationales import ground_run
from equivoice.rationales.filtering import apply_filters
from equivoice.rationales.grounding import Ground, make_ground
from equivoice.records import PREDICTIONS, UTTERANCES, write_table
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.cache import ArrayCache
from equivoice.store.rationale_folder import RationaleFolder
from equivoice.studies.chain.answering import Answered, reasons_given
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.judging import Court, judge_reasons
from equivoice.studies.chain.learning import Student, student_key
from equivoice.studies.chain.measuring import ablation, forms_of, ground_all
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.chain.teacher import teacher_texts
from unit.rationales.measured import measured

LABELS = ("angry", "sad")
SPEAKERS, TAKES = 12, 10
SENTENCES = ("dogs bark loudly", "kids talk there")
SETTINGS = ChainSettings(
    seeds=(0, 3), faults=0.3, slips=0.2, replicates=60, permutations=20, shuffles=10
)
MEASURES = ("pitch", "loudness", "letter_rate", "pitch_range")
HEARD_WRONG = 4
"""Every so many utterances a student writes the other sentence."""


def corpus(name: str = "hand") -> Corpus:
    """Six speakers to train on, one to validate, five to test; the label goes with the take."""
    rows, folds = [], []
    for speaker in range(SPEAKERS):
        part = "test" if speaker < 5 else "validation" if speaker == 5 else "train"
        for take in range(TAKES):
            utterance = f"{name}/{speaker}-{take}"
            rows.append(
                {
                    "utterance_id": utterance,
                    "corpus": name,
                    "speaker": f"s{speaker}",
                    "gender": "female" if speaker % 2 else "male",
                    "language": "en",
                    "transcript": SENTENCES[take % 2],
                    "emotion": LABELS[take // 5],
                }
            )
            folds.append((utterance, "1", part))
    return Corpus(
        name,
        label_space(list(LABELS), id=name),
        UTTERANCES.validate(pl.DataFrame(rows)),
        pl.DataFrame(folds, schema=["utterance_id", "fold", "split"], orient="row"),
    )


def take_of(utterance: str) -> int:
    """The number of a take, by which all measures of a speaker climb."""
    return int(utterance.rpartition("-")[2])


def measure(utterances: pl.DataFrame, **_: Any) -> pl.DataFrame:
    """Measurements by number in place of by ear: all measures climb over a speaker's takes."""
    keys = ("utterance_id", "corpus", "speaker", "language", "gender")
    return measured(
        [
            {key: row[key] for key in keys}
            | dict.fromkeys(MEASURES, float(take_of(row["utterance_id"])))
            for row in utterances.iter_rows(named=True)
        ]
    )


def ground_of(given: Corpus) -> Ground:
    """What claims about the corpus are held against."""
    return make_ground(measure(given.utterances), given.utterances)


def said_of(row: Mapping[str, Any], arm: str, seed: int) -> tuple[str, str, str | None]:
    """What a student hears, answers and gives as its reason.

    Without reasons each fifth answer is wrong, with reasons each tenth; the second seed is
    wrong about the last take too. What it says of the sound is right of all but the two
    lowest takes.
    """
    take = take_of(row["utterance_id"])
    heard = SENTENCES[(take + (take % HEARD_WRONG == 0)) % 2]
    wrong = take == 4 or (arm == "without reasons" and take == 9) or (seed == 3 and take == 0)
    emotion = LABELS[(take // 5 + wrong) % 2]
    high = take >= 5 or take < 2
    reason = f"The words “{heard}” leave it open; the pitch is {'high' if high else 'low'}."
    return heard, emotion, reason if arm == "with reasons" else None


def answers(given: Corpus, arm: str, seed: int, system: str) -> pl.DataFrame:
    """The predictions of a student about the test part."""
    tested = given.folds.filter(split="test")
    rows = []
    for row in given.utterances.join(tested, on="utterance_id").iter_rows(named=True):
        heard, emotion, reason = said_of(row, arm, seed)
        rows.append(
            {
                "utterance_id": row["utterance_id"],
                "system": system,
                "prompt": "open_form",
                "fold": "1",
                "modality": "speech",
                "response": write_target(heard, emotion, reason, ARMS[arm]),
                "status": "parsed",
                "emotion": emotion,
                "transcript": heard,
                "reason": reason,
            }
        )
    return PREDICTIONS.validate(pl.DataFrame(rows, infer_schema_length=None))


@dataclass(frozen=True)
class WrittenRun:
    """As much of a run folder as the study reads: a table at a place."""

    path: Path
    table: pl.DataFrame

    def predictions(self) -> pl.DataFrame:
        """The answers."""
        return self.table


@dataclass(frozen=True)
class WrittenTraining:
    """As much of a training folder as the study reads: the losses of its steps."""

    path: Path

    def table(self, name: str) -> pl.DataFrame:
        """The steps."""
        assert name == "steps"
        return pl.DataFrame({"step": [1, 2], "loss": [7.25, 0.5]})


@dataclass(frozen=True)
class WrittenReasons:
    """As much of a teacher's folder as the study reads."""

    table: pl.DataFrame

    def rationales(self) -> pl.DataFrame:
        """The reasons, filtered."""
        return self.table


def student(given: Corpus, arm: str, seed: int, out: Path) -> Answered:
    """A student that was asked in both forms; in the closed form it answers the same."""
    key = student_key(arm, seed)
    table = answers(given, arm, seed, key)
    runs: dict[Form, RunFolder] = {}
    forms: tuple[Form, Form] = ("open", "closed")
    for form in forms:
        own = table.with_columns(prompt=pl.lit(f"{form}_form"))
        place = write_table(own, out / f"{key}-{form}.parquet", PREDICTIONS)
        runs[form] = cast("RunFolder", WrittenRun(place, own))
    folder = cast("TrainingFolder", WrittenTraining(out / key))
    return Answered(Student(arm, seed, out / f"base-{seed}", folder), runs)


def taught(given: Corpus, ground: Ground) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What the teacher wrote, what became of it, and what each filter dropped."""
    train = given.folds.filter(split="train").select("utterance_id")
    part = given.utterances.join(train, on="utterance_id", how="semi")
    written = teacher_texts(part, ground, faults=SETTINGS.faults, slips=SETTINGS.slips)
    told = part.select("utterance_id", "emotion").join(written, on="utterance_id")
    replies = told.select(
        "utterance_id", "emotion", response="text", teacher=pl.lit("t"), finished=pl.lit(True)
    )
    transcripts = dict(part.select("utterance_id", "transcript").rows())
    made = apply_filters(replies, transcripts, given.label_space)
    return written, made.rationales, made.dropped


def chain_by_hand(out: Path, name: str = "hand") -> Chain:
    """A chain in which every number can be worked out on paper."""
    given = corpus(name)
    ground = ground_of(given)
    written, rationales, dropped = taught(given, ground)
    answered = [student(given, arm, seed, out) for seed in SETTINGS.seeds for arm in ARMS]
    tested = given.folds.filter(split="test")
    reference = given.utterances.join(tested, on="utterance_id", how="semi")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground_run, "measure_utterances", measure)
        cache = ArrayCache(out / "cache")
        grounded = ground_all(answered, rationales, given, SETTINGS, cache=cache)
    court = Court(given.utterances, ground, out, SETTINGS)
    return Chain(
        settings=SETTINGS,
        corpus=given,
        fold="1",
        written=written,
        rationales=cast("RationaleFolder", WrittenReasons(rationales)),
        dropped=dropped,
        answered=tuple(answered),
        forms=forms_of(answered, given, SETTINGS),
        ablation=ablation(answered, reference, given, SETTINGS),
        grounded=grounded,
        judged=tuple(judge_reasons(reasons_given(answered[0], given), court)),
    )
