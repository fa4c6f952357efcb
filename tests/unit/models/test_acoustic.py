"""The acoustic baseline as a whole, on vowels that differ in pitch and loudness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.errors import AudioError, InputError, LabelError
from equivoice.models import Watchable, acoustic, acoustic_selection
from equivoice.models.acoustic import AcousticBaseline, FittedAcoustic
from equivoice.models.acoustic_features import FeatureTable, forget_recent
from equivoice.models.acoustic_selection import CANDIDATES
from equivoice.records import Label, LabelSpace
from unit.audio.voices import noise, vowel

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("parselmouth")
pytest.importorskip("sklearn")

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad"), Label("bored")))
SPEAKERS = "abcde"
EMOTIONS = {"angry": (1.0, 0.9), "happy": (1.5, 0.5), "sad": (0.8, 0.1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vowels")


@pytest.fixture(scope="module")
def speech(folder: Path) -> pl.DataFrame:
    """Five speakers of different pitch, three emotions, four takes: 60 utterances."""
    rng = np.random.default_rng(0)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for emotion, (height, loudness) in EMOTIONS.items():
            for take in range(4):
                pitch = (110 + 20 * number) * height * (1 + 0.05 * rng.normal())
                sound = loudness * vowel(pitch, 0.35) + noise(0.35, 0.002, seed=len(rows))
                path = folder / f"{speaker}-{emotion}-{take}.wav"
                soundfile.write(path, sound, 16_000, subtype="PCM_16")
                rows.append(
                    {
                        "utterance_id": f"demo/{path.stem}",
                        "corpus": "demo",
                        "audio": str(path),
                        "speaker": speaker,
                        "emotion": emotion,
                    }
                )
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def train(speech: pl.DataFrame) -> pl.DataFrame:
    return speech.filter(pl.col("speaker") != "c")


@pytest.fixture(scope="module")
def test_set(speech: pl.DataFrame) -> pl.DataFrame:
    return speech.filter(pl.col("speaker") == "c").drop("emotion")


@pytest.fixture(scope="module")
def truth(speech: pl.DataFrame) -> list[str]:
    return speech.filter(pl.col("speaker") == "c")["emotion"].to_list()


@pytest.fixture(scope="module")
def baseline(folder: Path) -> AcousticBaseline:
    return AcousticBaseline(workers=1, cache=folder / "cache")


@pytest.fixture(scope="module")
def normalised(folder: Path) -> AcousticBaseline:
    return AcousticBaseline(speaker_normalised=True, workers=1, cache=folder / "cache")


def fit(baseline: AcousticBaseline, train: pl.DataFrame, seed: int = 0) -> FittedAcoustic:
    return baseline.fit(train, None, label_space=SPACE, seed=seed)


@pytest.fixture(scope="module")
def fitted(baseline: AcousticBaseline, train: pl.DataFrame) -> FittedAcoustic:
    return fit(baseline, train)


def entry(fitted: FittedAcoustic, what: str) -> dict[str, object]:
    (found,) = [choice for choice in fitted.selection if choice["what"] == what]
    return found


def test_it_tells_apart_what_sounds_different(
    fitted: FittedAcoustic, test_set: pl.DataFrame, truth: list[str]
) -> None:
    probabilities = fitted.predict(test_set)
    guessed = [SPACE.names[k] for k in probabilities.argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(guessed, truth, strict=True)]) > 0.8
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)


def test_a_label_that_the_training_split_lacks_has_probability_zero(
    fitted: FittedAcoustic, test_set: pl.DataFrame
) -> None:
    assert (fitted.predict(test_set)[:, SPACE.index("bored")] == 0).all()


def test_test_speech_never_reaches_a_fit(
    baseline: AcousticBaseline,
    train: pl.DataFrame,
    test_set: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[np.ndarray] = []
    original = acoustic_selection.fit_classifier

    def spy(member: str, values: np.ndarray, labels: np.ndarray, *, size: int) -> object:
        seen.append(values)
        return original(member, values, labels, size=size)

    monkeypatch.setattr(acoustic_selection, "fit_classifier", spy)
    monkeypatch.setattr(acoustic, "fit_classifier", spy)
    recognizer = fit(baseline, train)
    recognizer.prepare(test_set)
    recognizer.predict(test_set)
    allowed = {row.tobytes() for row in baseline.measure(train).values}
    forbidden = {row.tobytes() for row in baseline.measure(test_set).values}
    fitted_on = {row.tobytes() for values in seen for row in values}
    assert fitted_on == allowed
    assert fitted_on.isdisjoint(forbidden)
    whole = [values for values in seen if len(values) == train.height]
    assert len(whole) == len(recognizer.members)


def test_the_selection_lists_what_was_decided_and_by_whom(fitted: FittedAcoustic) -> None:
    assert [choice["what"] for choice in fitted.selection] == [
        "acoustic features", "classifier", "temperature",
    ]  # fmt: skip
    for choice in fitted.selection:
        assert choice["split"] == "train"
        assert choice["speakers"] == ["a", "b", "d", "e"]
    classifier = entry(fitted, "classifier")
    scores = {each["name"]: each["macro_f1"] for each in classifier["candidates"]}
    assert set(scores) == set(CANDIDATES)
    assert scores[classifier["chosen"]] == max(scores.values())
    assert "speaker-disjoint" in classifier["by"]
    assert entry(fitted, "acoustic features")["speaker normalisation"] == "none"
    assert json.loads(json.dumps(fitted.selection, allow_nan=False)) == fitted.selection


def test_equal_seeds_give_equal_answers_also_from_a_cold_start(
    folder: Path, train: pl.DataFrame, test_set: pl.DataFrame, fitted: FittedAcoustic
) -> None:
    forget_recent()
    cold = AcousticBaseline(workers=1, cache=folder / "another-cache")
    again = fit(cold, train)
    assert again.selection == fitted.selection
    np.testing.assert_array_equal(again.predict(test_set), fitted.predict(test_set))


def test_the_order_of_training_rows_and_the_validation_split_do_not_matter_much(
    baseline: AcousticBaseline, train: pl.DataFrame, test_set: pl.DataFrame, fitted: FittedAcoustic
) -> None:
    other = baseline.fit(train, train.head(5), label_space=SPACE, seed=0)
    np.testing.assert_array_equal(other.predict(test_set), fitted.predict(test_set))


def test_each_utterance_is_answered_for_itself(
    fitted: FittedAcoustic, test_set: pl.DataFrame
) -> None:
    whole = fitted.predict(test_set)
    alone = np.concatenate([fitted.predict(row) for row in test_set.iter_slices(1)])
    np.testing.assert_allclose(alone, whole, atol=1e-12)


def test_rows_without_an_emotion_are_left_out_and_counted(
    baseline: AcousticBaseline, train: pl.DataFrame, test_set: pl.DataFrame, fitted: FittedAcoustic
) -> None:
    unknown = train.head(6).with_columns(
        utterance_id=pl.col("utterance_id") + "-copy", emotion=pl.lit(None, pl.String)
    )
    other = fit(baseline, pl.concat([unknown, train]))
    counts = entry(other, "acoustic features")["counts"]
    assert counts == {"utterances": 48, "left out, no emotion": 6, "without speaker": 0}
    np.testing.assert_array_equal(other.predict(test_set), fitted.predict(test_set))


def test_without_speakers_it_works_and_says_so(
    baseline: AcousticBaseline, train: pl.DataFrame, test_set: pl.DataFrame
) -> None:
    other = fit(baseline, train.drop("speaker"))
    assert entry(other, "acoustic features")["counts"]["without speaker"] == 48
    assert all(choice["speakers"] == [] for choice in other.selection)
    assert np.isfinite(other.predict(test_set.drop("speaker"))).all()


def test_one_speaker_or_one_class_leave_nothing_to_choose_and_say_so(
    baseline: AcousticBaseline, train: pl.DataFrame, test_set: pl.DataFrame
) -> None:
    lonely = fit(baseline, train.filter(pl.col("speaker") == "a"))
    assert "one training speaker" in str(entry(lonely, "classifier")["by"])
    np.testing.assert_allclose(lonely.predict(test_set).sum(axis=1), 1)
    single = fit(baseline, train.filter(pl.col("emotion") == "sad"))
    assert "one class" in str(entry(single, "classifier")["by"])
    assert (single.predict(test_set)[:, SPACE.index("sad")] == 1).all()
    json.dumps(single.selection, allow_nan=False)


def test_silence_gets_an_answer_and_is_counted(fitted: FittedAcoustic, folder: Path) -> None:
    path = folder / "silence.wav"
    soundfile.write(path, np.zeros(8000), 16_000)
    row = pl.DataFrame({"utterance_id": ["demo/silence"], "audio": [str(path)], "speaker": ["c"]})
    np.testing.assert_allclose(fitted.predict(row).sum(axis=1), 1)
    assert fitted.imputed["spectrum: no speech found"] == 1


def test_a_faulty_sound_is_an_error_in_predict_and_none_in_prepare(
    fitted: FittedAcoustic, test_set: pl.DataFrame, folder: Path
) -> None:
    broken = test_set.with_columns(
        audio=pl.when(pl.int_range(pl.len()) == 2)
        .then(pl.lit(str(folder / "gone.wav")))
        .otherwise(pl.col("audio"))
    )
    fitted.prepare(broken)
    with pytest.raises(AudioError, match=r"gone\.wav"):
        fitted.predict(broken)


def test_a_faulty_training_sound_is_an_error(
    baseline: AcousticBaseline, train: pl.DataFrame, folder: Path
) -> None:
    broken = train.with_columns(audio=pl.lit(str(folder / "gone.wav")))
    with pytest.raises(AudioError, match=r"gone\.wav"):
        fit(baseline, broken)


def test_training_tables_that_cannot_be_learned_from_are_refused(
    baseline: AcousticBaseline, train: pl.DataFrame
) -> None:
    with pytest.raises(InputError, match="audio"):
        fit(baseline, train.drop("audio"))
    with pytest.raises(InputError, match="no labelled"):
        fit(baseline, train.with_columns(emotion=pl.lit(None, pl.String)))
    with pytest.raises(LabelError, match="furious") as caught:
        fit(baseline, train.with_columns(emotion=pl.lit("furious")))
    assert caught.value.choices == SPACE.names


def test_normalisation_bears_another_name_and_says_that_it_is_transductive(
    normalised: AcousticBaseline, train: pl.DataFrame
) -> None:
    recognizer = fit(normalised, train)
    assert recognizer.name == normalised.name == "acoustic-speaker-normalised"
    assert "transductive" in str(entry(recognizer, "acoustic features")["speaker normalisation"])


def moved(values: np.ndarray) -> np.ndarray:
    return 2.5 * values + 11


def test_normalisation_takes_a_speakers_offset_and_scale_away(
    normalised: AcousticBaseline,
    baseline: AcousticBaseline,
    train: pl.DataFrame,
    test_set: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recognizers = [fit(normalised, train), fit(baseline, train)]
    plain = [recognizer.predict(test_set) for recognizer in recognizers]
    original = AcousticBaseline.measure

    def measure(self: AcousticBaseline, utterances: pl.DataFrame) -> FeatureTable:
        table = original(self, utterances)
        return FeatureTable(table.names, moved(table.values), table.missing, table.faults)

    monkeypatch.setattr(AcousticBaseline, "measure", measure)
    other = [recognizer.predict(test_set) for recognizer in recognizers]
    np.testing.assert_allclose(other[0], plain[0], atol=1e-6)
    assert np.abs(other[1] - plain[1]).max() > 0.05


def test_prepared_speakers_do_not_depend_on_batches(
    normalised: AcousticBaseline, train: pl.DataFrame, test_set: pl.DataFrame
) -> None:
    recognizer = fit(normalised, train)
    recognizer.prepare(test_set)
    whole = recognizer.predict(test_set)
    parts = np.concatenate([recognizer.predict(part) for part in test_set.iter_slices(5)])
    np.testing.assert_allclose(parts, whole, atol=1e-12)


def test_nothing_to_predict_gives_no_rows(fitted: FittedAcoustic, test_set: pl.DataFrame) -> None:
    fitted.prepare(test_set.clear())
    assert fitted.predict(test_set.clear()).shape == (0, len(SPACE.names))


def test_real_speech_is_told_apart_far_above_chance(real_data: Path, folder: Path) -> None:
    """Anger against sadness in RAVDESS, four actors trained, two tested: chance is 0.5."""
    root = real_data / "audio" / "ravdess" / "audio" / "Audio_Speech_Actors_01-24"
    rows = [
        {
            "utterance_id": f"ravdess/{path.stem}",
            "audio": str(path),
            "speaker": path.parent.name,
            "emotion": {"04": "sad", "05": "angry"}[path.stem[6:8]],
        }
        for actor in ("01", "02", "03", "04", "05", "06")
        for emotion in ("04", "05")
        for path in sorted((root / f"Actor_{actor}").glob(f"03-01-{emotion}-02-01-*.flac"))
    ]
    table = pl.DataFrame(rows)
    tested = pl.col("speaker").is_in(["Actor_05", "Actor_06"])
    recognizer = fit(AcousticBaseline(workers=1, cache=folder / "real"), table.filter(~tested))
    guessed = recognizer.predict(table.filter(tested).drop("emotion")).argmax(axis=1)
    true = [SPACE.index(name) for name in table.filter(tested)["emotion"]]
    assert (guessed == true).mean() >= 0.75


def test_who_watches_is_told_how_many_utterances_were_listened_to() -> None:
    seen: list[tuple[int, int]] = []
    watched = AcousticBaseline().watched(lambda done, total: seen.append((done, total)))
    assert isinstance(watched, Watchable)
    assert watched == AcousticBaseline()
    assert watched.watch is not None
    watched.watch(1, 2)
    assert seen == [(1, 2)]
