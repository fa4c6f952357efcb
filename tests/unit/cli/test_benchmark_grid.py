"""``benchmark`` of language systems as typed: grid, dry run, shards, aliases, configuration."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.store import RunFolder
from tiny.commands import Typed

LABELS = ("angry", "happy", "sad")
QUICK = ["--replicates=20", "--permutations=10", "--group=gender"]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "audio": f"{speaker}-{number}.wav",
            "duration": 1.0 + number,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(4)
        for number in range(3)
    ]
    table = pl.DataFrame(rows)
    folds = make_folds(table, n_folds=2, seed=0)
    for name in table.get_column("audio"):
        (tmp_path / name).touch()
    corpus = Corpus("demo", label_space(LABELS), table, folds, root=tmp_path)
    return save_corpus(corpus, tmp_path / "demo")


@pytest.fixture
def words(prepared: Path) -> list[str]:
    return [
        "benchmark",
        "--system=base=scripted-llm",
        f"--corpus={prepared}",
        f"options.base.answers={prepared / 'utterances.parquet'}",
        *QUICK,
    ]


def test_a_grid_as_typed(typed: Typed, words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, said, error = typed(
        *words,
        f"--out={out}",
        "--prompt=direct,user_labels",
        "--order=given,shuffled:2",
        "--temperature=0,0.5",
        "--temperature=1",
        "--runs=2",
        "decoding.top_p=0.9",
        "decoding.checkpoint=neutral",
    )
    assert code == 0, error
    assert said.strip().splitlines()[-1] == f"Result: {out / 'report.html'}"
    record = RunFolder.read(out).record
    assert record.config["temperatures"] == [0.0, 0.5, 1.0]
    assert record.config["label_orders"] == ["given", "shuffled-1", "shuffled-2"]
    assert record.config["prompts"] == ["direct", "user_labels"]
    assert record.config["decoding"]["top_p"] == 0.9
    table = RunFolder.read(out).predictions()
    orders = table.get_column("options").list.join("|").n_unique()
    assert table.filter(system="base").height == 12 * 2 * orders * 3 * 2
    assert "base" in said


def test_a_dry_run_counts_answers_and_passes(
    typed: Typed, words: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    more = ["--system=prior", "--system=server=scripted-server", "--dry-run", f"--out={out}"]
    code, said, error = typed(*words, *more, "--temperature=0,1", "--runs=10", "--order=shuffled:2")
    assert code == 0, error
    lines = [line.split() for line in said.splitlines()]
    head = ["base", "demo", "user_labels", "speech", "2", "2", "12", "20"]
    # 12 utterances in 2 orders: 20 answers each, from one pass each
    assert [*head, "480", "24"] in lines
    # a server is asked once at temperature 0 and ten times at 1
    assert ["server", *head[1:], "480", "264"] in lines
    assert "960 answers, 2 temperatures x 10 runs each, from 288 passes" in said
    assert any(line[:3] == ["prior", "demo", "1"] for line in lines)
    assert not out.exists()


def test_shards_as_typed_make_the_run_of_one_process(
    typed: Typed, words: list[str], tmp_path: Path
) -> None:
    grid = ["--temperature=0,1", "--batch-size=2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert typed(*words, *grid, f"--out={whole}")[0] == 0
    for number in (1, 2):
        code, said, _ = typed(*words, *grid, f"--out={parts}", f"--shard={number}/2")
        assert code == 0
        assert said.strip().splitlines()[-1] == f"Result: {parts / 'shards' / f'{number}-of-2'}"
    assert typed(*words, *grid, f"--out={parts}")[0] == 0
    for table in ("predictions.parquet", "estimates.parquet"):
        assert (whole / table).read_bytes() == (parts / table).read_bytes()


def test_a_configuration_file_holds_the_grid(
    typed: Typed, words: list[str], prepared: Path, tmp_path: Path
) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(
        f"system: base=scripted-llm\ncorpus: {prepared}\nout: {tmp_path / 'a'}\n"
        "temperature: [0, 0.5]\nruns: 2\norder: shuffled:2\ngroup: gender\n"
        "decoding: {max_new_tokens: 9}\nreplicates: 20\npermutations: 10\n"
        f"options: {{base: {{answers: {prepared / 'utterances.parquet'}}}}}\n",
        encoding="utf-8",
    )
    code, _, error = typed("benchmark", "--config", file)
    assert code == 0, error
    flags = ["--temperature=0,0.5", "--runs=2", "--order=shuffled:2", "decoding.max_new_tokens=9"]
    assert typed(*words, *flags, f"--out={tmp_path / 'b'}")[0] == 0
    a, b = (RunFolder.read(tmp_path / name) for name in "ab")
    assert a.record.config == b.record.config
    assert a.estimates().equals(b.estimates())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--temperature=hot"], "temperature"),
        (["--shard=3/2"], "no such shard"),
        (["--shard=1/2", "--engine=ray"], "a shard is done by one process"),
        (["--engine=spark"], "engine"),
        (["--order=backwards"], "unknown label order"),
        (["--prompt=song"], "unknown prompt"),
        (["--select=shoe"], "select"),
        (["--select-on-test"], "nothing is selected"),
        (["decoding.top_q=1"], "did you mean 'top_p'"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    typed: Typed, words: list[str], tmp_path: Path, more: list[str], message: str
) -> None:
    code, said, error = typed(*words, f"--out={tmp_path / 'run'}", *more)
    assert code == 2
    assert message in error
    assert said == ""
    assert not (tmp_path / "run").exists()
