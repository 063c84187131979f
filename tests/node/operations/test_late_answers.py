"""A search does not wait for a holder that is slow, and tells of it when it answers."""

from __future__ import annotations

from typing import Any

from kadtwisted.errors import NodeStopped
from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.lookup.latecomers import Latecomers
from kadtwisted.model import bencode
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.messages import Nodes, Records, Store, Stored, StoredItem
from kadtwisted.model.record import Value
from kadtwisted.node.operations.lookup_driver import LookupDriver
from kadtwisted.node.operations.searches import Found, Query, find_records
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.value import encode
from kadtwisted.records.version import version_of
from kadtwisted.testing.inspect import context_of, link_of
from kadtwisted.testing.nodes import EPOCH, wait_for
from tests.node.port.test_protocol import DoorCase
from tests.node.port.test_replies import PONG
from tests.node.stranger import Stranger

KEY = key_of_name("name")
RECORD = encode(Value(KEY, int(EPOCH * 1e6), False, bencode.encode(b"value")))
OLDER = encode(Value(KEY, int(EPOCH * 1e6) - 1, False, bencode.encode(b"older")))
SOFT = 0.1
"""Longer than the patience of a node whose round trips take 20 ms, and shorter than thrice that."""


class LateCase(DoorCase):
    """A node that knows three others; two of them answer at once."""

    def setUp(self) -> None:
        super().setUp()
        hosts = [self.network.host(f"192.0.2.{10 + number}") for number in (1, 2, 3)]
        self.others = [Stranger(host, number) for number, host in enumerate(hosts, 20)]
        for each in self.others:
            self.node.ping(each.contact)
            self.clock.advance(0.02)
            self.answer(each, PONG)
        *self.prompt, self.slow = self.others
        self.outcome: list[Any] = []
        self.heard: list[Any] = []

    def answer(self, holder: Stranger, body: Any) -> None:
        """Answer all that a stranger was asked."""
        request, key, addr = holder.requests[0]  # it may have been sent again
        holder.requests.clear()
        holder.answer(request, key, addr, body)
        self.clock.advance(0.02)

    def search(self, *, patient: bool = False) -> None:
        query = Query(VALUE, KEY, "latest", patient=patient)
        searching = find_records(context_of(self.node), link_of(self.node), query)
        searching.addBoth(self.outcome.append)
        self.clock.advance(0.02)
        for each in self.prompt:
            self.answer(each, Records((StoredItem(RECORD, 60),), (self.slow.contact,)))

    def found(self) -> Found:
        (outcome,) = self.outcome
        assert isinstance(outcome, Found), outcome
        return outcome

    def listen(self, late: Latecomers) -> None:
        self.assertEqual(late.contacts, [self.slow.contact])
        late.when(self.slow.contact, self.heard.append)


class SearchTests(LateCase):
    def test_it_is_over_when_our_patience_with_the_slow_one_is(self) -> None:
        self.search()
        self.assertEqual(self.outcome, [])
        self.clock.advance(SOFT)
        self.assertEqual(len(self.found().closest), 2)
        self.assertEqual(self.found().winners[0].record, RECORD)

    def test_who_answers_late_is_told_with_what_it_holds(self) -> None:
        self.search()
        self.clock.advance(SOFT)
        self.listen(self.found().late)
        self.assertEqual(self.heard, [])
        self.answer(self.slow, Records((StoredItem(OLDER, 60),), ()))
        self.assertEqual(self.heard, [(version_of(OLDER),)])
        self.assertEqual(len(self.found().search.closest()), 2, "the search is what it was")

    def test_who_holds_nothing_too_and_before_anybody_listens(self) -> None:
        self.search()
        self.clock.advance(SOFT)
        self.answer(self.slow, Records((), ()))
        self.listen(self.found().late)
        self.assertEqual(self.heard, [()])

    def test_who_never_answers_ends_it(self) -> None:
        self.search()
        self.clock.advance(SOFT)
        self.listen(self.found().late)
        self.clock.advance(1.0)
        self.assertEqual(self.heard, [None])

    def test_one_that_is_patient_hears_the_slow_one(self) -> None:
        self.search(patient=True)
        self.clock.advance(SOFT)
        self.assertEqual(self.outcome, [])
        self.answer(self.slow, Records((), ()))
        self.assertEqual(len(self.found().closest), 3)
        self.assertEqual(self.found().late.contacts, [])

    def test_a_stop_ends_it(self) -> None:
        self.search()
        self.clock.advance(SOFT)
        self.listen(self.found().late)
        wait_for(self.clock, self.node.stop())
        self.assertEqual(self.heard, [None])


class NodesTests(LateCase):
    def look_up(self) -> LookupDriver:
        context = context_of(self.node)
        lookup = Lookup(KEY, Breadth(20, 5, context.node_id), context.world.now())
        driver = LookupDriver(context, link_of(self.node), lookup)
        driver.run().addBoth(self.outcome.append)
        self.clock.advance(0.02)
        for each in self.prompt:
            self.answer(each, Nodes(()))
        return driver

    def test_of_a_lookup_of_nodes(self) -> None:
        driver = self.look_up()
        self.assertEqual(self.outcome, [])
        self.clock.advance(SOFT)
        self.assertEqual(self.outcome, [None])
        self.listen(driver.late)
        self.answer(self.slow, Nodes(()))
        self.assertEqual(self.heard, [()])

    def test_of_one_that_failed_nobody_is_late(self) -> None:
        driver = self.look_up()
        wait_for(self.clock, self.node.stop())
        self.assertTrue(self.outcome.pop().check(NodeStopped))
        self.assertEqual(driver.late.contacts, [])


class HandedOverTests(LateCase):
    """Half of six nodes answer; when the lookup is over another driver goes on with it."""

    def drive(self, lookup: Lookup) -> LookupDriver:
        driver = LookupDriver(context_of(self.node), link_of(self.node), lookup)
        driver.run().addBoth(self.outcome.append)
        self.clock.advance(0.02)
        return driver

    def test_who_is_silent_does_not_hold_up_the_next_driver(self) -> None:
        hosts = [self.network.host(f"192.0.2.{20 + number}") for number in range(7)]
        new, *known = (Stranger(host, number) for number, host in enumerate(hosts, 30))
        known.sort(key=lambda each: each.contact.node_id ^ KEY)
        lookup = Lookup(KEY, Breadth(6, 1))
        lookup.add([each.contact for each in known], self.clock.seconds())
        lookup.seeds = 0
        driver = self.drive(lookup)
        for each in known[:3]:
            self.answer(each, Nodes(()))
            self.clock.advance(0.01)
        while not self.outcome:
            self.clock.advance(0.01)
        self.assertEqual(lookup.in_flight, 3, "it is over, and these may still answer")
        driver.hand_over()
        lookup.add([new.contact], self.clock.seconds())
        self.drive(lookup)
        self.answer(new, Nodes(()))
        self.assertEqual(self.outcome, [None, None])


class WriteTests(LateCase):
    """Who answers late gets the record of a put, and the repair of a get."""

    def put(self) -> None:
        self.node.put("name", b"new").addBoth(self.outcome.append)
        self.clock.advance(0.02)
        for each in self.prompt:
            self.answer(each, Records((), (self.slow.contact,)))
        self.clock.advance(SOFT)
        self.assertEqual([type(each.requests[0][0].body) for each in self.prompt], [Store] * 2)

    def store(self, holder: Stranger) -> None:
        self.assertIsInstance(holder.requests[0][0].body, Store)
        self.answer(holder, Stored(60))

    def test_a_put_does_not_wait_for_it_but_brings_it_the_record(self) -> None:
        self.put()
        for each in self.prompt:
            self.store(each)
        (receipt,) = self.outcome
        self.assertEqual(receipt.remote_acks, 2)
        whole: list[Any] = []
        receipt.complete().addBoth(whole.append)
        self.answer(self.slow, Records((), ()))
        self.assertEqual(whole, [])
        self.store(self.slow)
        self.assertEqual(whole[0].remote_acks, 3)

    def test_one_that_never_answers_is_no_failure(self) -> None:
        self.put()
        for each in self.prompt:
            self.store(each)
        whole: list[Any] = []
        self.outcome[0].complete().addBoth(whole.append)
        self.clock.advance(1.0)
        self.assertEqual((whole[0].remote_acks, len(whole[0].failures)), (2, 0))

    def test_cancelled_before_its_receipt_it_brings_nothing(self) -> None:
        putting = self.node.put("name", b"new")
        putting.addBoth(self.outcome.append)
        self.clock.advance(0.02)
        for each in self.prompt:
            self.answer(each, Records((), (self.slow.contact,)))
        self.clock.advance(SOFT)
        putting.cancel()
        self.answer(self.slow, Records((), ()))
        self.assertEqual(self.slow.requests, [])

    def test_a_get_repairs_it_unless_it_holds_the_record(self) -> None:
        for held, repaired in (((), True), ((StoredItem(RECORD, 60),), False)):
            for each in self.others:
                each.requests.clear()
            self.node.get("name").addBoth(self.outcome.append)
            self.clock.advance(0.02)
            for each in self.prompt:
                self.answer(each, Records((StoredItem(RECORD, 60),), (self.slow.contact,)))
            self.clock.advance(SOFT)
            self.assertEqual(self.outcome.pop().value, b"value")
            self.answer(self.slow, Records(held, ()))
            self.assertEqual(
                [isinstance(request.body, Store) for request, *_ in self.slow.requests],
                [True] * repaired,
            )
            self.clock.advance(10.0)
