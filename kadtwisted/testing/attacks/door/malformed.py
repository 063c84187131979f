"""Datagrams that are sealed right and malformed inside: no fault, and others are still served.

They come from one who has proven its address, with right tags and right boxes, so each gets as far
as its contents let it: broken CBOR, deep nesting, wrong types, huge numbers, broken records.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from cbor2 import CBORTag, dumps

from kadtwisted.testing.attacks.client import Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    FIND_NODE,
    FIND_VALUE,
    HAVE,
    HELLO,
    HELLO_ANSWER,
    PING,
    REPLY,
    REQUEST,
    STORE,
    VALUE,
    value_record,
)
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report

FORMS = (REQUEST, REQUEST, REQUEST, REQUEST, HELLO, REPLY, HELLO_ANSWER)
"""Drawn from; only requests get far."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """``count`` datagrams, ``rate`` a second, at one of ``nodes`` nodes."""

    lasts: ClassVar[str] = "about ten seconds"
    nodes: int = 3
    count: int = 12_000
    rate: float = 400.0
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report, sealer="box")
        stage.grow(self.nodes)
        stage.advance(MINUTE)
        member = stage.members[0]
        node = stage.peer(member)
        attacker, honest = stage.attacker(Client), stage.attacker(Client)
        stage.ask(honest, node, PING)
        made = Maker(attacker, node, stage.source)
        answered = asked = 0
        for number in range(self.count):
            if number % 1000 == 0:
                stage.ask(attacker, node, PING)  # a fresh token
                answered += stage.ask(honest, node, PING) is not None
                asked += 1
            attacker.write(made.datagram(), node.address)
            stage.advance(1 / self.rate)
        stage.advance(10)
        counters = member.node.status().counters
        dropped = [count for name, count in counters.items() if name.startswith("dropped.")]
        report.figure("datagrams that the node dropped", sum(dropped))
        report.at_most("of them for a fault", counters.get("dropped.fault", 0), 0)
        report.at_least(f"pings of others answered, of {asked}", answered, asked)
        serving = [each.node.status().health for each in stage.members].count("serving")
        report.at_least("nodes that serve afterwards", serving, self.nodes)
        stage.stop()


class Maker:
    """Makes malformed datagrams from the address of ``attacker``."""

    def __init__(self, attacker: Client, node: Peer, source: random.Random) -> None:
        self._attacker = attacker
        self._node = node
        self._random = source

    def datagram(self) -> bytes:
        """The next one."""
        form = self._random.choice(FORMS)
        body = self._random.choice(_BODIES)(self)[:1100]
        token = self._attacker.tokens.get(self._node, bytes(8))
        return self._attacker.form.seal(form, body, self._node.key, token)

    # --- Bodies ------------------------------------------------------------------------------

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(400))

    def _changed(self) -> bytes:
        """A right message in which some bytes are not."""
        body = bytearray(dumps(self._message()))
        for _ in range(self._random.randrange(1, 4)):
            body[self._random.randrange(len(body))] = self._random.randrange(256)
        return bytes(body)

    def _cut(self) -> bytes:
        body = dumps(self._message())
        return body[: self._random.randrange(len(body))] + self._random.randbytes(
            self._random.randrange(3)
        )

    def _wrong_types(self) -> bytes:
        """A right message with an item that is something else."""
        message = self._message()
        message[self._random.randrange(len(message))] = self._anything()
        return dumps(message)

    def _reply(self) -> bytes:
        """An answer to nothing."""
        number = self._random.randrange(-6, 1)
        results = [self._anything() for _ in range(self._random.randrange(6))]
        return dumps([number, self._random.randbytes(8), bytes(8), bytes(6), *results])

    def _nested(self) -> bytes:
        depth = self._random.randrange(1, 1000)
        return bytes([self._random.choice((0x81, 0x82, 0x9F, 0xD8, 0xA1))]) * depth

    def _broken_record(self) -> bytes:
        """A STORE of a record whose value is no canonical bencode."""
        text = self._random.choice(
            (b"l" * 500, b"d" * 500, b"i-0e", b"5:cut", b"i" + b"9" * 400 + b"e", b"", b"le" * 9)
        )
        record = value_record(self._random.randbytes(20), self._random.getrandbits(64), text)
        return dumps([STORE, self._random.randbytes(8), 0, b"", record, 60, None])

    # --- Parts -------------------------------------------------------------------------------

    def _message(self) -> list[Any]:
        """A right request."""
        draw = self._random.randbytes
        key = draw(20)
        arguments: list[list[Any]] = [
            [PING],
            [FIND_NODE, key, 0],
            [FIND_VALUE, key, VALUE, b"", b"", 0],
            [STORE, value_record(key, 1, b"1:v"), 60, None],
            [HAVE, draw(29) * self._random.randrange(1, 4)],
        ]
        method, *rest = self._random.choice(arguments)
        return [method, draw(8), 0, b"", *rest]

    def _anything(self) -> Any:
        return self._random.choice(_THINGS)


_BODIES: tuple[Callable[[Maker], bytes], ...] = (
    Maker._noise,
    Maker._changed,
    Maker._cut,
    Maker._wrong_types,
    Maker._reply,
    Maker._nested,
    Maker._broken_record,
)
_THINGS: tuple[Any, ...] = (
    *(0, 1, -1, 255, 256, 1 << 32, 1 << 63, 1 << 64, -(1 << 64), 1 << 200),
    *(b"", b"x", bytes(7), bytes(8), bytes(20), bytes(1000), "", "text", "\ud7ff"),
    *(None, True, False, 1.5, float("nan"), float("inf")),
    *((), ((),), ((((),),),), (1,) * 300, CBORTag(2, b"\x01"), CBORTag(28, ())),
)
"""Items of all types, right and wrong ones."""
