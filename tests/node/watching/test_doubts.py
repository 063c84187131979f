"""What one lying holder can do to a watch: how often it makes it search and read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Changed, FindValue, Records, StoredItem
from kadtwisted.model.record import StorageKey
from kadtwisted.node.operations.records import Read
from kadtwisted.node.port.link import Link
from kadtwisted.node.watching.doubts import DOUBTED_FOR, MOST_DOUBTED, Doubts, by_holders
from kadtwisted.node.watching.watcher import EXTRA_AT_ONCE, READ_WITHIN, Watcher
from kadtwisted.records.findings import Finding
from kadtwisted.records.value import encode, value_of
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.nodes import EPOCH
from tests.node.watching.test_watching import KEY, NAME, WatchingCase, note
from tests.records.toys import NOTE


def holder(number: int) -> Contact:
    return Contact.at(KEY, Endpoint(f"192.0.2.{number % 250}", 1000 + number), bytes(32))


class DoubtsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.doubts = Doubts()

    def test_who_was_not_confirmed_is_a_liar_for_a_while(self) -> None:
        self.assertTrue(self.doubts.add(holder(1), b"a", 0.0))
        self.assertTrue(self.doubts.add(holder(1), b"b", 1.0))
        self.doubts.searched(2.0, lambda data: data == b"b")
        self.assertFalse(self.doubts.add(holder(1), b"c", 3.0))
        self.assertTrue(self.doubts.add(holder(2), b"c", 3.0))
        self.assertTrue(self.doubts.add(holder(1), b"d", 1.0 + DOUBTED_FOR))

    def test_who_was_confirmed_or_told_meanwhile_is_none(self) -> None:
        self.doubts.add(holder(1), b"a", 0.0)
        self.doubts.add(holder(2), b"b", 5.0)
        self.doubts.searched(4.0, lambda data: data == b"b")
        self.assertTrue(self.doubts.add(holder(1), b"c", 6.0))
        self.assertTrue(self.doubts.add(holder(2), b"c", 6.0))

    def test_a_later_search_acquits(self) -> None:
        self.doubts.add(holder(1), b"a", 0.0)
        self.doubts.searched(1.0, lambda _: True)
        self.doubts.searched(2.0, lambda _: False)
        self.assertEqual(len(self.doubts), 0)

    def test_they_are_bounded(self) -> None:
        for number in range(3 * MOST_DOUBTED):
            self.doubts.add(holder(number), b"a", 0.0)
        self.assertEqual(len(self.doubts), MOST_DOUBTED)


class OneLiarTests(WatchingCase):
    def begin(self, kind: int = 1) -> None:
        """One post lies from now on; :attr:`searches` counts the searches of the watch."""
        node = self.node()
        self.watch(node, kind=kind)
        (self.watcher,) = node._parts.watches._watchers.values()
        self.link: Link = next(iter(node._links.values()))
        self.post = next(iter(self.watcher._posts.values())).all()[0]
        self.searches = 0
        search = Watcher._search

        def counted(watcher: Watcher) -> None:
            self.searches += 1
            search(watcher)

        self.patch(Watcher, "_search", counted)

    def lie(self, record: bytes, remaining: int = 100) -> None:
        self.watcher.told(self.link, self.post, Changed(KEY, 1, b"", record, remaining))

    def made(self, ahead: float) -> bytes:
        now = EPOCH + self.swarm.clock.seconds() + ahead
        return encode(value_of(KEY, b"lie", int(now * 1e6)))

    def test_one_search_and_it_is_no_post_any_more(self) -> None:
        self.begin()
        for _ in range(30):
            if self.watcher.listens_to(self.post):
                self.lie(self.made(5000))
            self.advance(1)
        self.assertEqual(self.searches, 1)
        self.assertFalse(self.watcher.listens_to(self.post))
        self.assertEqual(self.values(), [None])

    def test_records_that_end_at_once_cause_few_searches(self) -> None:
        self.begin()
        for _ in range(40):
            self.lie(self.made(0), 1)
            self.advance(2)
        self.assertLessEqual(self.searches, EXTRA_AT_ONCE + 3)

    def test_it_does_not_prolong_a_record(self) -> None:
        self.put(b"v", lifetime=300)
        self.begin()
        data = next(each.data for node in self.nodes for each in records_of(node))
        self.lie(data, 172_800)
        self.advance(400)
        self.assertEqual(self.values(), [b"v", None])

    def reading(self, pages: list[Deferred[object]]) -> None:
        """The lying post is to be read; ``pages`` are its answers."""
        ask = self.link.ask
        self.asked = 0

        def lying(contact: Contact, body: object, **how: bool) -> object:
            if not isinstance(body, FindValue) or contact != self.post:
                return ask(contact, body, **how)  # type: ignore[arg-type]
            self.asked += 1
            pages.append(Deferred())
            return pages[-1]

        self.patch(self.link, "ask", lying)
        self.watcher.told(self.link, self.post, Changed(KEY, NOTE))
        self.advance(1)

    def answer(self, pages: list[Deferred[object]], *records: bytes) -> None:
        items = tuple(StoredItem(each, 100) for each in records)
        body = Records(items, (), b"%d" % len(pages))

        pages[-1].callback(SimpleNamespace(reply=SimpleNamespace(body=body)))

    def test_an_empty_page_is_the_last(self) -> None:
        self.begin(NOTE)
        pages: list[Deferred[object]] = []
        self.reading(pages)
        self.answer(pages)
        self.advance(1)
        self.assertEqual(self.asked, 1)
        self.assertEqual(self.watcher._readings, {})

    def test_a_slow_one_does_not_keep_others_from_being_read(self) -> None:
        self.begin(NOTE)
        self.reading([])
        large = note(1, text=bytes(1095))
        self.swarm.wait(self.nodes[0].put_record(large, lifetime=900.0))
        self.watcher.told(self.link, self.post, Changed(KEY, NOTE))
        self.advance(READ_WITHIN + 10)
        self.assertEqual(self.told[-1].data, large)


class HoldersTests(SynchronousTestCase):
    def test_what_one_of_several_alone_holds_comes_last(self) -> None:
        def finding(number: int, *who: int) -> Finding:
            where = StorageKey(NOTE, KEY, b"%d" % number)
            return Finding(where, b"%d" % number, b"", 60, tuple(map(holder, who)))

        lone, common, own = finding(1, 1), finding(2, 1, 2), finding(3, 1)
        found: Any = SimpleNamespace(winners=(lone, common, own))
        read = Read((lone, common, own), [found], (own,))
        told = [(each.record, who) for each, who in by_holders(read)]
        self.assertEqual(told, [(b"2", None), (b"3", None), (b"1", holder(1))])

    def test_where_only_one_holds_anything_it_is_no_stranger(self) -> None:
        lone = Finding(StorageKey(NOTE, KEY, b"1"), b"1", b"", 60, (holder(1),))
        found: Any = SimpleNamespace(winners=(lone,))
        self.assertEqual(list(by_holders(Read((lone,), [found], ()))), [(lone, None)])


class CrowdTests(WatchingCase):
    size = 8

    def test_a_hundred_watches_of_one_node_all_have_holders(self) -> None:
        node = self.node()
        for number in range(100):
            node.watch(f"{NAME}{number}", callback=self.told.append)
        self.advance(10)
        watchers = node._parts.watches._watchers.values()
        self.assertEqual([each for each in watchers if not each.posts()], [])
        self.assertEqual(len(watchers), 100)
