"""The verbs of a node, from JSON arguments to JSON results.

The control socket performs them for other processes; ``kad`` performs them at a node of its own.
Both take the same arguments, give the same answers and fail in the same way.  Arguments come from
outside, so :mod:`kadtwisted.api.arguments` reads them first.  Then the node is called.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed

from kadtwisted.api import describe, describe_status
from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.arguments import Arguments, read_arguments
from kadtwisted.api.describe import Described
from kadtwisted.api.streams import Events
from kadtwisted.errors import InvalidInput
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.record import StorageKey

if TYPE_CHECKING:
    from kadtwisted.interfaces import INode
    from kadtwisted.lookup.records import Mode
    from kadtwisted.model.reference import Reference
    from kadtwisted.model.results import BulkEntry, Receipt, Wait


class Performer(Protocol):
    """Performs verbs: at a node in this process, or as the client of another process."""

    def perform(self, verb: str, arguments: Arguments) -> Awaitable[Described]: ...

    def stream(self, verb: str, arguments: Arguments) -> AsyncIterator[Described]: ...


STREAMS: Final = frozenset({"watch"})
"""Verbs whose answers are streams: see :mod:`~kadtwisted.api.streams`."""


class Operations:
    """The verbs of a node, from JSON arguments to JSON results."""

    def __init__(self, node: INode, told: Callable[[Receipt], object] | None = None) -> None:
        """``told`` hears of each receipt before it is described."""
        self._node = node
        self._told = told
        self._verbs: dict[str, Callable[..., Deferred[Described]]] = {
            "status": self._status,
            "routing": self._routing,
            "ping": self._ping,
            "find-node": self._find_node,
            "open-path": self._open_path,
            "get": self._get,
            "put": self._put,
            "put-many": self._put_many,
            "get-many": self._get_many,
            "delete": self._delete,
            "put-record": self._put_record,
            "collect": self._collect,
            "announce": self._announce,
            "withdraw": self._withdraw,
            "providers": self._providers,
            "pin": self._pin,
            "unpin": self._unpin,
            "records": self._records,
            "own": self._own,
        }

    def perform(self, verb: str, arguments: Arguments) -> Deferred[Described]:
        """Do one verb: ``status``, ``routing``, ``ping`` (``address``), ``find-node`` (``target``
        as 40 hexadecimal digits or ``key``), ``open-path`` (``node``), ``get`` (``key`` or
        ``reference``, ``mode``), ``put`` (``key``, ``value_base64``, ``lifetime``, ``keep``,
        ``put_back``, ``pin``, ``wait``), ``put-many`` (``values``, ``wait``), ``get-many``
        (``keys``, ``mode``), ``delete`` (``key``, ``wait``), ``pin`` (``key`` or ``reference``,
        ``kind``, ``holders``),
        ``unpin`` (``key`` or ``reference``, ``kind``), ``put-record`` (``record_base64``,
        ``lifetime``, ``keep``, ``put_back``, ``pin``, ``cas``, ``wait``), ``collect`` (``key``,
        ``kind``), ``announce`` (``key``, ``port``, ``attributes_base64``, ``lifetime``, ``wait``),
        ``withdraw`` (``key``, ``wait``), ``providers`` (``key``, ``limit``), ``records`` (those
        that it stores) or ``own`` (those that it keeps published; both take a ``limit`` of at most
        :data:`~kadtwisted.api.arguments.MAX_RECORDS`, and ``after`` as ``[KIND, KEY_HEX,
        SUB_HEX]``).

        Fails as the :class:`INode` method does, or with
        :class:`~kadtwisted.api.arguments.InvalidRequest`.  A key is a name, or a 20-byte key as
        ``key_hex`` instead of ``key``.
        """
        try:
            values = read_arguments(verb, arguments)
        except InvalidInput as error:
            return fail(error)
        if verb in STREAMS:
            return fail(InvalidRequest(f"the answer of {verb!r} is a stream"))
        return maybeDeferred(self._verbs[verb], **values)

    def stream(self, verb: str, arguments: Arguments) -> Events:
        """Begin a verb whose answer is a stream: ``watch`` (``key`` or ``reference``, and
        ``kind``).

        Raises what :meth:`perform` fails with.
        """
        if verb not in STREAMS:
            raise InvalidRequest(f"the answer of {verb!r:.100} is no stream")
        values = read_arguments(verb, arguments)
        kind = values.pop("kind")
        return Events(self._node.watch(_place(**values), kind=kind))

    def _status(self) -> Deferred[Described]:
        return succeed(describe_status.of_status(self._node.status()))

    def _routing(self) -> Deferred[Described]:
        return succeed(describe_status.of_routing(self._node.routing()))

    def _ping(self, address: str) -> Deferred[Described]:
        return self._node.ping(address).addCallback(describe.of_ping)

    def _open_path(self, node: str) -> Deferred[Described]:
        return self._node.open_path(node).addCallback(describe.of_path)

    def _find_node(self, target: NodeID | None, key: str | None) -> Deferred[Described]:
        _check_one_of(target=target, key=key)
        wanted = key_of_name(key or "") if target is None else target
        return self._node.find_node(wanted).addCallback(describe.of_nodes)

    def _get(
        self,
        key: str | None,
        key_hex: bytes | None,
        reference: Reference | None,
        mode: Mode | None,
    ) -> Deferred[Described]:
        _check_one_of(key=key, key_hex=key_hex, reference=reference)
        wanted = _key(key, key_hex) if reference is None else reference
        return self._node.get(wanted, mode=mode).addCallback(describe.of_get)

    def _put(
        self,
        key: str | None,
        key_hex: bytes | None,
        value_base64: bytes,
        lifetime: float | None,
        **keeping: Any,
    ) -> Deferred[Described]:
        asked = {name: value for name, value in keeping.items() if value}
        where = _key(key, key_hex)
        return self._write(self._node.put(where, value_base64, lifetime=lifetime, **asked))

    def _put_many(self, values: Sequence[BulkEntry], **how: Any) -> Deferred[Described]:
        putting = self._node.put_many(values, **how)
        return putting.addCallback(describe.of_many, describe.of_stored)

    def _get_many(
        self, keys: Sequence[str | bytes | Reference], mode: Mode | None
    ) -> Deferred[Described]:
        getting = self._node.get_many(keys, mode=mode)
        return getting.addCallback(describe.of_many, describe.of_gotten)

    def _write(self, writing: Deferred[Receipt]) -> Deferred[Described]:
        """What the receipt of a write says."""

        def tell(receipt: Receipt) -> Described:
            if self._told is not None:
                self._told(receipt)
            return describe.of_receipt(receipt)

        return writing.addCallback(tell)

    def _delete(self, key: str | None, key_hex: bytes | None, wait: Wait) -> Deferred[Described]:
        return self._write(self._node.delete(_key(key, key_hex), wait=wait))

    def _put_record(
        self, record_base64: bytes, lifetime: float | None, cas: int | None, **keeping: Any
    ) -> Deferred[Described]:
        asked = {name: value for name, value in keeping.items() if value}
        return self._write(
            self._node.put_record(record_base64, lifetime=lifetime, cas=cas, **asked)
        )

    def _collect(self, key: str | None, key_hex: bytes | None, kind: int) -> Deferred[Described]:
        collecting = self._node.collect(kind, _key(key, key_hex))
        return collecting.addCallback(describe.of_collection)

    def _announce(
        self,
        key: str | None,
        key_hex: bytes | None,
        port: int | None,
        attributes_base64: bytes,
        **told: Any,
    ) -> Deferred[Described]:
        where = _key(key, key_hex)
        return self._write(
            self._node.announce(where, port=port, attributes=attributes_base64, **told)
        )

    def _withdraw(self, key: str | None, key_hex: bytes | None, wait: Wait) -> Deferred[Described]:
        return self._write(self._node.withdraw(_key(key, key_hex), wait=wait))

    def _providers(
        self, key: str | None, key_hex: bytes | None, limit: int | None
    ) -> Deferred[Described]:
        finding = self._node.providers(_key(key, key_hex), limit)
        return finding.addCallback(describe.of_providers)

    def _pin(self, holders: int, kind: int | None, **names: Any) -> Deferred[Described]:
        pinning = self._node.pin(_place(**names), holders, kind=kind)
        return pinning.addCallback(describe.of_own_record)

    def _unpin(self, kind: int | None, **names: Any) -> Deferred[Described]:
        unpinning = self._node.unpin(_place(**names), kind=kind)
        return unpinning.addCallback(lambda was_pinned: {"was_pinned": was_pinned})

    def _records(self, limit: int, after: StorageKey | None) -> Deferred[Described]:
        return self._node.records(after, limit).addCallback(describe.of_records)

    def _own(self, limit: int, after: StorageKey | None) -> Deferred[Described]:
        return succeed(describe.of_own(self._node.own_records(after, limit), limit))


def _key(key: str | None, key_hex: bytes | None) -> str | bytes:
    _check_one_of(key=key, key_hex=key_hex)
    return key if key is not None else key_hex or b""


def _place(**names: Any) -> str | bytes | Reference:
    """What is named by a ``key``, ``key_hex`` or ``reference``."""
    _check_one_of(**names)
    named: str | bytes | Reference = next(each for each in names.values() if each is not None)
    return named


def _check_one_of(**given: Any) -> None:
    """:class:`InvalidRequest` unless exactly one of these arguments is there."""
    if sum(value is not None for value in given.values()) != 1:
        raise InvalidRequest(f"give one of the arguments {' and '.join(map(repr, given))}")
