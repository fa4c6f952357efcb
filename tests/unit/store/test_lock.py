"""The lock on a folder: one holder, who is named, and free when its process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from equivoice.errors import LockedRunError, StorageError
from equivoice.store.lock import FolderLock

HOLDER = """
import sys, pathlib
from equivoice.store.lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
lock.take()
print("held", flush=True)
sys.stdin.read()
"""


def held_by_another_process(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    process.communicate()


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    process = held_by_another_process(tmp_path)
    try:
        with pytest.raises(LockedRunError, match=f"in use by process {process.pid} on "):
            FolderLock(tmp_path).take()
    finally:
        end(process, signal.SIGKILL)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    end(held_by_another_process(tmp_path), signal.SIGKILL)
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()


def test_it_can_be_taken_again_after_release(tmp_path: Path) -> None:
    for _ in range(3):
        lock = FolderLock(tmp_path)
        lock.take()
        lock.release()


def test_two_parts_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    with pytest.raises(LockedRunError, match=f"process {os.getpid()} on "):
        FolderLock(tmp_path).take()
    lock.release()


def test_a_holder_file_that_cannot_be_read_still_says_that_it_is_held(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    (tmp_path / ".equivoice.lock-holder.json").write_text("{")
    with pytest.raises(LockedRunError, match="in use by another process"):
        FolderLock(tmp_path).take()
    lock.release()


def test_a_place_that_is_no_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot lock"):
        FolderLock(tmp_path / "file").take()
