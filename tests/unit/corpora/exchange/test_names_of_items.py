"""Which utterance an answer of another tool is of: by every name it may have, and never by guess."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from equivoice.corpora.exchange import (
    Answer,
    foreign_format,
    join_answers,
    read_foreign,
    read_keys,
)
from equivoice.corpora.exchange.answers import at_path, json_lines, key_of, parse_json
from equivoice.corpora.exchange.inspect_logs import read_inspect
from equivoice.corpora.exchange.joining import Keys
from equivoice.corpora.exchange.json_logs import read_llama_factory, read_lmms_eval
from equivoice.errors import InputError
from equivoice.records import Label, LabelSpace

LABELS = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
words = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=8)
IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def utterances(*ids: str, audio: list[str | None] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"utterance_id": list(ids)})
    return frame if audio is None else frame.with_columns(audio=pl.Series(audio, dtype=pl.String))


def answer(key: str | None, row: int = 0, **more: Any) -> Answer:
    return Answer(key, row, "happy", **more)


def joined(answers: list[Answer], frame: pl.DataFrame, keys: Keys | None = None) -> list[str]:
    pairs, _ = join_answers(answers, frame, keys, file="answers.jsonl")
    return [utterance for utterance, _ in pairs]


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


# -------------------------------------------------------------------------- by name


@given(st.lists(words, min_size=1, max_size=6, unique_by=str.casefold), st.data())
def test_an_id_with_or_without_its_corpus_finds_its_utterance(
    names: list[str], data: st.DataObject
) -> None:
    frame = utterances(*(f"demo/{name}" for name in names))
    wanted = data.draw(st.sampled_from(names))
    for said in (f"demo/{wanted}", wanted):
        assert joined([answer(said)], frame) == [f"demo/{wanted}"]


@given(
    words,
    st.lists(words, max_size=3),
    st.sampled_from(["/", "\\"]),
    st.sampled_from(["wav", "flac", "mp3", "ogg", "WAV"]),
)
def test_a_path_finds_its_sound_wherever_the_tool_had_it(
    stem: str, folders: list[str], slash: str, kind: str
) -> None:
    """The corpus may have been elsewhere, on Windows, and in another format."""
    frame = utterances(
        "demo/zzzzzzzzzz-1", "demo/zzzzzzzzzz-2", audio=[f"/x/{stem}.wav", "/x/+.wav"]
    )
    said = slash.join(["", *folders, f"{stem}.{kind}"])
    assert joined([answer(said)], frame) == ["demo/zzzzzzzzzz-1"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("demo/a.b", "demo/a.b"),  # a point in an id is no suffix where the id is whole
        ("a.b", "demo/a.b"),
        ("x/a.b.wav", "demo/a.b"),
        ("demo/.hidden", "demo/.hidden"),
        ("take.one-two", "demo/take.one-two"),  # too long for the suffix of a file
    ],
)
def test_points_in_names(said: str, found: str) -> None:
    frame = utterances("demo/a.b", "demo/.hidden", "demo/take.one-two")
    assert joined([answer(said)], frame) == [found]


def test_a_whole_id_goes_before_what_is_only_alike() -> None:
    """The id of one utterance is the file name of another: the id is meant."""
    frame = utterances("demo/one", "demo/two", audio=["/x/two.wav", "/x/one.wav"])
    assert joined([answer("demo/one"), answer("two")], frame) == ["demo/one", "demo/two"]


def test_a_stem_that_two_sounds_share_finds_neither() -> None:
    frame = utterances("demo/1", "demo/2", "demo/3", audio=["/x/a.wav", "/y/a.wav", "/x/b.wav"])
    pairs, left_out = join_answers(
        [answer("/x/a.wav"), answer("/x/b.wav")], frame, None, file="answers"
    )
    assert [utterance for utterance, _ in pairs] == ["demo/3"]
    assert left_out == {"answers of another tool that name no utterance here": 1}


def test_an_utterance_without_sound_is_found_by_its_id() -> None:
    frame = utterances("demo/1", "demo/2", audio=[None, "/x/b.wav"])
    assert joined([answer("1"), answer("b")], frame) == ["demo/1", "demo/2"]


@given(st.lists(words, min_size=2, max_size=8, unique_by=str.casefold), st.randoms())
def test_the_order_of_answers_is_kept_and_moves_no_answer(names: list[str], random: Any) -> None:
    frame = utterances(*(f"demo/{name}" for name in names))
    mixed = list(names)
    random.shuffle(mixed)
    found = joined([answer(name, row) for row, name in enumerate(mixed)], frame)
    assert found == [f"demo/{name}" for name in mixed]


@given(words, words)
def test_what_names_nothing_is_refused_with_examples_of_both_sides(here: str, there: str) -> None:
    assume(here.casefold() != there.casefold())
    with pytest.raises(InputError, match="none of the answers names an utterance") as caught:
        joined([answer(there)], utterances(f"demo/{here}"))
    message = str(caught.value)
    assert there in message
    assert f"demo/{here}" in message
    assert "--key" in message


def test_answers_without_any_key_are_refused_though_there_are_as_many_as_utterances() -> None:
    with pytest.raises(InputError, match="do not say which utterances they are of"):
        joined([answer(None, 0), answer(None, 1)], utterances("demo/1", "demo/2"))


# ------------------------------------------------------------------ by a file of keys


def test_with_a_file_of_keys_nothing_else_is_looked_at(tmp_path: Path) -> None:
    """A key that is also an id here still goes where the file says."""
    keys = Keys({"one": "demo/2", "two": "demo/9"}, None, tmp_path / "keys.csv")
    frame = utterances("demo/one", "demo/2")
    pairs, left_out = join_answers(
        [answer("one"), answer("demo/one"), answer("two")], frame, keys, file="answers"
    )
    assert [utterance for utterance, _ in pairs] == ["demo/2"]
    assert left_out.total() == 2  # not in the file; and not in the corpus


def test_the_place_counts_where_an_answer_has_no_key(tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("key,utterance_id\n0,demo/b\n1,demo/a\n", "utf-8")
    found = joined(
        [answer(None, 1), answer(None, 0)], utterances("demo/a", "demo/b"), read_keys(table)
    )
    assert found == ["demo/a", "demo/b"]


def test_rows_of_keys_without_a_name_are_passed_over(tmp_path: Path) -> None:
    table = tmp_path / "keys.csv"
    table.write_text("key,utterance_id\n0,demo/a\n1,\n,demo/b\n", "utf-8")
    assert read_keys(table).by_name == {"0": "demo/a"}


@pytest.mark.parametrize("missing", ["key", "utterance_id"])
def test_a_table_of_keys_says_which_column_it_lacks(tmp_path: Path, missing: str) -> None:
    there = {"key": "utterance_id", "utterance_id": "key"}[missing]
    table = tmp_path / "keys.csv"
    table.write_text(f"{there},other\n1,2\n", "utf-8")
    with pytest.raises(InputError, match="lacks a column") as caught:
        read_keys(table)
    assert missing in str(caught.value)
    assert "corpora export" in str(caught.value)


def export(path: Path, *pairs: tuple[str, str]) -> Path:
    return written(
        path,
        *(
            {
                "utterance_id": name,
                "messages": [
                    {"role": "user", "content": "<audio>?"},
                    {"role": "assistant", "content": said},
                ],
            }
            for name, said in pairs
        ),
    )


def test_an_export_tells_places_and_reference_answers(tmp_path: Path) -> None:
    keys = read_keys(export(tmp_path / "e.jsonl", ("demo/b", "Happy"), ("demo/a", "Sad")))
    assert keys.by_name == {"0": "demo/b", "1": "demo/a"}
    assert keys.answers == ("Happy", "Sad")
    frame = utterances("demo/a", "demo/b")
    agreeing = [answer(None, 0, label=" happy\n"), answer(None, 1, label="SAD")]
    assert joined(agreeing, frame, keys) == ["demo/b", "demo/a"]


@given(st.permutations(["Happy", "Sad", "Angry"]))
@IN_A_FOLDER
def test_any_other_order_of_the_rows_is_noticed(tmp_path: Path, order: list[str]) -> None:
    given_order = ["Happy", "Sad", "Angry"]
    names = [(f"demo/{place}", said) for place, said in enumerate(given_order)]
    keys = read_keys(export(tmp_path / "e.jsonl", *names))
    frame = utterances(*(name for name, _ in names))
    answers = [answer(None, row, label=said) for row, said in enumerate(order)]
    if order == given_order:
        assert len(joined(answers, frame, keys)) == 3
        return
    with pytest.raises(InputError, match="do not belong together") as caught:
        joined(answers, frame, keys)
    first = next(at for at in range(3) if order[at] != given_order[at])
    assert f"row: {first + 1}" in str(caught.value)


@pytest.mark.parametrize("rows", [[0], [0, 1, 2], [1, 2], [0, 0]])
def test_another_number_of_items_is_refused(tmp_path: Path, rows: list[int]) -> None:
    keys = read_keys(export(tmp_path / "e.jsonl", ("demo/a", "Sad"), ("demo/b", "Sad")))
    with pytest.raises(InputError, match="the file of keys has 2"):
        joined([answer(None, row) for row in rows], utterances("demo/a", "demo/b"), keys)


# -------------------------------------------------------------------- names in JSON


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"utterance_id": "u", "audio": "a.wav"}, "u"),
        ({"audio": {"path": "a.wav", "bytes": None}}, "a.wav"),
        ({"audios": ["a.wav"]}, "a.wav"),
        ({"audios": ["a.wav", "b.wav"]}, None),  # which of the two is not said
        ({"audios": [{"path": "a.wav"}]}, "a.wav"),
        ({"metadata": {"file": "f"}}, "f"),
        ({"submission": {"wav": "w"}, "doc": {"wav": "d"}}, "d"),
        ({"key": 7}, "7"),
        ({"key": True}, None),  # yes is no name
        ({"key": 0.5, "path": ""}, None),
        ({"doc": "text", "metadata": None}, None),
        ({}, None),
    ],
)
def test_where_a_name_may_stand(item: dict[str, Any], found: str | None) -> None:
    assert key_of(item, None) == found


def test_only_the_named_field_counts_and_others_come_last() -> None:
    item = {"utterance_id": "u", "meta": {"clip": {"path": "c.wav"}}, "id": "i"}
    assert key_of(item, "meta.clip") == "c.wav"
    assert key_of(item, "meta.other") is None
    assert key_of(item, None, more=("id",)) == "u"
    assert key_of({"id": "i"}, None, more=("id",)) == "i"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["audio", "doc", "key", "metadata", "path"]), json_values),
    st.none() | words,
)
def test_a_name_is_text_or_nothing_whatever_stands_there(
    item: dict[str, Any], field: str | None
) -> None:
    found = key_of(item, field)
    assert found is None or (isinstance(found, str) and found)


@given(st.lists(words, min_size=1, max_size=4), json_values)
def test_a_path_leads_to_what_was_put_there(path: list[str], value: Any) -> None:
    item: Any = value
    for part in reversed(path):
        item = {part: item}
    assert at_path(item, ".".join(path)) == value
    assert at_path(item, ".".join([*path, "?"])) is None


# ----------------------------------------------------------------- files of any content


@given(st.lists(st.dictionaries(words, json_values, max_size=3), max_size=5), st.integers(0, 2))
@IN_A_FOLDER
def test_lines_are_numbered_as_an_editor_numbers_them(
    tmp_path: Path, rows: list[dict[str, Any]], blank: int
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text("\n" * blank + "".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    assert list(json_lines(path)) == [(blank + 1 + at, row) for at, row in enumerate(rows)]


@pytest.mark.parametrize("line", ["[1]", '"text"', "3", "null", "{", "{'a': 1}", "\x00"])
def test_the_line_at_fault_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(f'{{"a": 1}}\n\n{line}\n', "utf-8")
    with pytest.raises(InputError, match="JSON") as caught:
        list(json_lines(path))
    assert "row: 3" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_and_a_missing_file_are_told_in_words(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing.jsonl"):
        with pytest.raises(InputError, match="cannot be read"):
            list(json_lines(place))
    with pytest.raises(InputError, match="cannot be read"):
        read_inspect(tmp_path / "missing.json")


def test_brackets_without_end_are_an_error_of_the_file() -> None:
    with pytest.raises(InputError, match="not JSON"):
        parse_json(b"[" * 200_000, "deep.json")


@given(json_values)
@IN_A_FOLDER
def test_only_text_is_an_answer_of_llama_factory(tmp_path: Path, value: Any) -> None:
    path = written(tmp_path / "a.jsonl", {"predict": value})
    if isinstance(value, str):
        assert [each.text for each in read_llama_factory(path)] == [value]
    else:
        with pytest.raises(InputError, match=r"a line has no answer[^$]*row: 1"):
            read_llama_factory(path)


def texts_in(value: Any) -> list[str]:
    """The texts in nested lists, from left to right; taken by a stack and not by recursion."""
    found, todo = [], [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, list):
            todo += reversed(each)
    return found


@given(json_values)
@IN_A_FOLDER
def test_only_nested_text_is_an_answer_of_lmms_eval(tmp_path: Path, value: Any) -> None:
    """Several lists side by side are options that were asked one by one: likelihoods."""
    path = written(tmp_path / "a.jsonl", {"resps": value, "doc_id": 5, "target": value})
    beside = isinstance(value, list) and len(value) > 1 and any(type(v) is list for v in value)
    if beside or not texts_in(value):
        with pytest.raises(InputError, match=r"no free answer[^$]*row: 1"):
            read_lmms_eval(path)
        return
    found = read_lmms_eval(path)
    assert [(each.text, each.row) for each in found] == [(text, 5) for text in texts_in(value)]
    assert {each.label for each in found} == {value if isinstance(value, str) else None}


@pytest.mark.parametrize(
    ("name", "content", "tool"),
    [
        ("a.jsonl", {"resps": [["x"]], "doc_id": 0}, "lmms-eval"),
        ("a.ndjson", {"filtered_resps": ["x"]}, "lmms-eval"),
        ("a.JSONL", {"prompt": "?", "predict": "x"}, "llama-factory"),
        ("a.jsonl", {"predict": "x"}, None),
        ("a.jsonl", {"utterance_id": "u", "response": "x", "resps": []}, None),  # ours
        ("a.csv", {"resps": [["x"]]}, None),
        ("a.json", {"eval": {}}, "inspect"),
        ("a.eval", {}, "inspect"),
    ],
)
def test_the_tool_is_known_by_what_it_wrote(
    tmp_path: Path, name: str, content: dict[str, Any], tool: str | None
) -> None:
    assert foreign_format(written(tmp_path / name, content)) == tool


def test_no_tool_no_file_and_no_answers(tmp_path: Path) -> None:
    frame = utterances("demo/a")
    with pytest.raises(InputError, match="there is no such file"):
        read_foreign(tmp_path / "none.jsonl", frame, LABELS)
    unknown = written(tmp_path / "a.jsonl", {"x": 1})
    with pytest.raises(InputError, match="no known tool") as caught:
        read_foreign(unknown, frame, LABELS)
    assert "lmms-eval" in str(caught.value)
    empty = written(tmp_path / "empty.jsonl")
    with pytest.raises(InputError, match="holds no answers"):
        read_foreign(empty, frame, LABELS, format="llama-factory")


def test_repeated_answers_are_runs_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl",
        {"prompt": "", "predict": "happy", "audio": "b.wav"},
        {"prompt": "", "predict": "sad", "audio": "a.wav"},
        {"prompt": "", "predict": "no idea at all", "audio": "b.wav"},
        {"prompt": "", "predict": "angry", "audio": "elsewhere.wav"},
    )
    found = read_foreign(path, utterances("demo/a", "demo/b"), LABELS, system="mine")
    rows = found.predictions.select("utterance_id", "run", "status", "emotion", "system").rows()
    assert rows == [
        ("demo/b", 0, "parsed", "happy", "mine"),
        ("demo/a", 0, "parsed", "sad", "mine"),
        ("demo/b", 1, rows[2][2], None, "mine"),
    ]
    assert rows[2][2] in ("unparsed", "refused")
    assert (found.format, sum(found.left_out.values())) == ("llama-factory", 1)
