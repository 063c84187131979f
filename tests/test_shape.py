"""The shape of the tree: no circles, short files, small folders, and tests that mirror rooms.

Each rule is a function of names and numbers, and is shown to catch an offender.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from twisted.trial.unittest import SynchronousTestCase

from tests.source_trees import all_imports, sources

MOST_LINES = 400
MOST_FILES = 15

FACES = ("kadtwisted", "kadtwisted.testing", "kadtwisted.simulation")
"""Modules that import others only when they are asked for a name."""

TESTS = ("tests", "long_tests")

OF_THE_WHOLE = ("tests/integration/", "long_tests/integration/")
"""Tests of many rooms at once."""


def graph(files: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Which modules each module imports: at its top, in functions, and for type checkers."""
    trees = {module_of(path): ast.parse(text) for path, text in files}
    return {
        module: sorted({name for each in all_imports(tree) for name in resolved(each, trees)})
        if module not in FACES
        else []
        for module, tree in trees.items()
    }


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def resolved(name: str, modules: Iterable[str]) -> Iterator[str]:
    """The module of a dotted name: the name itself, or what is before its last part."""
    for each in (name, name.rpartition(".")[0]):
        if each in modules:
            yield each
            return


def circles(imports: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The first circle of imports found from each module, as the path around it."""
    found: list[list[str]] = []
    done: dict[str, None] = {}

    def visit(module: str, way: list[str]) -> None:
        if module in way:
            found.append([*way[way.index(module) :], module])
        elif module not in done:
            for other in imports.get(module, ()):
                visit(other, [*way, module])
            done[module] = None

    for module in imports:
        visit(module, [])
    return found


def too_long(lines: Mapping[str, int]) -> list[str]:
    """The files with too many lines."""
    return [path for path, count in lines.items() if count > MOST_LINES]


def crowded(paths: Iterable[str]) -> list[str]:
    """The folders with too many files."""
    files = (PurePosixPath(each) for each in paths)
    counts = Counter(each.parent.as_posix() for each in files if each.name != "__init__.py")
    return sorted(folder for folder, count in counts.items() if count > MOST_FILES)


def homeless(tests: Iterable[str], package: Iterable[str]) -> list[str]:
    """The tests in a folder that is none of the package's."""
    rooms = {PurePosixPath(each).parent.relative_to("kadtwisted").as_posix() for each in package}
    return [
        each
        for each in modules_of_tests(tests)
        if not each.startswith(OF_THE_WHOLE) and folder(each) not in rooms
    ]


def without_quick_ones(slow: Iterable[str], tests: Iterable[str]) -> list[str]:
    """The folders of tests that take long and of no quick ones: a plain run finds nothing there."""
    quick = {folder(each) for each in modules_of_tests(tests)}
    return sorted({folder(each) for each in modules_of_tests(slow)} - quick)


def modules_of_tests(paths: Iterable[str]) -> list[str]:
    return [each for each in paths if PurePosixPath(each).name.startswith("test_")]


def folder(path: str) -> str:
    """Where a file is below its top folder: ``tests/node/port/test_link.py`` -> ``node/port``."""
    return PurePosixPath(*PurePosixPath(path).parts[1:-1]).as_posix()


class TheTree(SynchronousTestCase):
    """The project as it stands."""

    def test_imports_make_no_circle(self) -> None:
        found = graph(sources("kadtwisted"))
        self.assertGreater(sum(map(len, found.values())), 500)
        self.assertEqual(circles(found), [])

    def test_files_are_short(self) -> None:
        lines = {path: text.count("\n") for path, text in sources("kadtwisted", "benchmarks")}
        self.assertEqual(too_long(lines), [])

    def test_folders_are_small(self) -> None:
        paths = [path for path, _ in sources("kadtwisted", "benchmarks", *TESTS)]
        self.assertEqual(crowded(paths), [])

    def test_tests_mirror_rooms(self) -> None:
        package = [path for path, _ in sources("kadtwisted")]
        for top in TESTS:
            tests = [path for path, _ in sources(top)]
            self.assertGreater(len(tests), 20)
            self.assertEqual(homeless(tests, package), [])

    def test_what_takes_long_has_quick_siblings(self) -> None:
        quick, slow = ([path for path, _ in sources(top)] for top in TESTS)
        self.assertEqual(without_quick_ones(slow, quick), [])


class RuleTests(SynchronousTestCase):
    """Each rule catches an offender, and lets its law-abiding neighbour pass."""

    def test_circles(self) -> None:
        straight = {"a": ["b", "c"], "b": ["c"], "c": []}
        self.assertEqual(circles(straight), [])
        self.assertEqual(circles({"a": ["b"], "b": ["c"], "c": ["b"]}), [["b", "c", "b"]])
        self.assertEqual(circles({"a": ["a"]}), [["a", "a"]])

    def test_all_ways_to_import_count(self) -> None:
        files = {
            "kadtwisted/a.py": "import kadtwisted.b",
            "kadtwisted/b.py": "def f():\n    from kadtwisted.c import thing",
            "kadtwisted/c/__init__.py": "if TYPE_CHECKING:\n    from kadtwisted import a",
            "kadtwisted/__init__.py": "from kadtwisted import a",
        }
        found = graph(files.items())
        self.assertEqual(found["kadtwisted.a"], ["kadtwisted.b"])
        self.assertEqual(found["kadtwisted.b"], ["kadtwisted.c"])
        self.assertEqual(found["kadtwisted.c"], ["kadtwisted.a"])
        self.assertEqual(found["kadtwisted"], [])
        (circle,) = circles(found)
        self.assertEqual(len(circle), 4)

    def test_long_files(self) -> None:
        lines = {"kadtwisted/a.py": 400, "kadtwisted/b.py": 401}
        self.assertEqual(too_long(lines), ["kadtwisted/b.py"])

    def test_crowded_folders(self) -> None:
        few = [f"kadtwisted/few/file{number}.py" for number in range(15)]
        many = [f"kadtwisted/many/file{number}.py" for number in range(16)]
        self.assertEqual(crowded([*few, "kadtwisted/few/__init__.py"]), [])
        self.assertEqual(crowded([*few, *many]), ["kadtwisted/many"])

    def test_homeless_tests(self) -> None:
        package = ["kadtwisted/__init__.py", "kadtwisted/node/port/link.py"]
        at_home = ["tests/test_face.py", "tests/node/port/test_link.py", "tests/helpers/one.py"]
        self.assertEqual(homeless([*at_home, "tests/integration/test_x.py"], package), [])
        for each in ("tests/attic/test_x.py", "long_tests/attic/test_x.py"):
            self.assertEqual(homeless([each], package), [each])

    def test_long_tests_without_quick_ones(self) -> None:
        quick = ["tests/node/port/test_link.py", "tests/wire/helpers.py"]
        self.assertEqual(without_quick_ones(["long_tests/node/port/test_x.py"], quick), [])
        self.assertEqual(without_quick_ones(["long_tests/wire/test_x.py"], quick), ["wire"])
