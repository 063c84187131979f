"""New settings for a running daemon: what applies at once, what waits, and what the log says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, capturedLogs, formatEvent
from twisted.trial import unittest

from kadtwisted.application.home import Randomness
from kadtwisted.daemon.reload import compare, reread, tell
from kadtwisted.daemon.service import SupervisedNode
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.settings.daemon_settings import DEFAULTS, DaemonSettings, LogSettings
from kadtwisted.settings.options import OPTIONS
from tests.daemon.fakes import FakeNode

FILE = Path("/etc/kademlia/node.toml")
LOG = Logger(namespace="kadtwisted.daemon")


def told(events: Sequence[LogEvent]) -> list[tuple[str, str | None]]:
    return [
        (event["log_level"].name, formatEvent(event))
        for event in events
        if event["log_namespace"].startswith("kadtwisted.daemon")
    ]


class ComparisonTests(unittest.SynchronousTestCase):
    def test_nothing_changed(self) -> None:
        other_file = replace(DEFAULTS, config_file=FILE)
        self.assertEqual(compare(DEFAULTS, other_file), (DEFAULTS, (), ()))

    def test_every_option_is_one_or_the_other(self) -> None:
        for option in OPTIONS.values():
            new = option.put(DEFAULTS, "other")
            expected = ((option.key,), ()) if option.reloadable else ((), (option.key,))
            running, *names = compare(DEFAULTS, new)
            self.assertEqual(tuple(names), expected)
            self.assertEqual(running, new if option.reloadable else DEFAULTS)

    def test_both_together(self) -> None:
        new = DEFAULTS
        for key, value in (("bootstrap", ("a:1",)), ("port", 1), ("storage", "memory")):
            new = OPTIONS[key].put(new, value)
        running, applied, deferred = compare(DEFAULTS, new)
        self.assertEqual(running, replace(DEFAULTS, bootstrap=("a:1",)))
        self.assertEqual((applied, deferred), (("bootstrap",), ("port", "storage")))
        self.assertEqual(compare(running, new)[1:], ((), ("port", "storage")))


class TellingTests(unittest.SynchronousTestCase):
    def test_a_line_for_what_applies_and_one_for_what_does_not(self) -> None:
        new = DEFAULTS
        for key, value in (("bootstrap", ("a:1",)), ("port", 1), ("storage", "memory")):
            new = OPTIONS[key].put(new, value)
        with capturedLogs() as events:
            tell(LOG, compare(DEFAULTS, new), FILE)
        self.assertEqual(
            told(events),
            [
                ("info", f"bootstrap: applied from {FILE}"),
                ("warn", f"port, storage: changed in {FILE}, but this needs a restart"),
            ],
        )

    def test_nothing(self) -> None:
        with capturedLogs() as events:
            tell(LOG, compare(DEFAULTS, DEFAULTS), None)
        self.assertEqual(told(events), [("info", "nothing has changed in the configuration")])

    def test_reading_again(self) -> None:
        with capturedLogs() as events:
            self.assertIs(reread(LOG, lambda: DEFAULTS), DEFAULTS)
        self.assertEqual(told(events), [])

    def test_mistakes_are_told_one_by_one(self) -> None:
        def read() -> DaemonSettings:
            raise ConfigurationProblems(("port: {wrong}", "prot: unknown"))

        with capturedLogs() as events:
            self.assertIsNone(reread(LOG, read))
        self.assertEqual(
            told(events),
            [
                ("error", "port: {wrong}"),
                ("error", "prot: unknown"),
                ("error", "nothing was changed: the configuration has mistakes"),
            ],
        )


class ServiceTests(unittest.SynchronousTestCase):
    """:meth:`SupervisedNode.reload`."""

    def setUp(self) -> None:
        self.node = FakeNode()
        self.clock = Clock()
        self.settings = DaemonSettings(bootstrap=("a:1",))
        self.service = SupervisedNode(
            self.clock,
            self.settings,
            lambda key: self.node,
            Randomness(bytes, lambda: 1.0),
        )
        self.addCleanup(lambda: self.successResultOf(self.service.stopService()))

    def joined_through(self) -> list[tuple[str, ...]]:
        return [call[1] for call in self.node.calls if call[0] == "bootstrap"]

    def test_new_addresses_are_joined_through(self) -> None:
        self.service.startService()
        self.service.reload(replace(self.settings, bootstrap=("b:2", "c:3")))
        self.assertEqual(self.joined_through(), [("a:1",), ("b:2", "c:3")])

    def test_nothing_is_done_twice(self) -> None:
        self.service.startService()
        self.service.reload(replace(self.settings, log=LogSettings(level="debug")))
        self.service.reload(self.settings)
        self.assertEqual(self.joined_through(), [("a:1",)])

    def test_without_addresses_nobody_is_asked_any_more(self) -> None:
        self.node.answers["bootstrap"] = ValueError("not now")
        self.service.startService()
        self.flushLoggedErrors(ValueError)
        self.service.reload(replace(self.settings, bootstrap=()))
        self.clock.advance(60)
        self.assertEqual(self.joined_through(), [("a:1",)])

    def test_before_the_start_they_are_for_the_start(self) -> None:
        self.service.reload(replace(self.settings, bootstrap=("b:2",)))
        self.service.startService()
        self.assertEqual(self.joined_through(), [("b:2",)])

    def test_what_waits_for_a_restart_is_told_again_and_again(self) -> None:
        self.service.startService()
        new = replace(self.settings, storage="sqlite", config_file=FILE)
        for _ in range(2):
            with capturedLogs() as events:
                self.service.reload(new)
            self.assertEqual(
                told(events),
                [("warn", f"storage: changed in {FILE}, but this needs a restart")],
            )
