"""Keeps the rules on state, order and contacts with the world; each is shown to catch an offender.

They are about what exists at run time, so imports under ``if TYPE_CHECKING:`` are free.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import MappingProxyType

from tests.source_trees import RulesCase, breaches, imports, room_of, sources, walk
from tests.test_architecture import FLOORS, PURE_FLOORS

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


RULES = (purity, set_iteration, global_reactor, module_state)


class PurityTests(RulesCase):
    rules = RULES

    def test_every_file_keeps_the_rules(self) -> None:
        found = [
            each for path, text in sources("kadtwisted") for each in breaches(RULES, path, text)
        ]
        self.assertEqual(found, [])

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
        self.caught(
            "kadtwisted/dialects/native/door.py", "from twisted.internet.defer import succeed"
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
