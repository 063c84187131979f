"""The command's options are the campaigns' sizes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.processes.__main__ import CAMPAIGNS, parse
from kadtwisted.testing.processes.kill import Kill
from kadtwisted.testing.processes.order import Order


class CommandTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        words = ("kill", "--storage", "lmdb", "--kills", "7", "--check-every", "2")
        self.assertEqual(parse(words), Kill(storage="lmdb", kills=7, check_every=2))
        self.assertEqual(parse(("order", "--singly", "3")), Order(singly=3))

    def test_every_campaign_has_defaults(self) -> None:
        for name, made in CAMPAIGNS.items():
            self.assertEqual(parse((name,)), made())
