"""Pages of records with their moments by the wall clock."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import DatedRecord, StorageKey, StoredRecord, dated_page


def record(key: int, expires: float) -> StoredRecord:
    return StoredRecord(StorageKey(1, NodeID(key)), b"data", expires, 90.0)


class PageTests(SynchronousTestCase):
    def test_moments_by_the_wall_clock(self) -> None:
        page = dated_page([record(5, 130.0)], 2, now=100.0, unix_time=5000.0)
        self.assertEqual(
            page.records, (DatedRecord(StorageKey(1, NodeID(5)), b"data", 5030.0, 4990.0),)
        )
        self.assertIsNone(page.next)

    def test_expired_ones_are_left_out_but_not_taken_for_the_end(self) -> None:
        found = [record(5, 100.5), record(6, 100.0)]
        page = dated_page(found, 2, now=100.0, unix_time=0.0)
        self.assertEqual([each.where.key for each in page.records], [5])
        self.assertEqual(page.next, found[1].where)
        page = dated_page(found, 3, now=200.0, unix_time=0.0)
        self.assertEqual((page.records, page.next), ((), None))

    def test_empty(self) -> None:
        self.assertEqual(dated_page([], 1, now=0.0, unix_time=0.0), ((), None))
