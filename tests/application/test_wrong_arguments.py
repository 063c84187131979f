"""Whatever wrong thing a program hands to a public function ends in the tree of errors, with a
sentence that names the argument and what is wanted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import fields, replace
from math import nan
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import kadtwisted as kt
from kadtwisted import aio
from kadtwisted.testing import (
    Conditions,
    HeapClock,
    Network,
    Swarm,
    simulated_node,
    simulated_world,
    wait_for,
)

NO_PATHS: tuple[Any, ...] = (5, None, True, ["."], nan, "a\0b")
NO_STR: tuple[Any, ...] = (5, None, True, b"x", [["x"]], nan)
NO_BYTES: tuple[Any, ...] = ("x" * 20, 5, None, True, [["x"]], nan)
NO_KEYS: tuple[Any, ...] = (5, None, True, b"x", "", [["x"]], nan, "\ud800", bytearray(20))
NO_NUMBER: tuple[Any, ...] = (-1, nan, "5", True, b"5", [[5]], {}, 10**5000)
NO_FLAG: tuple[Any, ...] = (0, 1, "yes", b"", [[True]], nan)
NO_ADDRESS: tuple[Any, ...] = (5, None, True, b"127.0.0.1:1", "127.0.0.1", [["a:1"]], nan)
NO_ID: tuple[Any, ...] = (-1, 1 << 160, True, "0" * 40, bytes(20), None, [[1]], 1.0)
NO_PART: tuple[Any, ...] = ("x", 5, True, [["x"]], b"x", nan)


class Call:
    """Calls a function with each wrong value; the words must be in what it raises."""

    def __init__(self, words: str, wrong: tuple[Any, ...], call: Callable[[Any], Any]) -> None:
        self.words, self.wrong, self.call = words, wrong, call


def functions() -> list[Call]:
    contact = kt.Contact.at(kt.NodeID(5), kt.Endpoint("192.0.2.1", 80), bytes(32))
    return [
        Call("an identity key", NO_PART, kt.NodeKey.from_seed),
        Call("as os.urandom", (bytes(32), 5, None), kt.NodeKey.generate),
        Call("key", (lambda n: "x" * n, lambda n: b"x"), kt.NodeKey.generate),
        Call("seed", NO_BYTES, lambda wrong: kt.NodeKey(wrong, bytes(32))),
        Call("public key", NO_BYTES, lambda wrong: kt.NodeKey(bytes(32), wrong)),
        Call("public key", NO_BYTES, kt.node_id_of),
        Call("", NO_STR, kt.key_of_name),
        Call("ID", NO_BYTES, kt.id_from_bytes),
        Call("ID", (*NO_STR, "xy", "0" * 39), kt.id_from_hex),
        Call("ID", (-1, 1 << 160, "x", None, b"x"), kt.id_to_bytes),
        Call("ID", ("x", None, b"x", [[1]]), lambda wrong: kt.distance(wrong, kt.NodeID(1))),
        Call("ID", ("x", None, b"x", [[1]]), lambda wrong: kt.distance(kt.NodeID(1), wrong)),
        Call("", NO_ADDRESS, kt.parse_address),
        Call("", NO_PART, lambda wrong: kt.Contact.at(kt.NodeID(5), wrong)),
        Call("key", ("x", 5), lambda wrong: kt.Contact.at(kt.NodeID(5), contact.endpoint, wrong)),
        Call("storage", NO_NUMBER[:-1], lambda wrong: kt.MemoryStorage(wrong, 1)),
        Call("storage", NO_NUMBER[:-1], lambda wrong: kt.MemoryStorage(1, wrong)),
        Call("path", NO_PATHS, kt.StateDirectory),
        Call("path", NO_PATHS, lambda wrong: kt.SQLiteStorage(wrong, CONTEXT)),
        Call("context", NO_PART, lambda wrong: kt.SQLiteStorage("records", wrong)),
        Call("swarm", NO_NUMBER[:-1], Swarm),
        Call("swarm", (nan, "5", True, None), lambda wrong: Swarm(1, wrong)),
        Call("no setting 'colour'", (1,), lambda wrong: Swarm(1, colour=wrong)),
        Call("", NO_NUMBER, lambda wrong: Conditions(loss=wrong)),
        Call("", NO_NUMBER[:-1], lambda wrong: Conditions(latency=wrong)),
        Call("address", NO_STR, lambda wrong: Network(HeapClock()).host(wrong)),
        Call("Deferred", NO_PART, lambda wrong: wait_for(HeapClock(), wrong)),
        Call("node", NO_PART, lambda wrong: Swarm(1).host_of(wrong)),
        Call("node", NO_PART, lambda wrong: Swarm(1).address_of(wrong)),
        Call("settings", NO_PART, lambda wrong: simulated_node(a_host(), 1, wrong)),
        Call("INode", NO_PART, aio.AsyncNode),
        Call("Deferred", NO_PART, lambda wrong: asyncio.run(aio.wait(wrong))),
        Call("reactor", NO_PART, lambda wrong: kt.Node(wrong, kt.NodeSettings(), KEY)),
    ]


CONTEXT = kt.StorageContext(Clock(), lambda: 0.0, lambda: 0.0, None, 10, 1000)
KEY = kt.NodeKey.from_seed(bytes(32))


def a_host() -> Any:
    return Network(HeapClock()).host("192.0.2.1")


def node_arguments() -> list[Call]:
    def made(**given: Any) -> kt.Node:
        return kt.Node(Clock(), kt.NodeSettings(), KEY, **given)

    calls = [
        Call(name, NO_PART, lambda wrong, name=name: made(**{name: wrong}))
        for name in ("storage", "serializer", "sockets")
    ]
    calls.append(Call("node state", NO_PART, lambda wrong: made(state=wrong)))
    calls.append(Call("world", NO_PART, lambda wrong: made(world=wrong)))
    world = kt.World(*(lambda *_: None,) * 4, None)  # type: ignore[arg-type]
    for name in ("now", "unix_time", "resolve", "secure_random"):
        calls.append(
            Call(
                name, NO_PART, lambda wrong, name=name: made(world=replace(world, **{name: wrong}))
            )
        )
    return calls


def service_arguments() -> list[Call]:
    def made(**given: Any) -> kt.NodeService:
        return kt.NodeService(Clock(), **given)

    no_names = [each for each in NO_PART if not isinstance(each, str)]
    return [
        Call("settings", NO_PART, lambda wrong: made(settings=wrong)),
        Call("name", (*no_names, "", None), lambda wrong: made(name=wrong)),
        Call("path", (5, True, ["."], nan, "a\0b"), lambda wrong: made(state_dir=wrong)),
        Call("address", NO_ADDRESS, lambda wrong: made(bootstrap=wrong)),
        Call("address", NO_ADDRESS, lambda wrong: made(bootstrap=[wrong])),
        Call("key", NO_PART, lambda wrong: made(key=wrong)),
        Call("storage", NO_PART, lambda wrong: made(storage=wrong)),
        Call("serializer", (*NO_PART, None), lambda wrong: made(serializer=wrong)),
        Call("control_socket", (*NO_FLAG, None), lambda wrong: made(control_socket=wrong)),
        Call("world", NO_PART, lambda wrong: made(world=wrong)),
        Call("reactor", (*NO_PART, None), kt.NodeService),
        Call("address", NO_ADDRESS, lambda wrong: made().join(wrong)),
    ]


def operations(node: Any) -> list[Call]:
    put, record = node.put, node.put_record
    return [
        Call("key", NO_KEYS, node.get),
        Call("mode", ("last", 5, ["first"]), lambda wrong: node.get("k", mode=wrong)),
        Call("key", NO_KEYS, lambda wrong: put(wrong, b"v")),
        Call("value", NO_BYTES, lambda wrong: put("k", wrong)),
        Call("lifetime", (0, *NO_NUMBER), lambda wrong: put("k", b"v", lifetime=wrong)),
        Call("keep", (*NO_FLAG, None), lambda wrong: put("k", b"v", keep=wrong)),
        Call("key", NO_KEYS, node.delete),
        Call("record", (*NO_BYTES, b""), record),
        Call("lifetime", (0, *NO_NUMBER), lambda wrong: record(b"x", lifetime=wrong)),
        Call("keep", (*NO_FLAG, None), lambda wrong: record(b"x", keep=wrong)),
        Call("cas", (1 << 63, *NO_NUMBER), lambda wrong: record(b"x", cas=wrong)),
        Call("kind", (256, None, *NO_NUMBER), lambda wrong: node.collect(wrong, "k")),
        Call("key", NO_KEYS, lambda wrong: node.collect(1, wrong)),
        Call("key", NO_KEYS, node.announce),
        Call("port", (0, 65536, *NO_NUMBER), lambda wrong: node.announce("k", port=wrong)),
        Call("attributes", NO_BYTES, lambda wrong: node.announce("k", attributes=wrong)),
        Call("lives for", (59, 1.5), lambda wrong: node.announce("k", lifetime=wrong)),
        Call("lifetime", (0, 7201, *NO_NUMBER), lambda wrong: node.announce("k", lifetime=wrong)),
        Call("key", NO_KEYS, node.withdraw),
        Call("key", NO_KEYS, node.providers),
        Call("limit", (0, *NO_NUMBER), lambda wrong: node.providers("k", wrong)),
        Call("after", (*NO_PART, (1, 2, b"")), lambda wrong: node.records(wrong, 1)),
        Call("limit", (0, None, *NO_NUMBER), lambda wrong: node.records(None, wrong)),
        Call("ID", NO_ID, node.find_node),
        Call("address", NO_ADDRESS, node.ping),
        Call("address", NO_ADDRESS, node.bootstrap),
        Call("address", NO_ADDRESS, lambda wrong: node.bootstrap([wrong])),
    ]


class WrongArgumentTests(SynchronousTestCase):
    def refusals(self, calls: list[Call]) -> None:
        for number, each in enumerate(calls):
            for wrong in each.wrong:
                # Not subTest: trial has none.  The message says which case it was.
                case = f"case {number} ({each.words}): {type(wrong).__name__}"
                try:
                    result = each.call(wrong)
                    if isinstance(result, Deferred):
                        result = self.failureResultOf(result).value
                        raise result
                except kt.LocalError as error:
                    said = str(error)
                    self.assertIn(each.words, said, case)
                    self.assertLess(len(said), 400, case)
                    self.assertGreater(len(said), 10, case)
                except Exception as error:
                    self.fail(f"{case}: {error!r}")
                else:
                    self.fail(f"{case}: taken, {result!r}")

    def test_functions(self) -> None:
        self.refusals(functions())

    def test_nodes(self) -> None:
        self.refusals(node_arguments())

    def test_services(self) -> None:
        self.refusals(service_arguments())

    def test_operations(self) -> None:
        swarm = Swarm(2)
        self.addCleanup(swarm.stop)
        self.refusals(operations(swarm.nodes[1]))

    def test_settings(self) -> None:
        """Each setting, and each of the settings in its parts; a number is held to its least."""
        defaults = kt.NodeSettings()
        for each in fields(defaults):
            wrongs: list[Any] = [{}, [["x"]], nan, object()]
            if each.name == "interfaces":
                wrongs += ["127.0.0.1", (b"127.0.0.1",), (), ("nonsense",)]
            if each.name == "allow":
                wrongs += ["10.0.0.0/8", (b"10.0.0.0/8",), ("nonsense",)]
            if each.name == "agent":
                wrongs += ["x" * 100, "\u00e4" * 40, "a\nb", "\ud800"]
            if each.name == "network":
                wrongs += ["", "x" * 300, None, b"kad", "mainline"]
            if each.name == "network_secrets":
                wrongs += [b"secret", ("secret",), (b"",)]
            if each.name == "port":
                wrongs += [-1, 65536, True, "8000"]
            if each.name == "sealer":
                wrongs += ["none", b"box", None]
            call = Call(
                each.name.partition("_")[0].removesuffix("s"),
                tuple(wrongs),
                lambda wrong, name=each.name: kt.Node(
                    Clock(), replace(defaults, **{name: wrong}), KEY
                ),
            )
            self.refusals([call])

    def test_parts_of_settings(self) -> None:
        defaults = kt.NodeSettings()
        for part in ("parameters", "timeouts", "limits", "bounds", "upkeep"):
            inner = getattr(defaults, part)
            for each in fields(inner):
                # True is 1 where that is the default, and does what the default does.
                truth = () if getattr(inner, each.name) == 1 else (True,)
                call = Call(
                    f"{part}.{each.name}",
                    (-1, nan, "5", b"5", [[5]], None, *truth),
                    lambda wrong, part=part, name=each.name, inner=inner: kt.Node(
                        Clock(), replace(defaults, **{part: replace(inner, **{name: wrong})}), KEY
                    ),
                )
                self.refusals([call])

    def test_no_secret_is_shown(self) -> None:
        secret = b"s3cret"
        for wrong in (secret, (secret.decode(),), [[secret]]):
            settings: Any = replace(kt.NodeSettings(), network_secrets=wrong)
            error = self.assertRaises(kt.ConfigurationError, kt.Node, Clock(), settings, KEY)
            self.assertNotIn("s3cret", str(error))
        wrong_key: Any = secret
        error = self.assertRaises(kt.IdentityError, kt.NodeKey.from_seed, wrong_key)
        self.assertNotIn("s3cret", str(error))


class ReprTests(SynchronousTestCase):
    def test_who_a_node_is(self) -> None:
        swarm = Swarm(2, seed=3)
        node = swarm.nodes[1]
        self.assertEqual(
            repr(node), f"<Node {node.node_id:040x} serving at {swarm.address_of(node)}>"
        )
        swarm.stop()
        self.assertEqual(repr(node), f"<Node {node.node_id:040x} stopped>")

    def test_who_a_service_is(self) -> None:
        service = kt.NodeService(a_host(), state_dir="/srv/n", name="fleet")
        self.assertEqual(repr(service), "<NodeService 'fleet' stopped in '/srv/n'>")
        clock = HeapClock()
        host: Any = Network(clock).host("192.0.2.1")
        settings = kt.NodeSettings(interfaces=host.addresses, port=8000)
        service = kt.NodeService(host, settings, key=KEY, world=simulated_world(host, 1))
        service.startService()
        self.assertEqual(repr(service), f"<NodeService 'kademlia' {service.node!r}>")
        wait_for(clock, service.stopService())

    def test_a_key_shows_no_secret(self) -> None:
        key = kt.NodeKey.generate(os.urandom)
        self.assertEqual(repr(key), f"<NodeKey {key.public_key.hex()}>")
        self.assertNotIn(key.seed.hex(), repr(key))

    def test_settings_show_what_is_not_the_default(self) -> None:
        settings = kt.NodeSettings(
            port=8000, network_secrets=(b"s3cret",), bounds=kt.Bounds(secrets=5)
        )
        self.assertEqual(
            repr(settings),
            "NodeSettings(port=8000, network_secrets=<hidden>, bounds=Bounds(secrets=5))",
        )
        self.assertEqual(repr(kt.NodeSettings()), "NodeSettings()")
