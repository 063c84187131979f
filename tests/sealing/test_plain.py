"""Plain datagrams: the same shape and the same interface, without the secrets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.constants import NO_TOKEN
from kadtwisted.errors import InvalidInput, MalformedDatagram
from kadtwisted.sealing.forms import FORMS, PLAIN_MARK, SEALED_MARK, Form
from kadtwisted.sealing.interface import ISealer
from kadtwisted.sealing.plain import PlainSealer

NET = b"n" * 32
OLD = b"o" * 32
TOKEN = b"a token!"
ALICE = b"A" * 32
BOB = b"B" * 32


class Plain(SynchronousTestCase):
    def setUp(self) -> None:
        self.alice = PlainSealer(ALICE, [NET])
        self.bob = PlainSealer(BOB, [NET])

    def refused(self, reason: str, at: PlainSealer, datagram: bytes) -> None:
        error = self.assertRaises(MalformedDatagram, at.inspect, datagram)
        self.assertEqual(error.reason, reason)

    def test_it_is_a_sealer(self) -> None:
        self.assertTrue(verifyObject(ISealer, self.alice))

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.sampled_from(FORMS), st.binary(max_size=1183), st.binary(min_size=8, max_size=8))
    def test_what_is_wrapped_is_unwrapped(self, form: Form, body: bytes, token: bytes) -> None:
        alice, bob = PlainSealer(ALICE, [NET]), PlainSealer(BOB, [NET])
        datagram = alice.seal(form, body, BOB, token, 0)
        header = bob.inspect(datagram)
        shows_key = form in (Form.REQUEST, Form.HELLO, Form.HELLO_ANSWER)
        shows_token = form in (Form.REQUEST, Form.HELLO)
        expected = (form, ALICE if shows_key else b"", token if shows_token else NO_TOKEN, 0)
        self.assertEqual(header, expected)
        self.assertEqual(bob.open(datagram, header, ALICE, False), body)

    def test_overheads(self) -> None:
        alice = self.alice
        self.assertEqual(
            (alice.request_overhead, alice.reply_overhead, alice.hello_answer_overhead),
            (49, 9, 41),
        )
        sizes = [len(alice.seal(form, b"", BOB, TOKEN, 0)) for form in FORMS]
        self.assertEqual(sizes, [49, 9, 49, 41, 9])

    def test_the_first_byte(self) -> None:
        firsts = [self.alice.seal(form, b"", BOB, TOKEN, 0)[0] for form in FORMS]
        self.assertEqual(firsts, [0x98, 0x99, 0x9A, 0x9B, 0x9C])

    def test_two_networks_are_told_apart(self) -> None:
        both = PlainSealer(BOB, [NET, OLD])
        old = PlainSealer(ALICE, [OLD])
        self.assertEqual(both.networks, 2)
        for form in FORMS:
            datagram = both.seal(form, b"body", ALICE, TOKEN, 1)
            self.assertEqual(old.inspect(datagram).network, 0)
            self.refused("wrong-tag", self.alice, datagram)
            answer = old.seal(form, b"body", BOB, TOKEN, 0)
            self.assertEqual(both.inspect(answer).network, 1)

    def test_the_newest_of_equal_networks_counts(self) -> None:
        twice = PlainSealer(BOB, [NET, NET])
        datagram = self.alice.seal(Form.REPLY, b"", BOB, TOKEN, 0)
        self.assertEqual(twice.inspect(datagram).network, 0)

    def test_another_key_than_the_sender_expected(self) -> None:
        datagram = self.alice.seal(Form.HELLO_ANSWER, b"", BOB, TOKEN, 0)
        header = self.bob.inspect(datagram)
        error = self.assertRaises(MalformedDatagram, self.bob.open, datagram, header, BOB, True)
        self.assertEqual(error.reason, "bad-key")

    def test_too_short(self) -> None:
        for form in FORMS:
            datagram = self.alice.seal(form, b"", BOB, TOKEN, 0)
            for size in range(len(datagram)):
                self.refused("too-short", self.bob, datagram[:size])

    def test_foreign_first_bytes(self) -> None:
        ours = {PLAIN_MARK | form for form in FORMS}
        self.assertNotIn(SEALED_MARK, ours)
        for first in range(256):
            reason = "wrong-tag" if first in ours else "unknown-form"
            self.refused(reason, self.bob, bytes((first,)) + bytes(100))

    def test_wrong_wiring(self) -> None:
        for key, networks in ((b"A" * 31, [NET]), (ALICE, []), (ALICE, [b"short"])):
            self.assertRaises(InvalidInput, PlainSealer, key, networks)

    def test_a_token_of_another_length(self) -> None:
        for token in (b"", b"1234567", b"123456789"):
            self.assertRaises(InvalidInput, self.alice.seal, Form.REQUEST, b"", BOB, token, 0)
