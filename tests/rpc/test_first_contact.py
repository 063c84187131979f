"""FirstContact: endpoints from contact lists cannot be aimed at anybody."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.first_contact import FirstContact

HERE = Endpoint("192.0.2.1", 4000)


def ports(host: str, count: int, first: int = 1) -> list[Endpoint]:
    """Endpoints on one host."""
    return [Endpoint(host, first + number) for number in range(count)]


def allowed(first_contact: FirstContact, endpoints: list[Endpoint], now: float) -> int:
    """How many of them may be asked now."""
    return sum(first_contact.may_ask(each, now) for each in endpoints)


class EndpointTests(SynchronousTestCase):
    def test_one_datagram_a_minute(self) -> None:
        first_contact = FirstContact()
        moments = [second for second in range(301) if first_contact.may_ask(HERE, float(second))]
        self.assertEqual(moments, [0, 60, 120, 180, 240, 300])

    def test_asking_in_vain_does_not_lengthen_the_wait(self) -> None:
        first_contact = FirstContact()
        self.assertTrue(first_contact.may_ask(HERE, 0.0))
        self.assertFalse(first_contact.may_ask(HERE, 59.999))
        self.assertTrue(first_contact.may_ask(HERE, 60.0))

    def test_one_that_answered_is_free(self) -> None:
        first_contact = FirstContact()
        self.assertTrue(first_contact.may_ask(HERE, 0.0))
        first_contact.answered(HERE)
        self.assertTrue(first_contact.may_ask(HERE, 0.0))

    def test_an_answer_frees_that_endpoint_only(self) -> None:
        first_contact = FirstContact()
        both = ports("192.0.2.1", 2)
        self.assertEqual(allowed(first_contact, both, 0.0), 2)
        first_contact.answered(both[0])
        self.assertEqual([first_contact.may_ask(each, 1.0) for each in both], [True, False])

    def test_an_answer_from_nobody_asked_changes_nothing(self) -> None:
        first_contact = FirstContact()
        first_contact.answered(HERE)
        self.assertEqual(len(first_contact), 0)
        self.assertTrue(first_contact.may_ask(HERE, 0.0))


class AddressTests(SynchronousTestCase):
    def test_five_a_second_to_one_ipv4_address(self) -> None:
        first_contact = FirstContact()
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100), 0.0), 5)
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100, 1000), 0.4), 2)
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100, 2000), 0.5), 0)
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100, 3000), 50.0), 5)

    def test_who_is_refused_for_the_address_is_not_put_off_for_a_minute(self) -> None:
        first_contact = FirstContact()
        many = ports("192.0.2.1", 6)
        self.assertEqual(allowed(first_contact, many, 0.0), 5)
        self.assertTrue(first_contact.may_ask(many[5], 0.2))

    def test_who_is_put_off_costs_the_address_nothing(self) -> None:
        first_contact = FirstContact()
        self.assertEqual([first_contact.may_ask(HERE, 0.0) for _ in range(50)].count(True), 1)
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 50), 0.0), 4)

    def test_ipv4_addresses_do_not_share(self) -> None:
        first_contact = FirstContact()
        others = [Endpoint(f"192.0.{number}.2", 1) for number in range(1, 101)]
        self.assertEqual(allowed(first_contact, others, 0.0), 100)

    def test_a_whole_ipv6_64_shares(self) -> None:
        first_contact = FirstContact()
        one = [Endpoint(f"2001:db8:1:2:{number:x}::1", 1) for number in range(1, 101)]
        self.assertEqual(allowed(first_contact, one, 0.0), 5)
        self.assertFalse(first_contact.may_ask(Endpoint("2001:db8:1:2::", 1), 0.0))
        other = [Endpoint(f"2001:db8:2:{number:x}::1", 1) for number in range(100, 120)]
        self.assertEqual(allowed(first_contact, other, 0.0), 20)

    def test_ten_thousand_names_of_a_victim_are_five_datagrams_a_second(self) -> None:
        first_contact = FirstContact()
        victim = ports("198.51.100.1", 10_000)
        sent = [allowed(first_contact, victim, float(second)) for second in range(10)]
        self.assertEqual(sent, [5] * 4 + [0] * 6)  # then its block has had enough

    def test_loopback_knows_no_victim(self) -> None:
        for host in ("127.0.0.1", "127.9.9.9", "::1"):
            first_contact = FirstContact()
            self.assertEqual(allowed(first_contact, ports(host, 100), 0.0), 100)
            self.assertEqual(allowed(first_contact, ports(host, 100), 59.0), 0)

    def test_what_only_looks_like_loopback_is_none(self) -> None:
        for host in ("12.7.0.1", "1.127.0.1", "::10", "::2"):
            self.assertEqual(allowed(FirstContact(), ports(host, 100), 0.0), 5)

    def test_a_clock_that_stands_still_refills_nothing(self) -> None:
        first_contact = FirstContact()
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100), 7.0), 5)
        self.assertEqual(allowed(first_contact, ports("192.0.2.1", 100, 1000), 7.0), 0)


class BlockTests(SynchronousTestCase):
    """What lists name with ever new addresses of one block."""

    def carpet(self, block: str, count: int = 90, port: int = 1) -> list[Endpoint]:
        return [Endpoint(block.format(number), port) for number in range(1, 1 + count)]

    def test_twenty_a_minute_into_one_24_or_48(self) -> None:
        for block in ("198.51.100.{}", "2001:db8:bad:{}::1"):
            first_contact = FirstContact()
            self.assertEqual(allowed(first_contact, self.carpet(block), 0.0), 20)
            self.assertEqual(allowed(first_contact, self.carpet(block, port=2), 59.9), 0)
            self.assertEqual(allowed(first_contact, self.carpet(block, port=3), 60.0), 20)

    def test_in_no_minute_more_wherever_it_begins(self) -> None:
        first_contact = FirstContact()
        sent: list[float] = []
        for second in range(600):
            hosts = self.carpet("198.51.100.{}", 3, port=1 + second)
            sent += [float(second)] * allowed(first_contact, hosts, float(second))
        for start in range(600):
            self.assertLessEqual(sum(start <= at < start + 60 for at in sent), 20)
        self.assertGreater(len(sent), 180)

    def test_neighbouring_blocks_do_not_share(self) -> None:
        first_contact = FirstContact()
        for block in ("198.51.100.{}", "198.51.101.{}", "2001:db8:1:{}::1", "2001:db8:2:{}::1"):
            self.assertEqual(allowed(first_contact, self.carpet(block), 0.0), 20)

    def test_who_is_refused_for_the_block_is_not_put_off_for_a_minute(self) -> None:
        first_contact = FirstContact()
        first, later = self.carpet("198.51.100.{}", 20), self.carpet("198.51.100.{}", 1, port=2)
        self.assertEqual(allowed(first_contact, first[:10], 0.0), 10)
        self.assertEqual(allowed(first_contact, first[10:], 30.0), 10)
        self.assertEqual(allowed(first_contact, later, 59.0), 0)
        self.assertEqual(allowed(first_contact, later, 60.0), 1)

    def test_who_is_refused_for_the_block_costs_the_address_nothing(self) -> None:
        first_contact = FirstContact()
        self.assertEqual(allowed(first_contact, self.carpet("198.51.100.{}", 20), 0.0), 20)
        for _ in range(20):
            self.assertEqual(allowed(first_contact, self.carpet("198.51.100.{}", 1, 9), 59.0), 0)
        self.assertEqual(allowed(first_contact, ports("198.51.100.1", 9, 10), 60.0), 5)

    def test_a_site_joins_at_full_speed(self) -> None:
        """Only nodes of the same site are believed about its addresses."""
        for block in ("10.7.7.{}", "192.168.1.{}", "169.254.9.{}", "fd00:7:7:{}::1", "fe80::{}"):
            first_contact = FirstContact()
            sent = [allowed(first_contact, [each], 0.2 * n)
                    for n, each in enumerate(self.carpet(block, 100))]  # fmt: skip
            self.assertEqual(sum(sent), 100, block)

    def test_a_site_has_the_other_limits(self) -> None:
        first_contact = FirstContact()
        self.assertEqual(allowed(first_contact, ports("10.7.7.7", 100), 0.0), 5)
        self.assertFalse(first_contact.may_ask(Endpoint("10.7.7.7", 1), 1.0))

    def test_who_has_proven_its_address_is_no_victim(self) -> None:
        first_contact = FirstContact()
        crowd = self.carpet("198.51.100.{}")
        self.assertTrue(all(first_contact.may_meet(each, 0.0) for each in crowd))
        self.assertFalse(any(first_contact.may_meet(each, 59.0) for each in crowd))
        self.assertEqual(allowed(first_contact, self.carpet("198.51.100.{}", port=2), 0.0), 20)


class BoundTests(SynchronousTestCase):
    def test_little_is_remembered(self) -> None:
        first_contact = FirstContact(capacity=50)
        for number in range(1_000):
            first_contact.may_ask(Endpoint(f"10.0.{number // 250}.{number % 250}", 1), 0.0)
            self.assertLessEqual(len(first_contact), 100)
        self.assertEqual(len(first_contact), 100)

    def test_little_is_remembered_of_blocks(self) -> None:
        first_contact = FirstContact(capacity=50)
        for number in range(1_000):
            first_contact.may_ask(Endpoint(f"100.{number // 250}.{number % 250}.1", 1), 0.0)
            self.assertLessEqual(len(first_contact), 150)
        self.assertEqual(len(first_contact), 150)

    def test_the_oldest_goes_first(self) -> None:
        first_contact = FirstContact(capacity=3)
        endpoints = ports("127.0.0.1", 4)
        self.assertEqual(allowed(first_contact, endpoints, 0.0), 4)
        self.assertEqual([first_contact.may_ask(each, 1.0) for each in endpoints[1:]], [False] * 3)
        self.assertTrue(first_contact.may_ask(endpoints[0], 1.0))

    def test_asked_again_is_young_again(self) -> None:
        first_contact = FirstContact(capacity=2)
        one, two, three = ports("127.0.0.1", 3)
        self.assertEqual(allowed(first_contact, [one, two], 0.0), 2)
        self.assertTrue(first_contact.may_ask(one, 60.0))
        self.assertTrue(first_contact.may_ask(three, 60.0))  # drives out the second one
        self.assertFalse(first_contact.may_ask(one, 61.0))

    def test_an_address_in_use_is_not_the_one_forgotten(self) -> None:
        """Or naming many others would renew a victim's budget."""
        first_contact = FirstContact(capacity=3)
        victim = ports("198.51.100.1", 50)
        sent = 0
        for number, endpoint in enumerate(victim):
            sent += first_contact.may_ask(endpoint, 0.0)
            first_contact.may_ask(Endpoint(f"10.0.0.{number}", 1), 0.0)
        self.assertEqual(sent, 5)


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from((0.0, 0.1, 0.5, 30.0)),
                st.sampled_from(("192.0.2.1", "2001:db8::1", "2001:db8::2", "127.0.0.1")),
                st.integers(1, 8),
            ),
            max_size=60,
        )
    )
    def test_no_order_of_asking_gets_more_through(
        self, steps: list[tuple[float, str, int]]
    ) -> None:
        first_contact = FirstContact()
        now = 0.0
        sent: list[tuple[float, Endpoint]] = []
        for wait, host, port in steps:
            now += wait
            endpoint = Endpoint(host, port)
            if first_contact.may_ask(endpoint, now):
                sent.append((now, endpoint))
        for index, (moment, endpoint) in enumerate(sent):
            later = sent[index + 1 :]
            self.assertFalse([1 for at, other in later if other == endpoint and at - moment < 60])
            if endpoint.host != "127.0.0.1":
                same = endpoint.family
                window = [1 for at, other in later if other.family == same and at - moment < 0.999
                          and other.host != "127.0.0.1"]  # fmt: skip
                self.assertLessEqual(1 + len(window), 10)  # a full bucket, and a second's refill
