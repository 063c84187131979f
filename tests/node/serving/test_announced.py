"""What a holder does with announcements: whose it takes, how many, and what it answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.dialects.door import Received
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.announcing import Offer
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.messages import ErrorCode, FindValue, Have, HaveEntry, Records, Store, Stored
from kadtwisted.model.record import Kind
from kadtwisted.records.announcement import announcements
from kadtwisted.records.kinds import NATIVE_KINDS, RecordKinds
from kadtwisted.records.version import version_of
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.campaigns.announcements import chi_square, critical
from tests.node.serving.test_handlers import KEY, UNIX_NOW, HandlersCase

KEYS = [NodeKey.from_seed(number.to_bytes(32, "big")) for number in range(80)]
RULES = [announcements("kad", each.seed) for each in KEYS]
REMAINING = 1800


def host_of(number: int) -> str:
    """Each in a /16 of its own."""
    return f"30.{number}.0.1"


def made(number: int, host: str = "", at: float = 0.0, **changes: Any) -> bytes:
    """An announcement of the node with this number."""
    endpoint = Endpoint(host or host_of(number), 631)
    offer = Offer(KEY, Family.IPV4, endpoint, False, b"", REMAINING)._replace(**changes)
    return RULES[number].publish(offer, (), UNIX_NOW + at)


class AnnouncedCase(HandlersCase):
    kinds = RecordKinds((*NATIVE_KINDS, RULES[0]))

    def setUp(self) -> None:
        super().setUp()
        self.use(MemoryStorage(1000, 1_000_000))

    def store(self, number: int, record: bytes, host: str = "") -> Any:
        """The answer to a STORE of a node, from its own address or another one."""
        endpoint = Endpoint(host or host_of(number), 8000)
        body = Store(record, REMAINING)
        received = Received(body, endpoint, KEYS[number].public_key, proven=True)
        answer = self.handlers.handle(received)
        return self.successResultOf(answer) if isinstance(answer, Deferred) else answer

    def take(self, *numbers: int) -> None:
        for number in numbers:
            self.assertEqual(self.store(number, made(number)), Stored(REMAINING))

    def page(self, cursor: bytes = b"") -> Records:
        answer = self.answer(FindValue(KEY, Kind.ANNOUNCEMENT, b"", cursor), proven=False)
        assert isinstance(answer, Records)
        return answer

    def all(self) -> list[bytes]:
        """What the pages behind the sample have."""
        page = self.page()
        if not page.cursor:
            return [each.record for each in page.items]
        found: list[bytes] = []
        while page.cursor:
            page = self.page(page.cursor)
            found += [each.record for each in page.items]
        return found


class OwnerTests(AnnouncedCase):
    def test_a_node_announces_itself(self) -> None:
        self.take(1, 2)
        self.assertEqual({*self.all()}, {made(1), made(2)})

    def test_nobody_announces_another_address_not_by_a_second_identity_either(self) -> None:
        victim = made(1, host="198.51.100.99")
        for sender, host in ((1, ""), (2, ""), (2, "198.51.100.99")):
            self.refused(self.store(sender, victim, host), ErrorCode.INVALID_RECORD)
        self.assertEqual(self.all(), [])

    def test_nobody_brings_what_another_node_has_announced(self) -> None:
        for sender, host in ((2, ""), (2, host_of(1))):
            self.refused(self.store(sender, made(1), host), ErrorCode.INVALID_RECORD)
        offered = Have((HaveEntry(Kind.ANNOUNCEMENT, KEY, version_of(made(1))),))
        self.assertEqual(self.answer(offered).bitmap, b"\0")

    def test_bad_ones_leave_nothing(self) -> None:
        good = made(1)
        forged = good[:-1] + bytes([good[-1] ^ 1])
        self.refused(self.store(1, forged), ErrorCode.INVALID_RECORD)
        self.refused(self.store(1, made(1, at=301.0)), ErrorCode.CLOCK_SKEW)
        self.assertEqual(self.all(), [])

    def test_an_address_of_a_site_is_not_for_a_public_node(self) -> None:
        inside = made(1, host="10.0.0.1")
        self.assertEqual(self.store(1, inside, "10.0.0.1"), Stored(REMAINING))
        self.reach.is_public = True
        self.refused(self.store(2, made(2, host="10.0.0.2"), "10.0.0.2"), ErrorCode.INVALID_RECORD)

    def test_whoever_withdraws_is_told_as_such_and_old_ones_stay_out(self) -> None:
        self.take(1)
        gone = made(1, at=1.0, endpoint=None, lifetime=0)
        self.assertEqual(self.store(1, gone), Stored(REMAINING))
        self.refused(self.store(1, made(1)), ErrorCode.SUPERSEDED)
        self.assertEqual(self.all(), [gone])

    def test_no_longer_than_its_lifetime(self) -> None:
        self.assertEqual(self.store(1, made(1, lifetime=60)), Stored(60))
        self.time += 61.0
        self.assertEqual(self.all(), [])
        self.assertEqual(self.store(1, made(1, at=61.0)), Stored(REMAINING))


class PlacesTests(AnnouncedCase):
    def test_a_network_has_an_eighth_of_the_places_under_a_key(self) -> None:
        hosts = [f"40.0.{number}.1" for number in range(70)]
        answers = [self.store(n, made(n, host), host) for n, host in enumerate(hosts)]
        self.assertEqual(answers[:64], [Stored(REMAINING)] * 64)
        for each in answers[64:]:
            self.refused(each, ErrorCode.STORAGE_FULL)
        self.take(75)
        self.assertEqual(len(self.all()), 65)

    def test_a_restart_does_not_forget_from_which_network_they_came(self) -> None:
        storage = MemoryStorage(1000, 1_000_000)
        self.use(storage)
        hosts = [f"40.0.{number}.1" for number in range(65)]
        for number, host in enumerate(hosts[:64]):
            self.store(number, made(number, host), host)
        self.use(storage)
        self.successResultOf(Deferred.fromCoroutine(self.records.recall()))
        self.refused(self.store(64, made(64, hosts[64]), hosts[64]), ErrorCode.STORAGE_FULL)
        self.take(75)


class ReadingTests(AnnouncedCase):
    def test_a_few_come_at_once_with_contacts(self) -> None:
        self.take(1, 2)
        page = self.page()
        self.assertEqual((len(page.items), page.cursor), (2, b""))
        self.assertEqual(len(page.contacts), 8)

    def test_the_first_page_is_a_fair_sample(self) -> None:
        self.take(*range(40))
        drawn: Counter[bytes] = Counter()
        for _ in range(500):
            page = self.page()
            self.assertEqual((len({*page.items}), page.cursor), (4, b"\0"))
            drawn.update(each.record for each in page.items)
        self.assertEqual(len(drawn), 40)
        self.assertLess(chi_square(drawn.values()), critical(39))

    def test_all_are_behind_it(self) -> None:
        self.take(*range(40))
        self.assertEqual(sorted(self.all()), sorted(map(made, range(40))))

    def test_large_ones_come_one_at_a_time(self) -> None:
        for number in range(5):
            self.store(number, made(number, attributes=bytes(400)))
        self.assertEqual((len(self.page().items), len(self.all())), (1, 5))
