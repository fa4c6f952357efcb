"""``equivoice study`` with people: create, invite, status, export, analyse, serve."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.rating.app.ballot_box import Ballot
from equivoice.rating.app.open_study import open_study
from tiny.study import study_file


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = study_file(tmp_path, balance=["correct"], items=4)
    assert run(["study", "create", str(path), "-o", str(tmp_path / "study")]) == 0
    return tmp_path / "study"


def vote(folder: Path, rater: str, values: str) -> None:
    study = open_study(folder)
    for number, value in enumerate(values):
        said = {"a": "accept", "r": "reject"}[value]
        study.box.save(rater, f"clip-{number}", Ballot({"acceptance": said}))
    study.box.consent(rater)
    study.box.close()


def test_a_study_is_made_and_says_what_to_do_next(
    capsys: pytest.CaptureFixture[str], made: Path
) -> None:
    said = capsys.readouterr().out
    assert "4 items, 4 sounds, 2 raters." in said
    assert f"equivoice study serve {made}" in said
    assert said.rstrip().endswith(f"Result: {made}")
    links = pl.read_csv(made / "links.csv")
    assert links["rater"].to_list() == ["r001", "r002"]
    token = links["link"][0].rpartition("/")[2]
    assert token not in said, "links are not printed where others look on"


def test_a_dry_run_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study_file(tmp_path, per_rater=2)
    assert run(["study", "create", str(path), "-o", str(tmp_path / "study"), "--dry-run"]) == 0
    assert "4 items, 2 raters, 2 items each" in capsys.readouterr().out
    assert not (tmp_path / "study").exists()


def test_status_says_how_far_raters_are(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vote(made, "r001", "aara")
    assert run(["study", "status", str(made)]) == 0
    said = capsys.readouterr().out
    assert "4/4" in said
    assert "not begun" in said
    assert "finished" in said
    assert "1 of 2 raters have answered everything." in said


def test_raters_are_invited(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "invite", str(made), "--raters", "2"]) == 0
    assert "r003, r004" in capsys.readouterr().out
    assert pl.read_csv(made / "links.csv").height == 4


def test_votes_are_exported_and_analysed(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vote(made, "r001", "aara")
    vote(made, "r002", "arrr")
    assert run(["study", "export", str(made), "-o", str(tmp_path / "votes")]) == 0
    assert pl.read_parquet(tmp_path / "votes" / "votes.parquet").height == 8
    for source, out in ((made, "direct"), (tmp_path / "votes", "exported")):
        words = ["study", "analyse", str(source), "-o", str(tmp_path / out), "replicates=50"]
        assert run(words) == 0
    assert "Result:" in capsys.readouterr().out
    tables = [
        pl.read_parquet(tmp_path / out / "estimates.parquet") for out in ("direct", "exported")
    ]
    assert tables[0].equals(tables[1])
    overall = tables[0].filter(pl.col("group_by").is_null(), metric="acceptance")
    assert overall["value"].to_list() == [0.5] * 3
    matched = tables[0].filter(metric="acceptance", groups="yes")
    assert matched["value"].to_list() == [0.5] * matched.height
    page = (tmp_path / "direct" / "report.html").read_text()
    assert "2 raters gave 8 votes." in page
    assert "Is the emotion, with its explanation, acceptable" in page
    assert "<script" not in page


def test_a_study_without_votes_is_no_analysis(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["study", "analyse", str(made), "-o", str(tmp_path / "out")]) == 2
    assert "there are no votes yet" in capsys.readouterr().err


def test_who_failed_a_check_can_be_left_out(tmp_path: Path) -> None:
    path = study_file(tmp_path, attention=1)
    folder = tmp_path / "study"
    assert run(["study", "create", str(path), "-o", str(folder)]) == 0
    for rater, values in (("r001", "aaaa"), ("r002", "rrrr")):
        vote(folder, rater, values)
    study = open_study(folder)
    check = study.checks["check-1"]
    wrong = {"accept": "reject", "reject": "accept"}[check.value]
    study.box.save("r001", "check-1", Ballot({"acceptance": check.value}))
    study.box.save("r002", "check-1", Ballot({"acceptance": wrong}))
    study.box.close()
    words = ["study", "analyse", str(folder), "-o", str(tmp_path / "out"), "replicates=50"]
    assert run([*words, "--attentive"]) == 0
    estimates = pl.read_parquet(tmp_path / "out" / "estimates.parquet")
    assert estimates.filter(metric="acceptance")["value"].to_list() == [1.0] * 3


def test_serve_hands_the_app_to_the_server(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    def run_server(app: Any, **options: Any) -> None:
        told.update(options, routes=[route.path for route in app.routes])

    monkeypatch.setattr("uvicorn.run", run_server)
    assert run(["study", "serve", str(made), "--port", "9001"]) == 0
    assert (told["host"], told["port"], told["access_log"]) == ("127.0.0.1", 9001, False)
    assert "/item/{number:int}" in told["routes"]


@pytest.mark.parametrize("verb", ["serve", "status", "export", "invite", "analyse"])
def test_a_folder_that_is_no_study_is_told(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"export": ["-o", "x"], "analyse": ["-o", "x"], "invite": ["--raters", "1"]}
    assert run(["study", verb, str(tmp_path), *more.get(verb, [])]) == 2
    assert "there is no study in this folder" in capsys.readouterr().err
    assert run(["study", verb, str(tmp_path / "gone"), *more.get(verb, [])]) == 2


def test_a_missing_extra_is_named(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ordinary = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return ordinary(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert run(["study", "serve", str(made)]) == 2
    assert "pip install 'equivoice[rating]'" in capsys.readouterr().err


def test_an_export_that_was_changed_is_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["study", "export", str(made), "-o", str(tmp_path / "votes")]) == 0
    (tmp_path / "votes" / "questions.json").write_text(json.dumps({"title": "x"}))
    assert run(["study", "analyse", str(tmp_path / "votes"), "-o", str(tmp_path / "out")]) == 2
    assert "what was asked cannot be read" in capsys.readouterr().err
