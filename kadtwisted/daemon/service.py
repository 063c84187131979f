"""One node as one Twisted service, with its state directory, control socket and joining.

Order: state directory, identity, node (its storage and ports), control socket; backwards at the
end.  Whatever can fail for good fails in :meth:`NodeService.privilegedStartService`, before the
reactor runs; joining the network is tried in the background until it succeeds.  A stop that hangs
is not waited for: who stops a service wants it to end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.api import control
from kadtwisted.api.describe import address_to_share
from kadtwisted.api.operations import Operations
from kadtwisted.daemon.joining import Joining
from kadtwisted.daemon.reload import compare, tell
from kadtwisted.daemon.supervision.health_watch import HealthWatch
from kadtwisted.daemon.supervision.port_watch import PortWatch
from kadtwisted.daemon.supervision.reporter import Reporter
from kadtwisted.daemon.supervision.systemd import Notifier
from kadtwisted.daemon.supervision.watchdog import Watchdog
from kadtwisted.errors import LocalError, NodeStopped
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.model.results import BootstrapResult
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.state.directory import StateDirectory

MakeNode = Callable[[NodeKey], INode]
"""Makes the node, not yet started, once its identity is known."""

STOP_WITHIN = 1.5
"""Seconds that stopping may take; with what the process then needs to end, less than 2 s."""


class NodeService(Service):
    """Runs a node.

    ``reactor`` provides timers and Unix sockets; ``secure_random(n)`` gives n unpredictable bytes,
    ``random`` floats in [0, 1).  ``joined`` is called when bootstrapping succeeded, ``failed`` with
    what must end the process: a node that could not start after all (a storage that takes its time
    to open), a port lost for good, a stop that hangs.  ``notifier`` tells the service manager, and
    feeds its watchdog if that has a period (seconds).
    """

    name = "kademlia"
    log = Logger(namespace="kadtwisted.daemon")

    def __init__(
        self,
        reactor: Any,
        settings: DaemonSettings,
        make_node: MakeNode,
        *,
        secure_random: Callable[[int], bytes],
        random: Callable[[], float],
        joined: Callable[[BootstrapResult], None] = lambda result: None,
        failed: Callable[[BaseException], None] = lambda error: None,
        notifier: Notifier | None = None,
        watchdog_period: float | None = None,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._make_node = make_node
        self._secure_random = secure_random
        self._failed = failed
        self._notifier = notifier or Notifier()
        self._watchdog_period = watchdog_period
        self._reporter: Reporter | None = None
        self._guards: list[PortWatch | Watchdog] = []
        self._state: StateDirectory | None = None
        self._node: INode | None = None
        self._node_is_up = False
        self._watch: HealthWatch | None = None
        self._control: tuple[IListeningPort, control.ControlFactory] | None = None
        self._joining = Joining(reactor, random, joined)

    @property
    def node(self) -> INode:
        """The node; :class:`NodeStopped` while there is none."""
        if self._node is None:
            raise NodeStopped
        return self._node

    def privilegedStartService(self) -> None:
        """Take the state directory, load the identity, bind the ports.

        Raises a :class:`~kadtwisted.errors.LocalError` whose message is the sentence to show; then
        nothing is left open.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        try:
            self._open()
        except BaseException:
            self._let_go()
            raise

    def startService(self) -> None:
        """Join the network in the background, and tell the log how the node is."""
        if self._node is None:
            self.privilegedStartService()
        super().startService()  # type: ignore[no-untyped-call]
        self._run()  # before the first look: a node that was told of no other calls itself well
        node = self.node
        self._reporter = Reporter(self._notifier, self._reactor.seconds, node.status)
        self._watch = HealthWatch(self._reactor, node.health, self._reporter.looked)
        self._watch.start()

    def stopService(self) -> Deferred[None]:
        """Stop joining, hang up on the control socket, stop the node, let go of the lock.

        Fires within :data:`STOP_WITHIN` seconds, whatever hangs.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._notifier.stopping()
        self._joining.stop()
        while self._guards:
            self._guards.pop().stop()
        return self._in_time(self._let_go())

    def reload(self, settings: DaemonSettings) -> None:
        """Apply what can change while the node runs; the log tells what only a restart applies."""
        change = compare(self._settings, settings)
        tell(self.log, change, settings.config_file)
        self._settings = change.running
        if "bootstrap" in change.applied and self._node_is_up:
            self._joining.stop()
            if settings.bootstrap:
                self._joining.start(self.node, settings.bootstrap)

    def _in_time(self, stopping: Deferred[None]) -> Deferred[None]:
        """Fires when it has stopped, or when there is no more time to wait for that."""
        over: Deferred[None] = Deferred()

        def too_late() -> None:
            self._failed(LocalError(f"stopping takes more than {STOP_WITHIN} s; leaving at once"))
            over.callback(None)

        def stopped(_: object) -> None:
            if timer.active():
                timer.cancel()
                over.callback(None)

        timer = self._reactor.callLater(STOP_WITHIN, too_late)
        stopping.addCallback(stopped)
        return over

    def _open(self) -> None:
        node = self._node = self._make_node(self._identity())
        failures: list[Failure] = []
        starting: Deferred[Any] = node.start().addErrback(failures.append)
        if failures:
            failures[0].raiseException()
        if self._state is not None:
            factory = control.ControlFactory(Operations(node))
            port = control.listen(self._reactor, self._state.socket_path, factory)
            self._control = (port, factory)
        # A storage that takes its time has not opened yet: then this runs when it has.
        starting.addCallback(lambda _: self._opened(node, failures))

    def _opened(self, node: INode, failures: list[Failure]) -> None:
        if not failures and node is self._node:  # else it was told to stop meanwhile
            self._started()
        for failure in failures:
            self._failed(failure.value or NodeStopped())

    def _identity(self) -> NodeKey:
        if self._settings.state_dir is None:
            return NodeKey.generate(self._secure_random)
        self._state = StateDirectory(self._settings.state_dir)
        self._state.open()
        return self._state.identity(self._secure_random)

    def _started(self) -> None:
        self._node_is_up = True
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

    def _run(self) -> None:
        """Once the node is up and this service runs: join, and watch over it."""
        if not self.running or not self._node_is_up:
            return
        node = self.node
        if self._settings.bootstrap:
            self._joining.start(node, self._settings.bootstrap)
        self._guards.append(PortWatch(self._reactor, node.status, self._failed))
        if self._watchdog_period is not None:
            feed, period = self._notifier.watchdog, self._watchdog_period
            self._guards.append(Watchdog(self._reactor, period, node.self_check, feed))
        for guard in self._guards:
            guard.start()

    def _let_go(self) -> Deferred[None]:
        node, self._node, self._node_is_up = self._node, None, False
        closing: Deferred[Any] = maybeDeferred(self._close_control)
        closing.addBoth(lambda _: None if node is None else self._stop_node(node))
        return closing.addBoth(self._close_state)

    def _stop_node(self, node: INode) -> Deferred[None]:
        stopping = node.stop()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.look()
            stopping.addBoth(watch.stop)
        return stopping

    def _close_control(self) -> Any:
        opened, self._control = self._control, None
        if opened is None:
            return None
        port, factory = opened
        factory.close()
        return port.stopListening()

    def _close_state(self, result: object) -> None:
        if isinstance(result, Failure):
            self.log.failure("Stopping did not go well", result)
        state, self._state = self._state, None
        if state is not None:
            state.close()
