"""The largest message of every kind, encoded and sealed, fits into one datagram.

Every field has its greatest length and every number its widest form; the values are made here, so
that a field that grows is seen.  The plain sealer has less overhead and is measured all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT, HAVE_LIMIT, NO_TOKEN, RECORD_LIMIT
from kadtwisted.dialects.dialect import Dialect
from kadtwisted.dialects.native import FORMATS, SHORT_ANSWER, answer_length
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model import bencode
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    METHODS,
    Changed,
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    HaveEntry,
    Introduce,
    Introduced,
    Listen,
    Listening,
    Nodes,
    Noted,
    Ping,
    Pong,
    Probe,
    Probed,
    Punch,
    Punched,
    Records,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Store,
    Stored,
    StoredItem,
    UnknownRequest,
    Want,
    Wanted,
)
from kadtwisted.model.record import Immutable, Mutable, Value
from kadtwisted.node.serving.handlers import CONTACTS_OF_EACH, NO_SUCH_KIND
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.immutable import encode as encode_immutable
from kadtwisted.records.mutable import encode as encode_mutable
from kadtwisted.records.value import encode as encode_record
from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.sealing.forms import Form
from kadtwisted.wire.layout import CHANGED_RECORD_BYTES
from tests.dialects.test_native import KEYS, dialect

UNLIMITED = 100_000
CLOCK = 2**64 - 1
"""What a request's padding begins with."""
TRANSACTION_ID = b"\xff" * 8
TOKEN = b"\xff" * 8
LAST_ID = NodeID(2**160 - 1)
LONGEST = 2**32 - 1
"""The largest number of seconds and of milliseconds on the wire."""
SEEN_AT = {
    Family.IPV4: Endpoint("255.255.255.255", 65535),
    Family.IPV6: Endpoint(":".join(["ffff"] * 8), 65535),
}

FULL_VALUE = bencode.encode(bytes(RECORD_LIMIT - len(b"996:")))
RECORD = encode_record(Value(LAST_ID, 2**63 - 1, False, FULL_VALUE))
"""A record whose value has the greatest length."""
SIGNED = encode_mutable(
    Mutable(b"\xff" * 32, bytes(64), 2**63 - 1, b"\xff" * 64, bencode.encode(bytes(932)))
)
IMMUTABLE = encode_immutable(Immutable(FULL_VALUE))
RECORDS = (RECORD, SIGNED, IMMUTABLE)
"""One of each kind, with the greatest length."""


def contacts(family: Family, count: int) -> tuple[Contact, ...]:
    """Contacts of one family, each with a key of its own."""
    keys = [bytes([number, family]) * 16 for number in range(count)]
    return tuple(Contact.at(node_id_of(key), SEEN_AT[family], key) for key in keys)


K = Parameters().k
WHOLE_LISTS = {
    "IPv4": contacts(Family.IPV4, K),
    "IPv6": contacts(Family.IPV6, K),
    "both": contacts(Family.IPV4, CONTACTS_OF_EACH) + contacts(Family.IPV6, CONTACTS_OF_EACH),
}

GREETING = Ping(b"\xff" * 32)
"""What a hello says to a node whose key is known."""

REQUESTS: tuple[RequestBody, ...] = (
    Ping(),
    GREETING,
    FindNode(LAST_ID, Want.BOTH),
    FindValue(LAST_ID, 255, b"\xff" * 8, bytes(64), Want.BOTH, True),
    *(Store(record, LONGEST, cas) for record in RECORDS for cas in (None, 2**63 - 1)),
    Have(tuple(HaveEntry(255, LAST_ID, b"\xff" * 8) for _ in range(HAVE_LIMIT))),
    Listen(LAST_ID, 255, b"\xff" * 8, LONGEST),
    Changed(LAST_ID, 255, b"\xff" * 8, bytes(CHANGED_RECORD_BYTES), LONGEST),
    Probe(LONGEST),
    Punch(b"\xff" * 32, 255),
    Introduce(b"\xff" * 32, SEEN_AT[Family.IPV6], 255, 255),
)

NUMBERS = 2
"""Bytes of each bitmap of a PONG that fit beside the longest agent: 16 numbers."""
HERE = SEEN_AT[Family.IPV6]
PONG = Pong(FORMATS, LONGEST, LONGEST, "a" * 64, b"\xff" * NUMBERS, b"\xff" * NUMBERS, HERE)
"""With features and a clock of 4 bytes: no feature is assigned yet, and the clock will do until
2106."""
LARGEST = Pong(FORMATS, 2**64 - 1, 2**40 - 1, "a" * 64, b"\xff" * 32, b"\xff" * 32, HERE)
SHORT_REPLIES: tuple[ReplyBody, ...] = (
    PONG,
    Stored(LONGEST),
    Wanted(b"\xff" * (HAVE_LIMIT // 8)),
    Listening(LONGEST, b"\xff" * 8),
    Noted(True),
    Probed(b"\xff" * 32),
    Punched(SEEN_AT[Family.IPV6], 255),
    Introduced(255),
    *(Error(code, "e" * 128, LONGEST) for code in ErrorCode),
)
REPLIES: tuple[ReplyBody, ...] = (
    *SHORT_REPLIES,
    LARGEST,
    Error(255, "e" * 128, LONGEST),
    *(Error(ErrorCode.UNKNOWN_KIND, NO_SUCH_KIND, 0, each) for each in WHOLE_LISTS.values()),
    *(Nodes(each) for each in WHOLE_LISTS.values()),
    *(Records((), each, bytes(64), unchanged) for each in WHOLE_LISTS.values()
      for unchanged in (False, True)),
    Records((StoredItem(RECORD, LONGEST),), (), bytes(64)),
    *(Records((StoredItem(record, LONGEST),), (), b"") for record in RECORDS),
)  # fmt: skip


def dialects() -> Iterator[Dialect]:
    """The native dialect with either sealer, as spoken by a node to the other one."""
    for sealer in ("box", "plain"):
        yield dialect(NodeSettings(sealer=sealer))


def sealed_request(
    spoken: Dialect, body: RequestBody, token: bytes, form: Form = Form.REQUEST
) -> bytes:
    """A request as the protocol sends it: without a token it brings what it wants back."""
    length = 0 if token != NO_TOKEN else answer_length(body) - spoken.sealer.request_overhead
    request = Request(TRANSACTION_ID, body, True, CLOCK)
    data = spoken.serializer.encode_request(request, length)
    recipient = b"" if form is Form.HELLO else KEYS[1].public_key
    return spoken.sealer.seal(form, data, recipient, token, 0)


def sealed_reply(
    spoken: Dialect,
    body: ReplyBody,
    form: Form = Form.REPLY,
    family: Family = Family.IPV6,
    limit: int = UNLIMITED,
) -> bytes:
    """A reply of at most ``limit`` bytes as the protocol sends it."""
    overhead = spoken.sealer.reply_overhead + (32 if form is Form.HELLO_ANSWER else 0)
    reply = Reply(TRANSACTION_ID, body, TOKEN, SEEN_AT[family])
    data = spoken.serializer.encode_reply(reply, limit - overhead)
    return spoken.sealer.seal(form, data, KEYS[1].public_key, NO_TOKEN, 0)


class LargestTests(SynchronousTestCase):
    """Each is encoded, sealed and measured, not computed."""

    def fits(self, datagram: bytes, what: object) -> None:
        self.assertLessEqual(len(datagram), DATAGRAM_LIMIT, f"{what!r:.80}")

    def test_the_values_made_here_are_as_large_as_they_get(self) -> None:
        self.assertEqual(len(FULL_VALUE), RECORD_LIMIT)
        self.assertEqual(len(RECORD), 30 + RECORD_LIMIT)
        self.assertEqual([len(each) for each in WHOLE_LISTS.values()], [20, 20, 24])
        self.assertEqual(
            {type(each) for each in REQUESTS}, set(get_args(RequestBody)) - {UnknownRequest}
        )
        self.assertEqual({type(each) for each in REPLIES}, set(get_args(ReplyBody)))

    def test_requests_with_a_token(self) -> None:
        for spoken in dialects():
            for body in REQUESTS:
                datagram = sealed_request(spoken, body, TOKEN)
                self.fits(datagram, body)

    def test_no_longer_record_would_fit_into_a_changed(self) -> None:
        self.assertGreaterEqual(CHANGED_RECORD_BYTES, len(RECORD), "every value fits")
        longer = Changed(LAST_ID, 255, b"\xff" * 8, bytes(CHANGED_RECORD_BYTES + 1), LONGEST)
        data = sealed_request(dialect(), longer, TOKEN)
        self.assertEqual(len(data), DATAGRAM_LIMIT + 1)

    def test_requests_without_a_token_are_padded_and_still_fit(self) -> None:
        for spoken in dialects():
            for body in REQUESTS:
                datagram = sealed_request(spoken, body, NO_TOKEN)
                self.fits(datagram, body)
                self.assertGreaterEqual(len(datagram), answer_length(body))

    def test_hello(self) -> None:
        for spoken in dialects():
            for body in (Ping(b""), GREETING):
                datagram = sealed_request(spoken, body, NO_TOKEN, Form.HELLO)
                self.assertEqual(len(datagram), SHORT_ANSWER)

    def test_replies(self) -> None:
        for spoken in dialects():
            for body in REPLIES:
                self.fits(sealed_reply(spoken, body), body)

    def test_hello_answer(self) -> None:
        for spoken in dialects():
            self.fits(sealed_reply(spoken, LARGEST, Form.HELLO_ANSWER), LARGEST)

    def test_a_record_and_as_many_contacts_as_fit(self) -> None:
        for spoken in dialects():
            for name, whole in WHOLE_LISTS.items():
                body = Records((StoredItem(RECORD, LONGEST),), whole)
                self.assertGreater(len(sealed_reply(spoken, body)), DATAGRAM_LIMIT)
                left = self.kept(spoken, body)
                self.assertEqual(left.items, body.items)
                self.assertGreaterEqual(len(left.contacts), 1, name)
                self.assertLess(len(left.contacts), len(whole))
                for family in Family:  # the closest ones stay, and they stand first
                    stayed = [each for each in left.contacts if each.family is family]
                    stood = [each for each in whole if each.family is family]
                    self.assertEqual(stayed, stood[: len(stayed)])

    def test_not_one_contact_more_would_have_fitted(self) -> None:
        for spoken in dialects():
            for family in Family:
                whole = contacts(family, K)
                body = Records((StoredItem(RECORD, LONGEST),), whole)
                count = len(self.kept(spoken, body).contacts)
                self.fits(sealed_reply(spoken, body._replace(contacts=whole[:count])), body)
                more = sealed_reply(spoken, body._replace(contacts=whole[: count + 1]))
                self.assertGreater(len(more), DATAGRAM_LIMIT)

    def kept(self, spoken: Dialect, body: Records) -> Records:
        """What is left of a reply cut to one datagram."""
        self.fits(sealed_reply(spoken, body, limit=DATAGRAM_LIMIT), body)
        room = DATAGRAM_LIMIT - spoken.sealer.reply_overhead
        reply = Reply(TRANSACTION_ID, body, TOKEN, SEEN_AT[Family.IPV6])
        message = spoken.serializer.decode(spoken.serializer.encode_reply(reply, room))
        assert isinstance(message.body, Records)
        return message.body


class WholeTests(SynchronousTestCase):
    """What fits is not cut: everything comes back as it was said."""

    def test_whole_lists_arrive_whole(self) -> None:
        for spoken in dialects():
            room = DATAGRAM_LIMIT - spoken.sealer.reply_overhead
            for whole in WHOLE_LISTS.values():
                for body in (Nodes(whole), Records((), whole, bytes(64), True)):
                    reply = Reply(TRANSACTION_ID, body, TOKEN, SEEN_AT[Family.IPV6])
                    data = spoken.serializer.encode_reply(reply, room)
                    found = spoken.serializer.decode(data).body
                    self.assertEqual(found, body)

    def test_the_longest_requests_are_understood(self) -> None:
        for spoken in dialects():
            for body in REQUESTS:
                for length in (0, answer_length(body) - spoken.sealer.request_overhead):
                    request = Request(TRANSACTION_ID, body, True, CLOCK)
                    data = spoken.serializer.encode_request(request, length)
                    self.assertEqual(spoken.serializer.decode(data), request)


class ShortAnswerTests(SynchronousTestCase):
    """An unproven asker pads to ``SHORT_ANSWER`` and must get every short answer uncut."""

    def test_covers_every_short_reply(self) -> None:
        for spoken in dialects():
            for family in Family:
                for body in SHORT_REPLIES:
                    self.assertLessEqual(
                        len(sealed_reply(spoken, body, Form.REPLY, family)),
                        SHORT_ANSWER,
                        repr(body),
                    )

    def test_covers_the_bitmaps_of_this_program_and_of_many_more_numbers(self) -> None:
        made = dialect()
        serves = bitmap_of(METHODS.values()), bitmap_of(each.number for each in made.kinds)
        self.assertLessEqual(max(len(each) for each in serves), NUMBERS)

    def test_the_largest_bitmaps_cost_the_agent_at_most(self) -> None:
        for spoken in dialects():
            for form in (Form.REPLY, Form.HELLO_ANSWER):
                data = sealed_reply(spoken, LARGEST, form, limit=SHORT_ANSWER)
                self.assertLessEqual(len(data), SHORT_ANSWER)

    def test_covers_the_pong_that_answers_a_hello(self) -> None:
        for spoken in dialects():
            whole = sealed_reply(spoken, PONG, Form.HELLO_ANSWER)
            self.assertLessEqual(len(whole), SHORT_ANSWER)

    def test_who_pads_to_it_gets_the_whole_answer(self) -> None:
        for spoken in dialects():
            asked = len(sealed_request(spoken, Ping(), NO_TOKEN))
            for body in SHORT_REPLIES:
                cut = sealed_reply(spoken, body, limit=asked)
                self.assertEqual(len(cut), len(sealed_reply(spoken, body)), repr(body))
            hello = len(sealed_request(spoken, GREETING, NO_TOKEN, Form.HELLO))
            answer = sealed_reply(spoken, PONG, Form.HELLO_ANSWER, limit=hello)
            self.assertEqual(len(answer), len(sealed_reply(spoken, PONG, Form.HELLO_ANSWER)))

    def test_is_not_longer_than_it_has_to_be(self) -> None:
        spoken = dialect()
        longest = max(len(sealed_reply(spoken, body)) for body in SHORT_REPLIES)
        self.assertLessEqual(SHORT_ANSWER - longest, 8)
