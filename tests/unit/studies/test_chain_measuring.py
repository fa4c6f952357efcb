"""What the chain measures, on answers that were written down: every number by hand or by sklearn."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.evaluation.open_answers import FORMS
from equivoice.rationales.precision import PRECISION, SHUFFLED
from equivoice.reports.rows import pick, read_estimates
from equivoice.studies.chain.answering import PROMPTS, reasons_given
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.limits import limits
from equivoice.studies.chain.measuring import TEACHER, ablation
from equivoice.studies.chain.settings import ARMS
from equivoice.studies.chain.verdict import chain_statements
from unit.studies.chain_by_hand import (
    HEARD_WRONG,
    LABELS,
    SETTINGS,
    TAKES,
    chain_by_hand,
    corpus,
    said_of,
    take_of,
)

TESTED = 5 * TAKES


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return chain_by_hand(tmp_path_factory.mktemp("chain"))


def expected_score(arm: str, seed: int) -> float:
    """Macro-F1 of what the student was made to answer."""
    table = corpus()
    tested = table.folds.filter(split="test")
    rows = table.utterances.join(tested, on="utterance_id").to_dicts()
    said = [said_of(row, arm, seed)[1] for row in rows]
    return float(f1_score([row["emotion"] for row in rows], said, average="macro"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("seed", SETTINGS.seeds)
def test_the_score_of_a_student_is_sklearns(chain: Chain, form: str, arm: str, seed: int) -> None:
    table = chain.forms[seed].scores.table
    own = table.filter(quantity="score", metric="macro_f1", system=arm, form=form)
    row = own.filter(subset="all", labels="majority").row(0, named=True)
    assert row["value"] == pytest.approx(expected_score(arm, seed))
    assert row["n"] == TESTED
    assert row["clusters"] == 5


@pytest.mark.parametrize("form", FORMS)
def test_an_arm_stands_for_itself_as_the_mean_over_its_seeds(chain: Chain, form: str) -> None:
    rows = read_estimates(chain.ablation[form])  # type: ignore[index]
    means = {}
    for arm in ARMS:
        scores = [expected_score(arm, seed) for seed in SETTINGS.seeds]
        means[arm] = sum(scores) / len(scores)
        (own,) = pick(rows, quantity="score", system=arm, run=None)
        assert own.value == pytest.approx(means[arm])
        single = {row.run: row.value for row in pick(rows, quantity="score", system=arm) if row.run}
        expected = {str(seed): score for seed, score in zip(SETTINGS.seeds, scores, strict=True)}
        assert single == pytest.approx(expected)
    (difference,) = pick(rows, quantity="comparison", run=None)
    assert difference.system == "with reasons − without reasons"
    assert difference.value == pytest.approx(means["with reasons"] - means["without reasons"])
    assert difference.value is not None
    assert difference.value > 0


def test_no_gap_between_groups_is_told(chain: Chain) -> None:
    for rows in chain.ablation.values():
        assert set(rows["quantity"]) == {"score", "comparison"}
        assert rows["class_aggregator"].null_count() == rows.height


def test_a_seed_is_compared_within_itself(chain: Chain) -> None:
    for seed, measured in chain.forms.items():
        table = measured.scores.table.filter(quantity="difference", metric="macro_f1")
        assert set(table["other"]) == {"without reasons"}
        expected = expected_score("with reasons", seed) - expected_score("without reasons", seed)
        assert table["value"].to_list() == pytest.approx([expected] * table.height)


def test_speakers_without_a_gender_are_compared_all_the_same(chain: Chain) -> None:
    bare = chain.corpus.utterances.drop("gender")
    tested = chain.corpus.folds.filter(split="test")
    reference = bare.join(tested, on="utterance_id", how="semi")
    found = ablation(chain.answered, reference, chain.corpus, SETTINGS)
    for form, rows in found.items():
        value = rows.filter(pl.col("run").is_null(), quantity="comparison")["value"].item()
        before = chain.ablation[form].filter(pl.col("run").is_null(), quantity="comparison")
        assert value == pytest.approx(before["value"].item())


def test_each_transcript_counts_its_words(chain: Chain) -> None:
    """A sentence of three words is taken for the other, with no word in common."""
    wrong = sum(take % HEARD_WRONG == 0 for take in range(TAKES)) / TAKES
    for measured in chain.forms.values():
        own = measured.transcripts.filter(quantity="score", metric="word_error_rate")
        assert set(own["prompt"]) == set(PROMPTS)
        assert own["value"].to_list() == pytest.approx([wrong] * own.height)
        assert own["n"].unique().to_list() == [TESTED]


def test_the_reasons_are_those_of_the_open_form(chain: Chain) -> None:
    found = reasons_given(chain.answered[0], chain.corpus)
    assert found.height == TESTED
    assert set(found["emotion"]) == set(LABELS)
    assert reasons_given(chain.answered[1], chain.corpus).is_empty()


def test_what_students_claim_is_held_against_the_takes(chain: Chain) -> None:
    """The two lowest takes are called high, and are not; those near the middle are not tested."""
    own = chain.grounded.claims.filter(system="the student, seed 0", measure="pitch")
    outcomes = {
        take: set(own.filter(pl.col("utterance_id").str.ends_with(f"-{take}"))["outcome"])
        for take in range(TAKES)
    }
    assert outcomes[0] == outcomes[1] == {"contradicted"}
    assert outcomes[2] == outcomes[3] == {"supported"}
    assert outcomes[8] == outcomes[9] == {"supported"}
    assert outcomes[4] == outcomes[5] == {"not testable"}
    rows = read_estimates(chain.grounded.estimates)
    (found,) = pick(rows, metric=PRECISION, system="the student, seed 0", label="pitch")
    assert found.value == pytest.approx(6 / 8)
    assert found.n == 8 * 5
    (drawn,) = pick(rows, metric=SHUFFLED, system="the student, seed 0", label="pitch")
    assert drawn.value is not None
    assert drawn.value < 6 / 8


def test_quotations_are_held_against_what_was_said(chain: Chain) -> None:
    own = chain.grounded.claims.filter(system="the student, seed 0", measure="quote")
    wrong = own.filter(outcome="contradicted")["utterance_id"].to_list()
    assert {take_of(name) % HEARD_WRONG for name in wrong} == {0}
    assert len(wrong) == own.height * sum(t % HEARD_WRONG == 0 for t in range(TAKES)) // TAKES


def test_the_teacher_is_wrong_as_often_as_it_was_told_to_be(chain: Chain) -> None:
    kept = chain.rationales.rationales().filter(status="kept").select("utterance_id")
    wrong = chain.written.join(kept, on="utterance_id", how="semi")["slips"].sum()
    claims = chain.grounded.claims.filter(system=TEACHER, kind="acoustic")
    assert claims.filter(outcome="contradicted").height == wrong > 0


def test_the_student_beats_its_exchanged_reasons_and_not_the_listener(chain: Chain) -> None:
    values = [
        each.estimates.filter(pl.col("class").is_null(), metric="win_rate")["value"].max()
        for each in chain.judged
    ]
    assert values[0] >= 0.5 > values[1]  # type: ignore[operator]


def test_what_is_shown_and_what_is_not_add_up(chain: Chain) -> None:
    can, cannot = chain_statements(chain)
    told = [*can, *cannot]
    assert sum("Reasons changed macro-F1" in text for text in told) == len(FORMS)
    assert sum(text.startswith("Of the claims of") for text in told) == 3
    (planted,) = [text for text in can if "planted in the teacher's reasons" in text]
    numbers = [int(word) for word in planted.split() if word.isdecimal()]
    assert numbers[0] == numbers[1] > 0


@pytest.mark.parametrize(("low", "named"), [(0.4, len(ARMS)), (0.5, len(ARMS)), (0.6, 0)])
def test_a_student_that_may_be_guessing_is_named(chain: Chain, low: float, named: int) -> None:
    """One half is what guessing between two labels comes to."""
    rows = chain.ablation["open"].with_columns(low=pl.lit(low))
    found = replace(chain, ablation={**chain.ablation, "open": rows})
    told = [text for text in limits(found) if "cannot be told from guessing among 2 labels" in text]
    assert len(told) == named


def test_the_limits_name_the_sentences_and_the_sizes(chain: Chain) -> None:
    told = " ".join(limits(chain))
    assert "The corpus has 2 sentences" in told
    assert f"{TESTED} utterances of 5 speakers were asked about" in told
    assert "with 2 seeds" in told
    assert "synthetic" not in told


def test_made_speech_is_called_so(chain: Chain) -> None:
    made = replace(chain, corpus=replace(chain.corpus, name="synthetic"))
    assert any("The speech is synthetic" in text for text in limits(made))
