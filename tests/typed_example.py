"""A program that imports from the public faces alone; mypy checks it, nobody runs it.

A name that type checkers did not see would be ``Any``, or would make an ``ignore`` below wrong.
"""

from __future__ import annotations

from typing import assert_type

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

import kadtwisted.testing
from kadtwisted import (
    BootstrapResult,
    GetResult,
    INode,
    Node,
    NodeKey,
    NodeService,
    NodeSettings,
    NotFound,
    Parameters,
    Receipt,
    bencode,
)


def make(reactor: IReactorTime, seed: bytes) -> Node:
    settings = NodeSettings(port=8000, parameters=Parameters(k=8))
    return Node(reactor, settings, NodeKey.from_seed(seed))


def serve(reactor: IReactorTime) -> NodeService:
    service = NodeService(reactor, NodeSettings(), name="a node", bootstrap=["192.0.2.1:8000"])
    assert_type(service.node, INode)
    assert_type(service.whenJoined(), Deferred[BootstrapResult])
    return service


async def use(node: INode) -> bytes | None:
    assert_type(node.put("name", b"value", keep=True), Deferred[Receipt])
    receipt = await node.put("name", b"value", wait="all")
    assert_type(receipt.complete(), Deferred[Receipt])
    node.put("name", b"value", wait="most")  # type: ignore[arg-type]
    assert_type(await node.get("name"), GetResult)
    try:
        found = await node.get("name")
    except NotFound:
        return None
    assert_type(bencode.decode(found.raw), bencode.BValue)
    return found.value


def simulate() -> list[Node]:
    swarm = kadtwisted.testing.Swarm(20, seed=7)
    swarm.waits(Deferred())  # type: ignore[attr-defined]
    return assert_type(swarm.nodes, list[Node])


def wrong() -> None:
    from kadtwisted import Nobody  # type: ignore[attr-defined]

    assert kadtwisted.Nobody is Nobody  # type: ignore[attr-defined]
    NodeSettings(port="8000")  # type: ignore[arg-type]
