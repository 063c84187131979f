"""The verbs of a node, from JSON arguments to JSON results.

The control socket performs them for other processes; ``kad`` performs them at a node of its own.
Both take the same arguments, give the same answers and fail in the same way.  Arguments are checked
here, because they come from outside.  Then the node is called.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed

from kadtwisted.api import describe
from kadtwisted.api.describe import Described
from kadtwisted.errors import InvalidInput
from kadtwisted.model.ids import NodeID, id_from_hex, id_to_bytes, key_of_name
from kadtwisted.model.record import StorageKey

if TYPE_CHECKING:
    from kadtwisted.interfaces import INode

T = TypeVar("T")

Arguments = Mapping[str, Any]

MAX_RECORDS = 32
"""MAGIC: records in one answer: with 1,151 bytes each, at most about 60 kB of JSON."""


class InvalidRequest(InvalidInput):
    """A request to a running node is malformed."""


class Performer(Protocol):
    """Performs verbs: at a node in this process, or as the client of another process."""

    def perform(self, verb: str, arguments: Arguments) -> Deferred[Described]: ...


class Operations:
    """The verbs of a node, from JSON arguments to JSON results."""

    def __init__(self, node: INode) -> None:
        self._node = node
        self._verbs: dict[str, Callable[[Arguments], Deferred[Described]]] = {
            "status": self._status,
            "routing": self._routing,
            "ping": self._ping,
            "find-node": self._find_node,
            "get": self._get,
            "put": self._put,
            "delete": self._delete,
            "records": self._records,
        }

    def perform(self, verb: str, arguments: Arguments) -> Deferred[Described]:
        """Do one verb: ``status``, ``routing``, ``ping`` (``address``), ``find-node`` (``target``
        as 40 hexadecimal digits or ``key``), ``get`` (``key``, ``mode``), ``put`` (``key``,
        ``value_base64``, ``lifetime``, ``keep``), ``delete`` (``key``) or ``records`` (``limit``
        of at most :data:`MAX_RECORDS`, ``after`` as ``[KIND, KEY_HEX, SUB_HEX]``).

        Fails as the :class:`INode` method does, or with :class:`InvalidRequest`.  A key is a name,
        or a 20-byte key as ``key_hex`` instead of ``key``.
        """
        action = self._verbs.get(verb)
        if action is None:
            known = ", ".join(self._verbs)
            return fail(InvalidRequest(f"there is no verb {verb!r}; choose one of {known}"))
        return maybeDeferred(action, arguments)

    def _status(self, arguments: Arguments) -> Deferred[Described]:
        return succeed(describe.of_status(self._node.status()))

    def _routing(self, arguments: Arguments) -> Deferred[Described]:
        return succeed(describe.of_routing(self._node.routing()))

    def _ping(self, arguments: Arguments) -> Deferred[Described]:
        return self._node.ping(_required(arguments, "address", str)).addCallback(describe.of_ping)

    def _find_node(self, arguments: Arguments) -> Deferred[Described]:
        return self._node.find_node(_target(arguments)).addCallback(describe.of_nodes)

    def _get(self, arguments: Arguments) -> Deferred[Described]:
        mode = arguments.get("mode", "latest")
        if mode not in ("first", "latest"):
            raise InvalidRequest("the mode is first or latest")
        return self._node.get(_key(arguments), mode=mode).addCallback(describe.of_get)

    def _put(self, arguments: Arguments) -> Deferred[Described]:
        lifetime = arguments.get("lifetime")
        if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float, type(None))):
            raise InvalidRequest("the lifetime is a number of seconds")
        keep = arguments.get("keep", False)
        if not isinstance(keep, bool):
            raise InvalidRequest("the argument 'keep' is true or false")
        storing = self._node.put(_key(arguments), _value(arguments), lifetime=lifetime, keep=keep)
        return storing.addCallback(describe.of_receipt)

    def _delete(self, arguments: Arguments) -> Deferred[Described]:
        return self._node.delete(_key(arguments)).addCallback(describe.of_receipt)

    def _records(self, arguments: Arguments) -> Deferred[Described]:
        limit = arguments.get("limit", MAX_RECORDS)
        if type(limit) is not int or not 1 <= limit <= MAX_RECORDS:
            raise InvalidRequest(f"the limit is a number from 1 to {MAX_RECORDS}")
        reading = self._node.records(_after(arguments), limit)
        return reading.addCallback(describe.of_records)


def _required(arguments: Arguments, name: str, kind: type[T]) -> T:
    value = arguments.get(name)
    if not isinstance(value, kind):
        raise InvalidRequest(f"the argument {name!r} is missing or of the wrong type")
    return value


def _key(arguments: Arguments) -> str | bytes:
    if "key_hex" in arguments:
        return id_to_bytes(id_from_hex(_required(arguments, "key_hex", str)))
    return _required(arguments, "key", str)


def _target(arguments: Arguments) -> NodeID:
    if "target" in arguments:
        return id_from_hex(_required(arguments, "target", str))
    return key_of_name(_required(arguments, "key", str))


def _after(arguments: Arguments) -> StorageKey | None:
    after = arguments.get("after")
    if after is None:
        return None
    try:
        kind, key, sub = after
        return StorageKey(bytes([kind])[0], id_from_hex(key), bytes.fromhex(sub))
    except (TypeError, ValueError):
        raise InvalidRequest("the argument 'after' is [KIND, KEY_HEX, SUB_HEX]") from None


def _value(arguments: Arguments) -> bytes:
    encoded = _required(arguments, "value_base64", str)
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise InvalidRequest("the argument 'value_base64' is not base64") from None
