"""A node as a service of another application: on simulated hosts, and with a state directory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial import unittest
from zope.interface.verify import verifyObject

from kadtwisted.api import control_client
from kadtwisted.application.service import NodeService
from kadtwisted.errors import (
    CannotListen,
    ConfigurationError,
    InvalidAddress,
    KadtwistedError,
    NodeStopped,
    StorageError,
)
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.results import BootstrapResult
from kadtwisted.parameters import NodeSettings
from kadtwisted.state.directory import StateDirectory, StateDirectoryInUse
from kadtwisted.state.names import SOCKET_FILE
from kadtwisted.storage.guard import UnsafeFile
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, simulated_world, wait_for
from kadtwisted.wire.cbor import CBORSerializer
from tests.integration.sockets import loopback_socket

FIRST = "192.1.1.1:8000"
KEY = NodeKey.from_seed(bytes(32))


class SlowStorage(MemoryStorage):
    """Opens when the test says so."""

    def __init__(self) -> None:
        super().__init__(100, 100_000)
        self.opening: Deferred[None] = Deferred()

    def open(self) -> Deferred[None]:
        return self.opening


class SimulatedTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.application = MultiService()
        self.application.startService()
        self.addCleanup(lambda: self.wait(self.application.stopService()))

    def wait(self, waiting: Deferred[Any]) -> Any:
        return wait_for(self.clock, waiting)

    def service(self, number: int, **arguments: Any) -> NodeService:
        """A service on the host with this number; its parent is still to be set."""
        host = self.network.host(f"192.1.{number}.1")
        settings = NodeSettings(port=PORT, interfaces=host.addresses)
        world = simulated_world(host, number)
        return NodeService(host, settings, name=f"node {number}", world=world, **arguments)

    def running(self, number: int, **arguments: Any) -> NodeService:
        service = self.service(number, **arguments)
        service.setServiceParent(self.application)
        return service


class NetworkTests(SimulatedTestCase):
    def test_it_is_a_service(self) -> None:
        self.assertTrue(verifyObject(IService, self.service(1)))

    def test_nodes_of_one_application_find_each_other(self) -> None:
        services = [self.running(1), *(self.running(n, bootstrap=FIRST) for n in (2, 3))]
        for service in services[1:]:
            joined = self.wait(service.whenJoined())
            self.assertEqual([str(each.endpoint) for each in joined.answered], [FIRST])
        self.wait(services[1].node.put("name", b"value"))
        self.assertEqual(self.wait(services[2].node.get("name")).value, b"value")
        self.assertEqual(len({service.node.node_id for service in services}), 3)

    def test_services_have_the_names_they_are_given(self) -> None:
        service = self.running(1)
        self.assertIs(self.application.getServiceNamed("node 1"), service)
        self.assertEqual(NodeService(self.clock).name, "kademlia")

    def test_joining_goes_on_until_somebody_answers(self) -> None:
        service = self.running(2, bootstrap=[FIRST])
        joined = service.whenJoined()
        self.clock.advance(90.0)
        self.assertNoResult(joined)
        self.running(1)
        self.assertEqual(self.wait(joined).contacts, 1)

    def test_another_address_to_join_through(self) -> None:
        service = self.running(2, bootstrap="192.1.9.1:8000")
        self.running(1)
        joined = service.whenJoined()
        self.assertRaises(InvalidAddress, service.join, ["nowhere"])
        service.join([FIRST])
        self.assertEqual(self.wait(joined).contacts, 1)

    def test_addresses_that_are_told_before_the_start(self) -> None:
        self.running(1)
        service = self.service(2)
        service.join(FIRST)
        service.setServiceParent(self.application)
        self.assertEqual(self.wait(service.whenJoined()).contacts, 1)

    def test_the_first_of_a_network_has_joined_once_it_serves(self) -> None:
        service = self.service(1)
        joined = service.whenJoined()
        self.assertNoResult(joined)
        service.setServiceParent(self.application)
        self.assertEqual(self.successResultOf(joined), BootstrapResult((), {}, 0))

    def test_there_is_no_node_before_the_start_and_after_the_stop(self) -> None:
        service = self.service(1)
        self.assertRaises(NodeStopped, lambda: service.node)
        service.setServiceParent(self.application)
        self.assertTrue(service.node.status().running)
        self.wait(service.disownServiceParent())
        self.assertRaises(NodeStopped, lambda: service.node)

    def test_who_waits_for_a_service_that_stops(self) -> None:
        service = self.running(2, bootstrap=FIRST)
        joined, other = service.whenJoined(), service.whenJoined()
        other.cancel()
        self.failureResultOf(other, CancelledError)
        self.wait(service.disownServiceParent())
        self.failureResultOf(joined, NodeStopped)

    def test_a_service_that_starts_again_joins_again(self) -> None:
        self.running(1)
        service = self.running(2, bootstrap=FIRST, key=KEY)
        self.wait(service.whenJoined())
        before = service.node
        self.wait(service.disownServiceParent())
        joined = service.whenJoined()
        self.assertNoResult(joined)
        service.setServiceParent(self.application)
        self.assertEqual(self.wait(joined).contacts, 1)
        self.assertIsNot(service.node, before)
        self.assertEqual(service.node.public_key, KEY.public_key)

    def test_without_a_key_each_start_is_another_node(self) -> None:
        service = self.running(1)
        before = service.node.node_id
        self.wait(service.disownServiceParent())
        service.setServiceParent(self.application)
        self.assertNotEqual(service.node.node_id, before)

    def test_a_storage_and_a_serializer_of_ones_own(self) -> None:
        storage = MemoryStorage(10, 10_000)
        serializer = CBORSerializer(lambda key: NodeKey(b"", key).node_id)
        service = self.running(1, storage=storage, serializer=serializer)
        self.wait(service.node.put("name", b"value"))
        self.assertEqual(len(self.wait(storage.page(None, 10))), 1)

    def test_a_storage_that_takes_its_time(self) -> None:
        storage = SlowStorage()
        service = self.running(1, storage=storage)
        joined = service.whenJoined()
        self.assertFalse(service.node.status().running)
        self.assertNoResult(joined)
        storage.opening.callback(None)
        self.successResultOf(joined)
        self.assertTrue(service.node.status().running)

    def test_a_storage_that_fails_after_its_time(self) -> None:
        storage = SlowStorage()
        joined = self.running(1, storage=storage).whenJoined()
        with capturedLogs() as events:
            storage.opening.errback(StorageError("the disk is gone"))
        self.failureResultOf(joined, StorageError)
        told = [formatEvent(each) for each in events if each["log_level"] is LogLevel.error]
        self.assertEqual(told, ["the node could not start: the disk is gone"])

    def test_a_storage_that_opens_after_the_stop(self) -> None:
        storage = SlowStorage()
        service = self.running(1, storage=storage)
        joined = service.whenJoined()
        stopping = service.disownServiceParent()
        storage.opening.callback(None)
        self.wait(stopping)
        self.failureResultOf(joined, NodeStopped)

    def test_a_port_that_is_taken(self) -> None:
        self.running(1)
        second = self.service(1)
        second.name = "another"
        self.assertRaises(CannotListen, second.setServiceParent, self.application)
        self.assertRaises(NodeStopped, lambda: second.node)


class ArgumentTests(unittest.SynchronousTestCase):
    def refused(self, kind: type[KadtwistedError], words: str, **arguments: Any) -> None:
        reactor = arguments.pop("reactor", Clock())
        error = self.assertRaises(kind, NodeService, reactor, **arguments)
        self.assertIn(words, str(error))

    def test_addresses(self) -> None:
        self.refused(InvalidAddress, "'somewhere' is no address", bootstrap="somewhere")
        self.refused(InvalidAddress, "'somewhere' is no address", bootstrap=["somewhere"])
        self.refused(InvalidAddress, "a bootstrap address is a str, not 5", bootstrap=[5])
        self.refused(InvalidAddress, "a list of str, not 5", bootstrap=5)

    def test_names_and_directories(self) -> None:
        self.refused(ConfigurationError, "the name of a service", name="")
        self.refused(ConfigurationError, "the name of a service", name=7)
        self.refused(ConfigurationError, "a state directory is a path, not 7", state_dir=7)
        self.refused(ConfigurationError, "too long", state_dir="/" + "x" * 200)

    def test_storages_and_serializers(self) -> None:
        self.refused(ConfigurationError, "there is no storage called 'tape'", storage="tape")
        self.refused(ConfigurationError, "the storage 'sqlite' must be told", storage="sqlite")
        self.refused(ConfigurationError, "the storage must provide IStorage; 5 does", storage=5)
        self.refused(ConfigurationError, "there is no serializer called 'x'", serializer="x")
        self.refused(ConfigurationError, "the serializer must provide ISerializer", serializer=None)

    def test_keys(self) -> None:
        self.refused(ConfigurationError, "the key of a node is a NodeKey", key=bytes(32))
        self.refused(ConfigurationError, "leave out the key", key=KEY, state_dir="/nowhere")

    def test_settings(self) -> None:
        self.refused(ConfigurationError, "are a NodeSettings, not a str", settings="kad")
        wrong: Any = "8000"
        self.refused(ConfigurationError, "setting port is", settings=NodeSettings(port=wrong))

    def test_reactors(self) -> None:
        self.refused(
            ConfigurationError, "the reactor must provide IReactorTime; None does", reactor=None
        )
        self.refused(ConfigurationError, "the world of a node is a World", world=7)


class StateTests(unittest.TestCase):
    """On the real reactor: with a state directory, and asked through its control socket."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "state"

    def service(self, **arguments: Any) -> NodeService:
        settings = NodeSettings(interfaces=("127.0.0.1",))
        service = NodeService(self.reactor, settings, **{"state_dir": self.path, **arguments})
        self.addCleanup(service.stopService)
        return service

    async def test_identity_and_records_last(self) -> None:
        found = []
        for _ in range(2):
            service = self.service()
            service.startService()
            if not found:
                await service.node.put("name", b"value", keep=True)
            got = await service.node.get("name")
            found.append((service.node.public_key, got.value, service.node.status().own_records))
            await service.stopService()
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0][1:], (b"value", 1))

    async def test_a_path_may_be_text(self) -> None:
        service = self.service(state_dir=str(self.path), storage="memory")
        service.startService()
        self.assertEqual(sorted(each.name for each in self.path.glob("records*")), [])
        self.assertTrue((self.path / "identity.key").exists())

    async def test_kad_can_ask_the_node(self) -> None:
        service = self.service()
        service.startService()
        client = await control_client.connect(self.reactor, self.path / SOCKET_FILE)
        status = await client.perform("status", {})
        client.close()
        self.assertEqual(status["node_id"], f"{service.node.node_id:040x}")

    async def test_a_directory_that_everybody_can_move_away(self) -> None:
        above = self.path.parent / "above"
        above.mkdir()
        above.chmod(0o777)
        with capturedLogs() as logged:
            self.service(state_dir=above / "state", storage="memory").startService()
        said = [formatEvent(each) or "" for each in logged]
        self.assertEqual(sum(f"run: chmod o-w {above}" in each for each in said), 1, said)

    async def test_root_waits_until_it_is_the_directorys_user(self) -> None:
        self.path.mkdir(mode=0o700)
        theirs, geteuid = self.path.stat().st_uid + 1, os.geteuid
        self.patch(os, "geteuid", lambda: 0)
        real = Path.stat

        def stat(path: Path, **how: Any) -> Any:
            found = real(path, **how)
            if path != self.path:
                return found
            return os.stat_result((*found[:4], theirs, *found[5:]))

        service = self.service(storage="memory")
        self.patch(Path, "stat", stat)
        service.privilegedStartService()
        self.assertEqual(list(self.path.iterdir()), [])
        self.assertRaises(NodeStopped, lambda: service.node)
        error = self.assertRaises(UnsafeFile, service.startService)
        self.assertIn("belongs to", str(error))
        self.patch(Path, "stat", real)
        self.patch(os, "geteuid", geteuid)
        service.startService()
        self.assertIn("identity.key", [each.name for each in self.path.iterdir()])

    async def test_without_a_control_socket(self) -> None:
        self.service(control_socket=False).startService()
        self.assertFalse((self.path / SOCKET_FILE).exists())

    async def test_one_process_at_a_time(self) -> None:
        first, second = self.service(), self.service()
        first.startService()
        self.assertRaises(StateDirectoryInUse, second.startService)
        stopping = first.stopService()
        await stopping
        second.startService()

    async def test_a_port_that_is_taken_leaves_nothing_locked(self) -> None:
        taken = loopback_socket(self).getsockname()[1]
        settings = NodeSettings(port=taken, interfaces=("127.0.0.1",))
        service = NodeService(self.reactor, settings, state_dir=self.path)
        self.assertRaises(CannotListen, service.startService)
        directory = StateDirectory(self.path)
        directory.open()
        directory.close()
        await service.stopService()

    async def test_two_in_one_application_and_a_short_lived_reader(self) -> None:
        application = MultiService()
        self.addCleanup(application.stopService)
        application.startService()
        first = self.service(name="first")
        first.setServiceParent(application)
        address = str(first.node.status().links[0].listening)
        reading = NodeSettings(interfaces=("127.0.0.1",), read_only=True)
        reader = NodeService(
            self.reactor,
            reading,
            name="reader",
            state_dir=self.path.with_name("reader"),
            bootstrap=address,
        )
        reader.setServiceParent(application)
        await reader.whenJoined()
        await first.node.put("name", b"value")
        self.assertEqual((await reader.node.get("name")).value, b"value")
        names = {each.name for each in reader_files(self.path.with_name("reader"))}
        self.assertEqual(names, {"identity.key", "lock", "version", SOCKET_FILE})


def reader_files(path: Path) -> list[Path]:
    return list(path.iterdir())
