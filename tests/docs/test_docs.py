"""What the documentation shows runs: docstrings' examples and the tutorials' code."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from architecture.source import ROOT, modules
from equivoice.cli.app import run

DOCS = ROOT / "docs"
TUTORIALS = [
    *sorted((DOCS / "tutorials").glob("*.md")),
    *(
        DOCS / name
        for name in (
            *("plugins.md", "prompts.md", "parsing.md", "agreement.md", "votes.md"),
            "gender-gap-benchmark.md",
            "ensembles.md",
            "judging.md",
            "open_form.md",
        )
    ),
]
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#]+)(?:#(?P<anchor>[^)]+))?\)")


class Block(NamedTuple):
    """A fenced block of code."""

    kind: str
    code: str


def blocks(path: Path) -> Iterator[Block]:
    for match in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        yield Block(match["kind"], match["code"])


# ------------------------------------------------------------------- docstrings

_WITH_EXAMPLES = [module.name for module in modules() if ">>>" in module.text]


@pytest.mark.parametrize("name", _WITH_EXAMPLES)
def test_the_examples_in_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert result.attempted > 0
    assert result.failed == 0


# -------------------------------------------------------------------- tutorials


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_code_of_a_tutorial_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": f"tutorial_{path.stem.replace('-', '_')}"}
    ran = 0
    for block in blocks(path):
        if block.kind == "python":
            exec(compile(block.code, str(path), "exec"), names)  # noqa: S102 - our own pages
            ran += 1
        elif block.kind == "console":
            for command in commands(block.code):
                run_command(command)
                ran += 1
    assert ran > 0


def commands(code: str) -> list[list[str]]:
    """The ``equivoice`` commands of a console block; others are not ours to run."""
    lines = [line.removeprefix("$ ") for line in code.splitlines() if line.startswith("$ ")]
    return [shlex.split(line) for line in lines if line.startswith("equivoice ")]


def run_command(words: list[str]) -> None:
    """In this process: another would load the package again."""
    assert run(words[1:]) == 0, shlex.join(words)


def test_the_python_of_the_readme_names_what_exists() -> None:
    import equivoice

    code = "".join(b.code for b in blocks(ROOT / "README.md") if b.kind == "python")
    named = set(re.findall(r"equivoice\.(\w+)", code))
    assert named
    assert named <= set(equivoice.__all__)


# ------------------------------------------------------------------------ pages


def test_the_pages_of_the_site_exist_and_none_is_forgotten() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = set(_pages(nav))
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert listed == there


def _pages(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for inner in nav.values():
            yield from _pages(inner)
    elif isinstance(nav, list):
        for inner in nav:
            yield from _pages(inner)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.stem
)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = [
        match["target"]
        for match in _LINK.finditer(text)
        if not (path.parent / match["target"]).exists()
    ]
    assert broken == []


def test_every_verb_is_named_in_the_readme() -> None:
    from equivoice.cli.app import VERBS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        verb for verb in VERBS if f"`{verb}`" not in text and f"equivoice {verb}`" not in text
    ] == []


def test_targets_that_the_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / ".ci" / "run", *DOCS.rglob("*.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    named = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", text, re.MULTILINE))
    assert {"test", "test-slow", "quickstart", "docs"} <= named <= targets
