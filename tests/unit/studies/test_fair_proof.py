"""How little a small study proves: each sentence where it belongs, and only there."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.reports.rows import Estimate
from equivoice.studies.fair.proof import limits
from equivoice.studies.fair.settings import FairSettings

WITHIN = "gender within language"


def reference(speakers: int = 2) -> pl.DataFrame:
    rows = [
        {
            "utterance_id": f"demo/{language}-{gender}-{who}-{take}",
            "language": language,
            "gender": gender,
            "speaker": f"{language}-{gender}-{who}",
            "corpus": "demo",
        }
        for language in ("en", "de")
        for gender in ("female", "male")
        for who in range(speakers)
        for take in range(3)
    ]
    return pl.DataFrame(rows)


def corpus(name: str = "demo") -> Corpus:
    return Corpus(name, label_space(["angry", "sad", "happy", "calm"], id=name), pl.DataFrame())


def score(system: str, value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(
        "score", "macro_f1", system=system, group_by="language", value=value, low=low, high=high
    )


def difference(low: float | None, high: float | None, *, gap: bool = False) -> Estimate:
    return Estimate(
        "comparison",
        "macro_f1",
        system="ERM − MinMaxGAP",
        group_by=WITHIN if gap else "language",
        class_aggregator="max" if gap else None,
        value=0.1,
        low=low,
        high=high,
        undefined="interval: too few speakers: en: 2 (at least 5 each are needed)"
        if low is None
        else None,
    )


def said(
    *rows: Estimate,
    settings: FairSettings | None = None,
    corpora: tuple[Corpus, ...] | None = None,
    table: pl.DataFrame | None = None,
) -> str:
    own = reference() if table is None else table
    return "\n".join(limits(own, rows, settings or FairSettings(), corpora or (corpus(),)))


def test_the_sizes_are_counted() -> None:
    lost = reference(3).filter(
        ~((pl.col("speaker") == "de-male-2") | (pl.col("utterance_id") == "demo/en-female-0-0"))
    )
    text = said(table=lost, settings=FairSettings(seeds=(3, 4)))
    assert "Tested on 32 utterances of 11 speakers (1 fold), 2 speakers" in text
    assert "where there are fewest (de, male), with 2 seeds" in text


def test_speakers_of_unknown_group_are_not_counted() -> None:
    unknown = reference().with_columns(
        pl.when(pl.col("speaker") != "en-male-1").then(pl.col("gender")).alias("gender")
    )
    assert "21 utterances of 7 speakers" in said(table=unknown)


@pytest.mark.parametrize(("gap", "what"), [(False, "the score"), (True, "the worst gap")])
def test_a_difference_that_may_be_chance_is_said_to_be_one(gap: bool, what: str) -> None:
    text = said(difference(-0.02, 0.22, gap=gap))
    assert f"ERM and MinMaxGAP may well be alike in {what}" in text
    assert "[−2.0, +22.0] points, contains 0" in text


def test_a_difference_that_is_none_by_chance_is_not_listed() -> None:
    assert "alike" not in said(difference(0.01, 0.2, gap=True))


def test_without_an_interval_nothing_can_be_judged() -> None:
    text = said(difference(None, None))
    assert "cannot be judged: no interval can be given (too few speakers: en: 2" in text


def test_a_method_that_guesses_is_named_and_the_other_is_not() -> None:
    """Four labels: a quarter is had by guessing."""
    text = said(score("ERM", 0.5, 0.4, 0.6), score("MinMaxGAP", 0.3, 0.2, 0.4))
    assert "Cannot be told from guessing among 4 labels (25.0%): MinMaxGAP (30.0%)" in text
    assert "ERM (" not in text
    assert "guessing" not in said(score("ERM", 0.5, 0.4, 0.6))
    assert "ERM (20.0%)" in said(score("ERM", 0.2, None, None))


def test_synthetic_speech_is_said_to_be_synthetic() -> None:
    assert "synthetic" in said(corpora=(corpus("synthetic"),))
    assert "synthetic" not in said()


def test_cells_that_are_corpora_are_many_things_at_once() -> None:
    several = (corpus("one"), corpus("two"))
    settings = FairSettings(cell="corpus")
    assert "cannot be put down to any one" in said(corpora=several, settings=settings)
    assert "cannot be put down to any one" not in said(corpora=several)
    assert "cannot be put down to any one" not in said(settings=settings)


def test_small_models_prove_nothing_about_large_ones() -> None:
    assert "Nothing follows about large models" in said()
