"""Every campaign in a size that takes seconds; each keeps all its figures.

The two smallest are played in ``tests``.
"""

from __future__ import annotations

from kadtwisted.testing.campaigns import watch
from kadtwisted.testing.campaigns.__main__ import CAMPAIGNS
from kadtwisted.testing.campaigns.announcements import Announcements
from kadtwisted.testing.campaigns.churn import Churn
from kadtwisted.testing.campaigns.clocks import WrongClocks
from kadtwisted.testing.campaigns.crash import Crash
from kadtwisted.testing.campaigns.day import Day
from kadtwisted.testing.campaigns.loss import Loss
from kadtwisted.testing.campaigns.outage import Outage
from kadtwisted.testing.campaigns.partition import Partition
from kadtwisted.testing.campaigns.replacement import Replacement
from kadtwisted.testing.campaigns.watch import Watch
from tests.testing.campaigns import test_small


class ReducedCampaigns(test_small.PlayedTestCase):
    def test_every_campaign_is_here(self) -> None:
        names = {*dir(self), *dir(test_small.SmallestCampaigns)}
        tests = {name.removeprefix("test_campaign_") for name in names}
        self.assertEqual(set(CAMPAIGNS) - tests, set())

    def test_campaign_announcements(self) -> None:
        small = {
            "nodes": 30,
            "announcing": 24,
            "reads": 80,
            "sample": 3,
            "readers": 2,
            "gone": 3,
            "k": 5,
        }
        self.play(Announcements(lifetime=60.0, **small), 10)

    def test_campaign_churn(self) -> None:
        self.play(Churn(nodes=16, records=8, length=0.04, only=15.0), 3)

    def test_campaign_clocks(self) -> None:
        self.play(WrongClocks(nodes=12, records=4, hours_each=0.2), 26)

    def test_campaign_crash(self) -> None:
        self.play(Crash(nodes=24, records=12, reads=20, k=8), 5)

    def test_campaign_day(self) -> None:
        self.play(Day(nodes=8, hours=3.0, early=1.5), 13)

    def test_campaign_loss(self) -> None:
        self.play(Loss(nodes=14, records=8, reads=40, minutes_each=6.0), 7)

    def test_campaign_outage(self) -> None:
        self.play(Outage(nodes=12, hours=0.25), 15)

    def test_campaign_partition(self) -> None:
        self.play(Partition(nodes=20, minutes_apart=30.0, keys=2, k=8), 6)

    def test_campaign_replacement(self) -> None:
        self.play(Replacement(nodes=12, hours=1.0, records=6), 6)

    def test_campaign_watch(self) -> None:
        self.patch(watch, "MOST_LISTENERS", 256)
        self.play(Watch(nodes=20, changes=4, k=12), 19)
