"""Nodes that do what they are told: one that is ill, and one among peers that mean harm."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.errors import NotFound
from kadtwisted.model.announcing import Provider, Providers
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.observed import NODES, LookupBegan, LookupEnded, Observation
from kadtwisted.model.publication import Audit, OwnRecord
from kadtwisted.model.record import DatedRecord, RecordsPage, StorageKey
from kadtwisted.model.results import Trace
from kadtwisted.model.status import (
    BucketStatus,
    ContactStatus,
    LinkStatus,
    PortMapping,
    ReachStatus,
    RoutingStatus,
)
from tests.daemon.fakes import KEY, NAME_KEY, TRACE, FakeNode, a_change, a_get, a_status

HARM = '<img src=x onerror="document.title=`harmed`">'
"""What a browser would do if it took it for HTML."""
SCRIPT = "</pre><script>document.title='harmed'</script>"
TURNED = "\u202egnp.exe\u0007"
"""Text that would turn around what comes after it, and a bell."""
LONG = "a-very-long-name-that-does-not-end-" * 12


class StrangeNode(FakeNode):
    """A fake node whose answers can be changed by words."""

    table: RoutingStatus | None = None
    asked = 5

    def ask(self) -> int:
        self.asked += 1
        return self.asked

    def say(self, name: str, value: str) -> None:
        """The health, how a lookup goes, what it was asked once more, that a get has no answer, or
        a change of what is watched, in base64."""
        status = self.answers["status"]
        if name == "health":
            self.answers["status"] = status._replace(health=value)
        elif name == "lookup":
            self.tell_of_lookup(value)
        elif name == "asked":
            self.answers["status"] = status._replace(counters={f"in.{value}": self.ask()})
        elif name == "get":
            self.answers["get"] = Deferred()
        else:
            for each in self.watches:
                each.tell(a_change(b64decode(value)))

    def tell_of_lookup(self, state: str) -> None:
        """A lookup begins, or has ended."""
        path = Trace(TRACE.steps[1:], 0.5, 0)
        told: Observation = LookupBegan(Family.IPV4, NAME_KEY, NODES, 7, lambda: path)
        if state == "ended":
            told = LookupEnded(Family.IPV4, NAME_KEY, NODES, TRACE, True, 7)
        for each in self.observers:
            each(told)

    def routing(self) -> RoutingStatus:
        return self.table if self.table is not None else super().routing()


def ill() -> FakeNode:
    """Everything that can be wrong is wrong."""
    reach = ReachStatus(
        "unreachable", 400.0, 30.0, 0, 5, "dependent", "no node can reach it", 55.0, 3, 20.0
    )
    problem = PortMapping("", None, 0.0, "the gateway refuses to map ports")
    listening = Endpoint("0.0.0.0", 8000)
    link = LinkStatus(
        Family.IPV4, listening, Endpoint("198.51.100.7", 0), 4, 3, 9, 2,
        Endpoint("203.0.113.5", 8000), problem, reach, 1234.0,
    )  # fmt: skip
    status = a_status(
        health="isolated", clock_ahead=-4000.0, links=(link,), storage_full=True,
        stored_records=100_000, stored_bytes=250_000_000, most_records=100_000,
        most_bytes=268_435_456, replication_kept=False, own_records=7, own_records_kept=False,
        lost_records=2, pinned_records=3, records_below_pin=1, read_only=True,
    )  # fmt: skip
    node = StrangeNode(status=status, get=NotFound("nobody has it"))
    node.answers["own_records"] = (
        OwnRecord(StorageKey(1, NAME_KEY), b"", 86400, None, "lost", 8, Audit(1.7e9, 2, 3)),
    )
    return node


def hostile() -> FakeNode:
    """Values, attributes, agents and names that mean harm, and others that are only long."""
    mapping = PortMapping(HARM, Endpoint("203.0.113.9", 1), 60.0, f"{HARM}{TURNED}")
    link = LinkStatus(
        Family.IPV6, Endpoint("2001:db8:1111:2222:3333:4444:5555:6666", 65535), None, 0, 2, 0, 0,
        None, mapping,
    )  # fmt: skip
    status = a_status(network=f"{HARM}{LONG}", links=(link,), counters={f"in.{HARM}": 5})
    value = f"{HARM}{SCRIPT}{TURNED}{LONG}".encode()
    node = StrangeNode(
        status=status,
        get=a_get(value, b""),
        providers=Providers(
            NAME_KEY,
            (Provider(KEY.node_id, KEY.public_key, Endpoint(HARM, 1), value, 60),),
            False,
            TRACE,
        ),
        watch=(a_change(b"%d:%s" % (len(value), value)),),
        records=RecordsPage(
            (DatedRecord(StorageKey(77, NAME_KEY, b"x" * 64), value, 2e9, 1e9),), None
        ),
        own_records=(OwnRecord(StorageKey(1, NAME_KEY), value, 60, 2e9, HARM, 1, None),),
    )
    contact: Any = ContactStatus(NodeID(7 << 150), Endpoint(HARM, 9), "suspect", 9.0, 9.0, 9.0, 99)
    node.table = RoutingStatus(
        KEY.node_id, (BucketStatus(Family.IPV6, NodeID(0), 160, (contact,), 3, None),)
    )
    return node


STRANGE = {"ill": ill, "hostile": hostile}
