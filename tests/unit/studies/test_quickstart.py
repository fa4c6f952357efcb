"""The quickstart study: which corpus it takes, and what it does with it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.studies import quickstart as study
from equivoice.studies.quickstart import audit, data_at_hand, real_corpus, synthetic_corpus


def test_real_data_are_taken_where_the_variable_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EQUIVOICE_DATA", raising=False)
    assert data_at_hand() is None
    monkeypatch.setenv("EQUIVOICE_DATA", "")
    assert data_at_hand() is None
    monkeypatch.setenv("EQUIVOICE_DATA", "/data")
    assert data_at_hand() == Path("/data")


def test_missing_real_data_are_an_error_and_not_replaced_by_synthetic(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        study(tmp_path / "out", data=tmp_path / "none")
    assert not (tmp_path / "out" / "synthetic").exists()


@pytest.mark.slow
def test_the_audit_of_a_small_synthetic_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    corpus = synthetic_corpus(tmp_path, speakers=12, per_speaker=6)
    run = audit(corpus, tmp_path, replicates=50, render=lambda run: f"<p>{run.path.name}</p>")
    assert run.path == tmp_path / "run-synthetic"
    assert run.read_text("report.html") == "<p>run-synthetic</p>"
    predictions = run.predictions()
    assert predictions.group_by("system").len().sort("system").rows() == [
        ("acoustic", 72),
        ("prior", 72),
    ]
    tested_on = run.estimates().filter(quantity="score", metric="accuracy", fold="all")
    assert tested_on["n"].to_list() == [72, 72]


@pytest.mark.slow
def test_the_audit_finds_what_was_planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Women are recorded in babble that is loud enough for 24 speakers to show what it does."""
    pytest.importorskip("parselmouth")
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    run = audit(synthetic_corpus(tmp_path), tmp_path, replicates=2_000)
    gap = run.estimates().filter(
        quantity="pair_gap",
        metric="macro_f1",
        system="acoustic",
        fold="all",
        groups="female \N{MINUS SIGN} male",
        group_by="gender",
    )
    assert gap.height == 1
    assert gap["high"].item() < 0
    assert gap["p_value"].item() < 0.05


@pytest.mark.slow
def test_the_audit_of_ravdess(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    corpus = real_corpus(real_data, tmp_path)
    assert corpus.utterances.height == 1440
    assert len(corpus.fold_names) == 6
    run = audit(corpus, tmp_path, replicates=500)
    macro = run.estimates().filter(
        (pl.col("quantity") == "score") & (pl.col("metric") == "macro_f1"), fold="all"
    )
    by_system = dict(macro.select("system", "value").rows())
    assert by_system["acoustic"] >= 0.50
    assert by_system["prior"] < 0.10
