"""Keeps the floor law of ``docs/architecture.md``; every rule is also shown to catch an offender.

Reads source text only (``ast``), imports nothing of the package.  What stands under
``if TYPE_CHECKING:`` does not exist at run time and is free, whatever it imports.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from twisted.trial.unittest import SynchronousTestCase

TOP = Path(__file__).parent.parent

PURE_FLOORS = MappingProxyType(
    dict.fromkeys(("", "lazy", "interfaces", "errors", "parameters", "model"), 0)
    | dict.fromkeys(
        ("wire", "sealing", "identity", "records", "routing", "rpc", "lookup", "upkeep"), 1
    )
)
FLOORS = PURE_FLOORS | {
    "dialects": 2,
    "storage": 2,
    "plugins": 2,
    "state": 3,
    "node": 3,
    "api": 4,
    "settings": 4,
    "nat": 5,
    "application": 5,
    "daemon": 6,
    "web": 6,
    "testing": 7,
    "simulation": 8,
    "cli": 9,
    "__main__": 10,
}

IMPURE = frozenset(("asyncio", "logging", "random", "secrets", "socket", "threading", "time"))
LIBRARIES = MappingProxyType(
    {"wire": ("cbor2",), "sealing": ("nacl",), "identity": ("nacl",), "records": ("nacl",)}
)
MUTABLE_CALLS = (
    *("list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"),
    *("WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "count", "cycle", "Random", "local"),
)
MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
TWISTED_OPTIONS = ("optFlags", "optParameters", "subCommands", "compData")
ORDER_KEEPERS = ("list", "tuple", "iter", "enumerate", "next", "reversed")


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
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((f"{base}.{alias.name}", inside) for alias in node.names)


def floor_law(path: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(path)
    for name, _ in imports(tree):
        if name.startswith("."):
            yield f"relative import {name}"
        if name.split(".")[0] != "kadtwisted":
            continue
        other = next((part for part in name.split(".")[1:2] if part in FLOORS), "")
        if FLOORS[other] and other != room and FLOORS[other] >= FLOORS[room]:
            yield f"floor {FLOORS[room]} imports {name} of floor {FLOORS[other]}"


def faces(path: str, tree: ast.Module) -> Iterator[str]:
    """The public names of the package are for others: behind them one room knows another."""
    for name, _ in imports(tree):
        top, _, rest = name.partition(".")
        if top == "kadtwisted" and rest.split(".")[0] not in ("__version__", *FLOORS):
            yield f"imports the public name {name}; import it from its room"


def purity(path: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(path)
    if room not in PURE_FLOORS:
        return
    known = sys.stdlib_module_names | {"", "kadtwisted", "zope", *LIBRARIES.get(room, ())}
    for name, _ in imports(tree):
        root = name.split(".")[0]
        if root in IMPURE or root not in known or name == "os.urandom":
            yield f"pure room imports {name}"
    for node, _ in walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.urandom":
            yield "pure room calls os.urandom"


def set_iteration(path: str, tree: ast.Module) -> Iterator[str]:
    """Loops over what is plainly a set, or over a name that the file binds to one."""
    if FLOORS[room_of(path)] > FLOORS["node"]:
        return
    names = {name for node, _ in walk(tree) for name in set_names(node)}
    for node, _ in walk(tree):
        for each in iterated(node):
            if is_set(each) or ast.unparse(each) in names:
                yield f"iterates over the set {ast.unparse(each)}"


def set_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign) and is_set(node.value):
        yield from (ast.unparse(target) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and is_set_type(node.annotation):
        yield ast.unparse(node.target)


def is_set_type(annotation: ast.expr) -> bool:
    return ast.unparse(annotation).startswith(("set", "frozenset"))


def iterated(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions whose order matters to ``node``; ``sorted``, ``len`` and ``in`` are free."""
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.iter
    elif isinstance(node, ast.Starred):
        yield node.value
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ORDER_KEEPERS:
        yield from node.args[:1]


def is_set(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return is_set(node.left) or is_set(node.right)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("set", "frozenset")
    return isinstance(node, (ast.Set, ast.SetComp))


def global_reactor(path: str, tree: ast.Module) -> Iterator[str]:
    allowed = path == "kadtwisted/daemon/tap.py" or room_of(path) == "cli"
    for name, inside in imports(tree):
        if name.startswith("twisted.internet.reactor") and not (allowed and inside):
            yield "imports the global reactor"
    for node, inside in walk(tree):
        used = isinstance(node, ast.Attribute) and ast.unparse(node) == "twisted.internet.reactor"
        if used and not (allowed and inside):
            yield "uses the global reactor"


def module_state(path: str, tree: ast.Module) -> Iterator[str]:
    """Mutable objects bound once per process: in a module, in a class body, or by ``global``."""
    if room_of(path) == "plugins":
        return
    for node, inside in walk(tree):
        if isinstance(node, ast.Global):
            yield f"global {', '.join(node.names)}"
        if inside or not isinstance(node, (ast.Assign, ast.AnnAssign)) or not node.value:
            continue
        target = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        if is_mutable(node.value) and target not in ("__all__", "__slots__", *TWISTED_OPTIONS):
            yield f"mutable state {target}"


def is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).split(".")[-1] in MUTABLE_CALLS
    return isinstance(value, MUTABLE_DISPLAYS)


RULES = (floor_law, faces, purity, set_iteration, global_reactor, module_state)


def violations(path: str, source: str) -> list[str]:
    """Every breach of the law in one file, as sentences; ``path`` is relative to the project."""
    if room_of(path) not in FLOORS:
        return [f"{path}: no floor is named for the room {room_of(path)}"]
    tree = ast.parse(source)
    return [f"{path}: {message}" for rule in RULES for message in rule(path, tree)]


class TheHouse(SynchronousTestCase):
    """The package as it stands."""

    def test_every_file_keeps_the_law(self) -> None:
        files = sorted((TOP / "kadtwisted").rglob("*.py"))
        self.assertGreater(len(files), 20)
        found = [
            message
            for file in files
            for message in violations(file.relative_to(TOP).as_posix(), file.read_text("utf-8"))
        ]
        self.assertEqual(found, [])

    def test_nothing_claims_the_namespace_of_twisted(self) -> None:
        """An ``__init__.py`` there would hide Twisted's own plugins, or Twisted itself."""
        files = sorted(file.name for file in (TOP / "twisted").rglob("*.py"))
        self.assertEqual(files, ["kademlia_plugin.py"])


class TheLaw(SynchronousTestCase):
    """Each rule catches an offender, and lets its law-abiding neighbour pass."""

    def caught(self, path: str, *sources: str) -> None:
        for source in sources:
            self.assertEqual(len(violations(path, source)), 1, f"{path} with:\n{source}")

    def free(self, path: str, *sources: str) -> None:
        for source in sources:
            self.assertEqual(violations(path, source), [], f"{path} with:\n{source}")

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
        self.caught("kadtwisted/attic/box.py", "")

    def test_pure_rooms_touch_no_world(self) -> None:
        self.caught(
            "kadtwisted/routing/table.py",
            "from twisted.internet.defer import Deferred",
            "import time",
            "import socket",
            "import asyncio",
            "import logging",
            "from random import Random",
            "from os import urandom",
            "import os\nos.urandom(8)",
            "import cbor2",
        )
        self.free("kadtwisted/wire/cbor.py", "import cbor2\nimport struct")
        self.free("kadtwisted/node/node.py", "import time\nfrom twisted.python import log")
        self.free(
            "kadtwisted/routing/table.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from random import Random",
            "from zope.interface import implementer",
        )

    def test_no_order_is_taken_from_a_set(self) -> None:
        self.caught(
            "kadtwisted/lookup/shortlist.py",
            "for x in {1, 2}: pass",
            "for x in set(y): pass",
            "for x in set(y) - z: pass",
            "[x for x in frozenset(y)]",
            "list({x for x in y})",
            "f(*set(y))",
            "def f(self):\n    self.s: set[int] = g()\n    for x in self.s: pass",
            "def f():\n    s = set()\n    return tuple(s)",
        )
        self.free("kadtwisted/cli/main.py", "for x in {1, 2}: pass")
        self.free(
            "kadtwisted/lookup/shortlist.py",
            "for x in sorted(set(y)): pass",
            "def f(s: set[int]): return 3 in s",
            "for x in [1, 2]: pass",
        )

    def test_the_global_reactor_stays_at_the_street_doors(self) -> None:
        inside = "def f():\n    from twisted.internet import reactor"
        self.caught("kadtwisted/node/node.py", inside, "from twisted.internet import reactor")
        self.caught(
            "kadtwisted/daemon/tap.py",
            "from twisted.internet import reactor",
            "import twisted.internet.reactor",
            "import twisted.internet\nr = twisted.internet.reactor",
        )
        self.free("kadtwisted/daemon/tap.py", inside)
        self.free("kadtwisted/cli/main.py", inside)

    def test_a_hundred_thousand_nodes_share_no_state(self) -> None:
        self.caught(
            "kadtwisted/rpc/limits.py",
            "cache = {}",
            "seen: list[int] = []",
            "pending = dict()",
            "if True:\n    known = set()",
            "queue = collections.deque()",
            "class A:\n    shared = {}",
            "def f():\n    global count\n    count = 1",
        )
        self.free("kadtwisted/plugins/__init__.py", "made = []")
        self.free(
            "kadtwisted/rpc/limits.py",
            '__all__ = ["Limits"]',
            "TABLE = MappingProxyType({1: 2})",
            "NAMES = (1, 2)",
            "def f():\n    mine = {}",
            "class A:\n    items: list[int] = field(default_factory=list)",
        )
