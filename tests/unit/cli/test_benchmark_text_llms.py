"""Several text LLMs on transcripts, zero-shot, side by side: one command (ABHINAYA, figure 2)."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.store import RunFolder
from tiny.text import save_text_model

LABELS = ("angry", "happy", "sad")
SAID = ("I am fine today", "the tone is terrible", "what a voice", "I feel great , not sad")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "transcript": SAID[(speaker + number) % len(SAID)],
            "emotion": LABELS[number],
        }
        for speaker in range(4)
        for number in range(3)
    ]
    table = pl.DataFrame(rows)
    folds = make_folds(table, n_folds=2, seed=0)
    place = tmp_path_factory.mktemp("corpus") / "demo"
    return save_corpus(Corpus("demo", label_space(LABELS), table, folds), place)


def test_a_comparison_of_text_llms_is_one_command(prepared: Path, tmp_path: Path) -> None:
    models = {name: save_text_model(tmp_path / name, seed=at) for at, name in enumerate("abc")}
    out = tmp_path / "run"
    words = ["benchmark", f"--corpus={prepared}", f"--out={out}", "--group=gender"]
    for name, folder in models.items():
        words += [f"--system={name}=text-llm", f"options.{name}.model={folder}"]
    words += ["--modality=transcript", "--prompt=abhinaya_text", "--temperature=0.7"]
    words += ["decoding.top_p=0.7", "decoding.top_k=50", "decoding.max_new_tokens=3"]
    words += ["--replicates=20", "--permutations=10", "--no-option-scores"]
    assert run(words) == 0
    folder = RunFolder.read(out)
    answers = folder.predictions()
    assert set(answers.get_column("system")) == set(models)
    assert set(answers.get_column("modality")) == {"transcript"}
    assert set(answers.get_column("prompt")) == {"abhinaya_text"}
    counts = answers.group_by("system").len().get_column("len")
    assert counts.to_list() == [12, 12, 12]
    scores = folder.estimates().filter(
        (pl.col("metric") == "macro_f1")
        & (pl.col("quantity") == "score")
        & (pl.col("fold") == "all")
    )
    assert set(scores.get_column("system")) == set(models)
    assert scores.get_column("value").null_count() == 0
    shown = json.dumps(json.loads((out / "prompts.json").read_text()))
    assert "into one of the 3 emotions: angry, happy, or sad. Reply with only 1 word." in shown
    decoding = json.dumps(folder.record.model_dump(mode="json"))
    assert '"top_p": 0.7' in decoding
    assert '"top_k": 50' in decoding
    assert (out / "report.html").is_file()
