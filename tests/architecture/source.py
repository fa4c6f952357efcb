"""The source as syntax trees, for the tests of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "equivoice"

Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.Match,
)


@dataclass(frozen=True)
class Module:
    """A file of the package: its dotted name, path, text and tree."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Of the text; made where it is asked for, which takes seconds for all modules."""
        return ast.parse(self.text, filename=str(self.path))

    @property
    def room(self) -> str:
        """The part of the name behind ``equivoice.``: ``cli``, ``errors``; empty for the root."""
        return self.name.partition(".")[2].partition(".")[0]


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    return tuple(read_module(path) for path in sorted(PACKAGE.rglob("*.py")))


def read_module(path: Path) -> Module:
    """One module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines of a function's body, without its docstring."""
    body = function.body
    documented = ast.get_docstring(function, clean=False) is not None
    first = body[1] if documented and len(body) > 1 else body[0]
    if documented and len(body) == 1:
        return 0
    return (body[-1].end_lineno or 0) - first.lineno + 1


def nesting(node: ast.AST, depth: int = 0) -> int:
    """How deep blocks stand in each other; ``elif`` counts as its ``if``."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        inside = depth + (isinstance(child, _BLOCKS) and not is_elif)
        deepest = max(deepest, nesting(child, inside))
    return deepest
