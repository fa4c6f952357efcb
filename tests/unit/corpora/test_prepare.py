"""From a published corpus to a folder of ours: labels, sound, folds, counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import load_corpus, prepare
from equivoice.corpora.prepare import MISSING, NO_AUDIO
from equivoice.errors import CorpusError, LabelError, StorageError

Write = Callable[..., Path]
Row = Callable[..., dict[str, Any]]
Sound = Callable[..., Path]


@pytest.fixture
def emovo(emobox: Write, row: Row) -> Path:
    """Two women and two men, two emotions, one fold with f2 and m2 tested."""
    entries = {
        speaker: [row("emovo", f"{speaker}/{e}-{speaker}-b1.wav", e) for e in ("gio", "rab")]
        for speaker in ("f1", "f2", "m1", "m2")
    }
    return emobox(
        "emovo",
        {
            "fold_1/emovo_train_fold_1.jsonl": entries["f1"] + entries["m1"],
            "fold_1/emovo_test_fold_1.jsonl": entries["f2"] + entries["m2"],
        },
    )


@pytest.fixture
def audio(tmp_path: Path, sound: Sound) -> Path:
    folder = tmp_path / "audio"
    for number, speaker in enumerate(("f1", "f2", "m1", "m2")):
        for step, emotion in enumerate(("gio", "rab")):
            path = folder / speaker / f"{emotion}-{speaker}-b1.flac"
            sound(path, pitch=100 + 10 * number + step)
    return folder


def test_a_corpus_folder_is_made(emovo: Path, audio: Path, tmp_path: Path) -> None:
    corpus = prepare("emovo", audio=audio, metadata=emovo, out=tmp_path / "out")
    table = corpus.utterances
    assert table.height == 8
    assert corpus.label_space.names == (
        "angry", "happy", "sad", "neutral", "fear", "disgust", "surprise",
    )  # fmt: skip
    assert dict(table.select("own_label", "emotion").unique().iter_rows()) == {
        "gio": "happy",
        "rab": "angry",
    }
    assert all(Path(path).is_file() for path in table["audio"])
    assert set(table["language"]) == {"it"}
    assert corpus.fold_names == ("1",)
    assert corpus.left_out == {}
    assert corpus.card.licence.known
    assert corpus.provenance["folds"] == {"origin": "given", "seed": None}
    assert load_corpus(tmp_path / "out").utterances.equals(table)


def test_a_missing_file_is_an_error_that_names_the_first_and_counts_all(
    emovo: Path, audio: Path, tmp_path: Path
) -> None:
    for name in ("m1/gio-m1-b1.flac", "m2/rab-m2-b1.flac"):
        (audio / name).unlink()
    with pytest.raises(CorpusError, match="2 of 8 sound files are missing") as caught:
        prepare("emovo", audio=audio, metadata=emovo, out=tmp_path / "out")
    assert str(caught.value.value).endswith("m2/rab-m2-b1.wav")
    assert "--allow-missing" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_missing_files_can_be_left_out_and_are_counted_everywhere(
    emovo: Path, audio: Path, tmp_path: Path
) -> None:
    (audio / "m1/gio-m1-b1.flac").unlink()
    corpus = prepare("emovo", audio=audio, metadata=emovo, out=tmp_path / "o", allow_missing=True)
    assert corpus.left_out == {MISSING: 1}
    assert corpus.utterances.height == corpus.folds.height == 7
    assert load_corpus(tmp_path / "o").left_out == {MISSING: 1}


def test_the_wrong_folder_is_not_a_corpus_with_everything_left_out(
    emovo: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="8 of 8") as caught:
        prepare("emovo", audio=tmp_path / "empty", metadata=emovo, out=tmp_path / "o",
                allow_missing=True)  # fmt: skip
    assert "right" in str(caught.value.hint) or "--audio" in str(caught.value.hint)


def test_metadata_alone_are_counted_as_such(emovo: Path, tmp_path: Path) -> None:
    corpus = prepare("emovo", metadata=emovo, out=tmp_path / "o", with_audio=False)
    assert corpus.utterances["audio"].null_count() == 8
    assert corpus.left_out == {NO_AUDIO: 8}
    with pytest.raises(CorpusError, match="folder with the recordings is needed"):
        prepare("emovo", metadata=emovo, out=tmp_path / "o2")


@pytest.mark.parametrize("what", ["audio", "extra"])
def test_a_folder_that_does_not_exist(emovo: Path, tmp_path: Path, what: str) -> None:
    given: dict[str, Any] = {what: tmp_path / "nowhere"}
    with pytest.raises(CorpusError, match=f"{what} folder does not exist"):
        prepare("emovo", metadata=emovo, out=tmp_path / "o", **given)


def test_sound_outside_the_audio_folder_is_refused(emobox: Write, row: Row, tmp_path: Path) -> None:
    rows = [row("tess", "../../etc/secret.wav", "sad")]
    folder = emobox("tess", {"tess.jsonl": rows})
    with pytest.raises(CorpusError, match="out of the table's folder"):
        prepare("tess", audio=tmp_path, metadata=folder, out=tmp_path / "o")


def test_an_unwritable_place_is_a_storage_error(emovo: Path, audio: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        prepare("emovo", audio=audio, metadata=emovo, out=tmp_path / "file" / "o")


class TestLabels:
    def test_a_label_that_the_map_does_not_name(
        self, emobox: Write, row: Row, tmp_path: Path
    ) -> None:
        folder = emobox("emovo", {"emovo.jsonl": [row("emovo", "f1/zzz-f1-b1.wav", "zzz")]})
        with pytest.raises(LabelError, match="zzz") as caught:
            prepare("emovo", metadata=folder, out=tmp_path / "o", with_audio=False)
        assert "gio" in (caught.value.choices or ())
        corpus = prepare("emovo", metadata=folder, out=tmp_path / "o", with_audio=False,
                         labels={"zzz": "sleepy"})  # fmt: skip
        assert corpus.utterances["emotion"].to_list() == ["sleepy"]
        assert "sleepy" in corpus.label_space.names

    def test_a_map_beside_the_data_serves_a_corpus_whose_card_has_none(
        self, emobox: Write, row: Row, tmp_path: Path
    ) -> None:
        rows = [row("tess", "a.wav", "ps"), row("tess", "b.wav", "sad")]
        folder = emobox("tess", {"tess.jsonl": rows}, {"ps": "Surprise", "sad": "Sadness"})
        corpus = prepare("tess", metadata=folder, out=tmp_path / "o", with_audio=False)
        assert corpus.utterances["emotion"].to_list() == ["surprise", "sad"]
        assert corpus.label_space.names == ("sad", "surprise")

    def test_without_any_map_the_lexicon_decides(
        self, emobox: Write, row: Row, tmp_path: Path
    ) -> None:
        rows = [row("tess", f"{n}.wav", e) for n, e in enumerate(["Anger", "Wistful"])]
        folder = emobox("tess", {"tess.jsonl": rows})
        corpus = prepare("tess", metadata=folder, out=tmp_path / "o", with_audio=False)
        assert corpus.utterances["emotion"].to_list() == ["angry", "wistful"]


TABLE = "file,mood,who,sex\n" + "".join(
    f"{who}_{mood}.wav,{mood},{who},{who[0]}\n"
    for who in ("f1", "f2", "m1", "m2")
    for mood in ("joy", "grumpy")
)
COLUMNS = {"audio": "file", "emotion": "mood", "speaker": "who", "gender": "sex"}


class TestTables:
    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        path = tmp_path / "mine.csv"
        path.write_text(TABLE)
        return path

    def test_folds_are_made_where_there_are_none(self, table: Path, tmp_path: Path) -> None:
        corpus = prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / "o",
                         with_audio=False, seed=5)  # fmt: skip
        assert corpus.name == "mine"
        assert corpus.fold_names == ("1", "2")
        assert corpus.provenance["folds"] == {"origin": "made", "seed": 5}
        assert corpus.label_space.names == ("happy", "grumpy")

    def test_the_seed_decides(self, table: Path, tmp_path: Path) -> None:
        def folds(seed: int) -> pl.DataFrame:
            return prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / f"s{seed}",
                           with_audio=False, seed=seed).folds  # fmt: skip

        assert folds(1).equals(folds(1))
        assert any(not folds(1).equals(folds(seed)) for seed in range(2, 8))

    @pytest.mark.parametrize(("folds", "names"), [(0, 0), (4, 4)])
    def test_as_many_as_asked_for(
        self, table: Path, tmp_path: Path, folds: int, names: int
    ) -> None:
        corpus = prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / "o",
                         with_audio=False, folds=folds)  # fmt: skip
        assert len(corpus.fold_names) == names

    def test_too_many_are_refused(self, table: Path, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="4 speakers cannot"):
            prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / "o",
                    with_audio=False, folds=9)  # fmt: skip

    def test_without_speakers_no_folds_are_made(self, table: Path, tmp_path: Path) -> None:
        columns = {key: value for key, value in COLUMNS.items() if key != "speaker"}
        corpus = prepare("table", metadata=table, columns=columns, out=tmp_path / "o",
                         with_audio=False, corpus="named", language="pl")  # fmt: skip
        assert corpus.folds.is_empty()
        assert corpus.name == "named"
        assert set(corpus.utterances["language"]) == {"pl"}

    def test_sound_beside_the_table_is_found_and_measured(
        self, table: Path, tmp_path: Path, sound: Sound
    ) -> None:
        for line in TABLE.splitlines()[1:]:
            sound(tmp_path / line.split(",")[0], seconds=0.5)
        corpus = prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / "o")
        assert corpus.utterances["duration"].unique().to_list() == [0.5]

    def test_a_name_with_a_slash(self, table: Path, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="without '/'"):
            prepare("table", metadata=table, out=tmp_path / "o", corpus="a/b")

    def test_a_length_that_cannot_be_read_stays_unknown_and_the_check_names_it(
        self, table: Path, tmp_path: Path, sound: Sound
    ) -> None:
        from equivoice.corpora import check

        files = [line.split(",")[0] for line in TABLE.splitlines()[1:]]
        for number, file in enumerate(files):
            sound(tmp_path / file, seconds=0.5, pitch=100 + 10 * number)
        (tmp_path / files[0]).write_text("no sound")
        corpus = prepare("table", metadata=table, columns=COLUMNS, out=tmp_path / "o")
        assert corpus.utterances["duration"].to_list() == [None] + [0.5] * 7
        errors = [one for one in check(corpus) if one.severity == "error"]
        assert [(one.code, one.ids) for one in errors] == [("corrupt-audio", ("mine/f1_joy",))]

    def test_rows_without_sound_are_missing_sound(
        self, table: Path, tmp_path: Path, sound: Sound
    ) -> None:
        lines = TABLE.splitlines()
        for line in lines[2:]:
            sound(tmp_path / line.split(",")[0], seconds=0.5)
        table.write_text("\n".join([lines[0], ",joy,f1,f", *lines[2:]]))
        columns = {**COLUMNS, "utterance_id": "id"}
        numbered = [f"{n},{line}" for n, line in enumerate(table.read_text().splitlines()[1:])]
        table.write_text("\n".join([f"id,{lines[0]}", *numbered]))
        with pytest.raises(CorpusError, match="1 of 8") as caught:
            prepare("table", metadata=table, columns=columns, out=tmp_path / "o")
        assert caught.value.value == "(the table names none)"


def test_a_corpus_without_a_single_label(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("utterance_id,emotion\nx,\n")
    with pytest.raises(CorpusError, match="no utterance has an emotion"):
        prepare("table", metadata=tmp_path / "t.csv", out=tmp_path / "o", with_audio=False)


def test_a_corpus_of_a_third_party_is_prepared_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint

    from equivoice.corpora import Card, Draft, Request, Source, registry

    def read(request: Request) -> Draft:
        rows = {"utterance_id": [f"{request.name}/1"], "audio": ["1.wav"], "emotion": ["Freude"]}
        return Draft(pl.DataFrame(rows), label_map={"Freude": "joy"})

    entry = EntryPoint("voices", "their_package:source", registry.GROUP)
    source = Source(Card(name="voices"), read)
    monkeypatch.setattr(EntryPoint, "load", lambda _: source)
    monkeypatch.setattr(registry, "_plugins", lambda: {"voices": entry})
    corpus = prepare("voices", out=tmp_path / "o", with_audio=False)
    assert corpus.utterances.select("utterance_id", "emotion", "own_label").rows() == [
        ("voices/1", "happy", "Freude")
    ]
