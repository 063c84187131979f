"""Requests to servers of other programs: their datagrams, made by hand, and their answers, read.

Each class prepares one server of ``benchmarks/servers/others.py``, checks that its answers are the
right ones, and gives the datagrams of each scenario.  The server's table need not take the asker
in: bmuller's knows it already, and libtorrent is told that it is read-only (BEP 43).
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.harness.server_process import ServerProcess
from benchmarks.servers.others import ASKER, HOST, ID_BYTES, KEY, VALUE
from kadtwisted.model import bencode

LONGEST = 4096
PATIENCE = 2.0
"""Seconds to wait for one answer."""
NEIGHBOURS = 64
"""Nodes that libtorrent may get to know: its table's first buckets hold them, its answers 8."""
SETTLING = 3.0
"""Seconds for it to ask them all."""
COMPACT = 26
"""Bytes of a node in an answer (BEP 5)."""
NODES = 8
K = 20
"""Contacts in an answer: of libtorrent and of bmuller's package."""

Make = Callable[[], bytes]
"""Makes one request, different from the others where that matters."""


def ask(socket_: socket.socket, port: int, datagram: bytes) -> bytes:
    """The first datagram that comes back."""
    socket_.sendto(datagram, (HOST, port))
    return socket_.recv(LONGEST)


def open_socket() -> socket.socket:
    """One that asks."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    made.settimeout(PATIENCE)
    return made


class Bmuller:
    """``kademlia``: requests of the package rpcudp, answers of 20 contacts."""

    name = "bmuller"

    def __init__(self, process: ServerProcess) -> None:
        import umsgpack

        self._pack: Callable[[Any], bytes] = umsgpack.packb
        with open_socket() as asking:
            answers = {
                name: umsgpack.unpackb(ask(asking, process.port, make())[1 + ID_BYTES :])
                for name, make in self.scenarios().items()
            }
        found = answers["find_value"]
        if len(answers["find_node"]) != K or found != {"value": VALUE}:
            raise SystemExit(f"bmuller: an answer is not the one to be measured: {answers}")

    def scenarios(self) -> dict[str, Make]:
        """What is measured, by name."""
        return {
            "ping": lambda: self._request("ping", ASKER),
            "find_node": lambda: self._request("find_node", ASKER, os.urandom(ID_BYTES)),
            "find_value": lambda: self._request("find_value", ASKER, KEY),
        }

    def _request(self, method: str, *arguments: bytes) -> bytes:
        return b"\0" + os.urandom(ID_BYTES) + self._pack([method, list(arguments)])


class Libtorrent:
    """Mainline's messages (BEP 5, 44): answers of 8 contacts, one peer, an item of 100 bytes."""

    name = "libtorrent"

    def __init__(self, process: ServerProcess) -> None:
        self._hash = Random("torrent").randbytes(ID_BYTES)
        self._item = hashlib.sha1(bencode.encode(VALUE)).digest()
        with Neighbours() as neighbours:
            process.tell(json.dumps(neighbours.endpoints))
            neighbours.answer(SETTLING)
        with open_socket() as asking:
            self._prepare(asking, process.port)

    def scenarios(self) -> dict[str, Make]:
        """What is measured, by name."""
        return {
            "ping": lambda: query(b"ping"),
            "find_node": lambda: query(b"find_node", target=os.urandom(ID_BYTES)),
            "get_peers": lambda: query(b"get_peers", info_hash=self._hash),
            "get": lambda: query(b"get", target=self._item),
        }

    def _prepare(self, asking: socket.socket, port: int) -> None:
        """Announce the peer, put the item, and see what answers hold."""

        def answer(datagram: bytes) -> Any:
            read: Any = bencode.decode(ask(asking, port, datagram))
            return read[b"r"]

        scenarios = self.scenarios()
        token = answer(scenarios["get_peers"]())[b"token"]
        answer(query(b"announce_peer", info_hash=self._hash, port=1, token=token))
        token = answer(scenarios["get"]())[b"token"]
        answer(query(b"put", v=VALUE, token=token))
        nodes = answer(scenarios["find_node"]())[b"nodes"]
        peers = answer(scenarios["get_peers"]())[b"values"]
        found = answer(scenarios["get"]())[b"v"]
        if len(nodes) != NODES * COMPACT or len(peers) != 1 or found != VALUE:
            raise SystemExit("libtorrent: an answer is not the one to be measured")


def query(method: bytes, **arguments: bencode.BValue) -> bytes:
    """One KRPC query of the read-only asker."""
    named = {name.encode(): value for name, value in arguments.items()}
    told: dict[bytes, bencode.BValue] = {b"id": ASKER, **named}
    return bencode.encode({b"t": b"aa", b"y": b"q", b"q": method, b"a": told, b"ro": 1})


class Neighbours:
    """Nodes of Mainline that answer whatever they are asked, at addresses of their own."""

    def __init__(self) -> None:
        random = Random(20021007)
        self._ids = [random.randbytes(ID_BYTES) for _ in range(NEIGHBOURS)]
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        for number in range(NEIGHBOURS):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((f"127.1.{number}.1", 0))
            self._sockets.append(made)
            self._selector.register(made, selectors.EVENT_READ, number)
        self.endpoints: list[tuple[str, int]] = [each.getsockname() for each in self._sockets]
        self._told = b"".join(map(self._compact, range(NODES)))

    def __enter__(self) -> Neighbours:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for each in self._sockets:
            each.close()

    def answer(self, seconds: float) -> None:
        """Answer for so long."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self._answer_one(key.data)

    def _answer_one(self, number: int) -> None:
        datagram, asker = self._sockets[number].recvfrom(LONGEST)
        asked: Any = bencode.decode(datagram)
        if asked[b"y"] == b"q":
            told: dict[bytes, bencode.BValue] = {
                b"id": self._ids[number],
                b"nodes": self._told,
                b"token": b"token",
            }
            reply = bencode.encode({b"t": asked[b"t"], b"y": b"r", b"r": told})
            self._sockets[number].sendto(reply, asker)

    def _compact(self, number: int) -> bytes:
        host, port = self.endpoints[number]
        return self._ids[number] + socket.inet_aton(host) + struct.pack(">H", port)


OTHERS = (("bmuller", "kademlia", Bmuller), ("libtorrent", "libtorrent", Libtorrent))
"""Each with the package it comes in and the class that asks it."""
