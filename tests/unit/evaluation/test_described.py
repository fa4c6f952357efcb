"""What a run remembers of its corpora comes back as it was."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Card, Corpus, Fact
from equivoice.corpora.finding import Finding
from equivoice.errors import InputError
from equivoice.evaluation.described import describe, read_descriptions, save_descriptions
from equivoice.records import Label, LabelSpace, RunRecord
from equivoice.store import RunFolder

CARD = Card(
    name="demo",
    licence=Fact(value="CC BY 4.0", source="https://example.org"),
    traps=(Fact(value="one speaker coughs", source="we listened"),),
)
SPACE = LabelSpace("demo", (Label("happy", ("joy", "glücklich")), Label("angry", ())))
FINDINGS = [
    Finding("warning", "few-speakers", "3 women is few", ("s1", "s2"), 3),
    Finding("note", "left-out", "2 files"),
]


def corpus(name: str = "demo", root: Path | None = None) -> Corpus:
    table = pl.DataFrame({"utterance_id": [f"{name}/1"], "emotion": ["happy"]})
    return Corpus(name, SPACE, table, card=CARD, root=root)


def stored(folder: Path, *corpora: Corpus) -> RunFolder:
    with RunFolder.open(folder) as run:
        run.save_record(RunRecord(verb="benchmark", config={}))
        save_descriptions(
            run, [describe(each, findings=FINDINGS, folds="its own") for each in corpora]
        )
    return RunFolder.read(folder)


def test_label_space_card_and_findings_survive(tmp_path: Path) -> None:
    found = read_descriptions(stored(tmp_path, corpus(root=Path("/data/demo"))))["demo"]
    assert found.label_space == SPACE
    assert found.label_space.resolve("Glücklich") == "happy"
    assert found.card == CARD
    assert found.folds == "its own"
    assert found.root == "/data/demo"
    assert [(each.corpus, each.severity, each.code, each.count) for each in found.findings] == [
        ("demo", "warning", "few-speakers", 3),
        ("demo", "note", "left-out", 0),
    ]


def test_corpora_keep_their_order(tmp_path: Path) -> None:
    run = stored(tmp_path, corpus("b"), corpus("a"))
    assert list(read_descriptions(run)) == ["b", "a"]


def test_a_run_that_describes_no_corpus_has_none(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path) as run:
        run.save_record(RunRecord(verb="score", config={}))
        assert read_descriptions(run) == {}


@pytest.mark.parametrize("text", ["", "{}", '[{"name": "demo"}]', "[[]]"])
def test_a_damaged_description_is_named(tmp_path: Path, text: str) -> None:
    run = stored(tmp_path, corpus())
    (run.path / "corpora.json").write_text(text)
    with pytest.raises(InputError, match="description of the corpora cannot be read") as caught:
        read_descriptions(run)
    assert caught.value.file == str(tmp_path / "corpora.json")
