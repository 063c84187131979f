"""Runs a verb that needs a reactor: with a node of our own, a storage or a simulation.

Only :func:`run_reactor` touches the global reactor.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, maybeDeferred  # noqa: A004
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.cli.exit_codes import INTERRUPTED
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.session import Session
from kadtwisted.model.printable import LINE_LIMIT, printable


def performed(session: Session, verb: Callable[[Session], Coroutine[Any, Any, int]]) -> int:
    """The exit code of a verb; :class:`~kadtwisted.cli.limits.OutOfTime`, or what it fails with."""

    def start(reactor: Any) -> Deferred[int]:
        session.reactor = reactor
        running: Deferred[int] = Deferred.fromCoroutine(verb(session))
        if not session.arguments.endless:
            running.addTimeout(session.seconds_left, reactor)
        return running

    try:
        return session.world.run(start)
    except TimeoutError:
        raise OutOfTime from None
    except CancelledError:
        return INTERRUPTED


def run_reactor(start: Callable[[Any], Deferred[int]]) -> int:
    """Run the global reactor until ``start(reactor)`` has its result; SIGINT, SIGTERM and SIGHUP
    cancel it.

    Raises what the Deferred failed with.
    """
    from twisted.internet import reactor as imported

    from kadtwisted.node.world import steady_seconds

    _log_to(sys.stderr)
    reactor: Any = imported
    reactor.seconds = steady_seconds  # its own clock is the wall clock, which may jump
    running: list[Deferred[int]] = []
    outcome: list[int | Failure] = []
    signals: list[int] = []

    def go() -> None:
        running.append(maybeDeferred(start, reactor))
        running[0].addBoth(outcome.append)
        running[0].addBoth(lambda _: reactor.stop())

    def stop(number: int) -> None:
        signals.append(number)
        running[0].cancel()

    # Not the reactor's own handlers: they would stop it while a node runs.  The reactor calls what
    # a handler hands to it later, in order: after go().
    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        ends.append(signal.SIGHUP)  # its terminal was closed: the node stops in order, too
    for number in ends:
        signal.signal(number, lambda number, frame: reactor.callFromThread(stop, number))
    reactor.callWhenRunning(go)
    reactor.run(installSignalHandlers=False)
    result = outcome[0]
    if isinstance(result, int):
        return result
    if signals and result.check(CancelledError):
        return 128 + signals[0]
    raise result.value or CancelledError


def _log_to(stderr: TextIO) -> None:
    observer = warnings_to(stderr)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)


def warnings_to(stderr: TextIO) -> ILogObserver:
    """A log observer that writes our warnings, and critical events of all others, one a line."""

    def observe(event: LogEvent) -> None:
        ours = str(event.get("log_namespace", "")).startswith("kadtwisted")
        level = event.get("log_level", LogLevel.info)
        if level >= (LogLevel.warn if ours else LogLevel.critical):
            failure = event.get("log_failure")
            cause = f": {failure.getErrorMessage()}" if failure is not None else ""
            # Both may have what other nodes said.
            stderr.write(printable(f"kad: {formatEvent(event)}{cause}", LINE_LIMIT) + "\n")

    observer: ILogObserver = implementer(ILogObserver)(observe)
    return observer
