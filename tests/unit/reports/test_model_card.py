"""Model cards: what machines read, what people must know, and nothing that is not theirs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import yaml

from equivoice.corpora.card import Card, Fact
from equivoice.records import RunRecord
from equivoice.reports.model_card import model_card
from equivoice.reports.training_inputs import TrainingInputs
from oracles.trained import training_inputs

SOURCE = "https://example.org"


@pytest.fixture(scope="module")
def inputs() -> TrainingInputs:
    return training_inputs(
        cards={
            "tri": Card(
                name="tri",
                title=Fact(value="Three languages", source=SOURCE),
                licence=Fact(value="CC BY-NC 4.0", source=SOURCE),
                citation=Fact(value="Nobody (2026). Three languages.", source=SOURCE),
            )
        },
        findings=[Finding()],
    )


class Finding:
    severity, code, message, corpus = "warning", "confounded-group", "gender is confounded", "tri"


@pytest.fixture(scope="module")
def card(inputs: TrainingInputs) -> str:
    return model_card(inputs)


def front(card: str) -> dict[str, Any]:
    """The YAML between the first two lines of dashes, as the hub finds it."""
    found = re.match(r"---\n([\s\S]*?)\n---\n", card)
    assert found is not None
    read = yaml.safe_load(found[1])
    assert isinstance(read, dict)
    return read


def test_the_front_matter_is_what_the_hub_reads(card: str) -> None:
    read = front(card)
    assert read["library_name"] == "peft"
    assert read["base_model"] == "Qwen/Qwen2-Audio-7B-Instruct"
    assert read["base_model_relation"] == "adapter"
    assert read["language"] == ["de", "en", "ja"]
    assert read["pipeline_tag"] == "audio-text-to-text"
    assert "lora" in read["tags"]


def test_results_carry_their_interval_their_count_and_their_split(
    card: str, inputs: TrainingInputs
) -> None:
    (model,) = front(card)["model-index"]
    (result,) = model["results"]
    assert result["dataset"]["split"] == "validation"
    assert "which chose the checkpoint" in result["dataset"]["name"]
    assert inputs.estimates is not None
    rows = inputs.estimates
    score = rows.filter(quantity="score").row(0, named=True)
    gap = rows.filter(quantity="gap", class_aggregator="max").row(0, named=True)
    for found, row in zip(result["metrics"], (score, gap), strict=True):
        assert found["value"] == pytest.approx(row["value"] * 100, abs=0.05)
        ends = f"95% interval {row['low'] * 100:.1f} to {row['high'] * 100:.1f}"
        assert ends in found["name"]
        assert f"n {row['n']}" in found["name"]
    assert [found["type"] for found in result["metrics"]] == ["f1", "gap"]


def test_the_hub_library_reads_the_card(card: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    read = hub.ModelCard(card, ignore_metadata_errors=False).data
    assert read.base_model == "Qwen/Qwen2-Audio-7B-Instruct"
    assert [each.metric_type for each in read.eval_results] == ["f1", "gap"]


def test_data_groups_gaps_limits_and_citations_have_sections(card: str) -> None:
    headings = re.findall(r"^## (.+)$", card, flags=re.MULTILINE)
    assert headings == [
        "What this is",
        "What can be concluded",
        "Scores and gaps on the validation data",
        "Data",
        "Limits",
        "How to use it",
        "How it was trained, and how to do it again",
        "How to cite",
    ]
    assert "| ja | female | 320 | 20 |" in card
    assert "**licence:** CC BY-NC 4.0" in card
    assert "- **warning:** tri: gender is confounded" in card
    assert "must not be used to judge, select, monitor or diagnose people" in card
    assert "Nobody (2026). Three languages." in card
    assert "This card states no licence for the weights" in card


def test_every_gap_of_the_estimates_stands_in_the_card(card: str, inputs: TrainingInputs) -> None:
    assert inputs.estimates is not None
    for row in inputs.estimates.filter(quantity="pair_gap").iter_rows(named=True):
        cell = row["groups"].split(" x ")[0]
        line = next(each for each in card.splitlines() if each.startswith(f"| {cell}: female −"))
        value = f"{abs(row['value']) * 100:.1f}"
        assert value in line
        assert f"| {row['n']} | {row['clusters']} |" in line


def test_the_three_aggregators_are_named(card: str) -> None:
    for name in (
        "largest over languages",
        "mean over languages",
        "root mean square over languages",
    ):
        assert f"| {name} |" in card


def test_choices_and_their_split_are_told(card: str) -> None:
    assert "The checkpoint of step 36 was chosen by macro-F1 on validation data" in card
    assert "its scores on them tend to be better than what new speakers would give" in card


def test_without_answers_the_card_says_why_there_are_no_intervals(inputs: TrainingInputs) -> None:
    card = model_card(replace(inputs, estimates=None))
    assert "No scores with intervals can be given" in card
    assert "model-index" not in front(card)


def test_a_model_in_a_folder_is_not_named_with_its_path(inputs: TrainingInputs) -> None:
    record = inputs.record.model_copy(
        update={
            "config": {"corpora": ["/home/ada/corpora/tri"], "optimiser": {"lr": 1e-4}},
            "inputs": {"/home/ada/corpora/tri/utterances.parquet": "ab" * 32},
            "command": "equivoice train --out /home/ada/runs/x",
        }
    )
    card = model_card(replace(inputs, base_model="/home/ada/models/tiny", record=record, cards={}))
    assert "base_model" not in front(card)
    assert "/home" not in card
    assert "ada/" not in card
    assert "A LoRA adapter for tiny" in card
    assert "--corpus tri" in card
    assert "lr: 0.0001" in card
    assert f"{'ab' * 32}  utterances.parquet" in card


def test_a_model_trained_whole_is_no_adapter(inputs: TrainingInputs) -> None:
    card = model_card(replace(inputs, tuning="full"))
    assert front(card)["library_name"] == "transformers"
    assert front(card)["base_model_relation"] == "finetune"
    assert "lora" not in front(card)["tags"]
    assert "options.qwen2-audio.model=THIS_FOLDER" in card


def test_a_text_model_has_no_audio_in_its_pipeline(inputs: TrainingInputs) -> None:
    card = model_card(replace(inputs, modalities=("transcript",)))
    assert "pipeline_tag" not in front(card)


def test_cells_that_are_no_languages_name_none(inputs: TrainingInputs) -> None:
    assert "language" not in front(model_card(replace(inputs, cell="corpus")))
    assert inputs.data is not None
    long = inputs.data.with_columns(cell=pl.lit("meld x zh-Hans-CN"))
    for cell in ("corpus x language", "modality x corpus x language"):
        card = model_card(replace(inputs, data=long, cell=cell))
        assert front(card)["language"] == ["zh"]
    assert "Utterances by corpus × language and gender" in card


@pytest.mark.parametrize(
    "bad",
    ["a\n---\nlicense: mit", "<script>alert(1)</script>", "x | y", "[x](javascript:1)", "\ud800"],
)
def test_no_text_breaks_out_of_its_place(inputs: TrainingInputs, bad: str) -> None:
    assert inputs.data is not None
    hostile = replace(
        inputs,
        title=bad,
        labels=(bad, "sad"),
        prompt=bad,
        system=bad,
        stopped=bad,
        data=inputs.data.with_columns(group=pl.lit(bad.encode("utf-8", "replace").decode())),
        notes=(bad,),
    )
    card = model_card(hostile)
    card.encode("utf-8")
    read = front(card)
    assert "license" not in read
    body = card.partition("\n---\n")[2]
    outside_code = re.sub(r"^(`{3,})[\s\S]*?^\1$", "", body, flags=re.MULTILINE)
    bare = re.sub(r"\\.", "", outside_code)
    assert "<script>" not in bare
    assert "](javascript" not in bare
    columns = {line.count("|") for line in bare.splitlines() if line.startswith("| ja")}
    assert len(columns) <= 4  # one number for each of the tables


def test_an_empty_record_still_makes_a_card() -> None:
    from equivoice.evaluation.training_progress import PROGRESS_COLUMNS

    nothing = pl.DataFrame(schema=PROGRESS_COLUMNS)
    card = model_card(TrainingInputs("x", RunRecord(verb="train", config={}), nothing))
    assert "a model that the record does not name" in card
    assert "No step of training is on record." in card
    assert front(card)["tags"]
