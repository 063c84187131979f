"""The HTTP door of a daemon: opened where its settings say, for as long as its node runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError
from kadtwisted.interfaces import INode
from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.settings.daemon_settings import DaemonSettings, HttpSettings
from kadtwisted.state.keyring import KEYS_DIRECTORY, KeyRing
from kadtwisted.web.access import Role, Tokens, load_tokens, make_tokens_file
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served

TOKENS_FILE = "http-tokens"
"""In the state directory, if no other file is named."""
TOKEN_BYTES = 24
RUN_BYTES = 4
"""MAGIC: enough that the events of one run are not taken for those of another."""


class WebDoor:
    """The door of one daemon.  ``failed`` hears of a place that turns out not to be had."""

    _log = Logger(namespace="kadtwisted.web")

    def __init__(
        self,
        reactor: Any,
        settings: DaemonSettings,
        secure_random: Callable[[int], bytes],
        failed: Callable[[BaseException], object],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._secure_random = secure_random
        self._tell_failure = failed
        self._gateway: Gateway | None = None
        self._rooms: Rooms | None = None

    def open(self, node: INode) -> None:
        """Answer for this node; raises :class:`~kadtwisted.errors.LocalError` if that cannot be."""
        http = self._settings.http
        if not http.listen:
            return
        admission = Admission(self._tokens(http), http.hosts, http.origins)
        self._rooms = rooms = Rooms(self._served(node))
        self._gateway = gateway = Gateway(self._reactor, rooms.routes, admission)
        rooms.metrics.start(self._reactor, gateway.site.__len__)
        for each in http.listen:
            failures: list[Failure] = []
            opening: Deferred[Any] = gateway.listen(each).addErrback(failures.append)
            if failures:
                failures[0].raiseException()
            opening.addCallback(self._opened, failures, each).addErrback(self._lost)

    def close(self) -> Deferred[Any]:
        """Hang up on everybody.  Never fails."""
        gateway, self._gateway = self._gateway, None
        rooms, self._rooms = self._rooms, None
        if rooms is not None:
            rooms.close()
        if gateway is None:
            return succeed(None)
        return gateway.close().addErrback(
            lambda failure: self._log.failure("HTTP did not stop cleanly", failure)
        )

    def reload(self) -> None:
        """Read the tokens again; a mistake in them changes nothing."""
        gateway = self._gateway
        if gateway is None:
            return
        old = gateway.admission
        try:
            tokens = self._tokens(self._settings.http)
        except KadtwistedError as error:
            self._log.error("{error}; the tokens from before are still good", error=error)
            return
        gateway.admission = Admission(tokens, old.hosts, old.origins)
        self._log.info("the tokens of HTTP were read again: {count}", count=len(tokens))

    def role_of(self, token: str) -> Role:
        """What a token may do now."""
        gateway = self._gateway
        return Role.NONE if gateway is None else gateway.admission.tokens.role_of(token)

    def _served(self, node: INode) -> Served:
        directory = self._settings.state_dir
        keys = None
        if directory is not None:
            keys = KeyRing(Path(directory) / KEYS_DIRECTORY, self._secure_random)
        return Served(node, self._reactor, keys, self._secure_random(RUN_BYTES).hex())

    def _tokens(self, http: HttpSettings) -> Tokens:
        path, directory = http.tokens, self._settings.state_dir
        if path is None and directory is None:
            return Tokens()
        if path is None:
            path = Path(directory or "") / TOKENS_FILE
            make_tokens_file(path, self._secure_random(TOKEN_BYTES))
        return load_tokens(path)

    def _lost(self, failure: Failure) -> None:
        self._tell_failure(failure.value or ConnectionError("HTTP"))

    def _opened(self, port: IListeningPort, failures: list[Failure], description: str) -> None:
        for failure in failures:
            failure.raiseException()
        place: Any = port.getHost()
        is_path = isinstance(place, UNIXAddress)
        where = os.fsdecode(place.name) if is_path else Endpoint(place.host, place.port)
        self._log.info("HTTP is answered at {where}", where=where)
        if not (is_path or is_loopback(place.host) or description.startswith("ssl:")):
            self._log.warn(
                "{description}: other machines can ask there, and whoever hears it on its way has "
                "the tokens: take ssl:, or add interface=127.0.0.1",
                description=description,
            )
