"""``twistd kademlia``: its options, and the service they make.

Options are checked one by one and together in ``postOptions``, where a :class:`UsageError` ends
``twistd`` with one sentence.  What fails while starting ends it with one sentence and an exit code
of its own.  Only here does the daemon touch the global reactor.
"""

from __future__ import annotations

import os
import random
import sys
import time
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from kadtwisted.daemon import config
from kadtwisted.daemon.config import DaemonSettings
from kadtwisted.daemon.exit_status import startup_exit_code
from kadtwisted.daemon.plugin_registry import PluginRegistry
from kadtwisted.daemon.service import MakeNode, NodeService
from kadtwisted.errors import InvalidInput, LocalError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.parameters import NodeSettings

_DEFAULTS = DaemonSettings()


class Options(usage.Options):
    """The options of ``twistd kademlia``; ``self.settings`` holds the checked settings."""

    synopsis = "[options]"
    longdesc = "Runs a node of a Kademlia distributed hash table."

    optParameters = (
        ["port", "p", str(config.DEFAULT_PORT), "UDP port to serve; 0 lets the system choose."],
        ["network", "n", _DEFAULTS.node.network, "Name of the network."],
        ["network-secret-file", None, None,
         "File with the secrets of a private network, one a line, the newest first."],
        ["storage", None, _DEFAULTS.storage, "Storage for records, NAME or NAME:ARGUMENT."],
        ["serializer", None, _DEFAULTS.serializer, "Serializer of messages."],
        ["sealer", None, _DEFAULTS.node.sealer, "box seals every datagram; plain is for tests."],
        ["state-dir", "d", None,
         "Directory for identity, lock and control socket "
         "[default: $STATE_DIRECTORY, else ~/.local/state/kademlia/PORT]."],
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["interface"] = []
        self["bootstrap"] = []
        self["allow"] = []
        self.settings = _DEFAULTS

    def opt_interface(self, address: str) -> None:
        """IP address to bind, at most one in each address family. [default: 0.0.0.0]"""
        self["interface"].append(address)

    opt_i = opt_interface

    def opt_bootstrap(self, address: str) -> None:
        """[KEY@]HOST:PORT of a node to join through; may be given several times."""
        self["bootstrap"].append(address)

    opt_b = opt_bootstrap

    def opt_allow(self, prefix: str) -> None:
        """Prefix of private addresses to contact though ours is public; may be repeated."""
        self["allow"].append(prefix)

    def postOptions(self) -> None:
        """Check everything; :class:`UsageError` with one sentence for what cannot be used."""
        try:
            self.settings = self._checked()
        except InvalidInput as error:
            raise usage.UsageError(str(error)) from None

    def parseArgs(self) -> None:
        """There are no arguments beside options."""

    def _checked(self) -> DaemonSettings:
        port = config.parse_port(self["port"])
        secret_file = self["network-secret-file"]
        registry = PluginRegistry()
        registry.storage(self["storage"])
        registry.serializer(self["serializer"])
        return DaemonSettings(
            node=NodeSettings(
                port=port,
                interfaces=config.check_interfaces(self["interface"] or ["0.0.0.0"]),
                network=config.check_network(self["network"]),
                network_secrets=config.read_secrets(secret_file) if secret_file else (),
                sealer=config.check_sealer(self["sealer"]),
                allow=config.check_allow(self["allow"]),
            ),
            bootstrap=config.check_bootstrap(self["bootstrap"]),
            storage=self["storage"],
            serializer=self["serializer"],
            state_dir=config.check_state_dir(
                self["state-dir"] or config.default_state_dir(os.environ, port)
            ),
        )


class DaemonService(NodeService):
    """The node's service under ``twistd``: errors of starting become a sentence and a code."""

    def privilegedStartService(self) -> None:
        """As :meth:`NodeService.privilegedStartService`, but ends the process if that fails."""
        try:
            super().privilegedStartService()
        except LocalError as error:
            give_up(error)


class CannotStart(SystemExit, Exception):
    """Leaves the process with the error's code.

    An :class:`Exception`, too: only of those does a ``twistd`` that daemonizes tell its parent,
    which else waits for ever, and only for those does it remove its PID file.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(startup_exit_code(error))
        self._sentence = str(error)

    def __str__(self) -> str:
        return self._sentence


def give_up(error: BaseException) -> NoReturn:
    """One sentence on standard error (and in the log), then out, before the reactor ran."""
    _tell(error)
    raise CannotStart(error)


def _tell(error: BaseException) -> None:
    Logger(namespace="kadtwisted.daemon").critical("{error}", error=error)
    if sys.__stderr__ is not None:  # sys.stderr is the log by now
        sys.__stderr__.write(f"kademlia: {error}\n")


def end_with(reactor: Any, error: BaseException) -> None:
    """Stop in order because of an error while the reactor runs, then exit with its code.

    A running ``twistd`` cannot choose its exit code: the process is left by ``os._exit``, after
    all services have stopped and the output is flushed.
    """
    _tell(error)

    def leave() -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        os._exit(startup_exit_code(error))

    reactor.addSystemEventTrigger("after", "shutdown", leave)
    reactor.callWhenRunning(reactor.stop)


def makeService(options: Options) -> IService:
    """The service for checked options."""
    from twisted.internet import reactor as imported

    reactor: Any = imported

    # The reactor's own clock is the wall's: setting that would stall or storm every timer.
    # Nothing has called callLater before.
    reactor.seconds = time.monotonic
    return make_daemon(reactor, options.settings)


def make_daemon(reactor: Any, settings: DaemonSettings) -> DaemonService:
    """The service on any reactor."""
    return DaemonService(
        reactor,
        settings,
        node_maker(reactor, settings),
        secure_random=os.urandom,
        random=random.SystemRandom().random,
        failed=lambda error: end_with(reactor, error),
    )


def node_maker(reactor: Any, settings: DaemonSettings) -> MakeNode:
    """Makes nodes as the settings say, with storage and serializer from the plugins."""
    from kadtwisted.node.node import Node

    registry = PluginRegistry()

    def make(key: NodeKey) -> INode:
        node: INode = Node(
            reactor,
            settings.node,
            key,
            storage=registry.storage(settings.storage),
            serializer=registry.serializer(settings.serializer),
        )
        return node

    return make
