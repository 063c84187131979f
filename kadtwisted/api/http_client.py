"""A client of a node's HTTP gateway that blocks: for ``kad --node URL``.

It performs verbs as :mod:`kadtwisted.api.blocking_client` does through the control socket, without
Twisted.  It has no time limits of its own: whoever uses it sets an alarm.  It follows no redirect,
for that would carry the token elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLCertVerificationError
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlsplit

from kadtwisted.api.answers import MAX_REPLY, ControlUnavailable, Described, error_from
from kadtwisted.api.peers import ControlRefused
from kadtwisted.errors import InvalidInput, KadtwistedError, reason_of
from kadtwisted.model.ids import id_to_hex, key_of_name
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import is_reference

_REFUSED = (401, 403)
_FAILED = "error"
_HEX = "hex:"
"""How a path writes a key that is no name."""
_LONGEST_LINE = 64 * 1024
"""MAGIC: bytes of an event; a record has at most 1,151, and base64 and escapes make it longer."""


class _Event(NamedTuple):
    """One event of a stream."""

    name: str
    data: Described


class HttpClient:
    """Performs verbs at the node whose gateway is at a URL, with a token or without.

    Raises :class:`~kadtwisted.errors.InvalidInput` for what is no URL of a gateway.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._connection, self._path = _connection_to(url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def perform(self, verb: str, arguments: Mapping[str, Any]) -> Described:
        """As :meth:`~kadtwisted.api.blocking_client.BlockingClient.perform`: by its first step it
        is done.

        Fails as the verb does; with :class:`ControlUnavailable` if no gateway answers there, and
        with :class:`ControlRefused` if it does not let this client in.
        """
        path = f"{self._path}/v1/verbs/{quote(verb, safe='')}"
        response = self._begun("POST", path, json.dumps(dict(arguments)).encode())
        body = self._whole(response)
        if response.status != 200:
            self._raise(response.status, self._read(body, response.status))
        return self._read(body, response.status)

    async def stream(self, verb: str, arguments: Mapping[str, Any]) -> AsyncIterator[Described]:
        """As :meth:`~kadtwisted.api.blocking_client.BlockingClient.stream`; it blocks between two
        events.  Of watches, only those of values and of announcements go through HTTP."""
        path = _path_of_watch(verb, arguments)
        response = self._begun("GET", f"{self._path}{path}", None)
        if response.status != 200:
            self._raise(response.status, self._read(self._whole(response), response.status))
        while True:
            event = self._event(response)
            if event.name == _FAILED:
                self._raise(response.status, event.data)
            yield event.data

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _begun(self, method: str, path: str, body: bytes | None) -> HTTPResponse:
        """An answer, of which the head is there."""
        try:
            self._connection.request(method, path, body, self._headers)
            return self._connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self._lost(error) from error

    def _whole(self, response: HTTPResponse) -> bytes:
        try:
            found = response.read(MAX_REPLY + 1)
        except (OSError, HTTPException) as error:
            raise self._lost(error) from error
        if len(found) > MAX_REPLY:
            self.close()
            raise ControlUnavailable(f"the answer from {self._url} is too long")
        return found

    def _lost(self, error: Exception) -> ControlUnavailable:
        self.close()  # the next request begins a new connection
        if isinstance(error, SSLCertVerificationError):
            return ControlUnavailable(
                f"what answers at {self._url} has a certificate that is not trusted: "
                f"{error.verify_message}; SSL_CERT_FILE names a file of others to trust"
            )
        why = reason_of(error) if isinstance(error, OSError) else str(error) or "no HTTP"
        return ControlUnavailable(f"no gateway answers at {self._url}: {why}")

    def _event(self, response: HTTPResponse) -> _Event:
        """The next event of a stream; what is no event is passed over."""
        name = ""
        while True:
            try:
                line = response.readline(_LONGEST_LINE)
            except (OSError, HTTPException) as error:
                raise self._lost(error) from error
            if not line.endswith(b"\n"):
                self.close()
                raise ControlUnavailable(f"{self._url} has ended the stream")
            field, _, value = line.strip().partition(b": ")
            if field == b"event":
                name = value.decode("utf-8", "replace")
            elif field == b"data":
                return _Event(name, self._read(value, response.status))

    def _read(self, body: bytes, status: int) -> Described:
        try:
            return dict(json.loads(body))
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self._no_gateway(status) from None

    def _raise(self, status: int, told: Described) -> NoReturn:
        """Raise what a problem tells, or an event."""
        try:
            error = self._error(status, told)
        except (ValueError, LookupError, TypeError):
            error = self._no_gateway(status)
        raise error

    def _no_gateway(self, status: int) -> ControlUnavailable:
        return ControlUnavailable(
            f"what answers at {self._url} is no gateway of a node (HTTP {status})"
        )

    def _error(self, status: int, answer: Described) -> KadtwistedError:
        """What a problem tells; ``LookupError``, ``TypeError`` or ``ValueError`` for what is
        none."""
        if "message" in answer:
            return error_from(answer)
        detail = str(answer["detail"])
        if "error" in answer:
            return error_from({**answer, "type": answer["error"], "message": detail})
        if status in _REFUSED:
            return ControlRefused(f"{self._url} refuses: {detail}")
        return ControlUnavailable(f"{self._url} answers with HTTP {status}: {detail}")


def _path_of_watch(verb: str, arguments: Mapping[str, Any]) -> str:
    kind = arguments.get("kind")
    if verb != "watch" or kind not in (None, Kind.VALUE, Kind.ANNOUNCEMENT):
        raise InvalidInput("through HTTP kad watches values and announcements only")
    what = "providers" if kind == Kind.ANNOUNCEMENT else "values"
    return f"/v1/{what}/{quote(_named(arguments), safe='')}/events"


def _named(arguments: Mapping[str, Any]) -> str:
    """How a path names what these arguments of a verb name."""
    if "key_hex" in arguments:
        return f"{_HEX}{arguments['key_hex']}"
    if "reference" in arguments:
        return str(arguments["reference"])
    name = str(arguments.get("key", ""))
    if name.startswith(_HEX) or is_reference(name):  # it would be taken for that
        return _HEX + id_to_hex(key_of_name(name))
    return name


def _connection_to(url: str) -> tuple[HTTPConnection, str]:
    """A connection, not yet made, and the path that stands before ours."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise InvalidInput(f"a gateway is http://HOST:PORT or https://HOST:PORT, not {url!r:.100}")
    if parts.username is not None:
        raise InvalidInput("a token stands in a file, not in the URL: see --token-file")
    made = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return made(host, port), parts.path.rstrip("/")
