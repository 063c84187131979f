"""Host names to IP addresses, in threads that hold up no stop.

The system's resolver cannot be told to give up: where a name server swallows what it is asked, one
name takes half a minute.  Twisted asks it in its thread pool, and waits for that when it stops.
Here each name has a daemon thread, which nobody waits for.

Bounded: :data:`MAX_THREADS` names at once; who asks for one that is being resolved waits for that;
more than :data:`MAX_WAITING` others are refused.  A program that has given its reactor a resolver
of its own (twisted.names) is asked through that.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet import defer
from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.errors import Unavailable
from kadtwisted.model.contact import ip_literal

MAX_ADDRESSES = 8
"""Addresses of one name that are tried."""
RESOLVE_TIMEOUT = 10.0
"""Seconds that resolving one name may take: two tries of a common resolver (resolv.conf(5))."""
MAX_THREADS = 16
"""Names that are being resolved.  MAGIC: more bootstrap addresses than most networks have."""
MAX_WAITING = 256
"""Names that wait for a thread: with more, something is wrong."""

Addresses = Sequence[str]
Look = Callable[[str], Addresses]
"""Asks the system for a name's addresses, and waits; ``OSError`` if there are none."""


def ask_system(host: str) -> Addresses:
    """The IP addresses of a host name, in the system's order."""
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    families = socket.AF_INET, socket.AF_INET6
    return tuple(dict.fromkeys(str(each[4][0]) for each in found if each[0] in families))


class Names:
    """Resolves names for the nodes on one reactor."""

    def __init__(self, reactor: Any, look: Look = ask_system) -> None:
        self._reactor = reactor
        self._look = look
        self._asking: dict[str, list[Deferred[Addresses]]] = {}
        self._waiting: dict[str, list[Deferred[Addresses]]] = {}

    def resolve(self, host: str) -> Deferred[Addresses]:
        """The IP addresses of a host name or IP address, at most :data:`MAX_ADDRESSES`.

        Fails with :class:`~kadtwisted.errors.Unavailable` if it has none.
        """
        literal = ip_literal(host)
        if literal is not None:
            return succeed((literal,))
        try:
            host.encode("idna")
        except UnicodeError:
            return fail(Unavailable(f"{host!r} is no host name; check its spelling"))
        resolving = self._ask(host).addTimeout(RESOLVE_TIMEOUT, self._reactor)
        return resolving.addErrback(_timed_out, host)

    def _ask(self, host: str) -> Deferred[Addresses]:
        resolver = getattr(self._reactor, "nameResolver", None)
        if resolver is not None and not isinstance(resolver, GAIResolver):
            receiver = _Collector(host)
            resolver.resolveHostName(receiver, host)
            return receiver.finished
        if len(self._waiting) >= MAX_WAITING and host not in self._waiting | self._asking:
            return fail(Unavailable(f"{MAX_WAITING} names wait to be resolved; {host!r} does not"))
        waiter: Deferred[Addresses] = Deferred(lambda gone: self._forget(host, gone))
        if host in self._asking:
            self._asking[host].append(waiter)
        else:
            self._waiting.setdefault(host, []).append(waiter)
            self._begin()
        return waiter

    def _begin(self) -> None:
        while self._waiting and len(self._asking) < MAX_THREADS:
            host = next(iter(self._waiting))
            self._asking[host] = self._waiting.pop(host)
            asking = threading.Thread(target=self._in_thread, args=(host,), daemon=True)
            try:
                asking.start()
            except RuntimeError as error:  # the system grants no thread: a limit of processes
                unasked = Unavailable(f"cannot resolve {host!r}, which needs a thread: {error}")
                for waiter in self._asking.pop(host):
                    waiter.errback(unasked)

    def _in_thread(self, host: str) -> None:
        found: Addresses = ()
        with suppress(OSError, UnicodeError):
            found = self._look(host)
        self._reactor.callFromThread(self._found, host, found)

    def _found(self, host: str, found: Addresses) -> None:
        for waiter in self._asking.pop(host):
            if found:
                waiter.callback(tuple(found[:MAX_ADDRESSES]))
            else:
                waiter.errback(_does_not_resolve(host))
        self._begin()

    def _forget(self, host: str, gone: Deferred[Addresses]) -> None:
        """Somebody waits no more; a name that nobody waits for is not begun."""
        for asked in (self._asking, self._waiting):
            if gone in asked.get(host, ()):
                asked[host].remove(gone)
        if host in self._waiting and not self._waiting[host]:
            del self._waiting[host]


def _timed_out(failure: Failure, host: str) -> Addresses:
    failure.trap(defer.TimeoutError)
    raise Unavailable(f"the name {host!r} did not resolve within {RESOLVE_TIMEOUT:g} seconds")


def _does_not_resolve(host: str) -> Unavailable:
    return Unavailable(f"the name {host!r} does not resolve; check its spelling and DNS")


@implementer(IResolutionReceiver)
class _Collector:
    """Gathers the addresses of one name from a resolver of Twisted's kind, and fires once."""

    def __init__(self, host: str) -> None:
        self.finished: Deferred[Addresses] = Deferred()
        self._host = host
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        host: str = getattr(address, "host", "")
        if host and host not in self._found and len(self._found) < MAX_ADDRESSES:
            self._found.append(host)

    def resolutionComplete(self) -> None:
        if self.finished.called:
            return  # its caller gave up waiting
        if self._found:
            self.finished.callback(tuple(self._found))
        else:
            self.finished.errback(_does_not_resolve(self._host))
