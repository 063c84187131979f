"""Which writes run, which wait, and which need not be done."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageBusy, Superseded
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.records.kinds import VALUE, RecordKind, Sender
from kadtwisted.records.value import encode, value_of
from kadtwisted.records.writes import Pending, Replacers, Write, WriteQueue
from tests.records.toys import COUNTERS, Notary, Note, count, write

KEY = NodeID(0x5EED)


def value(published: int, remaining: float = 100.0, key: NodeID = KEY) -> Write:
    """A version of the value under a key."""
    record = encode(value_of(key, b"v", published))
    return Write(VALUE, VALUE.identify(record), record, remaining, None)


def made(rules: RecordKind, record: bytes, cas: int | None = None, writer: bytes = b"") -> Write:
    """A write of another kind, of this node or another one."""
    sender = Sender(Endpoint("192.0.2.1", 1), writer) if writer else None
    return Write(rules, rules.identify(record), record, 100.0, cas, sender=sender)


class QueueCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue: WriteQueue[str] = WriteQueue(20, 4)

    def enter(self, write: Write, name: str, *, bounded: bool = True) -> list[str]:
        """Enter a write that does not run yet; who is beaten."""
        running, beaten = self.queue.enter(write, name, bounded=bounded)
        self.assertIsNone(running)
        return beaten

    def run_first(self, write: Write, name: str) -> Pending[str]:
        """Enter a write that runs at once."""
        running, beaten = self.queue.enter(write, name, bounded=True)
        assert running is not None
        self.assertEqual((running.hearers, beaten), ([name], []))
        return running


class ReplacerTests(QueueCase):
    """Two nodes put the same record in the place of the same one."""

    def test_only_the_first_has_replaced_it(self) -> None:
        replacers = Replacers()
        mine, theirs = (made(COUNTERS, count(KEY, 6), 5, writer) for writer in (b"", b"other"))
        self.assertFalse(replacers.has_lost(mine))
        replacers.note(theirs)
        self.assertEqual([replacers.has_lost(each) for each in (mine, theirs)], [True, False])
        replacers.note(made(COUNTERS, count(KEY, 8), 7))
        self.assertFalse(replacers.has_lost(mine), "another record stands there")

    def test_without_a_condition_nobody_loses(self) -> None:
        replacers = Replacers()
        replacers.note(made(COUNTERS, count(KEY, 6)))
        self.assertEqual(len(replacers), 0)
        replacers.note(made(COUNTERS, count(KEY, 6), 5))
        self.assertFalse(replacers.has_lost(made(COUNTERS, count(KEY, 6), None, b"other")))

    def test_the_oldest_is_forgotten(self) -> None:
        replacers = Replacers(2)
        for number in range(3):
            replacers.note(made(COUNTERS, count(NodeID(number), 6), 5))
        others = [made(COUNTERS, count(NodeID(n), 6), 5, b"other") for n in range(3)]
        self.assertEqual([replacers.has_lost(each) for each in others], [False, True, True])

    def test_they_do_not_wait_as_one(self) -> None:
        first = self.run_first(made(COUNTERS, count(KEY, 5)), "first")
        for name in (b"", b"other", b"other"):
            self.enter(made(COUNTERS, count(KEY, 6), 5, name), name.decode())
        heard = []
        running = self.queue.leave(first)
        while running is not None:
            heard.append(running.hearers)
            running = self.queue.leave(running)
        self.assertEqual(heard, [[""], ["other", "other"]])


class OrderTests(QueueCase):
    def test_one_runs_under_a_key_and_others_wait(self) -> None:
        first = self.run_first(value(1), "first")
        other = self.run_first(value(1, key=NodeID(1)), "other key")
        self.enter(value(2), "second")
        self.assertEqual((len(self.queue), self.queue.keys()), (3, 2))
        second = self.queue.leave(first)
        assert second is not None
        self.assertEqual(second.hearers, ["second"])
        self.assertIsNone(self.queue.leave(other))
        self.assertIsNone(self.queue.leave(second))
        self.assertEqual((len(self.queue), self.queue.keys()), (0, 0))

    def test_the_newest_that_waits_stays_and_the_others_hear_of_it(self) -> None:
        first = self.run_first(value(1), "1")
        self.assertEqual(self.enter(value(3), "3"), [])
        self.assertEqual(self.enter(value(5), "5"), ["3"])
        self.assertRaises(Superseded, self.enter, value(4), "4")
        self.assertEqual(self.enter(value(6), "6"), ["5"])
        last = self.queue.leave(first)
        assert last is not None
        self.assertEqual((last.write.record, last.hearers), (value(6).record, ["6"]))

    def test_a_newer_one_waits_for_the_one_that_runs_and_an_older_one_too(self) -> None:
        """Nobody knows yet whether the one that runs will be stored."""
        self.run_first(value(5), "5")
        self.enter(value(3), "3")
        self.assertEqual(self.enter(value(7), "7"), ["3"])

    def test_what_waited_has_its_floor_kept(self) -> None:
        first = self.run_first(value(1), "1")
        self.enter(value(2, 5000), "2")
        self.enter(value(3, 7), "3")
        self.enter(value(4, 9), "4")
        last = self.queue.leave(first)
        assert last is not None
        self.assertEqual((last.write.remaining, last.write.floor_remaining), (9, 5000))

    def test_the_same_record_waits_once_with_the_longer_life(self) -> None:
        first = self.run_first(value(1), "running")
        for remaining in (50, 90, 70):
            self.enter(value(2, remaining), str(remaining))
        both = self.queue.leave(first)
        assert both is not None
        self.assertEqual((both.write.remaining, both.hearers), (90, ["50", "90", "70"]))
        self.assertIsNone(self.queue.leave(both))

    def test_of_many_under_one_key_none_beats_another(self) -> None:
        notes = Notary().kind
        first = self.run_first(made(notes, write(Note(KEY, b"author 0", 1, b""))), "0")
        for number in range(1, 4):
            note = write(Note(KEY, b"author %d" % number, 1, b""))
            self.assertEqual(self.enter(made(notes, note), str(number)), [])
        newer = write(Note(KEY, b"author 2", 2, b""))
        self.assertEqual(self.enter(made(notes, newer), "2, newer"), ["2"])
        order = []
        pending: Pending[str] | None = first
        while pending is not None:
            order += pending.hearers
            pending = self.queue.leave(pending)
        self.assertEqual(order, ["0", "1", "3", "2, newer"])

    def test_a_conditional_write_beats_none(self) -> None:
        self.run_first(made(COUNTERS, count(KEY, 1)), "1")
        self.assertEqual(self.enter(made(COUNTERS, count(KEY, 2)), "2"), [])
        self.assertEqual(self.enter(made(COUNTERS, count(KEY, 9), cas=1), "9 if 1"), [])
        self.assertEqual(self.enter(made(COUNTERS, count(KEY, 9), cas=2), "9 if 2"), [])
        self.assertEqual(self.enter(made(COUNTERS, count(KEY, 3)), "3"), ["2"])


class BoundTests(QueueCase):
    def test_few_wait_under_one_key(self) -> None:
        first = self.run_first(value(1), "running")
        for number in range(4):
            self.enter(value(2), str(number))
        self.assertRaises(StorageBusy, self.enter, value(2), "one more")
        self.assertEqual(self.enter(value(3), "newer"), ["0", "1", "2", "3"])
        self.assertEqual(self.enter(value(3), "the same"), [])
        self.assertEqual(len(self.queue), 3)
        self.queue.leave(first)
        self.assertEqual(len(self.queue), 2)

    def test_few_run_and_wait_in_all(self) -> None:
        for number in range(20):
            self.run_first(value(1, key=NodeID(number)), "running")
        self.assertRaises(StorageBusy, self.enter, value(2, key=NodeID(3)), "waits")
        self.assertRaises(StorageBusy, self.run_first, value(1, key=NodeID(20)), "runs")
        self.assertEqual(len(self.queue), 20)

    def test_own_writes_always_find_a_place(self) -> None:
        for number in range(20):
            self.run_first(value(1, key=NodeID(number)), "running")
        self.enter(value(2, key=NodeID(3)), "own", bounded=False)
        running, _ = self.queue.enter(value(1, key=NodeID(20)), "own", bounded=False)
        self.assertIsNotNone(running)

    def test_who_is_refused_changes_nothing(self) -> None:
        first = self.run_first(value(1), "running")
        for number in range(4):
            self.enter(value(2), str(number))
        self.assertRaises(StorageBusy, self.enter, value(2, 9999), "one more")
        waited = self.queue.leave(first)
        assert waited is not None
        self.assertEqual((waited.write.remaining, len(waited.hearers)), (100, 4))


class ResentTests(QueueCase):
    """A request that is sent again while its write runs, because the disk is slow."""

    def one(self, remaining: float = 100.0, writer: bytes = b"alice") -> Write:
        sender = Sender(Endpoint("192.0.2.1", 1), writer)
        return value(5)._replace(sender=sender, remaining=remaining)

    def test_it_hears_of_the_write_that_runs(self) -> None:
        running = self.run_first(self.one(), "first")
        self.assertEqual(self.enter(self.one(), "again"), [])
        self.assertEqual(running.hearers, ["first", "again"])
        self.assertEqual(len(self.queue), 2)
        self.assertIsNone(self.queue.leave(running), "nothing is written a second time")
        self.assertEqual(len(self.queue), 0)

    def test_a_newer_one_that_waits_does_not_refuse_it(self) -> None:
        running = self.run_first(self.one(), "first")
        self.enter(value(9), "newer")
        self.assertEqual(self.enter(self.one(), "again"), [])
        self.assertEqual(running.hearers, ["first", "again"])

    def test_another_request_is_written(self) -> None:
        running = self.run_first(self.one(), "first")
        others = {
            "longer": self.one(remaining=101.0),
            "another": self.one(writer=b"bob"),
            "ours": self.one()._replace(sender=None),
        }
        for name, each in others.items():
            self.enter(each, name)
        self.assertEqual(running.hearers, ["first"])

    def test_few_hear_of_one_write(self) -> None:
        self.run_first(self.one(), "first")
        for number in range(4):
            self.enter(self.one(), str(number))
        self.assertRaises(StorageBusy, self.queue.enter, self.one(), "more", bounded=True)
        self.assertRaises(StorageBusy, self.queue.enter, value(9), "newer", bounded=True)

    def test_one_of_them_may_give_up(self) -> None:
        running = self.run_first(self.one(), "first")
        self.enter(self.one(), "again")
        self.assertIsNone(self.queue.give_up(running.write.where, "first"))
        self.assertIs(self.queue.give_up(running.write.where, "again"), running)


class GivingUpTests(QueueCase):
    def test_one_that_waits_alone_is_not_done(self) -> None:
        first = self.run_first(value(1), "first")
        self.enter(value(2), "second")
        self.assertIsNone(self.queue.give_up(value(2).where, "second"))
        self.assertEqual(len(self.queue), 1)
        self.assertIsNone(self.queue.leave(first))

    def test_one_of_two_that_wait_together_leaves_the_other(self) -> None:
        first = self.run_first(value(1), "first")
        self.enter(value(2), "a")
        self.enter(value(2), "b")
        self.assertIsNone(self.queue.give_up(value(2).where, "a"))
        left = self.queue.leave(first)
        assert left is not None
        self.assertEqual(left.hearers, ["b"])

    def test_the_one_that_runs_is_the_callers_to_end(self) -> None:
        first = self.run_first(value(1), "first")
        self.assertIs(self.queue.give_up(value(1).where, "first"), first)
        self.assertIsNone(self.queue.leave(first))
        self.assertEqual((len(self.queue), self.queue.keys()), (0, 0))
