"""A small model made for reasons: its tokenizer knows their words, and it learns to write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError
from equivoice.models.registry import load_model
from equivoice.models.speech_llms import small
from equivoice.models.speech_llms.small import SIZES
from equivoice.prompting.explained import write_target
from equivoice.records import RATIONALES, write_table
from equivoice.training import train_from_scratch
from tiny.corpus import make_corpus
from tiny.small import SIZE

pytestmark = pytest.mark.slow

REASON = "The melancholy timbre descends; articulation remains unhurried throughout."
QUICK: dict[str, Any] = {
    "optimiser": {"epochs": 1, "batch": 8},
    "tracking": {"tensorboard": False},
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "SIZES", SIZES | {"wide": SIZE})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("sounds")
    return make_corpus(folder, languages=["en"], takes=2, transcripts=True)


def reasons(corpus: Corpus, place: Path, text: str = REASON) -> str:
    names = corpus.folds.filter(split="train").select("utterance_id")
    labels = corpus.utterances.select("utterance_id", "emotion")
    table = names.join(labels, on="utterance_id").with_columns(
        response=pl.lit(text),
        reason=pl.lit(text),
        status=pl.lit("kept"),
        teacher=pl.lit("t"),
        prompt=pl.lit("published"),
        temperature=pl.lit(0.0),
        seed=pl.lit(1, pl.UInt64),
    )
    return str(write_table(table, place, RATIONALES))


def test_what_is_to_be_written_is_few_tokens(corpus: Corpus, tmp_path: Path) -> None:
    data = {"targets": "rationales", "rationales": reasons(corpus, tmp_path / "r.parquet")}
    explained = train_from_scratch(corpus, out=tmp_path / "explained", data=data, **QUICK)
    plain = train_from_scratch(corpus, out=tmp_path / "plain", **QUICK)
    answer = write_target("this is take 0", "sad", REASON)
    knows, spells = (
        len(load_model("qwen2-audio", model=str(run.model_path)).option_tokens(answer))  # type: ignore[union-attr]
        for run in (explained, plain)
    )
    assert knows < 0.5 * spells
    said = json.loads((explained.model_path / "from_scratch.json").read_text())
    assert said["answers"] == "label_first"
    assert said["rationales"] == explained.record.inputs["rationales"]
    assert "answers" not in json.loads((plain.model_path / "from_scratch.json").read_text())
    scored = explained.predictions()
    assert scored.height == corpus.folds.filter(split="validation").height
    assert scored["probabilities"].null_count() == 0


def test_a_model_of_other_reasons_is_not_gone_on_with(corpus: Corpus, tmp_path: Path) -> None:
    place = tmp_path / "r.parquet"
    data = {"targets": "rationales", "rationales": reasons(corpus, place)}
    train_from_scratch(corpus, out=tmp_path / "run", data=data, **QUICK)
    reasons(corpus, place, "Other words, in another voice, of another pitch.")
    with pytest.raises(ConfigError, match="another rationales"):
        train_from_scratch(corpus, out=tmp_path / "run", data=data, **QUICK)
    with pytest.raises(ConfigError, match="whose reasons"):
        train_from_scratch(corpus, out=tmp_path / "new", data={"targets": "rationales"}, **QUICK)
