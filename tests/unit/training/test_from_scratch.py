"""A model from nothing: made of the training part alone, gone on with, and never mistaken."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.models.registry import load_model
from equivoice.models.speech_llms import small
from equivoice.models.speech_llms.small import SIZES
from equivoice.store import TrainingFolder
from equivoice.training import from_scratch as under_test
from equivoice.training import train_from_scratch
from tiny.corpus import make_corpus
from tiny.small import SIZE

QUICK: dict[str, Any] = {
    "optimiser": {"epochs": 1, "batch": 8},
    "tracking": {"tensorboard": False},
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest model in the place of the wide one: the same code, a second and not minutes."""
    monkeypatch.setattr(small, "SIZES", SIZES | {"wide": SIZE})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("sounds"), takes=3)


@pytest.fixture(scope="module")
def trained(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> TrainingFolder:
    out = tmp_path_factory.mktemp("runs") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "SIZES", SIZES | {"wide": SIZE})
        return train_from_scratch(corpus, out=out, **QUICK)


def made(run: TrainingFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.model_path / "from_scratch.json").read_text())
    return found


def speakers(corpus: Corpus, part: str) -> set[str]:
    ids = corpus.folds.filter(split=part).get_column("utterance_id").to_list()
    rows = corpus.utterances.filter(pl.col("utterance_id").is_in(ids))
    return set(rows.get_column("speaker"))


def test_the_wide_size_has_room_for_eight_emotions(tmp_path: Path) -> None:
    """What the tests put the smallest model in the place of."""
    from equivoice.models.small_start import Layout
    from equivoice.models.speech_llms.small import make_small_speech_llm

    labels = ["angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    assert "wide" in SIZES
    folder = make_small_speech_llm(tmp_path / "wide", labels=labels, size="wide")
    backend: Any = load_model("qwen2-audio", model=str(folder))
    assert Layout.of(backend.model.config, 8).room > 8


def test_the_folder_has_a_model_and_what_training_made_of_it(trained: TrainingFolder) -> None:
    assert trained.record.finished is not None
    options = {"model": str(trained.model_path), "adapter": str(trained.best_path)}
    backend: Any = load_model("qwen2-audio", **options)
    assert backend.family == "qwen2_audio"
    assert trained.record.config["options"] == {"model": str(trained.model_path.absolute())}
    assert trained.record.config["recipe"] == "small"
    assert trained.record.config["system"] == "small=qwen2-audio"


def test_only_training_speakers_were_heard(trained: TrainingFolder, corpus: Corpus) -> None:
    assert set(made(trained)["train_speakers"]) == speakers(corpus, "train")
    chosen = trained.record.selection[0]
    assert set(chosen["speakers"]) == speakers(corpus, "validation")
    assert made(trained)["start"]["clips"] == len(speakers(corpus, "train")) * 6


def test_the_sounds_of_others_can_be_missing_until_the_training_needs_them(
    corpus: Corpus, trained: TrainingFolder, tmp_path: Path
) -> None:
    """The start is the same where no test sound is on the disk at all."""
    test = corpus.folds.filter(split="test").get_column("utterance_id").to_list()
    gone = pl.when(pl.col("utterance_id").is_in(test)).then(pl.lit(None)).otherwise("audio")
    deaf = replace(corpus, utterances=corpus.utterances.with_columns(gone.alias("audio")))
    run = train_from_scratch(deaf, out=tmp_path / "run", **QUICK)
    weights = "model.safetensors"
    ours, other = (each.model_path / weights for each in (run, trained))
    assert ours.read_bytes() == other.read_bytes()


def test_the_record_says_how_the_model_was_made(trained: TrainingFolder) -> None:
    said = trained.record.generation["small"]["from_scratch"]
    assert said == made(trained)
    assert 0 <= said["start"]["macro_f1"] <= 1
    assert said["start"]["answers"] == ["Angry", "Sad"]


def test_the_model_before_the_first_step_can_be_the_best(trained: TrainingFolder) -> None:
    candidates = trained.record.selection[0]["candidates"]
    assert candidates[0]["step"] == 0
    best = min(candidates, key=lambda each: each["value"])
    assert trained.record.selection[0]["chosen"] == f"step {best['step']}"


def test_a_start_that_is_the_best_is_kept(corpus: Corpus, tmp_path: Path) -> None:
    """Steps so large that they can only harm."""
    wild = QUICK | {"optimiser": {"epochs": 1, "batch": 8, "lr": 0.3, "warmup": 0.0}}
    run = train_from_scratch(corpus, out=tmp_path / "run", **wild)
    assert run.record.selection[0]["chosen"] == "step 0"
    table = run.table("evaluations").filter(metric="loss", best=True)
    assert table.get_column("step").to_list() == [0]


def test_the_same_call_goes_on_and_makes_nothing_anew(
    corpus: Corpus, trained: TrainingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(under_test, "start_from_speech", never)
    before = (trained.path / "run.json").read_bytes()
    again = train_from_scratch(corpus, out=trained.path, **QUICK)
    assert (again.path / "run.json").read_bytes() == before


def test_a_start_that_was_cut_off_leaves_no_half_model(
    corpus: Corpus, trained: TrainingFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def killed(folder: Path, *_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(under_test, "start_from_speech", killed)
        with pytest.raises(KeyboardInterrupt):
            train_from_scratch(corpus, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run" / "model").exists()
    run = train_from_scratch(corpus, out=tmp_path / "run", **QUICK)
    weights = "model.safetensors"
    ours, other = (each.model_path / weights for each in (run, trained))
    assert ours.read_bytes() == other.read_bytes()
    rows = "step", "loss"
    assert run.table("steps").select(rows).equals(trained.table("steps").select(rows))


def test_a_model_of_another_seed_is_not_gone_on_with(
    corpus: Corpus, trained: TrainingFolder
) -> None:
    with pytest.raises(ConfigError, match="another seed stands in the folder") as caught:
        train_from_scratch(corpus, out=trained.path, **(QUICK | {"seed": 4}))
    assert "--overwrite" in str(caught.value)


def test_a_model_of_other_utterances_is_not_gone_on_with(
    corpus: Corpus, trained: TrainingFolder
) -> None:
    with pytest.raises(ConfigError, match="another utterances"):
        train_from_scratch(corpus, out=trained.path, **(QUICK | {"data": {"limit": 20}}))


def test_overwriting_makes_another(corpus: Corpus, tmp_path: Path) -> None:
    first = train_from_scratch(corpus, out=tmp_path / "run", **QUICK)
    before = (first.model_path / "model.safetensors").read_bytes()
    second = train_from_scratch(
        corpus, out=tmp_path / "run", overwrite=True, **(QUICK | {"seed": 5})
    )
    assert (second.model_path / "model.safetensors").read_bytes() != before
    assert second.record.config["seed"] == 5


def test_a_folder_with_another_model_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="not made from scratch"):
        train_from_scratch(corpus, out=tmp_path / "run", **QUICK)
    assert (tmp_path / "run" / "model" / "config.json").read_text() == "{}"


def test_a_folder_with_other_things_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        train_from_scratch(corpus, out=tmp_path, **QUICK)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_unknown_speakers_cannot_be_left_out(corpus: Corpus, tmp_path: Path) -> None:
    first = corpus.utterances.get_column("utterance_id")[0]
    nobody = pl.when(pl.col("utterance_id") == first).then(pl.lit(None)).otherwise("speaker")
    broken = replace(corpus, utterances=corpus.utterances.with_columns(nobody.alias("speaker")))
    with pytest.raises(CorpusError, match=f"the speaker of {first} is not known"):
        train_from_scratch(broken, out=tmp_path / "run", **QUICK)


def test_without_sound_there_is_nothing_to_start_from(tmp_path: Path) -> None:
    read = make_corpus(tmp_path / "sounds", transcripts=True)
    changes = QUICK | {"data": {"modalities": ["transcript"]}}
    with pytest.raises(CorpusError, match="learns from sound"):
        train_from_scratch(read, out=tmp_path / "run", **changes)


def test_several_processes_do_not_make_it(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="made by one process"):
        train_from_scratch(corpus, out=tmp_path / "run", **QUICK)


def test_speakers_of_two_corpora_are_two(tmp_path: Path) -> None:
    """The same name in both corpora is not the same speaker, and labels are taken together."""
    one = make_corpus(tmp_path / "one", name="one")
    two = make_corpus(tmp_path / "two", name="two", labels=("angry", "calm"))
    run = train_from_scratch([one, two], out=tmp_path / "run", **QUICK)
    found = made(run)
    names = found["train_speakers"]
    assert len(names) == 2 * len(speakers(one, "train"))
    assert {name.partition("/")[0] for name in names} == {"one", "two"}
    assert found["labels"] == ["Angry", "Sad", "Calm"]


def test_a_wrong_setting_is_named_before_anything_is_made(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="eopchs"):
        train_from_scratch(corpus, out=tmp_path / "run", optimiser={"eopchs": 1})
    assert not (tmp_path / "run").exists()


def test_folds_must_be_named_where_there_are_several(corpus: Corpus, tmp_path: Path) -> None:
    both = pl.concat([corpus.folds, corpus.folds.with_columns(fold=pl.lit("2"))])
    with pytest.raises(ConfigError, match="several folds"):
        train_from_scratch(replace(corpus, folds=both), out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_another_recipe_trains_the_whole_model(corpus: Corpus, tmp_path: Path) -> None:
    """The start is the same; what of it is trained is the recipe's to say."""
    changes = QUICK | {"model": {"tuning": "full", "unfreeze": []}, "selection": {"start": False}}
    run = train_from_scratch(corpus, out=tmp_path / "run", **changes)
    assert run.record.selection[0]["candidates"][0]["step"] > 0
    facts = json.loads((run.path / "training.json").read_text())
    assert facts["trainable"] == facts["parameters"]


def test_a_damaged_account_of_the_model_is_not_trusted(
    corpus: Corpus, trained: TrainingFolder, tmp_path: Path
) -> None:
    place = tmp_path / "run" / "model"
    shutil.copytree(trained.model_path, place)
    (place / "from_scratch.json").write_text('{"seed": ')
    with pytest.raises(InputError, match="not made from scratch"):
        train_from_scratch(corpus, out=tmp_path / "run", **QUICK)
