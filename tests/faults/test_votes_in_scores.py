"""Bad votes through ``equivoice score``: named with exit code 2, or counted and left out."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from oracles.held_against import predictions, spoken_world, utterances, votes

WORLD = spoken_world(60, seed=1)
FIRST = next(one for one in WORLD if len(one.votes) > 2)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    predictions(WORLD).write_csv("p.csv")
    utterances(WORLD).write_csv("u.csv")
    votes(WORLD).with_columns(count=pl.lit(1)).write_csv("v.csv")
    return tmp_path


def score(*more: str) -> int:
    words = ["score", "p.csv", "--reference", "u.csv", "--votes", "v.csv", "--rule", "majority"]
    return run([*words, "--replicates", "40", "--permutations", "20", "-o", "out", *more])


def refused(capsys: Capture, *says: str) -> None:
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    for part in says:
        assert part in err, err
    assert "Traceback" not in err
    assert not Path("out").exists()


def add(**row: object) -> int:
    """A further row of votes; its number in the file."""
    bare = {"item": FIRST.name, "rater": "new", "value": "sad", "question": "emotion", "count": 1}
    lines = Path("v.csv").read_text().splitlines()
    names = lines[0].split(",")
    told = {**bare, **row}
    lines.append(",".join("" if told.get(name) is None else str(told[name]) for name in names))
    Path("v.csv").write_text("\n".join(lines) + "\n")
    return len(lines) - 1


def left_out() -> dict[str, int]:
    return dict(json.loads(Path("out/run.json").read_text())["left_out"])


def test_votes_in_order_are_scored() -> None:
    assert score() == 0
    assert Path("out/votes.parquet").is_file()


def test_a_vote_for_an_unknown_utterance_is_counted_and_changes_nothing(capsys: Capture) -> None:
    assert score() == 0
    before = pl.read_parquet("out/estimates.parquet")
    add(item="w/999", count=3)
    assert score() == 0
    assert "vote for an unknown utterance (3)" in capsys.readouterr().err
    assert left_out()["votes: vote for an unknown utterance"] == 3
    after = pl.read_parquet("out/estimates.parquet")
    same = [frame.filter(~pl.col("left_out").fill_null("").str.contains("unknown utt"))
            for frame in (before, after)]  # fmt: skip
    assert after.drop("left_out").equals(before.drop("left_out"))
    assert same[0].height >= same[1].height


def test_all_votes_for_unknown_utterances(capsys: Capture) -> None:
    table = pl.read_csv("v.csv")
    table.with_columns(item=pl.lit("x/") + pl.col("item")).write_csv("v.csv")
    assert score() == 2
    refused(capsys, "no vote is on an utterance of the reference", "v.csv")


def test_a_vote_for_an_unknown_label(capsys: Capture) -> None:
    row = add(value="wistful")
    assert score() == 2
    refused(
        capsys, "wistful", FIRST.name, f"row: {row}", "v.csv", "choices: angry, happy, sad, neutral"
    )


def test_a_vote_for_none_of_the_labels_is_no_unknown_label() -> None:
    add(value="Other-tired")
    assert score() == 0


def test_two_votes_of_one_rater_on_one_item(capsys: Capture) -> None:
    row = add(rater="r00")
    assert score() == 2
    refused(capsys, "further vote of rater 'r00'", FIRST.name, f"row: {row}", "v.csv")


def test_further_votes_of_a_rater_can_be_left_out_or_kept(capsys: Capture) -> None:
    assert score() == 0
    before = pl.read_parquet("out/estimates.parquet")
    add(rater="r00", value="angry" if FIRST.votes[0] != "angry" else "sad")
    assert score() == 2
    assert "--repeated first" in capsys.readouterr().err
    assert score("--repeated", "first") == 0
    assert left_out()["votes: further vote of one rater on one item"] == 1
    first = pl.read_parquet("out/estimates.parquet")
    assert first.drop("left_out").equals(before.drop("left_out"))
    assert score("--repeated", "keep") == 0
    kept = pl.read_parquet("out/estimates.parquet")
    assert not kept.drop("left_out").equals(before.drop("left_out"))


def test_unknown_labels_can_be_votes_for_none_of_the_labels(capsys: Capture) -> None:
    add(value="wistful")
    assert score() == 2
    assert "--unknown other" in capsys.readouterr().err
    assert score("--unknown", "other") == 0
    found = pl.read_parquet("out/estimates.parquet")
    table = pl.read_csv("v.csv").with_columns(pl.col("value").replace("wistful", "other"))
    table.write_csv("v.csv")
    assert score() == 0
    assert found.equals(pl.read_parquet("out/estimates.parquet"))
    assert score("--unknown", "other", "--dry-run") == 0


@pytest.mark.parametrize(
    ("count", "says"),
    [(-1, "negative number of votes"), (0.5, "fraction of a vote"), ("many", "not a number")],
)
def test_counts_that_are_none(count: object, says: str, capsys: Capture) -> None:
    row = add(count=count)
    assert score() == 2
    refused(capsys, says, f"row: {row}", str(count), "v.csv", "next:")


def test_a_fraction_is_never_cut_off_on_its_way(tables: Path, capsys: Capture) -> None:
    table = pl.read_csv("v.csv").with_columns(count=pl.lit(1.5))
    table.write_parquet(tables / "v.parquet")
    words = ["score", "p.csv", "--reference", "u.csv", "--votes", "v.parquet", "-o", "out"]
    assert run(words) == 2
    refused(capsys, "fraction of a vote", "1.5")


def test_a_rater_who_rated_once_is_told_of_and_counts() -> None:
    assert score() == 0
    before = pl.read_parquet("out/votes.parquet").height
    add(rater="seldom")
    assert score() == 0
    assert pl.read_parquet("out/votes.parquet").height == before + 1
    assert "'seldom'" in Path("out/corpora.json").read_text()
    assert "votes: vote" not in json.dumps(left_out())


def test_a_missing_column(capsys: Capture) -> None:
    pl.read_csv("v.csv").drop("question").write_csv("v.csv")
    assert score() == 2
    refused(capsys, "question", "v.csv")


def test_an_unknown_question(capsys: Capture) -> None:
    pl.read_csv("v.csv").with_columns(question=pl.lit("mood")).write_csv("v.csv")
    assert score() == 2
    refused(capsys, "mood")


def test_several_channels_and_an_unknown_one(capsys: Capture) -> None:
    pl.read_csv("v.csv").with_columns(channel=pl.lit("smell")).write_csv("v.csv")
    assert score() == 2
    refused(capsys, "smell", "choices: voice, face, both, text")


def test_an_empty_table(capsys: Capture) -> None:
    pl.read_csv("v.csv").clear().write_csv("v.csv")
    assert score() == 2
    refused(capsys, "v.csv")


def test_a_cut_off_file(capsys: Capture) -> None:
    whole = Path("v.csv").read_bytes()
    Path("v.csv").write_bytes(whole[: len(whole) // 2])
    assert score() in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_dawid_skene_without_raters(capsys: Capture) -> None:
    pl.read_csv("v.csv").drop("rater").write_csv("v.csv")
    assert score("--rule", "dawid_skene") == 2
    refused(capsys, "raters", "v.csv")


def test_results_of_an_earlier_run_stand_where_new_votes_are_refused(capsys: Capture) -> None:
    assert score() == 0
    before = Path("out/estimates.parquet").read_bytes()
    add(value="wistful")
    assert score() == 2
    assert Path("out/estimates.parquet").read_bytes() == before
    assert "wistful" in capsys.readouterr().err
