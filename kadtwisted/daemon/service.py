"""The node of a daemon as a service: watched over, reported on, and reloaded.

What every hosted node does is :mod:`kadtwisted.application`'s.  Here is what a daemon adds: the
service manager and its watchdog, a log line for each change of health, an end if a port is lost for
good, and new settings while it runs.  A stop that hangs is not waited for: who stops a daemon wants
it to end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from kadtwisted.application.home import Home, MakeNode, Randomness, identity_from
from kadtwisted.application.hosted import HostedNode
from kadtwisted.daemon.reload import compare, tell
from kadtwisted.daemon.supervision.health_watch import HealthWatch
from kadtwisted.daemon.supervision.port_watch import PortWatch
from kadtwisted.daemon.supervision.reporter import Reporter
from kadtwisted.daemon.supervision.systemd import Notifier
from kadtwisted.daemon.supervision.watchdog import Watchdog
from kadtwisted.errors import LocalError
from kadtwisted.settings.checks import weakness_of
from kadtwisted.settings.daemon_settings import DaemonSettings

if TYPE_CHECKING:
    from kadtwisted.daemon.web_door import WebDoor

STOP_WITHIN = 1.5
"""Seconds that stopping may take; with what the process then needs to end, less than 2 s."""


class Supervision(NamedTuple):
    """Who is told how the node of a daemon does.

    ``failed`` is called with what must end the process: a node that could not start after all (a
    storage that takes its time to open), a port lost for good, a stop that hangs.  ``notifier``
    tells the service manager, and feeds its watchdog if that has a period (seconds).
    """

    failed: Callable[[BaseException], None] = lambda error: None
    notifier: Notifier = Notifier()
    watchdog_period: float | None = None


NOBODY = Supervision()
"""Nobody is told."""


class SupervisedNode(HostedNode):
    """Runs the node of a daemon, which ``make_node`` makes, with these settings."""

    name = "kademlia"
    log = Logger(namespace="kadtwisted.daemon")

    def __init__(
        self,
        reactor: Any,
        settings: DaemonSettings,
        make_node: MakeNode,
        randomness: Randomness,
        supervision: Supervision = NOBODY,
    ) -> None:
        home = Home(reactor, make_node, identity_from(randomness.secure), settings.state_dir)
        super().__init__(reactor, home, settings.bootstrap, randomness.fraction)
        self._reactor = reactor
        self._settings = settings
        self._tell_failure, self._notifier, self._watchdog_period = supervision
        self._reporter: Reporter | None = None
        self._guards: list[PortWatch | Watchdog] = []
        self._watch: HealthWatch | None = None
        self._secure_random = randomness.secure
        self._web: WebDoor | None = None

    def _opened(self, is_up: bool) -> None:
        weakness = weakness_of(self._settings.node.network_secrets)
        if is_up and weakness:
            self.log.warn("{weakness}", weakness=weakness)
        super()._opened(is_up)

    def _open(self) -> None:
        super()._open()
        if self._settings.http.listen and self._home.is_open:
            # Here, because Twisted's web server takes longer to load than all that a node needs.
            from kadtwisted.daemon.web_door import WebDoor

            self._web = WebDoor(self._reactor, self._settings, self._secure_random, self._failed)
            try:
                self._web.open(self.node)
            except BaseException:
                self._web.close()
                self._home.close()
                raise

    def startService(self) -> None:
        """As :meth:`HostedNode.startService`; then watch over the node."""
        super().startService()  # before the first look: a node that has nobody to join is well
        node = self.node
        self._reporter = Reporter(self._notifier, self._reactor.seconds, node.status)
        self._watch = HealthWatch(
            self._reactor, node.health, self._reporter.looked, lambda: node.status().clock_ahead
        )
        self._watch.start()

    def stopService(self) -> Deferred[None]:
        """As :meth:`HostedNode.stopService`, but within :data:`STOP_WITHIN` seconds, whatever
        hangs."""
        self._notifier.stopping()
        while self._guards:
            self._guards.pop().stop()
        web, self._web = self._web, None
        closing: Deferred[Any] = succeed(None) if web is None else web.close()
        closing.addCallback(lambda _: super(SupervisedNode, self).stopService())
        return self._in_time(closing.addBoth(self._stopped))

    def reload(self, settings: DaemonSettings) -> None:
        """Apply what can change while the node runs; the log tells what only a restart applies."""
        change = compare(self._settings, settings)
        tell(self.log, change, settings.config_file)
        self._settings = change.running
        if self._web is not None:
            self._web.reload()
        if "bootstrap" in change.applied:
            self.join(settings.bootstrap)

    def _serving(self) -> None:
        node = self.node
        self._guards.append(PortWatch(self._reactor, node.status, self._failed))
        if self._watchdog_period is not None:
            feed, period = self._notifier.watchdog, self._watchdog_period
            self._guards.append(Watchdog(self._reactor, period, node.self_check, feed))
        for guard in self._guards:
            guard.start()

    def _stopping(self) -> None:
        if self._watch is not None:
            self._watch.look()

    def _stopped(self, result: None) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop(result)

    def _failed(self, error: BaseException) -> None:
        self._tell_failure(error)

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
