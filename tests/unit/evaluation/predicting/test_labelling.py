"""Labels for sounds: from benchmarks, from systems by name, from what is asked in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import equivoice
from equivoice.corpora import Corpus, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import benchmark, predict
from equivoice.store import RunFolder
from tiny.corpus import make_corpus
from tiny.sounds import buzz, write

QUICK: dict[str, Any] = {"replicates": 20, "permutations": 10, "group_by": ()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("spoken")
    made = make_corpus(folder / "audio", takes=2, transcripts=True)
    folds = make_folds(made.utterances, n_folds=2, seed=0)
    whole = Corpus(made.name, made.label_space, made.utterances, folds)
    save_corpus(whole, folder / "demo", audio_root=folder)
    return equivoice.load_corpus(folder / "demo")


@pytest.fixture(scope="module")
def run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "acoustic"
    return benchmark(
        "acoustic", str(corpus.root), out=out, options={"acoustic": {"workers": 1}}, **QUICK
    )


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for name, pitch in (("high", 290.0), ("low", 120.0)):
        write(tmp_path / f"{name}.wav", buzz(pitch, 0.4))
    return tmp_path


def shares(rows: pl.DataFrame) -> np.ndarray:
    return rows.get_column("probabilities").struct.unnest().to_numpy()


def test_a_finished_benchmark_labels_new_sounds(run: RunFolder, sounds: Path) -> None:
    made = predict(sounds, model=run.path)
    assert [Path(file).name for file in made.rows["file"]] == ["high.wav", "low.wav"]
    assert made.labels == ("angry", "sad")
    assert set(made.rows["label"]) <= set(made.labels)
    np.testing.assert_allclose(shares(made.rows).sum(axis=1), 1.0, atol=1e-9)
    best = [made.labels[code] for code in shares(made.rows).argmax(axis=1)]
    assert made.rows["label"].to_list() == best
    assert "all labelled utterances of demo (64 utterances)" in made.notes[0]


def test_the_model_of_a_fold_is_the_one_that_the_benchmark_fitted(
    run: RunFolder, corpus: Corpus
) -> None:
    """The stored predictions of the fold come out again, to the last bit."""
    tested = run.predictions().filter(fold="1").sort("utterance_id")
    audio = dict(corpus.utterances.select("utterance_id", "audio").iter_rows())
    files = [audio[name] for name in tested["utterance_id"]]
    made = predict(files, model=run.path, fold="1")
    assert made.rows["label"].to_list() == tested["emotion"].to_list()
    np.testing.assert_array_equal(shares(made.rows), np.array(tested["probabilities"].to_list()))
    other = predict(files, model=run.path, fold="2")
    assert not np.array_equal(shares(other.rows), shares(made.rows))


def test_a_system_by_name_is_fitted_to_a_corpus(corpus: Corpus, sounds: Path) -> None:
    made = predict(sounds, model="prior", train_on=corpus)
    np.testing.assert_allclose(shares(made.rows), 0.5)
    again = predict(sounds, model="prior", train_on=str(corpus.root), fold="1")
    assert "the training part of fold 1" in again.notes[0]


def test_what_is_missing_is_said(corpus: Corpus, sounds: Path, run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="fitted to labelled speech before it can label") as no:
        predict(sounds, model="acoustic")
    assert "--train-on" in str(no.value)
    with pytest.raises(ConfigError, match="neither such a folder nor such a system: 'acustic'"):
        predict(sounds, model="acustic")
    with pytest.raises(ConfigError, match="needs to know among which labels"):
        predict(sounds, model="scripted-llm")
    with pytest.raises(InputError, match="there is no model in this folder"):
        predict(sounds, model=sounds)
    with pytest.raises(ConfigError, match="the run has no such system: 'other'"):
        predict(sounds, model=run.path, system="other")
    with pytest.raises(ConfigError, match="acoustic is not asked in words"):
        predict(sounds, model=run.path, prompts=["user_labels"])
    with pytest.raises(ConfigError, match="no such fold: '9'"):
        predict(sounds, model=run.path, fold="9")


def test_a_run_of_another_verb_has_no_model(tmp_path: Path, sounds: Path) -> None:
    from equivoice.records import RunRecord

    with RunFolder.open(tmp_path / "scored") as folder:
        folder.save_record(RunRecord(verb="score", config={}))
    with pytest.raises(InputError, match="a run of 'score', which has no model"):
        predict(sounds / "low.wav", model=tmp_path / "scored")
    with RunFolder.open(tmp_path / "half") as folder:
        folder.save_record(RunRecord(verb="benchmark", config={}))
    with pytest.raises(InputError, match="the run is not finished"):
        predict(sounds / "low.wav", model=tmp_path / "half")


# ------------------------------------------------------------------- asked in words


def test_a_language_model_answers_with_probabilities_of_its_options(sounds: Path) -> None:
    made = predict(sounds, model="scripted-llm", labels=["angry", "sad", "happy"])
    assert made.labels == ("angry", "sad", "happy")
    assert made.rows["status"].to_list() == ["parsed", "parsed"]
    assert made.rows["response"].null_count() == 0
    assert made.rows["probabilities"].null_count() == 0
    top = shares(made.rows).max(axis=1)  # at temperature 1: those of the model, not 0 and 1
    assert ((top > 0.4) & (top < 0.95)).all()
    best = [made.labels[code] for code in shares(made.rows).argmax(axis=1)]
    assert made.rows["label"].to_list() == best  # the answer is the greedy one
    cold = predict(sounds, model="scripted-llm", labels=["angry", "sad"], temperatures=[0.0])
    assert sorted(shares(cold.rows).ravel()) == [0.0, 0.0, 1.0, 1.0]
    assert made.rows["system"].unique().to_list() == ["scripted-llm"]


def test_a_benchmark_of_a_language_model_is_asked_as_there(
    corpus: Corpus, tmp_path: Path, sounds: Path
) -> None:
    """Its labels, prompt and options are those of the run; a file of the run is answered the same."""
    run = benchmark(
        "scripted-llm", str(corpus.root), out=tmp_path / "llm", folds=["1"], seed=3, **QUICK
    )
    made = predict(sounds, model=run.path)
    assert made.labels == corpus.label_space.names
    stored = run.predictions().filter(system="scripted-llm").row(0, named=True)
    audio = dict(corpus.utterances.select("utterance_id", "audio").iter_rows())
    again = predict(audio[stored["utterance_id"]], model=run.path)
    assert again.rows["status"].to_list() == ["parsed"]


def test_a_sweep_is_refused_with_every_reason(sounds: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        predict(
            sounds,
            model="scripted-llm",
            labels=["angry", "sad"],
            temperatures=[0.0, 1.0],
            runs=3,
        )
    assert "temperatures: 2 are given" in str(caught.value)
    assert "runs: 3 are given" in str(caught.value)


def test_transcripts_come_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "u.csv"
    table.write_text("utterance_id,transcript\nt/1,I am so glad\nt/2,\n")
    asked: dict[str, Any] = {"model": "scripted-llm", "labels": ["angry", "sad"]}
    made = predict(table, modalities=["transcript"], **asked)
    assert made.rows["file"].to_list() == ["t/1"]
    assert made.damaged == {"t/2": "the utterance has no transcript"}
    write(tmp_path / "a.wav", buzz(120.0, 0.3))
    with pytest.raises(InputError, match=r"no utterance of files.* has a transcript"):
        predict(tmp_path / "a.wav", modalities=["transcript"], **asked)


# ---------------------------------------------------------------- damage and resuming


def test_a_damaged_file_costs_its_own_label_only(corpus: Corpus, sounds: Path) -> None:
    (sounds / "broken.wav").write_text("no sound")
    made = predict(sounds, model="prior", train_on=corpus)
    assert made.rows.height == 2
    assert [Path(file).name for file in made.damaged] == ["broken.wav"]
    alone = predict(sounds / "broken.wav", model="prior", train_on=corpus)
    assert alone.rows.is_empty()
    assert alone.rows.columns == made.rows.columns
    assert alone.failed == 0


class _Stopped(Exception):
    """The call was cut off."""


def test_an_interrupted_call_goes_on_where_it_stopped(
    corpus: Corpus, sounds: Path, tmp_path: Path
) -> None:
    for number in range(6):
        write(sounds / f"more-{number}.wav", buzz(150.0 + number, 0.3))
    told: list[str] = []

    def stop(rows: Any) -> None:
        told.extend(row["file"] for row in rows)
        if len(told) >= 4:
            raise _Stopped

    asked: dict[str, Any] = {"model": "prior", "train_on": corpus, "batch_size": 2}
    work = tmp_path / "work"
    with pytest.raises(_Stopped):
        predict(sounds, told=stop, work=work, **asked)
    later: list[str] = []
    made = predict(
        sounds, told=lambda rows: later.extend(r["file"] for r in rows), work=work, **asked
    )
    assert made.rows.equals(predict(sounds, **asked).rows)
    assert sorted(later) == sorted(made.rows["file"])  # what was there is told again, once
    with pytest.raises(ConfigError):
        predict(sounds / "low.wav", work=work, **asked)


def test_the_surface_is_one_word(corpus: Corpus, sounds: Path) -> None:
    assert equivoice.predict is predict
    made = equivoice.predict(str(sounds / "low.wav"), model="prior", train_on=corpus)
    assert made.rows.height == 1
