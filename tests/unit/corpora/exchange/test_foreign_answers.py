"""Files of lmms-eval, LLaMA-Factory and Inspect become predictions, joined by key."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.cli.app import run
from equivoice.corpora.exchange import (
    Answer,
    foreign_format,
    join_answers,
    read_foreign,
    read_keys,
)
from equivoice.corpora.exchange.answers import key_of
from equivoice.errors import InputError
from equivoice.records import Label, LabelSpace, RunRecord

LABELS = LabelSpace("demo", (Label("angry", ("anger",)), Label("happy"), Label("sad")))
UTTERANCES = pl.DataFrame(
    {
        "utterance_id": ["demo/a-1", "demo/a-2", "demo/b-1"],
        "audio": ["/data/x/one.wav", "/data/x/two.flac", "/data/y/three.wav"],
        "emotion": ["angry", "sad", "happy"],
    }
)


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def sample(name: object, epoch: int, text: str | None, **more: Any) -> dict[str, Any]:
    """A sample as Inspect writes it."""
    output = {
        "model": "openai/m",
        "choices": [{"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}],
        "completion": text,
    }
    return {"id": name, "epoch": epoch, "input": "?", "target": "", "output": output} | more


def eval_log(
    path: Path,
    samples: Sequence[Mapping[str, Any]],
    *,
    header: str = "header.json",
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    described = {
        "version": 2,
        "status": "success",
        "eval": {"model": "openai/m", "model_generate_config": {"temperature": 0.5}},
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("_journal/start.json", json.dumps(described))
        if header != "_journal/start.json":
            archive.writestr(header, json.dumps(described))
        for one in samples:
            archive.writestr(
                f"samples/{str(one['id']).replace('/', '_')}_epoch_{one['epoch']}.json",
                json.dumps(one),
            )
        archive.writestr("summaries.json", "[]")
    return path


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select(columns).rows()


def read(path: Path, **options: Any) -> pl.DataFrame:
    return read_foreign(path, UTTERANCES, LABELS, **options).predictions


# ------------------------------------------------------------------ lmms-eval


def lmms(place: int, answers: Any, **more: Any) -> dict[str, Any]:
    """A line as lmms-eval 0.7 writes it; equal filtered answers replace the raw ones."""
    return {"doc_id": place, "target": "x", "filtered_resps": answers, "doc_hash": "h"} | more


def test_lmms_eval_by_a_field_of_the_task(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "20261121_samples_ser.jsonl",
        [
            lmms(0, "Sad.", submission={"audio": "wavs/two.wav"}),
            lmms(1, ["x"], resps=["I hear anger.", "sad"], submission={"audio": "wavs/one.wav"}),
        ],
    )
    assert foreign_format(path) == "lmms-eval"
    frame = read(path)
    assert rows(frame, "utterance_id", "run", "response", "status", "emotion") == [
        ("demo/a-2", 0, "Sad.", "parsed", "sad"),
        ("demo/a-1", 0, "I hear anger.", "parsed", "angry"),
        ("demo/a-1", 1, "sad", "parsed", "sad"),
    ]
    assert frame["system"].unique().to_list() == ["lmms-eval"]


def test_lmms_eval_by_the_place_in_the_task_and_a_table_of_keys(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [lmms(2, "sad"), lmms(0, "happy"), lmms(7, "happy")])
    keys = tmp_path / "keys.csv"
    keys.write_text("key,utterance_id\n0,demo/b-1\n2,demo/a-1\n", "utf-8")
    found = read_foreign(path, UTTERANCES, LABELS, keys=keys, system="Qwen")
    assert rows(found.predictions, "utterance_id", "system", "emotion") == [
        ("demo/a-1", "Qwen", "sad"),
        ("demo/b-1", "Qwen", "happy"),
    ]
    assert found.left_out == {"answers of another tool that name no utterance here": 1}


def test_likelihoods_are_no_answers(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [lmms(0, "x", resps=[["-1.5", "False"], ["-2", "True"]])])
    with pytest.raises(InputError, match="no free answer"):
        read(path)


def test_without_keys_the_user_is_told_how_to_give_them(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [lmms(0, "sad")])
    with pytest.raises(InputError, match=r"--key, or give --keys FILE"):
        read(path)


def test_answers_that_name_nothing_here_are_shown(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl", [lmms(0, "sad", audio="zzz.wav")])
    with pytest.raises(InputError, match=r"none of the answers") as caught:
        read(path)
    assert caught.value.value == "zzz.wav"
    assert "one" in (caught.value.choices or ())


# ------------------------------------------------------------------ LLaMA-Factory


def exported(path: Path, answers: Sequence[str] = ("Angry", "Sad", "Happy")) -> Path:
    """A file as 'corpora export' writes it."""
    ids = UTTERANCES["utterance_id"].to_list()
    return lines(
        path,
        [
            {
                "messages": [
                    {"role": "user", "content": "<audio>?"},
                    {"role": "assistant", "content": answer},
                ],
                "audios": ["audio/x.wav"],
                "utterance_id": one,
            }
            for one, answer in zip(ids, answers, strict=True)
        ],
    )


def factory(said: Sequence[str], labels: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"prompt": "<|im_start|>user…", "predict": text, "label": label}
        for text, label in zip(said, labels, strict=True)
    ]


def test_llama_factory_with_the_exported_file(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "generated_predictions.jsonl",
        factory(["Angry", "not sure", "Happy\n"], ["Angry\n", "Sad\n", "Happy\n"]),
    )
    assert foreign_format(path) == "llama-factory"
    frame = read(path, keys=exported(tmp_path / "demo.jsonl"))
    assert rows(frame, "utterance_id", "status", "emotion") == [
        ("demo/a-1", "parsed", "angry"),
        ("demo/a-2", "unparsed", None),
        ("demo/b-1", "parsed", "happy"),
    ]


@pytest.mark.parametrize(
    ("labels", "phrase"),
    [(["Angry", "Sad"], "of 2 items"), (["Angry", "Happy", "Sad"], "do not belong together")],
)
def test_rows_of_another_file_are_refused(tmp_path: Path, labels: list[str], phrase: str) -> None:
    """Places are trusted only where lengths and reference answers agree."""
    path = lines(tmp_path / "g.jsonl", factory(["sad"] * len(labels), labels))
    with pytest.raises(InputError, match=phrase):
        read(path, keys=exported(tmp_path / "demo.jsonl"))


def test_places_alone_are_never_enough(tmp_path: Path) -> None:
    path = lines(tmp_path / "g.jsonl", factory(["sad"] * 3, ["Angry", "Sad", "Happy"]))
    with pytest.raises(InputError, match="do not say which utterances"):
        read(path)


# ------------------------------------------------------------------ Inspect


@pytest.mark.parametrize("header", ["header.json", "_journal/start.json"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_inspect_log(tmp_path: Path, header: str, compression: int) -> None:
    samples = [
        sample("a-2", 2, "sad"),
        sample("a-2", 1, "Angry!"),
        sample("demo/b-1", 1, None, error={"message": "Rate limit\n exceeded", "traceback": "…"}),
        sample(17, 1, "happy", metadata={"audio": "/elsewhere/one.ogg"}),
    ]
    path = eval_log(tmp_path / "log.eval", samples, header=header, compression=compression)
    assert foreign_format(path) == "inspect"
    found = rows(
        read(path), "utterance_id", "run", "temperature", "system", "status", "emotion", "reason"
    )
    assert found == [
        ("demo/a-1", 0, 0.5, "openai/m", "parsed", "happy", None),
        ("demo/a-2", 0, 0.5, "openai/m", "parsed", "angry", None),
        ("demo/a-2", 1, 0.5, "openai/m", "parsed", "sad", None),
        ("demo/b-1", 0, 0.5, "openai/m", "failed", None, "Rate limit exceeded"),
    ]


def test_a_log_converted_to_json(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(
        json.dumps({"version": 2, "eval": {"model": "m"}, "samples": [sample("a-1", 1, "sad")]}),
        "utf-8",
    )
    assert rows(read(path), "utterance_id", "system", "emotion") == [("demo/a-1", "m", "sad")]


def test_parts_and_attachments(tmp_path: Path) -> None:
    parts = sample("a-1", 1, None)
    parts["output"] = {
        "choices": [
            {
                "message": {
                    "content": [
                        {"type": "reasoning", "reasoning": "happy?"},
                        {"type": "text", "text": "sad"},
                    ]
                }
            }
        ]
    }
    kept = sample("a-2", 1, "attachment://abc", attachments={"abc": "It is angry."})
    frame = read(eval_log(tmp_path / "log.eval", [parts, kept]))
    assert rows(frame, "response") == [("sad",), ("It is angry.",)]


def test_names_inside_a_log_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "log.eval"
    eval_log(path, [sample("a-1", 1, "sad")])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("samples/../../../evil.json", json.dumps(sample("a-2", 1, "sad")))
        archive.writestr("../outside.json", "{}")
    assert read(path).height == 2
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["in", "log.eval"]


GOLDEN = Path(__file__).parents[3] / "golden" / "exchange" / "inspect_0.3.285.eval"


def test_a_log_that_inspect_itself_wrote() -> None:
    """Compressed by Zstandard, as Inspect does by default; two samples in two epochs."""
    with zipfile.ZipFile(GOLDEN) as archive:
        assert {each.compress_type for each in archive.infolist()} == {93}
    here = pl.DataFrame({"utterance_id": ["d/1", "d/2"]})
    frame = read_foreign(GOLDEN, here, LABELS).predictions
    assert rows(frame, "utterance_id", "run", "system", "temperature", "response") == [
        ("d/1", 0, "mockllm/model", 0.7, "I hear sadness. " * 20),
        ("d/1", 1, "mockllm/model", 0.7, "sad"),
        ("d/2", 0, "mockllm/model", 0.7, "angry"),
        ("d/2", 1, "mockllm/model", 0.7, "happy"),
    ]


@pytest.mark.parametrize("place", [100, 400, 3000])
def test_damage_inside_a_zstandard_member(tmp_path: Path, place: int) -> None:
    raw = bytearray(GOLDEN.read_bytes())
    raw[place : place + 8] = bytes(255 - byte for byte in raw[place : place + 8])
    path = tmp_path / "log.eval"
    path.write_bytes(raw)
    try:
        frame = read_foreign(path, pl.DataFrame({"utterance_id": ["d/1", "d/2"]}), LABELS)
    except InputError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either it is told, or all is whole
    else:
        assert frame.predictions.height == 4


@pytest.mark.parametrize(
    ("damage", "phrase"),
    [
        (lambda raw: raw[: len(raw) // 2], "not JSON"),
        (lambda raw: raw.replace(b"\x08\x00", b"\x5d\x00"), "cannot read|damaged"),
        (lambda raw: raw[:60] + bytes(200) + raw[260:], "damaged|not JSON|no samples"),
        (lambda _: b"", "not JSON"),
    ],
)
def test_a_damaged_log(tmp_path: Path, damage: Any, phrase: str) -> None:
    path = eval_log(tmp_path / "log.eval", [sample(f"a-{k}", 1, "sad" * 50) for k in range(9)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=phrase):
        read(path)


def test_a_member_that_is_larger_than_it_says_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from equivoice.corpora.exchange import inspect_logs

    monkeypatch.setattr(inspect_logs, "_LARGEST_MEMBER", 10_000)
    path = eval_log(tmp_path / "log.eval", [sample("a-1", 1, "x" * 100_000)])
    with pytest.raises(InputError, match="larger than"):
        read(path)
    monkeypatch.setattr(inspect_logs, "_MOST_TOGETHER", 50_000)
    with pytest.raises(InputError, match="unpacks to more"):
        read(path)


def test_a_log_without_samples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no samples"):
        read(eval_log(tmp_path / "log.eval", []))


# ------------------------------------------------------------------ joining


@pytest.mark.parametrize(
    "key",
    ["demo/a-1", "a-1", "one", "one.wav", "/somewhere/else/one.mp3", "C:\\data\\one.flac"],
)
def test_the_ways_to_name_an_utterance(key: str) -> None:
    pairs, left_out = join_answers([Answer(key, 0, "sad")], UTTERANCES, None, file="f")
    assert [name for name, _ in pairs] == ["demo/a-1"]
    assert left_out == {}


def test_a_name_that_two_utterances_share_names_neither() -> None:
    twins = pl.DataFrame(
        {
            "utterance_id": ["demo/1", "demo/2", "demo/3"],
            "audio": ["/a/x.wav", "/b/x.wav", "/c/y.wav"],
        }
    )
    answers = [Answer("x.wav", 0, "sad"), Answer("y.wav", 1, "sad")]
    pairs, left_out = join_answers(answers, twins, None, file="f")
    assert [name for name, _ in pairs] == ["demo/3"]
    assert sum(left_out.values()) == 1


def test_only_the_named_field_is_looked_at() -> None:
    item = {"audio": "one.wav", "doc": {"clip": {"path": "two.wav"}}, "n": 5}
    assert key_of(item, None) == "one.wav"
    assert key_of(item, "doc.clip") == "two.wav"
    assert key_of(item, "n") == "5"
    assert key_of(item, "doc.missing.path") is None


def test_a_table_of_keys_needs_its_columns(tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("id,utterance_id\n0,demo/a-1\n", "utf-8")
    with pytest.raises(InputError, match="lacks a column"):
        read_keys(table)


def test_keys_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("key,utterance_id\n007,demo/a-1\n", "utf-8")
    assert read_keys(table).by_name == {"007": "demo/a-1"}


# ------------------------------------------------------------------ untrusted files


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resps", "filtered_resps", "doc_id", "predict", "prompt", "audio", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(content=_VALUES, name=st.sampled_from(["x.jsonl", "x.json", "x.eval"]))
def test_any_content_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: Any, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_text(json.dumps(content), "utf-8")
    try:
        found = read_foreign(path, UTTERANCES, LABELS)
    except InputError:
        return
    assert found.predictions.height > 0


@pytest.mark.parametrize("raw", [b"\xff\xfe\n", b"[" * 100_000, b"[1]\n", struct.pack("16s", b"")])
def test_what_is_no_json_line(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw)
    with pytest.raises(InputError):
        read_foreign(path, UTTERANCES, LABELS, format="lmms-eval")


def test_an_unknown_file(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", [{"a": 1}])
    assert foreign_format(path) is None
    with pytest.raises(InputError, match="no known tool"):
        read(path)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.eval")


# ------------------------------------------------------------------ the command line


def test_scored_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    reference = pl.DataFrame(
        {
            "utterance_id": [f"demo/{n}" for n in range(24)],
            "emotion": ["angry", "sad"] * 12,
            "speaker": [f"s{n // 4}" for n in range(24)],
            "gender": [("female", "male")[n // 4 % 2] for n in range(24)],
        }
    )
    reference.write_csv("u.csv")
    said = [sample(str(n), 1, "angry" if n % 2 == 0 or n == 1 else "sad") for n in range(24)]
    eval_log(Path("log.eval"), [*said, sample("stray", 1, "sad")])
    words = ["score", "log.eval", "--reference", "u.csv", "--group", "gender", "-o", "out"]
    assert run([*words, "--replicates", "50", "--permutations", "50"]) == 0
    assert "Read as answers of inspect" in "".join(capsys.readouterr())
    record = RunRecord.model_validate_json(Path("out/run.json").read_text("utf-8"))
    assert record.left_out["answers of another tool that name no utterance here"] == 1
    stored = pl.read_parquet("out/predictions.parquet")
    joined = stored.join(reference, on="utterance_id", suffix="_true")
    assert (joined["emotion"] == joined["emotion_true"]).sum() == 23
    assert run([*words, "--format", "lmmseval"]) == 2
