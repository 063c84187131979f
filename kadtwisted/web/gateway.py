"""The gateway: takes whole requests, checks who asks, and has a route answer them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import CannotListen, ConfigurationError, KadtwistedError, reason_of
from kadtwisted.model.contact import is_loopback
from kadtwisted.web.access import Role, Tokens, is_our_host, is_our_origin
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.problems import Refused, problem, problem_of
from kadtwisted.web.routing import Found, Route, Routes
from kadtwisted.web.site import BoundedRequest, BoundedSite

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
"""With every answer, unless it says otherwise."""


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
            endpoint = serverFromString(self._reactor, description)
        except (ValueError, TypeError, LookupError) as error:
            raise ConfigurationError(f"{description!r} says nowhere to listen: {error}") from None

        def refused(failure: Failure) -> IListeningPort:
            error = failure.value
            why = reason_of(error) if isinstance(error, OSError) else error
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
        gone = request.notifyFinish()
        gone.addErrback(lambda _: answering.cancel())
        answering.addErrback(self._failed).addCallback(self._write, request)

    def _answer(self, request: BoundedRequest) -> Answer | Deferred[Answer | None] | None:
        if request.too_large:
            raise Refused(413, "the body is too long: a value has at most 1,000 bytes")
        role = self._role(request)
        found = self._routes.find(request.method.decode("ascii", "replace"), request.uri)
        self._check_role(found, role, request)
        return found.route.handler(Call(request, found.path, role))

    def _role(self, request: BoundedRequest) -> Role:
        """What its client may do; :class:`Refused` for a foreign host, origin or token."""
        local = isinstance(request.channel.transport.getHost(), UNIXAddress)
        host = request.getHeader("host") or ""
        admission = self.admission
        if not local and not is_our_host(host, admission.hosts):
            raise Refused(
                403, f"this gateway does not serve the host {host!r:.100}; name it in http.hosts"
            )
        origin = request.getHeader("origin")
        if origin and not is_our_origin(origin, host, admission.origins):
            raise Refused(403, f"pages of {origin!r:.100} may not act here; see http.origins")
        shown = request.getHeader("authorization")
        if shown:
            scheme, _, token = shown.partition(" ")
            role = admission.tokens.role_of(token.strip()) if scheme.lower() == "bearer" else 0
            if not role:
                raise Refused(401, "the token is not known here", {"WWW-Authenticate": "Bearer"})
            return Role(role)
        if local:
            return Role.ADMIN
        return Role.READ if is_loopback(_peer(request)) else Role.NONE

    def _check_role(self, found: Found, role: Role, request: BoundedRequest) -> None:
        needed = found.route.role
        if role >= needed:
            return
        word = needed.name.lower()
        if request.getHeader("authorization"):
            raise Refused(403, f"this token may not do that: it needs the role {word}")
        raise Refused(401, f"this needs a token of the role {word}", {"WWW-Authenticate": "Bearer"})

    def _failed(self, failure: Failure) -> Answer | None:
        error = failure.value
        if isinstance(error, CancelledError):
            return None
        if isinstance(error, KadtwistedError):
            return problem_of(error)
        self._log.failure("a request could not be answered", failure)
        return problem(500, "a fault of this program; its log says more")

    def _write(self, answer: Answer | None, request: BoundedRequest) -> None:
        if answer is None or request._disconnected:
            return
        body = answer.bytes()
        request.setResponseCode(answer.status)
        told = {name.lower() for name in answer.headers}
        for name, value in HEADERS:
            if name.lower() not in told:
                request.setHeader(name, value)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        request.setHeader("Content-Type", answer.content_type)
        request.setHeader("Content-Length", str(len(body)))
        if request.method != b"HEAD":
            request.write(body)
        request.finish()


def _peer(request: BoundedRequest) -> str:
    return str(getattr(request.channel.transport.getPeer(), "host", ""))
