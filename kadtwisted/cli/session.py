"""One run of ``kad``: its arguments, the world it runs in, and the performer of its verb.

A verb is performed by the running node of this machine, through its control socket.  With
``--bootstrap``, or where none runs, a short-lived, read-only node is made for it.  The verbs are
the same for both.

Rules: the running node is found as :mod:`kadtwisted.settings.whereabouts` says.  It is not one of
our own, so options that shape a node are an error beside it.  What is needed for it imports neither
Twisted nor the table of all settings; a short-lived node stands in :mod:`.own_node`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, Protocol, TextIO

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.blocking_client import BlockingClient
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.text.output import Output
from kadtwisted.errors import InvalidInput, KadtwistedError, reason_of
from kadtwisted.settings.directories import TOKEN_VARIABLE, check_state_dir
from kadtwisted.settings.whereabouts import Whereabouts, neighbours, whereabouts
from kadtwisted.state.names import SOCKET_FILE
from kadtwisted.storage.guard import OWN, UnsafeFile, read_file

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from kadtwisted.api.operations import Performer
    from kadtwisted.identity.keys import NodeKey
    from kadtwisted.interfaces import INode
    from kadtwisted.settings.daemon_settings import DaemonSettings
    from kadtwisted.settings.plugin_registry import PluginRegistry

    MakeNode = Callable[[Any, DaemonSettings, NodeKey], INode]
    Run = Callable[[Callable[[Any], Deferred[int]]], int]

    class Client(Performer, Protocol):
        """A connection to a running node: through its control socket, or through HTTP."""

        def close(self) -> None: ...


TOKEN_BYTES = 4096
"""The largest file with one token."""
_SHAPING = ("network_secret_file", "interface", "allow")
"""Options that say how a node is made, besides ``--network`` and ``--port``."""


class UsageError(InvalidInput):
    """The options of a verb do not go together."""


def _connect_web(url: str, token: str | None) -> Client:
    from kadtwisted.api.http_client import HttpClient

    return HttpClient(url, token)


class CommandWorld(NamedTuple):
    """All that ``kad`` touches outside itself; tests give it another one.

    ``make_node`` makes a node on a reactor, not yet started.  ``run`` runs a reactor until the
    Deferred that the function makes on it has fired.  ``limited`` ends by an exception what takes
    longer than so many seconds, and by another one what a signal interrupts.  ``pause`` waits for
    so many seconds.  ``connect_web`` makes a client of the gateway at a URL, with a token.
    """

    stdin: BinaryIO
    stdout: BinaryIO
    stderr: TextIO
    environ: Mapping[str, str]
    secure_random: Callable[[int], bytes]
    random: Callable[[], float]
    unix_time: Callable[[], float]
    make_node: MakeNode
    run: Run
    find_plugins: Callable[[], PluginRegistry]
    connect: Callable[[Path], BlockingClient]
    limited: Callable[[float], AbstractContextManager[None]]
    pause: Callable[[float], None] = time.sleep
    connect_web: Callable[[str, str | None], Client] = _connect_web


class Session:
    """One run.

    ``somebody_answered`` decides which error is shown when ``--timeout`` is over: that nobody
    answered, or that more time was needed.  ``client`` is the connection to the running node, if
    the verb uses one.
    """

    def __init__(self, arguments: argparse.Namespace, world: CommandWorld, output: Output) -> None:
        self.arguments = arguments
        self.world = world
        self.output = output
        self.reactor: Any = None
        self.somebody_answered = False
        self.client: Client | None = None
        self.no_node: KadtwistedError | None = None
        self.input: Any = None
        self.waits_for = ""
        self._started = time.monotonic()

    @property
    def state_dir(self) -> Path | None:
        given = self.arguments.state_dir
        return None if given is None else check_state_dir(given)

    @property
    def seconds_left(self) -> float:
        """What is left of ``--timeout``."""
        passed: float = time.monotonic() - self._started
        left: float = self.arguments.timeout - passed
        return max(left, 0.001)

    @contextmanager
    def waiting_for(self, sentence: str) -> Iterator[None]:
        """While this lasts, the end of ``--timeout`` is told by this sentence."""
        self.waits_for = sentence
        yield
        self.waits_for = ""

    # --- The running node ----------------------------------------------------------------------

    def look_for_node(self) -> None:
        """Connect to the running node, if this verb is to use it.

        The argument ``node`` says what it is to the verb: ``needed``, ``or our own`` where a
        short-lived node does as well, ``or a storage`` where a storage can be opened instead.
        Where there is none, ``no_node`` says why.
        """
        given = self.arguments
        if given.gateway is not None:
            self.client = self._at_a_gateway()
            return
        if given.token_file is not None:
            raise UsageError("--token-file is for --node: give its URL, too")
        if getattr(given, "bootstrap", None):
            self._refuse_a_second_node()
            return
        if getattr(given, "storage", None) is not None:
            return
        is_asked_for = given.state_dir is not None
        if given.node == "or our own" and not is_asked_for and self._shaping():
            return
        try:
            self.client, where = self._connected()
        except ControlUnavailable as error:
            self.no_node = error
            if not given.reactor:
                raise
            return
        except (ControlRefused, UnsafeFile) as error:
            self.no_node = error
            if is_asked_for or given.node != "or our own":
                raise
            return
        self.somebody_answered = True
        self._refuse_contradictions(self.client, where)

    def refuse_gateway(self) -> NoReturn:
        """The verb uses no running node."""
        raise UsageError(f"kad {self.arguments.verb} uses no running node: leave out --node")

    def _at_a_gateway(self) -> Client:
        """The client of the node that ``--node`` names."""
        given = self.arguments
        for name in ("bootstrap", "storage", "state_dir", "port", "network", *_SHAPING):
            if getattr(given, name, None):
                option = name.replace("_", "-")
                raise UsageError(f"--node names a node, and so does --{option}: leave out one")
        return self.world.connect_web(given.gateway, self._token())

    def _token(self) -> str | None:
        """What the gateway wants to see; nothing if none is given."""
        path = self.arguments.token_file
        if path is None:
            return self.world.environ.get(TOKEN_VARIABLE) or None
        try:
            text = read_file(Path(path), TOKEN_BYTES, OWN, "the file with the token").decode()
        except OSError as error:
            raise UsageError(f"cannot read the token {path}: {reason_of(error)}") from error
        except UnicodeDecodeError:
            raise UsageError(f"{path} has no token: it is no text") from None
        lines = [each.split() for each in text.splitlines()]
        words = [each for each in lines if each and not each[0].startswith("#")]
        if len(words) != 1 or len(words[0]) > 2:
            raise UsageError(f"{path} has one token, alone or as ROLE TOKEN, and nothing else")
        return words[0][-1]

    def _shaping(self) -> bool:
        """Whether a node of our own is described."""
        return any(getattr(self.arguments, name) is not None for name in ("network", *_SHAPING))

    def _connected(self) -> tuple[BlockingClient, Path]:
        """A connection to the first node that answers.  A directory that is closed to us is told
        before those where nothing runs."""
        given = self.arguments
        found = whereabouts(self.world.environ, given.state_dir, given.port)
        refusal: KadtwistedError | None = None
        cause: BaseException | None = None
        for directory in found.directories:
            try:
                return self.world.connect(directory / SOCKET_FILE), directory
            except ControlUnavailable as error:
                cause = error.__cause__
            except (ControlRefused, UnsafeFile) as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        places = " or ".join(str(each / SOCKET_FILE) for each in found.directories)
        raise ControlUnavailable(
            f"no running node answers at {places}; {self._advice(found)}"
        ) from cause

    def _advice(self, found: Whereabouts) -> str:
        ports = [] if found.is_named else self._ports_beside(found)
        if ports:
            one = "one was" if len(ports) == 1 else "others were"
            return f"{one} started with --port {' or '.join(ports)}: add that"
        start = "start one, or name the state directory of a running node with --state-dir"
        return f"{start}, or give --bootstrap" if hasattr(self.arguments, "bootstrap") else start

    def _ports_beside(self, found: Whereabouts) -> list[str]:
        """The ports of nodes that answer, or that only others may ask.  None of them is used
        without being named: it may be of another network."""
        ports: dict[str, None] = {}
        for port, directory in neighbours(found):
            try:
                self.world.connect(directory / SOCKET_FILE).close()
            except (ControlUnavailable, UnsafeFile):
                continue
            except ControlRefused:
                pass  # adding the port gets its sentence
            ports[str(port)] = None
        return list(ports)

    def _refuse_a_second_node(self) -> None:
        state_dir = self.state_dir
        if state_dir is None:
            return
        try:
            client = self.world.connect(state_dir / SOCKET_FILE)
        except KadtwistedError:
            return  # opening the directory says what is wrong, if anything is
        client.close()
        raise UsageError(
            f"a node runs with {state_dir}: leave out --bootstrap to use it, "
            "or leave out --state-dir to join with a node of kad's own"
        )

    def _refuse_contradictions(self, client: BlockingClient, where: Path) -> None:
        """An option that a running node cannot follow is an error, not a word that is lost."""
        given = self.arguments
        for name in _SHAPING:
            if getattr(given, name) is not None:
                raise UsageError(
                    f"a node runs with {where}, and --{name.replace('_', '-')} cannot change it: "
                    f"leave that out{self._or_bootstrap()}"
                )
        if given.network is None and (given.port is None or given.state_dir is None):
            return
        status = drive(client.perform("status", {}))
        if given.network not in (None, status["network"]):
            raise UsageError(
                f"the node that runs with {where} is of the network {status['network']!r}, not of "
                f"{given.network!r}: leave out --network, or name the state directory of another "
                f"node{self._or_bootstrap()}"
            )
        listening = [str(each["listening"]) for each in status["links"]]
        if given.port is not None and not any(
            each.endswith(f":{given.port}") for each in listening
        ):
            raise UsageError(
                f"the node that runs with {where} does not use port {given.port}: "
                "leave out --port or --state-dir"
            )

    def _or_bootstrap(self) -> str:
        if not hasattr(self.arguments, "bootstrap"):
            return ""
        return ", or give --bootstrap to join with a node of kad's own"

    def close(self) -> None:
        """Let go of the running node."""
        if self.client is not None:
            self.client.close()


def drive(coroutine: Any) -> Any:
    """The result of a coroutine that waits for nothing; whatever it waited for could never come."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("a verb waits for a reactor, and none runs")
