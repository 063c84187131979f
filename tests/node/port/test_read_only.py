"""A node that becomes read-only leaves all tables and stores nothing; and it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ErrorReply
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.messages import ErrorCode, Feature, Ping, Pong, Store
from kadtwisted.node.node import Node
from kadtwisted.testing.inspect import link_of, links_of, records_of, table_of
from kadtwisted.testing.nodes import Member, Swarm, simulated_node


def contact_of(swarm: Swarm, node: Node) -> Contact:
    listening = node.status().links[0].listening
    assert listening is not None
    host = swarm.host_of(node).addresses[0]
    return Contact.at(node.node_id, listening._replace(host=host), node.public_key)


class ReadOnlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(5, 3)
        self.first, *_, self.node = self.swarm.nodes
        self.addCleanup(self.swarm.stop)

    def knowing(self) -> list[Node]:
        """The other nodes that have it in their tables."""
        others = [each for each in self.swarm.nodes if each is not self.node]
        return [each for each in others if self.node.node_id in table_of(each)]

    @contextmanager
    def recording(self) -> Iterator[list[tuple[bytes, Endpoint]]]:
        """Record what comes to the first node, and where it comes from."""
        protocol = link_of(self.first).protocol
        receive, recorded = protocol.datagramReceived, list[tuple[bytes, Endpoint]]()

        def record(datagram: bytes, addr: Endpoint) -> None:
            recorded.append((datagram, addr))
            receive(datagram, addr)

        protocol.datagramReceived = record  # type: ignore[method-assign]
        yield recorded
        protocol.datagramReceived = receive  # type: ignore[method-assign]

    def pong(self) -> Pong:
        link = link_of(self.first)
        answer = self.swarm.wait(link.tell(contact_of(self.swarm, self.node), Ping()))
        assert isinstance(answer.reply.body, Pong)
        return answer.reply.body

    def test_it_leaves_all_tables_and_comes_back_to_them(self) -> None:
        self.assertEqual(len(self.knowing()), 4)
        link_of(self.node).read_only = True
        self.swarm.clock.advance(1000.0)
        self.assertEqual(self.knowing(), [])
        link_of(self.node).read_only = False
        self.swarm.clock.advance(60.0)
        self.assertEqual(len(self.knowing()), 4)

    def test_a_request_of_its_own_is_enough(self) -> None:
        link_of(self.node).read_only = True
        self.swarm.clock.advance(5.0)
        for each in table_of(self.node).contacts():
            self.swarm.wait(link_of(self.node).ask(each, Ping()))
        self.assertEqual(self.knowing(), [])

    def test_a_recorded_request_does_not_say_so_again(self) -> None:
        receive, here = (
            link_of(self.first).protocol.datagramReceived,
            contact_of(self.swarm, self.first),
        )
        link_of(self.node).read_only = True
        self.swarm.clock.advance(5.0)
        with self.recording() as recorded:
            self.swarm.wait(link_of(self.node).ask(here, Ping()))
        self.swarm.clock.advance(1.0)
        self.assertNotIn(self.first, self.knowing())
        link_of(self.node).read_only = False
        self.swarm.clock.advance(60.0)
        self.assertIn(self.first, self.knowing())
        for each in recorded:
            receive(*each)
            self.assertIn(self.first, self.knowing())
            self.swarm.clock.advance(6.0)
        self.assertIn(self.first, self.knowing())

    def test_a_recorded_request_does_not_take_it_back_to_where_it_was(self) -> None:
        """Who wants to talk to it would be introduced there."""
        link_of(self.node).read_only = True
        self.swarm.clock.advance(6.0)
        with self.recording() as recorded:
            self.swarm.wait(link_of(self.node).ask(contact_of(self.swarm, self.first), Ping()))
        link, key = link_of(self.first), self.node.public_key
        self.assertIsNotNone(link.attached.find(key, self.swarm.clock.seconds()))
        elsewhere = Endpoint("88.1.2.3", 7)
        link.attached.heard(key, elsewhere, self.swarm.clock.seconds())
        for each in recorded:
            self.swarm.clock.advance(10.0)
            link.protocol.datagramReceived(*each)
            self.assertEqual(link.attached.find(key, self.swarm.clock.seconds()), elsewhere)

    def test_it_says_so_when_it_is_asked(self) -> None:
        self.assertEqual(self.pong().features, 0)
        link_of(self.node).read_only = True
        self.assertEqual(self.pong().features, Feature.READ_ONLY)
        link_of(self.node).read_only = False
        self.assertEqual(self.pong().features, 0)

    def test_it_stores_nothing_for_others_and_reads_and_writes_itself(self) -> None:
        link_of(self.node).read_only = True
        self.swarm.wait(self.first.put("one", b"1"))
        self.swarm.wait(self.node.put("two", b"2"))
        self.assertEqual(self.swarm.wait(self.node.get("one")).value, b"1")
        self.assertEqual(self.swarm.wait(self.first.get("two")).value, b"2")
        self.assertEqual(records_of(self.node), [])
        store = Store(records_of(self.first)[0].data, 60)
        asking = link_of(self.first).tell(contact_of(self.swarm, self.node), store)
        with self.assertRaises(ErrorReply) as refused:
            self.swarm.wait(asking)
        self.assertEqual(refused.exception.code, ErrorCode.NOT_ACCEPTED)

    def test_its_status_says_so(self) -> None:
        self.assertFalse(self.node.status().read_only)
        link_of(self.node).read_only = True
        self.assertTrue(self.node.status().read_only)

    def test_who_was_told_of_no_other_node_joins_through_it(self) -> None:
        link_of(self.node).read_only = True
        stranger = self.swarm.network.host("80.1.1.1")
        joining = simulated_node(stranger, 77)
        self.addCleanup(self.swarm.wait, joining.stop())
        self.swarm.wait(joining.start())
        self.swarm.wait(joining.bootstrap([self.swarm.address_of(self.node)]))
        known = Member(1, joining, stranger).known()
        self.assertLessEqual({each.node_id for each in self.swarm.nodes[:-1]}, set(known))
        self.swarm.clock.advance(60.0)
        self.assertNotIn(self.node.node_id, table_of(joining))
        self.swarm.wait(joining.stop())


class TwoFamiliesTests(SynchronousTestCase):
    def test_a_node_that_is_reached_in_one_family_holds_records(self) -> None:
        swarm = Swarm(0, 4)
        node = simulated_node(swarm.network.host("20.0.0.1", "2001:db9::1"), 5)
        swarm.wait(node.start())
        self.addCleanup(lambda: swarm.wait(node.stop()))
        said = []
        for family in (Family.IPV4, Family.IPV6):
            link_of(node, family).read_only = True
            said.append((node.status().read_only, [each.read_only for each in links_of(node)]))
        self.assertEqual(said, [(False, [True, False]), (True, [True, True])])
