"""The scripted teacher: what it says is found by the grammar, and its faults by their filters."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from equivoice.corpora import label_space
from equivoice.errors import InputError
from equivoice.rationales.claims import find_claims
from equivoice.rationales.filtering import apply_filters
from equivoice.rationales.grounding import Ground, ground_reasons
from equivoice.studies.chain.planted import planted_faults
from equivoice.studies.chain.teacher import (
    FAULTS,
    OPPOSITES,
    SAYINGS,
    Heard,
    clear_claims,
    teacher_texts,
    write_reason,
)
from unit.rationales.measured import ground

LABELS = [
    *("angry", "calm", "contempt", "disgust", "fear"),
    *("frustrated", "happy", "neutral", "sad", "surprise"),
]
SENTENCES = ("Kids are talking by the door", "Der Zug fährt um halb zehn ab.", "八時に開きます。")
STEPS = 21


def climbing(**others: list[float]) -> Ground:
    """Utterances of one speaker whose pitch and rate climb and whose loudness falls."""
    rows = [
        {
            "speaker": "s",
            "pitch": float(at),
            "letter_rate": float(at),
            "loudness": -float(at),
            "pitch_range": float(at),
            **{name: values[at] for name, values in others.items()},
        }
        for at in range(STEPS)
    ]
    return ground(rows)


def utterances(emotion: str = "sad", said: str | None = "Dogs bark") -> pl.DataFrame:
    names = [f"a/{at}" for at in range(STEPS)]
    return pl.DataFrame(
        {"utterance_id": names, "emotion": emotion, "transcript": [said] * STEPS},
        schema_overrides={"transcript": pl.String},
    )


def every_reason(said: str | None) -> list[tuple[Heard, str]]:
    """Reasons that begin with each claim, in several wordings."""
    made = []
    claims = list(SAYINGS)
    for number, claim in enumerate(claims):
        heard = Heard(said, (claim, claims[(number + 3) % len(claims)]))
        made += [
            (heard, write_reason(heard, np.random.default_rng(10 * number + at))) for at in range(8)
        ]
    return made


@pytest.mark.parametrize("said", [*SENTENCES, None])
def test_each_claim_is_read_as_it_was_meant(said: str | None) -> None:
    for heard, reason in every_reason(said):
        claims = find_claims(reason)
        acoustic = [(claim.measure, claim.direction) for claim in claims if claim.kind != "lexical"]
        assert acoustic == list(heard.claims), reason
        assert not any(claim.negated or claim.hedged for claim in claims), reason


@pytest.mark.parametrize("said", [*SENTENCES, None])
def test_no_filter_drops_a_reason_without_a_fault(said: str | None) -> None:
    reasons = [reason for _, reason in every_reason(said)]
    names = [f"a/{at}" for at in range(len(reasons))]
    told = pl.DataFrame({"utterance_id": names, "response": reasons})
    answers = pl.concat(
        told.with_columns(
            utterance_id=pl.col("utterance_id") + label,
            emotion=pl.lit(label),
            teacher=pl.lit("t"),
            finished=pl.lit(True),
        )
        for label in LABELS
    )
    transcripts = dict.fromkeys(answers["utterance_id"], said)
    made = apply_filters(answers, transcripts, label_space(LABELS, id="all"))
    lost = made.rationales.filter(pl.col("status") != "kept")
    assert lost.select("reason", "why").rows() == []


@pytest.mark.parametrize("fault", list(FAULTS))
def test_each_fault_meets_the_filter_that_is_for_it(fault: str) -> None:
    expected, spoilt = FAULTS[fault]
    heard = Heard("Dogs bark", (("pitch", "high"), ("rate", "low")))
    reason = write_reason(heard, np.random.default_rng(1))
    answers = pl.DataFrame(
        {
            "utterance_id": LABELS,
            "emotion": LABELS,
            "response": [spoilt.format(reason=reason, label=label) for label in LABELS],
            "teacher": "t",
        }
    )
    transcripts = dict.fromkeys(LABELS, "Dogs bark")
    made = apply_filters(answers, transcripts, label_space(LABELS, id="all")).rationales
    assert made["status"].unique().to_list() == [expected]
    if expected == "kept":  # cleaned, up to a capital
        assert {each.lower() for each in made["reason"]} == {reason.lower()}


def test_the_clearest_is_said_first_and_nothing_that_is_unclear() -> None:
    found = climbing()
    top = clear_claims(found, STEPS - 1)
    assert set(top) == {
        ("pitch", "high"),
        ("pitch_range", "varied"),
        ("loudness", "low"),
        ("rate", "high"),
    }
    assert clear_claims(found, STEPS // 2) == []
    mixed = climbing(pitch=[0.0] * (STEPS - 2) + [1.0, 2.0], pitch_range=[0.0] * STEPS)
    assert clear_claims(mixed, 0)[0] in {("loudness", "high"), ("rate", "low")}


def test_what_is_said_without_slips_is_supported_and_slips_are_contradicted() -> None:
    found = climbing()
    for slips, outcome in ((0.0, "supported"), (1.0, "contradicted")):
        texts = teacher_texts(utterances(), found, slips=slips).drop_nulls("text")
        assert texts.height > STEPS / 2
        assert texts["slips"].unique().to_list() == [2 if slips else 0]
        reasons = texts.select("utterance_id", reason="text", system=pl.lit("t"))
        claims = ground_reasons(reasons, found).filter(kind="acoustic")
        assert claims.height == 2 * texts.height
        assert claims["outcome"].unique().to_list() == [outcome]


def test_nothing_is_written_where_nothing_is_clear() -> None:
    texts = teacher_texts(utterances(), climbing())
    silent = texts.filter(pl.col("text").is_null())
    assert f"a/{STEPS // 2}" in silent["utterance_id"].to_list()
    assert silent["fault"].null_count() == silent.height


@pytest.mark.parametrize(("share", "seed"), [(0.0, 0), (0.15, 1), (0.5, 2), (1.0, 3)])
def test_so_many_faults_are_planted_the_kinds_in_turn(share: float, seed: int) -> None:
    names = [f"a/{at}" for at in range(STEPS)]
    # a fault is planted whether or not the teacher has anything to say
    told = teacher_texts(utterances(), climbing(), faults=share, seed=seed)
    written = told.drop_nulls("text")
    assert told["utterance_id"].to_list() == names
    counts = dict(written.drop_nulls("fault").group_by("fault").len().iter_rows())
    assert sum(counts.values()) <= round(share * STEPS)
    most = -(-round(share * STEPS) // len(FAULTS))
    assert all(number <= most for number in counts.values())


def test_the_same_seed_writes_the_same_whatever_else_is_asked() -> None:
    found, asked = climbing(), utterances()
    whole = teacher_texts(asked, found, slips=0.3, seed=4)
    assert whole.equals(teacher_texts(asked, found, slips=0.3, seed=4))
    part = teacher_texts(asked.tail(5), found, slips=0.3, seed=4)
    assert whole.tail(5).equals(part)
    assert not whole.equals(teacher_texts(asked, found, slips=0.3, seed=5))


def test_without_a_transcript_nothing_is_quoted() -> None:
    texts = teacher_texts(utterances(said=None), climbing())["text"].drop_nulls().to_list()
    assert texts
    assert all("“" not in text for text in texts)


def test_a_transcript_may_hold_braces_and_quotation_marks() -> None:
    said = 'He said {nothing} "at all" {0}'
    texts = teacher_texts(utterances(said=said), climbing(), faults=1.0)
    assert any(said in text for text in texts["text"].drop_nulls())


def test_an_utterance_that_was_not_measured_is_named() -> None:
    foreign = utterances().with_columns(utterance_id=pl.lit("b/9"))
    with pytest.raises(InputError, match="b/9"):
        teacher_texts(foreign, climbing())


def test_opposites_are_of_the_same_measure_and_go_both_ways() -> None:
    for claim, other in OPPOSITES.items():
        assert claim[0] == other[0]
        assert OPPOSITES[other] == claim
    assert set(OPPOSITES) == set(SAYINGS)


def test_planted_faults_are_counted_by_hand() -> None:
    written = pl.DataFrame(
        {
            "utterance_id": ["a", "b", "c", "d", "e"],
            "fault": [
                "names the label",
                "names the label",
                None,
                "opens with a filler",
                "breaks off",
            ],
        }
    )
    made = pl.DataFrame(
        {"utterance_id": ["a", "b", "c", "d"], "status": ["label_word", "kept", "kept", "kept"]}
    )
    assert planted_faults(written, made).rows() == [
        ("names the label", 2, "label_word", 1),
        ("opens with a filler", 1, "kept", 1),
    ]
    assert planted_faults(written.head(0), made).is_empty()
