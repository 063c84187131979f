"""Opening a path to a node: by asking it directly, or through nodes that both have reached."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError, NoContacts, NoPath
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import Method, Ping
from kadtwisted.model.results import Path
from kadtwisted.node.arguments import Target
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.bootstrap import Bootstrap
from kadtwisted.node.operations.searches import find_nodes, first_of
from kadtwisted.node.paths.punching import Punching
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer

HEAD_START = 0.5
"""Seconds that a node has to answer where it is said to be, before others are asked for it.
MAGIC: most round trips are shorter, and it leaves 2.5 s for the others."""
INTRODUCERS = 8
"""So many of the nodes nearest to the target are asked.  MAGIC: it asks three regularly,
the nearest that it knows; who looks for it may find some others that are nearer."""


class PathOpening:
    """Opens paths, for one node."""

    def __init__(self, context: NodeContext, links: Links, bootstrap: Bootstrap) -> None:
        self._context = context
        self._links = links
        self._bootstrap = bootstrap

    async def open(self, target: Target) -> Path:
        """See :meth:`INode.open_path`."""
        direct = self._directly(target)
        wait = HEAD_START if direct else 0.0
        through = [
            Deferred.fromCoroutine(self._through_others(link, target.key, wait))
            for link in self._links.connected()
        ]
        if not direct and not through:
            raise NoContacts("no other node is known: bootstrap first")
        ways = [each.addErrback(_as_result) for each in (*direct, *through)]
        results = await first_of(ways, lambda result: isinstance(result, Path))
        return _best(results)

    def _directly(self, target: Target) -> list[Deferred[Path]]:
        """Ask the target where it was said to be, or is known to be."""
        now = self._context.world.now
        sent = now()

        def answered(answer: Answer) -> Path:
            return Path(answer.contact, answer.round_trip(now() - sent), None)

        if target.address is not None:
            greeting = Deferred.fromCoroutine(self._bootstrap.hello(target.address))
            return [greeting.addCallback(answered)]
        return [
            self._links[each.family].ask(each, Ping(), known=True).addCallback(answered)
            for each in self._known(target)
        ]

    def _known(self, target: Target) -> list[Contact]:
        """Where the target is known to be."""
        if target.contact is not None:
            return [target.contact] if target.contact.family in self._links else []
        node_id = self._context.dialect.identify(target.key)
        entries = [link.table.get(node_id) for link in self._links.values()]
        return [entry.contact for entry in entries if entry is not None]

    async def _through_others(self, link: Link, key: bytes, wait: float) -> Path:
        """Look up the nodes nearest to the target, and have it told of us by them."""
        context = self._context
        if wait:
            await deferLater(context.reactor, wait)
        lookup = await find_nodes(context, link, context.dialect.identify(key))
        closest = lookup.closest()
        if not closest:
            raise NoPath("none of the nodes that this one knows has answered")
        for each in closest:
            if each.key == key:
                return Path(each, link.round_trip(each.endpoint) or 0.0, None)
        able = [each for each in closest if link.may_serve(each, Method.PUNCH)]
        if not able:
            raise NoPath(
                f"none of the nodes nearest to that node ({len(closest)}) can introduce others: "
                "they are of an older version"
            )
        return await Punching(context, link, key, able[:INTRODUCERS]).run()


def _as_result(failure: Failure) -> KadtwistedError:
    failure.trap(KadtwistedError)
    assert isinstance(failure.value, KadtwistedError)
    return failure.value


def _best(results: Sequence[Path | KadtwistedError]) -> Path:
    """The path; or the error that says most."""
    last = results[-1]
    if isinstance(last, Path):
        return last
    errors = [each for each in results if isinstance(each, NoPath)]
    raise next((each for each in errors if each.theirs), errors[0] if errors else last)
