"""The announcements of a node, kept up until they are withdrawn.

The publisher keeps them: it saves them, and has each made anew at half its lifetime.  Here is what
is special about them: they are never stored again as they are, and they follow the node's address.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from kadtwisted.model.announcing import Announcement
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Keeping
from kadtwisted.model.record import Kind
from kadtwisted.node.operations.announcing import (
    REFRESH_WITHIN,
    Announcing,
    Wish,
)
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.writes.receipts import Published
from kadtwisted.node.upkeep.publisher import PublishAgain, Publisher
from kadtwisted.records.announcement import decode, place_of


class Announcements:
    """What one node announces."""

    def __init__(self, announcing: Announcing, publisher: Publisher) -> None:
        self._announcing = announcing
        self._publisher = publisher
        announcing.withdrawn = publisher.withdraw

    async def announce(self, wish: Wish) -> Published:
        """See :meth:`INode.announce`."""
        return await self._announcing.alone(wish.key, lambda: self._announce(wish))

    async def _announce(self, wish: Wish) -> Published:
        known = self._known(wish.key)
        stored = await self._announcing.announce(wish, known)
        published = stored.published()
        lifetime = min(float(wish.lifetime), REFRESH_WITHIN)
        for each in stored.done:
            await self._publisher.keep(each.where, each.record, lifetime, Keeping(keep=True))
        for family in stored.failed:
            await self._try_again(self._announcing.draft(wish, family, known), lifetime)
        return published

    async def withdraw(self, key: NodeID) -> Published:
        """See :meth:`INode.withdraw`."""
        return await self._announcing.alone(key, lambda: self._withdraw(key))

    async def _withdraw(self, key: NodeID) -> Published:
        known = self._known(key)
        for place in self._announcing.places(key):
            self._publisher.withdraw(place)
        stored = await self._announcing.withdraw(key, known)
        announced = {decode(each).family for each in known}
        for family in stored.failed:
            if family in announced:  # elsewhere holders have nothing of us
                draft = self._announcing.draft_withdrawal(key, family, known)
                await self._try_again(draft, REFRESH_WITHIN)
        return stored.published()

    async def _try_again(self, draft: bytes, lifetime: float) -> None:
        """In one family nobody took this: have the publisher try again until somebody does."""
        told = decode(draft)
        where = place_of(told.key, told.public_key, told.family)
        await self._publisher.keep(where, draft, lifetime, Keeping(keep=True))
        self._publisher.retry(where)

    def moved(self, endpoint: Endpoint) -> None:
        """Others see this node at another endpoint now: announce that, instead of the old one."""
        for each in self._publisher.records(Kind.ANNOUNCEMENT):
            told = decode(each.record)
            if told.family is endpoint.family and _is_outdated(told, endpoint):
                self._publisher.hurry(each.where)

    def _known(self, key: NodeID) -> list[bytes]:
        """What this node announces under a key."""
        mine = self._publisher.records(Kind.ANNOUNCEMENT)
        return [each.record for each in mine if each.where.key == key]


def _is_outdated(told: Announcement, endpoint: Endpoint) -> bool:
    if told.endpoint is None or told.endpoint.host != endpoint.host:
        return True
    return told.own_port and endpoint.port not in (0, told.endpoint.port)


def publishing_again(records: RecordOperations, announcing: Announcing) -> PublishAgain:
    """How a publisher stores a record of ours again: an announcement is made anew."""

    def publish_again(record: bytes, lifetime: float, *, put_back: bool = False) -> Deferred[bytes]:
        if record[0] == Kind.ANNOUNCEMENT:
            return Deferred.fromCoroutine(announcing.renew(record))
        again = records.publish_again(record, lifetime, put_back=put_back)
        return Deferred.fromCoroutine(again)

    return publish_again
