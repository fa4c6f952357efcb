"""Bad votes beside a corpus: named and counted by the check, with the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equivoice.cli.app import run

UTTERANCES = (
    "utterance_id,speaker,gender,emotion\nx/1,s1,female,sad\nx/2,s2,male,happy\nx/3,s3,male,sad\n"
)
HEADER = "item,rater,question,value,count\n"
GOOD = "x/1,ann,emotion,sad,1\nx/1,ben,emotion,happy,1\nx/2,ann,emotion,happy,1\nx/2,ben,emotion,sad,1\n"


def checked(folder: Path, votes: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code of the check, and all that it said, on one line."""
    (folder / "utterances.csv").write_text(UTTERANCES)
    (folder / "votes.csv").write_text(HEADER + votes)
    code = run(["corpora", "check", str(folder), "--no-audio"])
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return code, " ".join((told.out + told.err).split())


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("x/9,ann,emotion,sad,1", 0, "'x/9'"),
        ("x/3,ann,emotion,furious,1", 2, "'furious' (1)"),
        ("x/1,ann,emotion,happy,1", 2, "rater 'ann' on 'x/1'"),
        ("x/3,cid,emotion,sad,1", 0, "'cid'"),
        ("x/3,ann,emotion,Other-tired,1", 0, "'Other-tired' (1)"),
        ("x/3,ann,mood,sad,1", 0, "'mood' (1)"),
        ("x/3,ann,emotion,sad,-2", 2, "-2"),
        ("x/3,ann,emotion,sad,0.5", 2, "0.5"),
        ("x/3,ann,emotion,sad,many", 2, "many"),
        (",ann,emotion,sad,1", 2, "empty where a value is needed"),
    ],
)
def test_each_fault_is_named(
    line: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, told = checked(tmp_path, f"{GOOD}{line}\n", capsys)
    assert said in told
    assert found == code


def test_good_votes_are_counted_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = checked(tmp_path, GOOD, capsys)
    assert code == 0
    line = "votes on emotion: 4 on 2 items, 2 an item, 2 raters"
    assert line in told
    assert run(["corpora", "show", str(tmp_path)]) == 0
    assert line in capsys.readouterr().out


def test_a_truncated_block_of_msp_podcast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "Labels"
    labels.mkdir()
    (labels / "labels.txt").write_text(
        "a.wav; S; A:2.0; V:2.0; D:2.0;\n"
        "WORKER1; Sad; Sad; A:2.0; V:2.0; D:2.0;\n\n"
        "b.wav; H; A:3.0; V:5.0; D:4.0;\n"
        "WORKER1; Happy; Happy,Exc"
    )
    words = ["--metadata", str(labels), "--no-audio", "--out", str(tmp_path / "out")]
    assert run(["corpora", "prepare", "msp_podcast", *words]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "left out: in labels.txt: a rating that is cut off or has another form (1)" in told
    findings = tmp_path / "found.json"
    assert run(["corpora", "check", str(tmp_path / "out"), "--no-audio", "-o", str(findings)]) == 0
    found = {one["code"]: one for one in json.loads(findings.read_text())}
    assert "labels.txt" in found["damaged-labels"]["message"]
    assert "line 5" in found["damaged-labels"]["message"]
    assert "1 utterance without a vote: 'msp_podcast/b'" in found["no-vote"]["message"]
    kept = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert (
        kept["provenance"]["record"]["damaged"]["first"][0]["text"] == "WORKER1; Happy; Happy,Exc"
    )
