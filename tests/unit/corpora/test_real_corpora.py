"""What the real corpora must show, read where they lie beside the project."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, Finding, check, prepare, split
from equivoice.corpora.separation import shared_speakers


@pytest.fixture(scope="module")
def made(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Prepares a corpus once: ``made("ravdess")``."""
    folder = tmp_path_factory.mktemp("corpora")
    ready: dict[str, Corpus] = {}
    options: dict[str, dict[str, Any]] = {
        "nemo": {"audio": real_data / "audio" / "nemo"},
        "cremad": {"extra": real_data / "votes" / "crema_d"},
        "meld": {"extra": real_data / "meld"},
    }

    def make(name: str) -> Corpus:
        if name not in ready:
            given = dict(options.get(name, {}))
            if name != "nemo":
                given["metadata"] = real_data / "emobox" / name
            if (real_data / "audio" / name).is_dir():
                given["audio"] = real_data / "audio" / name
            else:
                given["with_audio"] = False
            ready[name] = prepare(name, out=folder / name, **given)
        return ready[name]

    return make


def codes(corpus: Corpus) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in check(corpus, audio=False):
        found.setdefault(one.code, []).append(one)
    return found


SIZES = {
    # corpus: utterances, folds, speakers, labels
    "ravdess": (1440, 6, 24, 8),
    "emovo": (588, 6, 6, 7),
    "urdu": (400, 1, 29, 4),
    "nemo": (1493, 4, 9, 6),
    "cremad": (7442, 1, 91, 6),
    "meld": (13706, 1, 304, 7),
    "iemocap": (5531, 5, 10, 4),
    "emovdb": (6887, 1, 4, 5),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(made: Any, name: str) -> None:
    corpus = made(name)
    table = corpus.utterances
    speakers = table["speaker"].drop_nulls().n_unique()
    found = (table.height, len(corpus.fold_names), speakers, len(corpus.label_space.names))
    assert found == SIZES[name]
    assert set(table["emotion"]) == set(corpus.label_space.names)
    assert table["language"].null_count() == 0


@pytest.mark.parametrize("name", ["ravdess", "emovo", "urdu", "nemo"])
def test_all_sound_is_found(made: Any, name: str) -> None:
    corpus = made(name)
    assert corpus.left_out == {}
    assert all(Path(path).is_file() for path in corpus.utterances["audio"])


@pytest.mark.parametrize("name", ["cremad", "meld", "iemocap", "emovdb"])
def test_metadata_alone_are_counted(made: Any, name: str) -> None:
    assert list(made(name).left_out.values()) == [SIZES[name][0]]


def test_every_ravdess_attribute_agrees_with_the_sensitive_attributes(made: Any) -> None:
    table = made("ravdess").utterances
    by_name = pl.col("speaker").cast(pl.Int64) % 2 == 0
    assert table.select(((pl.col("gender") == "female") == by_name).all()).item()
    assert table.group_by("speaker").len()["len"].unique().to_list() == [60]


# reference/papers.md: the published test actors by fold.
ACTORS = {
    "1": "01 11 20 21",
    "2": "04 10 12 14",
    "3": "08 09 19 23",
    "4": "03 05 07 24",
    "5": "02 15 16 18",
    "6": "06 13 17 22",
}


@pytest.mark.parametrize("fold", ACTORS)
def test_ravdess_folds_are_the_published_ones(made: Any, fold: str) -> None:
    parts = split(made("ravdess"), fold, make_validation=True)
    assert sorted(parts.test["speaker"].unique()) == ACTORS[fold].split()
    assert parts.validation is not None
    assert parts.validation["gender"].n_unique() == 2
    assert parts.validation["emotion"].n_unique() == 8


def test_ravdess_fold_2_is_women_only(made: Any) -> None:
    found = codes(made("ravdess"))
    assert [one.ids for one in found["single-group-fold"]] == [("04", "10", "12", "14")]
    assert "fold 2: the test part holds women only" in found["single-group-fold"][0].message
    assert "shared-speakers" not in found
    assert "confounded-group" not in found


def test_emovo_and_nemo_keep_speakers_apart(made: Any) -> None:
    for name in ("emovo", "nemo"):
        assert "shared-speakers" not in codes(made(name))
    assert "single-group-fold" not in codes(made("nemo"))
    assert made("nemo").provenance["folds"]["origin"] == "made"


def test_urdu_cannot_carry_a_gender_comparison(made: Any) -> None:
    found = codes(made("urdu"))
    message = found["confounded-group"][0].message
    assert "gender is confounded with emotion" in message
    assert "and with speaker" in message
    assert "empty: female × angry;" in message
    assert "angry × male: 100 utterances by 4 speakers (SM1, SM2, SM3, SM4)" in message
    assert "56 of 400" in found["group-imbalance"][0].message


def test_all_91_actors_of_cremad_stand_in_train_and_test(made: Any) -> None:
    corpus = made("cremad")
    assert len(shared_speakers(corpus, "1")) == 91
    assert "91 of 91 test speakers" in codes(corpus)["shared-speakers"][0].message


def test_cremad_demographics_and_votes(made: Any) -> None:
    corpus = made("cremad")
    actors = corpus.utterances.unique("speaker")
    assert dict(actors["gender"].value_counts().iter_rows()) == {"male": 48, "female": 43}
    voice = corpus.votes.filter(pl.col("channel") == "voice")
    assert voice["item"].n_unique() == 7442
    first = voice.filter(pl.col("item") == "cremad/1001-IEO-NEU-XX")
    assert first.select("value", "count").rows() == [("happy", 1), ("neutral", 10)]


def test_cremad_counts_are_those_of_the_csv(made: Any, real_data: Path) -> None:
    with (real_data / "votes" / "crema_d" / "tabulatedVotes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 22_326
    letters = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
    modality = {"1": "voice", "2": "face", "3": "both"}
    expected = {
        (row["fileName"].replace("_", "-"), modality[row[""][0]], letters[code]): int(row[code])
        for row in rows
        for code in letters
        if int(row[code])
    }
    votes = made("cremad").votes.select("item", "channel", "value", "count")
    found = {(item[7:], channel, value): n for item, channel, value, n in votes.iter_rows()}
    assert found == expected
    assert sum(found.values()) == sum(int(row["numResponses"]) for row in rows) == 212_000


def test_single_responses_of_cremad_hold_the_counts_and_more(
    made: Any, real_data: Path, tmp_path: Path
) -> None:
    extra, table = real_data / "votes" / "crema_d", "finishedResponses_excerpt.csv"
    given: dict[str, Any] = {
        "metadata": real_data / "emobox" / "cremad",
        "extra": extra,
        "table": table,
    }
    votes = prepare("cremad", out=tmp_path, with_audio=False, **given).votes
    assert votes is not None
    assert votes["rater"].n_unique() == 291
    assert Counter(votes["question"]) == {"emotion": 301, "level": 301}
    keys = ["item", "channel", "value"]
    single = votes.filter(question="emotion").group_by(keys).agg(pl.col("count").sum())
    cells = single.select(keys[:2]).unique()
    counts = made("cremad").votes.join(cells, on=keys[:2], how="semi")
    both = counts.join(single, on=keys, how="left").with_columns(more=pl.col("count_right"))
    assert cells.height == 30
    assert (both["more"] >= both["count"]).all()
    assert counts["count"].sum() == 290


@pytest.mark.parametrize(("name", "shared"), [("emovdb", 4), ("urdu", 18), ("iemocap", 0)])
def test_shared_speakers_are_computed(made: Any, name: str, shared: int) -> None:
    corpus = made(name)
    assert max(len(shared_speakers(corpus, fold)) for fold in corpus.fold_names) == shared


def test_meld_knows_its_six_main_speakers(made: Any) -> None:
    table = made("meld").utterances
    gender = table.drop_nulls("gender").group_by("speaker").agg(pl.col("gender").mode().first())
    known = dict(gender.iter_rows())
    assert {known[name] for name in ("Monica", "Rachel", "Phoebe")} == {"female"}
    assert {known[name] for name in ("Ross", "Joey", "Chandler")} == {"male"}
    assert table["gender"].null_count() == 2293
    assert table["transcript"].null_count() == 0


@pytest.mark.slow
def test_the_byte_identical_pair_of_ravdess_is_found(made: Any) -> None:
    found = {one.code: one for one in check(made("ravdess"))}
    assert found["duplicate-audio"].ids == (
        "ravdess/03-01-03-01-02-01-07",
        "ravdess/03-01-03-01-02-02-07",
    )
    assert all(one.severity != "error" for one in found.values())
