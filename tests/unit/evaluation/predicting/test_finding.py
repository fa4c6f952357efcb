"""Which sounds are meant: files, folders, patterns, tables, lists; what is damaged is named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from equivoice.errors import CorpusError, InputError
from equivoice.evaluation.predicting import Found, find_sounds
from tiny.sounds import buzz, write


def clips(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, buzz(120.0, 0.2))
    return folder


def names(found: Found) -> list[str]:
    return [Path(file).name for file in found.utterances["file"]]


def test_a_file_keeps_the_path_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(tmp_path, "a.wav")
    monkeypatch.chdir(tmp_path)
    found = find_sounds(["a.wav"])
    row = found.utterances.row(0, named=True)
    assert row["file"] == "a.wav"
    assert row["audio"] == str(tmp_path / "a.wav")
    assert row["duration"] == pytest.approx(0.2)
    assert found.damaged == {}


def test_a_folder_means_every_sound_below_it(tmp_path: Path) -> None:
    clips(tmp_path, "b.wav", "deep/er/a.FLAC", "c.wav")
    (tmp_path / "notes.txt").write_text("no sound")
    assert names(find_sounds([tmp_path])) == ["b.wav", "c.wav", "a.FLAC"]


def test_patterns_reach_any_depth_and_absolute_places(tmp_path: Path) -> None:
    clips(tmp_path, "a.wav", "x/b.wav", "x/y/c.wav")
    assert names(find_sounds([f"{tmp_path}/*.wav"])) == ["a.wav"]
    assert names(find_sounds([f"{tmp_path}/**/*.wav"])) == ["a.wav", "b.wav", "c.wav"]


def test_a_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    clips(tmp_path, "take[1].wav")
    assert names(find_sounds([tmp_path / "take[1].wav"])) == ["take[1].wav"]


def test_each_file_counts_once(tmp_path: Path) -> None:
    clips(tmp_path, "a.wav", "b.wav")
    given = [tmp_path / "b.wav", tmp_path, f"{tmp_path}/*.wav"]
    assert names(find_sounds(given)) == ["b.wav", "a.wav"]


def test_lines_are_paths_and_missing_ones_are_named(tmp_path: Path) -> None:
    clips(tmp_path, "a.wav")
    lines = io.StringIO(f"{tmp_path}/a.wav\n\n  {tmp_path}/gone.wav  \n")
    found = find_sounds([], lines)
    assert names(found) == ["a.wav"]
    assert found.damaged == {f"{tmp_path}/gone.wav": "there is no such sound file"}


def test_damaged_files_are_named_each_with_its_own_reason(tmp_path: Path) -> None:
    clips(tmp_path, "good.wav", "cut.wav")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound")
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    found = find_sounds([tmp_path])
    assert names(found) == ["good.wav"]
    reasons = {Path(file).name: why for file, why in found.damaged.items()}
    assert reasons["empty.wav"] == "the sound file is empty (0 bytes)"
    assert "not a sound file" in reasons["text.wav"]
    assert "cut off" in reasons["cut.wav"]


def test_what_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_sounds([tmp_path / "gone.wav"])
    with pytest.raises(InputError, match="no file fits this pattern"):
        find_sounds([f"{tmp_path}/*.wav"])
    with pytest.raises(InputError, match="no sound stands in this folder"):
        find_sounds([tmp_path])
    with pytest.raises(InputError, match="no sound was found"):
        find_sounds([], [])


def test_a_table_names_pieces_of_sound_and_transcripts(tmp_path: Path) -> None:
    clips(tmp_path, "long.wav")
    table = tmp_path / "u.csv"
    table.write_text(
        "utterance_id,audio,start,end,transcript\n"
        "t/1,long.wav,0,0.1,hello\n"
        "t/2,long.wav,0.1,0.2,\n"
        "t/3,gone.wav,,,x\n"
    )
    found = find_sounds([table])
    shown = found.utterances.select("file", "start", "end", "transcript").rows()
    assert shown == [("t/1", 0.0, 0.1, "hello"), ("t/2", 0.1, 0.2, None)]
    assert list(found.damaged) == ["t/3"]
    assert "emotion" not in found.utterances.drop("emotion", strict=False).columns
    read = find_sounds([table], heard=False)
    assert read.utterances["file"].to_list() == ["t/1", "t/2", "t/3"]


def test_labels_of_a_table_are_never_passed_on(tmp_path: Path) -> None:
    clips(tmp_path, "a.wav")
    table = tmp_path / "u.csv"
    table.write_text("utterance_id,audio,emotion\nt/1,a.wav,sad\n")
    found = find_sounds([table])
    if "emotion" in found.utterances.columns:
        assert found.utterances["emotion"].null_count() == 1


def test_a_table_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    clips(tmp_path, "secret.wav")
    (folder / "u.csv").write_text("utterance_id,audio\nt/1,../secret.wav\n")
    with pytest.raises(CorpusError, match="leads out of the table's folder"):
        find_sounds([folder / "u.csv"])


def test_a_table_without_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("utterance_id,transcript\nt/1,hello\n")
    with pytest.raises(InputError, match="the table names no sound"):
        find_sounds([tmp_path / "u.csv"])
