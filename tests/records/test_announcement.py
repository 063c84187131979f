"""Announcements: their bytes, what is refused, which wins, who may store one, how long it is good.

The bytes of `tests/vectors/announcements.json` are checked with those of the protocol's page.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ClockSkew, InvalidRecord, Superseded
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.announcing import Offer
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import key_of_name
from kadtwisted.records.announcement import announcements, good_for, place_of
from kadtwisted.records.kinds import Sender
from kadtwisted.testing.contracts.record_kind import RecordKindContract

NOW = 1.8e9
ANNA, BOB = (NodeKey.from_seed(bytes([number]) * 32) for number in (1, 2))
KINDS = {each: announcements("kad", each.seed) for each in (ANNA, BOB)}
KEY = key_of_name("printers")
AT = Endpoint("192.0.2.7", 631)
AT_IPV6 = Endpoint("2001:db8::7", 631)


def offer(**changes: Any) -> Offer:
    return Offer(KEY, Family.IPV4, AT, False, b"colour=1", 1800)._replace(**changes)


def made(who: NodeKey = ANNA, at: float = NOW, **changes: Any) -> bytes:
    return KINDS[who].publish(offer(**changes), (), at)


FIRST, SECOND = made(), made(at=NOW + 1)
WITHDRAWN = made(at=NOW + 2, endpoint=None, attributes=b"", lifetime=0)
LARGEST = made(BOB, family=Family.IPV6, endpoint=AT_IPV6, own_port=True, attributes=bytes(400))


class ContractTests(RecordKindContract, SynchronousTestCase):
    kind = KINDS[ANNA]
    records = (FIRST, SECOND, WITHDRAWN, LARGEST, made(BOB))
    wanted: ClassVar[Any] = offer()


class BytesTests(SynchronousTestCase):
    def refused(self, data: bytes) -> str:
        return self.assertRaises(InvalidRecord, KINDS[ANNA].identify, data).reason

    def forged(self, **changes: Any) -> str:
        """Why nobody, not even its owner, can make such an announcement."""
        return self.assertRaises(InvalidRecord, made, **changes).reason

    def test_what_was_made_is_read(self) -> None:
        told = KINDS[BOB].decode(LARGEST)
        self.assertEqual(
            told,
            (KEY, BOB.public_key, NOW * 1e6, 1800, Family.IPV6, AT_IPV6, True, bytes(400)),
        )
        self.assertEqual((told.deleted, KINDS[ANNA].decode(WITHDRAWN).deleted), (False, True))
        self.assertEqual((len(LARGEST), len(WITHDRAWN)), (546, 128))

    def test_a_node_has_one_place_in_each_family(self) -> None:
        for record, who, family in (
            (FIRST, ANNA, Family.IPV4),
            (WITHDRAWN, ANNA, Family.IPV4),
            (LARGEST, BOB, Family.IPV6),
        ):
            place = KINDS[ANNA].identify(record)
            self.assertEqual(place, place_of(KEY, who.public_key, family))

    def test_anybody_can_check_it_on_the_same_network_alone(self) -> None:
        self.assertEqual(KINDS[BOB].identify(FIRST), KINDS[ANNA].identify(FIRST))
        other = announcements("another", ANNA.seed)
        error = self.assertRaises(InvalidRecord, other.identify, FIRST)
        self.assertEqual(error.reason, "bad-signature")

    def test_every_changed_byte_is_refused(self) -> None:
        for record in (FIRST, WITHDRAWN):
            for at in range(len(record)):
                changed = record[:at] + bytes([record[at] ^ 0x41]) + record[at + 1 :]
                self.assertTrue(self.refused(changed))

    def test_what_is_no_announcement(self) -> None:
        self.assertEqual(self.refused(FIRST[:-1]), "bad-signature")
        self.assertEqual(self.refused(FIRST[:127]), "truncated")
        self.assertEqual(self.refused(b"\x01" + FIRST[1:]), "wrong-kind")
        self.assertEqual(self.refused(FIRST[:63] + b"\4" + FIRST[64:]), "unknown-flags")
        self.assertEqual(self.refused(FIRST[:53] + b"\x80" + FIRST[54:]), "bad-time")
        self.assertEqual(self.refused(FIRST[:64] + FIRST[-64:]), "truncated")
        self.assertEqual(self.refused(WITHDRAWN[:-64] + b"x" + WITHDRAWN[-64:]), "bad-withdrawal")
        self.assertEqual(self.refused(WITHDRAWN[:63] + b"\2" + WITHDRAWN[64:]), "bad-withdrawal")

    def test_what_nobody_can_make(self) -> None:
        self.assertEqual(self.forged(attributes=bytes(401)), "attributes-too-long")
        self.assertEqual(self.forged(lifetime=7201), "bad-lifetime")
        for host in ("0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"):
            self.assertEqual(self.forged(endpoint=Endpoint(host, 1)), "bad-address")
        for host in ("::", "ff02::1"):
            wrong = Endpoint(host, 1)
            self.assertEqual(self.forged(family=Family.IPV6, endpoint=wrong), "bad-address")
        self.assertEqual(self.forged(endpoint=Endpoint("192.0.2.7", 0)), "bad-address")

    def test_an_ipv4_address_is_not_written_as_ipv6(self) -> None:
        mapped = LARGEST[:64] + bytes(10) + b"\xff\xff" + bytes(4) + LARGEST[80:]
        self.assertEqual(self.refused(mapped), "bad-address")


class SequenceTests(SynchronousTestCase):
    def number(self, record: bytes) -> int:
        sequence = KINDS[ANNA].sequence
        assert sequence is not None
        return sequence(record)

    def test_it_is_the_time_but_later_than_what_was_seen_or_used(self) -> None:
        self.assertEqual(self.number(FIRST), NOW * 1e6)
        self.assertEqual(self.number(made(after=int(NOW * 1e6))), NOW * 1e6 + 1)
        publish = KINDS[ANNA].publish
        seen = [SECOND, made(BOB, at=NOW + 9)]
        self.assertEqual(self.number(publish(offer(), seen, NOW)), (NOW + 1) * 1e6 + 1)

    def test_a_number_that_nobody_can_have_accepted_is_forgotten(self) -> None:
        self.assertEqual(self.number(made(after=int((NOW + 301) * 1e6))), NOW * 1e6)

    def test_none_comes_after_the_end_of_time(self) -> None:
        last = made()
        seen = last[:53] + (2**63 - 1).to_bytes(8, "big") + last[61:]
        self.assertRaises(Superseded, KINDS[ANNA].publish, offer(), [seen], NOW)

    def test_one_from_the_future_is_refused(self) -> None:
        KINDS[ANNA].check(FIRST, NOW - 300)
        self.assertRaises(ClockSkew, KINDS[ANNA].check, FIRST, NOW - 301)


class OwnerTests(SynchronousTestCase):
    def refused(self, record: bytes, sender: Sender) -> str:
        return self.assertRaises(InvalidRecord, KINDS[BOB].admit, record, sender).reason

    def test_a_node_announces_its_own_address_alone(self) -> None:
        sender = Sender(AT._replace(port=8000), ANNA.public_key)
        KINDS[BOB].admit(FIRST, sender)
        elsewhere = sender._replace(endpoint=Endpoint("192.0.2.8", 631))
        self.assertEqual(self.refused(FIRST, elsewhere), "foreign-address")

    def test_nobody_brings_the_announcement_of_another(self) -> None:
        for record in (FIRST, WITHDRAWN):
            self.assertEqual(self.refused(record, Sender(AT, BOB.public_key)), "another-nodes")

    def test_a_port_that_is_said_to_be_the_nodes_own_must_be_it(self) -> None:
        record = made(own_port=True)
        KINDS[BOB].admit(record, Sender(AT, ANNA.public_key))
        other = Sender(AT._replace(port=632), ANNA.public_key)
        self.assertEqual(self.refused(record, other), "foreign-address")

    def test_an_address_that_no_contact_may_have_is_refused(self) -> None:
        sender = Sender(AT, ANNA.public_key, welcome=False)
        self.assertEqual(self.refused(FIRST, sender), "foreign-address")

    def test_it_is_withdrawn_from_anywhere(self) -> None:
        KINDS[BOB].admit(WITHDRAWN, Sender(Endpoint("198.51.100.1", 1), ANNA.public_key))


class TimeTests(SynchronousTestCase):
    def test_it_is_kept_for_its_lifetime(self) -> None:
        self.assertEqual([KINDS[ANNA].longest(each) for each in (FIRST, WITHDRAWN)], [1800, 7200])

    def test_whatever_holders_say_it_is_good_for_its_lifetime_and_five_minutes(self) -> None:
        self.assertEqual(good_for(FIRST, NOW), 2100)
        self.assertEqual(good_for(FIRST, NOW + 2100), 0)
