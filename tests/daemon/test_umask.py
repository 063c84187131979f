"""A umask that would take the owner's own rights away."""

from __future__ import annotations

import os

from twisted.trial import unittest

from kadtwisted.daemon.umask import keep_own_rights


class UmaskTests(unittest.SynchronousTestCase):
    def test_only_others_are_shut_out(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        for before, after in (
            (0o777, 0o077), (0o277, 0o077), (0o700, 0), (0o022, 0o022), (0o077, 0o077), (0, 0),
        ):  # fmt: skip
            os.umask(before)
            keep_own_rights()
            self.assertEqual(os.umask(0), after, oct(before))
