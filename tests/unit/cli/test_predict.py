"""``predict`` as typed: JSON lines, exit codes, standard input, what is damaged."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora import save_corpus
from tiny.commands import Typed
from tiny.corpus import make_corpus
from tiny.sounds import buzz, write


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    made = make_corpus(tmp_path / "spoken", languages=("en",))
    return save_corpus(made, tmp_path / "demo")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write(folder / f"{name}.wav", buzz(130.0, 0.3))
    return folder


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_a_sound_on_standard_output(typed: Typed, corpus: Path, clips: Path) -> None:
    code, out, err = typed("predict", clips, "--model", "prior", "--train-on", corpus)
    assert code == 0
    said = rows(out)
    assert [Path(row["file"]).name for row in said] == ["a.wav", "b.wav", "c.wav"]
    assert said[0]["label"] == "angry"
    assert said[0]["probabilities"] == {"angry": 0.5, "sad": 0.5}
    assert said[0]["status"] == "parsed"
    assert "prior was fitted to all labelled utterances of demo" in err


def test_a_damaged_file_is_named_and_left_out_with_exit_code_1(
    typed: Typed, corpus: Path, clips: Path, tmp_path: Path
) -> None:
    (clips / "b.wav").write_text("no sound")
    out = tmp_path / "labels.jsonl"
    code, said, err = typed("predict", clips, "--model", "prior", "--train-on", corpus, "-o", out)
    assert code == 1
    assert f"left out: {clips}/b.wav: not a sound file" in err
    assert [Path(row["file"]).name for row in rows(out.read_text())] == ["a.wav", "c.wav"]
    assert "2 of 3 sounds were labelled." in said
    assert said.splitlines()[-1] == f"Result: {out}"
    assert sorted(each.name for each in tmp_path.glob(".*")) == []  # nothing is left behind


def test_a_file_that_is_there_is_not_replaced_unasked(
    typed: Typed, corpus: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.jsonl"
    out.write_text("mine\n")
    words = ("predict", clips, "--model", "prior", "--train-on", corpus, "-o", out)
    code, _, err = typed(*words)
    assert code == 2
    assert "is there already" in err
    assert out.read_text() == "mine\n"
    assert typed(*words, "--overwrite")[0] == 0
    assert len(rows(out.read_text())) == 3


def test_paths_come_from_standard_input(
    typed: Typed, corpus: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{clips}/c.wav\n{clips}/gone.wav\n"))
    code, out, err = typed("predict", "-", "--model", "prior", "--train-on", corpus)
    assert code == 1
    assert [Path(row["file"]).name for row in rows(out)] == ["c.wav"]
    assert "gone.wav: there is no such sound file" in err


def test_a_pattern_in_quotes_is_read_here(typed: Typed, corpus: Path, clips: Path) -> None:
    code, out, _ = typed("predict", f"{clips}/[ab].wav", "--model", "prior", "--train-on", corpus)
    assert code == 0
    assert len(rows(out)) == 2


def test_a_language_model_is_asked_with_the_labels_that_are_named(
    typed: Typed, clips: Path
) -> None:
    words = ("predict", clips / "a.wav", "--model", "scripted-llm", "--labels", "angry,sad")
    code, out, _ = typed(*words)
    assert code == 0
    (row,) = rows(out)
    assert row["response"]
    assert sorted(row["probabilities"]) == ["angry", "sad"]
    code, out, _ = typed(*words, "options.accuracy=0.5", "--temperature", "0.7")
    assert code == 0
    code, _, err = typed(*words, "--temperature", "0.7,1")
    assert code == 2
    assert "temperature: one is meant" in err


def test_a_failing_model_costs_the_exit_code(typed: Typed, clips: Path) -> None:
    names = json.dumps([f"files/{clips}/b.wav"])
    code, out, err = typed(
        *("predict", clips, "--model", "scripted-llm", "--labels", "angry,sad"),
        f"options.fail_on={names}",
    )
    assert code == 1
    by_name = {Path(row["file"]).name: row for row in rows(out)}
    assert by_name["b.wav"]["status"] == "failed"
    assert by_name["b.wav"]["label"] is None
    assert by_name["a.wav"]["status"] == "parsed"
    assert "the model failed" in err


def test_mistakes_end_with_2_before_anything_is_heard(
    typed: Typed, corpus: Path, clips: Path
) -> None:
    for words, problem in (
        ((clips / "gone.wav", "--model", "prior", "--train-on", corpus), "no such file or folder"),
        ((clips, "--model", "prior"), "name a prepared corpus with --train-on"),
        ((clips, "--model", "nothing"), "neither such a folder nor such a system"),
        ((clips,), "model"),
    ):
        code, out, err = typed("predict", *words)
        assert code == 2, words
        assert problem in err
        assert out == ""


def test_a_dry_run_loads_the_model_and_labels_nothing(
    typed: Typed, corpus: Path, clips: Path
) -> None:
    code, out, _ = typed("predict", clips, "--model", "prior", "--train-on", corpus, "--dry-run")
    assert code == 0
    assert "3 sounds, labels angry, sad" in out
