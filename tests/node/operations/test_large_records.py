"""The largest records leave no room for an IPv6 contact in an answer, and the search goes on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.identity.signing import SigningKey
from kadtwisted.parameters import Parameters
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import Member, NodeBuilder, wait_for

KEY = SigningKey(bytes(range(32)))
SALT = bytes(64)
LARGEST = bytes(932)


class LargestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.builder = NodeBuilder.seeded(
            self.network,
            1,
            {"parameters": Parameters(k=4)},
            lambda number: f"2001:{number:x}::1",
        )

    def start(self) -> Member:
        member = self.builder.build()
        member.start()
        self.addCleanup(lambda: wait_for(self.clock, member.node.stop()))
        return member

    def put(self, member: Member, seq: int) -> None:
        wait_for(self.clock, member.node.put_mutable(KEY, LARGEST, salt=SALT, seq=seq))

    def test_a_reader_who_knows_one_stale_holder_finds_the_newest_of_all(self) -> None:
        members = [self.start() for _ in range(8)]
        for each in members[1:]:
            wait_for(self.clock, each.node.bootstrap([members[0].address]))
        self.put(members[0], 5)
        stale = next(each for each in members if records_of(each.node))
        self.network.partition([stale.host])
        self.put(next(each for each in members if each is not stale), 6)
        self.network.heal()
        reader = self.start()
        wait_for(self.clock, reader.node.ping(stale.address))
        self.assertEqual(reader.node.status().links[0].contacts, 1)
        found = wait_for(self.clock, reader.node.get(KEY.reference(SALT)))
        self.assertEqual(found.record.facts(), {"seq": 6})
