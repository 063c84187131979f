"""Which of the closest nodes may keep a record, because they know its kind.

A HAVE tells nothing of that: who does not know a kind wants none of its records, just as one who
holds them all.  So whoever has not told is asked by a PING before records of that kind are offered;
and where too few know it, the next closest nodes are looked up.  Every node knows the kind Value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.internet.defer import DeferredList

from kadtwisted.lookup.farther import Farther
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import Ping
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import find_at_cost
from kadtwisted.node.port.link import Link

CONSIDERED_FACTOR = 3
"""So many times k contacts of a table are looked at for k that know a kind."""


def may_know(link: Link, contact: Contact, kind: int) -> bool:
    """Whether a contact knows a kind, as far as it has told."""
    return kind == Kind.VALUE or link.knows_kind(contact, kind) is not False


def closest_that_know(link: Link, where: StorageKey, k: int) -> list[Contact]:
    """The k contacts of a table that are closest to a record and may know its kind."""
    if where.kind == Kind.VALUE:
        return list(link.table.closest(where.key, k))
    near = link.table.closest(where.key, CONSIDERED_FACTOR * k)
    return [each for each in near if may_know(link, each, where.kind)][:k]


async def reach_knowing(
    context: NodeContext, link: Link, records: Sequence[StoredRecord], reached: Sequence[Contact]
) -> tuple[Sequence[Contact], float]:
    """Reach k nodes that know the kinds of these neighbouring records, beyond those that a lookup
    of the first one's key has reached; all of them, and the datagrams that it cost."""
    kinds = sorted({each.where.kind for each in records if each.where.kind != Kind.VALUE})
    if not kinds:
        return reached, 0.0
    key, k = records[0].where.key, context.parameters.k
    farther = Farther(key, k, context.parameters.id_bits)
    farther.found(each.node_id for each in reached)
    known = dict.fromkeys((*reached, *link.table.closest(key, CONSIDERED_FACTOR * k)))
    cost = await _ask_kinds(link, kinds, known)
    while _lacks_nodes(link, kinds, known, farther) and (target := farther.next()) is not None:
        lookup, spent = await find_at_cost(context, link, target)
        found = lookup.closest()
        farther.found(each.node_id for each in found)
        known.update(dict.fromkeys(found))
        cost += spent + await _ask_kinds(link, kinds, found)
    alive = dict.fromkeys(reached)
    return [e for e in known if e in alive or link.knows_kind(e, kinds[0]) is not None], cost


def _lacks_nodes(
    link: Link, kinds: Sequence[int], contacts: Iterable[Contact], farther: Farther
) -> bool:
    """Whether more nodes should be looked up to find the k closest that know each of the kinds."""
    knowing = [[e.node_id for e in contacts if link.knows_kind(e, kind)] for kind in kinds]
    return not all(farther.enough(each) for each in knowing)


async def _ask_kinds(link: Link, kinds: Sequence[int], contacts: Iterable[Contact]) -> float:
    """Ask those who have not told whether they know these kinds; the datagrams sent."""
    asked = [
        each for each in contacts if any(link.knows_kind(each, kind) is None for kind in kinds)
    ]
    await DeferredList([link.ask(each, Ping(), known=True) for each in asked], consumeErrors=True)
    return float(len(asked))
