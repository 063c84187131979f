"""What an observer sees of a node, and the little that it changes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import key_of_name
from kadtwisted.testing.inspect import (
    Load,
    context_of,
    endpoints_of,
    link_of,
    links_of,
    load_of,
    records_of,
    settle,
    storage_of,
    table_of,
)
from kadtwisted.testing.nodes import Swarm


class InspectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(3, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.node = self.swarm.nodes[0]

    def test_contacts_and_endpoints(self) -> None:
        others = [each.node_id for each in self.swarm.nodes[1:]]
        known = [each.node_id for each in table_of(self.node).contacts()]
        self.assertEqual(sorted(known), sorted(others))
        self.assertEqual(links_of(self.node), (link_of(self.node),))
        self.assertEqual(context_of(self.node).node_id, self.node.node_id)
        self.assertEqual(len(endpoints_of(self.node)), load_of(self.node).endpoints)

    def test_records(self) -> None:
        self.assertEqual(list(records_of(self.node)), [])
        self.swarm.wait(self.swarm.nodes[1].put("name", b"value", lifetime=60.0))
        (record,) = records_of(self.node)
        self.assertEqual(record.where.key, key_of_name("name"))
        self.swarm.clock.advance(61.0)
        self.swarm.wait(storage_of(self.node).expire(self.swarm.clock.seconds(), 9))
        self.assertEqual(list(records_of(self.node)), [])

    def test_load(self) -> None:
        rest = load_of(self.node)
        self.assertEqual((rest.requests, rest.operations, rest.locks), (0, 0, 0))
        self.assertEqual((rest.contacts, rest.records), (2, 0))
        self.assertTrue(all(type(each) is int for each in rest))
        getting = self.node.get("missing").addErrback(lambda _: None)
        busy = load_of(self.node)
        self.assertEqual((busy.requests, busy.operations), (2, 1))
        self.swarm.wait(getting)
        self.assertEqual(load_of(self.node), Load(**rest._asdict()))

    def test_a_node_is_told_where_it_is_seen(self) -> None:
        (link,) = self.node.status().links
        assert link.listening is not None
        settle(self.node, Endpoint(link.listening.host, 9))  # where it is bound, nobody can change
        self.assertEqual(self.node.status().links[0].observed, Endpoint(link.listening.host, 9))
