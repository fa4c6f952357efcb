"""``equivoice score`` with votes: what it reads, scores, keeps and says."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import equivoice
from equivoice.cli.app import run
from equivoice.cli.reporting import report_inputs
from equivoice.corpora import Corpus, label_space, load_corpus, save_corpus
from equivoice.records import ESTIMATES, RunRecord, read_table
from equivoice.store import RunFolder
from oracles.held_against import (
    LABELS,
    label_by,
    predictions,
    rated,
    spoken_world,
    tallied,
    utterances,
    votes,
)

WORLD = spoken_world(96, seed=3)
FAST = ["--replicates", "60", "--permutations", "40"]
VOTED = ["--votes", "v.csv", *FAST]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``p.csv``, ``u.csv`` and ``v.csv``, and a prepared corpus with and one without votes."""
    monkeypatch.chdir(tmp_path)
    predictions(WORLD).write_csv("p.csv")
    utterances(WORLD).write_csv("u.csv")
    votes(WORLD, channel="voice").write_csv("v.csv")
    made = Corpus(
        "w", label_space(LABELS, id="w"), utterances(WORLD), votes=votes(WORLD, channel="voice")
    )
    save_corpus(made, "voted")
    save_corpus(Corpus("w", made.label_space, made.utterances), "bare")
    return tmp_path


def estimates(folder: str = "scores") -> pl.DataFrame:
    return read_table(Path(folder) / "estimates.parquet", ESTIMATES)


def refused(capsys: Capture, *says: str) -> None:
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert all(each in err for each in says), err
    assert not Path("scores").exists()


def test_the_command_and_the_function_give_the_same_estimates() -> None:
    words = ["p.csv", "--reference", "u.csv", "--rule", "majority", "--smoothing", "0.05"]
    assert run(["score", *words, "--group", "gender", *VOTED]) == 0
    found = equivoice.score(
        predictions(WORLD),
        utterances(WORLD),
        votes="v.csv",
        rule="majority",
        smoothing=0.05,
        group_by=["gender"],
        replicates=60,
        permutations=40,
        label_space=load_corpus("u.csv").label_space,
    )
    assert estimates().equals(found.estimates)


def test_the_folder_keeps_the_votes_and_their_record(capsys: Capture) -> None:
    words = ["score", "p.csv", "--reference", "u.csv", "--rule", "majority", *VOTED]
    assert run(words) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "Result: scores/report.html"
    assert "no label by majority" in told.err
    folder = RunFolder.read("scores")
    assert folder.votes().height == votes(WORLD).height
    record = RunRecord.model_validate_json(Path("scores/run.json").read_text())
    assert set(record.inputs) == {"predictions p.csv", "reference u.csv", "votes v.csv"}
    assert record.config["rule"] == "majority"
    assert record.left_out["no label by majority"] == sum(
        label_by(one, "majority") is None for one in WORLD
    )
    page = Path("scores/report.html").read_text()
    assert "one listener (voice)" in page
    assert "Krippendorff" in page


def test_listeners_alone(capsys: Capture) -> None:
    assert run(["score", "--reference", "u.csv", *VOTED]) == 0
    assert "S" not in set(estimates()["system"])
    assert {"one listener (voice)", "listeners (voice)"} <= set(estimates()["system"])
    assert RunFolder.read("scores").predictions().is_empty()
    assert "macro-F1" in capsys.readouterr().out


def test_a_prepared_corpus_brings_its_votes() -> None:
    words = ["score", "p.csv", *FAST, "--rule", "plurality"]
    assert run([*words, "--reference", "voted", "-o", "a"]) == 0
    assert run([*words, "--reference", "bare", "--votes", "voted", "-o", "b"]) == 0
    assert run([*words, "--reference", "bare", "--votes", "v.csv", "-o", "c"]) == 0
    assert estimates("a").equals(estimates("b"))
    assert estimates("a").equals(estimates("c"))
    own = RunRecord.model_validate_json(Path("a/run.json").read_text()).inputs
    assert "votes voted/votes.parquet" in own


def test_votes_that_nothing_asks_for_change_nothing() -> None:
    for reference, out in (("voted", "a"), ("bare", "b")):
        assert run(["score", "p.csv", *FAST, "--reference", reference, "-o", out]) == 0
    assert estimates("a").equals(estimates("b"))
    assert not Path("a/votes.parquet").exists()
    assert set(estimates("a")["reference"]) == {"given"}


def test_without_predictions_the_votes_of_the_corpus_are_scored() -> None:
    assert run(["score", "--reference", "voted", *FAST]) == 0
    assert "one listener (voice)" in set(estimates()["system"])


def test_labels_that_a_corpus_made_of_its_votes_are_not_held_against_its_listeners() -> None:
    by_vote = pl.Series("emotion", [label_by(one, "majority") for one in WORLD])
    corpus = Corpus(
        "w",
        label_space(LABELS, id="w"),
        utterances(WORLD).with_columns(by_vote),
        votes=votes(WORLD),
        provenance={"label_rule": "majority"},
    )
    save_corpus(corpus, "circular")
    assert run(["score", "--reference", "circular", *FAST]) == 0
    assert "given" not in set(estimates()["reference"])


def test_no_listeners() -> None:
    words = ["score", "p.csv", "--reference", "u.csv", "--rule", "majority", "--no-listeners"]
    assert run([*words, *VOTED]) == 0
    assert set(estimates()["system"]) == {"S"}


def test_a_dry_run_counts_the_votes_and_writes_nothing(capsys: Capture) -> None:
    words = ["score", "--reference", "u.csv", "--dry-run"]
    assert run([*words, "--votes", "v.csv"]) == 0
    told = capsys.readouterr().out
    assert f"no predictions, 96 utterances, {votes(WORLD).height} votes on voice" in told
    assert not Path("scores").exists()
    pl.read_csv("v.csv").with_columns(value=pl.lit("glum")).write_csv("bad.csv")
    assert run([*words, "--votes", "bad.csv"]) == 2
    refused(capsys, "glum", "bad.csv")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["p.csv", "--rule", "majority"], "rule: the reference brings no votes"),
        (["p.csv", "--channel", "voice"], "channel: the reference brings no votes"),
        ([], "without predictions listeners alone are scored"),
        (["p.csv", "--smoothing", "0.05"], "smoothing: is about votes"),
        (["p.csv", "--no-listeners"], "listeners: is about votes"),
        (["p.csv", "--votes", "v.csv", "--rule", "mayority"], "choices: majority, plurality"),
        (["p.csv", "--votes", "v.csv", "--other", "drop"], "leave_out"),
        (["p.csv", "--votes", "v.csv", "--smoothing", "0.8"], "less than (C − 1)/C"),
        (["p.csv", "--votes", "v.csv", "--channel", "face"], "choices: voice"),
        (["p.csv", "--votes", "none.csv"], "none.csv"),
        (["p.csv", "--votes", "bare"], "the corpus brings no votes"),
        (["--votes", "v.csv", "--limit", "3"], "limit: is about predictions"),
        (["--votes", "v.csv", "--no-listeners"], "nothing to score"),
    ],
)
def test_what_cannot_be_heeded_is_refused(words: list[str], says: str, capsys: Capture) -> None:
    assert run(["score", *words, "--reference", "u.csv", *FAST]) == 2
    refused(capsys, says)


def test_help_shows_how(capsys: Capture) -> None:
    assert run(["score", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for part in ("--votes", "--rule", "--channel", "--no-listeners", "--smoothing"):
        assert part in told
    assert "--votes votes.csv --rule majority" in told


def test_a_report_has_the_labels_of_the_rule_and_the_minorities() -> None:
    words = ["score", "p.csv", "--reference", "u.csv", "--rule", "majority", *VOTED]
    assert run(words) == 0
    given = report_inputs(RunFolder.read("scores"))
    wanted = {one.name: label_by(one, "majority") for one in WORLD}
    assert given.labels is not None
    assert dict(given.labels.select("utterance_id", "emotion").iter_rows()) == {
        name: label for name, label in wanted.items() if label is not None
    }
    sides = {
        one.name
        for one in rated(WORLD)
        if one.said and 0 < one.count(one.said) < max(tallied(one).values())
    }
    assert given.minority is not None
    assert set(given.minority["utterance_id"]) == sides


def test_without_a_rule_there_are_no_labels_of_one() -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", *VOTED]) == 0
    given = report_inputs(RunFolder.read("scores"))
    assert given.labels is None
    assert given.minority is not None
    assert run(["score", "p.csv", "--reference", "u.csv", "-o", "plain", *FAST]) == 0
    bare = report_inputs(RunFolder.read("plain"))
    assert (bare.labels, bare.minority) == (None, None)


def test_sets_and_numbers_need_no_column_of_labels() -> None:
    rows = [
        {"utterance_id": one.name, "emotions": json.dumps(sorted(set(one.votes) & set(LABELS)))}
        for one in WORLD
    ]
    pl.DataFrame(rows).write_csv("sets.csv")
    assert run(["score", "sets.csv", "--reference", "u.csv", *VOTED]) == 0
    found = estimates().filter((pl.col("reference") == "votes > 1/C") & pl.col("system").is_null())
    assert found.filter(metric="multilabel_macro_f1").height
    assert not found.filter(metric="macro_f1").height


def test_the_findings_of_the_votes_stand_in_the_report() -> None:
    once = pl.DataFrame({"item": ["w/001"], "rater": ["seldom"], "value": ["sad"]})
    table = pl.concat([pl.read_csv("v.csv"), once], how="diagonal").with_columns(
        question=pl.lit("emotion"), channel=pl.lit("voice")
    )
    table.write_csv("once.csv")
    words = ["score", "--reference", "u.csv", "--votes", "once.csv", *FAST]
    assert run(words) == 0
    assert "'seldom'" in Path("scores/corpora.json").read_text()
