"""Joins the network through bootstrap addresses, again and again until one of them answers.

Decides only when to try: at once, then after a jittered pause that doubles from 1 s to 30 s.  Logs
each change of state, not each try.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import BootstrapFailed, NodeStopped
from kadtwisted.interfaces import INode
from kadtwisted.model.results import BootstrapResult

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between two tries.  A pause is drawn from the upper half of its doubling bound, so that a
thousand nodes that restart together do not all ask at the same moment."""


class Joining:
    """The attempts of one node to join.

    ``reactor`` provides timers, ``random`` gives floats in [0, 1).  ``joined`` is called with the
    result when an address has answered.
    """

    _log = Logger(namespace="kadtwisted.service")

    def __init__(
        self,
        reactor: Any,
        random: Callable[[], float],
        joined: Callable[[BootstrapResult], None],
    ) -> None:
        self._reactor = reactor
        self._random = random
        self._joined = joined
        self._node: INode | None = None
        self._addresses: tuple[str, ...] = ()
        self._tries = 0
        self._complained = False
        self._first = False
        self._attempt: Deferred[Any] | None = None
        self._timer: Any = None

    def start(self, node: INode, addresses: tuple[str, ...]) -> None:
        """Try now, and then until an address answers; earlier attempts end."""
        self.stop()
        self._node = node
        self._addresses = addresses
        self._tries = 0
        self._complained = self._first = False
        self._log.info("joining through {addresses}", addresses=", ".join(addresses))
        self._try()

    def stop(self) -> None:
        """End the attempts.  Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()

    def _try(self) -> None:
        assert self._node is not None
        self._timer = None
        attempt = self._node.bootstrap(self._addresses)
        self._attempt = attempt
        attempt.addCallbacks(self._on_joined, self._on_failure)

    def _on_joined(self, result: BootstrapResult) -> None:
        self._attempt = None
        self._log.info(
            "joined the network: {answered} of {asked} bootstrap addresses answered, "
            "contacts known: {contacts}",
            answered=len(result.answered),
            asked=len(self._addresses),
            contacts=result.contacts,
        )
        self._joined(result)

    def _on_failure(self, failure: Failure) -> None:
        self._attempt = None
        if failure.check(CancelledError, NodeStopped):
            return
        if isinstance(failure.value, BootstrapFailed) and failure.value.own:
            self._is_first(failure.value)
            if len(failure.value.own) == len(failure.value.reasons):
                return  # there is nobody else to ask
        else:
            self._complain(failure)
        self._timer = self._reactor.callLater(self._pause(), self._try)

    def _is_first(self, error: BootstrapFailed) -> None:
        """One of the addresses is the node's own, and no other answers: others join through it."""
        if self._first:
            return
        self._first = True
        others = len(error.reasons) - len(error.own)
        self._log.info(
            "{own} is this node itself{others}",
            own=", ".join(error.own),
            others=", and no other bootstrap address answers: it is the first of its network, and "
            "goes on trying the others"
            if others
            else ", the only bootstrap address: it is the first of its network",
        )
        self._joined(BootstrapResult((), error.reasons, 0))

    def _complain(self, failure: Failure) -> None:
        if self._complained:
            return
        self._complained = True
        error = failure.value
        if not isinstance(error, BootstrapFailed):
            self._log.failure("Bootstrapping failed unexpectedly; trying again", failure)
            return
        self._log.warn("{error}; trying again until one answers", error=error)

    def _pause(self) -> float:
        bound = min(LONGEST_PAUSE, 2 * SHORTEST_PAUSE * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return bound * (0.5 + 0.5 * self._random())
