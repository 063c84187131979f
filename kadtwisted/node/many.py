"""What a node does with many values at once, for its user."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, fail

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import NodeID
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import BulkEntry, BulkResult, GetResult, Receipt, Wait
from kadtwisted.node.arguments import check_mode, check_wait
from kadtwisted.node.bulk.bulk import check_entries, check_keys
from kadtwisted.node.life import NodeLife


class ManyOperations(NodeLife):
    """The part of a :class:`~kadtwisted.node.node.Node` that has these methods."""

    def put_many(
        self, entries: Iterable[BulkEntry], *, wait: Wait = "quorum"
    ) -> Deferred[tuple[BulkResult[Receipt], ...]]:
        """See :meth:`INode.put_many`."""
        try:
            given = check_entries(entries)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        putting = self._bulk.put(given, wait, self._operations.go_on, self._stored)
        return self._operations.run(putting)

    def _stored(self, key: NodeID) -> None:
        """A value is stored there, in place of what was kept published."""
        self._upkeep.publisher.withdraw(self._values.place(key))

    def get_many(
        self, keys: Iterable[str | bytes | Reference], *, mode: Mode | None = None
    ) -> Deferred[tuple[BulkResult[GetResult], ...]]:
        """See :meth:`INode.get_many`."""
        try:
            given = check_keys(keys)
            check_mode(mode)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._bulk.get(given, mode))
