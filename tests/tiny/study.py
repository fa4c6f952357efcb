"""A listening study small enough for tests: buzzes, made-up reasons, and raters who click."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from starlette.testclient import TestClient

from equivoice.rating.app.creating import Made, create_study
from equivoice.rating.app.open_study import OpenStudy, open_study
from equivoice.rating.app.server import make_app
from equivoice.rating.study_files import read_study_file
from tiny.sounds import buzz, write

__all__ = ["Browser", "make_study", "study_file"]

_MARK = re.compile(r'name="mark" value="([0-9a-f]{64})"')


def study_file(folder: Path, *, items: int = 4, said: str = "", **changes: Any) -> Path:
    """A study file with its items: a sound, a transcript and two systems' answers each.

    Args:
        folder: of the file, the table and the sounds; made where it does not exist.
        items: how many.
        said: what stands behind each transcript and each reason.
        changes: keys of the study file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(items):
        sound = buzz(120.0 + 10 * number, 0.2)
        write(folder / f"secret_angry_{number}.wav", sound)
        rows.append(
            {
                "item": f"clip-{number}",
                "utterance_id": f"demo/{number}",
                "audio": f"secret_angry_{number}.wav",
                "transcript": f"this is sentence {number}{said}",
                "system_a": "student",
                "system_b": "teacher",
                "answer_a": ("angry", "sad")[number % 2],
                "answer_b": ("sad", "happy")[number % 2],
                "reason_a": f"The voice is loud in sentence {number}.{said}",
                "reason_b": f"The words are slow in sentence {number}.",
                "correct": ("yes", "no")[number % 2],
            }
        )
    pl.DataFrame(rows).write_csv(folder / "items.csv")
    content = {
        "study": "demo",
        "title": "A demo study",
        "about": "You will hear voices.\n\nAnd read reasons.",
        "consent": {"text": "Taking part is voluntary.", "agree": "I agree."},
        "contact": "team@example.org",
        "items": "items.csv",
        "questions": [{"use": "accept"}],
        "raters": 2,
        "must_listen": False,
        "break_every": 0,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content | changes, sort_keys=False), encoding="utf-8")
    return path


def make_study(folder: Path, **changes: Any) -> tuple[OpenStudy, Made]:
    """A study that is made and open; see :func:`study_file`."""
    options = {name: changes.pop(name) for name in ("database", "address") if name in changes}
    made = create_study(read_study_file(study_file(folder, **changes)), folder / "made", **options)
    return open_study(made.folder, database=options.get("database")), made


class Browser:
    """A rater's browser, without its script: follows redirects and sends forms.

    Args:
        study: whose app is asked.
        link: of the rater; opened at once where given.
    """

    def __init__(self, study: OpenStudy, link: str | None = None) -> None:
        self.client = TestClient(make_app(study), base_url="http://127.0.0.1:8000")
        self.text = ""
        self.path = ""
        self.status = 0
        if link is not None:
            self.get(link)

    def get(self, address: str, **options: Any) -> str:
        """Open an address."""
        return self._take(self.client.get(address, **options))

    def post(self, address: str, fields: Mapping[str, Any], *, mark: str | None = None) -> str:
        """Send a form with the mark of the page that is shown, or another one."""
        own = mark if mark is not None else self.mark
        return self._take(self.client.post(address, data={"mark": own, **fields}))

    @property
    def mark(self) -> str:
        """The mark of the form that is shown; empty where there is none."""
        found = _MARK.search(self.text)
        return found[1] if found else ""

    def agree(self) -> str:
        """Agree to take part."""
        return self.post("/consent", {"agree": "yes"})

    def listen(self) -> int:
        """Ask for all sounds of the page; the status of the last."""
        status = 0
        for address in re.findall(r'<audio[^>]* src="([^"]+)"', self.text):
            status = self.client.get(address.replace("&amp;", "&")).status_code
        return status

    def answer(self, **fields: Any) -> str:
        """Fill in the item that is shown, and send it."""
        self.listen()
        return self.post(self.path, fields)

    def _take(self, response: Any) -> str:
        self.text, self.path = response.text, response.url.path
        self.status = response.status_code
        return self.text
