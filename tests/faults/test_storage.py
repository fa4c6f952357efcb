"""Full disks and places that cannot be written: a clear error, and no half file."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from equivoice.errors import StorageError
from equivoice.evaluation import benchmark
from equivoice.records import read_frame
from equivoice.store import RunFolder, journal

Words = Callable[..., list[str]]
Start = Callable[..., "subprocess.Popen[str]"]

LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from equivoice.cli.app import run
raise SystemExit(run(sys.argv[2:]))
"""


def run_with_room(size: int, words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line, where no file can grow beyond ``size`` bytes."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def whole_files(run: Path) -> None:
    """Every table that is there can be read, and no half one lies about."""
    for file in run.rglob("*.parquet"):
        assert read_frame(file).height
    assert not list(run.rglob("*.part"))


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no file size limits here")
@pytest.mark.parametrize(
    "size",
    [
        600,  # no room for the run record
        3_000,  # nor for a table
        pytest.param(9_000, marks=pytest.mark.slow),
        pytest.param(40_000, marks=pytest.mark.slow),
        pytest.param(90_000, marks=pytest.mark.slow),
    ],
)
def test_no_room_for_a_file_is_said_and_the_run_goes_on_later(
    tmp_path: Path, whole: dict[str, bytes], start: Start, benchmark_words: Words, size: int
) -> None:
    out = tmp_path / "run"
    words = benchmark_words(out)
    done = run_with_room(size, words, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "error: cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpectedly" not in done.stderr
    whole_files(out)
    process = start(*words)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert {name: (out / name).read_bytes() for name in whole} == whole


def _full(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def quick(prepared: Path, out: Path) -> RunFolder:
    return benchmark("prior", prepared, out=out, replicates=20, permutations=10, group_by=())


@pytest.mark.parametrize("after", range(0, 9, 2))
def test_a_disk_that_fills_up_at_any_write_leaves_whole_files(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    calls = iter(range(1_000))
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if next(calls) >= after:
            _full()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device"):
        quick(prepared, tmp_path / "run")
    monkeypatch.undo()
    whole_files(tmp_path / "run")
    again = quick(prepared, tmp_path / "run")
    whole = quick(prepared, tmp_path / "whole")
    assert again.predictions().equals(whole.predictions())
    assert again.estimates().equals(whole.estimates())


def test_a_disk_that_is_full_for_journals_only_names_the_journal(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_append", _full)
    with pytest.raises(StorageError, match=r"jsonl: No space left on device"):
        quick(prepared, tmp_path / "run")


def test_a_file_in_place_of_the_run_folder(
    tmp_path: Path, start: Start, benchmark_words: Words
) -> None:
    (tmp_path / "run").write_text("mine")
    process = start(*benchmark_words(tmp_path / "run"))
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "this is a file, and a run needs a folder" in errors
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc to fail to write to")
def test_a_place_that_cannot_be_written_to(start: Start, benchmark_words: Words) -> None:
    process = start(*benchmark_words(Path("/proc/equivoice-run")))
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "cannot write into /proc/equivoice-run" in errors
    assert "Traceback" not in errors


def test_a_folder_with_somebody_s_work_in_it_is_left_alone(
    tmp_path: Path, start: Start, benchmark_words: Words
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "estimates.parquet").write_text("mine")
    process = start(*benchmark_words(folder), "--overwrite")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "other things and no run" in errors
    assert [file.name for file in folder.iterdir()] == ["estimates.parquet"]


@pytest.mark.parametrize("name", ["../../escaped", "/etc/escaped", "..", "a/b", "x\ty"])
def test_no_name_of_a_fold_leads_out_of_the_run_folder(
    prepared: Path, tmp_path: Path, name: str
) -> None:
    from dataclasses import replace

    from equivoice.corpora import load_corpus

    corpus = load_corpus(prepared)
    folds = corpus.folds.with_columns(fold=corpus.folds["fold"].replace("1", name))
    before = set(tmp_path.rglob("*"))
    run = quick_corpus(replace(corpus, folds=folds, root=None), tmp_path / "runs" / "deep" / "run")
    assert name in set(run.predictions()["fold"])
    strays = [
        path
        for path in set(tmp_path.rglob("*")) - before
        if run.path not in (path, *path.parents) and path not in run.path.parents
    ]
    assert strays == []
    assert not Path("/etc/escaped").exists()


def quick_corpus(corpus: object, out: Path) -> RunFolder:
    return benchmark("prior", corpus, out=out, replicates=20, permutations=10, group_by=())  # type: ignore[arg-type]
