"""What systemd is told, and when."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.daemon.supervision.reporter import STATUS_EVERY, Reporter, status_line
from kadtwisted.daemon.supervision.systemd import Notifier
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.health import Health
from kadtwisted.model.status import ReachStatus
from tests.daemon.fakes import a_status

SERVING = "serving: in its network, reading and writing; contacts 59, records 1234"


class RecordingNotifier(Notifier):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__(None, lambda: 5000)
        self.sent: list[str] = []

    def _send(self, message: str) -> bool:
        self.sent.append(message)
        return True


class ReporterTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.notifier = RecordingNotifier()
        self.clock = Clock()
        self.reporter = Reporter(self.notifier, self.clock.seconds, a_status)

    def after(self, call: Callable[[], None]) -> list[str]:
        """What one call sends."""
        self.notifier.sent.clear()
        call()
        return self.notifier.sent

    def looked(self, health: Health) -> list[str]:
        return self.after(lambda: self.reporter.looked(health))

    def test_ready_once_it_is_up_whoever_is_there(self) -> None:
        for health in (Health.STARTING, Health.STOPPED):
            self.assertNotIn("READY=1", self.looked(health))
        self.assertEqual(self.looked(Health.JOINING)[0], "READY=1")
        for health in (Health.SERVING, Health.ISOLATED, Health.DEGRADED):
            self.assertNotIn("READY=1", self.looked(health))

    def test_a_node_that_cannot_send_is_up_and_one_that_stops_is_not(self) -> None:
        self.assertNotIn("READY=1", self.looked(Health.STOPPING))
        self.assertEqual(self.looked(Health.ISOLATED)[0], "READY=1")

    def test_the_status_at_each_change_and_now_and_then(self) -> None:
        self.looked(Health.JOINING)
        self.clock.advance(STATUS_EVERY - 1)
        self.assertEqual(self.looked(Health.JOINING), [])
        self.clock.advance(1)
        self.assertEqual(len(self.looked(Health.JOINING)), 1)
        self.assertEqual(self.looked(Health.JOINING), [])

    def test_why_it_is_read_only(self) -> None:
        why = "other nodes cannot reach this one"
        reach = ReachStatus("unreachable", 9.0, 5.0, 0, 5, "none", why, None, 3, 20.0)
        links = (a_status().links[0]._replace(reach=reach),)
        line = status_line(Health.SERVING, a_status(links=links, read_only=True))
        self.assertTrue(line.endswith(f"; read-only to others: {why}"), line)
        # It can be reached in the other family.
        self.assertNotIn("read-only", status_line(Health.SERVING, a_status(links=links)))

    def test_a_wrong_clock_is_in_the_line(self) -> None:
        line = status_line(Health.SERVING, a_status(clock_ahead=-300.0))
        self.assertEqual(line, f"{SERVING}; its clock is 300 s behind the network's")

    def test_a_twin_is_in_the_line(self) -> None:
        link = a_status().links[0]._replace(twin=Endpoint("192.0.2.7", 8000))
        line = status_line(Health.DOUBLED, a_status(links=(link,)))
        self.assertTrue(line.startswith("doubled: another node has the same key"))
        self.assertTrue(line.endswith("; the same key is at 192.0.2.7:8000"))
        self.assertIn("READY=1", self.looked(Health.DOUBLED))

    def test_reloading_and_ready_again(self) -> None:
        self.looked(Health.SERVING)
        self.assertEqual(self.after(self.reporter.reloading), ["RELOADING=1\nMONOTONIC_USEC=5"])
        self.assertEqual(self.after(self.reporter.reloaded), ["READY=1"])

    def test_a_reload_makes_no_node_ready(self) -> None:
        self.looked(Health.STARTING)
        self.assertEqual(self.after(self.reporter.reloading), [])
        self.assertEqual(self.after(self.reporter.reloaded), [])
