"""The native dialect: right parts fit together, wrong ones fail when it is made."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Invalid, implementer
from zope.interface.verify import verifyObject

from kadtwisted.constants import DATAGRAM_LIMIT, NO_TOKEN
from kadtwisted.dialects.dialect import Dialect
from kadtwisted.dialects.native import FORMATS, SHORT_ANSWER, answer_length, native_dialect
from kadtwisted.errors import ConfigurationError, MalformedDatagram
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.interfaces import ISerializer
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Have,
    Introduce,
    Ping,
    Probe,
    Punch,
    Request,
    Store,
)
from kadtwisted.model.record import Kind
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.sealing.forms import PLAIN_MARK, SEALED_MARK, Form
from kadtwisted.sealing.interface import ISealer
from kadtwisted.wire.cbor import CBORSerializer

KEYS = tuple(NodeKey.from_seed(bytes([number]) * 32) for number in (1, 2))


def dialect(
    settings: NodeSettings | None = None,
    node: int = 0,
    key: NodeKey | None = None,
    life: int = 0,
    **more: Any,
) -> Dialect:
    """The dialect of one of two nodes, or of the holder of ``key``; its random bytes are others in
    another ``life``."""
    source = random.Random(node + 1000 * life)
    key = key or KEYS[node]
    return native_dialect(key, settings or NodeSettings(), source.randbytes, **more)


@implementer(ISerializer)
class OtherSerializer:
    """Another wire format; only its name matters here."""

    name = "other"

    def encode_request(self, request: object, length: int = 0) -> bytes:
        return bytes(length)

    def encode_reply(self, reply: object, limit: int) -> bytes:
        return bytes(limit)

    def decode(self, data: bytes) -> Any:
        raise MalformedDatagram("other")


verifyObject(ISerializer, OtherSerializer())


@implementer(ISerializer)
class HalfASerializer:
    """Says that it is one."""

    name = "half"

    def decode(self, data: bytes) -> Any:
        raise MalformedDatagram("half")


class PartsTests(SynchronousTestCase):
    def test_provides_what_it_says(self) -> None:
        for sealer in ("box", "plain"):
            made = dialect(NodeSettings(sealer=sealer))
            self.assertTrue(verifyObject(ISealer, made.sealer))
            self.assertTrue(verifyObject(ISerializer, made.serializer))

    def test_is_kad_1(self) -> None:
        made = dialect()
        self.assertEqual((made.name, made.serializer.name, made.formats), ("native", "cbor", b"\1"))
        own = [each for each in made.kinds if NATIVE_KINDS.known(each.number)]
        self.assertEqual(own, [*NATIVE_KINDS])
        self.assertEqual([each.number for each in made.kinds][len(own) :], [Kind.ANNOUNCEMENT])
        self.assertEqual(made.identify(KEYS[0].public_key), node_id_of(KEYS[0].public_key))
        self.assertEqual(made.formats, FORMATS)

    def test_the_sealer_is_chosen_by_name(self) -> None:
        for name, mark in (("box", SEALED_MARK), ("plain", PLAIN_MARK)):
            sealer = dialect(NodeSettings(sealer=name)).sealer
            datagram = sealer.seal(Form.HELLO, b"body", b"", NO_TOKEN, 0)
            self.assertEqual(datagram[0] & ~7, mark)

    def test_a_serializer_of_the_caller_is_taken(self) -> None:
        other = OtherSerializer()
        self.assertIs(dialect(serializer=other).serializer, other)

    def test_is_frozen(self) -> None:
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, dialect(), "name", "x")

    def test_as_many_networks_as_secrets(self) -> None:
        for secrets, networks in (((), 1), ((b"new",), 1), ((b"new", b"old"), 2)):
            made = dialect(NodeSettings(network_secrets=secrets))
            self.assertEqual(made.sealer.networks, networks)

    def test_two_nodes_understand_each_other(self) -> None:
        for sealer in ("box", "plain"):
            settings = NodeSettings(sealer=sealer)
            one, other = dialect(settings, 0), dialect(settings, 1)
            request = Request(bytes(8), FindNode(NodeID(7)))
            data = one.serializer.encode_request(request)
            datagram = one.sealer.seal(Form.REQUEST, data, KEYS[1].public_key, NO_TOKEN, 0)
            header = other.sealer.inspect(datagram)
            self.assertEqual(header.key, KEYS[0].public_key)
            opened = other.sealer.open(datagram, header, header.key, False)
            self.assertEqual(other.serializer.decode(opened), request)

    def test_networks_do_not_hear_each_other(self) -> None:
        settings = [
            NodeSettings(network="a"),
            NodeSettings(network="b"),
            NodeSettings(network="a", network_secrets=(b"s",)),
            NodeSettings(network="a", network_secrets=(b"t",)),
        ]
        for sealer in ("box", "plain"):
            nodes = [dialect(dataclasses.replace(each, sealer=sealer)) for each in settings]
            for index, one in enumerate(nodes):
                other = dialect(dataclasses.replace(settings[index], sealer=sealer), 1)
                hello = other.sealer.seal(Form.HELLO, b"", b"", NO_TOKEN, 0)
                self.assertEqual(one.sealer.inspect(hello).form, Form.HELLO)
                for deaf in nodes[:index] + nodes[index + 1 :]:
                    error = self.assertRaises(MalformedDatagram, deaf.sealer.inspect, hello)
                    self.assertEqual(error.reason, "wrong-tag")

    def test_the_newest_secret_is_the_first(self) -> None:
        both = dialect(NodeSettings(network_secrets=(b"new", b"old")))
        for index, secret in enumerate((b"new", b"old")):
            other = dialect(NodeSettings(network_secrets=(secret,)), 1)
            hello = other.sealer.seal(Form.HELLO, b"", b"", NO_TOKEN, 0)
            self.assertEqual(both.sealer.inspect(hello).network, index)


class WrongPartsTests(SynchronousTestCase):
    def test_settings_it_cannot_serve(self) -> None:
        for settings, says in (
            (NodeSettings(network=""), "empty"),
            (NodeSettings(network="mainline"), "reserved"),
            (NodeSettings(sealer="none"), "choose box or plain"),
            (NodeSettings(network="\ud800"), "Unicode"),
            (NodeSettings(network_secrets=(b"",)), "empty"),
            (NodeSettings(network_secrets=(b"new", b"")), "empty"),
        ):
            error = self.assertRaises(ConfigurationError, dialect, settings)
            self.assertIn(says, str(error))

    def test_a_serializer_that_is_none(self) -> None:
        for wrong in (object(), HalfASerializer(), "cbor", CBORSerializer):
            self.assertRaises(Invalid, dialect, serializer=wrong)

    def test_a_sealer_that_is_none(self) -> None:
        right = dialect()
        for wrong in (object(), None, right.serializer):
            self.assertRaises(Invalid, dataclasses.replace, right, sealer=wrong)


class AnswerLengthTests(SynchronousTestCase):
    def test_lists_of_contacts_fill_a_datagram(self) -> None:
        for body in (FindNode(NodeID(1)), FindValue(NodeID(1), 1)):
            self.assertEqual(answer_length(body), DATAGRAM_LIMIT)

    def test_everything_else_is_short(self) -> None:
        introduce = Introduce(bytes(32), Endpoint("20.1.1.1", 1), 0)
        for body in (Ping(), Store(b"r", 1), Have(()), introduce):
            self.assertEqual(answer_length(body), SHORT_ANSWER)
        self.assertIs(dialect().answer_length, answer_length)

    def test_what_brings_others_two_introduces_is_as_long_as_both(self) -> None:
        for body in (Probe(), Probe(20), Punch(bytes(32))):
            self.assertEqual(answer_length(body), 2 * SHORT_ANSWER)
