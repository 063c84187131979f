"""A watch of announcements: who comes, who goes, and who is gone."""

from __future__ import annotations

from kadtwisted.api.describe import of_change
from kadtwisted.model.announcing import Announcement
from kadtwisted.model.record import Kind
from tests.node.watching.test_watching import NAME, WatchingCase


class AnnouncementTests(WatchingCase):
    def ports(self) -> list[int | None]:
        """Where each change says that something is offered, ``None`` where it is gone."""
        found = []
        for each in self.told:
            record = each.record
            assert record is None or isinstance(record, Announcement)
            found.append(None if each.gone or record is None else record.endpoint.port)  # type: ignore[union-attr]
        return found

    def test_who_comes_and_goes(self) -> None:
        first, second = self.nodes[3:5]
        self.swarm.wait(first.announce(NAME, port=1001))
        self.watch(kind=Kind.ANNOUNCEMENT)
        self.assertEqual(self.ports(), [1001])
        self.swarm.wait(second.announce(NAME, port=1002, attributes=b"fast"))
        self.advance(3)
        self.assertEqual(self.ports(), [1001, 1002])
        told = of_change(self.told[-1])
        self.assertEqual(told["attributes"], "fast")
        self.assertEqual(told["endpoint"].rpartition(":")[2], "1002")
        self.swarm.wait(first.withdraw(NAME))
        self.advance(3)
        self.assertEqual(self.ports(), [1001, 1002, None])
        self.assertEqual(self.told[-1].where, self.told[0].where)
        self.assertTrue(of_change(self.told[-1])["deleted"])

    def test_who_has_died_is_gone_when_its_time_is_over(self) -> None:
        provider = self.nodes[3]
        self.swarm.wait(provider.announce(NAME, port=1001, lifetime=600.0))
        self.watch(kind=Kind.ANNOUNCEMENT)
        self.nodes.remove(provider)
        self.swarm.wait(provider.stop())
        self.advance(500)
        self.assertNotIn(None, self.ports())
        self.advance(130)
        self.assertIsNone(self.ports()[-1])
