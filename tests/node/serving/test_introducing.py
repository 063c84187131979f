"""Introductions: who asked gets one PING, from whom it should come, and nobody else gets any."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import fail
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.native import INTRODUCTIONS, SHORT_ANSWER, answer_length
from kadtwisted.errors import ErrorReply
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    Introduce,
    Introduced,
    Ping,
    Probe,
    Probed,
    Punch,
    Punched,
    Purpose,
    Reply,
    RequestBody,
)
from kadtwisted.nat.kind import NatKind
from kadtwisted.node.node import Node
from kadtwisted.node.serving.introducing import AGAIN_WITHIN, THIRDS
from kadtwisted.parameters import NodeSettings
from kadtwisted.rpc.introductions import (
    A_PROVIDER,
    ASKER_BURST,
    AT_ONCE,
    INTRODUCER_BURST,
    LATER,
    LONGEST_AFTER,
    NAMED_BURST,
    Book,
)
from kadtwisted.testing.inspect import link_of, table_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import PORT, Swarm, seeded_key
from tests.node.stranger import Stranger

VICTIM = Endpoint("88.1.2.3", 8000)
OPEN = Introduced(NatKind.NONE)
"""What a node says that knows that it is behind no NAT."""


class Case(SynchronousTestCase):
    """Eight nodes that know each other; strangers come and ask."""

    private = False

    def setUp(self) -> None:
        self.settings = NodeSettings(network_secrets=(b"secret",) if self.private else ())
        self.swarm = Swarm(8, seed=5, network_secrets=self.settings.network_secrets)
        self.addCleanup(self.swarm.stop)
        self.swarm.clock.advance(600.0)  # so that they have verified each other
        self.nodes = self.swarm.nodes
        self.sent_to: list[str] = []
        self.swarm.network.watch(lambda datagram: self.sent_to.append(datagram.destination[0]))

    def contact(self, number: int) -> Contact:
        node = self.nodes[number]
        listening = node.status().links[0].listening
        assert listening is not None
        return Contact.at(node.node_id, listening, node.public_key)

    def stranger(self, number: int = 1, port: int = 9000) -> Stranger:
        host = self.swarm.network.host(f"151.{number}.1.1")
        return Stranger(host, 100 * number + port, self.settings, port)

    def ask(
        self, who: Stranger, node: Node, body: RequestBody, wait: float = 1.0, **how: Any
    ) -> Any:
        """The body of the answer; ``None`` if there is none."""
        how = {"token": who.token_of(node), "length": answer_length(body), "read_only": True} | how
        who.ask(node, body, **how)
        self.swarm.clock.advance(wait)
        replies: list[Reply] = who.replies
        return replies.pop().body if replies else None

    def pings(self, who: Stranger) -> list[bytes]:
        """The keys of those that have sent a PING."""
        return [key for request, key, _ in who.requests if isinstance(request.body, Ping)]


class ProbeTests(Case):
    def test_a_third_node_sends_one_ping(self) -> None:
        asker = self.stranger()
        answer = self.ask(asker, self.nodes[0], Probe())
        self.assertIsInstance(answer, Probed)
        self.assertNotEqual(answer.key, self.nodes[0].public_key)
        self.swarm.clock.advance(30.0)
        self.assertEqual(self.pings(asker), [answer.key])
        self.assertLessEqual(len(asker.received[-1]), SHORT_ANSWER)

    def test_only_who_is_told_pays_for_it(self) -> None:
        node, asker = self.nodes[0], self.stranger()
        told: list[Contact] = []
        ask, refusal = link_of(node).ask, ErrorReply(ErrorCode.NOT_ACCEPTED, "")

        def refused(contact: Contact, body: RequestBody, **how: Any) -> Any:
            if isinstance(body, Introduce):
                told.append(contact)
                return fail(refusal)
            return ask(contact, body, **how)

        self.assertIsInstance(self.ask(asker, node, Probe()), Probed)
        self.assertEqual(len(node._parts.introducing._targets), 1)
        self.patch(link_of(node), "ask", refused)
        self.patch(node._parts.introducing, "_targets", Book(1, 1000.0, each_port=True))
        self.assertEqual(self.ask(asker, node, Probe()).code, ErrorCode.NOT_ACCEPTED)
        self.assertEqual(len({each.endpoint for each in told}), THIRDS)
        self.assertEqual(len(node._parts.introducing._targets), THIRDS)

    def test_it_makes_the_asker_no_contact_of_the_third_node(self) -> None:
        asker = self.stranger()
        answer = self.ask(asker, self.nodes[0], Probe())
        third = next(each for each in self.nodes if each.public_key == answer.key)
        request, key, address = asker.requests[-1]
        asker.answer(request, key, address, Error(ErrorCode.BUSY))
        self.swarm.clock.advance(5.0)
        self.assertNotIn(asker.contact.node_id, table_of(third))

    def test_it_needs_a_token_and_its_padding(self) -> None:
        asker = self.stranger()
        refused = self.ask(asker, self.nodes[0], Probe(), token=bytes(8))
        self.assertEqual(refused.code, ErrorCode.BAD_TOKEN)
        self.assertIsNone(self.ask(asker, self.nodes[0], Probe(), length=0))
        self.assertEqual(self.nodes[0].counters.counts["dropped.not-padded"], 1)
        self.assertEqual(self.pings(asker), [])

    def test_one_that_is_recorded_and_sent_again_brings_nothing(self) -> None:
        asker, node = self.stranger(), self.nodes[0]
        token = asker.token_of(node)
        datagram = asker.seal(node, Probe(), token=token, length=INTRODUCTIONS, read_only=True)
        for _ in range(5):
            asker.send(datagram, node)
            self.swarm.clock.advance(10.0)
        self.assertEqual(len(self.pings(asker)), 1)

    def test_a_host_has_a_budget_whatever_its_ports(self) -> None:
        askers = [self.stranger(port=9000 + each) for each in range(2 * ASKER_BURST)]
        node = self.nodes[0]
        tokens = [each.token_of(node) for each in askers]
        before = self.swarm.clock.seconds()
        for asker, token in zip(askers, tokens, strict=True):
            asker.ask(node, Probe(), token=token, length=INTRODUCTIONS, read_only=True)
        self.swarm.clock.advance(1.0)
        self.assertEqual(self.swarm.clock.seconds(), before + 1.0)
        bodies = [each.replies[-1].body for each in askers]
        busy = [each for each in bodies if isinstance(each, Error)]
        self.assertEqual({each.code for each in busy} - {ErrorCode.NOT_ACCEPTED}, {ErrorCode.BUSY})
        sent = [len(self.pings(each)) for each in askers]
        self.assertLessEqual(sum(sent), ASKER_BURST)
        self.assertLessEqual(max(sent), 1)

    def test_a_node_that_knows_no_third_one_says_so(self) -> None:
        self.swarm = alone = Swarm(1, seed=6)
        self.addCleanup(alone.stop)
        answer = self.ask(self.stranger(), alone.nodes[0], Probe())
        self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)

    def test_third_nodes_are_of_other_networks_than_the_asker(self) -> None:
        first, second, *_ = self.contact(0).endpoint.host.split(".")
        host = self.swarm.network.host(f"{first}.{second}.200.9")
        for number in range(12):
            asker = Stranger(host, 50 + number, self.settings, port=7000 + number)
            answer = self.ask(asker, self.nodes[3], Probe(), wait=3.0)
            self.assertNotEqual(answer.key, self.nodes[0].public_key)


class LaterTests(Case):
    def test_a_ping_comes_when_it_was_asked_for(self) -> None:
        asker = self.stranger()
        self.assertEqual(
            self.ask(asker, self.nodes[0], Probe(55)), Probed(self.nodes[0].public_key)
        )
        self.swarm.clock.advance(53.0)
        self.assertEqual(self.pings(asker), [])
        self.swarm.clock.advance(2.0)
        self.assertEqual(self.pings(asker), [self.nodes[0].public_key])
        self.swarm.clock.advance(100.0)
        self.assertEqual(len(self.pings(asker)), 1)

    def test_a_new_promise_takes_the_place_of_the_old_one(self) -> None:
        asker = self.stranger()
        self.ask(asker, self.nodes[0], Probe(20))
        self.ask(asker, self.nodes[0], Probe(100))
        self.swarm.clock.advance(90.0)
        self.assertEqual(self.pings(asker), [])
        self.swarm.clock.advance(20.0)
        self.assertEqual(len(self.pings(asker)), 1)

    def test_nobody_is_pinged_after_too_long(self) -> None:
        answer = self.ask(self.stranger(), self.nodes[0], Probe(LONGEST_AFTER + 1))
        self.assertEqual(answer.code, ErrorCode.BAD_REQUEST)

    def test_promises_are_bounded_and_end_with_the_node(self) -> None:
        node = self.nodes[0]
        introducing = node._parts.introducing
        for number in range(LATER):
            self.assertTrue(introducing._owed.take(Endpoint(f"20.{number}.1.1", 1)))
        self.assertEqual(self.ask(self.stranger(), node, Probe(10)).code, ErrorCode.BUSY)
        introducing._owed.give_back(Endpoint("20.0.1.1", 1))
        self.assertIsInstance(self.ask(self.stranger(2), node, Probe(10)), Probed)
        introducing.stop()
        self.assertEqual(introducing._later, {})
        self.assertEqual(len(introducing._owed), LATER - 1)

    def test_one_provider_has_a_share_of_the_promises(self) -> None:
        node, host = self.nodes[0], "151.1.{}.1"
        answers = []
        for number in range(LATER // A_PROVIDER + 1):
            asker = Stranger(self.swarm.network.host(host.format(number)), number, self.settings)
            answers.append(self.ask(asker, node, Probe(200), wait=0.1))
        self.assertEqual({type(each) for each in answers[:-1]}, {Probed})
        self.assertEqual(answers[-1].code, ErrorCode.BUSY)
        self.assertIsInstance(self.ask(self.stranger(2), node, Probe(20)), Probed)


class IntroduceTests(Case):
    """What comes from an introducer: here a stranger that says it is one."""

    def introduced(self, body: Introduce) -> Any:
        """The answer of node 0 to an INTRODUCE of node 1, a verified contact."""
        link = link_of(self.nodes[1])
        answers: list[Any] = []
        link.tell(self.contact(0), body).addBoth(answers.append)
        self.swarm.clock.advance(5.0)
        (answer,) = answers
        return answer.value.code if isinstance(answer, Failure) else answer.reply.body

    def test_a_verified_contact_may_introduce_and_one_ping_is_sent(self) -> None:
        asker = self.stranger()
        key = asker.key.public_key
        said = self.introduced(Introduce(key, asker.endpoint, Purpose.PROBE))
        self.assertEqual(said, OPEN)
        self.assertEqual(self.pings(asker), [self.nodes[0].public_key])

    def test_a_probe_comes_from_a_port_of_its_own_and_a_ping_for_a_path_does_not(self) -> None:
        for purpose, own in ((Purpose.PROBE, False), (Purpose.PATH, True)):
            asker = self.stranger(10 + purpose)
            sources: list[int] = []

            def watch(sent: Datagram, to: str = asker.endpoint.host, at: Any = sources) -> None:
                if sent.destination[0] == to:
                    at.append(sent.source[1])

            self.swarm.network.watch(watch)
            self.introduced(Introduce(asker.key.public_key, asker.endpoint, purpose))
            self.assertEqual([each == PORT for each in sources], [own])

    def test_a_tentative_contact_may_for_a_probe_alone(self) -> None:
        """In a young network all contacts are tentative."""
        entry = table_of(self.nodes[0]).get(self.nodes[1].node_id)
        assert entry is not None
        with mock.patch.object(entry, "tentative", True):
            for number, purpose in enumerate((Purpose.PATH, Purpose.PROBE)):
                asker = self.stranger(10 + number)
                said = self.introduced(Introduce(asker.key.public_key, asker.endpoint, purpose))
                granted = purpose is Purpose.PROBE
                self.assertEqual(type(said) is Introduced, granted)
                self.assertEqual(len(self.pings(asker)), granted)

    def test_a_repeat_brings_no_second_ping(self) -> None:
        asker = self.stranger()
        body = Introduce(asker.key.public_key, asker.endpoint, Purpose.PATH)
        link = link_of(self.nodes[1])
        answers: list[Any] = []
        for _ in range(3):
            link.tell(self.contact(0), body).addBoth(answers.append)
            self.swarm.clock.advance(AGAIN_WITHIN / 10)
        self.assertEqual([type(each.reply.body) for each in answers], [Introduced] * 3)
        self.assertEqual(len(self.pings(asker)), 1)

    def test_nobody_else_may(self) -> None:
        liar = self.stranger()
        for purpose in (*Purpose, 7):
            answer = self.ask(liar, self.nodes[0], Introduce(bytes(32), VICTIM, purpose))
            self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)
        self.assertNotIn(VICTIM.host, self.sent_to)

    def test_the_limits_of_hearsay_bind(self) -> None:
        """One datagram a minute to an endpoint that never answered, whoever introduces it."""
        said = [
            self.introduced(Introduce(seeded_key(number).public_key, VICTIM, Purpose.PROBE))
            for number in range(4)
        ]
        self.assertEqual(said, [OPEN, *[ErrorCode.NOT_ACCEPTED] * 3])
        self.assertEqual(self.sent_to.count(VICTIM.host), 1)

    def test_for_a_path_they_bind_as_well_unless_the_node_keeps_introducers(self) -> None:
        bodies = [
            Introduce(seeded_key(number).public_key, VICTIM, Purpose.PATH) for number in range(8)
        ]
        said = [self.introduced(each) for each in bodies[:4]]
        self.assertEqual(said, [OPEN, *[ErrorCode.NOT_ACCEPTED] * 3])
        link_of(self.nodes[0]).introducers = [self.contact(1).endpoint]
        said = [self.introduced(each) for each in bodies[4:]]
        self.assertEqual(said, [OPEN] * 4)

    def test_somebody_who_has_answered_is_not_flooded_either(self) -> None:
        """Whoever introduces it, and under whatever key."""
        node, known = self.nodes[0], self.contact(5)
        self.assertTrue(link_of(node).requests.has_answered(known))
        others = [each for each in self.nodes if each is not node]
        before = self.sent_to.count(known.endpoint.host)
        for number in range(4 * INTRODUCER_BURST):
            key = known.key if number < 3 else seeded_key(number).public_key
            body = Introduce(key, known.endpoint, Purpose.PROBE)
            asking = link_of(others[number % 4]).tell(self.contact(0), body)
            asking.addErrback(lambda _: None)
        self.swarm.clock.advance(0.5)
        sent = self.sent_to.count(known.endpoint.host) - before
        self.assertGreaterEqual(sent, 3)
        self.assertLessEqual(sent, 6)

    def test_a_host_gets_so_many_pings_on_the_word_of_others(self) -> None:
        node, known = self.nodes[0], self.contact(5)
        link = link_of(node)
        knocks: list[Contact] = []
        self.patch(link, "knock", lambda contact, **_: knocks.append(contact) or True)
        for number in range(4 * INTRODUCER_BURST):
            body = Introduce(seeded_key(number).public_key, known.endpoint, Purpose.PROBE)
            asking = link_of(self.nodes[1 + number % 4]).tell(self.contact(0), body)
            asking.addErrback(lambda _: None)
        self.swarm.clock.advance(0.5)
        self.assertEqual(len(knocks), NAMED_BURST)

    def test_a_key_that_is_none(self) -> None:
        """Nothing can be sealed for it, and that is no fault of ours."""
        for key in (bytes(32), b"\xff" * 32, b"\x01" + bytes(31)):
            for purpose in Purpose:
                said = self.introduced(Introduce(key, VICTIM, purpose))
                self.assertEqual(said, ErrorCode.NOT_ACCEPTED)
        counts = self.nodes[0].counters.counts
        self.assertEqual(counts["dropped.fault"], 0)
        self.assertNotIn(VICTIM.host, self.sent_to)

    def test_an_endpoint_that_the_introducer_may_not_name(self) -> None:
        for host in ("127.0.0.1", "10.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"):
            said = self.introduced(Introduce(bytes(32), Endpoint(host, 8000), Purpose.PROBE))
            self.assertEqual(said, ErrorCode.NOT_ACCEPTED, host)

    def test_one_that_the_node_does_not_keep_may_not_introduce_for_a_path(self) -> None:
        asker = self.stranger()
        link_of(self.nodes[0]).introducers = [self.contact(2).endpoint]
        body = Introduce(asker.key.public_key, asker.endpoint, Purpose.PATH)
        self.assertEqual(self.introduced(body), ErrorCode.NOT_ACCEPTED)
        link_of(self.nodes[0]).introducers = [self.contact(1).endpoint]
        self.assertEqual(type(self.introduced(body)), Introduced)


class PunchTests(Case):
    def attached(self, number: int) -> Stranger:
        """A read-only node that asks node 0."""
        who = self.stranger(number)
        self.ask(who, self.nodes[0], Ping())
        self.swarm.clock.advance(6.0)
        self.ask(who, self.nodes[0], Ping())
        return who

    def is_attached(self, who: Stranger) -> bool:
        now = self.swarm.clock.seconds()
        return link_of(self.nodes[0]).attached.find(who.key.public_key, now) is not None

    def answer_introduces(self, who: Stranger, body: Any) -> list[Introduce]:
        found = [e for e in who.requests if isinstance(e[0].body, Introduce)]
        for request, key, address in found:
            who.answer(request, key, address, body)
        return [request.body for request, _, _ in found]

    def test_a_node_that_asks_here_is_told_of_who_wants_to_talk_to_it(self) -> None:
        target, asker = self.attached(1), self.stranger(2)
        self.assertIsNone(self.ask(asker, self.nodes[0], Punch(target.key.public_key, 3), 0.05))
        told = self.answer_introduces(target, Introduced(NatKind.INDEPENDENT))
        self.assertEqual(told, [Introduce(asker.key.public_key, asker.endpoint, Purpose.PATH, 3)])
        self.swarm.clock.advance(1.0)
        self.assertEqual(asker.replies[-1].body, Punched(target.endpoint, NatKind.INDEPENDENT))

    def test_a_contact_is_told_as_well(self) -> None:
        answer = self.ask(self.stranger(), self.nodes[0], Punch(self.nodes[4].public_key))
        self.assertEqual(answer, Punched(self.contact(4).endpoint, NatKind.NONE))

    def test_a_node_that_is_not_known(self) -> None:
        answer = self.ask(self.stranger(), self.nodes[0], Punch(b"k" * 32))
        self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)

    def test_oneself(self) -> None:
        asker = self.attached(1)
        answer = self.ask(asker, self.nodes[0], Punch(asker.key.public_key))
        self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)

    def test_a_node_of_another_scope_is_nobodys_business(self) -> None:
        """Nobody outside learns where a node on the introducer's own network lives."""
        hidden = Endpoint("10.1.2.3", 8000)
        key, now = seeded_key(5).public_key, self.swarm.clock.seconds()
        link_of(self.nodes[0]).attached.heard(key, hidden, now)
        answer = self.ask(self.stranger(), self.nodes[0], Punch(key))
        self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)
        self.assertNotIn(hidden.host, self.sent_to)

    def test_a_target_is_told_no_more_often_than_it_listens(self) -> None:
        target, node = self.attached(1), self.nodes[0]
        askers = [self.stranger(2 + number) for number in range(3 * INTRODUCER_BURST)]
        tokens = [each.token_of(node) for each in askers]
        punch = Punch(target.key.public_key)
        before = len(target.requests)
        for asker, token in zip(askers, tokens, strict=True):
            asker.ask(node, punch, token=token, length=INTRODUCTIONS, read_only=True)
        self.swarm.clock.advance(0.1)
        self.assertEqual(len(target.requests) - before, INTRODUCER_BURST)
        refused = [each for each in askers if each.replies]
        self.assertEqual(len(refused), 2 * INTRODUCER_BURST)

    def test_a_provider_has_a_share_of_what_is_under_way(self) -> None:
        """Whoever lets introductions hang, from however many hosts, keeps nobody else out."""
        node, share = self.nodes[0], AT_ONCE // A_PROVIDER
        silent = [self.attached(1 + number) for number in range(share + 3)]
        hosts = [self.swarm.network.host(f"152.1.{number}.1") for number in range(len(silent))]
        askers = [Stranger(host, 77 + at, self.settings) for at, host in enumerate(hosts)]
        tokens = [each.token_of(node) for each in askers]
        for asker, token, target in zip(askers, tokens, silent, strict=True):
            punch = Punch(target.key.public_key)
            asker.ask(node, punch, token=token, length=INTRODUCTIONS, read_only=True)
        self.swarm.clock.advance(0.05)
        self.assertEqual(len(node._parts.introducing._under_way), share)
        self.assertIsInstance(self.ask(self.stranger(99), node, Probe()), Probed)
        self.swarm.clock.advance(30.0)
        self.assertEqual(node._parts.introducing._under_way, {})
        self.assertEqual(len(node._parts.introducing._room), 0)

    def test_one_that_is_silent_twice_is_forgotten(self) -> None:
        """Each PUNCH brings it one datagram: a lost one must not cost it its place."""
        target, asker = self.attached(1), self.stranger(2)
        for still_there in (True, False):
            self.assertTrue(self.is_attached(target))
            before = len(target.requests)
            answer = self.ask(asker, self.nodes[0], Punch(target.key.public_key), wait=20.0)
            self.assertEqual(answer.code, ErrorCode.NOT_ACCEPTED)
            self.assertEqual(len(target.requests) - before, 1)
            self.assertEqual(self.is_attached(target), still_there)

    def test_one_that_refuses_is_not(self) -> None:
        target, asker = self.attached(1), self.stranger(2)
        self.ask(asker, self.nodes[0], Punch(target.key.public_key), wait=0.05)
        self.answer_introduces(target, Error(ErrorCode.NOT_ACCEPTED))
        self.swarm.clock.advance(1.0)
        self.assertEqual(asker.replies[-1].body.code, ErrorCode.NOT_ACCEPTED)
        self.assertTrue(self.is_attached(target))


class PrivateTests(Case):
    private = True

    def test_members_probe_each_other(self) -> None:
        asker = self.stranger()
        answer = self.ask(asker, self.nodes[0], Probe())
        self.assertEqual(self.pings(asker), [answer.key])
