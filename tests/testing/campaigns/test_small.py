"""The smallest campaigns: that such runs work at all; ``long_tests`` have every one."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.campaigns.__main__ import Campaign
from kadtwisted.testing.campaigns.counter import Counting
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.campaigns.restart import Restart


class PlayedTestCase(SynchronousTestCase):
    def play(self, campaign: Campaign, figures: int) -> None:
        """Run a campaign; it must report so many figures, and miss none."""
        out = io.StringIO()
        report = Report(out, lambda: 0.0, 1.0)
        with report.errors_counted():
            campaign.run(report)
        self.assertEqual(report.missed, [], out.getvalue())
        self.assertEqual(len(report.rows), figures)


class SmallestCampaigns(PlayedTestCase):
    def test_campaign_counter(self) -> None:
        self.play(Counting(nodes=12, steps=5, k=6), 8)

    def test_campaign_restart(self) -> None:
        self.play(Restart(nodes=8, records=10), 8)
