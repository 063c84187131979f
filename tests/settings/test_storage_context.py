"""What a storage is told of its node."""

from __future__ import annotations

import time
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import Bounds, NodeSettings
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.storage_context import storage_context


class ContextTests(unittest.SynchronousTestCase):
    def test_is_that_of_the_settings(self) -> None:
        bounds = Bounds(stored_records=7, stored_bytes=700)
        settings = DaemonSettings(node=NodeSettings(bounds=bounds), state_dir=Path("/state"))
        clock = Clock()
        context = storage_context(settings, clock)
        self.assertIs(context.reactor, clock)
        self.assertEqual(context[1:], (steady_seconds, time.time, "/state", 7, 700))

    def test_to_check_an_option_nothing_is_there(self) -> None:
        context = storage_context(DaemonSettings())
        self.assertIsNone(context.reactor)
        self.assertIsNone(context.directory)
