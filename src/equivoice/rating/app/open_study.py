"""A study that was made: its definition, its items, its database and its sounds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from equivoice.errors import InputError
from equivoice.rating.app.ballot_box import BallotBox
from equivoice.rating.app.tables import database_url
from equivoice.rating.study_files import Question, StudyFile, study_from
from equivoice.rating.study_items import StudyItem

__all__ = ["DESCRIPTION", "SOUNDS", "AttentionCheck", "OpenStudy", "open_study"]

DESCRIPTION = "study.json"
SOUNDS = "sounds"

_SOUND_NAME = re.compile(r"[0-9]{1,9}\.wav")


@dataclass(frozen=True)
class AttentionCheck:
    """An item that asks for one given answer.

    Args:
        item: its name.
        question: which question is asked.
        value: the answer that it asks for.
    """

    item: str
    question: str
    value: str

    def to_json(self) -> str:
        """The check as text."""
        return json.dumps({"check": self.question, "value": self.value}, ensure_ascii=False)


@dataclass(frozen=True)
class OpenStudy:
    """A study with its database.

    Args:
        definition: the study file, as it was when the study was made.
        items: by name.
        checks: the checks of attention, by name.
        box: the database.
        folder: where the sounds are.
        address: where raters find the app.
        secret: what marks of forms are made from.
        admin_hash: the hash of the token for those who run the study.
    """

    definition: StudyFile
    items: Mapping[str, StudyItem]
    checks: Mapping[str, AttentionCheck]
    box: BallotBox
    folder: Path
    address: str
    secret: str
    admin_hash: str

    @cached_property
    def by_name(self) -> Mapping[str, Question]:
        """The questions by name."""
        return {question.name: question for question in self.definition.questions}

    def questions_of(self, item: str) -> tuple[Question, ...]:
        """What is asked of an item; of a check of attention its one question."""
        check = self.checks.get(item)
        if check is None:
            return self.definition.questions
        return (self.by_name[check.question].model_copy(update={"optional": False}),)

    def sound(self, name: str) -> Path | None:
        """The file of a sound of the study, ``None`` where there is none of that name."""
        if not _SOUND_NAME.fullmatch(name):
            return None
        path = self.folder / SOUNDS / name
        return path if path.is_file() else None


def open_study(folder: str | Path, *, database: str | None = None) -> OpenStudy:
    """The study in a folder.

    Args:
        folder: what ``study create`` made.
        database: its database, where it is to be reached by another address than it was
            made with, such as with a password.

    Raises:
        InputError: there is no study.
    """
    folder = Path(folder)
    description = _description(folder)
    url = database_url(database or description["database"])
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_absolute():
        url = url.set(database=str((folder / url.database).resolve()))
        if not Path(str(url.database)).is_file():
            raise InputError("the study's database is gone", file=str(url.database))
    box = BallotBox(url)
    facts = box.facts()
    definition = study_from(json.loads(facts["definition"]), folder=folder, file=folder)
    items, checks = _contents(box.items())
    return OpenStudy(
        definition,
        items,
        checks,
        box,
        folder,
        description["address"],
        facts["secret"],
        facts["admin_hash"],
    )


def _description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InputError(
            "there is no study in this folder",
            file=folder,
            hint="make one with: equivoice study create STUDY.yaml -o FOLDER",
        )
    try:
        description = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the study's description cannot be read: {error}", file=path) from error
    return dict(description)


def _contents(
    texts: Mapping[str, str],
) -> tuple[dict[str, StudyItem], dict[str, AttentionCheck]]:
    items, checks = {}, {}
    for name, text in texts.items():
        raw = json.loads(text)
        if "check" in raw:
            checks[name] = AttentionCheck(name, raw["check"], raw["value"])
        else:
            items[name] = StudyItem.from_json(text)
    return items, checks
