"""``ensemble`` and ``study abhinaya`` as typed: results, exit codes, last lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.store import RunFolder
from tiny.commands import Typed

LABELS = ("angry", "happy", "sad")
QUICK = ("--replicates", "40", "--permutations", "10")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [(f"demo/{n:02d}", f"s{n % 6}", LABELS[n % 3]) for n in range(48)]
    truth = pl.DataFrame(rows, schema=["utterance_id", "speaker", "emotion"], orient="row")
    truth.write_csv("u.csv")
    for seed, name in enumerate(("S1", "S2", "T1")):
        rng = np.random.default_rng(seed)
        said = [e if rng.random() < 0.5 else str(rng.choice(LABELS)) for e in truth["emotion"]]
        pl.DataFrame({"utterance_id": truth["utterance_id"], "emotion": said}).write_csv(
            f"{name}.csv"
        )
    return tmp_path


MEMBERS = ("S1.csv", "S2.csv", "T1.csv", "--reference", "u.csv")


def test_tables_vote_and_the_report_is_the_last_line(typed: Typed, folder: Path) -> None:
    code, out, _ = typed("ensemble", *MEMBERS, "--breaker", "S2", *QUICK, "-o", "vote")
    assert code == 0
    assert "majority vote on " in out
    assert "points" in out
    assert "its best member" in out
    assert out.splitlines()[-1] == "Result: vote/report.html"
    kept = RunFolder.read(folder / "vote")
    assert kept.record.verb == "ensemble"
    assert kept.record.config["breaker"] == ["S2"]
    found = json.loads((folder / "vote" / "ensemble.json").read_text())
    assert found["members"] == ["S1", "S2", "T1"]
    assert len(found["subsets"]) == 7
    page = (folder / "vote" / "report.html").read_text()
    assert "The ensemble" in page
    assert "How often two members say the same" in page


def test_members_can_be_named_as_the_help_shows(typed: Typed, folder: Path) -> None:
    words = ("speech=S1.csv", "text=T1.csv", "--reference", "u.csv", "--breaker", "text")
    code, out, err = typed("ensemble", *words, *QUICK, "-o", "vote")
    assert code == 0, err
    found = json.loads((folder / "vote" / "ensemble.json").read_text())
    assert found["members"] == ["speech", "text"]
    assert "Members are asked in the order text, speech" in out
    again = ("speech=vote#speech", "T1.csv", "--reference", "u.csv")
    assert typed("ensemble", *again, *QUICK, "-o", "twice")[0] == 0
    told = json.loads((folder / "twice" / "ensemble.json").read_text())
    assert told["members"] == ["speech", "T1"]


def test_a_dry_run_reads_and_writes_nothing(typed: Typed, folder: Path) -> None:
    code, out, _ = typed("ensemble", *MEMBERS, "--balanced", "4", "--dry-run", "-o", "vote")
    assert code == 0
    assert "12 utterances, members S1, S2, T1; nothing was written" in out
    assert not (folder / "vote").exists()


def test_different_utterances_end_with_2_and_a_way_on(typed: Typed, folder: Path) -> None:
    pl.read_csv(folder / "T1.csv").head(40).write_csv(folder / "T1.csv")
    code, _, err = typed("ensemble", *MEMBERS, *QUICK, "-o", "vote")
    assert code == 2
    assert "T1 lacks 8 of 48" in err
    assert "--utterances common" in err
    assert not (folder / "vote").exists()
    words = ("ensemble", *MEMBERS, *QUICK, "--utterances", "any", "-o", "vote")
    code, _, err = typed(*words)
    assert code == 0
    assert "left out: T1: has no answer, does not vote (8)" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--method", "soft"), "a soft vote needs probabilities, and S1 gives none"),
        (("--method", "stacking"), "stacking needs something to learn from"),
        (("--method", "weighted"), "a weighted vote needs weights"),
        (("--method", "weighted", "--weight", "S1"), "a weight is written MEMBER=NUMBER"),
        (("--method", "weighted", "--weight", "S1=much"), "a weight is written MEMBER=NUMBER"),
        (("--tie", "coin"), "tie: no such rule"),
        (("--breaker", "S9"), "breaker: no such member"),
        (("--balanced", "some"), "balanced: neither a number nor 'all'"),
        (("--balanced", "99"), "cannot hold 99 utterances of each emotion"),
    ],
)
def test_mistakes_end_with_2(
    words: tuple[str, ...], problem: str, typed: Typed, folder: Path
) -> None:
    code, _, err = typed("ensemble", *MEMBERS, *QUICK, *words, "-o", "vote")
    assert code == 2
    assert problem in err
    assert not (folder / "vote").exists()


def test_weights_are_heeded(typed: Typed, folder: Path) -> None:
    words = ("--method", "weighted", "--weight", "S2=5", "--no-subsets")
    code, out, _ = typed("ensemble", *MEMBERS, *QUICK, *words, "-o", "vote")
    assert code == 0
    assert "Weights of the weighted vote: S1 1, S2 5, T1 1." in out
    rows = RunFolder.read(folder / "vote").predictions()
    heavy, alone = (rows.filter(system=name) for name in ("weighted vote", "S2"))
    assert heavy["emotion"].to_list() == alone["emotion"].to_list()


def test_the_study_writes_page_and_tables(typed: Typed, folder: Path) -> None:
    words = ("--loss", "S1:wce=S1.csv", "--loss", "S1:wfl=S2.csv", "--zero-shot", "mine=T1.csv")
    code, out, _ = typed("study", "abhinaya", *MEMBERS, *words, *QUICK, "-o", "study")
    assert code == 0
    assert out.splitlines()[-1] == "Result: study/abhinaya.html"
    assert {each.name for each in (folder / "study").iterdir()} == {
        "abhinaya.html",
        "figure_2.csv",
        "table_1.csv",
        "table_2.csv",
        "table_3.csv",
        "table_4.csv",
    }
    for wrong, problem in (
        (("--loss", "S1=S1.csv"), "SYSTEM:LOSS=RUN"),
        (("--zero-shot", "S1.csv"), "MODEL=RUN"),
    ):
        code, _, err = typed("study", "abhinaya", *wrong, "--reference", "u.csv", "-o", "x")
        assert code == 2
        assert problem in err
    code, _, err = typed("study", "abhinaya", "-o", "x")
    assert code == 2
    assert "there is nothing to show" in err
