"""From training folders to a report and a model card: what is read, shared, named, refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from equivoice.cli.app import app
from equivoice.cli.training_report import (
    is_training,
    training_inputs,
    write_model_card,
    write_training_report,
)
from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, InputError
from equivoice.records import FOLDS, RunRecord
from equivoice.store import RunFolder, TrainingFolder
from oracles.trained import EMOTIONS, answers, journals, utterances

FACTS = {
    "attribute": "gender",
    "cell": "language",
    "labels": list(EMOTIONS),
    "objective": "minmaxgap",
    "base_model": "Qwen/Qwen2-Audio-7B-Instruct",
    "system": "qwen2-audio",
    "prompt": "user_labels",
    "tolerance": 0.02,
    "maximum": 10.0,
    "weight_gap": "loss",
    "trainable": 1000,
    "parameters": 100_000,
    "stopped": "No better macro-F1 on validation data for 2 epochs.",
    "notes": ["The folds of tri were made here."],
}


def training(
    path: Path, *, seed: int = 1, recipe: str = "minmaxgap", right: float = 0.6, **facts: Any
) -> TrainingFolder:
    """A folder as a training leaves it."""
    table = utterances(speakers=6)
    used = pl.concat(
        [
            table.with_columns(
                utterance_id=pl.lit("train-") + pl.col("utterance_id"), split=pl.lit("train")
            ),
            table.with_columns(split=pl.lit("validation")),
        ]
    ).with_columns(cell="language", group="gender")
    config = {
        "system": "qwen2-audio",
        "recipe": recipe,
        "corpora": ["/home/ada/tri"],
        "seed": seed,
        "model": {"tuning": "lora"},
        "data": {"modalities": ["speech"]},
    }
    chosen = {"what": "checkpoint", "metric": "macro_f1", "split": "validation", "speakers": ["a"]}
    with TrainingFolder.open(path) as run:
        run.save_record(
            RunRecord(
                verb="train", config=config, selection=[chosen], finished="2026-11-21T09:00:00Z"
            )
        )
        for name, rows in zip(("steps", "losses", "evaluations"), journals(), strict=True):
            run.append(name, rows)
        run.gather()
        run.write_utterances(used)
        run.write_predictions(
            answers(table, right=right, gap=0.2, seed=seed).with_columns(system=pl.lit("q/options"))
        )
        run.write_text("training.json", json.dumps(FACTS | facts))
    (path / "best").mkdir()
    return TrainingFolder.read(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainingFolder:
    return training(tmp_path_factory.mktemp("trainings") / "fair")


def corpus() -> Corpus:
    return Corpus(
        "tri", label_space(list(EMOTIONS), id="tri"), utterances(speakers=2), FOLDS.empty()
    )


# ------------------------------------------------------------------------- inputs


def test_everything_that_the_folder_holds_is_read(run: TrainingFolder) -> None:
    inputs = training_inputs(run)
    assert (inputs.title, inputs.attribute, inputs.cell) == ("fair", "gender", "language")
    assert inputs.chosen == 36
    assert inputs.labels == EMOTIONS
    assert (inputs.tolerance, inputs.maximum, inputs.compared) == (0.02, 10.0, "loss")
    assert (inputs.trainable, inputs.parameters, inputs.tuning) == (1000, 100_000, "lora")
    assert inputs.stopped == FACTS["stopped"]
    assert inputs.notes == ("The folds of tri were made here.",)
    assert inputs.data is not None
    assert inputs.data.filter(split="train")["utterances"].sum() == 576
    assert inputs.data["speakers"].to_list() == [6] * 12


def test_estimates_are_of_the_validation_part_alone(run: TrainingFolder) -> None:
    estimates = training_inputs(run).estimates
    assert estimates is not None
    row = estimates.filter(quantity="score").row(0, named=True)
    assert (row["n"], row["clusters"]) == (576, 36)
    held_out = run.utterances().filter(split="validation")
    joined = run.predictions().join(held_out, on="utterance_id")
    assert joined.height == 576
    assert row["low"] < row["value"] < row["high"]


def test_without_a_penalty_there_is_no_tolerance(tmp_path: Path) -> None:
    inputs = training_inputs(training(tmp_path / "erm", objective="erm"))
    assert (inputs.tolerance, inputs.maximum) == (None, None)


def test_a_training_that_has_just_begun_has_a_report_too(tmp_path: Path) -> None:
    with TrainingFolder.open(tmp_path / "new") as new:
        new.save_record(RunRecord(verb="train", config={"system": "q=qwen2-audio"}))
    inputs = training_inputs(TrainingFolder.read(tmp_path / "new"))
    assert (inputs.chosen, inputs.estimates, inputs.data) == (None, None, None)
    assert inputs.system == "qwen2-audio"
    page = write_training_report(TrainingFolder.read(tmp_path / "new")).read_text("utf-8")
    assert "No step of training is on record." in page


def test_cells_may_be_all_the_data(tmp_path: Path) -> None:
    estimates = training_inputs(training(tmp_path / "one", cell="all")).estimates
    assert estimates is not None
    gap = estimates.filter(quantity="gap", class_aggregator="max").row(0, named=True)
    assert gap["group_by"] == "gender within all"
    assert gap["groups"] == "all x female − all x male"


def test_damaged_facts_are_named(tmp_path: Path) -> None:
    broken = training(tmp_path / "broken")
    (broken.path / "training.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="facts of the training are damaged"):
        training_inputs(broken)


# ------------------------------------------------------------------------- report


def test_the_report_stands_in_the_folder_of_the_training(tmp_path: Path) -> None:
    only = training(tmp_path / "fair")
    place = write_training_report(only)
    assert place == only.path / "report.html"
    assert "Training stopped after 48 steps" in place.read_text("utf-8")


def test_the_report_can_be_had_while_the_training_goes_on(tmp_path: Path) -> None:
    own = training(tmp_path / "fair")
    with TrainingFolder.open(own.path) as writer:
        record = writer.record.model_copy(update={"finished": None})
        writer.save_record(record)
        part = writer.path / ".half.part"
        part.write_text("of the trainer", encoding="utf-8")
        page = write_training_report(TrainingFolder.read(own.path)).read_text("utf-8")
        assert part.is_file()  # the trainer's own file is left alone
    assert "Training is not finished, or was cut off after 48 steps" in page


def test_several_trainings_need_a_place_and_are_compared(tmp_path: Path) -> None:
    runs = [
        training(tmp_path / "fair-1", seed=1),
        training(tmp_path / "fair-2", seed=2),
        training(tmp_path / "erm-seed1", seed=1, recipe="erm", right=0.5),
    ]
    with pytest.raises(ConfigError, match="needs a place"):
        write_training_report(runs)
    page = write_training_report(runs, out=tmp_path).read_text("utf-8")
    assert (tmp_path / "report.html").is_file()
    # two seeds of one method, named by what their folders have in common
    assert re.findall(r"<li>([AB]: [^<]+)</li>", page) == ["A: fair", "B: erm-seed1"]
    assert "between fair and erm-seed1 was detected" in page
    assert "erm-seed1 was trained once: " in page
    assert "which chose the checkpoint of each run" in page


@pytest.mark.parametrize(
    ("facts", "folder"), [({"attribute": "age[30]"}, "a"), ({"labels": [*EMOTIONS, "bored"]}, "b")]
)
def test_trainings_that_compare_other_things_stand_side_by_side_only(
    tmp_path: Path, facts: dict[str, Any], folder: str
) -> None:
    runs = [training(tmp_path / "one"), training(tmp_path / folder)]
    text = json.dumps(FACTS | facts)
    (runs[1].path / "training.json").write_text(text, encoding="utf-8")
    if "attribute" in facts:  # no such column: nothing is computed for it
        (runs[1].path / "predictions.parquet").unlink()
    page = write_training_report(runs, out=tmp_path / "x.html").read_text("utf-8")
    assert "Score against worst gap</h2>" not in page
    assert page.count("Training: ") >= 2


def test_the_same_training_done_twice_is_no_second_seed(tmp_path: Path) -> None:
    runs = [training(tmp_path / name / "fair", seed=1) for name in ("a", "b")]
    page = write_training_report(runs, out=tmp_path / "x.html").read_text("utf-8")
    found = re.findall(r"<li>([AB]): ([^<]+)</li>", page)
    assert [sign for sign, _ in found] == ["A", "B"]
    assert found[0][1] == "fair"
    assert found[1][1].endswith("b/fair")


# --------------------------------------------------------------------- model card


def test_the_card_stands_beside_the_checkpoint(run: TrainingFolder) -> None:
    card = write_model_card(run)
    assert card == run.best_path / "README.md"
    text = card.read_text("utf-8")
    assert text.startswith("---\nlibrary_name: peft\nbase_model: Qwen/Qwen2-Audio-7B-Instruct\n")
    assert "# fair" in text
    assert "/home/ada" not in text


def test_corpora_are_described_and_remembered(tmp_path: Path) -> None:
    own = training(tmp_path / "fair")
    first = write_model_card(own, {"tri": corpus()}).read_text("utf-8")
    assert "**corpus:** tri" in first
    assert "What the checks of the data found" in first
    assert write_model_card(own).read_text("utf-8") == first
    assert training_inputs(own).cards.keys() == {"tri"}


def test_without_a_checkpoint_there_is_nothing_to_describe(tmp_path: Path) -> None:
    own = training(tmp_path / "fair")
    (own.path / "best").rmdir()
    with pytest.raises(InputError, match="no checkpoint to describe"):
        write_model_card(own)


# ------------------------------------------------------------------- command line


def test_the_verb_knows_a_training_by_its_record(tmp_path: Path) -> None:
    own = training(tmp_path / "fair")
    assert is_training(own.path)
    assert not is_training(tmp_path)
    (tmp_path / "run.json").write_text("[]", encoding="utf-8")
    assert not is_training(tmp_path)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    assert not is_training(tmp_path)
    shown = CliRunner().invoke(app, ["report", str(own.path)])
    assert shown.exit_code == 0, shown.output
    assert (own.path / "report.html").is_file()
    assert "report.html" in shown.output.replace("\n", "")
    said = " ".join(shown.output.split())
    assert "✓ Training stopped after 48 steps, in epoch 8." in said
    assert "Validation data chose the checkpoint" in said


def test_a_training_and_a_benchmark_have_no_report_in_common(tmp_path: Path) -> None:
    own = training(tmp_path / "fair")
    with RunFolder.open(tmp_path / "scored") as other:
        other.save_record(RunRecord(verb="benchmark", config={}))
    given = ["report", str(own.path), str(tmp_path / "scored"), "--out", str(tmp_path / "x.html")]
    refused = CliRunner().invoke(app, given)
    assert refused.exit_code != 0
    assert not (tmp_path / "x.html").exists()
