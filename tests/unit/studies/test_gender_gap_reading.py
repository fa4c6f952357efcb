"""Which answers count: on run folders written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.errors import InputError
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.measuring import measure
from equivoice.studies.gender_gap.reading import (
    BOTH,
    SPEECH,
    Answers,
    GapSettings,
    read_answers,
)
from oracles.three_languages import EMOTIONS, three_languages

SETTINGS = GapSettings()


def answers_of(speech: pl.DataFrame, **conditions: Any) -> pl.DataFrame:
    """Right answers to all of it, as predictions."""
    given: dict[str, Any] = {
        "system": "llm",
        "prompt": "direct",
        "temperature": 0.0,
        "run": 0,
        "fold": "1",
        "modality": SPEECH,
    } | conditions
    columns = {name: pl.lit(value) for name, value in given.items()}
    return speech.select("utterance_id", "emotion", **columns, status=pl.lit("parsed"))


def written(
    folder: Path,
    corpus: Corpus,
    said: Sequence[pl.DataFrame],
    *,
    generation: Mapping[str, Any] | None = None,
) -> RunFolder:
    with RunFolder.open(folder) as run:
        run.save_record(RunRecord(verb="benchmark", config={}, generation=dict(generation or {})))
        run.write_predictions(pl.concat(said, how="diagonal_relaxed"))
        run.write_utterances(corpus.utterances.with_columns(corpus=pl.lit(corpus.name)))
        save_descriptions(run, [describe(corpus, findings=(), folds="its own")])
    return RunFolder.read(folder)


@pytest.fixture
def corpus() -> Corpus:
    return three_languages(speakers=2, each=1)


def read(
    tmp_path: Path, corpus: Corpus, *said: pl.DataFrame, settings: GapSettings = SETTINGS
) -> list[Answers]:
    return read_answers([written(tmp_path / "run", corpus, said)], settings)


def test_both_modalities_of_a_system_stand_together(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    (found,) = read(tmp_path, corpus, answers_of(speech), answers_of(speech, modality=BOTH))
    assert found.modalities == (SPEECH, BOTH)
    assert found.cells == ("de", "en", "ja")
    assert found.groups == ("female", "male")
    assert found.frame.height == 2 * speech.height
    assert (found.frame["reference"] == found.frame["predicted"]).all()
    assert found.left_out == {}


def test_modalities_may_come_from_two_runs(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    runs = [
        written(tmp_path / "a", corpus, [answers_of(speech)]),
        written(tmp_path / "b", corpus, [answers_of(speech, modality=BOTH)]),
    ]
    (found,) = read_answers(runs, SETTINGS)
    assert found.modalities == (SPEECH, BOTH)


def test_languages_may_come_from_two_corpora(tmp_path: Path) -> None:
    runs = []
    for name, tag in (("one", "de"), ("other", "en")):
        whole = three_languages(speakers=2, each=1, name=name)
        own = whole.utterances.filter(language=tag)
        folds = whole.folds.join(own, on="utterance_id", how="semi")
        small = replace(whole, utterances=own, folds=folds)
        runs.append(written(tmp_path / name, small, [answers_of(own)]))
    (found,) = read_answers(runs, SETTINGS)
    assert found.cells == ("de", "en")
    assert found.corpora == ("one", "other")
    by_corpus = read_answers(runs, GapSettings(cells="corpus"))
    assert by_corpus[0].cells == ("one", "other")


def test_systems_and_prompts_stand_apart(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    found = read(
        tmp_path,
        corpus,
        answers_of(speech),
        answers_of(speech, prompt="other"),
        answers_of(speech, system="second"),
    )
    assert [(one.system, one.prompt) for one in found] == [
        ("llm", "direct"),
        ("llm", "other"),
        ("second", "direct"),
    ]


def test_a_system_that_is_not_asked_in_words_heard_speech(tmp_path: Path, corpus: Corpus) -> None:
    said = answers_of(corpus.utterances, system="acoustic").drop(
        "prompt", "temperature", "modality"
    )
    (found,) = read(tmp_path, corpus, said)
    assert (found.prompt, found.temperature, found.modalities) == (None, None, (SPEECH,))


def test_the_lowest_temperature_counts_unless_another_is_named(
    tmp_path: Path, corpus: Corpus
) -> None:
    speech = corpus.utterances
    said = [answers_of(speech, temperature=t) for t in (0.3, 1.0)]
    run = written(tmp_path / "run", corpus, said)
    assert read_answers([run], SETTINGS)[0].temperature == 0.3
    assert read_answers([run], GapSettings(temperature=0.9))[0].temperature == 1.0
    assert read_answers([run], SETTINGS)[0].frame.height == speech.height


def test_runs_of_one_temperature_are_pooled(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    (found,) = read(tmp_path, corpus, answers_of(speech), answers_of(speech, run=1))
    assert found.frame.height == 2 * speech.height


def test_only_what_was_answered_in_both_modalities_counts(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    silent = speech.head(5)
    told = answers_of(speech.slice(5), modality=BOTH)
    (found,) = read(tmp_path, corpus, answers_of(speech), told)
    assert found.left_out == {"utterance without an answer in both modalities": 5}
    kept = set(found.frame["utterance_id"])
    assert kept.isdisjoint(silent["utterance_id"])
    assert found.frame.height == 2 * len(kept)


def test_speakers_of_unknown_gender_are_left_out_and_counted(
    tmp_path: Path, corpus: Corpus
) -> None:
    speech = corpus.utterances.with_columns(
        gender=pl.when(pl.col("speaker") == "de-f0").then(None).otherwise(pl.col("gender"))
    )
    unknown = replace(corpus, utterances=speech)
    (found,) = read(tmp_path, unknown, answers_of(speech))
    assert found.left_out == {"gender unknown": len(EMOTIONS)}
    assert "de-f0" not in set(found.frame["speaker"])


def test_utterances_without_a_language_are_left_out_and_counted(
    tmp_path: Path, corpus: Corpus
) -> None:
    speech = corpus.utterances.with_columns(
        language=pl.when(pl.col("language") == "ja").then(None).otherwise(pl.col("language"))
    )
    (found,) = read(tmp_path, replace(corpus, utterances=speech), answers_of(speech))
    assert found.left_out == {"language unknown": 4 * len(EMOTIONS)}
    assert found.cells == ("de", "en")


def test_failed_answers_are_left_out_and_unread_ones_stay(tmp_path: Path, corpus: Corpus) -> None:
    said = answers_of(corpus.utterances).with_row_index()
    said = said.with_columns(
        status=pl.when(pl.col("index") == 0)
        .then(pl.lit("failed"))
        .when(pl.col("index") == 1)
        .then(pl.lit("unparsed"))
        .otherwise(pl.col("status")),
    ).drop("index")
    (found,) = read(tmp_path, corpus, said)
    assert found.left_out == {"answer failed": 1}
    assert found.frame["predicted"].null_count() == 1


def test_answers_from_the_transcript_alone_take_no_part(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances
    (found,) = read(tmp_path, corpus, answers_of(speech), answers_of(speech, modality="transcript"))
    assert found.modalities == (SPEECH,)


def test_another_attribute_than_gender(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances.with_columns(
        accent=pl.col("speaker").str.slice(-1).replace({"0": "north", "1": "south"})
    )
    settings = GapSettings(attribute="accent")
    made = replace(corpus, utterances=speech)
    (found,) = read(tmp_path, made, answers_of(speech), settings=settings)
    assert found.groups == ("north", "south")


def test_the_model_is_the_one_that_the_record_names(tmp_path: Path, corpus: Corpus) -> None:
    generation = {"llm": {"model": "Qwen/Qwen2-Audio-7B-Instruct"}}
    said = [answers_of(corpus.utterances)]
    run = written(tmp_path / "run", corpus, said, generation=generation)
    assert read_answers([run], SETTINGS)[0].model == "Qwen/Qwen2-Audio-7B-Instruct"


# ----------------------------------------------------------------------------- bad input


def test_one_system_twice(tmp_path: Path, corpus: Corpus) -> None:
    runs = [written(tmp_path / name, corpus, [answers_of(corpus.utterances)]) for name in "ab"]
    with pytest.raises(InputError, match="llm on made, speech, stands in two runs"):
        read_answers(runs, SETTINGS)


def two_label_spaces(tmp_path: Path, corpus: Corpus) -> list[RunFolder]:
    """Runs on a corpus of four emotions and on another of three of them."""
    other = three_languages(speakers=2, each=1, name="other")
    few = other.utterances.filter(pl.col("emotion") != "sad")
    small = replace(
        other,
        utterances=few,
        label_space=label_space(["happy", "angry", "neutral"], id="other"),
        folds=other.folds.join(few, on="utterance_id", how="semi"),
    )
    said = answers_of(corpus.utterances)
    wrong = pl.when(pl.col("emotion") == "happy").then(pl.lit("sad")).otherwise(pl.col("emotion"))
    return [
        written(tmp_path / "a", corpus, [said.with_columns(emotion=wrong)]),
        written(tmp_path / "b", small, [answers_of(few)]),
    ]


def test_corpora_with_different_labels(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(InputError, match="made and other have different labels") as caught:
        read_answers(two_label_spaces(tmp_path, corpus), SETTINGS)
    assert "angry, happy, neutral, sad and happy, angry, neutral" in str(caught.value)
    assert "--labels shared" in str(caught.value)


def test_shared_labels_count_what_the_others_leave_out(tmp_path: Path, corpus: Corpus) -> None:
    settings = GapSettings(labels="shared", cells="corpus", replicates=20, permutations=5)
    (found,) = read_answers(two_label_spaces(tmp_path, corpus), settings)
    assert found.labels.names == ("angry", "happy", "neutral")
    assert found.left_out == {"label that not all corpora have": 12}
    assert set(found.frame["reference"]) == {"angry", "happy", "neutral"}
    # happy was answered with a label that is not shared: wrong, and a false positive of none
    rows = {(r["cell"], r["metric"]): r["value"] for r in measure(found, settings)}
    assert rows["made", "accuracy"] == pytest.approx(2 / 3)
    assert rows["other", "accuracy"] == 1.0


def test_corpora_that_share_no_labels(tmp_path: Path, corpus: Corpus) -> None:
    other = three_languages(speakers=2, each=1, name="other")
    renamed = other.utterances.with_columns(emotion=pl.lit("x") + pl.col("emotion"))
    space = label_space([f"x{name}" for name in EMOTIONS], id="other")
    runs = [
        written(tmp_path / "a", corpus, [answers_of(corpus.utterances)]),
        written(
            tmp_path / "b",
            replace(other, utterances=renamed, label_space=space),
            [answers_of(renamed)],
        ),
    ]
    with pytest.raises(InputError, match="share fewer than two labels"):
        read_answers(runs, GapSettings(labels="shared"))


def test_a_run_without_predictions(tmp_path: Path, corpus: Corpus) -> None:
    run = written(tmp_path / "run", corpus, [answers_of(corpus.utterances).head(0)])
    with pytest.raises(InputError, match="holds no predictions"):
        read_answers([run], SETTINGS)


def test_nobody_was_asked_from_speech(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(InputError, match="no run was asked from speech") as caught:
        read(tmp_path, corpus, answers_of(corpus.utterances, modality="transcript"))
    assert "--modality" in str(caught.value)


def test_one_gender_only(tmp_path: Path, corpus: Corpus) -> None:
    women = corpus.utterances.filter(gender="female")
    with pytest.raises(InputError, match="only one group") as caught:
        read(tmp_path, corpus, answers_of(women))
    assert "female" in str(caught.value)


def test_nobodys_gender_is_known(tmp_path: Path, corpus: Corpus) -> None:
    speech = corpus.utterances.with_columns(gender=pl.lit(None, dtype=pl.String))
    with pytest.raises(InputError, match="no answer can be compared: 48 gender unknown"):
        read(tmp_path, replace(corpus, utterances=speech), answers_of(speech))


def test_an_attribute_that_does_not_exist(tmp_path: Path, corpus: Corpus) -> None:
    settings = GapSettings(attribute="accent")
    with pytest.raises(InputError, match="no such attribute") as caught:
        read(tmp_path, corpus, answers_of(corpus.utterances), settings=settings)
    assert "gender" in str(caught.value)
