"""Many more public nodes, all in one process and one namespace, each at an address of its own.

A network in which every node has written to every other is unlike a large one: nobody is left whom
a node has not written to, so nobody can tell it whether strangers reach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kadtwisted.parameters import NodeSettings
from tests.traversal.daemons import Daemon, ForkedProcess, Word, enter

PORT = 8000
PATIENCE = 600.0
"""MAGIC: seconds after which the crowd will never be there, on a busy machine too."""
TWICE = 20
"""The first of them, whom the others have asked before they asked anybody; see
:meth:`tests.traversal.internet.Internet.start_public`."""


class Crowd:
    """The nodes of one process; ``daemons`` are to be asked only, not started."""

    def __init__(self, namespace: str, addresses: Sequence[str], work: Path) -> None:
        self._namespace = namespace
        self._addresses = addresses
        self._log = work / f"{namespace}.log"
        self._places = [work / f"{namespace}-{each}" for each in addresses]
        self.daemons = [Daemon(place.name, PORT, work) for place in self._places]
        self._process = ForkedProcess()
        self._joined = Word()

    def start(self, bootstrap: Sequence[str]) -> None:
        """Begin: each joins after the one before."""
        places = [f"{place}.state" for place in self._places]
        told = self._joined.writer
        arguments = self._namespace, self._addresses, places, bootstrap, str(self._log), told
        self._process.start(_run, *arguments)
        for daemon in self.daemons:
            daemon.runs_elsewhere(self._process)

    def wait(self) -> None:
        """Until all of them have joined."""
        if not self._joined.has_come(PATIENCE):
            raise RuntimeError(f"the crowd has not joined; see {self._log}")

    def stop(self) -> None:
        """End all of them."""
        self._process.stop()


def _run(
    namespace: str,
    addresses: Sequence[str],
    places: Sequence[str],
    bootstrap: Sequence[str],
    log: str,
    joined: Any,
) -> None:
    enter(namespace, log)
    import sys

    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.logger import globalLogBeginner, textFileLogObserver

    from kadtwisted import NodeService

    running: Any = reactor
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    services = [
        NodeService(
            running,
            NodeSettings(port=PORT, interfaces=(address,)),
            state_dir=place,
            storage="memory",
            bootstrap=bootstrap,
        )
        for address, place in zip(addresses, places, strict=True)
    ]

    async def begin() -> None:
        for service in services:
            service.startService()
            await service.whenJoined()
        for service in services[:TWICE]:
            await service.stopService()
            service.startService()
            await service.whenJoined()
        joined.send(True)

    running.callWhenRunning(lambda: Deferred.fromCoroutine(begin()).addErrback(_failed))
    running.run()


def _failed(failure: Any) -> None:
    failure.printTraceback()
