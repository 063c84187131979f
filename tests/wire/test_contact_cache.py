"""Whatever was decoded before, a message is decoded as it would be alone."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Nodes, Records, Reply, ReplyBody, StoredItem
from kadtwisted.testing.strategies import identify_by_prefix
from kadtwisted.wire.cbor import CBORSerializer
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import encode_reply

TID = b"transact"
KEYS = (b"k" * 32, b"k" * 20 + b"the same ID.")
ENDPOINTS = (
    Endpoint("192.0.2.1", 4000),
    Endpoint("192.0.2.1", 4001),
    Endpoint("2001:db8::1", 4000),
)
FEW = tuple(
    Contact.at(identify_by_prefix(key), endpoint, key) for key, endpoint in product(KEYS, ENDPOINTS)
)
"""More than a cache of two holds, and no two that differ in everything."""


def some() -> st.SearchStrategy[tuple[Contact, ...]]:
    """A list of contacts as a message names it: IPv4 before IPv6, some more than once."""
    return st.lists(st.sampled_from(FEW), max_size=6).map(
        lambda drawn: tuple(sorted(drawn, key=lambda each: each.family))
    )


def bodies() -> st.SearchStrategy[ReplyBody]:
    items = (StoredItem(b"record", 9),)
    return st.builds(Nodes, some()) | st.builds(Records, st.just(items), some())


class ContactCacheTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.lists(bodies(), min_size=1, max_size=8))
    def test_as_without(self, told: list[ReplyBody]) -> None:
        codec = CBORSerializer(identify_by_prefix, contacts=2)
        for body in told:
            data = encode_reply(Reply(TID, body), 1232)
            self.assertEqual(codec.decode(data), decode(data, identify_by_prefix))
            self.assertEqual(codec.decode(data).body, body)

    def test_it_holds_no_more_than_it_may(self) -> None:
        identified: list[bytes] = []

        def identify(key: bytes) -> NodeID:
            identified.append(key)
            return identify_by_prefix(key)

        codec = CBORSerializer(identify, contacts=2)

        def told(*contacts: Contact) -> int:
            """How many of these had to be identified."""
            before = len(identified)
            codec.decode(encode_reply(Reply(TID, Nodes(contacts)), 1232))
            return len(identified) - before

        first, second, third = FEW[0], FEW[1], FEW[3]
        self.assertEqual(told(first, second, first), 2)
        self.assertEqual(told(second, first), 0)
        self.assertEqual(told(third), 1)
        self.assertEqual(told(first), 0)
        self.assertEqual(told(second), 1)
