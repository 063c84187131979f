"""The gateway: takes whole requests, checks who asks, and has a route answer them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError as TwistedCannotListen
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CannotListen,
    ConfigurationError,
    KadtwistedError,
    NodeStopped,
    reason_of,
)
from kadtwisted.model.contact import is_loopback
from kadtwisted.web.access import LOCAL_HOSTS, Role, Tokens, host_name, is_our_host, is_our_origin
from kadtwisted.web.calls import INDEX, Answer, Call, begin, parts_of_query
from kadtwisted.web.parameters import read_query
from kadtwisted.web.problems import Refused, problem, problem_of, unauthorized
from kadtwisted.web.routing import Found, Route, Routes
from kadtwisted.web.site import BODY_BYTES, BoundedRequest, BoundedSite

NO_BODY = (204, 304)
"""Statuses whose answers have none (RFC 9110)."""
PROXIED = ("forwarded", "x-forwarded-for", "via")
"""Headers by which a proxy says that it asks for somebody else."""
SHOWN = f"ETag, {INDEX}, Allow"
"""Headers of an answer that pages of other origins may read (Fetch standard, CORS)."""
SENT = "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID"
"""Headers that they may send."""
WHERE = "the file that http.tokens names, by default http-tokens in the state directory"
"""Where the tokens stand, for those who have none that is good."""


@dataclass(frozen=True)
class Admission:
    """Whom a gateway lets in: the ``tokens``, and the ``hosts`` and ``origins`` beside its own."""

    tokens: Tokens
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Gateway:
    """Answers HTTP requests by its routes; ``listen`` opens one more door to it."""

    _log = Logger(namespace="kadtwisted.web")

    def __init__(self, reactor: Any, routes: Iterable[Route], admission: Admission) -> None:
        self._reactor = reactor
        self._routes = Routes(routes)
        self.admission = admission
        self.site = BoundedSite(reactor, self.take)
        self._ports: list[IListeningPort] = []

    def listen(self, description: str) -> Deferred[IListeningPort]:
        """Listen as a string says, ``tcp:8480:interface=127.0.0.1`` or ``unix:/run/x.sock``.

        Fails with :class:`~kadtwisted.errors.ConfigurationError` for what is no such string, or
        with :class:`~kadtwisted.errors.CannotListen`.
        """
        try:
            endpoint = serverFromString(self._reactor, guarded(description))
        except ImportError:
            raise ConfigurationError(
                f"{description!r} needs TLS, and that needs pyOpenSSL: pip install kadtwisted[tls]"
            ) from None
        except Exception as error:  # an endpoint's parser raises what it likes
            raise ConfigurationError(
                f"{description!r} says nowhere to listen: {_why(error)}"
            ) from None

        def refused(failure: Failure) -> IListeningPort:
            why = _why(failure.value)
            raise CannotListen(f"cannot listen for HTTP at {description}: {why}") from None

        def opened(port: IListeningPort) -> IListeningPort:
            self._ports.append(port)
            return port

        listening: Deferred[IListeningPort] = endpoint.listen(self.site)
        return listening.addCallbacks(opened, refused)

    def close(self) -> Deferred[Any]:
        """Hang up on everybody and stop listening."""
        self.site.close()
        closing = [maybeDeferred(each.stopListening) for each in self._ports]
        self._ports.clear()
        return DeferredList(closing, consumeErrors=True)

    # --- One request -------------------------------------------------------------------------

    def take(self, request: BoundedRequest) -> None:
        """All of a request is there: answer it."""
        answering: Deferred[Any] = maybeDeferred(self._answer, request)
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(self._failed).addCallback(self._write, request)

    def _answer(self, request: BoundedRequest) -> Answer | Deferred[Answer | None] | None:
        if request.too_large:
            raise Refused(
                413,
                f"the body is longer than {BODY_BYTES:,} bytes; a value has at most 1,000: split "
                "it, or store where it can be had",
            )
        role = self._role(request)
        method = request.method.decode("ascii", "replace")
        if method == "OPTIONS":
            allowed = self._routes.methods(request.uri)
            return Answer(None, 204, headers={"Allow": allowed, **_preflight(allowed)})
        found = self._routes.find(method, request.uri)
        self._check_role(found, role, request)
        asked = read_query(parts_of_query(request.uri), found.route.query)
        return found.route.handler(Call(request, found.path, role, asked))

    def _role(self, request: BoundedRequest) -> Role:
        """What its client may do; :class:`Refused` for a foreign host, origin or token."""
        local = isinstance(request.channel.transport.getHost(), UNIXAddress)
        host = request.getHeader("host") or ""
        admission = self.admission
        if not local and not is_our_host(host, admission.hosts):
            raise Refused(
                403,
                f"this gateway does not serve the host {host!r:.100}; call it localhost, or name "
                "it in http.hosts",
            )
        origin = request.getHeader("origin")
        if origin and not is_our_origin(origin, host, admission.origins):
            raise Refused(
                403,
                f"pages of {origin!r:.100} may not act here; who runs the node can name them in "
                "http.origins",
            )
        if origin in admission.origins:
            request.setHeader("Access-Control-Allow-Origin", origin)
            request.setHeader("Access-Control-Expose-Headers", SHOWN)
            request.setHeader("Vary", "Origin")
        if is_smuggled(request) and not origin:
            raise Refused(403, "pages from elsewhere may not ask here; open this address itself")
        shown = request.getHeader("authorization")
        if shown:
            scheme, _, token = shown.partition(" ")
            is_token = scheme.lower() == "bearer"
            role = admission.tokens.role_of(token.strip()) if is_token else Role.NONE
            if not role:
                raise unauthorized(
                    "the token is not known here: send Authorization: Bearer and a token of "
                    f"{WHERE}"
                )
            return role
        if local:
            return Role.ADMIN
        is_near = is_loopback(_peer(request)) and host_name(host) in LOCAL_HOSTS
        return Role.READ if is_near and not any(map(request.getHeader, PROXIED)) else Role.NONE

    def _check_role(self, found: Found, role: Role, request: BoundedRequest) -> None:
        needed = found.route.role
        if role >= needed:
            return
        word = needed.name.lower()
        if request.getHeader("authorization"):
            raise Refused(403, f"this token may not do that: it needs one of the role {word}")
        raise unauthorized(
            f"this needs a token of the role {word}: send Authorization: Bearer TOKEN, with one of "
            f"{WHERE}"
        )

    def _failed(self, failure: Failure) -> Answer | None:
        error = failure.value
        if isinstance(error, CancelledError):
            return problem_of(NodeStopped())  # nobody reads it, if it is the client that left
        if isinstance(error, KadtwistedError):
            return problem_of(error)
        self._log.failure("a request could not be answered", failure)
        return problem(500, "a fault of this program; its log says more")

    def _write(self, answer: Answer | None, request: BoundedRequest) -> None:
        if request.is_gone or request.finished:
            return
        if answer is None:
            if request.method == b"HEAD":  # of a stream, which has begun: its head is all
                request.unregisterProducer()
                request.end()
            return
        body = answer.bytes()
        begin(request, answer.status, answer.content_type, answer.headers)
        if answer.status not in NO_BODY:
            request.setHeader("Content-Length", str(len(body)))
        if request.method != b"HEAD":
            request.write(body)
        request.end()


def guarded(description: str) -> str:
    """Where to listen; a Unix socket is its user's alone unless its mode is given."""
    if description.startswith("unix:") and ":mode=" not in description:
        return f"{description}:mode=600"
    return description


def _why(error: BaseException | None) -> object:
    """Why it is not to be had, for who has written the place and knows no Python."""
    if isinstance(error, TwistedCannotListen):
        if not isinstance(error.socketError, OSError):  # the lock of a Unix socket
            return "another program listens there"
        error = error.socketError
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{reason_of(error)}"
    if isinstance(error, TypeError):
        return (
            "it lacks a part, or has one that such a place does not take; in an address a colon is "
            "written as \\:, as in tcp6:8480:interface=\\:\\:1"
        )
    if isinstance(error, OverflowError):
        return "a port is a number up to 65535"
    if isinstance(error, ValueError) and "int()" in str(error):
        return "a port or a mode in it is no number"
    if type(error).__module__.startswith("OpenSSL"):
        return "its private key or its certificate is no PEM, or they do not belong together"
    if isinstance(error, IndexError):
        return "systemd gives no such socket"
    return error


def is_smuggled(request: BoundedRequest) -> bool:
    """Whether a browser asks for a page from elsewhere, and not because somebody follows a link
    (Fetch Metadata, W3C)."""
    site = request.getHeader("sec-fetch-site")
    if site not in ("cross-site", "same-site"):
        return False
    return request.getHeader("sec-fetch-mode") != "navigate" or request.method != b"GET"


def _preflight(allowed: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": "600",
    }


def _peer(request: BoundedRequest) -> str:
    return str(getattr(request.channel.transport.getPeer(), "host", ""))
