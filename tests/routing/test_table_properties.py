"""What holds for a routing table after any history whatever.

A history is a list of operations.  It is played on the table and, beside it, on the plainest
model: the set of contacts that the change sets alone say are there.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.buckets import BucketView
from kadtwisted.routing.changes import Change
from kadtwisted.routing.table import RoutingTable
from tests.routing.helpers import contact

QUICK = settings(max_examples=100, deadline=None, derandomize=True)

K = 3
REPLACEMENTS = 2


class Step(NamedTuple):
    """One operation on a node, at one of its two endpoints, after a pause."""

    operation: str
    node_id: int
    port: int
    pause: float


OPERATIONS = (
    *("answered",) * 4,
    *("introduced",) * 2,
    *("failed",) * 4,
    *("heard", "verify_due", "probe_due", "looked_up"),
)

SMALL_IDS = (*range(8), *range(60, 64), *range(120, 136), *range(250, 256))
"""Few enough 8-bit IDs that a history comes back to the same node again and again."""


def wide_ids() -> tuple[int, ...]:
    """160-bit IDs, crowded around the first one (our own) and spread over the whole space."""
    source = random.Random(7)
    own = source.getrandbits(160)
    shifts = [0] * 12 + [source.getrandbits(8) % 150 for _ in range(12)]
    return own, *(own ^ source.getrandbits(160) >> shift for shift in shifts)


WIDE_IDS = wide_ids()


PORTS = (1000, 1000, 1000, 2000)
PAUSES = (0.0, 0.5, 15.0, 35.0)


def histories(ids: tuple[int, ...]) -> st.SearchStrategy[list[Step]]:
    """Short ones, which shrink well, and long ones, in which full buckets lose and gain."""
    pick = st.sampled_from
    step = st.builds(Step, pick(OPERATIONS), pick(ids), pick(PORTS), pick(PAUSES))
    return st.lists(step, max_size=40) | st.builds(long_history, st.just(ids), st.integers(0, 999))


def long_history(ids: tuple[int, ...], seed: int) -> list[Step]:
    source = random.Random(seed)
    pick = source.choice
    return [Step(pick(OPERATIONS), pick(ids), pick(PORTS), pick(PAUSES)) for _ in range(300)]


class Player:
    """Plays steps on a table."""

    def __init__(self, own_id: int, bits: int) -> None:
        self.table = RoutingTable(NodeID(own_id), bits=bits, k=K, replacements=REPLACEMENTS)
        self.bits = bits
        self.now = 0.0

    def play(self, step: Step) -> tuple[Contact, Change]:
        self.now += step.pause
        subject = contact(step.node_id, step.port)
        return subject, self._do(step.operation, subject)

    def _do(self, operation: str, subject: Contact) -> Change:
        table, now = self.table, self.now
        change = Change()
        match operation:
            case "answered":
                change = table.answered(subject, now)
            case "introduced":
                change = table.introduced(subject, now)
            case "failed":
                change = table.failed(subject.node_id, subject.endpoint, now)
            case "heard":
                table.heard(subject.node_id, subject.endpoint, now)
            case "verify_due":
                table.verify_due(now, 90.0)
            case "probe_due":
                table.probe_due(now)
            case "looked_up":
                table.looked_up(subject.node_id, now)
        return change


class PropertyTests(SynchronousTestCase):
    @QUICK
    @given(st.integers(0, 255), histories(SMALL_IDS), st.lists(st.integers(0, 255), max_size=5))
    def test_closest_8_bits(self, own_id: int, steps: list[Step], targets: list[int]) -> None:
        self.check_closest(Player(own_id, 8), steps, [own_id, *targets])

    @QUICK
    @given(histories(WIDE_IDS), st.lists(st.integers(0, 2**160 - 1), max_size=5))
    def test_closest_160_bits(self, steps: list[Step], targets: list[int]) -> None:
        self.check_closest(Player(WIDE_IDS[0], 160), steps, [*WIDE_IDS[::6], *targets])

    def check_closest(self, player: Player, steps: list[Step], targets: list[int]) -> None:
        """Against sorting all contacts by distance, verified ones before tentative ones."""
        table = player.table
        for each in steps:
            player.play(each)
        verified, tentative = split_by_state(table)
        self.assertEqual(len(tentative), table.tentative)
        for target in targets:
            expected = by_distance(verified, target) + by_distance(tentative, target)
            for count in (1, 2, K, 7, 300):
                self.assertEqual(table.closest(NodeID(target), count), expected[:count])
            self.assertEqual(table.closest(NodeID(target)), expected[:K])

    @QUICK
    @given(st.integers(0, 255), histories(SMALL_IDS))
    def test_change_sets_8_bits(self, own_id: int, steps: list[Step]) -> None:
        self.check_change_sets(Player(own_id, 8), steps)

    @QUICK
    @given(histories(WIDE_IDS))
    def test_change_sets_160_bits(self, steps: list[Step]) -> None:
        self.check_change_sets(Player(WIDE_IDS[0], 160), steps)

    def check_change_sets(self, player: Player, steps: list[Step]) -> None:
        """A change set is exactly the difference it made, and each ID is there at most once."""
        table = player.table
        before: Counter[Contact] = Counter()
        for each in steps:
            _, change = player.play(each)
            after = Counter(table.contacts())
            self.assertEqual(Counter(change.added), after - before)
            self.assertEqual(Counter(change.removed), before - after)
            self.assertEqual(len({one.node_id for one in after}), after.total())
            self.assertEqual(len(table), after.total())
            if change.ping is not None:
                self.assertIn(change.ping, after)
            before = after

    @QUICK
    @given(st.integers(0, 255), histories(SMALL_IDS))
    def test_buckets_8_bits(self, own_id: int, steps: list[Step]) -> None:
        self.check_buckets(Player(own_id, 8), steps)

    @QUICK
    @given(histories(WIDE_IDS))
    def test_buckets_160_bits(self, steps: list[Step]) -> None:
        self.check_buckets(Player(WIDE_IDS[0], 160), steps)

    def check_buckets(self, player: Player, steps: list[Step]) -> None:
        """They partition the space, are within bounds, hold what is theirs, and draw what is."""
        table = player.table
        bits = player.bits
        for each in steps:
            player.play(each)
        self.assertNotIn(table.own_id, table)
        views = table.buckets()
        self.assertEqual(sum(2 ** (bits - each.length) for each in views), 2**bits)
        source = random.Random(5)
        for index, view in enumerate(views):
            inside = [each.contact.node_id for each in view.entries]
            drawn = [table.random_id_in(index, source) for _ in range(3)]
            for node_id in inside + drawn:
                holders = [i for i, one in enumerate(views) if covers(one, node_id, bits)]
                self.assertEqual(holders, [index])
            self.assertLessEqual(len(inside), K)
            self.assertLessEqual(view.replacements, REPLACEMENTS)
            # A place that becomes free is filled from the replacement cache at once.
            self.assertTrue(len(inside) == K or not view.replacements)
        everyone = [one.contact for view in views for one in view.entries]
        self.assertEqual(Counter(everyone), Counter(table.contacts()))

    @QUICK
    @given(st.integers(0, 255), histories(SMALL_IDS))
    def test_who_may_go_and_come(self, own_id: int, steps: list[Step]) -> None:
        """Places are taken from tentative contacts by verified ones, and from nobody else."""
        left: set[tuple[NodeID, Endpoint]] = set()
        player = Player(own_id, 8)
        table = player.table
        for each in steps:
            before, _ = split_by_state(table)
            known = NodeID(each.node_id) in table
            suspects = {one for one in before if failures(table, one)}
            wanted = table.wants(NodeID(each.node_id), contact(each.node_id, each.port).endpoint)
            subject, change = player.play(each)
            lost = set(change.removed) & set(before)
            moved = {one.node_id for one in change.added} & {one.node_id for one in change.removed}
            # A verified contact goes by failures, maybe to another endpoint, or back from there.
            for one in lost:
                back = each.operation == "answered" and (one.node_id, subject.endpoint) in left
                self.assertTrue(back or (each.operation == "failed" and one in suspects))
            for one in change.removed:
                if one.node_id in moved and each.operation == "failed":
                    left.add((one.node_id, one.endpoint))
            if each.operation == "introduced":
                self.assertEqual(change.added, (subject,) if wanted and not known else ())
                self.assertEqual(change.removed, ())

    @QUICK
    @given(st.lists(st.tuples(st.booleans(), st.sampled_from((0.0, 9.0, 21.0, 70.0))), max_size=40))
    def test_a_verified_contact_survives_every_outage_but_a_long_one(
        self, history: list[tuple[bool, float]]
    ) -> None:
        """Dropped exactly at the third or later failure in a row, a minute or more after the
        first of them."""
        table = RoutingTable(NodeID(0), bits=8, k=K)
        subject = contact(9)
        table.answered(subject, 0.0)
        now, failed_at = 0.0, list[float]()
        for answers, pause in history:
            now += pause
            if answers:
                failed_at.clear()
                table.answered(subject, now)
                continue
            failed_at.append(now)
            change = table.failed(subject.node_id, subject.endpoint, now)
            gone = len(failed_at) >= 3 and now - failed_at[0] >= 60.0
            self.assertEqual(change, Change(removed=(subject,)) if gone else Change())
            if gone:
                return


def split_by_state(table: RoutingTable) -> tuple[list[Contact], list[Contact]]:
    """The verified and the tentative contacts, as the entries say."""
    entries = [table.get(each.node_id) for each in table.contacts()]
    known = [each for each in entries if each is not None]
    return (
        [each.contact for each in known if not each.tentative],
        [each.contact for each in known if each.tentative],
    )


def failures(table: RoutingTable, one: Contact) -> int:
    entry = table.get(one.node_id)
    return entry.failures if entry is not None else 0


def by_distance(contacts: list[Contact], target: int) -> list[Contact]:
    return sorted(contacts, key=lambda each: each.node_id ^ target)


def covers(view: BucketView, node_id: int, bits: int) -> bool:
    prefix, length = view.prefix, view.length
    return (prefix ^ node_id) >> (bits - length) == 0
