"""Whether a node is of use: a port of its own hears it, and its storage answers a read.

One address family is enough.  A family that does not work on this machine (IPv6 switched off, no
loopback address) is told of once, and once more when it works again; the other one serves.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped
from kadtwisted.model.contact import Family
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.record_store import RecordStore

DEAF_AFTER = 2
"""Checks in a row that a family must fail before it is told of.  MAGIC: in a flood one is lost."""


class SelfCheck:
    """The self-check of one node."""

    def __init__(self, context: NodeContext, links: Links, records: RecordStore) -> None:
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.node")
        self._context = context
        self._links = links
        self._records = records
        self._failed: dict[Family, int] = {}
        self._deaf: dict[Family, None] = {}

    async def run(self) -> None:
        """Fails with what went wrong first if no family hears itself, or as the storage does."""
        pings = [self._ping(link) for link in self._links.values()]
        # Fires with the first answer; who is slow is still waited for, to be told of.
        ended = await DeferredList(pings, fireOnOneCallback=True, consumeErrors=True)
        if isinstance(ended, list):
            ended[0][1].raiseException()
        await self._records.check_reading()

    def _ping(self, link: Link) -> Deferred[None]:
        asking = link.ping_itself(self._context.node_id, self._context.public_key)
        return asking.addCallbacks(
            self._heard, self._silent, callbackArgs=(link.family,), errbackArgs=(link.family,)
        )

    def _heard(self, answer: Answer, family: Family) -> None:
        self._failed[family] = 0
        if family in self._deaf:
            del self._deaf[family]
            self._log.warn("IPv{family:d} works again", family=family)

    def _silent(self, failure: Failure, family: Family) -> Failure:
        if failure.check(NodeStopped):
            return failure
        self._failed[family] = failed = self._failed.get(family, 0) + 1
        others = [each for each in self._links if self._failed.get(each) == 0]
        if failed >= DEAF_AFTER and others and family not in self._deaf:
            self._deaf[family] = None
            self._log.warn(
                "IPv{family:d} does not work on this machine, the node does not hear itself: "
                "{why}; it serves IPv{other:d}",
                family=family,
                why=failure.getErrorMessage(),
                other=others[0],
            )
        return failure
