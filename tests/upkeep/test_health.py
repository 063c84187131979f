"""The one verdict, line by line."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.health import Health
from kadtwisted.upkeep.health import Signs, verdict

WELL = Signs(
    running=True,
    started=True,
    stopping=False,
    contacts=20,
    first=False,
    heard=True,
    uplink_down=False,
    storage_failing=False,
)


class VerdictTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        lines = (
            ({}, Health.SERVING),
            ({"started": False, "running": False}, Health.STOPPED),
            ({"running": False}, Health.STARTING),
            ({"stopping": True, "uplink_down": True}, Health.STOPPING),
            ({"contacts": 0, "heard": False}, Health.JOINING),
            ({"contacts": 0}, Health.ISOLATED),
            ({"contacts": 0, "heard": False, "first": True}, Health.SERVING),
            ({"contacts": 0, "first": True}, Health.SERVING),
            ({"uplink_down": True, "storage_failing": True}, Health.ISOLATED),
            ({"storage_failing": True}, Health.DEGRADED),
            ({"offline": True, "blocked": True, "uplink_down": True}, Health.OFFLINE),
            ({"offline": True, "contacts": 0, "heard": False}, Health.OFFLINE),
            ({"stopping": True, "offline": True}, Health.STOPPING),
            ({"blocked": True, "uplink_down": True}, Health.BLOCKED),
            ({"blocked": True, "contacts": 0, "heard": False}, Health.BLOCKED),
            ({"blocked": True, "contacts": 0, "first": True}, Health.SERVING),
            ({"blocked": True, "first": True}, Health.BLOCKED),
        )
        for changed, expected in lines:
            self.assertIs(verdict(WELL._replace(**changed)), expected, changed)

    def test_every_verdict_has_a_word_and_a_sentence(self) -> None:
        words = [health.word for health in Health]
        self.assertEqual([Health.named(word) for word in words], list(Health))
        self.assertRaises(ValueError, Health.named, "well")
        self.assertEqual(len(set(words)), len(Health))
        self.assertTrue(all(health.sentence for health in Health))
