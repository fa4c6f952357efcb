"""Where sound may lie, and where not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora.paths import AudioFinder, absolute_audio, stored_audio
from equivoice.errors import CorpusError


@pytest.mark.parametrize(
    ("there", "asked", "found"),
    [
        ("a.wav", "a.wav", "a.wav"),
        ("a.flac", "a.wav", "a.flac"),
        ("a.FLAC", "a.wav", "a.FLAC"),
        ("a.mp3", "a.mp4", "a.mp3"),
        ("a.b.ogg", "a.b.wav", "a.b.ogg"),
        ("b.flac", "a.wav", "a.wav"),
        ("a.txt", "a.wav", "a.wav"),
    ],
)
def test_a_twin_with_another_audio_suffix_is_found(
    tmp_path: Path, there: str, asked: str, found: str
) -> None:
    (tmp_path / there).touch()
    finder = AudioFinder()
    result = finder.find(tmp_path / asked)
    assert result.name == found
    assert finder.exists(result) == (found == there)


def test_the_file_itself_goes_before_its_twin(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        (tmp_path / name).touch()
    assert AudioFinder().find(tmp_path / "a.wav").name == "a.wav"


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    finder = AudioFinder()
    assert not finder.exists(finder.find(tmp_path / "nowhere" / "a.wav"))


def test_a_folder_of_that_name_is_no_sound_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    assert not AudioFinder().exists(tmp_path / "a.wav")


@pytest.mark.parametrize("given", ["a.wav", "sub/a.wav", "./a.wav", "sub/../a.wav"])
def test_relative_paths_start_at_the_folder(tmp_path: Path, given: str) -> None:
    assert absolute_audio(given, folder=tmp_path).is_relative_to(tmp_path)


@pytest.mark.parametrize("given", ["../a.wav", "sub/../../a.wav", "a\0.wav", "  "])
def test_paths_that_climb_out_are_refused_with_their_row(tmp_path: Path, given: str) -> None:
    with pytest.raises(CorpusError) as caught:
        absolute_audio(given, folder=tmp_path, table=Path("t.csv"), row=7)
    assert (caught.value.row, caught.value.column, caught.value.file) == (7, "audio", "t.csv")


def test_a_folder_with_a_like_name_is_outside(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        absolute_audio("../corpus2/a.wav", folder=tmp_path / "corpus")


def test_absolute_paths_are_followed_unless_the_caller_forbids_it(tmp_path: Path) -> None:
    outside, inside = "/srv/speech/a.wav", str(tmp_path / "a.wav")
    assert absolute_audio(outside, folder=tmp_path) == Path(outside)
    assert absolute_audio(inside, folder=tmp_path, allow_absolute=False) == Path(inside)
    with pytest.raises(CorpusError, match="out of the table's folder"):
        absolute_audio(outside, folder=tmp_path, allow_absolute=False)


def test_what_lies_below_is_stored_relative_and_the_rest_absolute(tmp_path: Path) -> None:
    given = [str(tmp_path / "sub" / "a.wav"), "/srv/b.wav", "c.wav", None]
    table = pl.DataFrame({"audio": given})
    stored = stored_audio(table, folder=tmp_path, audio_root=tmp_path / "sub")
    assert stored["audio"].to_list() == ["sub/a.wav", "/srv/b.wav", "sub/c.wav", None]
