"""Making studies: folders, sounds, links, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import soundfile

from equivoice.corpora import save_corpus
from equivoice.errors import AudioError, ConfigError, InputError
from equivoice.rating.app.creating import create_study, invite
from equivoice.rating.app.open_study import open_study
from equivoice.rating.study_files import read_study_file, study_from
from tiny.corpus import make_corpus
from tiny.study import make_study, study_file


def test_a_folder_holds_all_that_is_served(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, items=3, attention=2, raters=4)
    names = sorted(path.name for path in made.folder.iterdir() if "sqlite-" not in path.name)
    assert names == ["admin-token.txt", "links.csv", "sounds", "study.json", "study.sqlite"]
    assert sorted(path.name for path in (made.folder / "sounds").iterdir()) == [
        "00001.wav",
        "00002.wav",
        "00003.wav",
    ]
    assert (made.items, made.sounds, len(made.links)) == (3, 3, 4)
    assert len(study.checks) == 2
    assert [len(study.box.progress(rater)) for rater in made.links] == [5] * 4
    links = pl.read_csv(made.folder / "links.csv")
    assert dict(links.iter_rows()) == made.links


def test_sounds_are_cut_and_carry_no_tags(tmp_path: Path) -> None:
    path = study_file(tmp_path, items=1)
    sound = tmp_path / "secret_angry_0.wav"
    samples, rate = soundfile.read(sound)
    with soundfile.SoundFile(sound, "w", rate, 1, "PCM_16") as file:
        file.title = "angry speaker 7"
        file.write(samples)
    frame = pl.read_csv(tmp_path / "items.csv").with_columns(start=pl.lit(0.05), end=pl.lit(0.1))
    frame.write_csv(tmp_path / "items.csv")
    made = create_study(read_study_file(path), tmp_path / "made")
    copy = made.folder / "sounds" / "00001.wav"
    assert b"angry" in sound.read_bytes()
    assert b"angry" not in copy.read_bytes()
    heard, at = soundfile.read(copy)
    assert at == rate
    assert heard == pytest.approx(samples[round(0.05 * rate) : round(0.1 * rate)], abs=1e-4)


def test_a_sound_that_several_items_share_is_copied_once(tmp_path: Path) -> None:
    path = study_file(tmp_path, items=3)
    frame = pl.read_csv(tmp_path / "items.csv").with_columns(audio=pl.lit("secret_angry_0.wav"))
    frame.write_csv(tmp_path / "items.csv")
    assert create_study(read_study_file(path), tmp_path / "made").sounds == 1


def test_what_is_opened_is_what_was_made(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, balance=["correct"], questions=[{"use": "preference"}])
    again = open_study(made.folder)
    assert again.definition == study.definition
    assert again.items == study.items
    assert again.items["clip-1"].groups == {"correct": "no"}
    assert again.secret == study.secret


def test_a_study_can_be_moved(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    study.box.close()
    moved = made.folder.rename(tmp_path / "elsewhere")
    again = open_study(moved)
    assert again.sound("00001.wav") == moved / "sounds" / "00001.wav"
    assert len(again.box.states()) == 2


def test_items_are_balanced_over_raters(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path, items=8, per_rater=4, raters=6, balance=["correct"])
    assert set(study.box.handed_out()[1].uses.values()) == {3}
    invite(study, 2)
    assert set(study.box.handed_out()[1].uses.values()) == {4}


def test_a_corpus_can_be_annotated_without_a_table(tmp_path: Path) -> None:
    corpus = save_corpus(make_corpus(tmp_path / "sounds"), tmp_path / "corpus")
    study = study_from(
        {
            "study": "annotate",
            "title": "Annotate",
            "consent": {"text": "Yes."},
            "items": {"corpus": str(corpus), "sample": 4, "balance": ["emotion"]},
            "questions": [{"use": "msp-podcast"}],
            "show": ["sound"],
        }
    )
    made = create_study(study, tmp_path / "made")
    assert (made.items, made.sounds) == (4, 4)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="the folder is in use"):
        make_study(tmp_path)
    assert (tmp_path / "made" / "thesis.txt").read_text() == "mine"


def test_no_password_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def __init__(self, url: Any) -> None:
            assert url.password == "hush"  # noqa: S105

        def found(self, *_: Any) -> None: ...
        def invite(self, *_: Any) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr("equivoice.rating.app.creating.BallotBox", Nowhere)
    made = create_study(
        read_study_file(study_file(tmp_path)),
        tmp_path / "made",
        database="postgresql://me:hush@localhost/x",
    )
    for path in made.folder.rglob("*.*"):
        assert b"hush" not in path.read_bytes()
    stored = json.loads((made.folder / "study.json").read_text())
    assert stored["database"] == "postgresql+psycopg://me@localhost/x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per_rater": 9}, "each rater would get 9 items, and there are 4"),
        ({"database": "sqlite:///:memory:"}, "a database that lasts"),
    ],
)
def test_what_cannot_be_made_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_study(tmp_path, **changes)
    assert not (tmp_path / "made" / "study.json").exists()


def test_a_sound_that_cannot_be_heard_is_named(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    (tmp_path / "secret_angry_2.wav").write_bytes(b"nothing")
    with pytest.raises(AudioError, match="not a sound file"):
        create_study(read_study_file(path), tmp_path / "made")
    with pytest.raises(InputError, match="there is no study"):
        open_study(tmp_path / "made")


def test_folders_that_are_no_studies(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no study in this folder"):
        open_study(tmp_path)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        open_study(tmp_path)
    (tmp_path / "study.json").write_text('{"database": "sqlite:///gone.sqlite", "address": "x"}')
    with pytest.raises(InputError, match="database is gone"):
        open_study(tmp_path)
