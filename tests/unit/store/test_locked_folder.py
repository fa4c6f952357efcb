"""What both kinds of folders promise alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import ConfigError, InputError, LockedRunError, RunError
from equivoice.records import RunRecord
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.locked_folder import LockedFolder

KINDS = pytest.mark.parametrize("kind", [RunFolder, TrainingFolder])


def record(seed: int) -> RunRecord:
    return RunRecord(verb="train", config={"seed": seed})


@KINDS
def test_the_same_work_goes_on_and_another_is_named(
    kind: type[LockedFolder], tmp_path: Path
) -> None:
    with kind.open(tmp_path / "run") as folder:
        folder.begin(record(1))
        folder.begin(record(1))
        with pytest.raises(ConfigError, match=r"(?s)differs in 1 settings.*seed") as refused:
            folder.begin(record(2), instead=" (or wait)")
        assert str(refused.value).endswith("to begin anew (or wait)")
        assert folder.record.config == {"seed": 1}


@KINDS
def test_two_cannot_write_and_a_reader_cannot_either(
    kind: type[LockedFolder], tmp_path: Path
) -> None:
    with kind.open(tmp_path / "run") as folder:
        assert folder.writable
        with pytest.raises(LockedRunError):
            kind.open(tmp_path / "run")
    assert not folder.writable
    with pytest.raises(RunError, match=rf"{kind.__name__}\.open"):
        folder.write_text("notes.json", "{}")
    assert folder.read_text("notes.json") is None


@KINDS
def test_a_folder_with_other_things_is_left_alone(kind: type[LockedFolder], tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(InputError, match=rf"no {kind.WORK}.*letters\.txt"):
        kind.open(tmp_path)
    with pytest.raises(InputError, match=f"a {kind.WORK} needs a folder"):
        kind.open(tmp_path / "letters.txt")
    assert [item.name for item in tmp_path.iterdir()] == ["letters.txt"]


@KINDS
def test_texts_have_plain_names(kind: type[LockedFolder], tmp_path: Path) -> None:
    with kind.open(tmp_path / "run") as folder:
        for name in ("../up.txt", "run.json", ".hidden.md", "a.exe"):
            with pytest.raises(InputError, match="not a name for a text"):
                folder.write_text(name, "x")
        assert folder.write_text(kind.TEXT_EXAMPLE, "é").read_text(encoding="utf-8") == "é"


@KINDS
def test_before_any_work_there_is_no_record(kind: type[LockedFolder], tmp_path: Path) -> None:
    with kind.open(tmp_path / "run") as folder:
        assert not folder.has_record
        with pytest.raises(RunError, match=f"no {kind.WORK} was begun"):
            _ = folder.record
