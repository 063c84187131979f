"""Whether others can reach a node, over each of its links; started and stopped with the node."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from twisted.internet.defer import Deferred

from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.status import ReachStatus
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.portmap.portmapper import Portmapper
from kadtwisted.node.reaching.keeping import Keeping
from kadtwisted.node.reaching.measuring import Measuring


class Reaching:
    """The reachability of one node, for one run of it."""

    def __init__(self, context: NodeContext, links: Links, portmapper: Portmapper) -> None:
        self._links = links
        self._now = context.world.now
        self._portmapper = portmapper
        self._measuring = {
            family: Measuring(context, link, partial(self._is_mapped, link))
            for family, link in links.items()
        }
        self._keeping = {
            family: Keeping(context, link, self._measuring[family])
            for family, link in links.items()
        }
        portmapper.watch(self._mapping_changed)

    def start(self, earlier: Iterable[Contact]) -> None:
        """Begin, over the links that are bound; ``earlier`` are the contacts of an earlier run."""
        known = list(earlier)
        for family in self._links:
            self._measuring[family].start(known)
            self._keeping[family].start()

    def stop(self) -> None:
        """Ask and ping nobody any more."""
        for family in self._measuring:
            self._keeping[family].stop()
            self._measuring[family].stop()

    def probe_first(self, family: Family) -> Deferred[None]:
        """See :meth:`Measuring.probe_first`."""
        return self._measuring[family].probe_first()

    def _is_mapped(self, link: Link) -> bool:
        """Whether a gateway maps the port of this link, and others see us there."""
        return link.family is Family.IPV4 and self._portmapper.agrees(link.reach.own)

    def _mapping_changed(self) -> None:
        if Family.IPV4 in self._links:
            self._measuring[Family.IPV4].start_anew()

    def status(self, family: Family) -> ReachStatus:
        """What is known of one link now."""
        measuring, keeping, now = self._measuring[family], self._keeping[family], self._now()
        verdict = measuring.verdict
        return ReachStatus(
            verdict.verdict.value if measuring.measures else "assumed",
            now - verdict.since,
            None if verdict.measured is None else now - verdict.measured,
            verdict.reached,
            verdict.failed,
            self._links[family].nat_kind.name.lower(),
            measuring.why_read_only(),
            keeping.lifetime.survived,
            len(keeping.introducers),
            keeping.lifetime.interval if keeping.introducers else None,
        )
