"""Tokens: for whom they are good, and for how long."""

from __future__ import annotations

from hashlib import blake2b
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import NO_TOKEN, TOKEN_BYTES
from kadtwisted.errors import InvalidInput
from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.tokens import Tokens

HERE = Endpoint("192.0.2.1", 4000)
KEY = b"k" * 32
START = 1000.0


def make(name: str = "node", rotation: float = 300.0) -> Tokens:
    """Tokens whose secrets depend on the name and never repeat."""
    numbers = count()
    return Tokens(
        lambda size: blake2b(f"{name} {next(numbers)}".encode(), digest_size=size).digest(),
        rotation,
    )


class Whose(SynchronousTestCase):
    """b4 and j4 of the list of what must hold: without one, with another's."""

    def setUp(self) -> None:
        self.tokens = make()
        self.token = self.issue(HERE, KEY)

    def issue(self, endpoint: tuple[str, int], key: bytes) -> bytes:
        return self.tokens.examine(NO_TOKEN, endpoint, key, START)[1]

    def valid(self, token: bytes, endpoint: tuple[str, int] = HERE, key: bytes = KEY) -> bool:
        return self.tokens.examine(token, endpoint, key, START)[0]

    def test_the_one_it_was_issued_to(self) -> None:
        self.assertTrue(self.valid(self.token))
        self.assertEqual(len(self.token), TOKEN_BYTES)

    def test_a_plain_address_tuple_is_the_same_endpoint(self) -> None:
        self.assertTrue(self.valid(self.token, ("192.0.2.1", 4000)))

    def test_without(self) -> None:
        self.assertFalse(self.valid(NO_TOKEN))

    def test_without_even_if_the_hash_were_zero(self) -> None:
        class Zero:
            def copy(self) -> Zero:
                return self

            def update(self, data: bytes) -> None:
                pass

            def digest(self) -> bytes:
                return NO_TOKEN

        self.tokens._current = self.tokens._previous = Zero()  # type: ignore[assignment]
        self.assertFalse(self.valid(NO_TOKEN))

    def test_another_endpoint_s(self) -> None:
        for endpoint in (("192.0.2.2", 4000), ("192.0.2.1", 4001), ("2001:db8::1", 4000)):
            self.assertFalse(self.valid(self.token, endpoint))

    def test_another_key_s(self) -> None:
        self.assertFalse(self.valid(self.token, key=b"l" * 32))

    def test_another_node_s(self) -> None:
        self.assertFalse(make("other").examine(self.token, HERE, KEY, START)[0])

    def test_no_two_askers_are_written_alike(self) -> None:
        digits = b"1" * 32
        askers = [
            (("192.0.2.1", 40), digits),
            (("192.0.2.1", 401), digits),
            (("192.0.2.14", 1), digits),
            (("192.0.2.1", 401), digits[1:]),
            (("192.0.2.1", 4), b"0" + digits),
        ]
        self.assertEqual(len({self.issue(*asker) for asker in askers}), len(askers))

    def test_every_flipped_bit_and_every_other_length(self) -> None:
        value = int.from_bytes(self.token, "big")
        for bit in range(64):
            self.assertFalse(self.valid((value ^ 1 << bit).to_bytes(8, "big")))
        for other in (b"", self.token[:7], self.token + b"\0"):
            self.assertFalse(self.valid(other))


class HowLong(SynchronousTestCase):
    """b4: with an expired one.  Five minutes are sure, ten are too many."""

    def valid(self, tokens: Tokens, token: bytes, now: float) -> bool:
        return tokens.examine(token, HERE, KEY, now)[0]

    def test_issued_at_the_start_of_a_secret(self) -> None:
        tokens = make()
        token = tokens.examine(NO_TOKEN, HERE, KEY, START)[1]
        for age in (0, 299, 300, 450, 599):
            self.assertTrue(self.valid(tokens, token, START + age), age)
        self.assertFalse(self.valid(tokens, token, START + 600))

    def test_issued_at_the_end_of_a_secret(self) -> None:
        tokens = make()
        tokens.examine(NO_TOKEN, HERE, KEY, START)
        token = tokens.examine(NO_TOKEN, HERE, KEY, START + 299)[1]
        self.assertTrue(self.valid(tokens, token, START + 599))
        self.assertFalse(self.valid(tokens, token, START + 600))

    def test_a_quiet_node_forgets_as_well(self) -> None:
        for silence in (600, 601, 899, 900, 100_000):
            tokens = make()
            token = tokens.examine(NO_TOKEN, HERE, KEY, START)[1]
            self.assertFalse(self.valid(tokens, token, START + silence), silence)

    def test_once_expired_always_expired(self) -> None:
        tokens = make()
        token = tokens.examine(NO_TOKEN, HERE, KEY, START)[1]
        for age in range(600, 3000, 50):
            self.assertFalse(self.valid(tokens, token, START + age), age)

    def test_the_fresh_token_is_always_of_the_current_secret(self) -> None:
        tokens = make()
        old = tokens.examine(NO_TOKEN, HERE, KEY, START)[1]
        valid, fresh = tokens.examine(old, HERE, KEY, START + 300)
        self.assertTrue(valid)
        self.assertNotEqual(fresh, old)
        self.assertTrue(self.valid(tokens, fresh, START + 899))

    def test_the_clock_s_origin_does_not_matter(self) -> None:
        for origin in (-1e6, 0.0, 1e9):
            tokens = make()
            token = tokens.examine(NO_TOKEN, HERE, KEY, origin)[1]
            self.assertTrue(self.valid(tokens, token, origin + 599))

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 700))
    def test_at_least_one_rotation_and_less_than_two(self, steps: list[int], age: int) -> None:
        """However often, or seldom, the node was asked before."""
        tokens = make()
        now = START
        for step in steps:
            now += step
            token = tokens.examine(NO_TOKEN, HERE, KEY, now)[1]
        token = tokens.examine(NO_TOKEN, HERE, KEY, now)[1]
        valid = self.valid(tokens, token, now + age)
        if age <= 300:
            self.assertTrue(valid)
        if age >= 600:
            self.assertFalse(valid)

    def test_another_rotation(self) -> None:
        tokens = make(rotation=2.0)
        token = tokens.examine(NO_TOKEN, HERE, KEY, START)[1]
        self.assertTrue(self.valid(tokens, token, START + 3.9))
        self.assertFalse(self.valid(tokens, token, START + 4.0))

    def test_a_rotation_that_never_ends_or_never_lasts(self) -> None:
        for rotation in (0.0, -1.0, float("nan")):
            self.assertRaises(InvalidInput, make, rotation=rotation)
