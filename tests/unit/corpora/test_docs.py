"""The page about corpora: its code runs, and it names every finding there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from equivoice.corpora import Source, load_corpus

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    codes = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for code in codes:
        exec(compile(code, "corpora.md", "exec"), names)  # noqa: S102 - our own page
    assert len(codes) == 3
    assert load_corpus("corpora/rated").votes is not None
    assert isinstance(names["my_corpus"], Source)


def test_it_names_every_finding() -> None:
    rooms = ("balance", "check", "separation", "soundness", "voting")
    files = [*(f"corpora/{room}.py" for room in rooms), "annotators/checks.py"]
    text = "".join((ROOT / "src/equivoice" / file).read_text(encoding="utf-8") for file in files)
    codes = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text)) | {
        "gender-unknown",
        "negative-count",
        "fractional-count",
        "unreadable-count",
        "votes",
    }
    assert len(codes) >= 20
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
