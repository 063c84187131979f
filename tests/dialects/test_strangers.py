"""The door and what strangers send: hellos, clocks, and datagrams that were recorded.

The cases are the published vectors ``tests/vectors/strangers.json``, and what the door itself
sends.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import NO_TOKEN
from kadtwisted.dialects.door import Drop, Event, Exchange, Received
from kadtwisted.dialects.native import door as native_door
from kadtwisted.dialects.native.door import NativeDoor
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    HaveEntry,
    Listen,
    Nodes,
    Ping,
    Pong,
    Reply,
    Request,
    RequestBody,
    Store,
)
from kadtwisted.parameters import LimitSettings, NodeSettings
from kadtwisted.rpc.endpoints import Patience
from kadtwisted.sealing.forms import HELLO, REQUEST
from tests.dialects.test_native import KEYS, NodeKey, dialect

VECTORS = Path(__file__).parent.parent / "vectors" / "strangers.json"
UNIX = 1_700_000_000
SECRET = (b"the secret",)
PRIVATE = NodeSettings(network_secrets=SECRET)
HERE, THERE = Endpoint("192.0.2.1", 1), Endpoint("198.51.100.2", 2)
KEY = NodeID(5)


class Side:
    """One node's door, and the two clocks of this side; each ``life`` has other random bytes."""

    def __init__(
        self, number: int, settings: NodeSettings | None = None, off: float = 0.0, life: int = 0
    ) -> None:
        self.key = KEYS[number].public_key
        self.endpoint = (HERE, THERE)[number]
        self.dialect: Any = dialect(settings, number, life=life)
        self.now = 0.0
        self.off = off
        (self.door,) = self.dialect.doors(1, lambda: UNIX + self.now + self.off)
        assert isinstance(self.door, NativeDoor)
        self.contact = Contact.at(self.dialect.identify(self.key), self.endpoint, self.key)

    def sends(
        self, to: Side, body: RequestBody, *, greets: bool = False, pinned: bytes | None = None
    ) -> bytes:
        """The datagram of a request, or of a hello."""
        there = to.contact
        contact = Contact.at(NodeID(0), to.endpoint, b"") if greets else there
        exchange = Exchange(contact, body, greets, pinned, None, None)
        return self.door.request(exchange, Patience(1.0, 3.0), self.now)

    def receives(self, datagram: bytes, sender: Side) -> Event:
        return self.door.receive(datagram, sender.endpoint, self.now)

    def reads(self, datagram: bytes, sender: Side) -> Request:
        """The message in a request for this side."""
        sealer = self.dialect.sealer
        data = sealer.open(datagram, sealer.inspect(datagram), sender.key, False)
        return self.dialect.serializer.decode(data)

    def answers(self, event: Event, body: Any, asker: Side) -> None:
        """Reply to a request that came in; the asker takes it."""
        assert isinstance(event, Received), event
        asker.receives(self.door.reply(event, body), self)


class PairCase(SynchronousTestCase):
    """Two nodes of one network."""

    settings = NodeSettings()

    def setUp(self) -> None:
        self.one, self.other = (Side(number, self.settings) for number in (0, 1))

    def meet(self) -> None:
        """The other one gives a token to the one."""
        datagram = self.one.sends(self.other, Ping())
        event = self.other.receives(datagram, self.one)
        self.other.answers(event, Pong(b"\x01", 0, UNIX), self.one)

    def outcome(self, datagram: bytes) -> str:
        """What the other one makes of a datagram."""
        event = self.other.receives(datagram, self.one)
        if isinstance(event, Drop):
            self.assertEqual(event.instead, b"")
            return event.reason
        assert isinstance(event, Received)
        return "refused" if event.refusal else "answered"


class VectorTests(SynchronousTestCase):
    def test_each_case(self) -> None:
        vectors = json.loads(VECTORS.read_text("utf-8"))
        asker = NodeKey.from_seed(bytes.fromhex(vectors["sender_seed"]))
        recipient = NodeKey.from_seed(bytes.fromhex(vectors["recipient_seed"]))
        self.assertEqual(len({case["name"] for case in vectors["cases"]}), len(vectors["cases"]))
        for case in vectors["cases"]:
            secret = case["network_secret"]
            settings = NodeSettings(network_secrets=(bytes.fromhex(secret),) if secret else ())
            spoken: Any = dialect(settings, key=recipient)
            clock = {"now": case["steps"][0]["unix_time"]}
            start = clock["now"]
            (door,) = spoken.doors(1, partial(clock.__getitem__, "now"))
            for step in case["steps"]:
                clock["now"] = step["unix_time"]
                now = float(step["unix_time"] - start)
                event = door.receive(bytes.fromhex(step["datagram"]), HERE, now)
                outcome = event.reason if isinstance(event, Drop) else "answered"
                self.assertEqual(outcome, step["outcome"], case["name"])
                if isinstance(event, Received):
                    self.assertEqual(event.key, asker.public_key)
                    self.assertTrue(door.reply(event, Nodes(())))


class HelloTests(PairCase):
    def test_a_hello_shows_the_clock_and_names_whom_it_knows(self) -> None:
        for pinned in (None, self.other.key):
            datagram = self.one.sends(self.other, Ping(), greets=True, pinned=pinned)
            self.assertEqual(len(datagram), 216)
            said = self.other.reads(datagram, self.one)
            self.assertEqual((said.body, said.time), (Ping(pinned or b""), UNIX))
            self.assertEqual(self.outcome(datagram), "answered")

    def test_a_hello_for_another_key_is_dropped(self) -> None:
        datagram = self.one.sends(self.other, Ping(), greets=True, pinned=self.one.key)
        self.assertEqual(self.outcome(datagram), "not-for-me")

    def test_the_sign_of_a_key_makes_it_another_recipient(self) -> None:
        flipped = self.other.key[:-1] + bytes([self.other.key[-1] ^ 0x80])
        datagram = self.one.sends(self.other, Ping(), greets=True, pinned=flipped)
        self.assertEqual(self.outcome(datagram), "not-for-me")

    def test_a_ping_in_a_request_may_have_an_argument(self) -> None:
        for body in (Ping(b""), Ping(self.one.key)):
            self.assertEqual(self.outcome(self.one.sends(self.other, body)), "answered")

    def test_a_hello_with_a_token_does_unbounded_public_key_work_no_more_than_a_request(
        self,
    ) -> None:
        self.other = Side(1, NodeSettings(limits=LimitSettings(secrets_rate=1, secrets_burst=1)))
        token = self.token_from_a_cookie()
        reasons = []
        for number in range(3):
            request = Request(bytes([number]) * 8, Ping(b""), False, UNIX)
            data = self.one.dialect.serializer.encode_request(request, 135)
            datagram = self.one.dialect.sealer.seal(HELLO, data, b"", token, 0)
            event = self.other.receives(datagram, self.one)
            reasons.append(event.reason if isinstance(event, Drop) else "answered")
        self.assertEqual(reasons, ["answered", *["stranger-over-budget"] * 2])

    def token_from_a_cookie(self) -> bytes:
        """A token that has cost the other one no public-key work."""
        door = self.other.door
        _, token = door._tokens.examine(NO_TOKEN, self.one.endpoint, self.one.key, 0.0)
        return token


class OpenNetworkTests(PairCase):
    def test_a_stranger_shows_its_clock(self) -> None:
        for body in (Ping(), FindNode(KEY), Store(b"record", 1)):
            said = self.other.reads(self.one.sends(self.other, body), self.one)
            self.assertEqual(said, Request(said.transaction_id, body, False, UNIX))

    def test_a_sender_with_a_token_does_not(self) -> None:
        self.meet()
        datagram = self.one.sends(self.other, FindNode(KEY))
        self.assertEqual(len(datagram), 81 + 35)
        self.assertIsNone(self.other.reads(datagram, self.one).time)

    def test_clocks_are_ignored_and_strangers_may_come_again(self) -> None:
        for off in (-1e9, -301, 301, 1e9):
            self.one = Side(0, off=off)
            for greets in (False, True):
                datagram = self.one.sends(self.other, Ping(), greets=greets)
                for _ in range(2):
                    self.assertEqual(self.outcome(datagram), "answered")

    def test_a_clock_before_1970_is_shown_as_0(self) -> None:
        self.one = Side(0, off=-2.0 * UNIX)
        self.assertEqual(self.other.reads(self.one.sends(self.other, Ping()), self.one).time, 0)


class PrivateNetworkTests(PairCase):
    settings = PRIVATE

    def test_wrong_clocks_and_recorded_datagrams_get_no_answer(self) -> None:
        cases = ((0, "answered"), (299, "answered"), (301, "stale"), (-301, "stale"))
        for life, (off, outcome) in enumerate(cases):
            self.one = Side(0, PRIVATE, off, life)
            for greets in (False, True):
                datagram = self.one.sends(self.other, Ping(), greets=greets)
                self.assertEqual(self.outcome(datagram), outcome)
                again = "replayed" if outcome == "answered" else "stale"
                self.assertEqual(self.outcome(datagram), again)

    def test_from_another_address_or_for_the_second_port_it_is_the_same_datagram(self) -> None:
        ports = self.other.dialect.doors(2, lambda: UNIX)
        datagram = self.one.sends(self.other, Ping(), greets=True)
        self.assertIsInstance(ports[0].receive(datagram, HERE, 0.0), Received)
        for port in ports:
            self.assertEqual(port.receive(datagram, THERE, 1.0), Drop("replayed"))

    def test_a_repeated_datagram_is_free_of_charge(self) -> None:
        datagram = self.one.sends(self.other, Ping(), greets=True)
        self.outcome(datagram)
        for _ in range(500):
            self.assertEqual(self.outcome(datagram), "replayed")
        self.assertEqual(self.outcome(self.one.sends(self.other, Ping(), greets=True)), "answered")

    def test_a_sender_with_a_token_shows_its_clock_too_and_no_more(self) -> None:
        self.meet()
        datagram = self.one.sends(self.other, FindNode(KEY))
        self.assertEqual(len(datagram), 81 + 35 + 8)
        self.assertEqual(self.other.reads(datagram, self.one).time, UNIX)

    def test_a_valid_token_needs_no_clock(self) -> None:
        self.meet()
        self.one.off = -1e6
        self.assertEqual(self.outcome(self.one.sends(self.other, FindNode(KEY))), "answered")

    def test_who_shows_an_old_token_is_told_so(self) -> None:
        self.meet()
        self.other = Side(1, PRIVATE, life=1)  # it has started anew
        self.assertEqual(self.outcome(self.one.sends(self.other, FindNode(KEY))), "refused")

    def test_over_budget_there_is_no_cookie(self) -> None:
        limits = LimitSettings(stranger_rate=1, stranger_burst=1)
        self.other = Side(1, NodeSettings(network_secrets=SECRET, limits=limits))
        for greets in (False, True):
            outcomes = [
                self.outcome(self.one.sends(self.other, Ping(), greets=greets)) for _ in range(3)
            ]
            self.assertEqual(outcomes[-2:], ["stranger-over-budget"] * 2)

    def test_the_plain_form_knows_no_replays(self) -> None:
        settings = NodeSettings(network_secrets=SECRET, sealer="plain")
        self.one, self.other = (Side(number, settings) for number in (0, 1))
        datagram = self.one.sends(self.other, Ping(), greets=True)
        self.assertEqual([self.outcome(datagram) for _ in range(2)], ["answered"] * 2)


class OnceTests(PairCase):
    """A request with a token is answered once if its answer may be longer."""

    def setUp(self) -> None:
        super().setUp()
        self.meet()

    def test_what_may_bring_more_than_it_costs_is_answered_once(self) -> None:
        for body in (FindNode(KEY), FindValue(KEY, 1), Listen(KEY, 1, b"", 300)):
            datagram = self.one.sends(self.other, body)
            self.assertEqual(self.outcome(datagram), "answered")
            for _ in range(3):
                self.other.now += 40.0
                self.assertEqual(self.outcome(datagram), "replayed")

    def test_as_long_as_its_token_is_valid(self) -> None:
        """After that it is a stranger's that has not padded, and gets a short error."""
        self.other.now = 299.0
        datagram = self.one.sends(self.other, FindNode(KEY))
        outcomes = []
        for _ in range(700):
            outcomes.append(self.outcome(datagram))
            self.other.now += 1.0
        first, *replayed = outcomes[: outcomes.index("refused")]
        self.assertEqual((first, set(replayed)), ("answered", {"replayed"}))
        self.assertEqual(set(outcomes[outcomes.index("refused") :]), {"refused"})

    def test_other_requests_may_come_twice(self) -> None:
        for body in (Ping(), Store(b"record", 1), Have((HaveEntry(1, KEY, bytes(8)),))):
            datagram = self.one.sends(self.other, body)
            self.assertEqual([self.outcome(datagram) for _ in range(2)], ["answered"] * 2)

    def test_what_a_read_only_node_asks_comes_once(self) -> None:
        """It says where that node is: an old one must not."""
        self.one.door.read_only = True
        for body in (
            Ping(),
            Store(b"record", 1),
            Have((HaveEntry(1, KEY, bytes(8)),)),
            FindNode(KEY),
            Listen(KEY, 1, b"", 300),
        ):
            datagram = self.one.sends(self.other, body)
            outcomes = [self.outcome(datagram) for _ in range(3)]
            self.assertEqual(outcomes, ["answered", "replayed", "replayed"])

    def test_a_request_that_is_sent_once_more_is_a_new_datagram(self) -> None:
        exchange = Exchange(self.other.contact, FindNode(KEY), False, None, None, None)
        first = self.one.door.request(exchange, Patience(1.0, 3.0), 0.0)
        again = self.one.door.again(exchange, 1.0)
        self.assertEqual([self.outcome(first), self.outcome(again)], ["answered"] * 2)

    def test_a_box_that_does_not_open_is_not_remembered(self) -> None:
        datagram = self.one.sends(self.other, FindNode(KEY))
        self.assertEqual(self.outcome(datagram[:-1] + bytes([datagram[-1] ^ 1])), "bad-box")
        self.assertEqual(self.outcome(datagram), "answered")

    def test_the_memory_is_bounded_and_keeps_the_newest(self) -> None:
        self.patch(native_door, "SERVED_REMEMBERED", 8)
        datagrams = [self.one.sends(self.other, FindNode(KEY)) for _ in range(100)]
        once = self.other.door._once
        assert once is not None
        for number, datagram in enumerate(datagrams):
            self.assertEqual(self.outcome(datagram), "answered")
            self.assertLessEqual(len(once.current) + len(once.previous), 16)
            for known in datagrams[max(0, number - 7) : number + 1]:
                self.assertEqual(self.outcome(known), "replayed")

    def test_the_ports_of_a_node_remember_together(self) -> None:
        self.other = Side(1)
        doors = self.other.dialect.doors(2, lambda: UNIX)
        self.other.door = doors[0]
        self.meet()
        datagram = self.one.sends(self.other, FindNode(KEY))
        self.assertIsInstance(doors[1].receive(datagram, HERE, 0.0), Received)
        self.assertEqual(doors[0].receive(datagram, HERE, 0.0), Drop("replayed"))

    def test_a_refused_token_is_renewed_with_a_new_datagram(self) -> None:
        self.other = Side(1, life=1)
        datagram = self.one.sends(self.other, FindNode(KEY))
        event = self.other.receives(datagram, self.one)
        assert isinstance(event, Received)
        assert isinstance(event.refusal, Error)
        self.assertEqual(event.refusal.code, ErrorCode.BAD_TOKEN)
        self.other.answers(event, event.refusal, self.one)
        again = self.one.sends(self.other, FindNode(KEY))
        self.assertEqual(self.outcome(again), "answered")


class FormTests(PairCase):
    def test_a_reply_sealed_as_a_hello_is_dropped(self) -> None:
        data = self.one.dialect.serializer.encode_reply(Reply(bytes(8), Nodes(())), 1000)
        for form, reason in ((HELLO, "hello-not-ping"), (REQUEST, "reply-as-request")):
            datagram = self.one.dialect.sealer.seal(form, data, self.other.key, NO_TOKEN, 0)
            self.assertEqual(self.outcome(datagram), reason)
