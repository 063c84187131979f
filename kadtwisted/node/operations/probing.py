"""Asking who is there: one node by its address, or the closest nodes to an ID."""

from __future__ import annotations

from kadtwisted.errors import NoContacts, Unavailable
from kadtwisted.model.contact import Contact, parse_address
from kadtwisted.model.ids import NodeID, check_id
from kadtwisted.model.messages import Ping, Pong
from kadtwisted.model.results import NodesResult, PingResult
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.bootstrap import Bootstrap
from kadtwisted.node.operations.patience import ask_patiently
from kadtwisted.node.operations.searches import all_of, find_nodes, merge_traces
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer


class Probing:
    """Asks who is there, for one node."""

    def __init__(self, context: NodeContext, links: Links, bootstrap: Bootstrap) -> None:
        self._context = context
        self._links = links
        self._bootstrap = bootstrap

    async def ping(self, address: str | Contact) -> PingResult:
        """See :meth:`INode.ping`."""
        started = self._context.world.now()
        if isinstance(address, Contact):
            if address.family not in self._links:
                raise Unavailable(f"this node has no IPv{address.family:d} port")
            link = self._links[address.family]
            answer = await ask_patiently(
                self._context, lambda: link.ask(address, Ping(), known=True)
            )
        else:
            answer = await self._bootstrap.hello(parse_address(address))
        return _ping_result(answer, self._context.world.now() - started)

    async def find_node(self, target: NodeID) -> NodesResult:
        """See :meth:`INode.find_node`."""
        check_id(target)
        links = self._links.connected()
        if not links:
            raise NoContacts("no other node is known: bootstrap first")
        lookups = await all_of([find_nodes(self._context, link, target) for link in links])
        contacts = [contact for lookup in lookups for contact in lookup.closest()]
        contacts.sort(key=lambda contact: contact.node_id ^ target)
        now = self._context.world.now()
        return NodesResult(target, tuple(contacts), merge_traces([e.trace(now) for e in lookups]))


def _ping_result(answer: Answer, took: float) -> PingResult:
    """What a PONG says, and how long it took, measured here if it was asked for more than once."""
    pong = answer.reply.body
    assert isinstance(pong, Pong), "nothing else answers a PING"
    rtt = answer.round_trip(took)
    return PingResult(answer.contact, rtt, answer.reply.observed, pong.unix_time, pong.agent)
