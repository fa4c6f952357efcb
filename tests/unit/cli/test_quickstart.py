"""``equivoice quickstart`` as it is typed: the audit, the training, and what is left out."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.records import ESTIMATES, read_table
from equivoice.store import RunFolder, TrainingFolder

SMALL = ["--speakers", "12", "--per-speaker", "6", "--replicates", "100"]
TINY = ["training_speakers=18", "training_seeds=0", "optimiser.epochs=2"]
RUN = Path("run-synthetic")
METHODS = ("erm", "minmaxgap")


@pytest.fixture(autouse=True)
def _no_real_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EQUIVOICE_DATA", raising=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def keeping(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUIVOICE_CACHE", str(cache))


@pytest.fixture(scope="module")
def audited(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit without training, made once."""
    out = tmp_path_factory.mktemp("quickstart") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUIVOICE_CACHE", str(cache))
        patch.delenv("EQUIVOICE_DATA", raising=False)
        assert run(["quickstart", "-o", str(out), *SMALL, "--no-training"]) == 0
    return out


def anchors(report: Path) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', report.read_text(encoding="utf-8"))


# -------------------------------------------------------------------------- plans


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["quickstart", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "a synthetic corpus" in said
    assert "would train 6 small speech LLMs (erm, minmaxgap) on made speech" in said
    monkeypatch.setenv("EQUIVOICE_DATA", "/data")
    assert run(["quickstart", "--dry-run", "--no-training"]) == 0
    said = capsys.readouterr().out
    assert "RAVDESS from /data" in said
    assert "train" not in said
    assert run(["quickstart", "--dry-run", "training=false"]) == 0
    assert capsys.readouterr().out == said
    assert list(tmp_path.iterdir()) == []


def test_the_data_that_are_named_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["quickstart", "--data", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err


def test_what_cannot_be_is_named_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--training-speakers", "12", "--replicates", "0", "sped=3"]
    assert run(["quickstart", *words]) == 2
    said = capsys.readouterr().err
    assert "training_speakers" in said
    assert "replicates" in said
    assert "did you mean" in said
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- without training


def test_the_audit_alone(audited: Path) -> None:
    page = (audited / RUN / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "fair-training" not in anchors(audited / RUN / "report.html")
    table = read_table(audited / RUN / "estimates.parquet", ESTIMATES)
    assert set(table["system"]) == {"prior", "acoustic"}
    assert {"gender", "gender x language"} <= set(table["group_by"].drop_nulls())
    assert not (audited / "fair-training").exists()


@pytest.mark.usefixtures("keeping")
def test_the_same_command_says_the_same(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (audited / RUN / "estimates.parquet").read_bytes()
    assert run(["quickstart", "-o", str(audited), *SMALL, "--no-training"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Result: {audited / RUN / 'report.html'}"
    assert (audited / RUN / "estimates.parquet").read_bytes() == before


@pytest.mark.usefixtures("keeping")
def test_without_the_packages_of_training_it_goes_on_and_says_how_to_get_them(
    audited: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    gone = {"torch", "peft"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in gone else real(name, *more)
    )
    assert run(["quickstart", "-o", str(audited), *SMALL]) == 0
    said = capsys.readouterr()
    assert "No models are trained: torch with peft is needed" in said.err
    assert "next: pip install 'equivoice[train]'" in said.err
    assert said.out.splitlines()[-1] == f"Result: {audited / RUN / 'report.html'}"
    assert not (audited / "fair-training").exists()
    assert run(["quickstart", "-o", str(audited), "--dry-run"]) == 0
    assert "would train no models: torch with peft" in capsys.readouterr().out


# ------------------------------------------------------------------- with training


@pytest.fixture(scope="module")
def whole(
    cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The whole quickstart at a small size, in a process of its own."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, started(out, cache)


def started(out: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(out), capture_output=True, text=True, check=False, env=environment(cache)
    )
    assert done.returncode == 0, done.stderr
    return done


def command(out: Path) -> list[str]:
    return [sys.executable, "-m", "equivoice", "quickstart", "-o", str(out), *SMALL, *TINY]


def environment(cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "EQUIVOICE_DATA"}
    return kept | {"EQUIVOICE_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_models_are_trained_by_both_methods_and_shown_in_the_report_of_the_audit(
    whole: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = whole
    for method in METHODS:
        key = f"{method}-fold-1-seed-0"
        assert TrainingFolder.read(out / "fair-training" / "trainings" / key).record.finished
        assert RunFolder.read(out / "fair-training" / "answers" / key).record.finished
    report = out / RUN / "report.html"
    found = anchors(report)
    assert {"verdict", "fair-training", "trade-off", "limits", "trained"} <= set(found)
    assert len(found) == len(set(found))
    assert found.index("verdict") < found.index("fair-training") < found.index("data")
    text = report.read_text(encoding="utf-8")
    assert "nothing about people" in text
    assert str(out / "fair-training" / "fair-training.html") in text
    lines = done.stdout.splitlines()
    assert lines[-1] == f"Result: {report}"
    assert sum("Result:" in line for line in lines) == 1
    assert "ERM − MinMaxGAP, worst gap" in done.stdout
    assert "training minmaxgap-fold-1-seed-0 (2 of 2)" in done.stderr
    assert "validation macro_f1" not in done.stderr


@pytest.mark.slow
def test_killed_in_a_training_and_run_again_it_has_the_same_tables(
    whole: tuple[Path, subprocess.CompletedProcess[str]], cache: Path, tmp_path: Path
) -> None:
    out = whole[0]
    place, kept = out / "fair-training", tmp_path / "kept"
    kept.mkdir()
    for name in ("trainings", "answers", "models", "estimates.csv"):
        shutil.move(place / name, kept / name)
    killed_when(b"training minmaxgap", out, cache)  # ERM is trained and was asked
    assert not (place / "estimates.csv").exists()
    assert "fair-training" not in anchors(out / RUN / "report.html")
    started(out, cache)
    for method in METHODS:
        one, other = (
            TrainingFolder.read(at / "trainings" / f"{method}-fold-1-seed-0")
            for at in (place, kept)
        )
        for table in ("steps", "losses", "evaluations"):
            assert one.table(table).equals(other.table(table))
    tables = [pl.read_csv(at / "estimates.csv") for at in (place, kept)]
    assert tables[0].equals(tables[1])
    assert "fair-training" in anchors(out / RUN / "report.html")


def killed_when(said: bytes, out: Path, cache: Path) -> None:
    begun = subprocess.Popen(
        command(out), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment(cache)
    )
    assert begun.stderr is not None
    for line in begun.stderr:
        if said in line:
            begun.send_signal(signal.SIGKILL)
            break
    begun.stderr.close()
    assert begun.wait() == -signal.SIGKILL
