"""Members out of runs and tables: names, conditions, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import benchmark
from equivoice.evaluation.ensemble.members import Entry, read_entry, read_source
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.store import RunFolder

LABELS = label_space(["angry", "sad"], id="demo")
IDS = ["demo/1", "demo/2"]


def said(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": IDS, "emotion": ["sad", "angry"], **columns})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language system asked at two temperatures, with its option scores."""
    out = tmp_path_factory.mktemp("asked")
    table = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i}" for i in range(4)],
            "emotion": ["angry", "sad"] * 2,
            "transcript": ["well"] * 4,
        }
    )
    return benchmark(
        ScriptedLanguageModel(name="llm"),
        Corpus("demo", LABELS, table),
        out=out / "run",
        modalities=["transcript"],
        temperatures=[0.0, 1.0],
        replicates=20,
        permutations=5,
    ).path


@pytest.mark.parametrize(
    ("text", "place", "system", "alias"),
    [
        ("runs/a", "runs/a", None, None),
        ("runs/a#x", "runs/a", "x", None),
        ("S2=runs/a", "runs/a", None, "S2"),
        ("S2=runs/a#x=y", "runs/a", "x=y", "S2"),
        ("S2=runs/a#salmonn", "runs/a", "salmonn", "S2"),
    ],
)
def test_how_a_member_is_written(
    text: str, place: str, system: str | None, alias: str | None
) -> None:
    assert read_entry(text) == Entry(Path(place), system, alias)


@pytest.mark.parametrize("text", ["=runs/a", "runs/a#", "S2=", "#x"])
def test_half_a_member_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"written NAME=RUN#SYSTEM"):
        read_entry(text)


def test_a_path_that_exists_is_never_taken_apart(tmp_path: Path) -> None:
    odd = tmp_path / "a=b#c.csv"
    said().write_csv(odd)
    assert read_entry(str(odd)) == Entry(odd)
    (member,) = read_source(read_entry(str(odd))).members
    assert member.name == "a=b#c"
    (tmp_path / "x=y").mkdir()
    assert read_entry(f"{tmp_path}/x=y#s") == Entry(tmp_path / "x=y", "s")


def test_a_table_without_names_goes_by_its_file(tmp_path: Path) -> None:
    said().write_csv(tmp_path / "mine.csv")
    (member,) = read_source(Entry(tmp_path / "mine.csv")).members
    assert (member.name, member.predictions.height) == ("mine", 2)
    (named,) = read_source(Entry(tmp_path / "mine.csv", alias="S1")).members
    assert named.name == "S1"


def test_every_system_of_a_table_is_a_member(tmp_path: Path) -> None:
    both = pl.concat([said(system=["a", "a"]), said(system=["b", "b"])])
    both.write_parquet(tmp_path / "p.parquet")
    source = read_source(Entry(tmp_path / "p.parquet"))
    assert [member.name for member in source.members] == ["a", "b"]
    (one,) = read_source(Entry(tmp_path / "p.parquet", "b", "S2")).members
    assert (one.name, one.predictions["system"].to_list()) == ("S2", ["b", "b"])
    with pytest.raises(InputError, match="no such system among the predictions: 'c'") as caught:
        read_source(Entry(tmp_path / "p.parquet", "c"))
    assert caught.value.choices == ("a", "b")
    with pytest.raises(ConfigError, match="S1 names 2 members"):
        read_source(Entry(tmp_path / "p.parquet", None, "S1"))


def test_answers_in_words_are_read_once_the_labels_are_known(tmp_path: Path) -> None:
    pl.DataFrame({"utterance_id": IDS, "response": ["I think angry.", "no idea"]}).write_csv(
        tmp_path / "words.csv"
    )
    (member,) = read_source(Entry(tmp_path / "words.csv"), LABELS).members
    assert member.predictions["emotion"].to_list() == ["angry", None]
    with pytest.raises(InputError, match="only be read once the labels are known"):
        read_source(Entry(tmp_path / "words.csv"))


def test_conditions_are_members_and_option_scores_do_not_vote_twice(asked: Path) -> None:
    source = read_source(Entry(asked))
    assert [member.name for member in source.members] == [
        "llm, temperature 0",
        "llm, temperature 1",
    ]
    assert source.labels["demo"].names == LABELS.names
    assert source.folder is not None
    assert source.folder.path == RunFolder.read(asked).path
    scored = read_source(Entry(asked, "llm/options")).members
    assert [member.name for member in scored] == [
        "llm/options, temperature 0",
        "llm/options, temperature 1",
    ]
    assert scored[1].predictions["probabilities"].null_count() == 0
    with pytest.raises(ConfigError, match="S2 names 2 members") as caught:
        read_source(Entry(asked, "llm", "S2"))
    assert "conditions differ (temperature)" in str(caught.value)


def test_one_member_has_one_vote_an_utterance() -> None:
    twice = pl.concat([said(fold=["1", "1"]), said(fold=["2", "2"])])
    with pytest.raises(InputError, match="answers 2 utterances several times") as caught:
        read_source(Entry(twice))
    assert caught.value.value == "demo/1"


def test_nothing_to_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no predictions here"):
        read_source(Entry(tmp_path / "gone"))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="there are no predictions here"):
        read_source(Entry(tmp_path / "notes.txt"))
    with pytest.raises(InputError, match="there is no run in this folder"):
        read_source(Entry(tmp_path))
    from equivoice.records import RunRecord

    with RunFolder.open(tmp_path / "run") as folder:
        folder.save_record(RunRecord(verb="benchmark", config={}))
    with pytest.raises(InputError, match="the run holds no predictions yet"):
        read_source(Entry(tmp_path / "run"))
