"""A kept record whose place another one takes: its owner is told, and may have it put back."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput, NotFound, TooManyRequests
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.publication import OwnRecord, OwnState
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.node.node import Node
from kadtwisted.parameters import UpkeepSettings
from kadtwisted.records import value
from kadtwisted.testing.nodes import Swarm, wait_for
from tests.node.upkeep.cases import HOUR, RestartCase, upkeep_of

WHERE = StorageKey(Kind.VALUE, key_of_name("mailer"))


class TwoWorkersTests(SynchronousTestCase):
    """Two workers of one service register under one name, and keep it published."""

    def setUp(self) -> None:
        self.swarm = Swarm(12, seed=3)
        self.addCleanup(self.swarm.stop)
        self.first, self.second, self.client = (self.swarm.nodes[each] for each in (1, 5, 9))
        self.swarm.clock.advance(400)  # verified
        upkeep_of(self.swarm, self.first, self.second)
        self.told: list[OwnRecord] = []
        self.stop_watching = self.first.watch_own(self.told.append)

    def register(self, node: Node, where: bytes, *, put_back: bool = False) -> None:
        putting = node.put("mailer", where, lifetime=600, keep=True, put_back=put_back)
        self.swarm.wait(putting)

    def registered(self) -> bytes | None:
        try:
            return self.swarm.wait(self.client.get("mailer")).value
        except NotFound:
            return None

    def states(self) -> list[OwnState]:
        return [each.state for each in self.told]

    def both_register(self, *, put_back: bool) -> None:
        self.register(self.first, b"first", put_back=put_back)
        self.register(self.second, b"second")
        self.swarm.clock.advance(600)
        self.assertEqual(self.registered(), b"second")

    def test_the_loser_is_told_once_and_its_record_rests(self) -> None:
        self.both_register(put_back=False)
        (told,) = self.told
        self.assertEqual((told.where, told.state, told.next_at), (WHERE, "lost", None))
        status = self.first.status()
        self.assertEqual((status.own_records, status.lost_records), (0, 1))
        self.assertEqual(self.first.own_records(None, 10), (told,))
        self.swarm.wait(self.second.delete("mailer"))
        self.swarm.clock.advance(3600)
        self.assertEqual((self.registered(), len(self.told)), (None, 1))
        self.register(self.first, b"first again")
        self.assertEqual(self.first.status().lost_records, 0)
        self.assertEqual(self.registered(), b"first again")

    def test_it_is_put_back_when_the_other_deletes_its_own(self) -> None:
        self.both_register(put_back=True)
        self.assertEqual(self.states(), ["waiting"])
        self.swarm.wait(self.second.delete("mailer"))
        self.swarm.clock.advance(400)
        self.assertEqual(self.registered(), b"first")
        self.assertEqual(self.states(), ["waiting", "kept"])
        self.swarm.clock.advance(3 * 600)
        self.assertEqual(self.registered(), b"first")
        self.assertEqual(self.first.status().lost_records, 0)

    def test_it_is_put_back_when_the_other_has_died(self) -> None:
        self.both_register(put_back=True)
        self.swarm.network.partition([self.swarm.host_of(self.second)])
        self.swarm.clock.advance(600 + 400)
        self.assertEqual(self.registered(), b"first")

    def test_it_takes_nothing_from_another_that_lives(self) -> None:
        self.both_register(put_back=True)
        for _ in range(10):
            self.swarm.clock.advance(600)
            self.assertEqual(self.registered(), b"second")
        self.assertEqual(self.states(), ["waiting"])

    def test_of_three_that_wait_one_has_the_place(self) -> None:
        third = self.swarm.nodes[7]
        upkeep_of(self.swarm, self.first, self.second, third)
        self.both_register(put_back=True)
        self.register(third, b"third", put_back=True)
        self.register(self.second, b"second")
        self.swarm.clock.advance(900)
        self.swarm.wait(self.second.delete("mailer"))
        self.swarm.clock.advance(1800)
        self.assertIn(self.registered(), (b"first", b"third"))
        kept = [each.status().own_records for each in (self.first, third)]
        self.assertEqual(sorted(kept), [0, 1])

    def test_who_deletes_waits_no_longer(self) -> None:
        self.both_register(put_back=True)
        self.swarm.wait(self.first.delete("mailer"))
        self.swarm.clock.advance(3600)
        self.assertEqual((self.registered(), self.first.own_records(None, 10)), (None, ()))

    def test_a_watcher_may_stop_and_another_may_fail(self) -> None:
        self.first.watch_own(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
        self.stop_watching()
        self.stop_watching()
        later: list[OwnRecord] = []
        self.first.watch_own(later.append)
        self.both_register(put_back=False)
        self.assertEqual((self.told, len(later)), ([], 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_to_put_back_is_to_keep(self) -> None:
        putting = self.first.put("mailer", b"v", put_back=True)
        self.assertIn("keep", str(self.failureResultOf(putting, InvalidInput)))

    def test_pages_of_own_records(self) -> None:
        for number in range(5):
            self.swarm.wait(self.first.put(f"name {number}", b"v", keep=True))
        page = self.first.own_records(None, 3)
        rest = self.first.own_records(page[-1].where, 3)
        places = [each.where for each in (*page, *rest)]
        self.assertEqual(places, sorted(places))
        self.assertEqual((len(page), len(rest), len(set(places))), (3, 2, 5))


class RestartTests(RestartCase):
    def taken_from(self, node: Node, *, put_back: bool) -> None:
        wait_for(
            self.clock, node.put("mailer", b"first", lifetime=600, keep=True, put_back=put_back)
        )
        wait_for(self.clock, self.swarm.nodes[4].put("mailer", b"other", lifetime=3600))
        self.clock.advance(400)
        wait_for(self.clock, node.stop())

    def restarted(self) -> Node:
        again = self.node()
        wait_for(self.clock, again.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        return again

    def test_a_lost_record_is_still_told_and_never_published(self) -> None:
        self.taken_from(self.joined(), put_back=False)
        again = self.restarted()
        self.assertEqual([each.state for each in again.own_records(None, 9)], ["lost"])
        self.assertEqual((again.status().own_records, again.status().lost_records), (0, 1))
        self.clock.advance(2 * HOUR)
        with self.assertRaises(NotFound):
            wait_for(self.clock, self.swarm.nodes[9].get("mailer"))

    def test_one_that_waits_is_put_back(self) -> None:
        self.taken_from(self.joined(), put_back=True)
        again = self.restarted()
        self.assertEqual([each.state for each in again.own_records(None, 9)], ["waiting"])
        self.clock.advance(2 * HOUR)
        found = wait_for(self.clock, self.swarm.nodes[9].get("mailer"))
        self.assertEqual(found.value, b"first")
        (saved,) = self.state.remembered().publications
        self.assertEqual((saved.state, saved.put_back), ("kept", True))


class KindTests(SynchronousTestCase):
    def test_when_a_value_may_be_put_back(self) -> None:
        key = NodeID(7)
        mine = value.encode(value.value_of(key, b"v", 5))
        other = value.encode(value.value_of(key, b"w", 6))
        deleted = value.encode(value.tombstone_of(key, 7))
        self.assertIsNone(value.renew(mine, other))
        for free in (None, deleted):
            wanted = value.renew(mine, free)
            assert wanted is not None
            seen = [] if free is None else [free]
            again = value.publish(wanted, seen, 0.000001)
            self.assertEqual(value.decode(again).v, value.decode(mine).v)
            self.assertTrue(all(value.wins(again, each) for each in seen))


class CapacityTests(SynchronousTestCase):
    def test_lost_ones_give_way_and_kept_ones_do_not(self) -> None:
        swarm = Swarm(3)
        self.addCleanup(swarm.stop)
        own = swarm.add(upkeep=replace(UpkeepSettings(), own_records=2))
        for name in ("a", "b"):
            swarm.wait(own.put(name, b"v", lifetime=600, keep=True))
        swarm.wait(swarm.nodes[0].put("a", b"other", lifetime=3600))
        swarm.clock.advance(400)
        swarm.wait(own.put("c", b"v", lifetime=600, keep=True))
        keys = {each.where.key for each in own.own_records(None, 9)}
        self.assertEqual(keys, {key_of_name("b"), key_of_name("c")})
        with self.assertRaises(TooManyRequests):
            swarm.wait(own.put("d", b"v", lifetime=600, keep=True))
