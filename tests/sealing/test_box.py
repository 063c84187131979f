"""Sealed datagrams: what opens, what is refused, and how much public-key work either costs."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b, shake_256

from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add, crypto_sign_seed_keypair
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.constants import NO_TOKEN
from kadtwisted.errors import (
    ConfigurationError,
    InvalidInput,
    LocalError,
    MalformedDatagram,
    SendFailed,
)
from kadtwisted.sealing.box import (
    RANDOM_BATCH,
    BoxSealer,
    network_key,
    random_parts,
    shared_secret,
    tag_key,
)
from kadtwisted.sealing.forms import FOR_ALL, FORMS, SEALED_MARK, Form
from kadtwisted.sealing.interface import ISealer

NET = network_key("test", None)
OLD = network_key("test", b"the secret of last year")
TOKEN = b"a token!"
HEADER_ENDS = {
    Form.REQUEST: 65,
    Form.REPLY: 25,
    Form.HELLO: 65,
    Form.HELLO_ANSWER: 57,
    Form.COOKIE: 25,
}

PRIME = 2**255 - 19
ORDER_8_POINT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
BAD_KEYS = {
    "of another length": b"\x01" * 31,
    "nothing": b"",
    "the neutral point": (1).to_bytes(32, "little"),
    "a point of order 2": (PRIME - 1).to_bytes(32, "little"),
    "points of order 4": bytes(32),
    "a point of order 8": ORDER_8_POINT,
    "no point at all": (2).to_bytes(32, "little"),
    "all ones": b"\xff" * 32,
}


def seed(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=32).digest()


class RandomSource:
    """Predictable bytes that never repeat; remembers how many were drawn."""

    def __init__(self, name: str = "") -> None:
        self.name = name.encode()
        self.drawn = b""

    def __call__(self, size: int) -> bytes:
        at = len(self.drawn)
        self.drawn += shake_256(self.name + at.to_bytes(8, "big")).digest(size)
        return self.drawn[at:]


class CountingAgreement:
    """The real X25519, counted."""

    def __init__(self) -> None:
        self.computed = 0

    def __call__(self, curve_secret: bytes, public_key: bytes) -> bytes:
        self.computed += 1
        return shared_secret(curve_secret, public_key)


class Node:
    """A sealer and the count of its public-key work."""

    def __init__(self, name: str, *networks: bytes, cache_size: int = 8) -> None:
        self.work = CountingAgreement()
        self.sealer = BoxSealer(
            seed(name), networks or (NET,), RandomSource(name), cache_size, self.work
        )
        self.key = self.sealer.public_key

    def seal(
        self, form: Form, to: Node, body: bytes = b"body", token: bytes = TOKEN, network: int = 0
    ) -> bytes:
        return self.sealer.seal(form, body, b"" if form in FOR_ALL else to.key, token, network)

    def receive(self, datagram: bytes, sender: Node, remember: bool = False) -> bytes:
        header = self.sealer.inspect(datagram)
        return self.sealer.open(datagram, header, header.key or sender.key, remember)


class BoxTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.alice = Node("alice")
        self.bob = Node("bob")
        self.carol = Node("carol")

    def refused(self, reason: str, at: Node, datagram: bytes) -> None:
        """Refused with that reason when inspected, without public-key work."""
        before = at.work.computed
        error = self.assertRaises(MalformedDatagram, at.sealer.inspect, datagram)
        self.assertEqual(error.reason, reason)
        self.assertEqual(at.work.computed, before)

    def does_not_open(self, reason: str, at: Node, datagram: bytes, sender: bytes) -> None:
        """Passes the inspection, and is refused with that reason when opened."""
        header = at.sealer.inspect(datagram)
        error = self.assertRaises(
            MalformedDatagram, at.sealer.open, datagram, header, sender, False
        )
        self.assertEqual(error.reason, reason)


def tagged(first: int, random: bytes, shown: bytes, box: bytes, key: bytes) -> bytes:
    """A datagram with a true tag, as anybody can make one who knows the network key."""
    covered = bytes((first,)) + random + shown
    tag = blake2b(covered, digest_size=8, key=key).digest()
    return covered[:17] + tag + shown + box


class GoodDatagrams(BoxTestCase):
    def test_it_is_a_sealer(self) -> None:
        self.assertTrue(verifyObject(ISealer, self.alice.sealer))

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.sampled_from(FORMS), st.binary(max_size=1151), st.binary(min_size=8, max_size=8))
    def test_what_is_sealed_opens(self, form: Form, body: bytes, token: bytes) -> None:
        alice, bob = Node("alice"), Node("bob")
        datagram = alice.seal(form, bob, body, token)
        header = bob.sealer.inspect(datagram)
        shows_key = form in (Form.REQUEST, Form.HELLO, Form.HELLO_ANSWER)
        shows_token = form in (Form.REQUEST, Form.HELLO)
        expected = (form, alice.key if shows_key else b"", token if shows_token else NO_TOKEN, 0)
        self.assertEqual(header, expected)
        self.assertEqual(bob.receive(datagram, alice), body)

    def test_overheads(self) -> None:
        sealer = self.alice.sealer
        self.assertEqual(
            (sealer.request_overhead, sealer.reply_overhead, sealer.hello_answer_overhead),
            (81, 41, 73),
        )
        sizes = [len(self.alice.seal(form, self.bob, b"")) for form in FORMS]
        self.assertEqual(sizes, [81, 41, 81, 73, 41])

    def test_the_first_byte(self) -> None:
        firsts = [self.alice.seal(form, self.bob)[0] for form in FORMS]
        self.assertEqual(firsts, [SEALED_MARK | form for form in FORMS])

    def test_the_body_is_not_legible(self) -> None:
        for form in FORMS:
            self.assertNotIn(b"secret body", self.alice.seal(form, self.bob, b"secret body"))

    def test_a_node_may_write_to_itself(self) -> None:
        datagram = self.alice.seal(Form.REQUEST, self.alice)
        self.assertEqual(self.alice.receive(datagram, self.alice), b"body")

    def test_hello_and_cookie_open_for_every_node_of_the_network(self) -> None:
        for form in (Form.HELLO, Form.COOKIE):
            datagram = self.alice.seal(form, self.bob)
            for node in (self.bob, self.carol):
                self.assertEqual(node.receive(datagram, self.alice), b"body")


class BadDatagrams(BoxTestCase):
    """b9 and j4 of the list of what must hold."""

    def test_reflected(self) -> None:
        for form in (Form.REQUEST, Form.REPLY, Form.HELLO_ANSWER):
            self.refused("wrong-tag", self.alice, self.alice.seal(form, self.bob))

    def test_only_who_holds_a_key_answers_a_hello_under_it(self) -> None:
        """By that a node tells a twin from anybody else."""
        twin = self.alice
        hello = self.alice.seal(Form.HELLO, self.bob)
        self.assertEqual(twin.sealer.inspect(hello).key, self.alice.key)
        answer = twin.seal(Form.HELLO_ANSWER, twin)
        self.assertEqual(self.alice.receive(answer, twin), b"body")
        key = tag_key(NET, self.alice.key)
        for other in (self.bob, self.carol):
            forged = other.seal(Form.HELLO_ANSWER, self.alice)
            again = tagged(forged[0], forged[1:17], self.alice.key, forged[57:], key)
            self.does_not_open("bad-box", self.alice, again, self.alice.key)

    def test_reflected_by_one_who_computes_the_tag_anew(self) -> None:
        """With the network key he gets past the tag; the box is bound to its direction."""
        key = tag_key(NET, self.alice.key)
        request = self.alice.seal(Form.REQUEST, self.bob)
        again = tagged(request[0], request[1:17], self.bob.key + TOKEN, request[65:], key)
        self.does_not_open("bad-box", self.alice, again, self.bob.key)
        reply = self.alice.seal(Form.REPLY, self.bob)
        again = tagged(reply[0], reply[1:17], b"", reply[25:], key)
        self.does_not_open("bad-box", self.alice, again, self.bob.key)

    def test_a_box_does_not_open_backwards_even_under_its_own_nonce(self) -> None:
        """Direction is bound by the key of the box alone, whatever the tag says."""
        request = self.alice.seal(Form.REQUEST, self.bob)
        header = self.bob.sealer.inspect(request)
        error = self.assertRaises(
            MalformedDatagram, self.alice.sealer.open, request, header, self.bob.key, False
        )
        self.assertEqual(error.reason, "bad-box")

    def test_every_bit_of_every_header(self) -> None:
        for form in FORMS:
            datagram = self.alice.seal(form, self.bob)
            for flipped in flips(datagram, 0, HEADER_ENDS[form]):
                self.assertRaises(MalformedDatagram, self.bob.sealer.inspect, flipped)
        self.assertEqual(self.bob.work.computed, 0)

    def test_every_bit_of_every_box(self) -> None:
        for form in FORMS:
            datagram = self.alice.seal(form, self.bob)
            for flipped in flips(datagram, HEADER_ENDS[form], len(datagram)):
                self.does_not_open("bad-box", self.bob, flipped, self.alice.key)

    def test_a_header_changed_by_one_who_computes_the_tag_anew(self) -> None:
        """The tag is a part of the nonce, so the box is bound to the header."""
        key = tag_key(NET, self.bob.key)
        request = self.alice.seal(Form.REQUEST, self.bob)
        for flipped in flips(request[57:65], 0, 8):
            again = tagged(request[0], request[1:17], self.alice.key + flipped, request[65:], key)
            self.does_not_open("bad-box", self.bob, again, self.alice.key)
        again = tagged(request[0], request[1:17], self.carol.key + TOKEN, request[65:], key)
        self.does_not_open("bad-box", self.bob, again, self.carol.key)
        again = tagged(request[0], request[1:17], request[25:65], request[65:], key)
        self.assertEqual(again, request)

    def test_a_request_read_as_a_reply_and_back(self) -> None:
        key = tag_key(NET, self.bob.key)
        request = self.alice.seal(Form.REQUEST, self.bob)
        as_reply = bytes((SEALED_MARK | Form.REPLY,)) + request[1:]
        self.refused("wrong-tag", self.bob, as_reply)
        self.refused("wrong-tag", self.bob, as_reply[:25] + request[65:])
        forged = tagged(as_reply[0], request[1:17], b"", request[65:], key)
        self.does_not_open("bad-box", self.bob, forged, self.alice.key)
        reply = self.alice.seal(Form.REPLY, self.bob)
        shown = self.alice.key + TOKEN
        forged = tagged(SEALED_MARK | Form.REQUEST, reply[1:17], shown, reply[25:], key)
        self.does_not_open("bad-box", self.bob, forged, self.alice.key)

    def test_another_recipient_costs_no_public_key_work(self) -> None:
        for form in (Form.REQUEST, Form.REPLY, Form.HELLO_ANSWER):
            self.refused("wrong-tag", self.carol, self.alice.seal(form, self.bob))
        self.assertEqual(self.carol.work.computed, 0)

    def test_another_network_costs_no_public_key_work(self) -> None:
        for other in (network_key("tests", None), OLD):
            stranger = Node("bob", other)
            self.assertEqual(stranger.key, self.bob.key)
            for form in FORMS:
                self.refused("wrong-tag", stranger, self.alice.seal(form, self.bob))
            self.assertEqual(stranger.work.computed, 0)

    def test_opened_under_another_senders_key(self) -> None:
        """As when a reply is tried with the keys of all requests in flight to its endpoint."""
        reply = self.alice.seal(Form.REPLY, self.bob)
        self.does_not_open("bad-box", self.bob, reply, self.carol.key)
        answer = self.alice.seal(Form.HELLO_ANSWER, self.bob)
        self.does_not_open("bad-box", self.bob, answer, self.carol.key)

    def test_too_short(self) -> None:
        for form in FORMS:
            datagram = self.alice.seal(form, self.bob, b"")
            for size in range(len(datagram)):
                self.refused("too-short", self.bob, datagram[:size])
            self.assertEqual(self.bob.receive(datagram, self.alice), b"")

    def test_foreign_first_bytes(self) -> None:
        ours = {SEALED_MARK | form for form in FORMS}
        for first in range(256):
            reason = "wrong-tag" if first in ours else "unknown-form"
            self.refused(reason, self.bob, bytes((first,)) + bytes(100))

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.binary(max_size=120), st.sampled_from(FORMS))
    def test_no_bytes_raise_anything_else(self, junk: bytes, form: Form) -> None:
        """Neither raw, nor with a true tag in front of them."""
        bob, alice = Node("bob"), Node("alice")
        self.assertRaises(MalformedDatagram, bob.sealer.inspect, junk)
        shown = junk[: HEADER_ENDS[form] - 25].ljust(HEADER_ENDS[form] - 25, b"\0")
        key = tag_key(NET, b"" if form in FOR_ALL else bob.key)
        datagram = tagged(SEALED_MARK | form, bytes(16), shown, bytes(16) + junk, key)
        self.assertRaises(MalformedDatagram, bob.receive, datagram, alice)


def flips(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """The data with each bit of ``data[start:end]`` flipped in turn."""
    for bit in range(8 * start, 8 * end):
        changed = bytearray(data)
        changed[bit // 8] ^= 0x80 >> bit % 8
        yield bytes(changed)


class BadKeys(BoxTestCase):
    def bad_keys(self) -> Iterator[bytes]:
        yield from BAD_KEYS.values()
        # Every number from p to 2^255 - 1, with either sign: other spellings of 0 to 18.
        for y in range(PRIME, 2**255):
            yield y.to_bytes(32, "little")
            yield (y + 2**255).to_bytes(32, "little")
        # A good key plus a point of order 8 would give the same secret under another ID.
        yield crypto_core_ed25519_add(self.alice.key, ORDER_8_POINT)

    def test_in_a_request_or_hello_answer(self) -> None:
        key = tag_key(NET, self.bob.key)
        for form, tail in ((Form.REQUEST, NO_TOKEN), (Form.HELLO_ANSWER, b"")):
            for bad in self.bad_keys():
                shown = bad.ljust(32, b"\0") + tail
                datagram = tagged(SEALED_MARK | form, bytes(16), shown, bytes(20), key)
                self.does_not_open("bad-key", self.bob, datagram, shown[:32])

    def test_in_a_hello_whose_box_is_good(self) -> None:
        """Else the answer to it would be the first to notice."""
        for bad in self.bad_keys():
            forger = Node("forger")
            forger.sealer._outgoing = tuple(
                each._replace(shown=bad.ljust(32, b"\0")) for each in forger.sealer._outgoing
            )
            datagram = forger.seal(Form.HELLO, self.bob)
            self.does_not_open("bad-key", self.bob, datagram, datagram[25:57])

    def test_as_the_sender_a_reply_is_tried_with(self) -> None:
        reply = self.alice.seal(Form.REPLY, self.bob)
        for bad in self.bad_keys():
            self.does_not_open("bad-key", self.bob, reply, bad)

    def test_as_recipient(self) -> None:
        for form in (Form.REQUEST, Form.REPLY, Form.HELLO_ANSWER):
            for bad in self.bad_keys():
                error = self.assertRaises(
                    SendFailed, self.alice.sealer.seal, form, b"", bad, NO_TOKEN, 0
                )
                self.assertIsInstance(error, LocalError)
                self.assertIn(bad.hex() or "(none)", str(error))

    def test_good_keys_agree(self) -> None:
        """The list above shows nothing unless most keys are good."""
        for number in range(20):
            node = Node(f"good {number}")
            self.assertEqual(self.bob.receive(node.seal(Form.REPLY, self.bob), node), b"body")

    def test_a_bad_key_is_not_remembered(self) -> None:
        for _ in range(2):
            before = self.alice.work.computed
            self.assertRaises(
                SendFailed, self.alice.sealer.seal, Form.REQUEST, b"", bytes(32), NO_TOKEN, 0
            )
            self.assertEqual(self.alice.work.computed, before + 1)


class Cache(BoxTestCase):
    """Which secrets are kept: counted by what has to be computed again."""

    def request(self, sender: Node, to: Node, remember: bool) -> int:
        """How much public-key work a request costs its recipient."""
        before = to.work.computed
        to.receive(sender.seal(Form.REQUEST, to), sender, remember)
        return to.work.computed - before

    def test_a_stranger_is_answered_without_a_second_computation(self) -> None:
        self.assertEqual(self.request(self.alice, self.bob, remember=False), 1)
        self.bob.seal(Form.REPLY, self.alice)
        self.assertEqual(self.bob.work.computed, 1)

    def test_so_is_a_hello(self) -> None:
        self.bob.receive(self.alice.seal(Form.HELLO, self.bob), self.alice)
        self.assertEqual(self.bob.work.computed, 1)
        self.alice.receive(self.bob.seal(Form.HELLO_ANSWER, self.alice), self.bob)
        self.assertEqual(self.bob.work.computed, 1)

    def test_strangers_are_forgotten(self) -> None:
        self.assertEqual(self.request(self.alice, self.bob, remember=False), 1)
        self.assertEqual(self.request(self.carol, self.bob, remember=False), 1)
        self.assertEqual(self.request(self.alice, self.bob, remember=False), 1)

    def test_answering_a_stranger_remembers_nobody(self) -> None:
        for form in (Form.REPLY, Form.HELLO_ANSWER):
            bob = Node("bob")
            bob.seal(form, self.alice)
            bob.seal(form, self.carol)
            self.assertEqual(self.request(self.alice, bob, remember=False), 1)

    def test_who_is_vouched_for_is_remembered(self) -> None:
        self.assertEqual(self.request(self.alice, self.bob, remember=True), 1)
        self.assertEqual(self.request(self.carol, self.bob, remember=True), 1)
        self.assertEqual(self.request(self.alice, self.bob, remember=False), 0)
        self.assertEqual(self.request(self.carol, self.bob, remember=False), 0)

    def test_whom_we_ask_is_remembered(self) -> None:
        self.bob.seal(Form.REQUEST, self.alice)
        self.bob.seal(Form.REQUEST, self.carol)
        self.assertEqual(self.bob.work.computed, 2)
        for node in (self.alice, self.carol):
            self.bob.receive(node.seal(Form.REPLY, self.bob), node)
            self.bob.seal(Form.REQUEST, node)
        self.assertEqual(self.bob.work.computed, 2)

    def test_a_known_sender_s_hello_costs_nothing(self) -> None:
        self.request(self.alice, self.bob, remember=True)
        self.request(self.carol, self.bob, remember=False)
        self.bob.receive(self.alice.seal(Form.HELLO, self.bob), self.alice)
        self.assertEqual(self.bob.work.computed, 2)

    def test_a_datagram_that_does_not_open_makes_nobody_remembered(self) -> None:
        datagram = bytearray(self.alice.seal(Form.REQUEST, self.bob))
        datagram[-1] ^= 1
        self.assertRaises(
            MalformedDatagram, self.bob.receive, bytes(datagram), self.alice, remember=True
        )
        self.request(self.carol, self.bob, remember=False)
        self.assertEqual(self.request(self.alice, self.bob, remember=False), 1)

    def test_it_is_bounded_and_those_not_used_lately_go_first(self) -> None:
        bob = Node("bob", cache_size=4)
        dave, eve = Node("dave"), Node("eve")
        self.request(self.alice, bob, remember=True)
        self.request(self.carol, bob, remember=True)
        self.assertEqual(self.request(dave, bob, remember=True), 1)
        # A datagram that opens is a use, and keeps alice when room is needed again.
        self.assertEqual(self.request(self.alice, bob, remember=False), 0)
        self.assertEqual(self.request(eve, bob, remember=True), 1)
        self.assertEqual(self.request(self.alice, bob, remember=False), 0)
        self.assertEqual(self.request(dave, bob, remember=False), 0)
        self.assertEqual(self.request(self.carol, bob, remember=False), 1)

    def test_what_does_not_open_is_no_use(self) -> None:
        bob = Node("bob", cache_size=4)
        datagram = bytearray(self.alice.seal(Form.REQUEST, bob))
        datagram[-1] ^= 1
        for node in (self.alice, self.carol, Node("dave")):
            self.request(node, bob, remember=True)
        self.assertRaises(MalformedDatagram, bob.receive, bytes(datagram), self.alice)
        self.request(Node("eve"), bob, remember=True)
        self.request(Node("fred"), bob, remember=True)
        self.assertEqual(self.request(self.alice, bob, remember=False), 1)

    def test_asking_many_stays_bounded(self) -> None:
        bob = Node("bob", cache_size=4)
        for number in range(10):
            bob.seal(Form.REQUEST, Node(f"node {number}"))
            self.assertLessEqual(len(bob.sealer._secrets), 4)
        self.assertEqual(len(bob.sealer._secrets), 4)

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("alice", "carol", "dave")),
                st.sampled_from((Form.REQUEST, Form.REPLY, Form.HELLO, Form.HELLO_ANSWER)),
                st.booleans(),
            ),
            max_size=10,
        )
    )
    def test_whatever_came_before_a_secret_is_the_right_one(
        self, steps: list[tuple[str, Form, bool]]
    ) -> None:
        bob = Node("bob", cache_size=2)
        for name, form, remember in steps:
            other = Node(name)  # which remembers nothing itself
            self.assertEqual(bob.receive(other.seal(form, bob, b"in"), other, remember), b"in")
            self.assertEqual(other.receive(bob.seal(form, other, b"out"), bob), b"out")


class Rotation(BoxTestCase):
    """Several network secrets at once, so that one can be replaced without a gap."""

    def test_both_are_accepted_and_the_index_is_told(self) -> None:
        both = Node("bob", NET, OLD)
        for index, network in enumerate((NET, OLD)):
            single = Node("alice", network)
            for form in FORMS:
                datagram = single.seal(form, both)
                self.assertEqual(both.sealer.inspect(datagram).network, index)
                self.assertEqual(both.receive(datagram, single), b"body")
        self.assertEqual((both.sealer.networks, self.alice.sealer.networks), (2, 1))

    def test_the_answer_goes_out_under_the_network_asked_for(self) -> None:
        both = Node("bob", NET, OLD)
        new, old = Node("alice", NET), Node("alice", OLD)
        for form in FORMS:
            self.assertEqual(old.receive(both.seal(form, old, network=1), both), b"body")
            self.refused("wrong-tag", new, both.seal(form, new, network=1))
            self.assertEqual(new.receive(both.seal(form, new, network=0), both), b"body")

    def test_one_computation_serves_both(self) -> None:
        both = Node("bob", NET, OLD)
        both.receive(Node("alice", NET).seal(Form.REQUEST, both), self.alice, remember=True)
        both.receive(Node("alice", OLD).seal(Form.REQUEST, both), self.alice, remember=True)
        self.assertEqual(both.work.computed, 1)

    def test_a_box_is_bound_to_its_network(self) -> None:
        """Whoever knows both network keys cannot pass a datagram from one to the other."""
        both = Node("bob", NET, OLD)
        request = self.alice.seal(Form.REQUEST, both)
        key = tag_key(OLD, both.key)
        moved = tagged(request[0], request[1:17], request[25:65], request[65:], key)
        self.does_not_open("bad-box", both, moved, self.alice.key)


class Nonces(BoxTestCase):
    def test_none_is_used_twice(self) -> None:
        count = 3 * RANDOM_BATCH // 16
        nonces = [self.alice.seal(FORMS[n % 5], self.bob)[1:25] for n in range(count)]
        self.assertEqual(len({nonce[:16] for nonce in nonces}), count)

    def test_every_random_byte_is_used_once_and_in_order(self) -> None:
        source = RandomSource()
        parts = random_parts(source)
        used = b"".join(next(parts) for _ in range(RANDOM_BATCH // 16 + 1))
        self.assertEqual(len(source.drawn), 2 * RANDOM_BATCH)
        self.assertEqual(used, source.drawn[: len(used)])

    def test_the_same_body_never_looks_the_same(self) -> None:
        first, second = (self.alice.seal(Form.REPLY, self.bob) for _ in range(2))
        self.assertNotEqual(first[25:], second[25:])


class Construction(BoxTestCase):
    def test_the_public_key_is_that_of_the_seed(self) -> None:
        self.assertEqual(self.alice.key, crypto_sign_seed_keypair(seed("alice"))[0])

    def test_wrong_wiring(self) -> None:
        source = RandomSource()
        for arguments in (
            (bytes(31), [NET], source, 8),
            (bytes(32), [], source, 8),
            (bytes(32), [NET, NET[:31]], source, 8),
            (bytes(32), [NET], source, 0),
        ):
            self.assertRaises(InvalidInput, BoxSealer, *arguments)

    def test_a_token_of_another_length(self) -> None:
        for form in (Form.REQUEST, Form.HELLO):
            for token in (b"", b"1234567", b"123456789"):
                self.assertRaises(
                    InvalidInput, self.alice.sealer.seal, form, b"", self.bob.key, token, 0
                )


class NetworkKeys(SynchronousTestCase):
    def test_name_and_secret_both_matter(self) -> None:
        keys = [
            network_key("a", None),
            network_key("b", None),
            network_key("a", b"b"),
            network_key("a", b"c"),
            network_key("ab", None),
            network_key("ab", b"c"),
            network_key("a", b"bc"),
        ]
        self.assertEqual(len(set(keys)), len(keys))
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertEqual(network_key("a", b"b"), keys[2])

    def test_what_is_refused(self) -> None:
        for name, secret in (("", None), ("", b"s"), ("a", b""), ("\ud800", None)):
            self.assertRaises(ConfigurationError, network_key, name, secret)
