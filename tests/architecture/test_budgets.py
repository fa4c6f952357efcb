"""The budgets of DESIGN.md §9. A test that fails names the places."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from architecture.source import (
    PACKAGE,
    ROOT,
    Function,
    body_lines,
    functions,
    modules,
    nesting,
)

BODY, BODY_99, NESTING, FILE = 60, 40, 3, 500
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def test_there_is_something_to_measure() -> None:
    assert len(modules()) > 30
    assert sum(1 for module in modules() for _ in functions(module.tree)) > 200


def test_function_bodies_are_short() -> None:
    lengths = {
        f"{where(module.path, node)} {node.name}": body_lines(node)
        for module in modules()
        for node in functions(module.tree)
    }
    assert {place: n for place, n in lengths.items() if n > BODY} == {}
    ordered = sorted(lengths.values())
    assert ordered[int(0.99 * (len(ordered) - 1))] <= BODY_99


def test_blocks_are_not_deeply_nested() -> None:
    deep = {
        f"{where(module.path, node)} {node.name}": nesting(node)
        for module in modules()
        for node in functions(module.tree)
    }
    assert {place: n for place, n in deep.items() if n > NESTING} == {}


def test_nesting_is_measured() -> None:
    flat = ast.parse("def f():\n if a: x\n elif b: x\n elif c: x").body[0]
    deep = ast.parse("def f():\n if a:\n  for b in c:\n   with d:\n    while e: x").body[0]
    assert (nesting(flat), nesting(deep)) == (1, 4)


def test_files_are_short() -> None:
    lines = {module.name: module.text.count("\n") for module in modules()}
    assert {name: n for name, n in lines.items() if n > FILE} == {}


def test_names_say_what_is_in_a_file() -> None:
    parts = {part for module in modules() for part in module.name.split(".")}
    assert parts & FORBIDDEN_NAMES == set()


def test_everything_public_has_a_docstring() -> None:
    bare = []
    for module in modules():
        if not ast.get_docstring(module.tree):
            bare.append(module.name)
        bare += [
            f"{where(module.path, node)} {node.name}"
            for node in _public(module.tree)
            if not ast.get_docstring(node)
        ]
    assert bare == []


def _public(tree: ast.Module) -> list[Function | ast.ClassDef]:
    found: list[Function | ast.ClassDef] = []
    for node in tree.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        found.append(node)
        if isinstance(node, ast.ClassDef):
            found += [
                inner
                for inner in node.body
                if isinstance(inner, Function) and not inner.name.startswith("_")
            ]
    return found


def test_everything_is_annotated() -> None:
    bare = []
    for module in modules():
        for node in functions(module.tree):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            untyped = [a.arg for a in arguments if a.annotation is None]
            if set(untyped) - {"self", "cls"} or node.returns is None:
                bare.append(f"{where(module.path, node)} {node.name}")
    assert bare == []


def test_only_the_command_line_prints() -> None:
    assert _calls({"print", "pprint"}, outside=("cli",)) == []


def test_nothing_evaluates_text_or_unpickles() -> None:
    assert _calls(FORBIDDEN_CALLS, outside=()) == []
    text = {module.name: module.text for module in modules()}
    pattern = re.compile(
        # the name of an error unpickles nothing
        r"^\s*(import|from) (pickle(?! import UnpicklingError\b(?!,))|marshal|shelve|dill)\b|"
        r"yaml\.(unsafe_)?load\(|"
        r"allow_pickle=True|shell=True",
        re.MULTILINE,
    )
    assert {name for name, content in text.items() if pattern.search(content)} == set()


def _calls(names: set[str], *, outside: tuple[str, ...]) -> list[str]:
    return [
        where(module.path, node)
        for module in modules()
        if module.room not in outside
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def test_no_broad_except() -> None:
    broad = [
        where(module.path, node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type)
    ]
    assert broad == []


def _is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_broad(each) for each in kind.elts)
    return kind is None or (
        isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}
    )


def test_no_import_cycles() -> None:
    names = {module.name for module in modules()}
    graph = {
        module.name: {
            target
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for target in _targets(node, names)
        }
        - {module.name}
        for module in modules()
        if module.name != "equivoice"
    }
    assert list(TopologicalSorter(graph).static_order())


def _targets(node: ast.ImportFrom, names: set[str]) -> set[str]:
    """A submodule where one is named, else the module itself."""
    inner = {f"{node.module}.{alias.name}" for alias in node.names}
    return (inner & names) or ({str(node.module)} & names)


def test_every_room_says_what_it_is_for() -> None:
    folders = [path for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    assert [path.name for path in folders if not (path / "__init__.py").is_file()] == []


def test_the_tests_are_at_least_as_long_as_the_source() -> None:
    source = sum(module.text.count("\n") for module in modules())
    tests = sum(path.read_text("utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py"))
    assert tests >= source, f"{tests} lines of tests for {source} lines of source"


@pytest.mark.parametrize("folder", ["src", "tests", "docs"])
def test_no_large_or_binary_file_slips_in(folder: str) -> None:
    large = [
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.stat().st_size > 500_000
    ]
    assert large == []
