"""A judge asked item by item: what it sees, what is stored, and going on after a cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.errors import AudioError, ConfigError, InputError, RunError
from equivoice.models import Decoding, Draw, Question, Said
from equivoice.models.scripted_judge import ScriptedJudge
from equivoice.rating.judge import Judging, choose_modality, judge, votes_of
from equivoice.rating.rubrics import load_rubric
from equivoice.rating.sampling import Sampled, sample_pairs, sample_reasons
from equivoice.store.judging_folder import JudgingFolder

PAIRWISE = load_rubric("pairwise")
EMOTIONS = ("angry", "sad")
NAMES = [f"demo/{at:02d}" for at in range(12)]


def answers(reason: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": NAMES,
            "emotion": [EMOTIONS[at % 2] for at in range(12)],
            "reason": [f"{reason} {at}" for at in range(12)],
        }
    )


@pytest.fixture
def pairs() -> Sampled:
    return sample_pairs({"ours": answers("The pitch is high."), "q2a": answers("Just so.")})


@pytest.fixture
def utterances(tmp_path: Path) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": NAMES,
            "transcript": [f"words {name}" for name in NAMES],
            "audio": [str(tmp_path / "a.wav")] * 12,
            "start": [float(at) for at in range(12)],
            "emotion": ["SECRET REFERENCE"] * 12,
            "speaker": ["SECRET SPEAKER"] * 12,
        }
    )


@dataclass
class Watched(ScriptedJudge):
    """A judge that remembers what it was asked, and may break at a question."""

    asked: list[Question] = field(default_factory=list)
    break_at: int | None = None
    unheard: Sequence[str] = ()

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        if self.break_at is not None and len(self.asked) >= self.break_at:
            raise KeyboardInterrupt
        broken = [q.utterance_id for q in questions if q.utterance_id in self.unheard]
        if broken:
            raise AudioError("cannot be heard", value=broken[0])
        self.asked += questions
        return super().answer(questions, draws, decoding)


def run(
    backend: Any,
    sampled: Sampled,
    utterances: pl.DataFrame,
    out: Path,
    *,
    rubric: str = "pairwise",
    modality: str = "transcript",
    **settings: Any,
) -> pl.DataFrame:
    judging = Judging(load_rubric(rubric), modality, **settings)
    with JudgingFolder.open(out) as folder:
        return judge(backend, sampled, utterances, judging, folder)


def test_every_item_gets_a_vote_for_the_text_that_the_judge_prefers(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    votes = run(ScriptedJudge(), pairs, utterances, tmp_path / "out")
    assert votes.height == 24
    assert set(votes.get_column("kind")) == {"model"}
    assert set(votes.get_column("rater")) == {"scripted-judge"}
    assert set(votes.get_column("channel")) == {"text"}
    shown = votes.join(pairs.items, on="item")
    for row in shown.iter_rows(named=True):
        assert row["value"] == ("a" if row["system_a"] == "ours" else "b")
    folder = JudgingFolder.read(tmp_path / "out")
    assert folder.table("votes").equals(votes)
    assert folder.table("items").height == 24
    assert folder.record.finished is not None
    assert folder.record.config["rubric"] == "pairwise 1"
    assert set(folder.record.inputs) == {"items", "utterances", "rubric"}


def test_the_judge_sees_neither_systems_nor_reference_nor_speaker(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    backend = Watched()
    run(backend, pairs, utterances, tmp_path / "out", modality="speech")
    told = "".join(turn.text for question in backend.asked for turn in question.turns)
    assert "SECRET" not in told
    assert "ours" not in told
    assert "q2a" not in told
    clips = {question.utterance_id: question.clip for question in backend.asked}
    assert clips["demo/03"] is not None
    assert clips["demo/03"].start == 3.0


def test_a_judge_that_reads_gets_no_sound(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    backend = Watched()
    run(backend, pairs, utterances.drop("audio", "start"), tmp_path / "out")
    assert all(question.clip is None for question in backend.asked)
    assert "words demo/00" in backend.asked[0].turns[-1].text


def test_a_judging_that_was_cut_off_goes_on_and_ends_the_same(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    settings = {"batch_size": 5, "temperature": 0.7, "seed": 3}
    taste = {"noise": 1.0, "lapse": 0.3, "garbled": 0.2}
    whole = run(ScriptedJudge(**taste), pairs, utterances, tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        run(Watched(**taste, break_at=10), pairs, utterances, tmp_path / "cut", **settings)
    assert JudgingFolder.read(tmp_path / "cut").judgments().height == 10
    rest = Watched(**taste)
    again = run(rest, pairs, utterances, tmp_path / "cut", **settings)
    assert len(rest.asked) == 14
    assert again.equals(whole)
    assert 0 < whole.height < 24  # some could not be read
    third = Watched(**taste)
    assert run(third, pairs, utterances, tmp_path / "cut", **settings).equals(whole)
    assert third.asked == []


def test_another_judging_is_not_mixed_in(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    run(ScriptedJudge(), pairs, utterances, tmp_path / "out")
    with pytest.raises(ConfigError, match="temperature"):
        run(ScriptedJudge(), pairs, utterances, tmp_path / "out", temperature=0.5)
    changed = utterances.with_columns(transcript=pl.lit("other words"))
    with pytest.raises(ConfigError, match=r"inputs\.utterances"):
        run(ScriptedJudge(), pairs, changed, tmp_path / "out")
    few = sample_pairs({"ours": answers("x"), "q2a": answers("y")}, per_emotion=2)
    with pytest.raises(ConfigError, match=r"inputs\.items"):
        run(ScriptedJudge(), few, utterances, tmp_path / "out")


def test_what_cannot_be_read_or_asked_is_stored_with_its_reason(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    backend = Watched(garbled=0.3, unheard=["demo/05"])
    votes = run(backend, pairs, utterances, tmp_path / "out", batch_size=6)
    said = JudgingFolder.read(tmp_path / "out").judgments()
    assert said.height == 24
    counts = dict(said.group_by("status").len().rows())
    assert counts["failed"] == 2  # both orders
    assert counts["unparsed"] > 0
    assert votes.height == counts["parsed"]
    assert "cannot be heard" in said.filter(status="failed").get_column("why")[0]
    assert said.filter(status="failed").get_column("response").null_count() == 2


def test_single_reasons_are_accepted_or_graded(utterances: pl.DataFrame, tmp_path: Path) -> None:
    mixed = answers("The pitch is high.").with_columns(
        reason=pl.when(pl.int_range(12) < 4).then(pl.lit("Just so.")).otherwise("reason")
    )
    sampled = sample_reasons(mixed, system="ours")
    votes = run(ScriptedJudge(), sampled, utterances, tmp_path / "a", rubric="acceptance")
    assert dict(votes.group_by("value").len().rows()) == {"accept": 8, "reject": 4}
    assert set(votes.get_column("question")) == {"acceptance"}
    graded = run(ScriptedJudge(), sampled, utterances, tmp_path / "b", rubric="plausibility")
    assert set(graded.get_column("number")) == {1.0, 2.0}
    assert graded.get_column("value").null_count() == 12


def test_a_judge_that_always_fails_ends_the_work(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="failed on each of the first"):
        run(Watched(unheard=NAMES), pairs, utterances, tmp_path / "out")
    assert JudgingFolder.read(tmp_path / "out").judgments().is_empty()


def test_what_the_judge_needs_must_be_there(
    pairs: Sampled, utterances: pl.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="transcript"):
        run(ScriptedJudge(), pairs, utterances.drop("transcript"), tmp_path / "a")
    silent = utterances.drop("audio")
    with pytest.raises(ConfigError, match="no sound"):
        run(ScriptedJudge(), pairs, silent, tmp_path / "b", modality="speech")
    with pytest.raises(ConfigError, match="not known"):
        run(ScriptedJudge(), pairs, utterances.head(3), tmp_path / "c")


def test_the_modality_is_the_most_that_both_allow_or_the_wanted_one() -> None:
    assert choose_modality(ScriptedJudge(), PAIRWISE) == "speech"
    assert choose_modality(ScriptedJudge(), PAIRWISE, "transcript") == "transcript"
    deaf = ScriptedJudge(modalities=frozenset(["transcript"]))
    assert choose_modality(deaf, PAIRWISE) == "transcript"
    with pytest.raises(ConfigError, match="choices: transcript"):
        choose_modality(deaf, PAIRWISE, "speech")
    with pytest.raises(ConfigError, match="no modality in common"):
        choose_modality(ScriptedJudge(modalities=frozenset(["speech+transcript"])), PAIRWISE)


def test_votes_hold_only_what_was_read() -> None:
    rows = {
        "item": ["b", "a", "c"],
        "rater": ["j"] * 3,
        "question": ["preference"] * 3,
        "status": ["parsed", "parsed", "ambiguous"],
        "value": ["a", "tie", None],
    }
    votes = votes_of(pl.DataFrame(rows), channel="voice")
    assert votes.select("item", "value", "count").rows() == [("a", "tie", 1), ("b", "a", 1)]
