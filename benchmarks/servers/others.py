"""Servers of other programs, each a process of its own.

``python -m benchmarks.servers.others NAME [CPU]``: ``bmuller`` is the package ``kademlia`` of PyPI
on asyncio, with a filled table and one stored value; ``libtorrent`` is a session of that package in
which only the DHT is on.  Limits that would refuse the load of a single sender are raised;
everything else has its default.

A server prints one line of JSON (``port``, ``id``) when it listens, and ends when its standard
input closes.  ``libtorrent`` keeps nobody in its table who never answered; so it first reads one
line of JSON from its standard input, the endpoints of nodes that it should ask.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from random import Random
from typing import Any

from benchmarks.harness.load import pin

ID_BYTES = 20
CONTACTS = 200
"""As many as our own nodes under test have in their tables."""
HOST = "127.0.0.1"
ASKER = b"an asker of requests"
"""The node ID of the asker.  The table knows it, or else each request would enter it again."""
KEY = b"the key of one value"
VALUE = bytes(100)
ALL = 10**8
"""No limit.  libtorrent multiplies it by ten in 32 bits: with much more it would serve nobody."""


def announce(port: int, node_id: bytes = b"") -> None:
    """Tell the driver where we listen."""
    print(json.dumps({"port": port, "id": node_id.hex()}), flush=True)


# --- kademlia, by Brian Muller -------------------------------------------------------------------


async def serve_bmuller() -> None:
    """Its server, with a table of contacts that never answer."""
    from kademlia.network import Server

    server: Any = Server(node_id=Random("own").randbytes(ID_BYTES))
    await server.listen(0, HOST)
    server.refresh_loop.cancel()  # no upkeep while serving is measured
    fill(server.protocol.router)
    server.storage[KEY] = VALUE
    announce(server.transport.get_extra_info("sockname")[1], server.node.id)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.stop()


def fill(router: Any) -> None:
    """Put the asker and seeded silent contacts into a table until it holds enough."""
    from kademlia.node import Node

    random = Random(20021007)
    router.add_contact(Node(ASKER, HOST, 1))
    while sum(map(len, router.buckets)) < CONTACTS:
        host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        newcomer = Node(random.randbytes(ID_BYTES), host, random.randrange(1024, 65536))
        bucket = router.buckets[router.get_bucket_for(newcomer)]
        if len(bucket) < bucket.ksize or bucket.has_in_range(router.node) or bucket.depth() % 5:
            router.add_contact(newcomer)  # to a full one it would ping somebody


# --- libtorrent ----------------------------------------------------------------------------------


def serve_libtorrent() -> None:
    """Its DHT; waits for the endpoints to ask, then for the end."""
    import libtorrent

    session: Any = libtorrent.session(
        {
            "listen_interfaces": f"{HOST}:0",
            "dht_bootstrap_nodes": "",
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_lsd": False,
            # All that asks here is on one address, at a rate that no single asker should have.
            "dht_upload_rate_limit": ALL,
            "dht_block_ratelimit": ALL,
            "dht_restrict_routing_ips": False,
            "dht_restrict_search_ips": False,
            "dht_ignore_dark_internet": False,
            "dht_prefer_verified_node_ids": False,
            "alert_mask": 0,
        }
    )
    announce(session.listen_port())
    for host, port in json.loads(sys.stdin.readline()):
        session.add_dht_node((host, port))
    sys.stdin.read()


def main(name: str, processor: str = "") -> None:
    """Serve until standard input closes."""
    pin(int(processor) if processor else None)
    logging.disable(logging.CRITICAL)
    if name == "bmuller":
        asyncio.run(serve_bmuller())
    else:
        serve_libtorrent()
        os._exit(0)  # a session's own end takes long: it says goodbye to trackers it does not have


if __name__ == "__main__":
    main(*sys.argv[1:])
