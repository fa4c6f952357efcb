"""``equivoice train`` as it is typed, to a benchmark of what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.cli.config import resolve
from equivoice.cli.train import TrainConfig
from equivoice.corpora import save_corpus
from equivoice.models.speech_llms import small
from equivoice.store import RunFolder, TrainingFolder
from tiny.corpus import make_corpus
from tiny.small import SIZE
from tiny.speech import TinyModels

QUICK = [
    "optimiser.epochs=2",
    "optimiser.batch=8",
    "optimiser.micro=4",
    "optimiser.lr=5e-3",
    "model.rank=4",
]


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels) -> str:
    return str(tiny_models("qwen2_audio"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    return str(save_corpus(make_corpus(folder / "sounds"), folder / "demo"))


def words(model: str, corpus: str, out: Path, *more: str) -> list[str]:
    system = ["--system", "q=qwen2-audio", f"options.q.model={model}"]
    return ["train", *system, "--corpus", corpus, "-o", str(out), *QUICK, *more]


@pytest.fixture(scope="module")
def trained(model: str, corpus: str, tmp_path_factory: pytest.TempPathFactory) -> TrainingFolder:
    out = tmp_path_factory.mktemp("runs") / "fair"
    assert run(words(model, corpus, out, "--recipe", "minmaxgap")) == 0
    return TrainingFolder.read(out)


def test_the_folder_is_whole_and_the_result_is_said(
    trained: TrainingFolder, model: str, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(model, corpus, trained.path, "--recipe", "minmaxgap")) == 0
    said = capsys.readouterr()
    assert "Best checkpoint: step" in said.out
    assert said.out.rstrip().splitlines()[-1].startswith(f"Result: {trained.best_path}")
    assert f"options.qwen2-audio.adapter={trained.best_path}" in said.out
    assert trained.record.command.split()[0] == "equivoice"
    assert trained.table("steps").height == 4
    assert {"README.md", "adapter_model.safetensors"} <= {
        path.name for path in trained.best_path.iterdir()
    }
    assert (trained.path / "report.html").is_file()


def test_what_was_trained_runs_in_benchmark_as_it_was_validated(
    trained: TrainingFolder, model: str, corpus: str, tmp_path: Path
) -> None:
    """The validation part as a test part: the same probabilities of the options."""
    from dataclasses import replace

    from equivoice.corpora import load_corpus

    loaded = load_corpus(corpus)
    swap = pl.col("split").replace({"validation": "test", "test": "train"})
    again = save_corpus(replace(loaded, folds=loaded.folds.with_columns(swap)), tmp_path / "demo")
    system = ["--system", "q=qwen2-audio", f"options.q.model={model}"]
    adapted = [*system, f"options.q.adapter={trained.best_path}"]
    rest = ["--corpus", str(again), "--temperature", "1", "--replicates", "20"]
    neutral = ["decoding.checkpoint=neutral", "decoding.max_new_tokens=64"]
    free = ["decoding.min_new_tokens=0"]
    assert run(["benchmark", *adapted, *rest, *neutral, *free, "-o", str(tmp_path / "run")]) == 0
    found = RunFolder.read(tmp_path / "run").predictions().filter(system="q/options")
    kept = trained.predictions()
    assert kept["system"].unique().to_list() == ["q/options"]
    both = kept.join(found, on="utterance_id", suffix="_again")
    assert both.height == kept.height == 8
    pairs = [both[name].to_list() for name in ("probabilities", "probabilities_again")]
    assert np.allclose(pairs[0], pairs[1], atol=1e-5)
    assert both["emotion"].to_list() == both["emotion_again"].to_list()
    assert run(["benchmark", *system, *rest, *neutral, *free, "-o", str(tmp_path / "base")]) == 0
    base = RunFolder.read(tmp_path / "base").predictions().filter(system="q/options")
    assert not np.allclose(
        base["probabilities"].to_list(), found["probabilities"].to_list(), atol=1e-4
    )


def test_a_dry_run_writes_nothing(
    model: str, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(model, corpus, tmp_path / "run", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "validation" in said
    assert "in at most 4 steps of up to 8 items, 2 an epoch" in said
    assert not (tmp_path / "run").exists()


def test_mistakes_are_named_and_end_with_code_2(
    model: str, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(model, corpus, tmp_path / "run", "optimiser.eopchs=3")) == 2
    assert "optimiser.eopchs: unknown key; did you mean 'epochs'?" in capsys.readouterr().err
    assert run(words(model, corpus, tmp_path / "run", "optimizer.lr=3")) == 2
    assert "optimizer: unknown key; did you mean 'optimiser'?" in capsys.readouterr().err
    assert run(words(model, corpus, tmp_path / "run", "options.p.model=3")) == 2
    assert "options for a system that is not trained: 'p'" in capsys.readouterr().err
    assert (
        run(words(model, corpus, tmp_path / "run", "optimiser.batch=2", "--recipe=minmaxgap")) == 2
    )
    assert "cannot hold the 4 groups" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def _smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest model in the place of the wide one."""
    monkeypatch.setattr(small, "SIZES", small.SIZES | {"wide": SIZE})


@pytest.mark.usefixtures("_smallest")
def test_a_model_from_scratch_is_made_trained_and_benchmarked(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", "--from-scratch", "--corpus", corpus, "-o", str(out), "optimiser.batch=8"]
    assert run(words) == 0
    said = capsys.readouterr().out
    options = (
        f"options.qwen2-audio.model={out / 'model'} options.qwen2-audio.adapter={out / 'best'}"
    )
    assert options in said
    assert TrainingFolder.read(out).record.config["recipe"] == "small"
    asked = ["--corpus", corpus, "--prompt", "direct", "--temperature", "1", "--replicates", "20"]
    again = ["benchmark", "--system", "qwen2-audio", *options.split(), *asked]
    assert run([*again, "-o", str(tmp_path / "audit")]) == 0
    assert RunFolder.read(tmp_path / "audit").predictions().height > 0
    # the same command again finds it done
    assert run(words) == 0


@pytest.mark.usefixtures("_smallest")
def test_a_dry_run_from_scratch_writes_nothing_and_hears_nothing(
    corpus: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def heard(*_: object, **__: object) -> None:
        raise AssertionError("weights are set from speech, which takes minutes")

    monkeypatch.setattr("equivoice.training.from_scratch.start_from_speech", heard)
    words = ["train", "--from-scratch", "--corpus", corpus, "-o", str(tmp_path / "run")]
    assert run([*words, "--dry-run"]) == 0
    assert "numbers are trained (partial)" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--system", "qwen2-audio", "--from-scratch"], "no system is given or has options"),
        (["--from-scratch", "options.qwen2-audio.model=x"], "no system is given or has options"),
        ([], "which system is to be trained?"),
    ],
)
def test_a_system_is_named_or_made(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    out = tmp_path / "run"
    assert run(["train", *words, "--corpus", corpus, "-o", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_file_of_options_means_what_flags_mean(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(
        "system: qwen2-audio\ncorpus: [a]\nout: run\nfold: {a: 1}\noptimiser: {lr: 1.0e-4}\n"
    )
    config = resolve(TrainConfig, file=file, words=["fold.a=2", "weight.kind=fixed"])
    assert config.fold == {"a": "2"}
    assert config.optimiser == {"lr": 1e-4}
    assert config.weight == {"kind": "fixed"}
    one = resolve(TrainConfig, file=file, words=["fold=3"])
    assert one.fold == "3"
