"""The ``kad`` command: reads the arguments, runs one verb, and returns an exit code.

Errors are one sentence on standard error, never a traceback.  Whatever a running node can do needs
no reactor, and none is imported for it: the verb is run by hand (:func:`.session.drive`), and time
limit and signals end it from outside (:mod:`.limits`).  A reactor, with Twisted and all that needs
it, is imported for a node of our own only (:mod:`.reactor_run`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kadtwisted.cli import streams
from kadtwisted.cli.arguments import read_command_line
from kadtwisted.cli.limits import Interrupted, OutOfTime
from kadtwisted.cli.parser import Misuse, Wanted
from kadtwisted.cli.text.output import CannotWrite, Output
from kadtwisted.daemon.streams import fill_closed
from kadtwisted.daemon.umask import keep_own_rights

if TYPE_CHECKING:
    import argparse

    from kadtwisted.cli.session import CommandWorld, Session
    from kadtwisted.identity.keys import NodeKey
    from kadtwisted.interfaces import INode
    from kadtwisted.settings.daemon_settings import DaemonSettings


def main(
    argv: Sequence[str] | None = None, make_world: Callable[[], CommandWorld] | None = None
) -> int:
    """Run ``kad`` with these arguments (the process's own by default); the exit code."""
    given = sys.argv[1:] if argv is None else argv
    if make_world is None:
        fill_closed()
        keep_own_rights()
    try:
        return _ended(given, make_world)
    except BrokenPipeError:
        return streams.give_up(128 + signal.SIGPIPE)
    except (KeyboardInterrupt, Interrupted) as ending:
        return ending.code if isinstance(ending, Interrupted) else 128 + signal.SIGINT
    finally:
        if argv is None:  # the process ends now; one more ^C would only show a traceback
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _ended(given: Sequence[str], make_world: Callable[[], CommandWorld] | None) -> int:
    try:
        arguments = read_command_line(given)
    except Wanted as text:
        return streams.print_text(str(text))
    except Misuse as wrong:
        return _complain(wrong, given)
    arguments.timeout = arguments.timeout or arguments.patience
    return _run(arguments, (make_world or real_world)())


def _complain(wrong: Misuse, given: Sequence[str]) -> int:
    """A mistake in the command line is told before there is a world: on the process's streams."""
    streams.print_error(f"kad: {wrong} (see {wrong.program} --help)\n")
    if "--json" in given:
        from kadtwisted.model.printable import json_line

        described = {"error": {"type": "UsageError", "message": str(wrong)}}
        code = streams.print_text(f"{json_line(described)}\n")
        return code or os.EX_USAGE
    return os.EX_USAGE


def _run(arguments: argparse.Namespace, world: CommandWorld) -> int:
    from kadtwisted.cli.session import Session

    output = Output(world.stdout, world.stderr, arguments.json)
    session = Session(arguments, world, output)
    try:
        return _performed(session)
    except OutOfTime:
        return _out_of_time(session)
    except CannotWrite as error:
        output.note(f"kad: {error}")
        return streams.give_up(os.EX_IOERR)
    except (BrokenPipeError, Interrupted, KeyboardInterrupt):
        raise
    except BaseException as error:
        return _failed(session, error)
    finally:
        session.close()


def _failed(session: Session, error: BaseException) -> int:
    """The exit code for an error, which is told."""
    from kadtwisted.api.answers import of_error
    from kadtwisted.cli.exit_codes import exit_code_of
    from kadtwisted.errors import KadtwistedError

    if isinstance(error, KadtwistedError):
        described = of_error(error)
    elif isinstance(error, Exception):  # a bug of ours is one sentence, too
        sentence = f"a bug in this program: {type(error).__name__}: {error}"
        described = {"type": "InternalError", "message": sentence}
    else:
        raise error
    try:
        session.output.error(described)
    except CannotWrite as full:
        session.output.note(f"kad: {full}")
        return streams.give_up(os.EX_IOERR)
    return exit_code_of(error)


def _performed(session: Session) -> int:
    from importlib import import_module

    arguments = session.arguments
    endless = arguments.endless or getattr(arguments, "watch", None) is not None
    with session.world.limited(0.0 if endless else session.seconds_left):
        if arguments.node:
            with session.world.limited(session.seconds_left):  # a verb without an end, too
                session.look_for_node()
        elif arguments.gateway is not None and not arguments.looks:
            session.refuse_gateway()
        module = import_module(f"kadtwisted.cli.verbs.{arguments.module}")
        if arguments.before:
            getattr(module, arguments.before)(session)
        verb = getattr(module, arguments.function)
        if session.client is not None or not arguments.reactor:
            from kadtwisted.cli.session import drive

            return int(drive(verb(session)))
    from kadtwisted.cli.reactor_run import performed

    return performed(session, verb)


def _out_of_time(session: Session) -> int:
    limit = f"{session.arguments.timeout:g} s"
    if session.waits_for:
        code, sentence = os.EX_TEMPFAIL, f"{session.waits_for} within {limit}"
    elif session.somebody_answered:
        code, sentence = os.EX_TEMPFAIL, f"no result within {limit}; try a longer --timeout"
    else:
        code, sentence = os.EX_UNAVAILABLE, f"nobody answered within {limit}"
    session.output.error({"type": "TimeoutError", "message": sentence})
    return code


# --- The real world --------------------------------------------------------------------------


def real_world() -> CommandWorld:
    """The process's own streams and environment, real nodes, the global reactor."""
    from kadtwisted.api.blocking_client import connect
    from kadtwisted.cli.limits import limited
    from kadtwisted.cli.session import CommandWorld

    return CommandWorld(
        stdin=streams.standard_input(),
        stdout=streams.standard_output(),
        stderr=sys.stderr,
        environ=os.environ,
        secure_random=os.urandom,
        random=_random,
        unix_time=time.time,
        make_node=make_node,
        run=_run_reactor,
        find_plugins=_find_plugins,
        connect=connect,
        limited=limited,
    )


def _random() -> float:
    import random

    return random.SystemRandom().random()


def _find_plugins() -> Any:
    from kadtwisted.settings.plugin_registry import PluginRegistry

    return PluginRegistry()


def make_node(reactor: Any, settings: DaemonSettings, key: NodeKey) -> INode:
    """A real node."""
    from kadtwisted.daemon.tap import node_maker

    return node_maker(reactor, settings)(key)


def _run_reactor(start: Callable[[Any], Any]) -> int:
    from kadtwisted.cli.reactor_run import run_reactor

    return run_reactor(start)
