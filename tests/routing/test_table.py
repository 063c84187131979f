"""The routing table by example, most of it with 8-bit IDs around our own ID 0 and buckets of 2.

With k=2 the IDs from 128 to 255 share one bucket as soon as anything else is known.
"""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.changes import Change
from kadtwisted.routing.liveness import NEVER, Entry
from kadtwisted.routing.table import RoutingTable
from tests.routing.helpers import contact, fail, small_table

NOTHING = Change()


def ids(table: RoutingTable) -> list[int]:
    return sorted(each.node_id for each in table.contacts())


def known(table: RoutingTable, node_id: int) -> Entry:
    """What a table knows of a contact that it holds."""
    entry = table.get(NodeID(node_id))
    assert entry is not None
    return entry


def full_far_bucket(now: float = 0.0) -> RoutingTable:
    """A table whose far bucket is full with 200 and 201."""
    table = small_table()
    table.answered(contact(200), now)
    table.answered(contact(201), now + 1.0)
    return table


class ConstructionTests(SynchronousTestCase):
    def test_wrong_wiring_fails_at_once(self) -> None:
        for own_id, k, replacements in ((256, 2, 2), (-1, 2, 2), (0, 0, 2), (0, 2, -1)):
            with self.assertRaises(InvalidInput):
                RoutingTable(NodeID(own_id), bits=8, k=k, replacements=replacements)

    def test_an_empty_table(self) -> None:
        table = RoutingTable(NodeID(2**159))
        self.assertEqual((len(table), table.contacts(), table.closest(NodeID(1))), (0, [], []))
        (bucket,) = table.buckets()
        self.assertEqual((bucket.prefix, bucket.length, bucket.entries), (0, 0, ()))

    def test_entries_are_those_of_all_buckets(self) -> None:
        table = full_far_bucket()
        table.introduced(contact(3), 2.0)
        inside = [each for view in table.buckets() for each in view.entries]
        self.assertEqual(len(table.entries()), 3)
        self.assertEqual({id(each) for each in table.entries()}, {id(each) for each in inside})


class AnsweredTests(SynchronousTestCase):
    def test_a_newcomer_takes_a_free_place(self) -> None:
        table = small_table()
        self.assertEqual(table.answered(contact(200), 5.0), Change(added=(contact(200),)))
        entry = table.get(NodeID(200))
        assert entry is not None
        self.assertEqual((entry.first_seen, entry.last_seen, entry.tentative), (5.0, 5.0, False))
        self.assertIn(200, table)
        self.assertNotIn(201, table)

    def test_our_own_id_never_enters(self) -> None:
        table = small_table(own_id=7)
        self.assertEqual(table.answered(contact(7), 0.0), NOTHING)
        self.assertEqual(table.introduced(contact(7), 0.0), NOTHING)
        self.assertEqual(table.failed(NodeID(7), contact(7).endpoint, 0.0), NOTHING)
        self.assertFalse(table.wants(NodeID(7), contact(7).endpoint))
        self.assertEqual(len(table), 0)

    def test_an_answer_is_noted(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 3.0)
        self.assertEqual(table.answered(contact(200), 4.0), NOTHING)
        entry = table.get(NodeID(200))
        assert entry is not None
        self.assertEqual((entry.first_seen, entry.last_seen, entry.suspect), (0.0, 4.0, False))

    def test_a_full_bucket_far_away_keeps_whom_it_has(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.answered(contact(202), 2.0), NOTHING)
        self.assertEqual(ids(table), [200, 201])
        self.assertEqual([each.replacements for each in table.buckets()], [1, 0])

    def test_the_least_recently_seen_is_to_be_asked_first(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.answered(contact(202), 60.0), NOTHING)
        self.assertEqual(table.answered(contact(202), 60.5), Change(ping=contact(200)))
        self.assertEqual(table.answered(contact(203), 60.9), NOTHING)
        self.assertEqual(table.answered(contact(203), 61.5), Change(ping=contact(201)))
        self.assertEqual(table.answered(contact(204), 100.0), NOTHING)
        table.answered(contact(200), 100.0)
        self.assertEqual(table.answered(contact(204), 130.0), Change(ping=contact(201)))

    def test_a_suspect_is_asked_again_but_not_replaced(self) -> None:
        table = full_far_bucket()
        fail(table, 201, 10.0)
        self.assertEqual(table.answered(contact(202), 30.0), NOTHING)
        self.assertEqual(table.answered(contact(202), 31.0), Change(ping=contact(201)))
        self.assertEqual(ids(table), [200, 201])

    def test_the_tentative_gives_way_the_stalest_first(self) -> None:
        table = small_table()
        table.introduced(contact(200), 2.0)
        table.introduced(contact(201), 1.0)
        change = table.answered(contact(202), 3.0)
        self.assertEqual(change, Change(added=(contact(202),), removed=(contact(201),)))
        change = table.answered(contact(203), 3.0)
        self.assertEqual(change, Change(added=(contact(203),), removed=(contact(200),)))
        self.assertEqual(table.answered(contact(204), 3.0), NOTHING)
        self.assertEqual((ids(table), table.tentative), ([202, 203], 0))

    def test_a_candidate_that_gets_a_place_waits_no_longer(self) -> None:
        table = full_far_bucket()
        table.answered(contact(202), 2.0)
        table.answered(contact(203), 3.0)
        fail(table, 200, 10.0, 40.0, 70.0)  # 203 moves up, tentative
        change = table.answered(contact(202), 71.0)
        self.assertEqual(change, Change(added=(contact(202),), removed=(contact(203),)))
        self.assertEqual([each.replacements for each in table.buckets()], [0, 0])


class EndpointTests(SynchronousTestCase):
    def test_a_known_id_elsewhere_is_not_adopted(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.answered(contact(200, port=9), 50.0), NOTHING)
        self.assertEqual(table.introduced(contact(200, port=9), 50.0), NOTHING)
        self.assertFalse(table.wants(NodeID(200), contact(200, port=9).endpoint))
        self.assertIn(contact(200), table.contacts())

    def test_but_the_known_endpoint_is_asked(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.answered(contact(200, port=9), 61.0), Change(ping=contact(200)))
        self.assertEqual(table.answered(contact(200, port=9), 62.0), NOTHING)

    def test_after_several_failures_it_is_adopted(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0, 40.0)
        self.assertEqual(table.answered(contact(200, port=9), 41.0), NOTHING)
        moved = Change((contact(200, port=9),), (contact(200),), contact(200, port=9))
        self.assertEqual(table.failed(NodeID(200), contact(200).endpoint, 70.0), moved)
        entry = known(table, 200)
        self.assertEqual((entry.suspect, entry.tentative, entry.first_seen), (False, False, 0.0))
        self.assertEqual((entry.last_seen, entry.probed), (41.0, 70.0))

    def test_not_if_it_answers_again_where_it_is_known(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0, 40.0)
        table.answered(contact(200, port=9), 41.0)
        table.answered(contact(200), 42.0)
        fail(table, 200, 50.0, 90.0)
        change = table.failed(NodeID(200), contact(200).endpoint, 120.0)
        self.assertEqual(change, Change(removed=(contact(200),)))

    def test_nor_where_it_does_not_answer_any_more(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0, 40.0)
        table.answered(contact(200, port=9), 41.0)
        table.failed(NodeID(200), contact(200, port=9).endpoint, 42.0)
        change = table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual(change, Change(removed=(contact(200),)))

    def test_the_first_other_endpoint_is_taken(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0, 40.0)
        for port, moment in ((9, 41.0), (7, 42.0), (9, 43.0)):
            self.assertEqual(table.answered(contact(200, port=port), moment), NOTHING)
        change = table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual(change.added, (contact(200, port=9),))
        self.assertEqual(known(table, 200).last_seen, 43.0)

    def test_after_a_failure_a_request_from_elsewhere_is_followed_up(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 6.0)
        self.assertFalse(table.wants(NodeID(200), contact(200).endpoint))
        self.assertTrue(table.wants(NodeID(200), contact(200, port=9).endpoint))
        self.assertEqual(table.introduced(contact(200, port=9), 6.0), NOTHING)
        self.assertFalse(table.wants(NodeID(200), contact(200, port=7).endpoint))
        fail(table, 200, 40.0)
        moved = Change(added=(contact(200, port=9),), removed=(contact(200),))
        self.assertEqual(table.failed(NodeID(200), contact(200).endpoint, 70.0), moved)
        entry = known(table, 200)
        self.assertEqual((entry.suspect, entry.tentative), (False, True))
        self.assertEqual(table.answered(contact(200, port=9), 71.0), NOTHING)
        self.assertEqual((entry.tentative, table.tentative), (True, 1))

    def test_an_answer_of_its_own_free_will_is_worth_more_than_a_request(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 6.0, 40.0)
        table.introduced(contact(200, port=9), 41.0)
        table.answered(contact(200, port=9), 42.0)
        table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual((known(table, 200).tentative, table.tentative), (False, 0))

    def test_failures_elsewhere_are_not_charged(self) -> None:
        table = full_far_bucket()
        for moment in (0.0, 50.0, 100.0):
            table.failed(NodeID(200), contact(200, port=9).endpoint, moment)
        entry = table.get(NodeID(200))
        assert entry is not None
        self.assertFalse(entry.suspect)


class BackTests(SynchronousTestCase):
    """A contact that has moved because it was silent goes back when it is heard there again."""

    def setUp(self) -> None:
        self.table = full_far_bucket()
        fail(self.table, 200, 5.0, 40.0)
        self.table.answered(contact(200, port=9), 41.0)
        self.table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertIn(contact(200, port=9), self.table.contacts())

    def test_the_endpoint_it_left_is_asked_for_an_hour(self) -> None:
        asked = []
        for now in range(100, 4000, 30):
            due = self.table.probe_due(float(now))
            asked += [now for each in due if each == contact(200)]
            for each in due:
                self.assertEqual(self.table.failed(each.node_id, each.endpoint, now), NOTHING)
        self.assertEqual((len(asked), asked[0], asked[-1]), (11, 370, 3370))
        self.assertFalse(known(self.table, 200).suspect)

    def test_it_goes_back_when_it_answers_there(self) -> None:
        back = Change((contact(200),), (contact(200, port=9),))
        self.assertEqual(self.table.answered(contact(200), 2000.0), back)
        self.assertEqual(self.table.probe_due(2400.0), [])
        self.assertEqual(self.table.answered(contact(200, port=9), 2001.0), NOTHING)

    def test_but_not_after_that_hour(self) -> None:
        change = self.table.answered(contact(200), 3700.0)
        self.assertEqual(change, Change(ping=contact(200, port=9)))

    def test_nothing_is_asked_of_who_is_gone(self) -> None:
        fail_at = contact(200, port=9).endpoint
        for moment in (80.0, 110.0, 150.0):
            self.table.failed(NodeID(200), fail_at, moment)
        self.assertNotIn(NodeID(200), self.table)
        self.assertEqual((self.table.probe_due(900.0), len(self.table._moves)), ([], 0))


class PlacedTests(SynchronousTestCase):
    """A node that says itself that it is where we asked it is there."""

    def test_it_moves_at_once_though_it_answers_elsewhere_too(self) -> None:
        table = full_far_bucket()
        moved = Change((contact(200, port=9),), (contact(200),))
        self.assertEqual(table.placed(contact(200, port=9), 5.0), moved)
        self.assertEqual(table.answered(contact(200), 6.0), NOTHING)
        self.assertIn(contact(200, port=9), table.contacts())

    def test_where_it_is_known_nothing_changes(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.placed(contact(200), 5.0), NOTHING)
        self.assertEqual(table.placed(contact(77), 5.0), NOTHING)
        self.assertEqual(ids(table), [200, 201])

    def test_it_ends_all_doubt(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0, 40.0)
        table.answered(contact(200, port=9), 41.0)
        table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual(table.placed(contact(200, port=9), 71.0), NOTHING)
        self.assertEqual(table.probe_due(500.0), [])
        change = table.answered(contact(200), 600.0)
        self.assertEqual(change, Change(ping=contact(200, port=9)))


class IntroducedTests(SynchronousTestCase):
    def test_it_enters_as_tentative(self) -> None:
        table = small_table()
        self.assertTrue(table.wants(NodeID(200), contact(200).endpoint))
        self.assertEqual(table.introduced(contact(200), 1.0), Change(added=(contact(200),)))
        self.assertEqual((len(table), table.tentative), (1, 1))
        self.assertFalse(table.wants(NodeID(200), contact(200).endpoint))
        self.assertEqual(table.introduced(contact(200), 2.0), NOTHING)

    def test_it_displaces_nobody_and_does_not_wait(self) -> None:
        table = small_table()
        table.introduced(contact(200), 0.0)
        table.introduced(contact(201), 0.0)
        self.assertFalse(table.wants(NodeID(202), contact(202).endpoint))
        self.assertEqual(table.introduced(contact(202), 100.0), NOTHING)
        self.assertEqual((ids(table), table.buckets()[0].replacements), ([200, 201], 0))

    def test_a_full_bucket_around_our_id_is_split_for_it(self) -> None:
        table = full_far_bucket()
        self.assertTrue(table.wants(NodeID(1), contact(1).endpoint))
        self.assertEqual(len(table.buckets()), 1)
        self.assertEqual(table.introduced(contact(1), 2.0), Change(added=(contact(1),)))
        self.assertEqual(len(table.buckets()), 2)


class VerificationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = small_table()
        self.table.introduced(contact(200), 10.0)

    def test_due_after_silence(self) -> None:
        self.assertEqual(self.table.verify_due(99.0, 90.0), [])
        self.assertEqual(self.table.verify_due(100.0, 90.0), [contact(200)])
        self.assertEqual(self.table.answered(contact(200), 100.1), NOTHING)
        self.assertEqual((self.table.tentative, self.table.verify_due(900.0, 90.0)), (0, []))

    def test_a_shorter_silence_will_do_if_the_caller_says_so(self) -> None:
        self.assertEqual(self.table.verify_due(12.0, 2.0), [contact(200)])
        self.table.answered(contact(200), 12.1)
        self.assertEqual(self.table.tentative, 0)

    def test_an_answer_before_that_does_not_verify(self) -> None:
        self.table.answered(contact(200), 50.0)
        self.assertEqual(self.table.tentative, 1)
        self.assertEqual(self.table.verify_due(139.0, 90.0), [])
        self.assertEqual(self.table.verify_due(140.0, 90.0), [contact(200)])

    def test_who_is_never_silent_is_asked_and_verified_all_the_same(self) -> None:
        """Else a node that asks us more often than every 90 s would stay tentative for ever."""
        for second in range(20, 910, 30):
            self.table.heard(NodeID(200), contact(200).endpoint, float(second))
            self.assertEqual(self.table.verify_due(float(second), 90.0), [])
        self.assertEqual(self.table.verify_due(910.0, 90.0), [contact(200)])
        self.table.heard(NodeID(200), contact(200).endpoint, 910.1)
        self.table.answered(contact(200), 910.2)
        self.assertEqual(self.table.tentative, 0)

    def test_its_own_requests_break_the_silence(self) -> None:
        self.table.heard(NodeID(200), contact(200).endpoint, 60.0)
        self.assertEqual(self.table.verify_due(149.0, 90.0), [])
        self.assertEqual(self.table.verify_due(150.0, 90.0), [contact(200)])
        self.table.heard(NodeID(200), contact(200).endpoint, 150.5)
        self.table.answered(contact(200), 151.0)
        self.assertEqual(self.table.tentative, 1)

    def test_requests_of_others_do_not(self) -> None:
        self.table.heard(NodeID(200), contact(200, port=9).endpoint, 60.0)
        self.table.heard(NodeID(201), contact(201).endpoint, 60.0)
        self.assertEqual(self.table.verify_due(100.0, 90.0), [contact(200)])

    def test_requests_prove_nothing_about_a_verified_contact(self) -> None:
        self.table.answered(contact(1), 10.0)
        self.table.heard(NodeID(1), contact(1).endpoint, 60.0)
        entry = self.table.get(NodeID(1))
        assert entry is not None
        self.assertEqual(entry.last_seen, 10.0)


class FailedTests(SynchronousTestCase):
    def test_unknown_contacts_do_not_matter(self) -> None:
        self.assertEqual(small_table().failed(NodeID(1), contact(1).endpoint, 0.0), NOTHING)

    def test_a_tentative_contact_is_dropped_at_once(self) -> None:
        table = small_table()
        table.introduced(contact(200), 0.0)
        change = table.failed(NodeID(200), contact(200).endpoint, 1.0)
        self.assertEqual(change, Change(removed=(contact(200),)))
        self.assertEqual((len(table), table.tentative), (0, 0))

    def test_three_failures_over_a_minute_drop_even_without_a_replacement(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 10.0, 69.0, 69.5)
        self.assertEqual(ids(table), [200, 201])
        change = table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual(change, Change(removed=(contact(200),)))

    def test_the_newest_candidate_moves_up_and_its_answer_verifies_it(self) -> None:
        table = full_far_bucket()
        table.answered(contact(202), 2.0)
        table.answered(contact(203), 3.0)
        fail(table, 200, 10.0, 40.0)
        change = table.failed(NodeID(200), contact(200).endpoint, 70.0)
        self.assertEqual(change, Change((contact(203),), (contact(200),), contact(203)))
        self.assertEqual(table.tentative, 1)
        table.answered(contact(203), 70.1)
        self.assertEqual(table.tentative, 0)

    def test_a_candidate_that_does_not_answer_makes_way_for_the_next(self) -> None:
        table = full_far_bucket()
        table.answered(contact(202), 2.0)
        table.answered(contact(203), 3.0)
        fail(table, 200, 10.0, 40.0, 70.0)
        change = table.failed(NodeID(203), contact(203).endpoint, 72.0)
        self.assertEqual(change, Change((contact(202),), (contact(203),), contact(202)))

    def test_a_candidate_that_failed_is_forgotten(self) -> None:
        table = full_far_bucket()
        table.answered(contact(202), 2.0)
        table.failed(NodeID(202), contact(202, port=9).endpoint, 3.0)
        self.assertEqual(table.buckets()[0].replacements, 1)
        self.assertEqual(table.failed(NodeID(202), contact(202).endpoint, 3.0), NOTHING)
        self.assertEqual(table.buckets()[0].replacements, 0)

    def test_suspects_are_due_for_a_probe_until_they_are_gone(self) -> None:
        table = full_far_bucket()
        table.introduced(contact(1), 0.0)
        self.assertEqual(table.probe_due(500.0), [])
        fail(table, 201, 500.0)
        probes = []
        for moment in range(501, 600):
            for each in table.probe_due(float(moment)):
                probes.append(moment)
                table.failed(each.node_id, each.endpoint, moment + 1.5)
        self.assertEqual(probes, [521, 543, 565])
        self.assertEqual(ids(table), [1, 200])

    def test_a_probe_is_named_once(self) -> None:
        table = full_far_bucket()
        fail(table, 201, 500.0)
        self.assertEqual(table.probe_due(530.0), [contact(201)])
        self.assertEqual(table.probe_due(540.0), [])


class WithholdTests(SynchronousTestCase):
    def test_verified_contacts_stay_and_are_not_passed_on(self) -> None:
        table = full_far_bucket()
        table.answered(contact(1), 2.0)
        self.assertEqual(table.withhold(lambda each: each.node_id in {1, 201}), NOTHING)
        self.assertEqual(ids(table), [1, 200, 201])
        self.assertEqual(table.closest(NodeID(1), 3), [contact(200)])
        for target, expected in ((1, [1, 201, 200]), (201, [201, 200, 1])):
            to_ask = [each.node_id for each in table.closest_to_ask(NodeID(target), 3)]
            self.assertEqual(to_ask, expected)
        self.assertEqual(table.closest_to_ask(NodeID(1), 1), [contact(1)])

    def test_they_leave_when_they_fail(self) -> None:
        table = full_far_bucket()
        table.withhold(lambda each: each.node_id == 201)
        fail(table, 201, 3.0, 40.0, 70.0)
        self.assertEqual(ids(table), [200])
        self.assertEqual(table.closest_to_ask(NodeID(201), 2), [contact(200)])

    def test_they_are_passed_on_again_when_they_are_wanted_or_have_moved(self) -> None:
        table = full_far_bucket()
        table.withhold(lambda _: True)
        self.assertEqual(table.closest(NodeID(200)), [])
        table.withhold(lambda each: each.node_id == 201)
        self.assertEqual(table.closest(NodeID(200)), [contact(200)])
        table.placed(contact(201, port=7), 4.0)
        self.assertEqual(table.closest(NodeID(201)), [contact(201, port=7), contact(200)])

    def test_tentative_ones_and_candidates_go_and_others_move_up(self) -> None:
        table = small_table()
        table.introduced(contact(200), 0.0)
        table.answered(contact(201), 0.0)
        for each in (1, 202, 203, 204):
            table.answered(contact(each), 2.0)
        table.introduced(contact(2), 2.0)
        self.assertEqual((ids(table), table.tentative), ([1, 2, 201, 202], 1))
        change = table.withhold(lambda each: each.node_id in {1, 2, 204})
        self.assertEqual(change, Change(removed=(contact(2),)))
        self.assertEqual((ids(table), table.tentative), ([1, 201, 202], 0))
        self.assertEqual([each.replacements for each in table.buckets()], [1, 0])

    def test_who_moves_up_is_verified_as_all_others_are(self) -> None:
        table = small_table(k=1)
        table.answered(contact(1), 0.0)
        table.introduced(contact(200), 0.0)
        table.answered(contact(201), 0.0)
        table.answered(contact(202), 0.0)
        fail(table, 201, 1.0, 40.0, 70.0)
        self.assertEqual((ids(table), table.tentative), ([1, 202], 1))
        table._buckets.of(NodeID(202)).wait(Entry(contact(203), 71.0, 71.0), 3)
        change = table.withhold(lambda each: each.node_id == 202)
        self.assertEqual(change, Change((contact(203),), (contact(202),)))
        self.assertEqual(table.verify_due(162.0, 90.0), [contact(203)])

    def test_nobody_unwanted(self) -> None:
        table = full_far_bucket()
        self.assertEqual(table.withhold(lambda _: False), NOTHING)
        self.assertEqual((ids(table), len(table.closest(NodeID(0)))), ([200, 201], 2))


class ClosestTests(SynchronousTestCase):
    def test_by_distance_whatever_bucket_they_are_in(self) -> None:
        table = small_table(k=4)
        for each in (0b0001, 0b0111, 0b1000, 0b1111, 0b0100):
            table.answered(contact(each), 0.0)
        found = [each.node_id for each in table.closest(NodeID(0b0101))]
        self.assertEqual(found, [0b0100, 0b0111, 0b0001, 0b1111])
        self.assertEqual(table.closest(NodeID(0b1011), 1), [contact(0b1000)])

    def test_tentative_ones_only_fill_up_and_come_last(self) -> None:
        table = small_table(k=4)
        table.introduced(contact(5), 0.0)
        table.introduced(contact(4), 0.0)
        table.answered(contact(200), 0.0)
        table.answered(contact(7), 0.0)
        target = NodeID(5)
        self.assertEqual(table.closest(target, 2), [contact(7), contact(200)])
        self.assertEqual(table.closest(target, 3), [contact(7), contact(200), contact(5)])
        everyone = [contact(7), contact(200), contact(5), contact(4)]
        self.assertEqual(table.closest(target), everyone)

    def test_a_suspect_is_still_passed_on(self) -> None:
        table = full_far_bucket()
        fail(table, 200, 5.0)
        self.assertEqual(table.closest(NodeID(200)), [contact(200), contact(201)])


class LookupTests(SynchronousTestCase):
    def test_a_bucket_no_lookup_went_through_is_due(self) -> None:
        table = full_far_bucket()
        table.answered(contact(1), 2.0)
        self.assertEqual(table.refresh_due(2.0, 3600.0), [0, 1])
        self.assertEqual([each.last_lookup for each in table.buckets()], [NEVER, NEVER])

    def test_due_again_after_the_period(self) -> None:
        table = full_far_bucket()
        table.answered(contact(1), 2.0)
        table.looked_up(NodeID(255), 10.0)
        table.looked_up(NodeID(0), 20.0)
        self.assertEqual([each.last_lookup for each in table.buckets()], [10.0, 20.0])
        self.assertEqual(table.refresh_due(3609.0, 3600.0), [])
        self.assertEqual(table.refresh_due(3610.0, 3600.0), [0])
        self.assertEqual(table.refresh_due(3620.0, 3600.0), [0, 1])

    def test_after_the_lookup_of_our_own_id_all_but_our_own_bucket_are_due(self) -> None:
        table = small_table()
        table.looked_up(NodeID(0), 1.0)
        for each in (200, 201, 100, 101, 50, 51, 1):
            table.answered(contact(each), 1.0)
        self.assertEqual(len(table.buckets()), 4)
        self.assertEqual(table.refresh_due(2.0, 3600.0), [0, 1, 2])

    def test_random_ids_fall_into_the_bucket(self) -> None:
        table = full_far_bucket()
        table.answered(contact(1), 2.0)
        source = random.Random(1)
        far = {table.random_id_in(0, source) for _ in range(2000)}
        self.assertEqual(far, set(range(128, 256)))


class LiveSizeTests(SynchronousTestCase):
    """160 bits, k=20, as many random nodes as a large network shows to one table."""

    def setUp(self) -> None:
        source = random.Random(20)
        self.table = RoutingTable(NodeID(source.getrandbits(160)))
        self.seen = [contact(source.getrandbits(160)) for _ in range(2000)]
        for each in self.seen:
            self.table.answered(each, 0.0)

    def test_buckets_exist_only_where_there_are_nodes(self) -> None:
        buckets = self.table.buckets()
        self.assertLessEqual(len(buckets), 12)
        for each in buckets:
            self.assertTrue(each.entries)
            self.assertLessEqual(len(each.entries), 20)
            self.assertLessEqual(each.replacements, 20)

    def test_all_our_neighbours_are_known(self) -> None:
        own = self.table.own_id
        neighbours = sorted(self.seen, key=lambda each: each.node_id ^ own)[:5]
        self.assertEqual(self.table.closest(own, 5), neighbours)

    def test_closest_is_exact(self) -> None:
        source = random.Random(21)
        known = self.table.contacts()
        for _ in range(50):
            target = NodeID(source.getrandbits(160))
            expected = sorted(known, key=lambda each: each.node_id ^ target)[:20]
            self.assertEqual(self.table.closest(target), expected)
