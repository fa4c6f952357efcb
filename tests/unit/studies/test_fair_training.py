"""The study of fair fine-tuning, end to end on a corpus of buzzes with a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.cli.training_report import training_inputs
from equivoice.corpora import Corpus, load_corpus, save_corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.models.speech_llms.small import make_small_speech_llm
from equivoice.reports import render_page
from equivoice.reports.document import Text
from equivoice.store import TrainingFolder
from equivoice.studies.fair.found import FairTraining
from equivoice.studies.fair.learning import small_model
from equivoice.studies.fair.page import study_chapter
from equivoice.studies.fair.settings import FairSettings
from equivoice.studies.fair_training import fair_training, write_fair_training
from equivoice.training.progress import Quiet
from tiny.corpus import make_corpus

SETTINGS = FairSettings(
    methods=("erm", "fixed:1"),
    seeds=(0, 1),
    recipe={"optimiser": {"epochs": 1, "batch": 8, "micro": 4}},
    replicates=50,
)


@dataclass
class Counting(Quiet):
    """Counts the steps that are made."""

    steps: list[int] = field(default_factory=list)

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:
        del loss, weight, gap
        self.steps.append(step)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    return load_corpus(save_corpus(make_corpus(folder / "sounds"), folder / "demo"))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def found(corpus: Corpus, out: Path) -> FairTraining:
    return fair_training([corpus], out, SETTINGS)


def test_each_method_and_seed_has_a_training_and_answers(found: FairTraining, out: Path) -> None:
    keys = [each.trained.key for each in found.answered]
    assert keys == [
        "erm-fold-1-seed-0",
        "fixed-1-fold-1-seed-0",
        "erm-fold-1-seed-1",
        "fixed-1-fold-1-seed-1",
    ]
    for each in found.answered:
        assert each.trained.folder.path == out / "trainings" / each.trained.key
        assert each.run.path == out / "answers" / each.trained.key
        assert each.trained.folder.record.finished is not None
        assert each.trained.folder.record.config["seed"] == each.trained.seed


def test_methods_begin_with_the_same_weights_and_batches_and_differ_in_the_weight(
    found: FairTraining,
) -> None:
    erm, fixed = (found.answered[at].trained for at in (0, 1))
    assert erm.base == fixed.base
    assert erm.base != found.answered[2].trained.base
    # the losses of the first batch are those before any update
    first = [each.folder.table("losses").filter(pl.col("step") <= 1) for each in (erm, fixed)]
    before = [each.filter((pl.col("step") == 0) | (pl.col("split") == "train")) for each in first]
    assert before[0].filter(split="train").height == 4
    assert before[0].equals(before[1])
    assert erm.folder.table("steps")["weight"].unique().to_list() == [0.0]
    assert fixed.folder.table("steps")["weight"].unique().to_list() == [1.0]


def test_the_test_part_was_heard_by_nobody_before(found: FairTraining, corpus: Corpus) -> None:
    tested = set(corpus.folds.filter(split="test")["utterance_id"])
    assert set(found.reference["utterance_id"]) == tested
    for each in found.answered:
        assert set(each.predictions["utterance_id"]) == tested
        assert set(each.trained.folder.utterances()["utterance_id"]).isdisjoint(tested)


def test_the_numbers_are_those_of_the_answers(found: FairTraining) -> None:
    """Mean over languages and seeds of macro-F1, and mean over seeds of the worst gap."""

    def macro(frame: pl.DataFrame) -> float:
        own = frame.drop_nulls("said")
        return float(
            f1_score(own["emotion"], own["said"], average="macro", labels=["angry", "sad"])
        )

    for name in ("ERM", "fixed λ = 1"):
        scores, gaps = [], []
        for each in found.answered:
            if each.trained.method.name != name:
                continue
            said = each.predictions.select("utterance_id", said="emotion")
            table = found.reference.join(said, on="utterance_id")
            cells = [table.filter(language=language) for language in ("en", "de")]
            scores.append(sum(map(macro, cells)) / 2)
            by = [[macro(cell.filter(gender=g)) for g in ("female", "male")] for cell in cells]
            gaps.append(max(abs(one - other) for one, other in by))
        own = found.estimates.filter(pl.col("run").is_null(), system=name)
        assert own.filter(quantity="score")["value"].item() == pytest.approx(sum(scores) / 2)
        worst = own.filter(quantity="gap", class_aggregator="max")["value"].item()
        assert worst == pytest.approx(sum(gaps) / 2)


def test_the_difference_is_the_first_method_minus_the_second(found: FairTraining) -> None:
    own = found.estimates.filter(pl.col("run").is_null())
    score = dict(own.filter(quantity="score").select("system", "value").rows())
    difference = own.filter(
        pl.col("quantity") == "comparison", pl.col("class_aggregator").is_null()
    )
    assert difference["system"].to_list() == ["ERM − fixed λ = 1"]
    assert difference["value"].item() == pytest.approx(score["ERM"] - score["fixed λ = 1"])


def test_what_is_done_is_not_done_again(found: FairTraining, corpus: Corpus, out: Path) -> None:
    files = [path for path in out.rglob("*") if path.suffix in (".safetensors", ".parquet")]
    before = {path: path.stat().st_mtime_ns for path in files}
    counting = Counting()
    again = fair_training([corpus], out, SETTINGS, training=counting)
    assert counting.steps == []
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert again.estimates.equals(found.estimates)


def test_a_study_that_was_cut_off_goes_on(
    found: FairTraining, corpus: Corpus, tmp_path: Path
) -> None:
    told: list[str] = []

    class Stop(Exception):
        pass

    def stop_at_the_third(what: str) -> None:
        told.append(what)
        if "(3 of 4)" in what:
            raise Stop

    with pytest.raises(Stop):
        fair_training([corpus], tmp_path, SETTINGS, watch=stop_at_the_third)
    assert sorted(path.name for path in (tmp_path / "trainings").iterdir()) == [
        "erm-fold-1-seed-0",
        "fixed-1-fold-1-seed-0",
    ]
    counting = Counting()
    whole = fair_training([corpus], tmp_path, SETTINGS, training=counting)
    steps = TrainingFolder.read(tmp_path / "trainings" / "erm-fold-1-seed-1").table("steps").height
    assert len(counting.steps) == 2 * steps
    assert whole.estimates.equals(found.estimates)


def test_further_seeds_can_be_added(found: FairTraining, corpus: Corpus, out: Path) -> None:
    counting = Counting()
    more = fair_training([corpus], out, replace(SETTINGS, seeds=(0, 1, 5)), training=counting)
    assert len(more.answered) == 6
    steps = found.answered[0].trained.folder.table("steps").height
    assert len(counting.steps) == 2 * steps


def test_another_recipe_in_the_same_folder_is_refused(
    found: FairTraining, corpus: Corpus, out: Path
) -> None:
    other = replace(SETTINGS, recipe={"optimiser": {"epochs": 2, "batch": 8, "micro": 4}})
    with pytest.raises(ConfigError):
        fair_training([corpus], out, other)
    assert found.answered[0].trained.folder.record.config["optimiser"]["epochs"] == 1


def test_an_unknown_fold_is_named_before_anything_is_trained(
    corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="no such fold"):
        fair_training([corpus], tmp_path, replace(SETTINGS, folds=("1", "9")))
    assert not (tmp_path / "trainings").exists()


def test_what_one_method_cannot_do_is_named_before_another_is_trained(
    corpus: Corpus, tmp_path: Path
) -> None:
    """ERM needs no groups; a penalty between groups that nobody has cannot be."""
    alone = corpus.utterances.filter(gender="female")
    women = replace(
        corpus, utterances=alone, folds=corpus.folds.join(alone, on="utterance_id", how="semi")
    )
    with pytest.raises(ConfigError, match="no cell of the train part has two groups"):
        fair_training([women], tmp_path, SETTINGS)
    assert not (tmp_path / "trainings").exists()


def test_the_page_shows_trade_off_limits_and_every_training(
    found: FairTraining, tmp_path: Path
) -> None:
    inputs = [training_inputs(each.trained.folder) for each in found.answered]
    page = write_fair_training(found, tmp_path, inputs, command="equivoice study fair-training")
    text = page.read_text(encoding="utf-8")
    assert page.name == "fair-training.html"
    for heading in ("Score against worst gap", "How little this proves", "What was trained"):
        assert heading in text
    for each in found.answered:
        assert f"Training: {each.trained.key}" in text
    assert "at least 5 each are needed" in text
    assert "equivoice study fair-training" in text
    table = pl.read_csv(tmp_path / "estimates.csv", infer_schema_length=None)
    assert table.height == found.estimates.height


def test_the_study_as_a_chapter_of_another_report(found: FairTraining, tmp_path: Path) -> None:
    chapter = study_chapter(found, tmp_path / "own.html", introduction="What was asked?")
    assert [part.anchor for part in chapter.sections] == ["trade-off", "limits", "trained"]
    assert [block.text for block in chapter.blocks if isinstance(block, Text)] == [
        "What was asked?",
        f"The curves of every training are in {tmp_path / 'own.html'}.",
    ]
    text = render_page("Another report", [chapter])
    for each in found.answered:
        assert each.trained.method.name in text
        assert f"Training: {each.trained.key}" not in text
    assert "at least 5 each are needed" in text


def test_the_model_is_made_once_and_by_its_seed(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(folder: Path, **given: object) -> Path:
        made.append(int(str(given["seed"])))
        return make_small_speech_llm(folder, **given)  # type: ignore[arg-type]

    monkeypatch.setattr("equivoice.studies.fair.learning.make_small_speech_llm", counted)
    model: Callable[[int], Path] = lambda seed: small_model(  # noqa: E731
        corpus, tmp_path, "tiny", seed, prompt="direct"
    )
    first, again, other = model(0), model(0), model(1)
    assert made == [0, 1]
    assert first == again
    weights = [(each / "model.safetensors").read_bytes() for each in (first, other)]
    assert weights[0] != weights[1]
    assert {path.name for path in (tmp_path / "models").iterdir()} == {first.name, other.name}


def test_all_methods_go_on_from_one_training_on_other_speech(
    found: FairTraining, corpus: Corpus, tmp_path: Path
) -> None:
    """The models before are those of one training by ERM, and are not made again."""
    settings = replace(SETTINGS, seeds=(0,), pretraining=SETTINGS.recipe)
    begun = fair_training([corpus], tmp_path, settings, pretrain_on=[corpus])
    erm, fixed = (each.trained for each in begun.answered)
    assert erm.base == fixed.base == tmp_path / "models" / "tiny-seed-0-pretrained"
    taught = TrainingFolder.read(tmp_path / "trainings" / "pretraining-seed-0")
    assert taught.record.config["objective"]["penalty"] == "none"
    # what was learnt before is there at the first step
    start = erm.folder.table("losses").filter(split="train", step=1)
    untaught = found.answered[0].trained.folder.table("losses").filter(split="train", step=1)
    assert start["loss"].mean() < untaught["loss"].mean()  # type: ignore[operator]
    text = write_fair_training(begun, tmp_path, [training_inputs(erm.folder)] * 2).read_text()
    assert f"had learnt from {corpus.utterances.height} utterances of demo" in text
    assert "random weights" not in text

    counting = Counting()
    fair_training([corpus], tmp_path, settings, pretrain_on=[corpus], training=counting)
    assert counting.steps == []


def test_nobody_is_tested_on_what_was_learnt_before(corpus: Corpus, tmp_path: Path) -> None:
    """Fold 1 trains on what fold 2 tests."""
    settings = replace(SETTINGS, folds=("2",))
    fair = replace(corpus, folds=corpus.folds.with_columns(fold=pl.lit("2")))
    turned = {"test": "train", "train": "test"}
    other = replace(fair, folds=fair.folds.with_columns(split=pl.col("split").replace(turned)))
    with pytest.raises(ConfigError, match="tested on what they learn from before"):
        fair_training([fair], tmp_path, settings, pretrain_on=[other])
    assert not (tmp_path / "trainings").exists()
