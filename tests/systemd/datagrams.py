"""Sends datagrams one by one, never twice, and counts those that are answered in the end.

usage: datagrams.py HOST:PORT COUNT PER_SECOND

Prints how many those were and how long the slowest answer took; fails if some are missing.  Each
datagram is a PING of a real node that does not retransmit and waits for half a minute.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as imported
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater, react

from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import Ping
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings, Timeouts

PATIENCE = 30.0
reactor: Any = imported


async def count(address: str, wanted: int, rate: float) -> None:
    settings = NodeSettings(
        interfaces=("127.0.0.1",), read_only=True, timeouts=Timeouts(hard_floor=PATIENCE)
    )
    node = Node(reactor, settings, NodeKey.generate(os.urandom))
    await node.start()
    server = (await node.ping(address)).contact
    asking: list[Deferred[Any]] = []
    for _ in range(wanted):
        asking.append(ask_once(node, server))
        await deferLater(reactor, 1 / rate)
    results = await DeferredList(asking, consumeErrors=True)
    took = [result for success, result in results if success]
    answered = len(took)
    lines = [f"{len(results)} sent, {answered} answered, the slowest after {max(took):.2f} s"]
    lines += [result.getErrorMessage() for success, result in results if not success]
    sys.stdout.write("\n".join([*lines, ""]))
    await node.stop()
    if answered < wanted:
        sys.exit(1)


def ask_once(node: Node, server: Contact) -> Deferred[Any]:
    """One datagram; how long its answer took.  Nothing public asks so stubbornly."""
    began = reactor.seconds()
    link = node._links[server.family]
    asking = link.requests.request(server, Ping(), retransmit=False)
    return asking.addCallback(lambda _: reactor.seconds() - began)


if __name__ == "__main__":
    host, number, per_second = sys.argv[1:]
    react(lambda _: Deferred.fromCoroutine(count(host, int(number), float(per_second))))
