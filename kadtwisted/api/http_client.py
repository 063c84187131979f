"""A client of a node's HTTP gateway that blocks: for ``kad --node URL``.

It performs verbs as :mod:`kadtwisted.api.blocking_client` does through the control socket, without
Twisted.  It has no time limits of its own: whoever uses it sets an alarm.  It follows no redirect,
for that would carry the token elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from kadtwisted.api.answers import MAX_REPLY, ControlUnavailable, Described, error_from
from kadtwisted.api.peers import ControlRefused
from kadtwisted.errors import InvalidInput, KadtwistedError, reason_of

_REFUSED = (401, 403)


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
        status, body = self._asked(f"{self._path}/v1/verbs/{quote(verb, safe='')}", arguments)
        try:
            answer: Described = dict(json.loads(body))
            error = None if status == 200 else self._error(status, answer)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ControlUnavailable(
                f"what answers at {self._url} is no gateway of a node (HTTP {status})"
            ) from None
        if error is not None:
            raise error
        return answer

    async def stream(self, verb: str, arguments: Mapping[str, Any]) -> AsyncIterator[Described]:
        """No stream goes through this client."""
        raise InvalidInput(
            f"kad {verb} goes through the control socket of a node on this machine only; over HTTP "
            f"there is {self._url}/v1/values/NAME/events"
        )
        yield {}  # pragma: no cover - what makes this an iterator

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _asked(self, path: str, arguments: Mapping[str, Any]) -> tuple[int, bytes]:
        try:
            body = json.dumps(dict(arguments)).encode()
            self._connection.request("POST", path, body, self._headers)
            response = self._connection.getresponse()
            found = response.read(MAX_REPLY + 1)
        except (OSError, HTTPException) as error:
            self.close()  # the next request begins a new connection
            why = reason_of(error) if isinstance(error, OSError) else str(error) or "no HTTP"
            raise ControlUnavailable(f"no gateway answers at {self._url}: {why}") from error
        if len(found) > MAX_REPLY:
            self.close()
            raise ControlUnavailable(f"the answer from {self._url} is too long")
        return response.status, found

    def _error(self, status: int, answer: Described) -> KadtwistedError:
        """What a problem tells; ``LookupError``, ``TypeError`` or ``ValueError`` for what is
        none."""
        detail = str(answer["detail"])
        if "error" in answer:
            return error_from({**answer, "type": answer["error"], "message": detail})
        if status in _REFUSED:
            return ControlRefused(f"{self._url} refuses: {detail}")
        return ControlUnavailable(f"{self._url} answers with HTTP {status}: {detail}")


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
