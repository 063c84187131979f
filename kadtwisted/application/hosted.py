"""The life of a node as a Twisted service, whatever makes the node.

What can fail for good fails in ``privilegedStartService``.  Joining the network is tried in the
background until it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.api.describe_status import address_to_share
from kadtwisted.application.awaited import Awaited
from kadtwisted.application.home import Home
from kadtwisted.application.joining import Joining
from kadtwisted.errors import NodeStopped
from kadtwisted.interfaces import INode
from kadtwisted.model.results import BootstrapResult


class HostedNode(Service):
    """Runs the node of ``home`` and joins the network through the ``bootstrap`` addresses.

    ``random`` gives floats in [0, 1).
    """

    log = Logger(namespace="kadtwisted.service")

    def __init__(
        self,
        reactor: Any,
        home: Home,
        bootstrap: tuple[str, ...],
        random: Callable[[], float],
    ) -> None:
        self._home = home
        self._bootstrap = bootstrap
        self._joined: Awaited[BootstrapResult] = Awaited()
        self._joining = Joining(reactor, random, self._joined.come)

    @property
    def node(self) -> INode:
        """The node; :class:`~kadtwisted.errors.NodeStopped` while there is none.

        There is one from ``privilegedStartService`` to ``stopService``, and another one after the
        next start.
        """
        return self._home.node

    def whenJoined(self) -> Deferred[BootstrapResult]:
        """Fires once the node has joined its network: with the result of the bootstrap.

        A node without bootstrap addresses is the first of its network: then this fires once it
        serves, and names nobody who answered.  Waits for a service that has not started yet.  Fails
        with :class:`~kadtwisted.errors.NodeStopped` when the service stops before, and with the
        error of a storage that takes its time and then does not open.
        """
        return self._joined.wait()

    def privilegedStartService(self) -> None:
        """Take the state directory, load the identity, open the storage, bind the ports.

        Where that is for another user, who this process is yet to become (``twistd --uid``),
        :meth:`startService` does all of it.  Raises a :class:`~kadtwisted.errors.LocalError` whose
        message is the sentence to show; then nothing is left open.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        if not self._waits_for_its_user():
            self._open()

    def startService(self) -> None:
        """Join the network in the background; what was not opened before is opened first."""
        if not self._home.is_open:
            self._open()
        super().startService()  # type: ignore[no-untyped-call]
        self._run()

    def stopService(self) -> Deferred[None]:
        """Stop joining, hang up on the control socket, stop the node, let go of the lock.

        Fires when all of that is done; never fails.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._joining.stop()
        self._joined.fail(NodeStopped())
        return self._home.close(self._stopping)

    def join(self, addresses: tuple[str, ...]) -> None:
        """Join through these addresses instead of those known before; at once, if the node is up.

        Attempts to join that are under way end.
        """
        self._bootstrap = addresses
        if self._home.is_up and self.running:
            self._joining.stop()
            self._join()

    def _open(self) -> None:
        self._home.open().addCallbacks(self._opened, self._not_opened)

    def _opened(self, is_up: bool) -> None:
        if not is_up:  # it was told to stop meanwhile
            return
        status = self.node.status()
        for link in status.links:
            if link.listening is not None:
                self.log.info(
                    "node {address} serves the network {network!r} at {listening}",
                    address=address_to_share(status.public_key, link.listening),
                    network=status.network,
                    listening=link.listening,
                )
        self._run()

    def _not_opened(self, failure: Failure) -> None:
        error = failure.value or NodeStopped()
        self._joined.fail(error)
        self._failed(error)

    def _run(self) -> None:
        """Once the node is up and this service runs."""
        if self.running and self._home.is_up:
            self._join()
            self._serving()

    def _join(self) -> None:
        if self._bootstrap:
            self._joining.start(self.node, self._bootstrap)
        else:
            known = sum(link.contacts for link in self.node.status().links)
            self._joined.come(BootstrapResult((), {}, known))

    # --- For subclasses ----------------------------------------------------------------------

    def _waits_for_its_user(self) -> bool:
        """Whether what is opened as root now would be the wrong user's."""
        return self._home.is_of_another_user()

    def _serving(self) -> None:
        """The node is up, the service runs, and joining has begun."""

    def _stopping(self) -> None:
        """The node has begun to stop."""

    def _failed(self, error: BaseException) -> None:
        """The node could not start after all, and nobody is left to raise that to."""
        self.log.error("the node could not start: {error}", error=error)
