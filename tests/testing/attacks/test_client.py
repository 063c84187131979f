"""An attacker is understood by real nodes, and understands them, in both forms of datagrams."""

from __future__ import annotations

import io
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.testing.attacks.client import Answer, Client, NoAnswer, Peer
from kadtwisted.testing.attacks.datagrams import (
    BAD_TOKEN,
    ERROR,
    FIND_NODE,
    FIND_VALUE,
    HAVE,
    LONGEST,
    PING,
    SHORT,
    STORE,
    contacts_of,
    node_id_of,
    packed,
    value_record,
    version_of,
)
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import EPOCH


class PlainTests(SynchronousTestCase):
    sealer = "plain"

    def setUp(self) -> None:
        self.stage = Stage(1, Report(io.StringIO(), lambda: 0.0, 1.0), sealer=self.sealer)
        self.stage.grow(3)
        self.client = self.stage.attacker(Client)
        self.node = self.stage.peer(self.stage.members[0])
        self.sent: list[Datagram] = []
        self.stage.network.watch(self.sent.append)
        self.addCleanup(self.stage.stop)

    def ask(self, method: int, *arguments: object) -> Answer:
        answer: Answer = self.stage.wait(self.client.ask(self.node, method, *arguments))
        return answer

    def lengths(self) -> list[int]:
        """Of what the client sent."""
        return [len(d.data) for d in self.sent if d.source == self.client.peer.address]

    def test_hello(self) -> None:
        answer: Answer = self.stage.wait(self.client.hello(self.node.address, self.node.key))
        self.assertEqual((answer.peer, answer.number), (self.node, PING))
        self.assertEqual(answer.observed, packed(self.client.peer.address))
        self.assertEqual(answer.result[2], int(EPOCH + self.stage.clock.seconds()))
        self.assertEqual(self.lengths(), [SHORT])

    def test_requests_are_padded_until_there_is_a_token(self) -> None:
        for method, arguments, length in ((PING, (), SHORT), (FIND_NODE, (bytes(20), 0), LONGEST)):
            self.client.tokens.clear()
            self.sent.clear()
            self.assertEqual(self.ask(method, *arguments).number, method)
            self.assertEqual(self.lengths(), [length])
            self.ask(method, *arguments)
            self.assertLess(self.lengths()[1], SHORT)

    def test_contacts(self) -> None:
        told = contacts_of(self.ask(FIND_NODE, bytes(20), 0).result[0])
        others = [self.stage.peer(each) for each in self.stage.members[1:]]
        self.assertEqual(sorted(told), sorted(others))
        ids = {node_id_of(key) for key, _ in told}
        self.assertEqual(ids, {each.node.node_id for each in self.stage.members[1:]})

    def test_records(self) -> None:
        key = id_to_bytes(key_of_name("name"))
        record = value_record(key, 1, b"5:hello")
        self.assertEqual(self.ask(STORE, record, 60, None).result[0], BAD_TOKEN)
        self.assertEqual(self.ask(STORE, record, 60, None)[1:4:2], (STORE, [60]))
        entry = b"\x01" + key + version_of(record)
        self.assertEqual(self.ask(HAVE, entry).result, [b"\x00"])
        found = self.ask(FIND_VALUE, key, 1, b"", b"", 0).result
        self.assertEqual(found[0], [[record, 59]])
        self.assertEqual(self.ask(77).number, ERROR)

    def test_being_asked(self) -> None:
        member = self.stage.members[0].node
        client, host = self.client, self.stage.members[0].host.addresses[0]
        client.known.append(self.stage.peer(self.stage.members[1]))
        where = "{}:{}".format(*client.peer.address)
        pong = self.stage.wait(member.ping(where))
        self.assertEqual(pong.contact.key, client.identity.public)
        self.stage.wait(member.bootstrap([where]))
        self.assertEqual(member.status().links[0].observed.host, host)
        self.assertGreater(client.received, 1)
        self.assertIn(client.identity.node_id, [int(each) for each in self.known(member)])

    def known(self, member: Any) -> list[int]:
        return [c.node_id for b in member.routing().buckets for c in b.contacts]

    def test_nobody_answers(self) -> None:
        nobody = Peer(self.node.key, ("192.0.2.1", 9))
        self.failureResultOf(self.patient(self.client.ask(nobody, PING)), NoAnswer)
        waiting = self.client.ask(self.node, PING)
        self.client.close()
        self.failureResultOf(waiting, NoAnswer)
        self.stage.attackers.clear()

    def patient(self, asking: Deferred[Any]) -> Deferred[Any]:
        self.stage.clock.advance(10)
        return asking

    def test_garbage_is_ignored(self) -> None:
        for garbage in (b"", b"\x88", bytes(100), b"\x8a" + bytes(300)):
            self.client.datagramReceived(garbage, ("192.0.2.1", 9))
        self.assertEqual(self.ask(PING).number, PING)


class SealedTests(PlainTests):
    sealer = "box"

    def test_cookie(self) -> None:
        """A node that is over its budget for strangers asks for a proof, and gets it."""
        asked: list[Deferred[Any]] = [self.client.ask(self.node, PING) for _ in range(250)]
        for each in asked:
            self.assertEqual(self.stage.wait(each).number, PING)
        self.assertGreater(len(self.lengths()), 250)


class StageTests(SynchronousTestCase):
    def test_a_private_network(self) -> None:
        stage = Stage(1, Report(io.StringIO(), lambda: 0.0, 1.0), sealer="box", secret=b"s" * 32)
        stage.grow(2)
        client = stage.attacker(Client)
        peer = stage.peer(stage.members[0])
        self.assertIsNotNone(stage.ask(client, peer, PING))
        stage._network = bytes(32)
        self.assertIsNone(stage.ask(stage.attacker(Client), peer, PING))
        stage.stop()

    def test_introduced(self) -> None:
        stage = Stage(1, Report(io.StringIO(), lambda: 0.0, 1.0))
        stage.grow(4)
        client = stage.attacker(Client)
        stage.introduce([client])
        for member in stage.members:
            self.assertIn(client.identity.node_id, stage.verified(member))
        stage.stop()
