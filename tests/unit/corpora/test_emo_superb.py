"""EMO-SUPERB's label files: shares of votes, fold by fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, check, prepare
from equivoice.errors import CorpusError

HEADER = "FileName,frustrated,anger,joy,sad,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
VOTES = {  # file: frustrated, anger, joy, sad; they have no common factor
    "a1.wav": (0, 3, 0, 2),
    "a2.wav": (0, 0, 1, 0),
    "b1.wav": (1, 0, 1, 0),
    "b2.wav": (1, 2, 0, 4),
}
ABOUT = {"a": "01,Female", "b": "2,Male"}
SPLITS = {
    "1": {"a1": "Train", "a2": "Train", "b1": "Development", "b2": "Test"},
    "2": {"a1": "Test", "a2": "Development", "b1": "Train", "b2": "Train"},
}


def smoothed(votes: tuple[int, ...]) -> list[float]:
    """By hand: p · 0.95 + (1 − p) · 0.05 / 3."""
    shares = [vote / sum(votes) for vote in votes]
    return [round(share * 0.95 + (1 - share) * 0.05 / 3, 6) for share in shares]


def shares(votes: tuple[int, ...]) -> list[float]:
    return [round(vote / sum(votes), 6) for vote in votes]


def file_of(fold: str, numbers: Any = smoothed) -> str:
    lines = [HEADER]
    for name, votes in VOTES.items():
        cells = ",".join(str(number) for number in numbers(votes))
        split = SPLITS[fold][name[:2]]
        lines.append(f"{name},{cells},2.5,3.0,3.25,{ABOUT[name[0]]},{split}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "Primary"
    place.mkdir()
    for fold in SPLITS:
        (place / f"labels_consensus_{fold}.csv").write_text(file_of(fold))
    return place


def make(folder: Path, **options: Any) -> Corpus:
    given = {"corpus": "mine", "with_audio": False, **options}
    return prepare("emo_superb", metadata=folder, out=folder / "out", **given)


def votes_in(corpus: Corpus) -> dict[str, dict[str, int]]:
    assert corpus.votes is not None
    found: dict[str, dict[str, int]] = {}
    for item, value, count in corpus.votes.select("item", "value", "count").iter_rows():
        found.setdefault(item, {})[value] = count
    return found


EXPECTED = {
    "mine/a1": {"angry": 3, "sad": 2},
    "mine/a2": {"happy": 1},
    "mine/b1": {"frustrated": 1, "happy": 1},
    "mine/b2": {"frustrated": 1, "angry": 2, "sad": 4},
}


@pytest.mark.parametrize("numbers", [smoothed, shares, list], ids=["smoothed", "shares", "votes"])
def test_votes_come_out_of_every_kind_of_number(folder: Path, numbers: Any) -> None:
    for fold in SPLITS:
        (folder / f"labels_consensus_{fold}.csv").write_text(file_of(fold, numbers))
    corpus = make(folder)
    assert votes_in(corpus) == EXPECTED
    assert corpus.left_out == {"audio not asked for (metadata only)": 4}
    assert corpus.provenance["record"]["smoothing undone"] == (numbers is smoothed)


def test_labels_are_the_columns_and_the_largest_share(folder: Path) -> None:
    corpus = make(folder)
    assert corpus.label_space.names == ("angry", "happy", "sad", "frustrated")
    assert corpus.utterances["emotion"].to_list() == ["angry", "happy", None, "sad"]
    found = {one.code: one for one in check(corpus, audio=False)}
    assert found["consensus-agrees"].count == 4
    assert "no-raters" in found


def test_what_is_known_of_speakers_and_scales(folder: Path) -> None:
    rows = make(folder).utterances
    assert rows["utterance_id"].to_list() == ["mine/a1", "mine/a2", "mine/b1", "mine/b2"]
    assert rows["speaker"].to_list() == ["01", "01", "2", "2"]
    assert rows["gender"].to_list() == ["female", "female", "male", "male"]
    assert rows.select("arousal", "valence", "dominance").row(0) == (2.5, 3.0, 3.25)


def test_each_file_is_a_fold(folder: Path) -> None:
    corpus = make(folder)
    assert corpus.fold_names == ("1", "2")
    for fold, splits in SPLITS.items():
        entries = dict(corpus.folds.filter(fold=fold).select("utterance_id", "split").iter_rows())
        assert entries == {
            f"mine/{name}": {"Development": "validation"}.get(split, split.lower())
            for name, split in splits.items()
        }


def test_a_map_of_labels_holds_for_votes_too(folder: Path) -> None:
    corpus = make(folder, labels={"frustrated": "angry"})
    assert corpus.label_space.names == ("angry", "happy", "sad")
    assert corpus.votes is not None
    b2 = corpus.votes.filter(item="mine/b2").group_by("value").agg(pl.col("count").sum())
    assert dict(b2.iter_rows()) == {"angry": 3, "sad": 4}


def test_secondary_emotions_are_another_question(folder: Path) -> None:
    secondary = folder.rename(folder.with_name("Secondary"))
    corpus = make(secondary)
    assert corpus.votes is not None
    assert set(corpus.votes["question"]) == {"emotions"}
    assert corpus.provenance["label_rule"] is None
    assert not [one for one in check(corpus, audio=False) if one.severity == "error"]


def test_one_file_without_names_of_its_first_column_or_speakers(tmp_path: Path) -> None:
    path = tmp_path / "labels_consensus.csv"
    path.write_text(",angry,sad,Split_Set\na.wav,0.95,0.05,Train\nb.wav,0.5,0.5,Test\n")
    for given in (path, tmp_path):
        corpus = prepare(
            "emo_superb", metadata=given, out=tmp_path / "out", corpus="mine", with_audio=False
        )
        assert votes_in(corpus) == {"mine/a": {"angry": 1}, "mine/b": {"angry": 1, "sad": 1}}
        assert corpus.utterances["speaker"].null_count() == 2


def test_shares_of_no_number_of_votes_are_counted_and_the_utterance_stays(folder: Path) -> None:
    for fold in SPLITS:
        text = file_of(fold, shares).replace("0.5,0.0,0.5,0.0", "0.123456,0.876544,0.0,0.0")
        (folder / f"labels_consensus_{fold}.csv").write_text(text)
    corpus = make(folder)
    assert corpus.utterances.height == 4
    assert "mine/b1" not in votes_in(corpus)
    (reason,) = set(corpus.left_out) - {"audio not asked for (metadata only)"}
    assert "no number of votes" in reason
    assert corpus.left_out[reason] == 1


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("a2.wav,0.016667", "a2.wav,0.9", "no shares"),
        ("a2.wav,0.016667", "a2.wav,-0.1", "no shares"),
        ("a2.wav,0.016667", "a2.wav,some", "is no number"),
        ("Development", "Somewhere", "unknown split"),
        ("FileName", "Name", "not a label file"),
    ],
)
def test_bad_files_are_refused(folder: Path, old: str, new: str, problem: str) -> None:
    (folder / "labels_consensus_2.csv").unlink()
    path = folder / "labels_consensus_1.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CorpusError, match=problem):
        make(folder)


def test_files_that_disagree_are_refused(folder: Path) -> None:
    path = folder / "labels_consensus_2.csv"
    path.write_text(path.read_text().replace("01,Female", "01,Male"))
    with pytest.raises(CorpusError, match="disagree") as caught:
        make(folder)
    assert "a1.wav" in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="labels_consensus_<fold>"):
        make(tmp_path)
