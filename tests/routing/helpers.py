"""Contacts that are easy to write down: one for each ID, each at an endpoint of its own."""

from __future__ import annotations

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.table import RoutingTable


def contact(node_id: int, port: int = 1000) -> Contact:
    """The contact of a node; another ``port`` is another endpoint of the same node."""
    low = node_id & 0xFF
    return Contact.at(NodeID(node_id), Endpoint(f"192.0.2.{low}", port))


def small_table(own_id: int = 0, k: int = 2, replacements: int = 3) -> RoutingTable:
    """A table of 8-bit IDs with buckets small enough to be filled by hand."""
    return RoutingTable(NodeID(own_id), bits=8, k=k, replacements=replacements)


def fail(table: RoutingTable, node_id: int, *moments: float) -> None:
    """Let requests to a contact fail where it is known."""
    for moment in moments:
        table.failed(NodeID(node_id), contact(node_id).endpoint, moment)
