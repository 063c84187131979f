"""What the codec costs, in microseconds: ``python -m benchmarks.codec``.

Each message that a server reads or writes is timed, and beside it the CBOR library alone with the
same items (``cbor2.loads``, ``cbor2.dumps``).  Quote the ratio of the two: absolute times belong to
the machine.  The library alone does no strict scan, checks no schema and makes no message.

The bombs are the datagrams of ``kadtwisted.testing.loose_cbor``, each made to cost a decoder time
or memory.  The worst of them must be refused within a millisecond.

A time is the least of many short runs, so that other work of the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from timeit import repeat
from typing import Any

from cbor2 import dumps, loads

from benchmarks.harness.load import choose_processors, describe_machine, pin
from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import MalformedDatagram
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import KEY_BYTES, Contact, Endpoint
from kadtwisted.model.ids import random_id
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Message,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Store,
    StoredItem,
)
from kadtwisted.testing.loose_cbor import bombs
from kadtwisted.wire.cbor import CBORSerializer

TRANSACTION_ID = bytes(range(8))
TOKEN = bytes(range(8, 16))
ASKER = Endpoint("192.0.2.1", 4000)
RECORD = bytes(134)
"""A Value of 100 bytes."""
CALLS = 200
BOMB_CALLS = 20
"""Calls in one run, which takes a fraction of a millisecond, so that few runs are disturbed."""
CODEC = CBORSerializer(node_id_of)


def messages() -> dict[str, Message]:
    """The messages of a server's day, by name."""
    random = Random(20021007)
    contacts = tuple(contact(random) for _ in range(20))
    replies: dict[str, ReplyBody] = {
        "PONG": Pong(b"\x01", 0, 1_800_000_000),
        "NODES of 20": Nodes(contacts),
        "RECORDS of 1 and 8": Records((StoredItem(RECORD, 86400),), contacts[:8]),
    }
    requests: dict[str, RequestBody] = {
        "PING": Ping(),
        "FIND_NODE": FindNode(random_id(random)),
        "FIND_VALUE": FindValue(random_id(random), 1),
        "FIND_VALUE, version": FindValue(random_id(random), 1, bytes(8)),
        "STORE": Store(RECORD, 86400),
    }
    return {
        **{name: Request(TRANSACTION_ID, body) for name, body in requests.items()},
        **{name: Reply(TRANSACTION_ID, body, TOKEN, ASKER) for name, body in replies.items()},
    }


def contact(random: Random) -> Contact:
    """Somebody on IPv4."""
    key = random.randbytes(KEY_BYTES)
    endpoint = Endpoint(f"198.51.100.{random.randrange(256)}", 8000)
    return Contact.at(node_id_of(key), endpoint, key)


def microseconds(work: Callable[[], object], runs: int, calls: int = CALLS) -> float:
    """The time of one call in the least disturbed of many runs."""
    return min(repeat(work, number=calls, repeat=runs)) / calls * 1e6


def measure_message(message: Message, runs: int) -> dict[str, float]:
    """Both directions, and the ratio to the library alone."""
    data = encode(message)
    items = loads(data)
    row = {
        "bytes": len(data),
        "decode_us": microseconds(lambda: CODEC.decode(data), runs),
        "encode_us": microseconds(lambda: encode(message), runs),
    }
    row["decode_to_loads"] = row["decode_us"] / microseconds(lambda: loads(data), runs)
    row["encode_to_dumps"] = row["encode_us"] / microseconds(lambda: dumps(items), runs)
    return row


def encode(message: Message) -> bytes:
    """A message's bytes, nothing cut."""
    if isinstance(message, Request):
        return CODEC.encode_request(message)
    return CODEC.encode_reply(message, DATAGRAM_LIMIT)


def defuse(bomb: bytes) -> None:
    """Refuse a bomb, or read it where it is well formed."""
    with suppress(MalformedDatagram):
        CODEC.decode(bomb)


def measure_bombs(runs: int) -> dict[str, float]:
    """Microseconds for each bomb."""
    named = bombs().items()
    return {name: microseconds(partial(defuse, bomb), runs, BOMB_CALLS) for name, bomb in named}


def print_tables(result: dict[str, Any]) -> None:
    """The messages, one a line, and the worst bomb."""
    titles = ("decode us", "to loads", "encode us", "to dumps")
    print(f"{'message':<22}{'bytes':>6}" + "".join(f"{each:>11}" for each in titles))
    for name, row in result["messages"].items():
        figures = ("decode_us", "decode_to_loads", "encode_us", "encode_to_dumps")
        print(f"{name:<22}{row['bytes']:>6}" + "".join(f"{row[each]:>11.2f}" for each in figures))
    worst = max(result["bombs"], key=result["bombs"].__getitem__)
    print(f"worst bomb: {worst}, {result['bombs'][worst]:.0f} us")


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codec", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=300, help="runs of each measurement")
    parser.add_argument("--json", type=Path, default=Path("build/codec.json"), metavar="FILE")
    options = parser.parse_args()
    processors = choose_processors()
    pin(processors.server)
    result = {
        "unit": "microseconds of one call, the least of many runs",
        "settings": {"runs": options.runs},
        "machine": describe_machine(processors),
        "messages": {
            name: measure_message(each, options.runs) for name, each in messages().items()
        },
        "bombs": measure_bombs(options.runs),
    }
    print_tables(result)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
