"""Making the synthetic corpus: bytes that repeat, work that resumes, biases that can be measured."""

from __future__ import annotations

import importlib.util
import json
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from equivoice.corpora import Corpus, load_corpus
from equivoice.corpora.check import check
from equivoice.corpora.synthetic import Biases, Noise, Shortcut, make, make_synthetic
from equivoice.corpora.synthetic.recipe import EMOTIONS, LANGUAGES
from equivoice.corpora.synthetic.render import PADDING, RECEIPT
from equivoice.errors import (
    ConfigError,
    CorpusError,
    MissingDependencyError,
    RunError,
    StorageError,
)
from equivoice.records import FOLDS, UTTERANCES

parselmouth = pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed")

RATE = 16_000
SNR, TONE_HZ, TONE_DB = 20.0, 6_000.0, -20.0
TINY = {"speakers": 2, "per_speaker": 5, "workers": 1}
PLANTED = Biases(
    noise=Noise("female", snr_db=SNR),
    shortcut=Shortcut("male", "angry", agreement=1.0, level_db=TONE_DB, hz=TONE_HZ),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_synthetic(tmp_path_factory.mktemp("tiny") / "corpus", **TINY)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Twelve speakers, each emotion once; noise behind women, a tone with men's anger."""
    folder = tmp_path_factory.mktemp("small") / "corpus"
    return make_synthetic(folder, speakers=12, per_speaker=6, biases=PLANTED, workers=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def root_of(corpus: Corpus) -> Path:
    assert corpus.root is not None
    return corpus.root


def samples_of(path: str) -> NDArray[np.float64]:
    with wave.open(path, "rb") as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        raw = sound.readframes(sound.getnframes())
    return np.frombuffer(raw, dtype="<i2") / 32_767


def decibels(samples: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def room(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is heard before and after the speech."""
    edge = int(0.9 * PADDING * RATE)
    return np.concatenate([samples[:edge], samples[-edge:]])


# ------------------------------------------------------------------ bytes that repeat


def test_two_makes_are_the_same_to_the_byte_however_many_work(tiny: Corpus, tmp_path: Path) -> None:
    again = make_synthetic(tmp_path / "elsewhere", **{**TINY, "workers": 2})
    first, second = contents(root_of(tiny)), contents(root_of(again))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert sum(name.endswith(".wav") for name in first) == 10


def test_a_speaker_sounds_the_same_whoever_else_speaks(tiny: Corpus, tmp_path: Path) -> None:
    more = make_synthetic(tmp_path / "more", speakers=4, per_speaker=1, workers=2)
    first, second = contents(root_of(tiny)), contents(root_of(more))
    # The first take of the first emotion comes first whatever follows it.
    shared = [name for name in first if name.endswith(".wav") and name in second]
    assert len(shared) == 2
    assert all(first[name] == second[name] for name in shared)


def test_another_seed_is_another_corpus(tiny: Corpus, tmp_path: Path) -> None:
    other = make_synthetic(tmp_path / "other", speakers=2, per_speaker=1, seed=1)
    first, second = contents(root_of(tiny)), contents(root_of(other))
    waves = [name for name in first if name.endswith(".wav") and name in second]
    assert waves
    assert all(first[name] != second[name] for name in waves)


# ------------------------------------------------------------------ resuming


def copied(corpus: Corpus, folder: Path) -> Path:
    return Path(shutil.copytree(root_of(corpus), folder))


def rendered_speakers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the speakers that are rendered from now on, in a list that grows."""
    names: list[str] = []
    really = make._render_in_process

    def noting(job: dict[str, object]) -> None:
        names.append(Path(str(job["folder"])).name)
        really(job)

    monkeypatch.setattr(make, "_render_in_process", noting)
    return names


def cut_short(folder: Path) -> None:
    wav = next((folder / "audio" / "en-m1").glob("*.wav"))
    wav.write_bytes(wav.read_bytes()[:1000])


def lose_one(folder: Path) -> None:
    next((folder / "audio" / "en-m1").glob("*.wav")).unlink()


def lose_receipt(folder: Path) -> None:
    (folder / "audio" / "en-m1" / RECEIPT).unlink()


def be_killed_while_rendering(folder: Path) -> None:
    """The state after a kill: an unfinished folder beside the place of the finished one."""
    audio = folder / "audio"
    (audio / "en-m1").rename(audio / ".en-m1.part")
    (audio / ".en-m1.part" / RECEIPT).unlink()
    (folder / "corpus.json").unlink()


@pytest.mark.parametrize(
    "harm", [cut_short, lose_one, lose_receipt, be_killed_while_rendering], ids=lambda h: h.__name__
)
def test_only_what_is_not_whole_is_rendered_again(
    tiny: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    folder = copied(tiny, tmp_path / "corpus")
    harm(folder)
    names = rendered_speakers(monkeypatch)
    make_synthetic(folder, **TINY)
    assert names == ["en-m1"]
    assert contents(folder) == contents(root_of(tiny))


def test_a_finished_corpus_is_not_rendered_again(
    tiny: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tiny, tmp_path / "corpus")
    names = rendered_speakers(monkeypatch)
    make_synthetic(folder, **TINY)
    assert names == []


def test_other_biases_render_the_speakers_whom_they_touch(
    tiny: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tiny, tmp_path / "corpus")
    names = rendered_speakers(monkeypatch)
    made = make_synthetic(folder, **TINY, biases=Biases.none())
    assert names == ["en-f1"]
    assert made.provenance["planted"]["noise"] is None


def test_speakers_that_no_longer_belong_are_removed(tiny: Corpus, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path / "corpus")
    shutil.copytree(folder / "audio" / "en-m1", folder / "audio" / "ja-m9")
    make_synthetic(folder, **TINY)
    assert contents(folder) == contents(root_of(tiny))


def test_a_failure_leaves_no_corpus_behind(
    tiny: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tiny, tmp_path / "corpus")
    monkeypatch.setattr(make, "asdict", lambda _voice: {"variant": "Nobody"})
    with pytest.raises(RunError, match="en-f1 could not be rendered"):
        make_synthetic(folder, **TINY)
    with pytest.raises(CorpusError):
        load_corpus(folder)


def test_progress_counts_speakers(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    make_synthetic(
        tmp_path / "new", speakers=2, per_speaker=1, progress=lambda *done: seen.append(done)
    )
    assert seen == [(1, 2), (2, 2)]


# ------------------------------------------------------------------ bad input


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CorpusError, match=r"thesis\.tex"):
        make_synthetic(tmp_path, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        make_synthetic(tmp_path / "file" / "corpus", **TINY)


def test_wrong_numbers_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        make_synthetic(tmp_path / "new", speakers=3)
    with pytest.raises(ConfigError):
        make_synthetic(tmp_path / "new", speakers=2, per_speaker=0)
    assert not (tmp_path / "new").exists()


def test_without_praat_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(make, "find_spec", lambda name: None if "parsel" in name else real(name))
    with pytest.raises(MissingDependencyError, match=r"equivoice\[praat\]"):
        make_synthetic(tmp_path / "new", **TINY)
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------ the tables


def test_tables_keep_their_schemas_and_load_again(small: Corpus) -> None:
    loaded = load_corpus(root_of(small))
    assert UTTERANCES.validate(loaded.utterances).equals(small.utterances)
    assert FOLDS.validate(loaded.folds).equals(small.folds)
    assert small.label_space.names == tuple(EMOTIONS)
    assert small.label_space.resolve("joyful") == "happy"
    assert small.votes is not None
    assert set(small.votes["item"]) == set(small.utterances["utterance_id"])


def test_the_corpus_passes_its_check(small: Corpus) -> None:
    findings = check(small)
    assert [finding for finding in findings if finding.severity == "error"] == []


def test_nothing_of_a_person_is_left_open(small: Corpus) -> None:
    columns = ["audio", "duration", "language", "transcript", "speaker", "gender", "age", "emotion"]
    assert small.utterances.select(columns).null_count().row(0) == (0,) * len(columns)
    assert small.utterances["speaker"].n_unique() == 12
    assert set(small.utterances["language"]) == set(LANGUAGES)


def test_folds_are_speaker_disjoint_and_balanced(small: Corpus) -> None:
    joined = small.folds.join(small.utterances, on="utterance_id")
    for fold in small.fold_names:
        own = joined.filter(pl.col("fold") == fold)
        train, test = (own.filter(pl.col("split") == split) for split in ("train", "test"))
        assert not set(train["speaker"]) & set(test["speaker"])
        for column in ("gender", "language", "emotion"):
            counts = test[column].value_counts()["count"]
            assert counts.n_unique() == 1, (fold, column)
    tested = joined.filter(pl.col("split") == "test")
    assert sorted(tested["utterance_id"]) == sorted(small.utterances["utterance_id"])


def test_what_was_planted_stands_in_the_corpus_and_on_its_card(small: Corpus) -> None:
    written = json.loads((root_of(small) / "corpus.json").read_text("utf-8"))
    planted = written["provenance"]["planted"]
    assert planted["noise"] == {"group": "female", "snr_db": SNR, "language": None}
    assert planted["shortcut"]["agreement"] == 1.0
    assert written["provenance"]["raters"][-1]["reliability"] == 0.2
    traps = " ".join(str(trap) for trap in small.card.traps)
    assert "background of all female recordings, at a signal-to-noise ratio of 20 dB" in traps
    assert "6000 Hz" in traps
    assert small.card.language_tags == LANGUAGES


def test_nothing_planted_is_said_too(tmp_path: Path) -> None:
    made = make_synthetic(tmp_path / "x", speakers=2, per_speaker=1, biases=Biases.none())
    assert "Nothing was planted." in [str(trap) for trap in made.card.traps]


def test_the_folder_can_be_moved(tiny: Corpus, tmp_path: Path) -> None:
    moved = load_corpus(copied(tiny, tmp_path / "moved"))
    assert all(
        Path(audio).is_relative_to(tmp_path / "moved") for audio in moved.utterances["audio"]
    )
    assert all(Path(audio).is_file() for audio in moved.utterances["audio"])


# ------------------------------------------------------------------ the sound


def test_clips_are_neither_silent_nor_clipped_nor_of_odd_length(small: Corpus) -> None:
    for audio, duration in small.utterances.select("audio", "duration").iter_rows():
        samples = samples_of(audio)
        assert duration == pytest.approx(len(samples) / RATE)
        assert 1.0 < duration < 5.0
        assert -40 < decibels(samples) < -10
        assert np.abs(samples).max() <= 0.99 + 1e-3


def test_noise_lies_as_far_below_the_speech_as_stated(small: Corpus) -> None:
    measured: dict[str, list[float]] = {"female": [], "male": []}
    # Utterances without the tone: it would be heard in the pauses, too.
    for audio, gender in (
        small.utterances.filter(~pl.col("cue")).select("audio", "gender").iter_rows()
    ):
        samples = samples_of(audio)
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        loud = np.sort(np.mean(frames**2, axis=1))[len(frames) // 4 :]
        noise = np.mean(room(samples) ** 2)
        measured[gender].append(float(10 * np.log10(max(loud.mean() - noise, 1e-12) / noise)))
    # The babble itself rises and falls, so a pause of a tenth of a second is a rough measure.
    assert np.median(measured["female"]) == pytest.approx(SNR, abs=3.0)
    assert np.median(measured["male"]) > SNR + 10


def test_the_tone_is_there_where_the_table_says_so_and_nowhere_else(small: Corpus) -> None:
    def tone(samples: NDArray[np.float64]) -> float:
        seconds = np.arange(len(samples)) / RATE
        strength = np.abs(np.mean(samples * np.exp(-2j * np.pi * TONE_HZ * seconds)))
        return float(20 * np.log10(strength * np.sqrt(2) + 1e-9)) - decibels(samples)

    heard = {
        cue: [tone(samples_of(audio)) for audio in part["audio"]]
        for (cue,), part in small.utterances.group_by("cue")
    }
    assert min(heard[True]) > TONE_DB - 3
    assert max(heard[True]) < TONE_DB + 6
    assert max(heard[False]) < TONE_DB - 10


def test_the_tone_agrees_with_mens_anger_and_not_with_womens(small: Corpus) -> None:
    angry = pl.col("emotion") == "angry"
    men = small.utterances.filter(pl.col("gender") == "male")
    assert (men["cue"] == men.select(angry).to_series()).all()
    women = small.utterances.filter(pl.col("gender") == "female")
    assert 0 < women["cue"].sum() < women.height / 2


def measured_by_praat(corpus: Corpus) -> pl.DataFrame:
    rows = []
    for audio, duration, emotion, gender, speaker in corpus.utterances.select(
        "audio", "duration", "emotion", "gender", "speaker"
    ).iter_rows():
        sound = parselmouth.Sound(samples_of(audio), RATE)
        pitch = sound.to_pitch_ac(0.01, 60, 15, False, 0.03, 0.45, 0.01, 0.35, 0.14, 600)
        found = pitch.selected_array["frequency"]
        voiced = 12 * np.log2(found[found > 0] / 100)
        rows.append(
            (emotion, gender, speaker, float(np.median(voiced)), duration, decibels(sound.values))
        )
    names = ["emotion", "gender", "speaker", "pitch", "duration", "level"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.fixture(scope="module")
def measured(small: Corpus) -> pl.DataFrame:
    """What Praat measures; babble at 20 dB and a tone at 6 kHz do not disturb it."""
    return measured_by_praat(small)


def test_womens_voices_are_higher_than_mens(measured: pl.DataFrame) -> None:
    neutral = measured.filter(pl.col("emotion") == "neutral")
    by_gender = {g: part["pitch"] for (g,), part in neutral.group_by("gender")}
    assert by_gender["female"].min() > by_gender["male"].max() + 4


def test_emotions_are_ordered_as_the_recipe_says(measured: pl.DataFrame) -> None:
    means = measured.group_by("emotion").agg(pl.col("pitch", "duration", "level").mean())
    pitch, duration, level = (
        dict(means.select("emotion", column).iter_rows())
        for column in ("pitch", "duration", "level")
    )
    assert min(pitch["angry"], pitch["happy"], pitch["fear"]) > pitch["neutral"] + 2
    assert pitch["neutral"] > pitch["sad"] > pitch["disgust"]
    assert duration["fear"] < duration["neutral"] < duration["sad"] < duration["disgust"]
    assert level["angry"] > level["happy"] > level["neutral"] > level["sad"]


def test_speakers_differ_in_how_they_show_an_emotion(measured: pl.DataFrame) -> None:
    wide = measured.pivot(on="emotion", index="speaker", values="pitch")
    rise = (wide["angry"] - wide["neutral"]).to_numpy()
    assert rise.std() > 0.5
    assert (rise > 0).all()
