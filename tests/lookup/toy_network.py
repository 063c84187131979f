"""A network of plain dictionaries and an event loop of ten lines: what lookups are tried on.

Every node keeps the tables the paper describes: for each length of common prefix at most k random
contacts, all if there are fewer.  Nothing but the vocabulary is shared with the code under test.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from kadtwisted.lookup.disjoint import AnyLookup
from kadtwisted.lookup.records import RecordSearch
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID

RTT = 0.0625
SOFT = 0.25
HARD = 0.75
"""Seconds; binary fractions, so that sums are exact."""


def contact(node_id: int, host: str = "", port: int = 4000) -> Contact:
    """The contact of a small ID, each on a host of its own unless told otherwise."""
    own_host = f"10.{node_id >> 16}.{node_id >> 8 & 255}.{node_id & 255}"
    return Contact.at(NodeID(node_id), Endpoint(host or own_host, port))


def ids(contacts: Iterable[Contact]) -> list[int]:
    return [each.node_id for each in contacts]


def closest_of(node_ids: Iterable[int], target: int, k: int) -> list[int]:
    """The oracle: sort all, take k."""
    return sorted(node_ids, key=lambda each: each ^ target)[:k]


class ToyNetwork:
    """Nodes with full honest tables, of which those in ``dead`` never answer."""

    def __init__(
        self, random: Random, size: int, k: int, dead_share: float = 0.0, bits: int = 8
    ) -> None:
        self.k = k
        self.bits = bits
        self.nodes = random.sample(range(1 << bits), size)
        self.dead = frozenset(random.sample(self.nodes[1:], int(dead_share * size)))
        self.alive = [each for each in self.nodes if each not in self.dead]
        self._random = random
        self._tables: dict[int, list[int]] = {}

    def table(self, owner: int) -> list[int]:
        """Whom a node knows; drawn when first wanted, the same ever after."""
        if owner not in self._tables:
            buckets: list[list[int]] = [[] for _ in range(self.bits + 1)]
            for each in self.nodes:
                buckets[(each ^ owner).bit_length()].append(each)
            self._tables[owner] = [
                each
                for bucket in buckets[1:]
                for each in self._random.sample(bucket, min(self.k, len(bucket)))
            ]
        return self._tables[owner]

    def answer(self, owner: int, target: int, asker: int = -1) -> list[Contact]:
        known = [each for each in self.table(owner) if each != asker]
        return [contact(each) for each in closest_of(known, target, self.k)]


@dataclass
class Outcome:
    """What the event loop saw of one lookup."""

    ended: float = 0.0
    asked: list[Contact] = field(default_factory=list)
    dead_asked: int = 0
    most_in_flight: int = 0
    most_patient: int = 0


Answer = Callable[[Contact], list[Contact] | None]


def run(
    lookup: AnyLookup | RecordSearch, answer: Answer, rtt: Callable[[], float] = lambda: RTT
) -> Outcome:
    """Drive the lookup to its end; ``answer`` gives ``None`` for the silence of the dead."""
    seen = Outcome()
    now = 0.0
    events: list[tuple[float, int, Contact, list[Contact] | None]] = []
    patience: dict[Contact, float] = {}
    while True:
        for each in lookup.next(now):
            reply = answer(each)
            seen.asked.append(each)
            seen.dead_asked += reply is None
            lookup.asked(each, now, SOFT)
            patience[each] = now + SOFT
            moment = now + (HARD if reply is None else rtt())
            heapq.heappush(events, (moment, len(seen.asked), each, reply))
        if lookup.finished:
            break
        seen.most_in_flight = max(seen.most_in_flight, len(events))
        seen.most_patient = max(seen.most_patient, sum(now < end for end in patience.values()))
        wakes_at = lookup.wakes_at()
        moments = [event[0] for event in events[:1]]
        if wakes_at is not None:
            assert wakes_at > now, "a wake-up in the past would spin"
            moments.append(wakes_at)
        assert moments, "unfinished, yet nothing will ever happen"
        now = min(moments)
        while events and events[0][0] == now:
            _, _, each, reply = heapq.heappop(events)
            del patience[each]
            if reply is None:
                lookup.failed(each, now)
            else:
                lookup.replied(each, reply, now)
    seen.ended = now
    return seen
