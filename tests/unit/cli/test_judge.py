"""``judge`` as typed: results, resuming, reports, exit codes, last lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.store.judging_folder import JudgingFolder

EMOTIONS = ("angry", "happy", "sad")
Typed = Callable[..., tuple[int, str, str]]
QUICK = ("--judge", "scripted-judge", "--modality", "transcript", "--replicates", "50")
BOTH = ("--system", "ours=ours.csv", "--system", "q2a=q2a.csv", "--reference", "u.csv")


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ours names the voice in four of five reasons, q2a in one of five."""
    monkeypatch.chdir(tmp_path)
    names = [f"demo/{at:02d}" for at in range(30)]
    emotions = [EMOTIONS[at % 3] for at in range(30)]
    truth = {"utterance_id": names, "transcript": names, "emotion": emotions}
    pl.DataFrame(truth).write_csv("u.csv")
    for system, good in (("ours", (0, 1, 2, 3)), ("q2a", (0,))):
        reasons = ["The pitch is low." if at % 5 in good else "It feels so." for at in range(30)]
        rows = {"utterance_id": names, "emotion": emotions, "reason": reasons}
        pl.DataFrame(rows).write_csv(f"{system}.csv")
    return tmp_path


def value(folder: JudgingFolder, metric: str, **where: str) -> float:
    rows = folder.table("estimates").filter(metric=metric, unit="item", **where)
    found = rows.filter(
        pl.col("class").is_null()
        & (pl.col("group_by").is_null() | (pl.col("group_by") == "against"))
    )
    (row,) = found.get_column("value").to_list()
    return float(row)


def test_pairs_are_judged_in_both_orders_and_the_report_is_the_last_line(
    typed: Typed, folder: Path
) -> None:
    code, out, err = typed("judge", *BOTH, *QUICK, "--per-emotion", "all", "-o", "judged")
    assert code == 0, err
    assert out.splitlines()[-1] == "Result: judged/report.html"
    kept = JudgingFolder.read(folder / "judged")
    # ours wins where it alone names the voice (3 of 5), and ties elsewhere
    assert value(kept, "win_rate") == pytest.approx((18 + 12 / 2) / 30)
    assert value(kept, "tie_rate") == pytest.approx(12 / 30)
    assert value(kept, "first_chosen") == 0.5
    assert value(kept, "same_in_both_orders") == 1.0
    assert kept.table("votes").height == 60
    assert "ours against q2a: preferred in 80.0%" in out
    assert "more often than not" in out
    assert "To be preferred is not to be true" in out
    assert "60 items: angry 20, happy 20, sad 20" in err
    page = (folder / "judged" / "report.html").read_text(encoding="utf-8")
    for piece in (
        "Win rates by emotion",
        "Place, order and length",
        "scripted-judge",
        "pairwise 1",
    ):
        assert piece in page


def test_the_same_command_goes_on_and_another_is_refused(typed: Typed, folder: Path) -> None:
    words = ("judge", *BOTH, *QUICK, "--per-emotion", "4", "-o", "judged")
    assert typed(*words)[0] == 0
    before = (folder / "judged" / "votes.parquet").read_bytes()
    journal = folder / "judged" / "judgments.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:9]) + lines[9][:20])  # cut off in the middle of a line
    assert typed(*words)[0] == 0
    assert (folder / "judged" / "votes.parquet").read_bytes() == before
    code, _, err = typed(*words, "options.first_bias=1")
    assert code == 2
    assert "options" in err
    assert typed(*words, "options.first_bias=1", "--overwrite")[0] == 0


def test_a_liking_for_the_first_place_is_found_and_cancels_out(typed: Typed, folder: Path) -> None:
    words = (*BOTH, *QUICK, "--per-emotion", "all", "options.first_bias=0.5")
    code, out, _ = typed("judge", *words, "-o", "judged")
    assert code == 0
    assert "Votes favour what is shown first" in out
    kept = JudgingFolder.read(folder / "judged")
    assert value(kept, "win_rate") == pytest.approx(0.8)  # as without it
    assert value(kept, "first_chosen") == pytest.approx((18 + 24) / 60)
    p_values = kept.table("estimates").filter(metric="first_chosen").get_column("p_value")
    assert p_values[0] == pytest.approx(2 * 0.5**12)


def test_single_reasons_are_accepted_by_system_and_match(typed: Typed, folder: Path) -> None:
    words = (*BOTH, *QUICK, "--rubric", "acceptance", "--per-emotion", "all")
    code, out, _ = typed("judge", *words, "-o", "accepted")
    assert code == 0
    assert "ours: accepted in 80.0%" in out
    assert "q2a: accepted in 20.0%" in out
    kept = JudgingFolder.read(folder / "accepted")
    assert value(kept, "acceptance", system="ours") == pytest.approx(0.8)
    groups = kept.table("estimates").filter(group_by="match").get_column("groups")
    assert set(groups) == {"match"}
    assert "Shares of votes by match" in (folder / "accepted" / "report.html").read_text()


def test_a_scale_has_its_mean(typed: Typed, folder: Path) -> None:
    words = (
        "--system",
        "ours=ours.csv",
        "--reference",
        "u.csv",
        *QUICK,
        "--rubric",
        "plausibility",
    )
    code, out, _ = typed("judge", *words, "-o", "graded")
    assert code == 0
    assert "plausibility: 1.80" in out or "ours, plausibility: 1.80" in out
    assert value(JudgingFolder.read(folder / "graded"), "mean plausibility") == pytest.approx(1.8)


def test_a_judge_that_nobody_can_read_gives_no_preference(typed: Typed, folder: Path) -> None:
    code, out, _ = typed("judge", *BOTH, *QUICK, "options.garbled=1", "-o", "judged")
    assert code == 0
    assert "Verdicts read: 0.0%" in out
    assert JudgingFolder.read(folder / "judged").table("votes").is_empty()


def test_a_dry_run_draws_and_writes_nothing(typed: Typed, folder: Path) -> None:
    code, out, err = typed(
        "judge", *BOTH, *QUICK, "--per-emotion", "2", "--dry-run", "-o", "judged"
    )
    assert code == 0
    assert "nothing was written" in out
    assert "12 items" in err
    assert not (folder / "judged").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*BOTH[:2], *BOTH[4:], *QUICK), "compares two systems, and there are 1"),
        ((*BOTH, *QUICK, "--per-emotion", "few"), "neither a number nor 'all'"),
        ((*BOTH, *QUICK, "--rubric", "best"), "unknown rubric"),
        ((*BOTH, *QUICK, "options.taste=1"), "unknown option of 'scripted-judge'"),
        ((*BOTH, "--judge", "prior"), "cannot answer in words"),
        ((*BOTH, "--judge", "scripted-judge", "--modality", "speech"), "no sound"),
        ((*BOTH[:4], *QUICK), "do not say what is right"),
    ],
)
def test_mistakes_are_said_with_code_2(
    words: tuple[str, ...], message: str, typed: Typed, folder: Path
) -> None:
    code, _, err = typed("judge", *words, "-o", "judged")
    assert code == 2
    assert message in err
    assert not (folder / "judged" / "votes.parquet").exists()
