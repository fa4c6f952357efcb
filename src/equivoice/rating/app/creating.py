"""From a study file to a study: sounds, database, lists and links."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy.engine import URL

from equivoice.audio.decode import decode, probe
from equivoice.audio.encode import encode
from equivoice.errors import ConfigError, InputError
from equivoice.inference.seeds import seed_for
from equivoice.rating.app.ballot_box import BallotBox
from equivoice.rating.app.open_study import (
    DESCRIPTION,
    SOUNDS,
    AttentionCheck,
    OpenStudy,
)
from equivoice.rating.app.security import hash_of, new_token
from equivoice.rating.app.tables import database_url
from equivoice.rating.assignment import Candidate, HandedOut, Place, assign
from equivoice.rating.study_files import StudyFile
from equivoice.rating.study_items import StudyItem, gather_items
from equivoice.records import replace_file

__all__ = ["ADDRESS", "Made", "create_study", "invite", "plan_lists"]

ADDRESS = "http://127.0.0.1:8000"
_DATABASE = "sqlite:///study.sqlite"
_PRIVATE = 0o600
_LONGEST_S = 600.0
_MOST_OFFERED = 12

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Made:
    """What was made.

    Args:
        folder: of the study.
        links: each rater's link.
        admin_token: the token for those who run the study; kept nowhere but in its file.
        items: how many items there are.
        sounds: how many sounds were copied.
    """

    folder: Path
    links: Mapping[str, str]
    admin_token: str
    items: int
    sounds: int


def create_study(
    study: StudyFile,
    folder: str | Path,
    *,
    database: str | None = None,
    address: str = ADDRESS,
    watch: Watch | None = None,
) -> Made:
    """Make a study that can be served.

    The folder holds ``study.json``, written last, the sounds under numbers, cut and without
    tags, and, readable by its owner only, ``links.csv`` and ``admin-token.txt``. The
    database holds all else.

    Args:
        study: what the study file says.
        folder: to be made; it must not hold anything.
        database: an address such as ``postgresql://me@host/study``; a SQLite file in the
            folder where not given. A password is not stored: give it again to serve, or
            use the ways of PostgreSQL (``PGPASSWORD``, ``.pgpass``).
        address: where raters will find the app.
        watch: told what is done.

    Raises:
        ConfigError: the study cannot be made as its file says.
        InputError: the folder or the database is in use, or an input cannot be read.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("the folder is in use", file=folder, hint="give another --out")
    items = gather_items(study)
    checks = _checks(study)
    lists = plan_lists(study, items, [check.item for check in checks], _names(0, study.raters))
    folder.mkdir(parents=True, exist_ok=True)
    copied, sounds = _with_sounds(items, folder / SOUNDS, watch)
    url = _in_folder(database_url(database or _DATABASE), folder)
    admin = new_token()
    tokens = {rater: new_token() for rater in lists}
    box = BallotBox(url)
    try:
        box.found(_facts(study, admin), _contents(copied, checks))
        box.invite({rater: hash_of(token) for rater, token in tokens.items()}, lists)
    finally:
        box.close()
    _private(folder / "admin-token.txt", f"{admin}\n")
    links = {rater: f"{address.rstrip('/')}/r/{token}" for rater, token in tokens.items()}
    _write_links(folder, links)
    stored = url._replace(password=None).render_as_string(hide_password=False)
    if database is None:
        stored = _DATABASE
    _write(folder / DESCRIPTION, json.dumps({"database": stored, "address": address}) + "\n")
    return Made(folder, links, admin, len(copied), sounds)


def plan_lists(
    study: StudyFile,
    items: Sequence[StudyItem],
    checks: Sequence[str],
    raters: Sequence[str],
    before: HandedOut | None = None,
) -> dict[str, tuple[Place, ...]]:
    """What each rater judges, by the study's rules."""
    return assign(
        [Candidate(item.item, item.stratum, bool(item.gold)) for item in items],
        raters,
        per_rater=study.per_rater,
        gold_per_rater=study.gold_per_rater,
        checks=checks,
        sides=study.compares,
        seed=study.seed,
        before=before,
    )


def invite(study: OpenStudy, raters: int) -> dict[str, str]:
    """Add raters to a study; their lists balance those that were handed out.

    Returns:
        each new rater's link; they are added to ``links.csv`` too.
    """
    present, before = study.box.handed_out()
    names = _names(present, raters)
    lists = plan_lists(
        study.definition, list(study.items.values()), list(study.checks), names, before
    )
    tokens = {rater: new_token() for rater in names}
    study.box.invite({rater: hash_of(token) for rater, token in tokens.items()}, lists)
    links = {rater: f"{study.address.rstrip('/')}/r/{token}" for rater, token in tokens.items()}
    _write_links(study.folder, links)
    return links


def _names(present: int, raters: int) -> list[str]:
    return [f"r{number:03d}" for number in range(present + 1, present + raters + 1)]


def _checks(study: StudyFile) -> list[AttentionCheck]:
    """Checks of attention, each with a question and an answer drawn by the seed."""
    offered = [q for q in study.questions if q.kind != "comparison" and len(q.values) > 1]
    random = np.random.default_rng(seed_for(study.seed, "attention"))
    checks = []
    for number in range(1, study.attention + 1):
        question = offered[int(random.integers(len(offered)))]
        values = question.values[:_MOST_OFFERED]
        value = values[int(random.integers(len(values)))]
        checks.append(AttentionCheck(f"check-{number}", question.name, value))
    return checks


def _with_sounds(
    items: Sequence[StudyItem], folder: Path, watch: Watch | None
) -> tuple[list[StudyItem], int]:
    """Copies of the sounds under numbers; the items then name these."""
    folder.mkdir()
    names: dict[tuple[str, float | None, float | None], str] = {}

    def copied(sound: str | None, start: float | None, end: float | None) -> str | None:
        if sound is None:
            return None
        key = (sound, start, end)
        if key not in names:
            names[key] = f"{len(names) + 1:05d}.wav"
            rate = probe(sound).rate
            samples = decode(sound, start=start, end=end, rate=rate, longest=_LONGEST_S)
            (folder / names[key]).write_bytes(encode(samples, rate))
        return names[key]

    made = []
    for at, item in enumerate(items):
        if watch is not None:
            watch(item.item, at, len(items))
        sides = tuple(replace(side, sound=copied(side.sound, None, None)) for side in item.sides)
        sound = copied(item.sound, item.start, item.end)
        made.append(replace(item, sound=sound, start=None, end=None, sides=sides))
    return made, len(names)


def _in_folder(url: URL, folder: Path) -> URL:
    """A relative SQLite file lies in the study's folder."""
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise ConfigError("a study needs a database that lasts", value=str(url))
    path = Path(url.database)
    return url if path.is_absolute() else url.set(database=str((folder / path).resolve()))


def _facts(study: StudyFile, admin: str) -> dict[str, str]:
    return {
        "version": "1",
        "definition": study.model_dump_json(),
        "secret": new_token(),
        "admin_hash": hash_of(admin),
    }


def _contents(items: Sequence[StudyItem], checks: Sequence[AttentionCheck]) -> dict[str, str]:
    contents = {item.item: item.to_json() for item in items}
    taken = next((check.item for check in checks if check.item in contents), None)
    if taken is not None:
        raise ConfigError("an item has the name of a check of attention", value=taken)
    return contents | {check.item: check.to_json() for check in checks}


def _write_links(folder: Path, links: Mapping[str, str]) -> None:
    """The links that are there, and new ones."""
    path = folder / "links.csv"
    old = path.read_text("utf-8") if path.is_file() else "rater,link\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(links.items())
    _private(path, old + text.getvalue())


def _private(path: Path, text: str) -> None:
    """A file that only its owner can read, from the moment it is there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
        file.write(text)


def _write(path: Path, text: str) -> None:
    replace_file(path, lambda place: _put(place, text))


def _put(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
