"""The scripted judge of the chain: what it prefers can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.models.language import Decoding, Draw, Question
from equivoice.prompting.turns import Turn
from equivoice.rationales.grounding import Ground
from equivoice.store.judging_folder import JudgingFolder
from equivoice.studies.chain.judge import GroundingJudge
from equivoice.studies.chain.judging import Court, exchanged_reasons, judge_reasons
from equivoice.studies.chain.settings import ChainSettings
from unit.rationales.measured import ground

HIGH, LOW = "The pitch is high.", "The pitch is low."


def climbing(count: int = 20) -> Ground:
    names = ("pitch", "loudness", "letter_rate", "pitch_range")
    rows = [{"speaker": "s", **dict.fromkeys(names, float(at))} for at in range(count)]
    return ground(rows)


@pytest.mark.parametrize(
    ("text", "utterance", "points"),
    [
        (HIGH, "a/19", 1.0),
        (LOW, "a/19", -1.0),
        (f"{HIGH} The voice is loud.", "a/19", 2.0),
        (f"{HIGH} The voice is quiet.", "a/19", 0.0),
        ("It feels so.", "a/19", 0.0),
        ("The pitch is not high.", "a/0", 1.0),
    ],
)
def test_points_are_claims_supported_less_claims_contradicted(
    text: str, utterance: str, points: float
) -> None:
    assert GroundingJudge(ground=climbing()).points(utterance, text) == points


@pytest.mark.parametrize(
    ("first", "second", "verdict"), [(HIGH, LOW, "A"), (LOW, HIGH, "B"), (HIGH, HIGH, "tie")]
)
def test_it_prefers_what_the_recording_bears_out(first: str, second: str, verdict: str) -> None:
    text = f'Explanation A:\n"""\n{first}\n"""\n\nExplanation B:\n"""\n{second}\n"""'
    judge = GroundingJudge(ground=climbing())
    said = judge.answer([Question("a/19", (Turn("user", (text,)),))], [[Draw(0.0, 1)]], Decoding())
    assert str(said[0][0].text).splitlines()[-1] == f"Verdict: {verdict}"


def test_it_says_that_it_is_scripted() -> None:
    told = GroundingJudge(ground=climbing()).describe()
    assert "scripted" in told["weights"]
    assert told["rules"]["clear"] == 0.1


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["angry", "sad", None]), max_size=12), st.integers(0, 9))
def test_exchanged_reasons_are_those_of_others_with_the_same_label(
    labels: list[str | None], seed: int
) -> None:
    table = pl.DataFrame(
        {
            "utterance_id": [f"a/{at}" for at in range(len(labels))],
            "emotion": labels,
            "reason": [f"of a/{at}" for at in range(len(labels))],
        },
        schema={"utterance_id": pl.String, "emotion": pl.String, "reason": pl.String},
    )
    made = exchanged_reasons(table, seed)
    own = {label for label in labels if label is not None and labels.count(label) > 1}
    expected = [
        name for name, label in table.select("utterance_id", "emotion").rows() if label in own
    ]
    assert sorted(made["utterance_id"]) == sorted(expected)
    emotion = dict(zip(table["utterance_id"], labels, strict=True))
    for name, label, reason in made.rows():
        other = reason.removeprefix("of ")
        assert other != name
        assert emotion[other] == label == emotion[name]
    assert made["reason"].n_unique() == made.height


def reasons(texts: list[str], emotion: str | None = "sad") -> pl.DataFrame:
    names = [f"a/{at}" for at in range(len(texts))]
    return pl.DataFrame(
        {"utterance_id": names, "emotion": [emotion] * len(texts), "reason": texts},
        schema_overrides={"emotion": pl.String},
    )


def court(out: Path, count: int = 20) -> Court:
    names = [f"a/{at}" for at in range(count)]
    utterances = pl.DataFrame(
        {"utterance_id": names, "transcript": "Dogs bark", "emotion": "sad", "speaker": "s"}
    )
    return Court(utterances, climbing(count), out, ChainSettings(replicates=20))


def overall(estimates: pl.DataFrame) -> float:
    rows = estimates.filter(pl.col("class").is_null(), metric="win_rate")
    (value,) = rows["value"].unique().to_list()
    return float(value)


def test_true_reasons_win_against_others_and_at_most_tie_with_the_listener(tmp_path: Path) -> None:
    """Ten low and ten high: exchanged, a reason is true of its new utterance or the opposite."""
    texts = [LOW] * 10 + [HIGH] * 10
    found = judge_reasons(reasons(texts), court(tmp_path))
    others, listener = found
    exchanged = dict(exchanged_reasons(reasons(texts), 0).select("utterance_id", "reason").rows())
    # those near the median are too close to call, and a reason about them has no points
    clear = [at for at in range(20) if abs(at / 19 - 0.5) >= 0.1]
    wrong = sum(exchanged[f"a/{at}"] != texts[at] for at in clear)
    assert overall(others.estimates) == pytest.approx(0.5 + 0.5 * wrong / 20)
    assert overall(listener.estimates) <= 0.5
    assert listener.folder is not None
    judged = JudgingFolder.read(listener.folder)
    assert judged.record.config["judge"] == "grounding-judge"
    assert set(judged.judgments()["status"]) == {"parsed"}


def test_what_is_judged_is_not_judged_again(tmp_path: Path) -> None:
    texts = [LOW] * 10 + [HIGH] * 10
    first = judge_reasons(reasons(texts), court(tmp_path))
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("judgments.jsonl")}
    assert len(files) == 2
    again = judge_reasons(reasons(texts), court(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in files} == files
    for one, two in zip(first, again, strict=True):
        assert one.estimates.equals(two.estimates)


@pytest.mark.parametrize("emotion", [None, "sad"])
def test_without_a_pair_nobody_is_judged(emotion: str | None, tmp_path: Path) -> None:
    """No label, or one utterance of a label: there is nobody to exchange with."""
    found = judge_reasons(reasons([HIGH], emotion), court(tmp_path))[0]
    assert found.folder is None
    assert found.estimates.is_empty()
    assert found.left_out == {"no pair of reasons for the same label": 1}


def test_names_of_opponents_are_not_shown_to_the_judge(tmp_path: Path) -> None:
    found = judge_reasons(reasons([LOW] * 10 + [HIGH] * 10), court(tmp_path))
    for each in found:
        assert each.folder is not None
        for shown in JudgingFolder.read(each.folder).table("items")["shown"]:
            assert each.against not in shown
            assert "the student" not in shown


def test_each_pair_is_judged_in_both_orders(tmp_path: Path) -> None:
    others = judge_reasons(reasons([LOW] * 10 + [HIGH] * 10), court(tmp_path))[0]
    assert others.folder is not None
    items = JudgingFolder.read(others.folder).table("items")
    counts = items.group_by("utterance_id").agg(pl.col("system_a").n_unique())
    assert set(counts["system_a"]) == {2}
    assert items.height == 2 * 20


def test_no_more_pairs_are_judged_than_were_asked_for(tmp_path: Path) -> None:
    wide = court(tmp_path)
    few = Court(wide.utterances, wide.ground, tmp_path, ChainSettings(replicates=20, per_emotion=6))
    others = judge_reasons(reasons([LOW] * 10 + [HIGH] * 10), few)[0]
    assert others.left_out["not drawn"] == 14
