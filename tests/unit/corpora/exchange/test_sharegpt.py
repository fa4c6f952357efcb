"""Prompts and sound as sharegpt: what is written, what is left out, and what leads nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from equivoice.cli.app import run
from equivoice.corpora import Corpus, label_space, load_corpus, save_corpus
from equivoice.corpora.exchange import (
    export_sharegpt,
    read_foreign,
    read_keys,
    read_sharegpt,
)
from equivoice.errors import ConfigError, InputError
from equivoice.prompting import AUDIO, load_prompt

LABELS = label_space(["angry", "happy", "sad"], id="demo")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """One recording of three seconds, cut into three utterances, and a file of its own."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    ramp = np.repeat(np.array([1000, 2000, 3000], dtype=np.int16), 16_000)
    soundfile.write(folder / "long.wav", ramp, 16_000, subtype="PCM_16")
    soundfile.write(folder / "own.flac", np.full(8000, 4000, np.int16), 16_000, subtype="PCM_16")
    rows = pl.DataFrame(
        {
            "utterance_id": ["demo/a", "demo/b", "demo/c", "demo/d"],
            "audio": ["long.wav"] * 3 + ["own.flac"],
            "start": [0.0, 1.0, 2.0, None],
            "end": [1.0, 2.0, 3.0, None],
            "emotion": ["angry", "sad", None, "happy"],
            "transcript": ["one", "two", "three", None],
        }
    )
    folds = pl.DataFrame(
        {
            "utterance_id": ["demo/a", "demo/b", "demo/d"],
            "fold": ["1"] * 3,
            "split": ["train", "test", "train"],
        }
    )
    save_corpus(Corpus("demo", LABELS, rows, folds), folder)
    return load_corpus(folder)


def content(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_what_is_written_is_what_a_model_would_be_asked(corpus: Corpus, tmp_path: Path) -> None:
    """Joined again, the messages are the prompt's own turns, and the answer is a known option."""
    written = export_sharegpt(corpus, tmp_path / "out", family="qwen2_audio")
    assert written.files == {"demo": 3}
    assert written.left_out == {"without a reference label": 1}
    found = read_sharegpt(tmp_path / "out" / "demo.jsonl")
    prompt = load_prompt("user_labels")
    options = prompt.options(LABELS)
    turns = prompt.render(options, family="qwen2_audio", modality="speech")
    asked = tuple(
        (turn.role, "".join(p if isinstance(p, str) else "<audio>" for p in turn.parts))
        for turn in turns
    )
    wanted = {"demo/a": "Angry", "demo/b": "Sad", "demo/d": "Happy"}
    for one in found:
        assert one.messages == (*asked, ("assistant", wanted[one.utterance_id]))
        assert one.messages[-1][1] in options.shown
    places = sum(part is AUDIO for turn in turns for part in turn.parts)
    assert all(
        len(one.audios) == places == "".join(t for _, t in one.messages).count("<audio>")
        for one in found
    )


def test_each_sound_is_its_own_piece(corpus: Corpus, tmp_path: Path) -> None:
    export_sharegpt(corpus, tmp_path / "out")
    for one, level in zip(
        read_sharegpt(tmp_path / "out" / "demo.jsonl"), (1000, 2000, 4000), strict=True
    ):
        samples, rate = soundfile.read(tmp_path / "out" / one.audios[0], dtype="int16")
        assert rate == 16_000
        assert set(samples.tolist()) == {level}


def test_what_llama_factory_is_told(corpus: Corpus, tmp_path: Path) -> None:
    """Its list of data sets (version 0.9.5); others that stand there stay."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "dataset_info.json").write_text('{"other": {"file_name": "o.json"}}', "utf-8")
    export_sharegpt(corpus, out)
    info = content(out / "dataset_info.json")
    assert info["other"] == {"file_name": "o.json"}
    assert info["demo"] == {
        "file_name": "demo.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "audios": "audios"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }


def test_a_conversation_alternates_as_llama_factory_demands(corpus: Corpus, tmp_path: Path) -> None:
    """After an optional system turn: user, assistant, …; else the line is skipped unread."""
    for prompt in ("user_labels", "system_labels", "direct", "lettered", "direct_de"):
        for family in ("qwen2_audio", "audio_flamingo_3", "voxtral", "general"):
            out = tmp_path / prompt / family
            export_sharegpt(corpus, out, prompt=prompt, family=family, limit=1)
            roles = [role for role, _ in read_sharegpt(out / "demo.jsonl")[0].messages]
            rest = roles[1:] if roles[0] == "system" else roles
            assert rest == ["user", "assistant"] * (len(rest) // 2)


def test_the_splits_of_a_fold(corpus: Corpus, tmp_path: Path) -> None:
    written = export_sharegpt(corpus, tmp_path / "out", fold="1")
    assert written.files == {"demo_train": 2, "demo_test": 1}
    test = read_sharegpt(tmp_path / "out" / "demo_test.jsonl")
    assert [one.utterance_id for one in test] == ["demo/b"]
    with pytest.raises(ConfigError, match="no such fold"):
        export_sharegpt(corpus, tmp_path / "out", fold="9")


def test_transcripts_alone(corpus: Corpus, tmp_path: Path) -> None:
    written = export_sharegpt(corpus, tmp_path / "out", modality="transcript")
    assert written.left_out == {"without a reference label": 1, "without a transcript": 1}
    found = read_sharegpt(tmp_path / "out" / "demo.jsonl")
    assert all(one.audios == () for one in found)
    assert "Transcript: one" in found[0].messages[-2][1]
    assert list((tmp_path / "out" / "audio").iterdir()) == []
    info = content(tmp_path / "out" / "dataset_info.json")
    assert info["demo"]["columns"] == {"messages": "messages"}


def test_a_text_with_a_mark_in_it_is_left_out(corpus: Corpus, tmp_path: Path) -> None:
    """Readers would put a sound that is not there in its place."""
    marked = corpus.utterances.with_columns(
        transcript=pl.Series(["listen: <audio>", "<image>", None, "fine"])
    )
    changed = Corpus("demo", LABELS, marked, corpus.folds)
    written = export_sharegpt(changed, tmp_path / "out", modality="speech+transcript")
    assert written.left_out["its text holds a mark such as <audio>"] == 2
    assert written.files == {"demo": 1}


def test_ids_lead_to_files_below_the_folder_and_to_one_each(tmp_path: Path) -> None:
    sound = tmp_path / "s.wav"
    soundfile.write(sound, np.zeros(160, np.int16), 16_000)
    names = ["../../evil", "/etc/passwd", "a/b", "a_b", "A_B", "..", "x" * 300, "ü", "a\\b"]
    rows = pl.DataFrame(
        {
            "utterance_id": [f"demo/{name}" for name in names],
            "audio": [str(sound)] * len(names),
            "emotion": ["sad"] * len(names),
        }
    )
    out = tmp_path / "deep" / "er" / "out"
    export_sharegpt(Corpus("../up", LABELS, rows), out)
    found = read_sharegpt(out / "up.jsonl")
    paths = [(out / one.audios[0]).resolve() for one in found]
    assert len({str(path).casefold() for path in paths}) == len(names)
    assert all(path.parent == (out / "audio").resolve() and path.is_file() for path in paths)
    made = {each.relative_to(tmp_path).parts[0] for each in tmp_path.rglob("*")}
    assert made == {"s.wav", "deep"}


def test_missing_sound_is_counted_and_nothing_at_all_is_an_error(
    corpus: Corpus, tmp_path: Path
) -> None:
    gone = corpus.utterances.with_columns(
        audio=pl.Series(["/nowhere.wav", None, "/x.wav", corpus.utterances["audio"][3]])
    )
    written = export_sharegpt(Corpus("demo", LABELS, gone), tmp_path / "out")
    assert written.left_out == {
        "its sound cannot be used ('corpora check' says why)": 1,
        "without sound": 1,
        "without a reference label": 1,
    }
    with pytest.raises(InputError, match="no utterance could be exported"):
        export_sharegpt(Corpus("demo", LABELS, gone.head(2)), tmp_path / "none")


def test_there_and_back(corpus: Corpus, tmp_path: Path) -> None:
    """What LLaMA-Factory predicts on an export comes back to its utterances."""
    export_sharegpt(corpus, tmp_path / "out")
    file = tmp_path / "out" / "demo.jsonl"
    found = read_sharegpt(file)
    lines = [
        {"prompt": "…", "predict": one.messages[-1][1].upper(), "label": one.messages[-1][1]}
        for one in found
    ]
    predicted = tmp_path / "generated_predictions.jsonl"
    predicted.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    frame = read_foreign(predicted, corpus.utterances, LABELS, keys=file).predictions
    joined = frame.join(corpus.utterances, on="utterance_id", suffix="_true")
    assert joined.height == 3
    assert (joined["emotion"] == joined["emotion_true"]).all()
    assert read_keys(file).by_name["2"] == "demo/d"


def test_the_data_sets_library_reads_it(corpus: Corpus, tmp_path: Path) -> None:
    """LLaMA-Factory and ms-swift both read through it."""
    datasets = pytest.importorskip("datasets")
    export_sharegpt(corpus, tmp_path / "out")
    table = datasets.load_dataset(
        "json",
        data_files=str(tmp_path / "out" / "demo.jsonl"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert table.num_rows == 3
    assert table[0]["messages"][-1] == {"role": "assistant", "content": "Angry"}


def test_from_the_command_line(
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "sft"
    words = ["corpora", "export", str(corpus.root), "-o", str(out), "--fold", "1"]
    assert run([*words, "--prompt", "direct", "--label-order", "alphabetical"]) == 0
    said = capsys.readouterr().out
    assert "demo_train.jsonl: 2 conversations" in said
    assert said.splitlines()[-1] == f"Result: {out}"
    assert read_sharegpt(out / "demo_test.jsonl")[0].utterance_id == "demo/b"


@pytest.mark.parametrize("row", [{"messages": 3}, {"messages": []}, {"utterance_id": "a"}])
def test_what_is_no_export(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row) + "\n", "utf-8")
    with pytest.raises(InputError, match="not a conversation"):
        read_sharegpt(path)
