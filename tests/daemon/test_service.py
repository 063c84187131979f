"""One node as one service: what is opened, in which order, and that nothing is left open."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial import unittest

from kadtwisted.api import control
from kadtwisted.application.home import Randomness
from kadtwisted.daemon.service import STOP_WITHIN, SupervisedNode, Supervision
from kadtwisted.daemon.supervision.port_watch import GIVE_UP_AFTER
from kadtwisted.errors import BootstrapFailed, CannotListen, LocalError, NodeStopped, StorageError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.health import Health
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.state.directory import StateDirectory, StateDirectoryInUse
from tests.daemon.fakes import JOINED, KEY, FakeNode, a_status
from tests.daemon.supervision.test_reporter import RecordingNotifier

ADDRESSES = ("192.0.2.7:8000",)


def lines(events: Sequence[LogEvent], namespace: str) -> list[str | None]:
    """What was logged in one namespace and those below it."""
    return [formatEvent(e) for e in events if e["log_namespace"].startswith(namespace)]


class FakePort:
    def __init__(self, events: list[str]) -> None:
        self._events = events

    def stopListening(self) -> Deferred[None]:
        self._events.append("control closed")
        return succeed(None)


class FakeReactor(Clock):
    """Timers, and Unix ports that remember what happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def listenUNIX(self, path: str, factory: control.ControlFactory, mode: int) -> FakePort:
        self.events.append("control opened")
        return FakePort(self.events)


class ServiceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "state"
        self.reactor = FakeReactor()
        self.node = FakeNode()
        self.keys: list[NodeKey] = []
        self.joined: list[object] = []
        self.failed: list[BaseException] = []
        self.notifier = RecordingNotifier()

    def service(
        self,
        *,
        state: bool = True,
        bootstrap: tuple[str, ...] = (),
        watchdog_period: float | None = None,
        secrets: tuple[bytes, ...] = (),
    ) -> SupervisedNode:
        def make_node(key: NodeKey) -> FakeNode:
            self.keys.append(key)
            return self.node

        settings = DaemonSettings(
            node=NodeSettings(network_secrets=secrets),
            bootstrap=bootstrap,
            state_dir=self.path if state else None,
        )
        service = SupervisedNode(
            self.reactor,
            settings,
            make_node,
            Randomness(bytes, lambda: 1.0),
            Supervision(self.failed.append, self.notifier, watchdog_period),
        )
        service.whenJoined().addCallbacks(self.joined.append, lambda failure: None)
        return service

    def assert_nothing_is_held(self) -> None:
        other = StateDirectory(self.path)
        other.open()
        other.close()

    def test_ports_first_then_joining(self) -> None:
        service = self.service(bootstrap=ADDRESSES)
        service.privilegedStartService()
        self.assertEqual(self.node.names(), ["start"])
        service.startService()
        self.assertEqual(self.node.names(), ["start", "bootstrap"])
        self.assertEqual(self.joined, [JOINED])
        self.assertIs(service.node, self.node)

    def test_start_without_privileges_before(self) -> None:
        service = self.service()
        service.startService()
        self.assertEqual(self.node.names(), ["start"])

    def test_a_start_that_succeeds_after_the_stop_begins_nothing(self) -> None:
        starting = self.node.answers["start"] = Deferred()
        service = self.service(bootstrap=ADDRESSES)
        service.startService()
        self.successResultOf(service.stopService())
        starting.callback(None)
        self.successResultOf(starting)
        self.assertEqual(self.node.names(), ["start", "stop"])
        self.assertEqual(self.failed, [])
        self.assert_nothing_is_held()

    def test_without_bootstrap_addresses_nobody_is_asked(self) -> None:
        self.service().startService()
        self.assertNotIn("bootstrap", self.node.names())

    def test_identity_is_kept_in_the_state_directory(self) -> None:
        service = self.service()
        service.startService()
        self.assertEqual(self.keys, [KEY])
        self.successResultOf(service.stopService())
        self.service().startService()
        self.assertEqual(self.keys, [KEY, KEY])

    def test_without_state_nothing_is_written(self) -> None:
        service = self.service(state=False)
        service.startService()
        self.assertEqual(self.keys, [KEY])
        self.assertFalse(self.path.exists())
        self.assertEqual(self.reactor.events, [])
        self.successResultOf(service.stopService())

    def test_stop_goes_backwards_and_waits(self) -> None:
        stopping: Deferred[None] = Deferred()
        self.node.answers["stop"] = stopping
        service = self.service()
        service.startService()
        stopped = service.stopService()
        self.assertEqual(self.reactor.events, ["control opened", "control closed"])
        self.assertNoResult(stopped)
        self.assertRaises(StateDirectoryInUse, StateDirectory(self.path).open)
        stopping.callback(None)
        self.successResultOf(stopped)
        self.assert_nothing_is_held()
        self.assertRaises(NodeStopped, lambda: service.node)

    def test_stop_ends_joining(self) -> None:
        self.node.answers["bootstrap"] = BootstrapFailed("nobody")
        service = self.service(bootstrap=ADDRESSES)
        service.startService()
        self.assertEqual(self.node.names(), ["start", "bootstrap"])
        self.successResultOf(service.stopService())
        self.reactor.advance(60)
        self.assertEqual(self.node.names(), ["start", "bootstrap", "stop"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_stop_that_goes_wrong_still_lets_go_of_the_lock(self) -> None:
        self.node.answers["stop"] = RuntimeError("a fault")
        service = self.service()
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assert_nothing_is_held()

    def test_ports_that_cannot_be_bound(self) -> None:
        self.node.answers["start"] = CannotListen("the port is taken")
        service = self.service()
        self.assertRaises(CannotListen, service.privilegedStartService)
        self.assert_nothing_is_held()
        self.assertEqual(self.failed, [])

    def test_a_control_socket_that_cannot_be_made_stops_the_node(self) -> None:
        self.path.mkdir()
        self.patch(self.reactor, "listenUNIX", lambda *args, **kwargs: self.fail_to_listen())
        self.assertRaises(CannotListen, self.service().privilegedStartService)
        self.assertEqual(self.node.names(), ["start", "stop"])
        self.assert_nothing_is_held()

    def fail_to_listen(self) -> Any:
        raise OSError(28, "No space left on device")

    def test_a_second_service_is_refused(self) -> None:
        first = self.service()
        first.startService()
        self.assertRaises(StateDirectoryInUse, self.service().privilegedStartService)
        self.assertEqual(self.node.names(), ["start"])
        self.successResultOf(first.stopService())

    def test_a_storage_that_takes_its_time(self) -> None:
        starting: Deferred[None] = Deferred()
        self.node.answers["start"] = starting
        service = self.service(bootstrap=ADDRESSES)
        service.startService()
        self.assertEqual(self.node.names(), ["start"])
        starting.callback(None)
        self.assertEqual(self.node.names(), ["start", "bootstrap"])

    def test_a_storage_that_fails_later(self) -> None:
        starting: Deferred[None] = Deferred()
        self.node.answers["start"] = starting
        self.service(bootstrap=ADDRESSES).startService()
        error = StorageError("the disk is full")
        starting.errback(error)
        self.assertEqual(self.failed, [error])
        self.assertEqual(self.node.names(), ["start"])

    def test_the_log_tells_the_address_to_copy(self) -> None:
        with capturedLogs() as events:
            self.service().startService()
        (line,) = lines(events, "kadtwisted.daemon")
        address = f"{KEY.public_key.hex()}@127.0.0.1:8000"
        self.assertEqual(line, f"node {address} serves the network 'kad' at 0.0.0.0:8000")

    def test_the_log_warns_of_a_secret_that_can_be_guessed(self) -> None:
        for secrets, told in (((b"abc",), 1), ((b"0123456789abcdef" * 4,), 0), ((), 0)):
            with capturedLogs() as events:
                self.service(state=False, secrets=secrets).startService()
            found = [formatEvent(each) for each in events if each["log_level"] is LogLevel.warn]
            self.assertEqual(sum("can be guessed" in each for each in found), told, secrets)

    def test_the_log_tells_every_change_of_the_verdict(self) -> None:
        stopping: Deferred[None] = Deferred()
        self.node.answers |= {"health": Health.STARTING, "stop": stopping}
        service = self.service()
        with capturedLogs() as events:
            service.privilegedStartService()
            service.startService()
            self.node.answers["health"] = Health.SERVING
            self.reactor.pump([1.0] * 10)
            self.node.answers["health"] = Health.STOPPING
            stopped = service.stopService()
            self.node.answers["health"] = Health.STOPPED
            stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(
            lines(events, "kadtwisted.health"),
            [
                f"the node is {each.word}: {each.sentence}"
                for each in (Health.STARTING, Health.SERVING, Health.STOPPING, Health.STOPPED)
            ],
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_node_that_is_to_join_is_not_called_well_before(self) -> None:
        def bootstrap(addresses: object) -> Deferred[Any]:
            self.node.answers["health"] = Health.JOINING
            return Deferred()

        self.patch(self.node, "bootstrap", bootstrap)
        with capturedLogs() as events:
            self.service(bootstrap=ADDRESSES).startService()
        self.assertEqual(
            lines(events, "kadtwisted.health"), ["the node is joining: looking for its network"]
        )

    def test_a_node_that_did_not_start_is_not_watched(self) -> None:
        self.node.answers["start"] = CannotListen("the port is taken")
        with capturedLogs() as events:
            self.assertRaises(CannotListen, self.service().privilegedStartService)
        self.assertEqual(lines(events, "kadtwisted.health"), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def told(self) -> list[str]:
        """What the service manager was told since the last time, by the names of the fields."""
        sent, self.notifier.sent = self.notifier.sent, []
        return [message.partition("=")[0] for message in sent]

    def test_ready_once_the_node_is_up_and_stopping_at_the_stop(self) -> None:
        self.node.answers["health"] = Health.STARTING
        service = self.service()
        service.startService()
        self.assertEqual(self.told(), ["STATUS"])
        self.node.answers["health"] = Health.JOINING
        self.reactor.pump([1.0] * 3)
        self.assertEqual(self.told(), ["READY", "STATUS"])
        self.node.answers["health"] = Health.SERVING
        self.reactor.pump([1.0] * 3)
        self.assertEqual(self.told(), ["STATUS"])
        self.successResultOf(service.stopService())
        self.assertEqual(self.told()[0], "STOPPING")

    def test_the_watchdog_is_fed_from_the_start_to_the_stop(self) -> None:
        service = self.service(watchdog_period=30.0)
        service.privilegedStartService()
        self.reactor.pump([1.0] * 5)
        self.assertNotIn("self_check", self.node.names())
        service.startService()
        self.reactor.pump([1.0] * 25)
        self.assertEqual(self.told().count("WATCHDOG"), 3)
        self.successResultOf(service.stopService())
        self.reactor.pump([1.0] * 60)
        self.assertNotIn("WATCHDOG", self.told())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_an_isolated_node_that_is_well_is_fed(self) -> None:
        self.node.answers["health"] = Health.ISOLATED
        self.node.answers["bootstrap"] = BootstrapFailed("nobody")
        self.service(bootstrap=ADDRESSES, watchdog_period=30.0).startService()
        self.reactor.pump([1.0] * 60)
        told = self.told()
        self.assertEqual(told.count("WATCHDOG"), 7)

    def test_a_zombie_is_not_fed(self) -> None:
        self.node.answers["self_check"] = Deferred()
        self.service(watchdog_period=30.0).startService()
        self.reactor.pump([1.0] * 60)
        self.assertNotIn("WATCHDOG", self.told())
        self.assertEqual(self.node.names().count("self_check"), 1)

    def test_a_node_that_has_not_opened_its_storage_is_not_checked(self) -> None:
        starting: Deferred[None] = Deferred()
        self.node.answers["start"] = starting
        self.service(watchdog_period=30.0).startService()
        self.reactor.pump([1.0] * 30)
        self.assertNotIn("self_check", self.node.names())
        starting.callback(None)
        self.assertIn("self_check", self.node.names())

    def test_without_a_watchdog_nothing_is_checked(self) -> None:
        self.service().startService()
        self.reactor.pump([1.0] * 60)
        self.assertNotIn("self_check", self.node.names())

    def test_a_port_that_stays_dead_ends_the_daemon(self) -> None:
        status = a_status()
        self.node.answers["status"] = status._replace(links=status.links[:1])
        self.service().startService()
        self.reactor.pump([1.0] * 100)
        self.assertEqual(self.failed, [])
        dead = status.links[0]._replace(listening=None)
        self.node.answers["status"] = status._replace(links=(dead,))
        self.reactor.pump([1.0] * round(GIVE_UP_AFTER + 5))
        (error,) = self.failed
        self.assertIsInstance(error, CannotListen)

    def test_a_stop_that_hangs_is_not_waited_for(self) -> None:
        stopping: Deferred[None] = Deferred()
        self.node.answers["stop"] = stopping
        service = self.service()
        service.startService()
        stopped = service.stopService()
        self.reactor.advance(STOP_WITHIN - 0.1)
        self.assertNoResult(stopped)
        self.reactor.advance(0.1)
        self.successResultOf(stopped)
        (error,) = self.failed
        self.assertIsInstance(error, LocalError)
        self.assertIn("stopping takes more than 1.5 s", str(error))
        # The lock is held for as long as something may still be written.
        self.assertRaises(StateDirectoryInUse, StateDirectory(self.path).open)
        stopping.callback(None)
        self.assert_nothing_is_held()

    def test_a_stop_in_time_fails_nothing(self) -> None:
        service = self.service()
        service.startService()
        self.successResultOf(service.stopService())
        self.reactor.advance(10 * STOP_WITHIN)
        self.assertEqual(self.failed, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
