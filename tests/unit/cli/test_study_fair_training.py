"""``equivoice study fair-training`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.cli.app import run
from equivoice.cli.config import resolve
from equivoice.cli.study_fair_training import FairTrainingConfig
from equivoice.corpora import save_corpus
from equivoice.store import RunFolder, TrainingFolder
from tiny.corpus import make_corpus

QUICK = ["optimiser.epochs=1", "optimiser.batch=8", "--replicates", "50"]
VERB = ["study", "fair-training"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    return str(save_corpus(make_corpus(folder / "sounds"), folder / "demo"))


@pytest.fixture(scope="module")
def out(corpus: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    words = ["--corpus", corpus, "-o", str(folder), "--method", "erm,minmaxgap", "--seeds", "3"]
    assert run([*VERB, *words, *QUICK]) == 0
    return folder


def test_the_folder_holds_page_numbers_trainings_and_answers(out: Path) -> None:
    assert (out / "fair-training.html").is_file()
    assert (out / "estimates.csv").is_file()
    for key in ("erm-fold-1-seed-3", "minmaxgap-fold-1-seed-3"):
        training = TrainingFolder.read(out / "trainings" / key)
        assert training.record.command.split()[0] == "equivoice"
        assert "gender" in (training.best_path / "README.md").read_text(encoding="utf-8")
        assert RunFolder.read(out / "answers" / key).record.finished is not None


def test_the_same_command_says_the_same_and_trains_nothing(
    corpus: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = out / "trainings" / "erm-fold-1-seed-3" / "best" / "README.md"
    written = best.stat().st_mtime_ns
    words = ["--corpus", corpus, "-o", str(out), "--method", "erm", "--method", "minmaxgap"]
    assert run([*VERB, *words, "--seeds", "3", *QUICK]) == 0
    said = capsys.readouterr()
    assert "macro-F1, %" in said.out
    assert "ERM − MinMaxGAP, worst gap:" in said.out
    assert said.out.rstrip().splitlines()[-1] == f"Result: {out / 'fair-training.html'}"
    assert "training erm-fold-1-seed-3 (1 of 2)" in said.err
    assert "asking minmaxgap-fold-1-seed-3" in said.err
    assert "validation macro_f1" not in said.err
    assert best.stat().st_mtime_ns == written


def test_a_dry_run_says_how_many_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "none"
    assert run([*VERB, "-o", str(place), "--seeds", "0,1", "--dry-run"]) == 0
    assert "would train 6 models of size tiny on speech that is made" in capsys.readouterr().out
    assert not place.exists()


def test_what_cannot_be_is_named(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        "unknown method": ["--method", "best"],
        "is none of small, wide, tiny": ["--size", "vast"],
        "has one fold": ["--folds", "1,2"],
        "pretraining is said how, and not on what": ["pretraining.optimiser.epochs=2"],
    }
    for message, words in wrong.items():
        assert run([*VERB, "-o", str(tmp_path / "out"), *words]) == 2
        assert message in capsys.readouterr().err
    assert run([*VERB, "--corpus", corpus, "-o", str(tmp_path / "out"), "optimiser.rate=1"]) == 2
    assert "optimiser.rate" in capsys.readouterr().err


def test_seeds_and_methods_can_be_listed_or_repeated() -> None:
    listed = resolve(
        FairTrainingConfig, words=["out=x", "method=erm,fixed:2"], flags={"seeds": ("0,1",)}
    )
    assert listed.seeds == (0, 1)
    assert listed.method == ("erm", "fixed:2")
    assert resolve(FairTrainingConfig, words=["out=x", "seeds=4"]).seeds == (4,)
    plain = resolve(FairTrainingConfig, words=["out=x"])
    assert plain.method == ("erm", "minmaxgap", "fixed:1")
