"""Corpora on disk, paths, names and checks, on random input against plain-Python oracles."""

from __future__ import annotations

import json
import os
import re
import string
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from equivoice.corpora import Card, Corpus, Fact, label_space, load_corpus, save_corpus
from equivoice.corpora.adapters.emobox import read_emobox
from equivoice.corpora.balance import association, check_balance
from equivoice.corpora.labels import canonical, in_lexicon_order, lexicon
from equivoice.corpora.paths import absolute_audio, stored_audio
from equivoice.corpora.separation import check_folds, shared_speakers
from equivoice.corpora.source import Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, UTTERANCES

LABELS = ["angry", "happy", "sad"]
words = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
maybe = st.one_of(st.none(), words)


@st.composite
def corpora(draw: st.DrawFn, labelled: bool = False) -> Corpus:
    """A corpus of random speakers, genders, emotions and folds."""
    number = draw(st.integers(1, 25))
    emotions = st.sampled_from(LABELS) if labelled else st.sampled_from([*LABELS, None])
    rows = [
        {
            "utterance_id": f"demo/{index}",
            "speaker": draw(st.sampled_from(["a", "b", "c", "d", None])),
            "gender": draw(st.sampled_from(["female", "male", None])),
            "emotion": draw(emotions),
            "transcript": draw(maybe),
        }
        for index in range(number)
    ]
    folds = [
        (row["utterance_id"], fold, draw(st.sampled_from(["train", "validation", "test"])))
        for row in rows
        for fold in draw(st.sampled_from([(), ("1",), ("1", "2")]))
    ]
    schema = dict.fromkeys(
        ("utterance_id", "speaker", "gender", "emotion", "transcript"), pl.String
    )
    return Corpus(
        "demo",
        label_space(LABELS, id="demo"),
        UTTERANCES.validate(pl.DataFrame(rows, schema=schema)),
        pl.DataFrame(folds, schema=dict.fromkeys(FOLDS.names, pl.String), orient="row"),
        card=Card(name="demo", licence=Fact(value=draw(words), source=draw(words))),
        left_out=draw(st.dictionaries(words, st.integers(0, 99), max_size=3)),
    )


# ---------------------------------------------------------------------- on disk


@settings(max_examples=40, deadline=None)
@given(corpora())
def test_what_is_saved_is_loaded(corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_corpus(save_corpus(corpus, Path(folder) / "c"))
    assert loaded.utterances.equals(corpus.utterances)
    assert loaded.folds.equals(corpus.folds)
    assert loaded.card == corpus.card
    assert loaded.left_out == corpus.left_out
    assert loaded.label_space == corpus.label_space


@settings(max_examples=40, deadline=None)
@given(corpora())
def test_saving_what_was_loaded_changes_no_byte(corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = save_corpus(corpus, Path(folder) / "first")
        second = save_corpus(load_corpus(first), Path(folder) / "second")
        for file in ("utterances.parquet", "folds.parquet", "corpus.json"):
            assert (first / file).read_bytes() == (second / file).read_bytes()


# ------------------------------------------------------------------------ paths

pieces = st.sampled_from(["..", ".", "a", "b", "é", "x y", "", "c.wav"])
relative = st.lists(pieces, min_size=1, max_size=6).map("/".join)


@given(relative)
def test_no_relative_path_leads_out(audio: str) -> None:
    assume(not audio.startswith("/"))
    folder = Path("/corpora/demo")
    depth = 0
    lowest = 0
    for piece in audio.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(piece, 1)
        lowest = min(lowest, depth)
    try:
        path = absolute_audio(audio, folder=folder)
    except CorpusError:
        # Refused: it climbs at some point, or it is nothing at all.
        assert lowest < 0 or not audio.strip()
    else:
        assert path.is_absolute()
        assert os.path.commonpath([path, folder]) == str(folder)
        assert ".." not in path.parts


@given(st.lists(relative.filter(lambda text: text.strip("/. ") != ""), min_size=1, max_size=5))
def test_stored_paths_lead_back(entries: list[str]) -> None:
    folder = Path("/corpora/demo")
    table = pl.DataFrame({"audio": [str(folder / entry.lstrip("/")) for entry in entries]})
    stored = stored_audio(table, folder=folder, audio_root=folder)["audio"].to_list()
    for given_path, entry in zip(table["audio"], stored, strict=True):
        assert os.path.normpath(folder / entry) == os.path.normpath(given_path)


# ----------------------------------------------------------------------- labels

known = st.sampled_from(sorted(lexicon().words))


@given(st.lists(known, min_size=1, max_size=8, unique=True))
def test_a_label_space_of_known_words_resolves_each_to_itself(names: list[str]) -> None:
    space = label_space(names)
    assert space.names == tuple(names)
    assert all(space.resolve(name) == name for name in names)
    assert all(space.resolve(name.upper()) == name for name in names)


@given(st.lists(known, min_size=1, max_size=8, unique=True), known)
def test_a_space_never_gives_a_word_another_meaning(names: list[str], word: str) -> None:
    found = label_space(names).resolve(word)
    assert found is None or canonical(found) == canonical(word)


@given(st.lists(st.one_of(known, words), max_size=10))
def test_ordering_loses_nothing_and_depends_on_the_set_alone(names: list[str]) -> None:
    ordered = in_lexicon_order(names)
    assert sorted(ordered) == sorted(set(names))
    assert ordered == in_lexicon_order(reversed(names))


@given(words)
def test_canonical_is_settled_after_once(word: str) -> None:
    assert canonical(canonical(word)) == canonical(word)


# ----------------------------------------------------------------------- checks


@settings(deadline=None)
@given(corpora())
def test_shared_speakers_are_those_of_a_plain_loop(corpus: Corpus) -> None:
    speaker = dict(corpus.utterances.select("utterance_id", "speaker").iter_rows())
    for fold in corpus.fold_names:
        seen: set[str | None] = set()
        tested: set[str | None] = set()
        for utterance, name, part in corpus.folds.iter_rows():
            if name == fold:
                (tested if part == "test" else seen).add(speaker[utterance])
        assert shared_speakers(corpus, fold) == sorted(filter(None, seen & tested))


@settings(deadline=None)
@given(corpora())
def test_a_fold_is_called_disjoint_or_named_as_sharing_never_both(corpus: Corpus) -> None:
    found = check_folds(corpus)
    shared = {one.message.split(":")[0] for one in found if one.code == "shared-speakers"}
    disjoint = [
        one.message.rpartition("fold ")[2] for one in found if one.code == "speaker-disjoint"
    ]
    named = {f"fold {name}" for text in disjoint for name in text.split(", ")}
    assert not shared & named
    if corpus.fold_names and corpus.utterances["speaker"].null_count() < corpus.utterances.height:
        assert shared | named == {f"fold {name}" for name in corpus.fold_names}


@settings(deadline=None)
@given(corpora(labelled=True))
def test_the_empty_cells_are_those_that_nobody_fills(corpus: Corpus) -> None:
    rows = corpus.utterances.drop_nulls("gender")
    cells = Counter(rows.select("gender", "emotion").iter_rows())
    genders, emotions = set(rows["gender"]), set(rows["emotion"])
    empty = [f"{g} × {e}" for g in sorted(genders) for e in sorted(emotions) if not cells[g, e]]
    found = [one for one in check_balance(corpus) if one.code == "confounded-group"]
    if len(genders) < 2 or not empty:
        assert not any("empty: " in one.message for one in found)
    else:
        said = re.search(r"; empty: (.*?)(?:;|\. A difference)", found[0].message)
        assert said is not None
        assert said[1].split(", ") == empty


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("stu")), min_size=1, max_size=60))
def test_association_is_symmetric_between_0_and_1_and_blind_to_order(
    pairs: list[tuple[str, str]],
) -> None:
    table = pl.DataFrame(pairs, schema=["a", "b"], orient="row")
    value = association(table, "a", "b")
    if min(table["a"].n_unique(), table["b"].n_unique()) < 2:
        assert value != value  # noqa: PLR0124 - undefined is NaN
        return
    assert -1e-12 <= value <= 1 + 1e-12
    assert association(table, "b", "a") == pytest.approx(value, abs=1e-12)
    assert association(table.reverse(), "a", "b") == pytest.approx(value, abs=1e-12)
    assert association(pl.concat([table, table]), "a", "b") == pytest.approx(value, abs=1e-12)


# ----------------------------------------------------------------------- EmoBox


@st.composite
def emobox_files(draw: st.DrawFn) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
    """EmoBox files with gaps: the list of all rows and sensitive_attr may be missing."""
    keys = draw(
        st.lists(st.text(string.ascii_letters, min_size=1, max_size=4), min_size=1, unique=True)
    )
    rows = {
        key: {
            "key": f"tess-{key}",
            "wav": f"downloads/tess/{key}.wav",
            "emo": draw(st.sampled_from(LABELS)),
        }
        for key in keys
    }
    files: dict[str, list[dict[str, Any]]] = {}
    if draw(st.booleans()):
        files["tess.jsonl"] = list(rows.values())
    for fold in range(1, draw(st.integers(1, 3)) + 1):
        parts = {key: draw(st.sampled_from(["train", "test", "valid"])) for key in keys}
        for part in ("train", "test", "valid"):
            chosen = [
                rows[key]
                | ({"sensitive_attr": {"gender": "Female"}} if draw(st.booleans()) else {})
                for key in keys
                if parts[key] == part
            ]
            if chosen or draw(st.booleans()):
                files[f"fold_{fold}/tess_{part}_fold_{fold}.jsonl"] = chosen
    return files, set(keys)


@settings(max_examples=60, deadline=None)
@given(emobox_files())
def test_whatever_is_missing_every_row_is_read_once(
    given_files: tuple[dict[str, list[dict[str, Any]]], set[str]],
) -> None:
    files, keys = given_files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, rows in files.items():
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        draft = read_emobox(Request(name="tess", out=folder, metadata=folder))
    assert set(draft.utterances["utterance_id"]) == {f"tess/{key}" for key in keys}
    assert draft.utterances.height == len(keys)
    entries = sum(len(rows) for file, rows in files.items() if file.startswith("fold_"))
    assert draft.folds.height == entries
    stated = {
        row["key"].removeprefix("tess-")
        for rows in files.values()
        for row in rows
        if "sensitive_attr" in row
    }
    female = draft.utterances.filter(pl.col("gender") == "female")["utterance_id"]
    assert set(female) == {f"tess/{key}" for key in stated}
