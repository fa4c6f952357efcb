"""Features of many utterances: cached, in parallel, with faults kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.audio import decode
from equivoice.audio.feature_set import feature_names, feature_vector
from equivoice.errors import AudioError, StorageError
from equivoice.models import acoustic_features as module
from equivoice.models.acoustic_features import acoustic_features, forget_recent
from equivoice.store.cache import ArrayCache
from unit.audio.voices import noise, vowel, with_silence

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("parselmouth")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    forget_recent()


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache")


def written(folder: Path, name: str, sound: np.ndarray) -> str:
    path = folder / name
    soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return str(path)


def table(*paths: str | None, **columns: list[float | None]) -> pl.DataFrame:
    ids = [f"demo/{number}" for number in range(len(paths))]
    return pl.DataFrame({"utterance_id": ids, "audio": list(paths), **columns})


@pytest.fixture
def voices(tmp_path: Path) -> pl.DataFrame:
    paths = [
        written(tmp_path, f"{hz}.wav", vowel(hz, 0.4) + noise(0.4, 0.003)) for hz in (120, 180, 240)
    ]
    return table(*paths)


class Counted:
    """How often vectors are measured rather than read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0

        def measure(samples: np.ndarray) -> np.ndarray:
            self.calls += 1
            return feature_vector(samples)

        monkeypatch.setattr(module, "feature_vector", measure)


def test_rows_are_the_vectors_of_the_sounds(voices: pl.DataFrame, cache: ArrayCache) -> None:
    found = acoustic_features(voices, cache=cache, workers=1)
    assert found.names == feature_names()
    expected = [feature_vector(decode(path)) for path in voices["audio"]]
    np.testing.assert_array_equal(found.values, expected)
    assert found.faults == {}


def test_processes_give_the_same_numbers(tmp_path: Path, cache: ArrayCache) -> None:
    paths = [written(tmp_path, f"{n}.wav", vowel(100 + 4 * n, 0.15)) for n in range(26)]
    alone = acoustic_features(table(*paths), cache=cache, workers=1)
    forget_recent()
    together = acoustic_features(table(*paths), cache=ArrayCache(tmp_path / "other"), workers=2)
    np.testing.assert_array_equal(alone.values, together.values)
    assert alone.missing == together.missing


def test_a_cached_vector_is_not_measured_again(
    voices: pl.DataFrame, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = acoustic_features(voices, cache=cache, workers=1)
    forget_recent()
    counted = Counted(monkeypatch)
    second = acoustic_features(voices, cache=cache, workers=1)
    assert counted.calls == 0
    np.testing.assert_array_equal(first.values, second.values)


def test_equal_sounds_are_measured_once_whatever_their_names(
    tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    sound = (vowel(150, 0.3) * 32_767).astype(np.int16)
    paths = [written(tmp_path, name, sound) for name in ("a.wav", "b.flac", "c.wav")]
    found = acoustic_features(table(*paths), cache=cache, workers=1).values
    assert counted.calls == 1
    np.testing.assert_array_equal(found[0], found[1])


def test_a_damaged_entry_is_measured_again(
    voices: pl.DataFrame, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = acoustic_features(voices, cache=cache, workers=1)
    for path in cache.folder.rglob("*.npy*"):
        path.write_bytes(path.read_bytes()[:-5])
    forget_recent()
    counted = Counted(monkeypatch)
    second = acoustic_features(voices, cache=cache, workers=1)
    assert counted.calls == voices.height
    np.testing.assert_array_equal(first.values, second.values)


def test_another_feature_set_does_not_read_old_entries(
    voices: pl.DataFrame, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    acoustic_features(voices, cache=cache, workers=1)
    forget_recent()
    monkeypatch.setattr(module, "FEATURE_SET", "acoustic-next")
    counted = Counted(monkeypatch)
    acoustic_features(voices, cache=cache, workers=1)
    assert counted.calls == voices.height


def test_what_was_measured_just_now_is_remembered_until_the_file_changes(
    tmp_path: Path, voices: pl.DataFrame, cache: ArrayCache
) -> None:
    first = acoustic_features(voices, cache=cache, workers=1)
    for path in cache.folder.rglob("*.npy*"):
        path.unlink()
    again = acoustic_features(voices, cache=cache, workers=1)
    assert not list(cache.folder.rglob("*.npy*"))
    np.testing.assert_array_equal(first.values, again.values)
    written(tmp_path, "120.wav", vowel(300, 0.5))
    changed = acoustic_features(voices, cache=cache, workers=1)
    assert not np.array_equal(changed.values[0], first.values[0], equal_nan=True)
    np.testing.assert_array_equal(changed.values[1:], first.values[1:])


def test_memory_is_bounded(
    voices: pl.DataFrame, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 2)
    acoustic_features(voices, cache=cache, workers=1)
    assert len(module._recent) == 2


def test_a_part_of_a_file_is_measured_as_a_file_of_its_own(
    tmp_path: Path, cache: ArrayCache
) -> None:
    sounds = [vowel(120, 0.5), vowel(220, 0.5)]
    whole = written(tmp_path, "whole.wav", np.concatenate(sounds))
    alone = written(tmp_path, "alone.wav", sounds[1])
    given = table(whole, whole, alone, start=[0.0, 0.5, None], end=[0.5, None, None])
    found = acoustic_features(given, cache=cache, workers=1).values
    np.testing.assert_array_equal(found[1], found[2])
    assert not np.array_equal(found[0], found[1], equal_nan=True)


def test_faults_are_kept_apart_and_take_nobody_with_them(
    tmp_path: Path, voices: pl.DataFrame, cache: ArrayCache
) -> None:
    (tmp_path / "zero.wav").touch()
    (tmp_path / "text.wav").write_text("no sound")
    good = voices["audio"].to_list()
    paths = [
        good[0],
        str(tmp_path / "zero.wav"),
        None,
        str(tmp_path / "text.wav"),
        good[1],
        "no.wav",
    ]
    found = acoustic_features(table(*paths), cache=cache, workers=1)
    assert set(found.faults) == {"demo/1", "demo/2", "demo/3", "demo/5"}
    assert all(isinstance(fault, AudioError) for fault in found.faults.values())
    assert "zero.wav" in str(found.faults["demo/1"])
    assert np.isnan(found.values[[1, 2, 3, 5]]).all()
    assert np.isfinite(found.values[[0, 4]]).any(axis=1).all()


def test_faults_come_back_from_processes_with_their_file(tmp_path: Path, cache: ArrayCache) -> None:
    good = written(tmp_path, "good.wav", vowel(150, 0.15))
    bad = str(tmp_path / "missing.wav")
    found = acoustic_features(table(*[good] * 25, bad), cache=cache, workers=2)
    (fault,) = found.faults.values()
    assert fault.file == bad


def test_missing_features_are_counted_by_reason(tmp_path: Path, cache: ArrayCache) -> None:
    paths = [
        written(tmp_path, "silence.wav", np.zeros(8000)),
        written(tmp_path, "hiss.wav", noise(0.5)),
        written(tmp_path, "voice.wav", with_silence(vowel(150, 0.6))),
    ]
    found = acoustic_features(table(*paths), cache=cache, workers=1)
    assert found.missing["spectrum: no speech found"] == 1
    assert found.missing["perturbation: too few periods for jitter or shimmer"] >= 2
    assert found.faults == {}


def test_progress_is_told_after_each_utterance(voices: pl.DataFrame, cache: ArrayCache) -> None:
    told: list[tuple[int, int]] = []
    acoustic_features(
        voices, cache=cache, workers=1, progress=lambda done, all_: told.append((done, all_))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_no_utterances_give_no_rows(voices: pl.DataFrame, cache: ArrayCache) -> None:
    found = acoustic_features(voices.clear(), cache=cache)
    assert found.values.shape == (0, len(feature_names()))


def test_a_cache_that_cannot_be_written_is_named(voices: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="EQUIVOICE_CACHE"):
        acoustic_features(voices, cache=ArrayCache(tmp_path / "file"), workers=1)
