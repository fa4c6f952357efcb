"""The verb corpora: list, show, prepare, check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equivoice.cli.app import run
from equivoice.corpora import load_corpus

TABLE = "audio,emotion,speaker,gender\n" + "".join(
    f"{who}_{mood}.wav,{mood},{who},{who[0]}\n"
    for who in ("f1", "f2", "m1", "m2")
    for mood in ("joy", "anger")
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def prepared(table: Path, tmp_path: Path) -> Path:
    out = tmp_path / "made"
    words = [
        "corpora",
        "prepare",
        "table",
        "--metadata",
        str(table),
        "--no-audio",
        "--out",
        str(out),
    ]
    assert run(words) == 0
    return out


def test_list_names_every_corpus_and_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corpora", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("ravdess", "nemo", "tess", "audformat", "unknown"))


def test_show_gives_facts_with_sources_and_traps(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corpora", "show", "urdu"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "research only" in shown
    assert "shared/data/README.md" in shown
    assert "trap" in shown


def test_show_describes_a_prepared_folder(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["corpora", "show", str(prepared)]) == 0
    told = capsys.readouterr()
    assert "mine: 8 utterances (0 with sound)" in told.out
    assert "audio not asked for" in told.err


def test_prepare_says_what_it_made_and_where(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    words = ["--metadata", str(table), "--no-audio", "--seed", "3", "--label", "joy=excited"]
    assert run(["corpora", "prepare", "table", *words, "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out.strip().splitlines()[-1] == f"Result: {out}"
    assert "folds: 2 (made here)" in told.out
    assert "speaker-disjoint" in told.out
    corpus = load_corpus(out)
    assert corpus.label_space.names == ("angry", "excited")
    assert corpus.provenance["folds"]["seed"] == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nothing-of-that-name", "--no-audio"], "no corpus or format"),
        (["ravdes", "--no-audio"], "did you mean 'ravdess'"),
        (["table", "--metadata", "nowhere.csv", "--no-audio"], "no such file"),
        (["table", "--column", "emotion", "--no-audio"], "needs a pair"),
        (["table", "--seed", "-1"], "seed"),
        (["ravdess"], "metadata"),
    ],
)
def test_bad_input_ends_with_code_2_and_no_trace(
    words: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["corpora", "prepare", *words, "--out", str(tmp_path / "o")]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert "Traceback" not in told


def test_missing_sound_ends_with_code_2(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["corpora", "prepare", "table", "--metadata", str(table), "--out", str(tmp_path / "o")]
    assert run(words) == 2
    assert "8 of 8 sound files are missing" in capsys.readouterr().err


def test_check_counts_and_writes_findings(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "findings.json"
    capsys.readouterr()
    assert run(["corpora", "check", str(prepared), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "few-speakers" in shown
    assert "0 errors, 2 warnings" in shown
    assert shown.strip().endswith(f"Result: {out}")
    found = json.loads(out.read_text())
    assert {one["severity"] for one in found} == {"warning", "note"}


def test_check_ends_with_code_2_where_sound_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "utterances.csv"
    table.write_text("utterance_id,audio,emotion\nx/1,a.wav,sad\nx/2,b.wav,happy\n")
    assert run(["corpora", "check", str(table)]) == 2
    assert "missing sound: 2 files" in " ".join(capsys.readouterr().out.split())
    assert run(["corpora", "check", str(table), "--no-audio"]) == 0


@pytest.mark.parametrize("verb", ["list", "show", "prepare", "check"])
def test_help_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corpora", verb, "--help"]) == 0
    assert f"equivoice corpora {verb}" in capsys.readouterr().out


def test_transcribe_writes_a_corpus_and_names_what_cannot_be_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiny.sounds import buzz, write
    from tiny.whisper import save_whisper

    write(tmp_path / "a.wav", buzz(120, 0.4))
    (tmp_path / "b.wav").write_bytes(b"RIFF of nothing")
    (tmp_path / "mine.csv").write_text(
        "utterance_id,audio,emotion\nmine/a,a.wav,sad\nmine/b,b.wav,angry\n"
    )
    model = save_whisper(tmp_path / "whisper")
    words = ["corpora", "transcribe", str(tmp_path / "mine.csv"), "--model", str(model)]
    words += ["-o", str(tmp_path / "out"), "--max-new-tokens", "4", "--device", "cpu"]
    assert run(words) == 1
    said = capsys.readouterr()
    assert "1 transcripts made, 0 there before, 1 failed" in said.out
    assert "no transcript: mine/b" in said.err
    rows = load_corpus(tmp_path / "out").utterances
    assert rows.get_column("transcript").is_not_null().to_list() == [True, False]
    assert rows.get_column("no_speech")[0] > 0
    assert run(words) == 1
    assert "0 transcripts made, 1 there before" in capsys.readouterr().out
