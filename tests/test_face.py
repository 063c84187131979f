"""The public faces: what programs import, and that the documents import from nowhere else.

There are three: ``kadtwisted`` for programs, ``kadtwisted.testing`` for their tests, and
``kadtwisted.simulation``.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface

import kadtwisted
from kadtwisted import interfaces, parameters
from kadtwisted.errors import KadtwistedError
from kadtwisted.model import results, status

TOP = Path(__file__).parent.parent
FACES = ("kadtwisted", "kadtwisted.simulation", "kadtwisted.testing")

ERRORS_OF_OTHERS = frozenset(
    {
        # What the command, the daemon and the simulations raise, and no method of a node.
        *("BadExport", "BadInput", "BadJournal", "BadLines", "CannotWrite"),
        *("CannotCopy", "CannotNote", "CannotWriteExport", "ControlRefused"),
        *("CannotLog", "ControlUnavailable", "NoCluster", "NoCompletion", "NoPictures"),
        *("DamagedContacts", "InvalidRequest", "OtherProgram", "Unreadable", "UsageError"),
        # The web door, whose clients see problems.
        *("KeyExists", "NoSuchKey", "Refused"),
    }
)


def source_of(face: str) -> ast.Module:
    path = TOP / face.replace(".", "/") / "__init__.py"
    return ast.parse(path.read_text("utf-8"))


def typed(face: str) -> dict[str, str]:
    """What type checkers see: each name imported under ``if TYPE_CHECKING:``, and from where."""
    found = {}
    for block in source_of(face).body:
        if not (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"):
            continue
        for each in block.body:
            assert isinstance(each, ast.ImportFrom)
            for alias in each.names:
                assert alias.asname is None, alias.asname
                found[alias.name] = f"{each.module}.{alias.name}"
    return found


def named(dotted: str) -> Any:
    """What ``from MODULE import NAME`` gives."""
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        return import_module(dotted)


def descendants(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


class FaceTests(SynchronousTestCase):
    """Each face by itself."""

    def test_every_name_is_what_type_checkers_believe(self) -> None:
        for face in FACES:
            package, seen = import_module(face), typed(face)
            self.assertEqual(sorted(seen), sorted(package.__all__), face)
            for name, dotted in seen.items():
                self.assertIs(getattr(package, name), named(dotted), dotted)

    def test_the_lists_are_sorted_and_complete(self) -> None:
        for face in FACES:
            package = import_module(face)
            self.assertEqual(package.__all__, sorted(set(package.__all__)), face)
            self.assertLessEqual(set(package.__all__), set(dir(package)), face)
            self.assertEqual(dir(package), sorted(set(dir(package))))

    def test_a_name_that_is_not_there(self) -> None:
        for face in FACES:
            package = import_module(face)
            error = self.assertRaises(AttributeError, getattr, package, "Nobody")
            self.assertEqual(str(error), f"module {face!r} has no attribute 'Nobody'")
            with self.assertRaises(ImportError):
                exec(f"from {face} import Nobody")

    def test_rooms_are_still_found(self) -> None:
        scope: dict[str, Any] = {}
        exec("from kadtwisted import node, testing", scope)
        self.assertTrue(all(isinstance(scope[each], ModuleType) for each in ("node", "testing")))

    def test_importing_a_face_imports_nothing_else(self) -> None:
        names = ", ".join(FACES)
        program = (
            f"import sys; old = {{*sys.modules}}; import {names}; print(*{{*sys.modules}} - old)"
        )
        argv = [sys.executable, "-c", program]
        loaded = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
        roots = {each.partition(".")[0] for each in loaded}
        self.assertEqual(roots - sys.stdlib_module_names, {"kadtwisted"})
        ours = {each for each in loaded if each.startswith("kadtwisted")}
        self.assertEqual(ours, {*FACES, "kadtwisted.lazy"})

    def test_the_version_is_a_literal(self) -> None:
        """The build reads it from the source without importing anything."""
        found = [
            ast.literal_eval(each.value)
            for each in source_of("kadtwisted").body
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__version__"
        ]
        self.assertEqual(found, [kadtwisted.__version__])


class CompletenessTests(SynchronousTestCase):
    """Programs find all that a node takes, gives and raises."""

    def assert_public(self, names: set[str]) -> None:
        self.assertGreater(len(names), 4)
        self.assertEqual(names - set(kadtwisted.__all__), set())

    def classes(self, module: ModuleType) -> set[str]:
        return {
            name
            for name, each in vars(module).items()
            if isinstance(each, type) and f"{each.__module__}.".startswith(f"{module.__name__}.")
        }

    def test_every_error(self) -> None:
        for face in FACES:
            for name in import_module(face).__all__:
                getattr(import_module(face), name)
        ours = {
            each.__name__
            for each in descendants(KadtwistedError)
            if each.__module__.startswith("kadtwisted.")
        }
        self.assert_public(ours - ERRORS_OF_OTHERS)

    def test_every_interface(self) -> None:
        ours = {
            name
            for name, each in vars(interfaces).items()
            if isinstance(each, type(Interface)) and each is not Interface
        }
        self.assert_public(ours)

    def test_every_result_and_status(self) -> None:
        self.assert_public(self.classes(results) | self.classes(status))

    def test_every_class_of_settings(self) -> None:
        self.assert_public(self.classes(parameters))


# --- Documents -------------------------------------------------------------------------------

PAGES = (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| [^|\n]+ \| ((?:`\w+`(?:, )?)+) \|$", re.MULTILINE)


def imported(source: str) -> Iterator[str]:
    """The modules of this package from which Python code imports."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    for node in ast.walk(compile(source, "an example", "exec", flags)):
        modules: list[str | None] = []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        yield from (each for each in modules if each and each.split(".")[0] == "kadtwisted")


def listed(page: str, heading: str) -> list[str]:
    """The names in the table of public names below a heading of a page."""
    text = (TOP / "docs" / page).read_text("utf-8")
    section = re.split(r"^## ", text.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [name for row in ROW.findall(section) for name in re.findall(r"\w+", row)]


class DocumentTests(SynchronousTestCase):
    """README and documents teach the faces and nothing behind them."""

    def test_examples_import_from_the_faces_alone(self) -> None:
        found = [
            (page.name, module)
            for page in PAGES
            for source in FENCED.findall(page.read_text("utf-8"))
            for module in imported(source)
        ]
        self.assertGreater(len(found), 8)
        self.assertEqual([each for each in found if each[1] not in FACES], [])

    def test_an_example_that_reaches_behind_a_face_is_found(self) -> None:
        self.assertEqual(
            [*imported("async def f():\n    from kadtwisted.node.node import Node")],
            ["kadtwisted.node.node"],
        )
        self.assertEqual([*imported("import kadtwisted.errors as e")], ["kadtwisted.errors"])

    def test_the_tables_list_every_name_once(self) -> None:
        for face, page, heading in (
            ("kadtwisted", "embedding.md", "The public names"),
            ("kadtwisted.testing", "embedding.md", "Testing your application"),
            ("kadtwisted.simulation", "simulation.md", "From Python"),
        ):
            self.assertEqual(sorted(listed(page, heading)), import_module(face).__all__, face)
