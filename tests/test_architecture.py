"""Keeps the floor law of ``docs/architecture.md``; every rule is also shown to catch an offender.

These are the rules that one file keeps or breaks; ``test_shape.py`` has those of the whole tree.
They read source text only (``ast``) and import nothing of the package.  The floor law holds for
imports under ``if TYPE_CHECKING:`` too; the other rules are about what exists at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from tests.source_trees import TOP, RulesCase, all_imports, breaches, imports, room_of, sources

PURE_FLOORS = MappingProxyType(
    dict.fromkeys(("", "lazy", "interfaces", "errors", "constants", "parameters", "model"), 0)
    | dict.fromkeys(
        ("wire", "sealing", "identity", "records", "routing", "rpc", "lookup", "upkeep", "nat"), 1
    )
    | {"dialects": 2}
)
FLOORS = PURE_FLOORS | {
    "storage": 2,
    "plugins": 2,
    "state": 3,
    "node": 3,
    "api": 4,
    "settings": 4,
    "application": 5,
    "aio": 6,
    "daemon": 6,
    "web": 5,
    "testing": 7,
    "simulation": 8,
    "cli": 9,
    "__main__": 10,
}

INNER_FLOORS: Mapping[str, Sequence[Sequence[str]]] = MappingProxyType(
    {
        "dialects": (("dialect", "door"), ("native", "mainline")),
        "storage": (
            ("guard",),
            ("belongings", "capacity", "changes", "file_lock", "files", "group_commit", "timeline"),
            ("file_storage", "memory"),
            ("lmdb", "sqlite"),
        ),
        "node": (
            (
                *("arguments", "context", "counters", "names", "network_clock", "observing"),
                *("routes", "world"),
            ),
            ("port", "portmap"),
            ("reaching",),
            ("serving",),
            ("operations",),
            ("bulk", "paths", "upkeep", "watching"),
            ("assembly",),
            ("snapshots",),
            ("life",),
            ("many",),
            ("node",),
        ),
        "daemon": (
            ("exit_status", "pid_file", "reload", "streams", "supervision", "umask", "web_door"),
            ("log_files",),
            ("logs",),
            ("command_line", "service"),
            ("tap",),
        ),
        "web": (
            ("access", "naming", "parameters", "site"),
            ("calls",),
            ("problems",),
            ("forms", "openapi", "routing"),
            ("dashboard", "gateway", "live", "metrics", "node", "opendht", "verbs"),
            ("records",),
            ("index",),
        ),
        "testing": (
            ("contracts", "inspect", "loose_cbor", "network", "node_state"),
            ("nodes", "strategies"),
            ("campaigns",),
            ("attacks", "processes"),
        ),
        "simulation": (
            ("models", "monitor"),
            ("garbage", "scenario"),
            ("results",),
            ("pictures", "population"),
            ("experiments",),
            ("sweeps",),
        ),
        "cli": (
            ("export_file", "limits", "parser", "text"),
            ("session", "streams"),
            ("exit_codes", "own_node"),
            ("performing", "reactor_run"),
            ("verb_table",),
            ("announcing_verbs",),
            ("record_verbs",),
            ("arguments",),
            ("verbs",),
            ("main", "manual"),
        ),
    }
)
"""The floors inside of rooms that have rooms of their own, the lowest first; files count, too."""

FACES = ("kadtwisted/__init__.py",)
"""Files that name, for type checkers, what is above them: that is what they are for."""

INSPECTOR = "kadtwisted/testing/inspect.py"
"""The file that may read what a node keeps to itself."""

NAMED_TUPLE = ("_asdict", "_fields", "_make", "_replace")
"""Public names of every named tuple, in spite of their underscores."""
WITHOUT_PUBLIC_NAME = MappingProxyType(
    {
        "os": ("_exit",),
        "parser": ("_actions",),
        "each": ("_actions",),
        "verb": ("_actions",),
        "argparse": ("_AppendAction", "_SubParsersAction"),
    }
)
"""What the standard library offers under no other name: how a parser lists its options."""


def floor_law(path: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(path)
    for name in all_imports(tree) if path not in FACES else ():
        if name.startswith("."):
            yield f"relative import {name}"
        if name.split(".")[0] != "kadtwisted":
            continue
        other = next((part for part in name.split(".")[1:2] if part in FLOORS), "")
        if FLOORS[other] and other != room and FLOORS[other] >= FLOORS[room]:
            yield f"floor {FLOORS[room]} imports {name} of floor {FLOORS[other]}"


def inner_floor_law(path: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(path)
    floors = INNER_FLOORS.get(room)
    own = inner_room(path.removesuffix(".py").replace("/", "."))
    if floors is None or own in ("", "__init__", "__main__"):
        return
    heights = {name: height for height, names in enumerate(floors) for name in names}
    if own not in heights:
        yield f"no floor inside of {room} is named for {own}"
        return
    for name in all_imports(tree):
        other = inner_room(name) if name.startswith(f"kadtwisted.{room}.") else ""
        if heights.get(other, 0) > heights[own]:
            yield f"{own} imports {name}, which is above it in {room}"


def inner_room(name: str) -> str:
    """The sub-room or file of a room: ``kadtwisted.node.port.link`` -> ``port``; else empty."""
    parts = name.split(".")
    return parts[2] if len(parts) > 2 else ""


def faces(path: str, tree: ast.Module) -> Iterator[str]:
    """The public names of the package are for others: behind them one room knows another."""
    for name, _ in imports(tree):
        top, _, rest = name.partition(".")
        if top == "kadtwisted" and rest.split(".")[0] not in ("__version__", *FLOORS):
            yield f"imports the public name {name}; import it from its room"


def private_names(path: str, tree: ast.Module) -> Iterator[str]:
    """Private attributes of objects that another module's classes made."""
    if path == INSPECTOR:
        return
    own = {name for node in ast.walk(tree) for name in bound_names(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            owner = ast.unparse(node.value)
            if owner in ("self", "cls", "super()") or node.attr in NAMED_TUPLE:
                continue
            if node.attr not in WITHOUT_PUBLIC_NAME.get(owner, ()):
                yield f"touches the private {owner}.{node.attr}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def bound_names(node: ast.AST) -> Iterator[str]:
    """The names that a statement defines, as an attribute of ``self`` or by itself."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif (
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) in ("self", "cls")
    ):
        yield node.attr


def known_room(path: str, tree: ast.Module) -> Iterator[str]:
    if room_of(path) not in FLOORS:
        yield f"no floor is named for the room {room_of(path)}"


FLOOR_RULES = (floor_law, inner_floor_law, faces)


class TheHouse(RulesCase):
    """The package as it stands."""

    def test_every_file_keeps_the_law(self) -> None:
        files = list(sources("kadtwisted"))
        self.assertGreater(len(files), 20)
        unknown = [each for path, _ in files for each in breaches([known_room], path, "")]
        self.assertEqual(unknown, [])
        found = [each for path, text in files for each in breaches(FLOOR_RULES, path, text)]
        self.assertEqual(found, [])

    def test_only_the_inspector_reads_what_others_keep_to_themselves(self) -> None:
        found = [
            each
            for path, text in sources("kadtwisted", "benchmarks")
            for each in breaches([private_names], path, text)
        ]
        self.assertEqual(found, [])

    def test_nothing_claims_the_namespace_of_twisted(self) -> None:
        """An ``__init__.py`` there would hide Twisted's own plugins, or Twisted itself."""
        files = sorted(file.name for file in (TOP / "twisted").rglob("*.py"))
        self.assertEqual(files, ["kademlia_plugin.py"])


class FloorTests(RulesCase):
    rules = FLOOR_RULES

    def test_rooms_import_downwards_only(self) -> None:
        self.caught(
            "kadtwisted/model/ids.py",
            "import kadtwisted.wire.cbor",
            "from kadtwisted import node",
            "def f():\n    from kadtwisted.node.node import Node",
            "from .contact import Contact",
        )
        self.free(
            "kadtwisted/model/ids.py",
            "from kadtwisted.errors import LocalError",
            "from kadtwisted import __version__",
            "if TYPE_CHECKING:\n    from kadtwisted.model.status import NodeStatus",
        )
        self.free("kadtwisted/node/node.py", "from kadtwisted.rpc.tokens import Tokens")
        self.free("kadtwisted/cli/main.py", "from kadtwisted.node.node import Node")

    def test_floor_one_rooms_do_not_know_each_other(self) -> None:
        self.caught("kadtwisted/wire/cbor.py", "from kadtwisted.sealing.box import BoxSealer")
        self.caught(
            "kadtwisted/storage/sqlite/backend.py", "from kadtwisted.dialects import native"
        )
        self.free("kadtwisted/wire/cbor.py", "from kadtwisted.wire import strict_scan")

    def test_the_house_does_not_lean_on_its_scaffold(self) -> None:
        for side in ("testing", "simulation"):
            self.caught("kadtwisted/daemon/tap.py", f"import kadtwisted.{side}.clock")
            self.free("kadtwisted/cli/main.py", f"def f():\n    import kadtwisted.{side}.clock")
        self.free(
            "kadtwisted/testing/network/network.py",
            "from kadtwisted.testing.network.clock import HeapClock",
        )

    def test_public_names_are_for_others(self) -> None:
        self.caught("kadtwisted/cli/main.py", "from kadtwisted import Node")
        self.free("kadtwisted/cli/main.py", "from kadtwisted import __version__, errors")

    def test_an_unknown_room_needs_a_floor(self) -> None:
        self.assertEqual(len(breaches([known_room], "kadtwisted/attic/box.py", "")), 1)
        self.assertEqual(breaches([known_room], "kadtwisted/model/box.py", ""), [])
        self.caught("kadtwisted/node/attic/box.py", "")
        self.free("kadtwisted/node/port/box.py", "")

    def test_rooms_within_a_room_have_floors(self) -> None:
        self.caught(
            "kadtwisted/node/port/link.py",
            "from kadtwisted.node.operations.values import Values",
            "import kadtwisted.node.node",
            "def f():\n    from kadtwisted.node.assembly import assemble",
            "if TYPE_CHECKING:\n    from kadtwisted.node.serving import handlers",
        )
        self.free(
            "kadtwisted/node/port/link.py",
            "from kadtwisted.node.port.requests import Requests",
            "from kadtwisted.node.world import World",
        )
        self.free("kadtwisted/node/node.py", "from kadtwisted.node.upkeep import maintenance")

    def test_what_type_checkers_read_has_floors_too(self) -> None:
        self.caught(
            "kadtwisted/interfaces/node.py",
            "if TYPE_CHECKING:\n    from kadtwisted.node.node import Node",
        )
        self.caught(
            "kadtwisted/wire/cbor.py",
            "if typing.TYPE_CHECKING:\n    from kadtwisted.sealing.box import BoxSealer",
        )
        above = "if TYPE_CHECKING:\n    from kadtwisted.node.node import Node"
        self.free("kadtwisted/__init__.py", above)


class PrivateNameTests(RulesCase):
    rules = (private_names,)

    def test_what_another_module_keeps_to_itself(self) -> None:
        self.caught(
            "kadtwisted/simulation/population/population.py",
            "node._maintenance.stop()",
            "def f(node):\n    return node._links",
            "protocol._handle = None",
            "protocol._handle.__self__",
            "from os import path\npath._joinrealpath()",
        )
        self.free(
            "kadtwisted/simulation/population/population.py",
            "class A:\n    def __init__(self):\n        self._x = 1\n\n"
            "    def same(self, other):\n        return self._x == other._x",
            "class B(A):\n    def f(self):\n        return self._x + super()._g()",
            "row._replace(x=1)",
            "import os\nos._exit(1)",
            "x.__class__",
        )
        self.free(INSPECTOR, "node._maintenance")
