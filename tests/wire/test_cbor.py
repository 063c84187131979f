"""The serializer as others see it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.errors import MalformedDatagram
from kadtwisted.interfaces import ISerializer
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Nodes, Ping, Reply, Request
from kadtwisted.testing.strategies import identify_by_prefix, replies, requests
from kadtwisted.wire.cbor import CBORSerializer
from kadtwisted.wire.cbor_encode import encode_reply

CODEC = CBORSerializer(identify_by_prefix)


class CBORSerializerTests(SynchronousTestCase):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(ISerializer, CODEC))
        self.assertEqual(CODEC.name, "cbor")

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(requests())
    def test_requests_round_trip(self, request: Request) -> None:
        decoded = CODEC.decode(CODEC.encode_request(request))
        self.assertEqual(decoded, request)
        self.assertIs(type(decoded.body), type(request.body))

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(replies())
    def test_replies_round_trip(self, reply: Reply) -> None:
        decoded = CODEC.decode(CODEC.encode_reply(reply, 1 << 16))
        self.assertEqual(decoded, reply)
        self.assertIs(type(decoded.body), type(reply.body))

    def test_node_ids_follow_from_keys_by_the_given_rule(self) -> None:
        contact = Contact.at(NodeID(9), Endpoint("192.0.2.1", 1), b"k" * 32)
        codec = CBORSerializer(lambda key: NodeID(9))
        data = codec.encode_reply(Reply(b"transact", Nodes((contact,))), 1232)
        self.assertEqual(codec.decode(data).body.contacts, (contact,))
        other = CODEC.decode(data).body.contacts[0]
        self.assertEqual(other.node_id, identify_by_prefix(b"k" * 32))

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(replies(), st.integers(0, 1500))
    def test_replies_are_cut_like_the_plain_ones(self, reply: Reply, limit: int) -> None:
        try:
            expected = encode_reply(reply, limit)
        except MalformedDatagram:
            self.assertRaises(MalformedDatagram, CODEC.encode_reply, reply, limit)
        else:
            self.assertEqual(CODEC.encode_reply(reply, limit), expected)

    def test_length_and_limit_are_passed_on(self) -> None:
        self.assertEqual(len(CODEC.encode_request(Request(b"transact", Ping()), 500)), 500)
        reply = Reply(b"transact", Nodes(()))
        self.assertRaises(MalformedDatagram, CODEC.encode_reply, reply, 10)
