"""Replication in lanes: many records of one network do not hold up those of others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from twisted.internet.defer import Deferred

from kadtwisted.errors import StorageError
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.upkeep.replication import (
    EVERYBODY,
    LIGHT,
    NEAREST_HOLDERS,
    PAGE,
    SKIP_WITHIN,
    Lane,
)
from kadtwisted.records.kinds import Sender
from kadtwisted.records.value import encode, value_of
from tests.node.upkeep.cases import HOUR, UpkeepCase

JUNK = Sender(Endpoint("203.7.1.1", 8000), bytes(32))
JUNK_LANE = bytes((203, 7))


class LaneCase(UpkeepCase):
    SIZE = 6

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(600)
        self.node = self.swarm.nodes[0]
        self.replication = self.node._upkeep.replication
        self.spread: list[tuple[float, list[NodeID]]] = []
        self.patch(self.replication, "_spread", self.note)

    async def note(self, link: object, records: Sequence[StoredRecord], period: float) -> float:
        """In place of lookups and offers: each group of records costs what it would cost."""
        now = self.clock.seconds()
        self.spread.append((now, [each.where.key for each in records]))
        for each in records:
            self.replication._rests_until[each.where] = now + period
        return 50.0

    def store(self, count: int, sender: Sender | None, start: int = 0) -> list[NodeID]:
        keys = [key_of_name(f"{start + number}") for number in range(count)]
        for key in keys:
            data = encode(value_of(key, b"v", 1))
            self.successResultOf(self.node._records.store(data, 40 * HOUR, None, sender))
        return keys

    def step(self, lane: Lane) -> tuple[bool, list[NodeID]]:
        before = len(self.spread)
        stepping = Deferred.fromCoroutine(self.replication.step(lane, HOUR))
        more, _ = self.successResultOf(stepping)
        return more, [key for _, keys in self.spread[before:] for key in keys]


class StepTests(LaneCase):
    def test_whoever_stored_much_has_a_lane_of_its_own(self) -> None:
        honest = self.store(3, None) + self.store(LIGHT, JUNK, 1000)
        self.assertEqual(self.replication.lanes(), [])
        junk = self.store(LIGHT + 1, JUNK, 1000)
        self.assertEqual(self.replication.lanes(), [JUNK_LANE])
        self.clock.advance(1)
        self.node.switch_upkeep(on=False)
        self.clock.advance(HOUR)
        more, keys = self.step(EVERYBODY)
        self.assertEqual((more, sorted(keys)), (False, sorted(honest[:3])))
        found: list[NodeID] = []
        pages = 0
        more = True
        while more:
            more, keys = self.step(JUNK_LANE)
            self.assertLessEqual(len(keys), PAGE)
            found += keys
            pages += 1
        self.assertEqual((sorted(found), pages), (sorted(junk), 5))
        self.assertFalse(self.replication.is_under_way(JUNK_LANE))

    def test_what_arrived_or_was_offered_lately_is_left_out(self) -> None:
        self.node.switch_upkeep(on=False)
        (key,) = self.store(1, None)
        self.clock.advance(SKIP_WITHIN * HOUR - 1)
        self.assertEqual(self.step(EVERYBODY)[1], [])
        self.clock.advance(1)
        self.assertEqual(self.step(EVERYBODY)[1], [key])
        self.clock.advance(SKIP_WITHIN * HOUR - 1)
        self.assertEqual(self.step(EVERYBODY)[1], [])

    def test_what_others_vouch_for_is_left_to_them_unless_they_are_not_believed(self) -> None:
        self.node.switch_upkeep(on=False)
        (key,) = self.store(1, None)
        self.clock.advance(HOUR)
        records = self.node._records
        self.patch(records, "is_left_to_others", lambda *_: True)
        for believed in (True, False):
            self.patch(records, "believes_others", lambda _, each=believed: each)
            self.assertEqual(self.step(EVERYBODY)[1], [] if believed else [key])


class TurnTests(LaneCase):
    def test_honest_records_have_their_turn_beside_junk_that_takes_hours(self) -> None:
        honest = dict.fromkeys(self.store(4, None))
        self.store(2000, JUNK, 1000)
        self.clock.advance(4 * HOUR)
        moments: dict[NodeID, list[float]] = {key: [] for key in honest}
        junk = 0
        for now, keys in self.spread:
            for key in keys:
                if key in moments:
                    moments[key].append(now)
                else:
                    junk += 1
        for times in moments.values():
            pauses = [late - early for early, late in pairwise(times)]
            self.assertGreaterEqual(len(pauses), 2)
            self.assertLess(max(pauses), 1.3 * HOUR)
        self.assertGreater(junk, 1000)

    def test_a_lane_that_failed_is_begun_again(self) -> None:
        self.store(200, JUNK, 1000)
        records = self.node._records
        find, failing = records.find, [True]

        def at(kind: int, key: NodeID) -> Deferred[Sequence[StoredRecord]]:
            if failing[0]:
                raise StorageError("broken")
            return find(kind, key)

        self.patch(records, "find", at)
        self.clock.advance(HOUR)
        self.assertEqual(self.spread, [])
        failing[0] = False
        self.clock.advance(HOUR)
        self.assertEqual(sum(len(keys) for _, keys in self.spread), 200)


class NewcomerTests(UpkeepCase):
    def test_the_nearest_three_holders_hand_a_record_to_a_newcomer(self) -> None:
        self.clock.advance(600)
        newcomer = self.swarm.add()
        self.clock.advance(600)
        status = newcomer.status()
        listening = status.links[0].listening
        assert listening is not None
        contact = Contact.at(status.node_id, listening, status.public_key)
        key = NodeID(newcomer.node_id ^ 1)
        record = StoredRecord(StorageKey(Kind.VALUE, key), b"", 1e9, 0.0)
        others = [each for each in self.swarm.nodes if each is not newcomer]
        offering = []
        for node in sorted(others, key=lambda each: each.node_id ^ key):
            link = next(iter(node._links.values()))
            replication = node._upkeep.replication
            offering.append(replication._is_ours_to_hand_off(link, contact, record))
        self.assertEqual(offering[:NEAREST_HOLDERS], [True] * NEAREST_HOLDERS)
        self.assertFalse(any(offering[NEAREST_HOLDERS:]), offering)
