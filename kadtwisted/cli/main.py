"""The ``kad`` command: reads the arguments, runs one verb, and returns an exit code.

Errors are one sentence on standard error, never a traceback.  The reactor, and everything that
needs it, is imported only after the arguments were read.  Only :func:`run_reactor` touches the
global reactor.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from kadtwisted.cli.arguments import make_parser

if TYPE_CHECKING:
    import argparse

    from twisted.internet.defer import Deferred
    from twisted.logger import ILogObserver

    from kadtwisted.cli.session import CommandWorld, Session
    from kadtwisted.identity.keys import NodeKey
    from kadtwisted.interfaces import INode
    from kadtwisted.settings.daemon_settings import DaemonSettings

VERBS_WITHOUT_END = frozenset({"bootstrap", "join"})
"""They run until they are stopped, whatever ``--timeout`` says."""


def main(
    argv: Sequence[str] | None = None, make_world: Callable[[], CommandWorld] | None = None
) -> int:
    """Run ``kad`` with these arguments (the process's own by default); the exit code."""
    try:
        arguments = make_parser().parse_args(argv)
    except SystemExit as leaving:  # --help, --version or a usage error: already written
        return int(leaving.code or 0)
    arguments.timeout = arguments.timeout or arguments.patience
    try:
        return _run(arguments, (make_world or real_world)())
    except BrokenPipeError:
        return _silenced()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _run(arguments: argparse.Namespace, world: CommandWorld) -> int:
    from twisted.internet.defer import CancelledError, TimeoutError  # noqa: A004

    from kadtwisted.api.describe import of_error
    from kadtwisted.cli.exit_codes import INTERRUPTED, exit_code_of
    from kadtwisted.cli.session import Session
    from kadtwisted.cli.text.output import Output
    from kadtwisted.errors import KadtwistedError

    output = Output(world.stdout, world.stderr, arguments.json)
    session = Session(arguments, world, output)
    try:
        return world.run(lambda reactor: _perform(session, reactor))
    except BrokenPipeError:
        raise
    except TimeoutError:
        return _out_of_time(session)
    except CancelledError:
        return INTERRUPTED
    except KadtwistedError as error:
        output.error(of_error(error))
        return exit_code_of(error)
    except Exception as error:  # a bug of ours is one sentence, too
        sentence = f"a bug in this program: {type(error).__name__}: {error}"
        output.error({"type": "InternalError", "message": sentence})
        return exit_code_of(error)


def _perform(session: Session, reactor: Any) -> Deferred[int]:
    from importlib import import_module

    from twisted.internet.defer import Deferred

    session.reactor = reactor
    arguments = session.arguments
    module = import_module(f"kadtwisted.cli.verbs.{arguments.module}")
    verb: Deferred[int] = Deferred.fromCoroutine(getattr(module, arguments.function)(session))
    if arguments.verb not in VERBS_WITHOUT_END:
        verb.addTimeout(arguments.timeout, reactor)
    return verb


def _out_of_time(session: Session) -> int:
    limit = f"{session.arguments.timeout:g} s"
    if session.somebody_answered:
        code, sentence = os.EX_TEMPFAIL, f"no result within {limit}; try a longer --timeout"
    else:
        code, sentence = os.EX_UNAVAILABLE, f"nobody answered within {limit}"
    session.output.error({"type": "TimeoutError", "message": sentence})
    return code


def _silenced() -> int:
    """The reader of our output has closed it: drop what is still buffered."""
    from kadtwisted.cli.exit_codes import BROKEN_PIPE

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


# --- The real world --------------------------------------------------------------------------


def real_world() -> CommandWorld:
    """The process's own streams and environment, real nodes, the global reactor."""
    import random

    from kadtwisted.cli.session import CommandWorld

    return CommandWorld(
        stdin=sys.stdin.buffer,
        stdout=sys.stdout.buffer,
        stderr=sys.stderr,
        environ=os.environ,
        secure_random=os.urandom,
        random=random.SystemRandom().random,
        make_node=make_node,
        run=run_reactor,
    )


def make_node(reactor: Any, settings: DaemonSettings, key: NodeKey) -> INode:
    """A real node."""
    from kadtwisted.daemon.tap import node_maker

    return node_maker(reactor, settings)(key)


def run_reactor(start: Callable[[Any], Deferred[int]]) -> int:
    """Run the global reactor until ``start(reactor)`` has its result; SIGINT and SIGTERM cancel it.

    Raises what the Deferred failed with.
    """
    import time

    from twisted.internet import reactor as imported
    from twisted.internet.defer import CancelledError, maybeDeferred
    from twisted.python.failure import Failure

    _log_to(sys.stderr)
    reactor: Any = imported
    reactor.seconds = time.monotonic  # its own clock is the wall clock, which may jump
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
    for number in (signal.SIGINT, signal.SIGTERM):
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
    from twisted.logger import globalLogBeginner

    observer = warnings_to(stderr)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)


def warnings_to(stderr: TextIO) -> ILogObserver:
    """A log observer that writes our warnings, and critical events of all others, one a line."""
    from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
    from zope.interface import implementer

    from kadtwisted.model.printable import LINE_LIMIT, printable

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
