"""What attackers send, and what comes to others because of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from cbor2 import loads

from kadtwisted.testing.attacks.datagrams import HELLO, INTRODUCE, PLAIN, REQUEST, Address
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.network.network import Datagram

FORM = 7
"""The bits of a datagram's first byte that say what form it has."""
SHOWN = 49
"""Where the body of a plain request begins: behind first byte, tag, key and token."""


class Seen:
    """What is sent from now on to ``victims``, and by ``attackers``; each is asked by address."""

    def __init__(
        self,
        stage: Stage,
        victims: Callable[[Address], bool],
        attackers: Callable[[Address], bool] = lambda _: False,
    ) -> None:
        self.requests = 0
        """Requests that come to victims: PINGs, where nothing else is."""
        self.bytes = 0
        """All that comes to victims."""
        self.by: Counter[tuple[str, Address]] = Counter()
        """Requests by who sends them and whom they reach."""
        self.spent = 0
        """Bytes that attackers send."""
        self._victims = victims
        self._attackers = attackers
        self._open = True
        stage.network.watch(self._look)

    @property
    def factor(self) -> float:
        """Bytes that come to victims for each byte that attackers send."""
        return self.bytes / max(1, self.spent)

    @property
    def busiest(self) -> int:
        """Requests of the node that sends most, to all victims together."""
        nodes: Counter[str] = Counter()
        for (node, _), count in self.by.items():
            nodes[node] += count
        return max(nodes.values(), default=0)

    def close(self) -> None:
        """Count no more."""
        self._open = False

    def _look(self, datagram: Datagram) -> None:
        source: Address = (datagram.source[0], datagram.source[1])
        destination: Address = (datagram.destination[0], datagram.destination[1])
        if not self._open:
            return
        if self._attackers(source):
            self.spent += len(datagram.data)
        elif self._victims(destination):
            self.bytes += len(datagram.data)
            if datagram.data[0] & FORM in (REQUEST, HELLO):
                self.requests += 1
                self.by[source[0], destination] += 1


class Introduced:
    """The INTRODUCEs that nodes send from now on, in the plain form."""

    def __init__(self, stage: Stage) -> None:
        self.by: Counter[str] = Counter()
        self.bytes = 0
        stage.network.watch(self._look)

    def _look(self, datagram: Datagram) -> None:
        data = datagram.data
        if data[0] != PLAIN | REQUEST or loads(data[SHOWN:])[0] != INTRODUCE:
            return
        self.by[datagram.source[0]] += 1
        self.bytes += len(data)
