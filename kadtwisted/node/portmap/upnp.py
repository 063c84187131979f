"""Asks a gateway by UPnP (Internet Gateway Device, WANIPConnection), through miniupnpc.

The library waits, so each call runs in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.nat.mapping import Grant, Heard, Refused, Wish
from kadtwisted.node.portmap.threads import in_thread

SEARCH = 2000
"""Milliseconds that gateways have to answer the search (UPnP Device Architecture 1.1, 1.3.2)."""
MISSING = "UPnP needs the package miniupnpc: pip install '.[upnp]'"


def _miniupnpc(host: str) -> Any:
    import miniupnpc

    return miniupnpc.UPnP(multicastif=host, discoverdelay=SEARCH)


class Upnp:
    """One gateway that may speak UPnP; it is searched at the first call, and after a failure."""

    def __init__(self, reactor: Any, make: Callable[[str], Any] = _miniupnpc) -> None:
        self._reactor = reactor
        self._make = make
        self._found: Any = None

    def ask(self, wish: Wish) -> Deferred[Heard]:
        """Ask for a mapping, or for its end; never fails but for want of a thread."""
        return in_thread(self._reactor, lambda: self._ask(wish))

    def _ask(self, wish: Wish) -> Heard:
        try:
            gateway = self._found or self._search(wish.host)
        except ImportError:
            return Refused(MISSING, speaks_not=True)
        except Exception as error:  # the library raises nothing more special
            return Refused(f"no gateway speaks UPnP ({error})", speaks_not=True)
        self._found = None
        try:
            if not wish.lifetime:
                gateway.deleteportmapping(wish.outer_port, "UDP")
                return Grant(None, wish.outer_port, 0)
            gateway.addportmapping(
                wish.outer_port, "UDP", wish.host, wish.port, "kademlia", "", wish.lifetime
            )
            outer_host = gateway.externalipaddress() or None
        except Exception as error:
            return Refused(f"the gateway refuses by UPnP: {error}")
        self._found = gateway
        return Grant(outer_host, wish.outer_port, wish.lifetime)

    def _search(self, host: str) -> Any:
        made = self._make(host)
        made.discover()
        made.selectigd()
        return made
