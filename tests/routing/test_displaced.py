"""A node that says that it is elsewhere is not where it was asked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.routing.changes import Change
from kadtwisted.routing.displaced import CAPACITY, KEPT, Displaced, is_elsewhere
from tests.routing.helpers import contact, fail, small_table

NOTHING = Change()


class ElsewhereTests(SynchronousTestCase):
    def elsewhere(self, asked: str, own: str) -> bool:
        return is_elsewhere(Endpoint(asked, 8000), Endpoint(own, 8000))

    def test_another_address_of_the_same_kind(self) -> None:
        for asked, own in (
            ("203.0.113.1", "198.51.100.7"),
            ("10.0.0.1", "192.168.1.7"),
            ("127.0.0.1", "127.0.0.2"),
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("fd00::1", "fd00::2"),
        ):
            self.assertTrue(self.elsewhere(asked, own), asked)
            self.assertFalse(self.elsewhere(asked, asked))

    def test_a_host_has_addresses_of_several_kinds(self) -> None:
        """Who is asked at a private address may be known to others at a public one."""
        for asked, own in (
            ("10.0.0.1", "203.0.113.1"),
            ("203.0.113.1", "10.0.0.1"),
            ("127.0.0.1", "10.0.0.1"),
            ("fe80::1", "2001:db8::1"),
            ("203.0.113.1", "2001:db8::1"),
            ("2001:db8::1", "203.0.113.1"),
        ):
            self.assertFalse(self.elsewhere(asked, own), asked)

    def test_ports_do_not_matter(self) -> None:
        asked = Endpoint("203.0.113.1", 8000)
        for port in (0, 1, 8000):
            self.assertFalse(is_elsewhere(asked, Endpoint("203.0.113.1", port)))
            self.assertTrue(is_elsewhere(asked, Endpoint("203.0.113.2", port)))

    def test_who_does_not_know_says_nothing(self) -> None:
        self.assertFalse(is_elsewhere(Endpoint("203.0.113.1", 8000), None))


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.displaced = Displaced()

    def test_for_an_hour(self) -> None:
        self.displaced.note(contact(7), 5.0)
        self.assertTrue(self.displaced.holds(contact(7), 5.0 + KEPT - 0.1))
        self.assertFalse(self.displaced.holds(contact(7), 5.0 + KEPT))

    def test_or_until_it_says_otherwise(self) -> None:
        self.displaced.note(contact(7), 5.0)
        self.displaced.forget(contact(7))
        self.displaced.forget(contact(8))
        self.assertFalse(self.displaced.holds(contact(7), 5.0))
        self.assertEqual(len(self.displaced), 0)

    def test_nothing_is_said_of_other_nodes_and_endpoints(self) -> None:
        """Two nodes may live where one of them is not."""
        here = contact(7)
        self.displaced.note(here, 5.0)
        other = Contact(contact(8).node_id, here.endpoint, here.key, here.compact)
        for each in (contact(7, port=9), other):
            self.assertFalse(self.displaced.holds(each, 5.0))

    def test_the_oldest_is_forgotten(self) -> None:
        for port in range(1, CAPACITY + 1):
            self.displaced.note(contact(7, port), 0.0)
        self.displaced.note(contact(7, 1), 1.0)
        for port in range(CAPACITY + 1, CAPACITY + 10):
            self.displaced.note(contact(7, port), 1.0)
            self.assertEqual(len(self.displaced), CAPACITY)
        self.assertTrue(self.displaced.holds(contact(7, 1), 1.0))
        self.assertFalse(self.displaced.holds(contact(7, 2), 1.0))


HERE, THERE = contact(200), contact(200, port=9)
"""A relay's endpoint, and the true one."""


class TableTests(SynchronousTestCase):
    """What a table makes of it; 200 and 201 fill the far bucket."""

    def setUp(self) -> None:
        self.table = small_table()
        for each in (200, 201):
            self.table.answered(contact(each), 0.0)

    def displaced(self, *moments: float) -> list[Change]:
        return [self.table.displaced(HERE.node_id, HERE.endpoint, each) for each in moments]

    def test_it_is_not_passed_on_there(self) -> None:
        self.assertEqual(self.displaced(5.0), [NOTHING])
        self.assertEqual(self.table.closest(HERE.node_id, 5), [contact(201)])
        self.assertEqual(self.table.closest_to_ask(HERE.node_id, 5), [HERE, contact(201)])
        self.table.withhold(lambda _: False)
        self.assertEqual(self.table.closest(HERE.node_id, 5), [contact(201)])

    def test_no_answer_from_there_helps_but_its_own_word(self) -> None:
        self.displaced(5.0)
        self.assertEqual(self.table.answered(HERE, 6.0, by_pong=False), NOTHING)
        self.assertEqual(self.table.closest(HERE.node_id, 5), [contact(201)])
        self.table.answered(HERE, 7.0)
        self.assertEqual(self.table.closest(HERE.node_id, 5), [HERE, contact(201)])
        self.assertEqual(self.table.probe_due(500.0), [])

    def test_it_moves_where_it_says_that_it_is(self) -> None:
        for exactly in (True, False):
            self.setUp()
            self.displaced(5.0)
            moved = Change((THERE,), (HERE,))
            self.assertEqual(self.table.placed(THERE, 6.0, exactly=exactly), moved)
            self.assertEqual(self.table.closest(HERE.node_id, 5), [THERE, contact(201)])
            self.assertEqual(self.table.probe_due(500.0), [])

    def test_another_port_alone_moves_nobody_who_is_where_it_was_asked(self) -> None:
        self.assertEqual(self.table.placed(THERE, 6.0, exactly=False), NOTHING)
        self.assertIn(HERE, self.table.contacts())

    def test_it_leaves_as_if_it_had_failed(self) -> None:
        changes = self.displaced(5.0, 40.0, 66.0)
        self.assertEqual(changes, [NOTHING, NOTHING, Change(removed=(HERE,))])
        self.assertNotIn(HERE.node_id, self.table)

    def test_or_moves_where_it_has_answered_meanwhile(self) -> None:
        self.displaced(5.0, 40.0)
        self.table.answered(THERE, 41.0, by_pong=False)
        (change,) = self.displaced(66.0)
        self.assertEqual(change._replace(ping=None), Change((THERE,), (HERE,)))
        self.assertNotIn(HERE, self.table.probe_due(900.0))

    def test_it_is_asked_again_meanwhile(self) -> None:
        self.displaced(5.0)
        self.assertEqual(self.table.probe_due(30.0), [HERE])

    def test_a_tentative_one_leaves_at_once(self) -> None:
        table = small_table()
        table.introduced(HERE, 0.0)
        change = table.displaced(HERE.node_id, HERE.endpoint, 5.0)
        self.assertEqual(change, Change(removed=(HERE,)))

    def test_a_candidate_waits_no_longer(self) -> None:
        self.table.answered(contact(202), 1.0)
        self.assertEqual(self.table.buckets()[0].replacements, 1)
        self.table.displaced(contact(202).node_id, contact(202).endpoint, 5.0)
        self.assertEqual(self.table.buckets()[0].replacements, 0)

    def test_where_it_is_not_known_nothing_changes(self) -> None:
        for each in (THERE, contact(77)):
            self.assertEqual(self.table.displaced(each.node_id, each.endpoint, 5.0), NOTHING)
        self.assertEqual(self.table.closest(HERE.node_id, 5), [HERE, contact(201)])


class PongTests(SynchronousTestCase):
    """Whoever drops just the PINGs that it should hand on keeps nobody for long."""

    def test_answers_of_another_kind_do_not_make_up_for_pings(self) -> None:
        table = small_table()
        table.answered(HERE, 0.0, by_pong=False)
        for now in (5.0, 40.0):
            table.failed(HERE.node_id, HERE.endpoint, now)
            table.answered(HERE, now + 1, by_pong=False)
        change = table.failed(HERE.node_id, HERE.endpoint, 66.0)
        self.assertEqual(change, Change(removed=(HERE,)))

    def test_a_pong_does(self) -> None:
        table = small_table()
        for now in (5.0, 40.0, 66.0, 99.0):
            table.answered(HERE, now - 1)
            self.assertEqual(table.failed(HERE.node_id, HERE.endpoint, now), NOTHING)

    def test_any_answer_makes_up_for_other_requests(self) -> None:
        table = small_table()
        for now in (5.0, 40.0, 66.0, 99.0):
            table.answered(HERE, now - 1, by_pong=False)
            change = table.failed(HERE.node_id, HERE.endpoint, now, ping=False)
            self.assertEqual(change, NOTHING)

    def test_who_has_not_sent_one_for_long_is_due(self) -> None:
        table = small_table(k=4)
        table.answered(contact(200), 0.0)
        table.answered(contact(201), 0.0, by_pong=False)
        table.answered(contact(202), 5.0)
        table.introduced(contact(203), 0.0)
        self.assertEqual(table.unplaced(1.0, 900.0), [contact(201)])
        table.answered(contact(200), 800.0, by_pong=False)
        self.assertEqual(table.unplaced(900.0, 900.0), [contact(201), contact(200)])
        table.answered(contact(201), 901.0)
        self.assertEqual(table.unplaced(902.0, 900.0), [contact(200)])
        fail(table, 200, 903.0)
        self.assertEqual(table.unplaced(904.0, 900.0), [])
