"""``twistd kademlia``: the service that its options make.

An error while it starts ends the process with one sentence and an exit code that fits.  SIGHUP
reads the settings again.  Only this file of the daemon touches the global reactor and signals.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger

from kadtwisted.application.home import MakeNode, Randomness
from kadtwisted.application.making import NodeMaker, load_program
from kadtwisted.daemon.command_line import Options
from kadtwisted.daemon.exit_status import startup_exit_code
from kadtwisted.daemon.logs import Log, is_journal, log_for_twist, make_log, tell_people
from kadtwisted.daemon.reload import reread
from kadtwisted.daemon.service import SupervisedNode, Supervision
from kadtwisted.daemon.supervision.systemd import ServiceManager
from kadtwisted.daemon.umask import keep_own_rights
from kadtwisted.errors import LocalError
from kadtwisted.node.world import steady_seconds
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.plugin_registry import ChosenPlugins, PluginRegistry

__all__ = ("DaemonService", "Options", "makeService")


class DaemonService(SupervisedNode):
    """The node's service under ``twistd``.  If it cannot start, it ends the process.

    ``read_settings`` gives the settings as they are now; with it the service handles SIGHUP while
    it runs.  ``set_log_level`` is called when the level changes.  ``output`` is our own log, if
    ``twistd`` was not given another one; ``is_logging`` says whether it is written while the
    service starts: ``twist`` begins later.  ``user`` is the user that ``twistd`` becomes before it
    calls :meth:`startService`, if any.
    """

    read_settings: Callable[[], DaemonSettings] | None = None
    set_log_level: Callable[[str], None] | None = None
    output: Log | None = None
    is_logging = True
    user: int | None = None
    _before: tuple[tuple[int, Any], ...] = ()

    def setServiceParent(self, parent: Any) -> None:
        """As :meth:`Service.setServiceParent`; also gives the log to the application, where
        ``twistd`` looks for it."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
        if self.output is not None:
            parent.setComponent(ILogObserver, self.output)

    def privilegedStartService(self) -> None:
        """As :meth:`SupervisedNode.privilegedStartService`; what opens later is loaded now."""
        super().privilegedStartService()
        if self._waits_for_its_user():
            load_program()

    def _waits_for_its_user(self) -> bool:
        return self.user not in (None, os.geteuid()) or super()._waits_for_its_user()

    def _open(self) -> None:
        """As :meth:`SupervisedNode._open`, but ends the process if that fails.

        From now on SIGHUP reads the settings again, since it may be sent as soon as others see that
        the service has started.  SIGUSR1 begins a new log file; without a log file it is ignored.
        """
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            self._hear(signal.SIGUSR1, signal.SIG_IGN)
        if self.read_settings is not None:
            self._hear(
                signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self.hang_up)
            )
        keep_own_rights()  # now: twistd sets its --umask after it has read the options
        try:
            super()._open()
        except LocalError as error:
            self._stopped(None)
            give_up(error, self.is_logging)

    def stopService(self) -> Deferred[None]:
        """As :meth:`SupervisedNode.stopService`; then puts the old signal handlers back."""
        return super().stopService().addBoth(self._stopped)

    def _hear(self, number: signal.Signals, handler: Any) -> None:
        self._before += ((number, signal.signal(number, handler)),)

    def _stopped(self, result: None) -> None:
        before, self._before = self._before, ()
        for number, handler in before:
            signal.signal(number, handler)
        return result

    def hang_up(self) -> None:
        """Go on in a new log file if the old one was moved away; read the settings again and apply
        what can be.  A mistake in them changes nothing."""
        if self.output is not None and self.output.file is not None:
            self.output.file.follow()
        reporter = self._reporter
        if not self.running or self.read_settings is None or reporter is None:
            return
        reporter.reloading()
        try:
            settings = reread(self.log, self.read_settings)
            if settings is not None:
                self.reload(settings)
        finally:  # else the service manager waits for this, and the reload has failed
            reporter.reloaded()

    def reload(self, settings: DaemonSettings) -> None:
        """As :meth:`SupervisedNode.reload`, and the level of the log."""
        super().reload(settings)
        if self.set_log_level is not None:
            self.set_log_level(settings.log.level)


class CannotStart(SystemExit, Exception):
    """Ends the process with the error's exit code.

    It is also an :class:`Exception`.  For other errors a ``twistd`` that goes to the background
    neither tells its parent process, which would wait for ever, nor removes its PID file.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(startup_exit_code(error))
        self._sentence = str(error)

    def __str__(self) -> str:
        return self._sentence


def give_up(error: BaseException, is_logging: bool = False) -> NoReturn:
    """Write one sentence to standard error, and to the log if that ``is_logging``; and end, before
    the reactor runs."""
    if is_logging:
        _tell(error)
    else:
        tell_people(error, sys.__stderr__, os.environ)
    raise CannotStart(error) from None


def _tell(error: BaseException) -> None:
    Logger(namespace="kadtwisted.daemon").critical("{error}", error=error)
    stderr = sys.__stderr__  # sys.stderr is the log by now
    if stderr is None or not is_journal(stderr, os.environ):  # there the log has told it
        tell_people(error, stderr, os.environ)


def end_with(reactor: Any, error: BaseException, pid_file: str = "") -> None:
    """Stop in order because of an error while the reactor runs, then exit with the error's code.

    A running ``twistd`` cannot choose its exit code.  So the process ends by ``os._exit``, after
    all services have stopped, the output is flushed and the PID file of ``twistd`` is removed.  A
    file that stays would keep the node from starting once another process has the same number.
    """
    _tell(error)

    def leave() -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        if pid_file:
            with suppress(OSError):
                os.unlink(pid_file)
        os._exit(startup_exit_code(error))

    reactor.addSystemEventTrigger("after", "shutdown", leave)
    reactor.callWhenRunning(patient(reactor.stop))  # it may be stopping already


def patient(stop: Callable[[], object]) -> Callable[[], None]:
    """Stops a reactor, unless it stops already: a second call changes nothing."""

    def stop_patiently() -> None:
        with suppress(ReactorNotRunning):
            stop()

    return stop_patiently


def makeService(options: Options) -> IService:
    """The service for checked options."""
    from twisted.internet import reactor as imported

    reactor: Any = imported

    # The reactor's own clock is the wall clock: when that is set, timers would wait too long or all
    # fire at once.  Nothing has called callLater before this line.
    reactor.seconds = steady_seconds
    reactor.stop = patient(reactor.stop)  # each SIGTERM and each Ctrl-C calls it
    runner = {} if options.parent is None else options.parent
    try:
        manager = ServiceManager.from_environ(os.environ, os.getpid())
        output = _log_of(runner, options.settings, reactor)
    except LocalError as error:
        give_up(error)
    pid_file = runner.get("pidfile") or ""
    daemon = make_daemon(reactor, options.settings, manager, pid_file, options.plugins)
    configuration = options.configuration
    if configuration is not None:
        daemon.read_settings = lambda: configuration.load().settings
        for hint in configuration.hints:
            daemon.log.info("{hint}", hint=hint)
    daemon.user = runner.get("uid")
    daemon.is_logging = "fileLogObserverFactory" not in runner
    if output is not None:
        daemon.output = output
        daemon.set_log_level = output.set_level
    return daemon


def _log_of(runner: MutableMapping[str, Any], settings: DaemonSettings, reactor: Any) -> Log | None:
    """Our log under ``twistd`` or ``twist``, unless that was given another one."""
    if "fileLogObserverFactory" in runner:  # twist makes an observer of its own from this one
        output = log_for_twist(settings.log, runner["logFile"], os.environ)
        runner["fileLogObserverFactory"] = lambda file: output
        return output
    if runner and not runner["logger"]:
        return make_log(settings.log, runner, os.environ, reactor)
    return None


def make_daemon(
    reactor: Any,
    settings: DaemonSettings,
    manager: ServiceManager | None = None,
    pid_file: str = "",
    plugins: ChosenPlugins | None = None,
) -> DaemonService:
    """The service on any reactor, with or without a service manager.

    ``plugins`` are those that the settings name, if they were chosen before.
    """
    manager = manager or ServiceManager()
    return DaemonService(
        reactor,
        settings,
        node_maker(reactor, settings, manager, plugins),
        Randomness(os.urandom, random.SystemRandom().random),
        Supervision(
            lambda error: end_with(reactor, error, pid_file),
            manager.notifier,
            manager.watchdog_period,
        ),
    )


def node_maker(
    reactor: Any,
    settings: DaemonSettings,
    manager: ServiceManager | None = None,
    plugins: ChosenPlugins | None = None,
) -> MakeNode:
    """Makes nodes as the settings say, with the storage and the serializer of the plugins.

    The plugins are chosen here if they are not given.  Sockets of the service manager take the
    place of interfaces and port.
    """
    manager = manager or ServiceManager()
    chosen = plugins or PluginRegistry().choose(settings.storage, settings.serializer)
    return NodeMaker(
        reactor,
        manager.settings(settings.node),
        chosen.storage,
        chosen.serializer,
        settings.state_dir,
        manager.sockets,
    )
