"""``report`` and ``rerun`` of folders that hold other work say what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.cli.app import run
from equivoice.records import RunRecord
from equivoice.store.judging_folder import JUDGE, JudgingFolder
from equivoice.store.rationale_folder import GENERATE, RationaleFolder

FOLDERS = {JUDGE: JudgingFolder, GENERATE: RationaleFolder}
HINTS = {JUDGE: "equivoice judge", GENERATE: "equivoice rationales ground --from FOLDER"}


@pytest.fixture(params=list(FOLDERS))
def work(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    verb = request.param
    with FOLDERS[verb].open(tmp_path / "work") as folder:
        folder.save_record(RunRecord(verb=verb, config={}, command=f"equivoice {verb} --out x"))
    return verb, str(tmp_path / "work")


def test_report_names_what_reports_on_it(
    work: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, place = work
    assert run(["report", place]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"is the work of {verb!r}, not a run" in said
    assert HINTS[verb] in said


def test_rerun_names_the_command(
    work: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, place = work
    assert run(["rerun", place, "--out", str(tmp_path / "again")]) == 2
    assert f"type its command again: equivoice {verb} --out x" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not (tmp_path / "again").exists()
