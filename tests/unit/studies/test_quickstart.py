"""The quickstart study: which corpus it takes, and what it does with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, InputError, MissingDependencyError
from equivoice.studies import quickstart as study
from equivoice.studies.quickstart import (
    audit,
    data_at_hand,
    fair_folder,
    missing_for_training,
    real_corpus,
    speech_to_learn,
    synthetic_corpus,
    train_fairly,
)
from tiny.corpus import make_corpus


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


# ----------------------------------------------------------------------- training


def without(gone: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in gone else real(name, *more)
    )


def test_what_training_lacks_is_named_with_the_extras_that_bring_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(set(), monkeypatch)
    assert missing_for_training() is None
    without({"transformers", "parselmouth"}, monkeypatch)
    assert str(missing_for_training()) == (
        "transformers with praat-parselmouth is needed for training ERM and MinMaxGAP and is not "
        "installed\n  next: pip install 'equivoice[praat,train]'"
    )


def test_without_its_packages_nothing_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(tmp_path / "sounds")
    without({"torch"}, monkeypatch)
    with pytest.raises(MissingDependencyError, match="torch is needed for training"):
        train_fairly(corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_few_speakers_to_learn_from_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too few"):
        speech_to_learn(tmp_path, speakers=17)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("speakers", "tested", "learnt"), [(18, 1, 1), (36, 4, 1), (42, 5, 1)])
def test_as_many_are_tested_as_an_interval_needs(
    speakers: int, tested: int, learnt: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each gender in each language; the tables alone, without sound."""
    cells = 6
    people = [f"{at % cells}-{at // cells}" for at in range(speakers)]
    table = pl.DataFrame(
        {
            "utterance_id": people,
            "speaker": people,
            "language": [str(int(name[0]) // 2) for name in people],
            "gender": [str(int(name[0]) % 2) for name in people],
        }
    )

    def made(place: Path, **given: object) -> Corpus:
        del place, given
        return Corpus("synthetic", label_space(["angry", "sad"], id="two"), table)

    monkeypatch.setattr("equivoice.studies.fair.speech.make_synthetic", made)
    monkeypatch.setattr("equivoice.studies.fair.speech._kept", lambda corpus, _: corpus)
    folds = speech_to_learn(tmp_path, speakers=speakers).folds
    parts = dict(folds.group_by("split").len().iter_rows())
    assert parts["test"] == cells * tested
    assert parts["train"] == cells * learnt


def test_all_of_the_training_stands_in_one_folder(tmp_path: Path) -> None:
    assert fair_folder(tmp_path) == tmp_path / "fair-training"
