"""Reading the sources of the package as syntax trees, for the rules that they must keep.

A rule is a function of a file's path, relative to the project, and its tree; it yields a sentence
for each breach.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

TOP = Path(__file__).parent.parent

Rule = Callable[[str, ast.Module], Iterator[str]]


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """Path and text of every Python file below these folders of the project."""
    for folder in folders:
        for file in sorted((TOP / folder).rglob("*.py")):
            yield file.relative_to(TOP).as_posix(), file.read_text("utf-8")


def breaches(rules: Sequence[Rule], path: str, source: str) -> list[str]:
    """Every breach of these rules in one file, as sentences."""
    tree = ast.parse(source)
    return [f"{path}: {message}" for rule in rules for message in rule(path, tree)]


def room_of(path: str) -> str:
    """The room a file belongs to: ``kadtwisted/wire/cbor.py`` -> ``wire``; the root's is empty."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return parts[1] if len(parts) > 1 else ""


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def walk(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node that exists at run time, with whether it lies inside a function."""
    yield node, inside
    inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    children = node.orelse if is_type_checking(node) else ast.iter_child_nodes(node)
    for child in children:
        yield from walk(child, inside)


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every dotted name imported at run time, with whether a function does it."""
    for node, inside in walk(tree):
        yield from ((name, inside) for name in imported(node))


def imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that one statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        yield from (f"{base}.{alias.name}" for alias in node.names)


def all_imports(tree: ast.Module) -> Iterator[str]:
    """Every dotted name imported anywhere, for type checkers only too."""
    for node in ast.walk(tree):
        yield from imported(node)


class RulesCase(SynchronousTestCase):
    """Each rule catches an offender, and lets its law-abiding neighbour pass."""

    rules: Sequence[Rule] = ()

    def caught(self, path: str, *offenders: str) -> None:
        """Each of these texts of a file breaks the rules once."""
        for source in offenders:
            self.assertEqual(len(breaches(self.rules, path, source)), 1, f"{path} with:\n{source}")

    def free(self, path: str, *neighbours: str) -> None:
        """None of these texts of a file breaks them."""
        for source in neighbours:
            self.assertEqual(breaches(self.rules, path, source), [], f"{path} with:\n{source}")
