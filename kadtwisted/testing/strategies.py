"""Hypothesis strategies for the vocabulary and for hostile datagrams.

:func:`requests` and :func:`replies` make everything that an honest node may send;
:func:`hostile_cbor` starts from those and breaks them.  ``identify`` is the network's rule that
makes a node ID of a public key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from kadtwisted.constants import HAVE_LIMIT, ID_BITS, TOKEN_BYTES, TRANSACTION_ID_BYTES
from kadtwisted.model.contact import KEY_BYTES, Contact, Endpoint
from kadtwisted.model.ids import ID_BYTES, NodeID
from kadtwisted.model.messages import (
    METHODS,
    Changed,
    Error,
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
from kadtwisted.testing import loose_cbor
from kadtwisted.testing.loose_cbor import Raw
from kadtwisted.wire import layout
from kadtwisted.wire.cbor_encode import reply_items, request_items

Identify = Callable[[bytes], NodeID]


def identify_by_prefix(key: bytes) -> NodeID:
    """A node ID for tests: the first 20 bytes of the key, which are easy to see."""
    return NodeID(int.from_bytes(key[:ID_BYTES], "big"))


# --- Vocabulary ------------------------------------------------------------------------------


def ids(bits: int = ID_BITS) -> st.SearchStrategy[NodeID]:
    """Node IDs and keys of ``bits`` bits."""
    return st.integers(0, (1 << bits) - 1).map(NodeID)


def endpoints_v4() -> st.SearchStrategy[Endpoint]:
    """IPv4 endpoints of every kind, martians and port 0 too."""
    hosts = st.integers(0, (1 << 32) - 1).map(lambda raw: str(ipaddress.IPv4Address(raw)))
    return st.builds(Endpoint, hosts, st.integers(0, 65535))


def endpoints_v6() -> st.SearchStrategy[Endpoint]:
    """IPv6 endpoints of every kind, in their shortest text form; no IPv4 address is among them."""
    written_as_ipv4 = 0xFFFF
    numbers = st.integers(0, (1 << 128) - 1).filter(lambda raw: raw >> 32 != written_as_ipv4)
    hosts = numbers.map(lambda raw: str(ipaddress.IPv6Address(raw)))
    return st.builds(Endpoint, hosts, st.integers(0, 65535))


def endpoints() -> st.SearchStrategy[Endpoint]:
    """Endpoints of either family."""
    return endpoints_v4() | endpoints_v6()


def public_keys() -> st.SearchStrategy[bytes]:
    """Bytes of a public key's length."""
    return st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


def contacts(
    identify: Identify = identify_by_prefix, where: st.SearchStrategy[Endpoint] | None = None
) -> st.SearchStrategy[Contact]:
    """Contacts whose ID follows from their key, at any endpoints or at those of ``where``."""
    return st.builds(
        lambda key, endpoint: Contact.at(identify(key), endpoint, key),
        public_keys(),
        endpoints() if where is None else where,
    )


def contact_lists(
    identify: Identify = identify_by_prefix, most: int = 4
) -> st.SearchStrategy[tuple[Contact, ...]]:
    """Contacts as a reply lists them: IPv4 before IPv6, at most ``most`` in each family."""
    families = [
        st.lists(contacts(identify, where), max_size=most)
        for where in (endpoints_v4(), endpoints_v6())
    ]
    return st.tuples(*families).map(lambda lists: (*lists[0], *lists[1]))


def texts(most: int) -> st.SearchStrategy[str]:
    """Text of at most ``most`` bytes of UTF-8."""
    characters = st.characters(codec="utf-8")
    return st.text(characters, max_size=most).filter(lambda text: len(text.encode()) <= most)


# --- Messages --------------------------------------------------------------------------------


def _below(bound: int) -> st.SearchStrategy[int]:
    return st.integers(0, bound - 1)


def _exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def _record_bytes() -> st.SearchStrategy[bytes]:
    return st.binary(min_size=1, max_size=64)


def request_bodies() -> st.SearchStrategy[RequestBody]:
    """Every kind of request, unknown ones too."""
    wants = st.sampled_from([Want.SAME, Want.IPV4, Want.IPV6, Want.BOTH])
    cursors = st.binary(max_size=layout.CURSOR_BYTES)
    kinds = _below(256)
    versions = _exactly(layout.VERSION_BYTES)
    entries = st.lists(
        st.builds(HaveEntry, kinds, ids(), versions), min_size=1, max_size=HAVE_LIMIT
    )
    some_version = st.just(b"") | versions
    seconds = _below(layout.REMAINING_BOUND)
    record = st.just(b"") | _record_bytes()
    used = {int(each) for each in METHODS.values()}
    others = st.integers(6, layout.METHOD_BOUND - 1).filter(lambda number: number not in used)
    return st.one_of(
        st.builds(Ping, st.none() | st.just(b"") | public_keys()),
        st.builds(FindNode, ids(), wants),
        st.builds(FindValue, ids(), kinds, st.just(b"") | versions, cursors, wants, st.booleans()),
        st.builds(
            Store,
            _record_bytes(),
            _below(layout.REMAINING_BOUND),
            st.none() | _below(layout.CAS_BOUND),
        ),
        st.builds(Have, entries.map(tuple)),
        st.builds(Listen, ids(), kinds, some_version, seconds),
        st.builds(Changed, ids(), kinds, some_version, record, seconds),
        st.builds(Probe, seconds),
        st.builds(Punch, public_keys(), kinds),
        st.builds(Introduce, public_keys(), endpoints(), kinds, kinds),
        st.builds(UnknownRequest, others),
    )


def requests() -> st.SearchStrategy[Request]:
    """Requests in their envelope, with a clock or without."""
    return st.builds(
        Request,
        _exactly(TRANSACTION_ID_BYTES),
        request_bodies(),
        st.booleans(),
        st.none() | _below(1 << 64),
    )


def reply_bodies(identify: Identify = identify_by_prefix) -> st.SearchStrategy[ReplyBody]:
    """Every kind of reply, errors too."""
    items = st.builds(StoredItem, _record_bytes(), _below(layout.REMAINING_BOUND))
    return st.one_of(
        st.builds(
            Pong,
            st.binary(max_size=8),
            _below(layout.FEATURES_BOUND),
            _below(layout.UNIX_TIME_BOUND),
            st.none() | texts(layout.AGENT_BYTES),
            st.binary(max_size=layout.NUMBERS_BYTES),
            st.binary(max_size=layout.NUMBERS_BYTES),
            st.none() | endpoints(),
        ),
        st.builds(Nodes, contact_lists(identify)),
        st.builds(
            Records,
            st.lists(items, max_size=layout.RECORDS_LIMIT).map(tuple),
            contact_lists(identify),
            st.binary(max_size=layout.CURSOR_BYTES),
            st.booleans(),
        ),
        st.builds(Stored, _below(layout.REMAINING_BOUND)),
        st.builds(Wanted, st.binary(max_size=layout.BITMAP_BYTES)),
        st.builds(
            Listening,
            _below(layout.REMAINING_BOUND),
            st.just(b"") | _exactly(layout.VERSION_BYTES),
        ),
        st.builds(Noted, st.booleans()),
        st.builds(Probed, _exactly(KEY_BYTES)),
        st.builds(Punched, endpoints(), _below(layout.METHOD_BOUND)),
        st.builds(Introduced, _below(layout.METHOD_BOUND)),
        st.builds(
            Error,
            _below(layout.METHOD_BOUND),
            texts(layout.TEXT_BYTES),
            _below(layout.RETRY_AFTER_BOUND),
            st.just(()) | contact_lists(identify),
        ),
    )


def replies(identify: Identify = identify_by_prefix) -> st.SearchStrategy[Reply]:
    """Replies and errors in their envelope."""
    return st.builds(
        Reply,
        _exactly(TRANSACTION_ID_BYTES),
        reply_bodies(identify),
        _exactly(TOKEN_BYTES),
        st.none() | endpoints(),
    )


# --- Hostile datagrams -----------------------------------------------------------------------


BROKEN_ITEMS = (
    b"\x18\x05",  # 5, not in shortest form
    b"\x19\x00\xff",
    b"\x1b" + bytes(8),
    b"\x38\x00",
    b"\x58\x08abcdefgh",  # a length not in shortest form
    b"\x98\x01\x00",
    b"\x5f\x44abcd\x44efgh\xff",  # indefinite lengths
    b"\x7f\x61a\xff",
    b"\x9f\x00\xff",
    b"\xbf\x00\x00\xff",
    b"\xa2\x00\x01\x00\x02",  # a key twice
    b"\xf7",  # undefined
    b"\xf8\x20",  # simple values
    b"\xe0",
    b"\xff",  # a break with nothing to end
    b"\x1c",  # reserved heads
    b"\x5d",
    b"\x61\xff",  # text that is none
    b"\x63\xed\xa0\x80",  # a surrogate
    b"\x62\xc0\x80",  # NUL written too long
    b"\x5b" + b"\xff" * 8,  # lengths that nothing follows
    b"\x9b" + b"\xff" * 8,
    b"\xd8\x1c\x81\xd8\x1d\x00",  # an array that contains itself
    b"\xc2\x58\x64" + b"\xff" * 100,  # an integer of 800 bits
    b"\x81" * 40,
)
"""Items that no message may contain anywhere."""


def hostile_items() -> st.SearchStrategy[object]:
    """Single items that are wrong nearly everywhere: of another type, too long, too large, tagged,
    floating, indefinite, not in shortest form, or with a length that nothing follows."""
    numbers = st.sampled_from(
        [-1, 0, 4, 6, 255, 256, 1 << 32, 1 << 40, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 64)]
    )
    plain = st.one_of(
        numbers,
        st.sampled_from([True, False, None, 1.5, float("nan"), float("inf")]),
        st.binary(max_size=1232),
        st.text(st.characters(codec="utf-8"), max_size=140),
        st.sampled_from([b"", "", b"\0" * 20, "\0" * 8, [], [[]], [[[]]], {}, {1: 2}]),
    )
    broken = st.sampled_from(BROKEN_ITEMS).map(Raw)
    tagged = st.builds(
        lambda number, item: Raw(loose_cbor.head(loose_cbor.TAG, number) + loose_cbor.encode(item)),
        st.sampled_from([0, 1, 2, 3, 4, 5, 24, 25, 28, 29, 30, 35, 36, 256, 258, 55799]),
        plain,
    )
    return st.one_of(plain, broken, tagged, st.lists(plain, max_size=40))


def _message_items() -> st.SearchStrategy[list[object]]:
    return (requests().map(request_items) | replies().map(reply_items)).map(_as_lists)


def _as_lists(items: Iterable[object]) -> list[object]:
    return [_as_lists(each) if isinstance(each, tuple) else each for each in items]


@st.composite
def mutated_items(draw: st.DrawFn) -> list[object]:
    """The items of some message with one to three of them replaced, removed, repeated, inserted,
    wrapped in an array or swapped, at the top or inside a list of records."""
    items = draw(_message_items())
    for _ in range(draw(st.integers(1, 3))):
        _mutate(draw, draw(st.sampled_from(_arrays(items))))
    return items


def _arrays(items: list[object]) -> list[list[object]]:
    """The array itself and all arrays in it."""
    inner = [_arrays(each) for each in items if isinstance(each, list)]
    return [items, *(each for arrays in inner for each in arrays)]


def _mutate(draw: st.DrawFn, items: list[object]) -> None:
    at = draw(st.integers(0, max(0, len(items) - 1)))
    action = draw(st.sampled_from(["replace", "remove", "repeat", "insert", "append", "wrap"]))
    if action == "append" or not items:
        items.append(draw(hostile_items()))
    elif action == "replace":
        items[at] = draw(hostile_items())
    elif action == "remove":
        del items[at]
    elif action == "repeat":
        items[at:at] = [items[at]] * draw(st.integers(1, 300))
    elif action == "insert":
        items.insert(at, draw(hostile_items()))
    else:
        items[at] = [items[at]]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A message that is cut short, made longer, or has a few bits flipped."""
    data = bytearray(loose_cbor.encode(draw(_message_items())))
    for at in draw(st.lists(st.integers(0, len(data) * 8 - 1), max_size=4)):
        data[at // 8] ^= 1 << at % 8
    return bytes(data[: draw(st.integers(0, len(data)))] + draw(st.binary(max_size=4)))


def hostile_cbor() -> st.SearchStrategy[bytes]:
    """Datagrams of an attacker: messages with hostile items, damaged messages, bombs."""
    return st.one_of(
        mutated_items().map(loose_cbor.encode),
        mutated_items().map(loose_cbor.encode),
        _damaged(),
        hostile_items().map(loose_cbor.encode),
        st.sampled_from(sorted(loose_cbor.bombs().values())),
    )
