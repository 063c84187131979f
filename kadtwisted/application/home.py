"""A node with all that it stands on: state directory, identity, storage, ports, control socket.

They are opened in this order and closed backwards.  What cannot work for good is told at once, so
that a program ends with a sentence before its reactor runs; then nothing is left open.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.api import control
from kadtwisted.api.operations import Operations
from kadtwisted.errors import NodeStopped
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.state.directory import StateDirectory
from kadtwisted.storage.guard import ROOT, open_directory_above

MakeNode = Callable[[NodeKey], INode]
"""Makes the node, not yet started, once its identity is known."""
FindIdentity = Callable[[StateDirectory | None], NodeKey]
"""Gives the node's key, from the state directory (open) if there is one."""


class Randomness(NamedTuple):
    """Where a service takes randomness from: ``secure(n)`` gives n unpredictable bytes, and
    ``fraction()`` a float in [0, 1)."""

    secure: Callable[[int], bytes]
    fraction: Callable[[], float]


def identity_from(secure_random: Callable[[int], bytes]) -> FindIdentity:
    """The key in the state directory; without one, a new key each time."""

    def find(directory: StateDirectory | None) -> NodeKey:
        if directory is None:
            return NodeKey.generate(secure_random)
        return directory.identity(secure_random)

    return find


class Home:
    """One node and what it stands on.

    ``reactor`` listens on Unix sockets.  With a ``state_dir`` its lock is held while the node is
    open, and with ``control_socket`` the ``kad`` command can talk to the node through it.
    """

    _log = Logger(namespace="kadtwisted.service")

    def __init__(
        self,
        reactor: Any,
        make_node: MakeNode,
        identity: FindIdentity,
        state_dir: Path | None = None,
        control_socket: bool = True,
    ) -> None:
        self._reactor = reactor
        self._make_node = make_node
        self._identity = identity
        self._state_dir = state_dir
        self._control_socket = control_socket
        self._directory: StateDirectory | None = None
        self._node: INode | None = None
        self._is_up = False
        self._control: tuple[IListeningPort, control.ControlFactory] | None = None

    def __repr__(self) -> str:
        """What a service says of it: the node, or that there is none; and where its state is."""
        where = "" if self._state_dir is None else f" in {str(self._state_dir)!r}"
        return f"{'stopped' if self._node is None else repr(self._node)}{where}"

    @property
    def node(self) -> INode:
        """The node; :class:`NodeStopped` while there is none."""
        if self._node is None:
            raise NodeStopped
        return self._node

    @property
    def is_open(self) -> bool:
        """Whether there is a node; it may still be starting."""
        return self._node is not None

    @property
    def is_up(self) -> bool:
        """Whether the node has started."""
        return self._is_up

    def is_of_another_user(self) -> bool:
        """Whether we are root, and the state directory, or the one that it would be made in, is
        not root's."""
        if self._state_dir is None or os.geteuid() != ROOT:
            return False
        for each in (self._state_dir, *self._state_dir.absolute().parents):
            with suppress(OSError):
                return each.stat().st_uid != ROOT
        return False

    def open(self) -> Deferred[bool]:
        """Open everything, and start the node.

        Raises a :class:`~kadtwisted.errors.LocalError` whose message is the sentence to show.  With
        a storage that takes its time the Deferred fires later: with whether the node is up, which
        it is not if this was closed meanwhile, or it fails as :meth:`INode.start` does.
        """
        try:
            return self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> Deferred[bool]:
        node = self._node = self._make_node(self._key())
        failures: list[Failure] = []
        starting: Deferred[Any] = node.start().addErrback(failures.append)
        if failures:
            failures[0].raiseException()
        if self._directory is not None and self._control_socket:
            factory = control.ControlFactory(Operations(node), self._reactor)
            port = control.listen(self._reactor, self._directory.socket_path, factory)
            self._control = (port, factory)
        return starting.addCallback(lambda _: self._started(node, failures))

    def _started(self, node: INode, failures: list[Failure]) -> bool:
        for failure in failures:
            failure.raiseException()
        if node is not self._node:
            return False
        self._is_up = True
        return True

    def _key(self) -> NodeKey:
        if self._state_dir is not None:
            self._directory = StateDirectory(self._state_dir)
            self._directory.open()
            self._warn_of_what_is_above(self._state_dir)
        return self._identity(self._directory)

    def _warn_of_what_is_above(self, state_dir: Path) -> None:
        """A node whose directory was moved away would begin again, as another node."""
        if above := open_directory_above(state_dir.absolute()):
            self._log.warn(
                "other users can move the state directory {path} away, because all can write in "
                "{above}; run: chmod o-w {above}",
                path=str(state_dir),
                above=str(above),
            )

    def close(self, begun: Callable[[], None] = lambda: None) -> Deferred[None]:
        """Hang up on the control socket, stop the node, let go of the lock.  Idempotent.

        ``begun`` is called once the node has begun to stop.  Never fails; what goes wrong is in the
        log.
        """
        node, self._node, self._is_up = self._node, None, False
        directory, self._directory = self._directory, None
        closing: Deferred[Any] = maybeDeferred(self._close_control)
        closing.addBoth(lambda _: None if node is None else self._stop(node, begun))
        return closing.addBoth(self._close_directory, directory)

    def _stop(self, node: INode, begun: Callable[[], None]) -> Deferred[None]:
        stopping = node.stop()
        begun()
        return stopping

    def _close_control(self) -> Any:
        opened, self._control = self._control, None
        if opened is None:
            return None
        port, factory = opened
        factory.close()
        return port.stopListening()

    def _close_directory(self, result: object, directory: StateDirectory | None) -> None:
        if isinstance(result, Failure):
            self._log.failure("Stopping did not go well", result)
        if directory is not None:
            directory.close()
