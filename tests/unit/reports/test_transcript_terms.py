"""What systems heard has words in reports: every metric of transcripts is named and explained."""

from __future__ import annotations

from equivoice.metrics.transcription import transcript_metrics
from equivoice.reports.terms import METRICS, TRANSCRIPTS, measure


def test_every_metric_of_transcripts_has_its_words() -> None:
    assert set(TRANSCRIPTS) == set(transcript_metrics())
    assert set(TRANSCRIPTS) <= set(METRICS)


def test_rates_are_shares_in_per_cent_that_may_exceed_a_hundred() -> None:
    assert {measure(name) for name in TRANSCRIPTS} == {"%"}
    assert "may exceed 100%" in TRANSCRIPTS["word_error_rate"].meaning
    assert transcript_metrics()["word_error_rate"].high == float("inf")
