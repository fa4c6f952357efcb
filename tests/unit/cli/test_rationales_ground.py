"""``equivoice rationales ground``: tables and a page from reasons and a corpus, or a refusal."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.corpora import save_corpus
from equivoice.records import CLAIMS, ESTIMATES, read_table
from tiny.corpus import make_corpus

pytest.importorskip("parselmouth")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ground")
    made = make_corpus(folder / "sounds", languages=["en"], transcripts=True)
    save_corpus(made, folder / "demo")
    names = made.utterances.get_column("utterance_id").to_list()
    reason = 'The words "this is take" come in a high pitch, and the voice is not loud.'
    pl.DataFrame({"utterance_id": names, "system": "m", "reason": reason}).write_csv(
        folder / "predictions.csv"
    )
    return folder


def ground(place: Path, out: Path, *more: str) -> int:
    words = ["--from", str(place / "predictions.csv"), "--corpus", str(place / "demo")]
    few = ["--replicates", "50", "--shuffles", "10", "--workers", "1"]
    return run(["rationales", "ground", *words, "-o", str(out), *few, *more])


def test_reasons_become_claims_estimates_and_a_page(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "grounded"
    assert ground(place, out) == 0
    said = capsys.readouterr()
    assert f"Result: {out / 'claims.parquet'}, {out / 'report.html'}" in said.out
    assert "16 reasons; 0 of them claim nothing" in said.err
    claims = read_table(out / "claims.parquet", CLAIMS)
    assert claims.height == 3 * 16
    quotes = claims.filter(measure="quote")
    assert set(quotes["outcome"]) == {"supported"}
    estimates = read_table(out / "estimates.parquet", ESTIMATES)
    assert {"claim_precision", "claim_precision_shuffled"} == set(estimates["metric"])
    assert pl.read_parquet(out / "measurements.parquet").height == 16
    page = (out / "report.html").read_text("utf-8")
    assert '<mark class="claim supported">' in page
    assert "http" not in page.split("</style>")[-1].replace("http-equiv", "")
    # a rule can be given, and an unknown one is refused before anything is measured
    assert ground(place, tmp_path / "other", "rules.clear=0.45") == 0
    other = read_table(tmp_path / "other" / "claims.parquet", CLAIMS)
    assert (
        other.filter(outcome="not testable").height > claims.filter(outcome="not testable").height
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["rules.loudness=3"], "rules: unknown key"),
        (["rules.clear=2"], "rules.clear"),
        (["rules.clear=much"], "must be a number"),
    ],
)
def test_rules_that_cannot_be_are_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    assert ground(place, tmp_path / "out", *words) == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_reasons_about_another_corpus_are_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "other.csv"
    pl.DataFrame({"utterance_id": ["b/1"], "system": ["m"], "reason": ["Loud."]}).write_csv(table)
    words = ["--from", str(table), "--corpus", str(place / "demo"), "-o", str(tmp_path / "out")]
    assert run(["rationales", "ground", *words]) == 2
    assert "no reason is about an utterance of the corpus" in capsys.readouterr().err


def test_a_table_without_reasons_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "none.csv"
    pl.DataFrame({"utterance_id": ["a/1"], "system": ["m"], "reason": [""]}).write_csv(table)
    words = ["--from", str(table), "--corpus", str(place / "demo"), "-o", str(tmp_path / "out")]
    assert run(["rationales", "ground", *words]) == 2
    assert "there is no reason in it" in capsys.readouterr().err
