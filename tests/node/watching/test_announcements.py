"""A watch of announcements: who comes, who goes, and who is gone."""

from __future__ import annotations

from kadtwisted.api.describe import of_change
from kadtwisted.model.announcing import Announcement, Offer
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.messages import Changed
from kadtwisted.model.record import Kind
from kadtwisted.records.announcement import announcements
from kadtwisted.testing.nodes import EPOCH
from tests.node.watching.test_watching import KEY, NAME, WatchingCase


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


class ForgedTests(WatchingCase):
    """One holder makes announcements up."""

    def setUp(self) -> None:
        super().setUp()
        node = self.node()
        self.watch(node, kind=Kind.ANNOUNCEMENT)
        (self.watcher,) = node._parts.watches._watchers.values()
        self.link = next(iter(node._links.values()))
        self.post = next(iter(self.watcher._posts.values())).all()[0]
        del self.told[:]

    def lie(self, author: int, host: str, port: int, age: float = 0.0) -> None:
        kind = announcements("kad", author.to_bytes(32, "big"))
        offer = Offer(KEY, Family.IPV4, Endpoint(host, port), False, b"", 7200)
        record = kind.publish(offer, [], EPOCH + self.swarm.clock.seconds() - age)
        told = Changed(KEY, Kind.ANNOUNCEMENT, b"", record, 7000)
        self.watcher.told(self.link, self.post, told)

    def offered(self) -> list[int]:
        return [e.record.endpoint.port for e in self.told if isinstance(e.record, Announcement)]  # type: ignore[union-attr]

    def test_what_providers_hides_is_not_told(self) -> None:
        self.lie(1, "127.0.0.1", 22)
        self.lie(2, "192.168.0.1", 80)
        self.lie(3, "50.1.1.1", 9, age=365 * 86400.0)
        self.assertEqual(self.offered(), [])
        self.lie(4, "50.1.1.1", 10)
        self.assertEqual(self.offered(), [10])

    def test_it_does_not_keep_out_an_honest_one(self) -> None:
        for author in range(10, 10 + 520):
            self.lie(author, "50.1.1.1", author)
        self.assertEqual(self.offered(), list(range(10, 10 + 64)))
        self.swarm.wait(self.nodes[3].announce(NAME, port=777))
        self.advance(10)
        self.assertIn(777, self.offered())
